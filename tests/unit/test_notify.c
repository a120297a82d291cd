/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "io/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct manager {
	int fd;
	char path[64];
};

/* A manager's socket; '@' for the abstract name space. */
static struct manager manager_new(bool abstract)
{
	struct manager manager;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len;

	snprintf(manager.path, sizeof(manager.path), "%stest-notify-%ld", abstract ? "@" : "/tmp/",
		(long)getpid());
	memcpy(address.sun_path, manager.path, strlen(manager.path));
	if (abstract)
		address.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(manager.path));
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager.fd, (struct sockaddr *)&address, len), 0);
	setenv("NOTIFY_SOCKET", manager.path, 1);
	return manager;
}

static void manager_free(struct manager *manager)
{
	close(manager->fd);
	unlink(manager->path);
	unsetenv("NOTIFY_SOCKET");
}

static const char *manager_receive(struct manager *manager)
{
	static char message[1024];
	ssize_t len = recv(manager->fd, message, sizeof(message) - 1, 0);

	message[len > 0 ? len : 0] = '\0';
	return message;
}

static void test_every_message(void **state)
{
	for (int abstract = 0; abstract <= 1; abstract++) {
		struct manager manager = manager_new(abstract);

		(void)state;
		notify_ready();
		assert_string_equal(manager_receive(&manager), "READY=1");
		notify_stopping();
		assert_string_equal(manager_receive(&manager), "STOPPING=1");
		notify_watchdog();
		assert_string_equal(manager_receive(&manager), "WATCHDOG=1");
		notify_status("serving %d", 3);
		assert_string_equal(manager_receive(&manager), "STATUS=serving 3");
		manager_free(&manager);
	}
}

static unsigned long long monotonic_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
}

static void test_reloading_tells_when(void **state)
{
	struct manager manager = manager_new(false);
	unsigned long long before = monotonic_usec();
	unsigned long long told = 0;

	(void)state;
	notify_reloading();
	assert_int_equal(
		sscanf(manager_receive(&manager), "RELOADING=1\nMONOTONIC_USEC=%llu", &told), 1);
	assert_true(told >= before && told <= monotonic_usec());
	manager_free(&manager);
}

static void test_a_status_is_one_line_and_bounded(void **state)
{
	struct manager manager = manager_new(false);
	char text[2000];

	(void)state;
	notify_status("it said \"%s\"", "no\nMAINPID=1");
	assert_string_equal(manager_receive(&manager), "STATUS=it said \"no MAINPID=1\"");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	notify_status("%s", text);
	assert_int_equal(strlen(manager_receive(&manager)), 511);
	manager_free(&manager);
}

static void test_without_a_manager(void **state)
{
	static const char *const nowhere[] = {"", "@", "/", "relative", "vsock:2:3", "/tmp/no/such",
		"/tmp/"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		setenv("NOTIFY_SOCKET", nowhere[i], 1);
		notify_ready();
	}
	unsetenv("NOTIFY_SOCKET");
}

/* The manager does not read: once its queue is full, messages are lost and nobody waits. */
static void test_a_deaf_manager_blocks_nobody(void **state)
{
	struct manager manager = manager_new(false);
	int n = 0;

	(void)state;
	for (int i = 0; i < 5000; i++)
		notify_watchdog();
	while (manager_receive(&manager)[0] != '\0')
		n++;
	assert_in_range(n, 1, 4999);
	manager_free(&manager);
}

struct watchdog_case {
	const char *usec;
	const char *pid; /* "" : ours */
	uint64_t expected;
};

static void test_watchdog_interval(void **state)
{
	static const struct watchdog_case cases[] = {
		{NULL, NULL, 0},
		{"30000000", NULL, 15000},
		{"30000000", "", 15000},
		{"30000000", "1", 0},
		{"30000000", "x", 0},
		{"", NULL, 0},
		{"30s", NULL, 0},
		{"-5", NULL, 0},
		{"0", NULL, 0},
		{"1999", NULL, 0},
		{"2000", NULL, 1},
	};
	char own[32];

	(void)state;
	snprintf(own, sizeof(own), "%ld", (long)getpid());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsetenv("WATCHDOG_USEC");
		unsetenv("WATCHDOG_PID");
		if (cases[i].usec)
			setenv("WATCHDOG_USEC", cases[i].usec, 1);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", cases[i].pid[0] ? cases[i].pid : own, 1);
		assert_int_equal(notify_watchdog_interval_ms(), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message),
		cmocka_unit_test(test_reloading_tells_when),
		cmocka_unit_test(test_a_status_is_one_line_and_bounded),
		cmocka_unit_test(test_without_a_manager),
		cmocka_unit_test(test_a_deaf_manager_blocks_nobody),
		cmocka_unit_test(test_watchdog_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
