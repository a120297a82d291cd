/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Where the signed iPXE comes from, whom to trust for it, and how often to ask. */
struct refresher_plan {
	const char *url;	/* the base URL, ends in '/' */
	const char *ca_file;	/* NULL: none */
	const char *trust_url;	/* NULL: none */
	const char *db_cert;	/* a file; NULL: keys/db.der below url */
	const char *token_file; /* NULL: none */
	const char *state_dir;
	uint64_t interval_ms;
};
