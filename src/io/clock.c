/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that asks what time it is: a clock that neither jumps nor goes back.
 */
#include "io/clock.h"

#include <time.h>

uint64_t clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
