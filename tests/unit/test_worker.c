/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "io/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

struct job {
	int runs;
	pthread_t thread;
	sigset_t mask;
};

static void run(void *context)
{
	struct job *job = context;

	job->runs++;
	job->thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &job->mask);
}

static void wait_until_done(const struct worker *worker)
{
	struct pollfd poll_fd = {.fd = worker_fd(worker), .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
}

static void test_a_job_runs_on_the_thread_with_signals_blocked(void **state)
{
	CLEANUP(worker_free_p) struct worker *worker = NULL;
	struct job job = {0};

	(void)state;
	assert_int_equal(worker_new(&worker), 0);
	assert_null(worker_collect(worker));
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(worker_submit(worker, run, &job), 0);
		wait_until_done(worker);
		assert_ptr_equal(worker_collect(worker), &job);
		assert_null(worker_collect(worker));
		assert_int_equal(job.runs, i);
	}
	assert_false(pthread_equal(job.thread, pthread_self()));
	assert_true(sigismember(&job.mask, SIGTERM));
	assert_true(sigismember(&job.mask, SIGHUP));
	pthread_sigmask(SIG_SETMASK, NULL, &job.mask);
	assert_false(sigismember(&job.mask, SIGTERM));
}

static void test_a_second_job_waits_for_the_first_to_be_collected(void **state)
{
	CLEANUP(worker_free_p) struct worker *worker = NULL;
	struct job first = {0};
	struct job second = {0};

	(void)state;
	assert_int_equal(worker_new(&worker), 0);
	assert_int_equal(worker_submit(worker, run, &first), 0);
	assert_int_equal(worker_submit(worker, run, &second), -EBUSY);
	wait_until_done(worker);
	assert_int_equal(worker_submit(worker, run, &second), -EBUSY);
	assert_ptr_equal(worker_collect(worker), &first);
	assert_int_equal(worker_submit(worker, run, &second), 0);
	wait_until_done(worker);
	assert_ptr_equal(worker_collect(worker), &second);
	assert_int_equal(second.runs, 1);
}

static void test_a_job_that_was_submitted_ends_before_the_worker_is_gone(void **state)
{
	struct worker *worker;
	struct job job = {0};

	(void)state;
	assert_int_equal(worker_new(&worker), 0);
	assert_int_equal(worker_submit(worker, run, &job), 0);
	worker_free(worker);
	assert_int_equal(job.runs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_job_runs_on_the_thread_with_signals_blocked),
		cmocka_unit_test(test_a_second_job_waits_for_the_first_to_be_collected),
		cmocka_unit_test(test_a_job_that_was_submitted_ends_before_the_worker_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
