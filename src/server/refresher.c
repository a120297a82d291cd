/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to refresh, and what becomes of the result. Hides the worker thread: everything here runs on
 * the loop, and a job has its inputs lent for as long as it runs. Invariant: `generation.image` is
 * what the owner was told to serve, and between two jobs the timer is armed.
 */
#include "server/refresher.h"

#include "base/log.h"
#include "core/backoff.h"
#include "io/worker.h"
#include "server/refresh_job.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>

#define FIRST_RETRY_MS 2000
#define STATUS_MAX     1536

struct refresher {
	struct event_base *base;
	struct refresher_plan plan; /* strings are owned */
	struct refresher_plan wanted;
	bool has_wanted; /* a plan waits for the job in progress to end */
	refresher_publish_fn publish;
	void *context;
	struct worker *worker;
	struct event *done;
	struct event *timer;
	struct refresh_job job;
	bool busy;
	struct refresh_generation generation;
	struct backoff backoff;
	char status[STATUS_MAX];
};

/* --- plans ----------------------------------------------------------------------------------- */

static void plan_fini(struct refresher_plan *plan)
{
	free((char *)plan->url);
	free((char *)plan->ca_file);
	free((char *)plan->trust_url);
	free((char *)plan->db_cert);
	free((char *)plan->token_file);
	free((char *)plan->state_dir);
	*plan = (struct refresher_plan){0};
}

static bool copy_string(const char *from, const char **ret_copy)
{
	*ret_copy = from ? strdup(from) : NULL;
	return !from || *ret_copy;
}

static int plan_copy(const struct refresher_plan *from, struct refresher_plan *ret_plan)
{
	struct refresher_plan plan = {.interval_ms = from->interval_ms};

	if (!copy_string(from->url, &plan.url) || !copy_string(from->ca_file, &plan.ca_file)
		|| !copy_string(from->trust_url, &plan.trust_url)
		|| !copy_string(from->db_cert, &plan.db_cert)
		|| !copy_string(from->token_file, &plan.token_file)
		|| !copy_string(from->state_dir, &plan.state_dir)) {
		plan_fini(&plan);
		return -ENOMEM;
	}
	*ret_plan = plan;
	return 0;
}

/* Takes the plan over. What another server called an ETag means nothing to this one. */
static void install_plan(struct refresher *refresher, struct refresher_plan *plan)
{
	plan_fini(&refresher->plan);
	refresher->plan = *plan;
	*plan = (struct refresher_plan){0};
	refresher->generation.image_validators = (struct http_validators){0};
	refresher->generation.db_validators = (struct http_validators){0};
	refresher->generation.stored = false;
	refresher->backoff = (struct backoff){
		.first_ms = FIRST_RETRY_MS,
		.max_ms = refresher->plan.interval_ms,
	};
}

/* --- when ------------------------------------------------------------------------------------ */

static uint32_t random_bits(void)
{
	uint32_t bits;

	evutil_secure_rng_get_bytes(&bits, sizeof(bits));
	return bits;
}

static void schedule(struct refresher *refresher, uint64_t wait_ms)
{
	const struct timeval wait = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};

	event_add(refresher->timer, &wait);
}

/* A server may ask for more patience than ours, within the interval. */
static uint64_t retry_wait_ms(struct refresher *refresher)
{
	uint64_t wait_ms = backoff_next_ms(&refresher->backoff, random_bits());
	uint64_t asked_ms = (uint64_t)refresher->job.retry_after_s * 1000;

	if (asked_ms > refresher->plan.interval_ms)
		asked_ms = refresher->plan.interval_ms;
	return asked_ms > wait_ms ? asked_ms : wait_ms;
}

static void begin(struct refresher *refresher)
{
	refresher->job = (struct refresh_job){
		.plan = &refresher->plan,
		.current = &refresher->generation,
	};
	evtimer_del(refresher->timer);
	refresher->busy = worker_submit(refresher->worker, refresh_job_run, &refresher->job) == 0;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what;
	begin(context);
}

/* --- what becomes of it ---------------------------------------------------------------------- */

static void withdraw(struct refresher *refresher)
{
	artifact_unref(CLEANUP_STEAL(refresher->generation.image));
}

/* All of `next` replaces the generation, but for an image that stands. */
static void adopt(struct refresher *refresher, struct refresh_generation *next)
{
	if (!next->image)
		next->image = CLEANUP_STEAL(refresher->generation.image);
	refresh_generation_fini(&refresher->generation);
	refresher->generation = *next;
	*next = (struct refresh_generation){0};
}

static void describe_current(struct refresher *refresher)
{
	const struct artifact *image = refresher->generation.image;
	char hex[2 * SHA256_LEN + 1];

	snprintf(refresher->status, sizeof(refresher->status), "sha256 %.16s is up to date%s",
		bytes_hex(bytes_of(artifact_sha256(image), SHA256_LEN), hex),
		refresher->generation.stored ? "" : ", but could not be stored");
}

static void report_failure(struct refresher *refresher, uint64_t wait_ms)
{
	const struct refresh_job *job = &refresher->job;
	unsigned wait_s = (unsigned)((wait_ms + 999) / 1000);

	if (job->outcome == REFRESH_REFUSED)
		refresh_log_refused(job->artifact, job->error, refresher->generation.image);
	else
		log_warning("refresh-failed url=%s error=\"%s\" retry-in=%us", job->artifact,
			job->error, wait_s);
	snprintf(refresher->status, sizeof(refresher->status), "%s: %s%s, next try in %u s",
		job->artifact, job->outcome == REFRESH_REFUSED ? "refused: " : "", job->error,
		wait_s);
}

/* What a job found counts even where a reload cancelled it in its last steps. */
static bool take_over_result(struct refresher *refresher)
{
	struct refresh_job *job = &refresher->job;
	bool good = job->outcome == REFRESH_NEW || job->outcome == REFRESH_UNCHANGED;

	if (job->withdrawn)
		withdraw(refresher);
	if (good)
		adopt(refresher, &job->next);
	refresh_generation_fini(&job->next);
	return good;
}

static void wait_for_next(struct refresher *refresher, bool good)
{
	uint64_t wait_ms;

	if (good) {
		backoff_reset(&refresher->backoff);
		wait_ms = backoff_spread_ms(refresher->plan.interval_ms, random_bits());
		describe_current(refresher);
	} else {
		wait_ms = retry_wait_ms(refresher);
		report_failure(refresher, wait_ms);
	}
	schedule(refresher, wait_ms);
}

static void on_done(evutil_socket_t fd, short what, void *context)
{
	struct refresher *refresher = context;
	bool good;

	(void)fd, (void)what;
	if (!worker_collect(refresher->worker))
		return;
	refresher->busy = false;
	good = take_over_result(refresher);
	if (refresher->has_wanted) {
		refresher->has_wanted = false;
		install_plan(refresher, &refresher->wanted);
		begin(refresher);
	} else {
		wait_for_next(refresher, good);
	}
	refresher->publish(refresher->context, refresher->generation.image);
}

/* --- from outside ---------------------------------------------------------------------------- */

int refresher_new(struct event_base *base, const struct refresher_plan *plan,
	refresher_publish_fn publish, void *context, struct refresher **ret_refresher)
{
	CLEANUP(refresher_free_p) struct refresher *refresher = calloc(1, sizeof(*refresher));
	struct refresher_plan copy;
	int r;

	if (!refresher)
		return -ENOMEM;
	refresher->base = base;
	refresher->publish = publish;
	refresher->context = context;
	r = plan_copy(plan, &copy);
	if (r < 0)
		return r;
	install_plan(refresher, &copy);
	snprintf(refresher->status, sizeof(refresher->status), "nothing fetched yet");
	r = worker_new(&refresher->worker);
	if (r < 0)
		return r;
	refresher->timer = evtimer_new(base, on_timer, refresher);
	refresher->done = event_new(
		base, worker_fd(refresher->worker), EV_READ | EV_PERSIST, on_done, refresher);
	if (!refresher->timer || !refresher->done || event_add(refresher->done, NULL) < 0)
		return -ENOMEM;
	*ret_refresher = CLEANUP_STEAL(refresher);
	return 0;
}

void refresher_free(struct refresher *refresher)
{
	atomic_store(&refresher->job.cancelled, true);
	if (refresher->worker)
		worker_free(refresher->worker);
	if (refresher->done)
		event_free(refresher->done);
	if (refresher->timer)
		event_free(refresher->timer);
	refresh_generation_fini(&refresher->job.next);
	refresh_generation_fini(&refresher->generation);
	plan_fini(&refresher->plan);
	plan_fini(&refresher->wanted);
	free(refresher);
}

int refresher_start(struct refresher *refresher)
{
	refresh_job_load(&refresher->plan, &refresher->generation);
	if (refresher->generation.image) {
		snprintf(refresher->status, sizeof(refresher->status),
			"the last good one, not compared with the orchestrator's yet");
		refresher->publish(refresher->context, refresher->generation.image);
	}
	begin(refresher);
	return refresher->busy ? 0 : -EBUSY;
}

int refresher_set_plan(struct refresher *refresher, const struct refresher_plan *plan)
{
	struct refresher_plan copy;
	int r = plan_copy(plan, &copy);

	if (r < 0)
		return r;
	if (refresher->busy) {
		atomic_store(&refresher->job.cancelled, true);
		plan_fini(&refresher->wanted);
		refresher->wanted = copy;
		refresher->has_wanted = true;
		return 0;
	}
	install_plan(refresher, &copy);
	begin(refresher);
	return 0;
}

void refresher_hurry(struct refresher *refresher)
{
	/* After a first failure the next try is near, and is not put off by another change. */
	if (refresher->busy || refresher->backoff.failures <= 1)
		return;
	backoff_reset(&refresher->backoff);
	schedule(refresher, backoff_next_ms(&refresher->backoff, random_bits()));
}

const char *refresher_status(const struct refresher *refresher)
{
	return refresher->status;
}
