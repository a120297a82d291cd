/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A borrowed view of octets; owns nothing, is passed by value. An absent value has data == NULL; an
 * empty one has len == 0. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){.data = data, .len = len};
}

static inline struct bytes bytes_of_string(const char *string)
{
	return bytes_of(string, strlen(string));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_start_with(struct bytes b, const char *prefix)
{
	size_t len = strlen(prefix);

	return b.len >= len && memcmp(b.data, prefix, len) == 0;
}

/* True when `needle` occurs anywhere in `b`. */
static inline bool bytes_contain(struct bytes b, const char *needle)
{
	return b.len > 0 && memmem(b.data, b.len, needle, strlen(needle)) != NULL;
}

/* Lower-case hexadecimal into `text`, which has room for 2 * b.len + 1. Returns `text`. */
static inline const char *bytes_hex(struct bytes b, char *text)
{
	text[0] = '\0';
	for (size_t i = 0; i < b.len; i++)
		snprintf(text + 2 * i, 3, "%02x", b.data[i]);
	return text;
}
