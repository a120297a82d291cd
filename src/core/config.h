/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

#include <netinet/in.h>

/* The configuration: one INI file, edgepxe.conf(5). A value, built whole or not at all. Only this
 * module's table knows sections, keys, bounds and defaults. */

struct config {
	struct {
		char *url; /* ends in '/' */
		char *ca_file;
		char *trust_url;
		char *db_cert;
		char *token_file;
		uint64_t refresh_interval_ms;
	} orchestrator;
	struct {
		char *interfaces;
		struct in_addr address; /* 0: from netlink */
		char *clients;
		char *relays;
	} network;
	struct {
		char *autoexec;	    /* "chain", or a file */
		uint64_t uefi_form; /* enum proxydhcp_uefi_form */
	} boot;
	struct {
		uint64_t max_transfers;
		uint64_t max_transfers_per_client;
		uint64_t window_max;
		uint64_t blksize_max;
		bool single_port;
		struct {
			uint16_t first, last; /* 0: any */
		} port_range;
	} tftp;
	struct {
		char *user;
		uint64_t drain_time_ms;
		uint64_t log_level; /* of <syslog.h> */
	} process;
	struct {
		char *state_dir;
	} paths;
};

/* Strings are NULL where the operator gave none and there is no default. */

#define CONFIG_ERROR_MAX 1024

/* Builds a configuration from the text of a file; `name` is only for the message. NULL: refused, or
 * out of memory; `ret_error` then says "name:line: message". */
struct config *config_new(struct bytes text, const char *name, char ret_error[CONFIG_ERROR_MAX]);
void config_free(struct config *config);

/* Calls `emit` for every key in the order of the manual with its effective value as the file would
 * spell it ("" where unset) and a line of help. */
typedef void (*config_emit_fn)(
	void *context, const char *section, const char *key, const char *value, const char *help);
void config_each(const struct config *config, config_emit_fn emit, void *context);

/* The first key that only a restart can change and that differs, as "section.key"; NULL: none. */
const char *config_needs_restart(const struct config *running, const struct config *wanted);
