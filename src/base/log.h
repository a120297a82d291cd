/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

#include <syslog.h>

/* Lines go to standard error, one a call, in one write. Levels are those of <syslog.h>; under
 * systemd ($JOURNAL_STREAM) each line opens with its level as <N>, as sd-daemon(3) has it. */

/* From now on lines go to syslog(3) as `name` too: standard error hears them for as long as it
 * lasts.
 */
void log_to_syslog(const char *name);

/* Lines less important than `level` are dropped from here on. Default LOG_INFO. */
void log_set_level(int level);
bool log_enabled(int level);

/* One line, without its end. The text is `event key=value …`; strings from the network go through
 * log_escape first. */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_DEBUG))                                                        \
			log_line(LOG_DEBUG, __VA_ARGS__);                                          \
	} while (0)

/* What a client sent, quoted and made harmless for a terminal and a log: printable ASCII as it is,
 * '"', '\\' and all else as \xNN; cut with "…" where it does not fit. Returns `text`. */
const char *log_escape(struct bytes input, char *text, size_t size);

/* Room for an escaped file name of a client, cut at some sixty octets. */
#define LOG_ESCAPED_MAX 80
