/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each case is a command in a process of its own: what counts is how and when it ends, and who is
 * left.
 */
#include "tests/unit/unit.h"

#include "io/background.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How the command ends that goes to the background and there calls `work`. */
static int command(void (*work)(int fd))
{
	int status = -1;
	pid_t caller = fork();

	if (caller == 0) {
		int fd;

		if (background_enter(&fd) < 0)
			_exit(99);
		work(fd);
		_exit(98);
	}
	assert_true(caller > 0);
	assert_int_equal(waitpid(caller, &status, 0), caller);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void fail_with_3(int fd)
{
	(void)fd;
	_exit(3);
}

static void be_killed(int fd)
{
	(void)fd;
	raise(SIGKILL);
}

static int report[2];

/* Says what it has become only after the command has ended. */
static void become_ready(int fd)
{
	char path[64] = "", cwd[64] = "";
	pid_t caller = getppid();

	if (background_ready(fd) < 0)
		_exit(1);
	while (getppid() == caller)
		usleep(1000);
	if (!getcwd(cwd, sizeof(cwd)) || readlink("/proc/self/fd/2", path, sizeof(path) - 1) < 0)
		_exit(1);
	if (getsid(0) == getpid() && strcmp(cwd, "/") == 0 && strcmp(path, "/dev/null") == 0
		&& write(report[1], "!", 1) == 1)
		_exit(0);
	_exit(1);
}

static void test_a_failure_is_the_status_of_the_command(void **state)
{
	(void)state;
	assert_int_equal(command(fail_with_3), 3);
	assert_int_equal(command(be_killed), EXIT_FAILURE);
}

static void test_success_leaves_a_process_behind(void **state)
{
	char octet;

	(void)state;
	assert_int_equal(pipe(report), 0);
	assert_int_equal(command(become_ready), 0);
	close(report[1]);
	assert_int_equal(read(report[0], &octet, 1), 1);
	close(report[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_failure_is_the_status_of_the_command),
		cmocka_unit_test(test_success_leaves_a_process_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
