/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before trying again. Holds no clock and no source of chance: both are the
 * caller's. No wait is longer than max_ms, none is shorter than three quarters of first_ms.
 */
#include "core/backoff.h"

uint64_t backoff_spread_ms(uint64_t interval_ms, uint32_t random)
{
	return interval_ms - random % (interval_ms / 4 + 1);
}

uint64_t backoff_next_ms(struct backoff *backoff, uint32_t random)
{
	uint64_t wait_ms = backoff->first_ms;

	for (unsigned i = 0; i < backoff->failures && wait_ms < backoff->max_ms; i++)
		wait_ms *= 2;
	if (wait_ms >= backoff->max_ms)
		wait_ms = backoff->max_ms;
	else
		backoff->failures++;
	return backoff_spread_ms(wait_ms, random);
}

void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}
