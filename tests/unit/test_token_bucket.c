/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/token_bucket.h"

static const struct token_rate rate = {.interval_ms = 100, .burst = 3};

static unsigned take_all(struct token_bucket *bucket, uint64_t now_ms)
{
	unsigned n = 0;

	while (n < 100 && token_bucket_take(bucket, rate, now_ms))
		n++;
	return n;
}

static void test_a_burst_then_one_an_interval(void **state)
{
	struct token_bucket bucket = {0};

	(void)state;
	assert_int_equal(take_all(&bucket, 5000), 3);
	assert_int_equal(take_all(&bucket, 5099), 0);
	assert_int_equal(take_all(&bucket, 5100), 1);
	assert_int_equal(take_all(&bucket, 5350), 2);
	assert_int_equal(take_all(&bucket, 5400), 1);
	assert_int_equal(take_all(&bucket, 60000), 3);
}

static void test_what_was_held_back_is_told_once(void **state)
{
	struct log_limit limit = {0};
	unsigned suppressed = 9;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(log_limit_admit(&limit, rate, 0, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 7; i++)
		assert_false(log_limit_admit(&limit, rate, 0, &suppressed));
	assert_true(log_limit_admit(&limit, rate, 100, &suppressed));
	assert_int_equal(suppressed, 7);
	assert_true(log_limit_admit(&limit, rate, 200, &suppressed));
	assert_int_equal(suppressed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_burst_then_one_an_interval),
		cmocka_unit_test(test_what_was_held_back_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
