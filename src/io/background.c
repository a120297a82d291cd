/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving the terminal, where daemon(3) would end the caller's process with success before anything
 * could fail. Hides the pipe between the two processes. To be called before there is a second
 * thread, an event loop or a netlink socket, none of which would survive the fork.
 */
#include "io/background.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

/* The process that was called: it ends here. */
static void __attribute__((noreturn)) await(pid_t child, int fd)
{
	char octet;
	ssize_t n;
	int status;

	do
		n = read(fd, &octet, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

/* Has /dev/null stand in for the descriptors from `first` to `last`. */
static int silence(int first, int last)
{
	CLEANUP_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = first; fd <= last; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	return 0;
}

int background_enter(int *ret_fd)
{
	int fds[2], r;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		r = -errno;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (child > 0) {
		close(fds[1]);
		await(child, fds[0]);
	}
	close(fds[0]);
	r = setsid() < 0 || chdir("/") < 0 ? -errno : silence(STDIN_FILENO, STDIN_FILENO);
	if (r < 0) {
		close(fds[1]);
		return r;
	}
	*ret_fd = fds[1];
	return 0;
}

int background_ready(int fd)
{
	int r = silence(STDOUT_FILENO, STDERR_FILENO);

	if (r == 0 && write(fd, "", 1) < 0)
		r = -errno;
	close(fd);
	return r;
}
