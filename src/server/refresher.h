/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/artifact.h"
#include "server/refresher_plan.h"

struct event_base;

/* Keeps the signed iPXE fresh: fetches it from the orchestrator on the worker thread, verifies,
 * stores and hands it to the loop. What fails is said, and tried again later; what was good stays.
 */
struct refresher;

/* Runs on the loop whenever what is to be served or the status has changed. `artifact` is what is
 * to be served from now on, perhaps the same as before; it takes its own reference. NULL: nothing
 * (yet, or no longer: another db certificate was pinned, under which the last good one fails). */
typedef void (*refresher_publish_fn)(void *context, struct artifact *artifact);

/* A copy of the plan is kept. 0 or -errno. */
int refresher_new(struct event_base *base, const struct refresher_plan *plan,
	refresher_publish_fn publish, void *context, struct refresher **ret_refresher);
void refresher_free(struct refresher *refresher); /* cancels a fetch in progress */
CLEANUP_DEFINE(struct refresher *, refresher_free)

/* Loads and re-verifies what the state directory holds, then fetches for the first time. */
int refresher_start(struct refresher *refresher);

/* Another plan after a reload: takes effect with the next fetch, which begins at once. -ENOMEM:
 * unchanged. */
int refresher_set_plan(struct refresher *refresher, const struct refresher_plan *plan);

/* The network has changed: a next try that waits after a failure comes soon. */
void refresher_hurry(struct refresher *refresher);

/* In plain words, for STATUS=: "orchestrator unreachable: …, next try in 30 s". Never NULL. */
const char *refresher_status(const struct refresher *refresher);
