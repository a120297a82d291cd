/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* The service manager's protocol of sd_notify(3): datagrams to $NOTIFY_SOCKET (a path, or "@" and
 * an abstract name). All of it does nothing when there is no such socket, and never blocks. */
void notify_ready(void);
void notify_reloading(void); /* with MONOTONIC_USEC, as Type=notify-reload demands */
void notify_stopping(void);
void notify_watchdog(void);

/* In a few words, for `systemctl status`; a line end becomes a blank. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Half of $WATCHDOG_USEC in milliseconds; 0: no watchdog asked for, or not of this process. */
uint64_t notify_watchdog_interval_ms(void);
