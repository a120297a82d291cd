/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager's notification protocol. One datagram a message, sent and forgotten: a
 * manager that is slow, full or gone never holds up the daemon.
 */
#include "io/notify.h"

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* A path, or "@name" in the abstract name space. False: neither, or too long. */
static bool parse_address(const char *text, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
	size_t len = strlen(text);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, text, len);
	if (text[0] == '@')
		address.sun_path[0] = '\0';
	*ret_address = address;
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static void send_message(const char *message)
{
	const char *where = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t address_len;
	CLEANUP_CLOSE int fd = -1;

	if (!where || !parse_address(where, &address, &address_len))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		(void)sendto(fd, message, strlen(message), MSG_NOSIGNAL,
			(const struct sockaddr *)&address, address_len);
}

void notify_ready(void)
{
	send_message("READY=1");
}

void notify_reloading(void)
{
	char message[64];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	send_message(message);
}

void notify_stopping(void)
{
	send_message("STOPPING=1");
}

void notify_watchdog(void)
{
	send_message("WATCHDOG=1");
}

void notify_status(const char *format, ...)
{
	static const char key[] = "STATUS=";
	char message[512];
	va_list arguments;

	memcpy(message, key, sizeof(key));
	va_start(arguments, format);
	vsnprintf(message + strlen(key), sizeof(message) - strlen(key), format, arguments);
	va_end(arguments);
	/* A line end would begin another assignment: MAINPID=, say. */
	for (char *c = message; *c; c++)
		if (*c == '\n')
			*c = ' ';
	send_message(message);
}

/* A number and nothing else; 0 when it is not one. */
static unsigned long long number_of(const char *text)
{
	char *end;
	unsigned long long value;

	if (!text || text[0] < '0' || text[0] > '9')
		return 0;
	value = strtoull(text, &end, 10);
	return *end == '\0' ? value : 0;
}

uint64_t notify_watchdog_interval_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID");

	if (pid && number_of(pid) != (unsigned long long)getpid())
		return 0;
	return number_of(getenv("WATCHDOG_USEC")) / 2 / 1000;
}
