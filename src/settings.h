/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/config.h"
#include "server/dhcp_server.h"
#include "server/refresher.h"
#include "server/tftp_server.h"

/* A configuration file turned into the parameters that each module declares, with all read that it
 * names and we serve. Built whole or not at all, so that start, --check-config and a reload judge
 * alike. */

#define SETTINGS_SUBNETS_MAX 64

struct settings {
	struct config *config; /* owns the strings that the rest borrows */
	struct iface_policy interfaces;
	struct admission_subnet clients[SETTINGS_SUBNETS_MAX];
	struct admission_subnet relays[SETTINGS_SUBNETS_MAX];
	struct admission_policy admission;
	struct proxydhcp_policy proxydhcp; /* boot_file stays NULL: the daemon knows */
	struct tftp_server_policy tftp;
	struct refresher_plan refresher;
	struct artifact *autoexec; /* NULL: none to serve */
};

/* NULL: refused; `ret_error` then names the file, the line where there is one, and the reason. */
struct settings *settings_load(const char *path, char ret_error[CONFIG_ERROR_MAX]);

/* Whether the files can be read that the refresher looks into: it waits for those that cannot.
 * False with `ret_error` as above. */
bool settings_check_files(
	const struct settings *settings, const char *path, char ret_error[CONFIG_ERROR_MAX]);

void settings_free(struct settings *settings);
CLEANUP_DEFINE(struct settings *, settings_free)
