/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per call to standard error or syslog. Hides where the lines go and how systemd learns
 * their level; the threshold and the way are the process's only mutable globals.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_int log_level = LOG_INFO; /* the worker thread asks, too */
static bool log_syslog;

void log_to_syslog(const char *name)
{
	openlog(name, LOG_PID | LOG_PERROR, LOG_DAEMON);
	log_syslog = true;
}

void log_set_level(int level)
{
	log_level = level;
}

bool log_enabled(int level)
{
	return level <= log_level;
}

void log_line(int level, const char *format, ...)
{
	char line[1024];
	size_t room = sizeof(line) - 1;
	int len = 0;
	va_list args;

	if (!log_enabled(level))
		return;
	if (log_syslog) {
		va_start(args, format);
		vsyslog(level, format, args);
		va_end(args);
		return;
	}
	if (getenv("JOURNAL_STREAM"))
		len = snprintf(line, room, "<%d>", level);
	va_start(args, format);
	len += vsnprintf(line + len, room - (size_t)len, format, args);
	va_end(args);
	if ((size_t)len >= room)
		len = (int)room - 1;
	line[len++] = '\n';
	/* Nobody can be told that the log is gone. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

const char *log_escape(struct bytes input, char *text, size_t size)
{
	static const char ellipsis[] = "\xe2\x80\xa6";
	size_t len = 0;

	for (size_t i = 0; i < input.len; i++) {
		uint8_t c = input.data[i];
		bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
		size_t need = plain ? 1 : 4;

		if (len + need + sizeof(ellipsis) > size) {
			memcpy(text + len, ellipsis, sizeof(ellipsis));
			return text;
		}
		if (plain)
			text[len] = (char)c;
		else
			snprintf(text + len, size - len, "\\x%02x", c);
		len += need;
	}
	text[len] = '\0';
	return text;
}
