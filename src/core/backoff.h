/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Waits that double from `first_ms` to `max_ms`, each shortened by up to a quarter so that a
 * thousand sites do not return at one instant. */
struct backoff {
	uint64_t first_ms;
	uint64_t max_ms;
	unsigned failures;
};

/* The wait after one more failure; `random` is any 32 random bits. */
uint64_t backoff_next_ms(struct backoff *backoff, uint32_t random);

void backoff_reset(struct backoff *backoff);

/* `interval_ms` shortened the same way: for what is repeated after success. */
uint64_t backoff_spread_ms(uint64_t interval_ms, uint32_t random);
