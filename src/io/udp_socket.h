/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"
#include "base/endpoint.h"

#include <stdbool.h>

/* UDP over IPv4 with the interface and the local address of each datagram. All sockets are
 * non-blocking and close-on-exec, and let the network fragment: DF confuses some ROMs. Functions
 * return a descriptor, 0 or -errno. */

struct udp_datagram {
	struct endpoint source;
	struct in_addr local; /* the destination address in its header */
	bool unicast;	      /* local is an address of this host: no broadcast, no multicast */
	int ifindex;	      /* where it came in */
	bool truncated;
	struct bytes payload; /* in the caller's buffer */
};

/* Where a datagram goes, and from which of our addresses. */
struct udp_path {
	struct in_addr local;
	int ifindex; /* out of this interface; 0: as routed */
	struct endpoint peer;
};

/* Ports to take in turn; first 0: any. `next` is the cursor, 0 at first. */
struct udp_port_range {
	uint16_t first, last;
	uint16_t next;
};

/* A server's wildcard socket: broadcasts in and out, the local address of each datagram. */
int udp_socket_listen(uint16_t port);

/* A transfer's own socket: bound to `local` and the next free port of the range, and connected to
 * `peer`, so that ICMP errors come back as errors. -EADDRINUSE: no port of the range is free. */
int udp_socket_connect(struct in_addr local, struct udp_port_range *range, struct endpoint peer);

/* A client's unconnected socket, bound to `local` (port 0: any). With an interface it can broadcast
 * there, and shares its port with whoever shares it, as DHCP clients do; without one ICMP errors
 * come back as errors of a receive. */
int udp_socket_client(const char *interface, struct endpoint local);

/* The port a socket is bound to, or -errno. */
int udp_socket_port(int fd);

/* 0, -EAGAIN when there is none, or -errno: -ECONNREFUSED and its like on a connected socket mean
 * that the peer is gone. A connected socket's datagrams say nothing about local and ifindex. */
int udp_socket_receive(int fd, void *buffer, size_t size, struct udp_datagram *ret_datagram);

/* Sends one datagram; path NULL: to the peer of a connected socket. */
int udp_socket_send(int fd, const struct udp_path *path, struct bytes payload);

/* One datagram of a burst, in two parts (either may be empty). */
struct udp_packet {
	struct bytes header;
	struct bytes payload;
};

/* Sends the packets in order with as few calls as the kernel allows and without copying them: equal
 * sizes (the last may be shorter) as one segmented datagram (udp(7), UDP_SEGMENT), else
 * sendmmsg(2). `gso` belongs to the path: true at first, false once the kernel refused. What was
 * not sent because of an error is lost. */
int udp_socket_burst(int fd, const struct udp_path *path, const struct udp_packet *packets,
	size_t n_packets, bool *gso);
