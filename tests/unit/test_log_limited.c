/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "server/log_limited.h"

#include <fcntl.h>
#include <unistd.h>

static const struct token_rate rate = {.interval_ms = 100, .burst = 2};

/* What comes of so many lines at one moment. */
static const char *lines(struct log_limit *limit, uint64_t now_ms, int level, int count)
{
	static char text[1024];
	int pipes[2], saved = dup(STDERR_FILENO);
	ssize_t len;

	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	dup2(pipes[1], STDERR_FILENO);
	for (int i = 0; i < count; i++)
		log_limited(limit, rate, now_ms, level, "refused number=%d", i);
	dup2(saved, STDERR_FILENO);
	len = read(pipes[0], text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
	return text;
}

static void test_the_next_line_says_how_many_were_left_out(void **state)
{
	struct log_limit limit = {0};

	(void)state;
	assert_string_equal(
		lines(&limit, 1000, LOG_INFO, 5), "refused number=0\nrefused number=1\n");
	assert_string_equal(lines(&limit, 1100, LOG_INFO, 1), "refused number=0 suppressed=3\n");
	assert_string_equal(lines(&limit, 1200, LOG_INFO, 1), "refused number=0\n");
}

static void test_a_hidden_level_uses_nothing_up(void **state)
{
	struct log_limit limit = {0};

	(void)state;
	assert_string_equal(lines(&limit, 1000, LOG_DEBUG, 5), "");
	assert_string_equal(
		lines(&limit, 1000, LOG_INFO, 2), "refused number=0\nrefused number=1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_next_line_says_how_many_were_left_out),
		cmocka_unit_test(test_a_hidden_level_uses_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
