/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/backoff.h"

static void test_doubles_up_to_the_maximum(void **state)
{
	static const uint64_t expected[] = {1000, 2000, 4000, 8000, 10000, 10000, 10000};
	struct backoff backoff = {.first_ms = 1000, .max_ms = 10000};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(backoff_next_ms(&backoff, 0), expected[i]);
	backoff_reset(&backoff);
	assert_int_equal(backoff_next_ms(&backoff, 0), 1000);
}

static void test_never_ends_and_never_overflows(void **state)
{
	struct backoff backoff = {.first_ms = 1, .max_ms = UINT64_MAX / 2 + 1};

	(void)state;
	for (int i = 0; i < 200; i++)
		backoff_next_ms(&backoff, 0);
	assert_int_equal(backoff_next_ms(&backoff, 0), UINT64_MAX / 2 + 1);
}

static void test_a_first_wait_over_the_maximum_is_the_maximum(void **state)
{
	struct backoff backoff = {.first_ms = 5000, .max_ms = 300};

	(void)state;
	assert_int_equal(backoff_next_ms(&backoff, 0), 300);
}

static void test_spreads_by_a_quarter(void **state)
{
	uint64_t shortest = UINT64_MAX;
	uint64_t longest = 0;

	(void)state;
	for (uint32_t random = 0; random < 100000; random += 7) {
		uint64_t wait_ms = backoff_spread_ms(1000, random);

		shortest = wait_ms < shortest ? wait_ms : shortest;
		longest = wait_ms > longest ? wait_ms : longest;
	}
	assert_int_equal(shortest, 750);
	assert_int_equal(longest, 1000);
	assert_int_equal(backoff_spread_ms(0, 12345), 0);
	assert_int_equal(backoff_spread_ms(3, UINT32_MAX), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles_up_to_the_maximum),
		cmocka_unit_test(test_never_ends_and_never_overflows),
		cmocka_unit_test(test_a_first_wait_over_the_maximum_is_the_maximum),
		cmocka_unit_test(test_spreads_by_a_quarter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
