/* SPDX-License-Identifier: Apache-2.0 */

/* A thread with a mailbox of one job. The mutex guards the mailbox alone: a job's own memory
 * belongs to the thread from submit to collect, so the job needs no lock. */

#include "io/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

enum mailbox {
	MAILBOX_EMPTY,
	MAILBOX_SUBMITTED, /* waits, or runs */
	MAILBOX_DONE,
};

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int done_fd;
	enum mailbox mailbox;
	bool stopping;
	worker_run_fn run;
	void *job;
};

static bool wait_for_job(struct worker *worker)
{
	bool submitted;

	pthread_mutex_lock(&worker->mutex);
	while (worker->mailbox != MAILBOX_SUBMITTED && !worker->stopping)
		pthread_cond_wait(&worker->changed, &worker->mutex);
	submitted = worker->mailbox == MAILBOX_SUBMITTED;
	pthread_mutex_unlock(&worker->mutex);
	return submitted;
}

static void *thread_main(void *context)
{
	struct worker *worker = context;

	while (wait_for_job(worker)) {
		worker->run(worker->job);
		pthread_mutex_lock(&worker->mutex);
		worker->mailbox = MAILBOX_DONE;
		pthread_mutex_unlock(&worker->mutex);
		eventfd_write(worker->done_fd, 1);
	}
	return NULL;
}

/* Signals are the loop's: the thread inherits a mask that blocks them all. */
static int start_thread(struct worker *worker)
{
	sigset_t all;
	sigset_t before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&worker->thread, NULL, thread_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int worker_new(struct worker **ret_worker)
{
	CLEANUP_FREE struct worker *worker = calloc(1, sizeof(*worker));
	CLEANUP_CLOSE int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r;

	if (!worker)
		return -ENOMEM;
	if (done_fd < 0)
		return -errno;
	worker->done_fd = done_fd;
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->changed, NULL);
	r = start_thread(worker);
	if (r < 0)
		return r;
	done_fd = -1;
	*ret_worker = CLEANUP_STEAL(worker);
	return 0;
}

void worker_free(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	worker->stopping = true;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->mutex);
	close(worker->done_fd);
	free(worker);
}

int worker_fd(const struct worker *worker)
{
	return worker->done_fd;
}

int worker_submit(struct worker *worker, worker_run_fn run, void *job)
{
	int r = -EBUSY;

	pthread_mutex_lock(&worker->mutex);
	if (worker->mailbox == MAILBOX_EMPTY) {
		worker->run = run;
		worker->job = job;
		worker->mailbox = MAILBOX_SUBMITTED;
		pthread_cond_signal(&worker->changed);
		r = 0;
	}
	pthread_mutex_unlock(&worker->mutex);
	return r;
}

void *worker_collect(struct worker *worker)
{
	void *job = NULL;
	eventfd_t count;

	eventfd_read(worker->done_fd, &count);
	pthread_mutex_lock(&worker->mutex);
	if (worker->mailbox == MAILBOX_DONE) {
		job = worker->job;
		worker->mailbox = MAILBOX_EMPTY;
	}
	pthread_mutex_unlock(&worker->mutex);
	return job;
}
