/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/log.h"
#include "core/token_bucket.h"

/* log_line for what a client can cause: left out when too many of its kind came before. The next
 * one that is written ends with " suppressed=N". A level that is not logged counts for nothing. */
void log_limited(struct log_limit *limit, struct token_rate rate, uint64_t now_ms, int level,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
