/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>

/* An IPv4 address (network byte order, as in_addr always is) and a UDP port (host byte order). */
struct endpoint {
	struct in_addr address;
	uint16_t port;
};

#define ENDPOINT_TEXT_MAX (INET_ADDRSTRLEN + sizeof(":65535"))

/* Writes "a.b.c.d:port" and returns `text`. */
static inline const char *endpoint_format(struct endpoint endpoint, char text[ENDPOINT_TEXT_MAX])
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &endpoint.address, address, sizeof(address));
	snprintf(text, ENDPOINT_TEXT_MAX, "%s:%u", address, endpoint.port);
	return text;
}
