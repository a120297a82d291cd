/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins the log to its limits: how a line says that others were left out stands here alone.
 */
#include "server/log_limited.h"

#include <stdarg.h>
#include <stdio.h>

void log_limited(struct log_limit *limit, struct token_rate rate, uint64_t now_ms, int level,
	const char *format, ...)
{
	char line[960];
	unsigned suppressed;
	va_list arguments;

	if (!log_enabled(level) || !log_limit_admit(limit, rate, now_ms, &suppressed))
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (suppressed > 0)
		log_line(level, "%s suppressed=%u", line, suppressed);
	else
		log_line(level, "%s", line);
}
