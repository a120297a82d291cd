/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets that remember only the moment at which they will be full again: each token taken
 * moves it one interval further, never more than a whole burst ahead of now.
 */
#include "core/token_bucket.h"

bool token_bucket_take(struct token_bucket *bucket, struct token_rate rate, uint64_t now_ms)
{
	uint64_t full_at_ms = bucket->full_at_ms > now_ms ? bucket->full_at_ms : now_ms;

	full_at_ms += rate.interval_ms;
	if (full_at_ms - now_ms > (uint64_t)rate.burst * rate.interval_ms)
		return false;
	bucket->full_at_ms = full_at_ms;
	return true;
}

bool log_limit_admit(
	struct log_limit *limit, struct token_rate rate, uint64_t now_ms, unsigned *ret_suppressed)
{
	if (!token_bucket_take(&limit->bucket, rate, now_ms)) {
		limit->suppressed++;
		return false;
	}
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
