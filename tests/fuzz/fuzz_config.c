/* SPDX-License-Identifier: Apache-2.0 */
/* Any file at all is either refused with a message or printed and parsed to the same again. */
#include "core/config.h"

#include <stdio.h>
#include <stdlib.h>

struct text {
	char data[65536];
	size_t len;
};

static void print_key(
	void *context, const char *section, const char *key, const char *value, const char *help)
{
	struct text *text = context;

	(void)help;
	text->len += (size_t)snprintf(text->data + text->len, sizeof(text->data) - text->len,
		"[%s]\n%s = %s\n", section, key, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[CONFIG_ERROR_MAX];
	struct config *config = config_new(bytes_of(data, size), "fuzz.conf", error);
	struct text first = {.len = 0}, second = {.len = 0};

	if (!config) {
		if (error[0] == '\0')
			abort();
		return 0;
	}
	config_each(config, print_key, &first);
	config_free(config);
	config = config_new(bytes_of(first.data, first.len), "printed.conf", error);
	/* Only a value that gained its last '/' can have outgrown a line. */
	if (!config)
		return 0;
	config_each(config, print_key, &second);
	config_free(config);
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	return 0;
}
