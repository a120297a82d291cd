/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/artifact.h"
#include "io/http_fetch.h"
#include "server/refresher_plan.h"

/* One refresh from beginning to end, as a job for the worker: it blocks, and it tells the log of
 * what it decides on the way. */

struct refresh_octets {
	uint8_t *data; /* of malloc, NULL: absent */
	size_t len;
};

/* What was judged together and is stored together. */
struct refresh_generation {
	struct artifact *image; /* NULL: none that may be served */
	struct db_cert *db;	/* under which it was judged; NULL: none known */
	struct refresh_octets db_encoded;
	struct refresh_octets ca_pem; /* as a trust-url gave it: … */
	struct refresh_octets ca_url; /* … this one */
	struct http_validators image_validators;
	struct http_validators db_validators;
	bool stored;
};

void refresh_generation_fini(struct refresh_generation *generation);

enum refresh_outcome {
	REFRESH_FAILED,	   /* it could not be fetched */
	REFRESH_REFUSED,   /* it was fetched, and is not fit to be served */
	REFRESH_UNCHANGED, /* `next` has no image: the current one stands; all else is replaced */
	REFRESH_NEW,
};

#define REFRESH_ARTIFACT_MAX 512
#define REFRESH_ERROR_MAX    768

struct refresh_job {
	/* Lent for as long as the job runs. */
	const struct refresher_plan *plan;
	const struct refresh_generation *current;
	atomic_bool cancelled;

	enum refresh_outcome outcome;
	struct refresh_generation next; /* the collector's */
	bool withdrawn;			/* the current image fails under the pinned certificate */
	unsigned retry_after_s;		/* as the server asked; 0: it did not */
	char artifact[REFRESH_ARTIFACT_MAX]; /* the URL or file that was refused or failed */
	char error[REFRESH_ERROR_MAX];	     /* why; fit for a log line and a terminal */
};

/* A worker_run_fn. Takes no reference to the current image: its count belongs to the loop. */
void refresh_job_run(void *job);

/* The last good generation as the state directory holds it, judged again, under the pinned
 * certificate where there is one. What is refused or absent is left out. */
void refresh_job_load(const struct refresher_plan *plan, struct refresh_generation *ret_generation);

/* The line of a refusal; `serving` is what goes on being served, NULL: nothing. */
void refresh_log_refused(const char *artifact, const char *reason, const struct artifact *serving);
