/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cleanup.h"

/* One thread beside the loop for what blocks (DNS, TLS, hashing, fsync). One job at a time. */
struct worker;

/* Runs on the thread, where every signal is blocked. */
typedef void (*worker_run_fn)(void *job);

/* 0 or -errno. */
int worker_new(struct worker **ret_worker);

/* Waits for a job in progress to end: ask it to cancel first. */
void worker_free(struct worker *worker);
CLEANUP_DEFINE(struct worker *, worker_free)

/* Becomes readable when a job is done; watched by the loop. */
int worker_fd(const struct worker *worker);

/* -EBUSY while the one before has not been collected. `job` belongs to the thread until then. */
int worker_submit(struct worker *worker, worker_run_fn run, void *job);

/* The job that is done, or NULL. */
void *worker_collect(struct worker *worker);
