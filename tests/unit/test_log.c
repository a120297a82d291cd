/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void test_escapes_what_a_terminal_would_obey(void **state)
{
	char text[64];
	static const uint8_t hostile[] = {'a', '"', '\\', 0x1b, '[', '\n', 0xff, 'z'};

	(void)state;
	assert_string_equal(log_escape(bytes_of(hostile, sizeof(hostile)), text, sizeof(text)),
		"a\\x22\\x5c\\x1b[\\x0a\\xffz");
}

static void test_cuts_what_does_not_fit(void **state)
{
	char text[12];

	(void)state;
	assert_string_equal(
		log_escape(bytes_of_string("12345678"), text, sizeof(text)), "12345678");
	assert_string_equal(
		log_escape(bytes_of_string("1234567890"), text, sizeof(text)), "12345678…");
	assert_string_equal(
		log_escape(bytes_of_string("1234567\x01"), text, sizeof(text)), "1234567…");
}

/* What log_line writes to standard error. */
static void logged(int level, const char *message, char *text, size_t size)
{
	int pipes[2], saved = dup(STDERR_FILENO);
	ssize_t len;

	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	dup2(pipes[1], STDERR_FILENO);
	log_line(level, "%s", message);
	dup2(saved, STDERR_FILENO);
	len = read(pipes[0], text, size - 1);
	text[len > 0 ? len : 0] = '\0';
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_threshold_and_level_prefix(void **state)
{
	char text[64];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	logged(LOG_INFO, "ready", text, sizeof(text));
	assert_string_equal(text, "ready\n");
	logged(LOG_DEBUG, "hidden", text, sizeof(text));
	assert_string_equal(text, "");
	setenv("JOURNAL_STREAM", "1:2", 1);
	logged(LOG_WARNING, "careful", text, sizeof(text));
	assert_string_equal(text, "<4>careful\n");
	unsetenv("JOURNAL_STREAM");
}

static void test_a_long_line_ends_in_its_newline(void **state)
{
	char message[2000], text[2000];

	(void)state;
	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	logged(LOG_INFO, message, text, sizeof(text));
	assert_true(strlen(text) < sizeof(message) - 1);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes_what_a_terminal_would_obey),
		cmocka_unit_test(test_cuts_what_does_not_fit),
		cmocka_unit_test(test_threshold_and_level_prefix),
		cmocka_unit_test(test_a_long_line_ends_in_its_newline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
