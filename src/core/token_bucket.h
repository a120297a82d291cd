/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How often something may happen: once in interval_ms on average, `burst` times at once. */
struct token_rate {
	uint32_t interval_ms;
	uint32_t burst;
};

/* A bucket, full at first (all zero), in one word: thousands of them are cheap. */
struct token_bucket {
	uint64_t full_at_ms;
};

/* Takes a token; false: there is none. */
bool token_bucket_take(struct token_bucket *bucket, struct token_rate rate, uint64_t now_ms);

/* For lines in a log that a client can cause: counts those that were held back. */
struct log_limit {
	struct token_bucket bucket;
	unsigned suppressed;
};

/* True: write the line, and say that `ret_suppressed` were held back before it. */
bool log_limit_admit(
	struct log_limit *limit, struct token_rate rate, uint64_t now_ms, unsigned *ret_suppressed);
