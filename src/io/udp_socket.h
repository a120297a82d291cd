/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"
#include "base/endpoint.h"

#include <stdbool.h>

/* UDP over IPv4 with the interface and the local address of each datagram. All sockets are
 * non-blocking and close-on-exec. Functions return a descriptor or -errno. */

struct udp_datagram {
	struct endpoint source;
	struct in_addr local; /* the destination address in its header */
	int ifindex;	      /* where it came in */
	bool truncated;
	struct bytes payload; /* in the caller's buffer */
};

/* A server's wildcard socket: broadcasts in and out, IP_PKTINFO. */
int udp_socket_listen(uint16_t port);

/* A transfer's own socket: bound to `local` (port 0: any, or the first free one from `port` to
 * `port_last`) and connected to `peer`, so that ICMP errors come back as errors. */
int udp_socket_connect(
	struct in_addr local, uint16_t port, uint16_t port_last, struct endpoint peer);

/* 0, -EAGAIN when there is none, or -errno. */
int udp_socket_receive(int fd, void *buffer, size_t size, struct udp_datagram *ret_datagram);

/* Sends from `local` out of interface `ifindex` (0: as routed). */
int udp_socket_send(int fd, struct in_addr local, int ifindex, struct endpoint destination,
	struct bytes payload);
