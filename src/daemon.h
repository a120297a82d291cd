/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "settings.h"

/* The composition root: joins the servers to each other through the interface table and the
 * catalog, and the process to its manager. */
struct daemon;

/* Binds the ports, as long as there is privilege to. Takes over `settings` in every case; reloads
 * come from `config_path`, which outlives the daemon. 0 or -errno, logged. */
int daemon_new(struct settings *settings, const char *config_path, struct daemon **ret_daemon);
void daemon_free(struct daemon *daemon);
CLEANUP_DEFINE(struct daemon *, daemon_free)

/* All that can fail before there is something to do. To be called with the last of the privileges
 * dropped, in the process that is to run: threads start in here. 0 or -errno, logged. */
int daemon_start(struct daemon *daemon);

/* Serves until SIGTERM or SIGINT; 0, or -errno when it cannot go on, logged. */
int daemon_run(struct daemon *daemon);
