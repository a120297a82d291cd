/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

/* The one decision whether somebody may be served, for every path (67, 4011, TFTP): who asks is a
 * value, so is the answer. */

struct admission_subnet {
	struct in_addr network; /* network byte order, host bits zero */
	uint8_t prefix_len;
};

/* "10.0.0.0/8 192.168.7.1", comma or blank between. Returns how many, -EINVAL (also for host bits
 * that are set), or -ENOSPC over `n_max`. */
int admission_subnets_parse(const char *text, struct admission_subnet *ret_subnets, size_t n_max);
bool admission_subnet_contains(const struct admission_subnet *subnet, struct in_addr address);

struct admission_policy {
	const struct admission_subnet *clients; /* beyond the interfaces' own subnets */
	size_t n_clients;
	const struct admission_subnet *relays; /* giaddr and source believed; none by default */
	size_t n_relays;
};

enum admission_path {
	ADMISSION_DHCP,
	ADMISSION_BOOT_SERVER, /* port 4011 */
	ADMISSION_TFTP,
};

/* The four facts at the end are iface_table's to tell: _on_link, _owns, iface.over_loopback. */
struct admission_request {
	enum admission_path path;
	struct endpoint source;
	struct in_addr ciaddr; /* of a DHCP message; 0 otherwise */
	struct in_addr giaddr; /* of a relayed message; 0 otherwise */
	bool on_link;	       /* the source lies in a subnet of the interface it came in at */
	bool own_source;       /* the source is an address of this host */
	bool own_giaddr;
	bool over_loopback; /* the datagram never left this host */
};

enum admission_verdict {
	ADMISSION_ADMIT,
	ADMISSION_BAD_SOURCE,	  /* a port or an address that only a forger would use */
	ADMISSION_FOREIGN_SUBNET, /* neither on link nor listed */
	ADMISSION_FOREIGN_CIADDR, /* on 4011: the client claims another address than its source */
	ADMISSION_UNKNOWN_RELAY,
};

/* A source of 0.0.0.0 is a client without an address yet: admitted on the DHCP paths only. Our own
 * address is a local process when it came over loopback, or a broadcast that the kernel gave back
 * to us; else it is forged. */
enum admission_verdict admission_decide(
	const struct admission_policy *policy, const struct admission_request *request);

/* A reason in plain words, for a log and a person. */
const char *admission_verdict_text(enum admission_verdict verdict);
