/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/unit/unit.h"

#include "core/dhcp_message.h"

#include <stdio.h>
#include <stdlib.h>

/* A datagram of tests/fuzz/corpus/dhcp, by name: captured from real clients and servers, or a case
 * made by tests/data/dhcp-cases.py. */
struct dhcp_case {
	uint8_t data[2048];
	size_t len;
};

static inline struct bytes dhcp_case_load(struct dhcp_case *datagram, const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/dhcp/%s", srcdir ? srcdir : ".", name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("%s: cannot be opened", path);
	datagram->len = fread(datagram->data, 1, sizeof(datagram->data), file);
	fclose(file);
	return bytes_of(datagram->data, datagram->len);
}

/* Loads and parses one that must be well-formed. */
static inline struct dhcp_message dhcp_case_parse(struct dhcp_case *datagram, const char *name)
{
	struct dhcp_message message = {0};

	assert_int_equal(dhcp_message_parse(dhcp_case_load(datagram, name), &message), DHCP_OK);
	return message;
}
