/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cleanup.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* The links and IPv4 addresses of this host as the kernel reported them, and which of them we
 * serve. A value fed by changes; no netlink in here. Served is a link that matches the patterns, is
 * up and running, and has an IPv4 address (or the policy names one). */
struct iface_table;

#define IFACE_LINKS_MAX	    256
#define IFACE_ADDRESSES_MAX 1024

/* Patterns: names or globs, comma or blank between; "!" excludes, wherever it stands. A glob never
 * means a loopback or point-to-point link; its full name does. */
struct iface_policy {
	const char *patterns;	/* "eth0 en* !enp3s0" */
	struct in_addr address; /* what every client is told; 0: what the table says */
};

enum iface_change_kind {
	IFACE_LINK,	    /* index, name, flags, mtu */
	IFACE_LINK_GONE,    /* index */
	IFACE_ADDRESS,	    /* index, address, prefix_len */
	IFACE_ADDRESS_GONE, /* likewise */
};

struct iface_change {
	enum iface_change_kind kind;
	int index;
	char name[IF_NAMESIZE];
	unsigned flags; /* IFF_* */
	uint32_t mtu;
	struct in_addr address;
	uint8_t prefix_len;
};

struct iface {
	int index;
	char name[IF_NAMESIZE];
	uint32_t mtu;
	struct in_addr address; /* ours, as this client is told */
	struct in_addr source;	/* to send from: the same, unless the policy names one that is not
				 * an address of the interface (it is translated on the way) */
	bool over_loopback;	/* the datagram never left this host */
};

/* The policy's strings are borrowed until it is replaced. NULL: out of memory. */
struct iface_table *iface_table_new(const struct iface_policy *policy);
void iface_table_free(struct iface_table *table);
CLEANUP_DEFINE(struct iface_table *, iface_table_free)

/* Ill-formed patterns: false, and `ret_reason` in plain words. */
bool iface_policy_valid(const char *patterns, const char **ret_reason);

/* Another policy for the same links: after a reload. */
void iface_table_set_policy(struct iface_table *table, const struct iface_policy *policy);

/* Takes in one change. Returns 1 when the set of served interfaces, a name or an address of one
 * changed, 0 when not, -ENOSPC when the link or address is one too many and was left out. An
 * address of a link that is not in the table is not kept. */
int iface_table_apply(struct iface_table *table, const struct iface_change *change);

/* A full dump replaces all: begin marks, the changes come through apply, end drops what was not
 * seen again and returns as apply does. */
void iface_table_dump_begin(struct iface_table *table);
int iface_table_dump_end(struct iface_table *table);

/* True when a link or an address was left out for lack of room, until a whole dump had room. */
bool iface_table_overflowed(const struct iface_table *table);

/* The served interface behind a datagram that entered at `index` for our address `local` (or a
 * broadcast) from `client` (0.0.0.0: has no address yet). The address in ret_iface is the policy's,
 * else one in the client's subnet (`local` before others), else `local` when it is the
 * interface's, else the first. A datagram that came over loopback belongs to the interface that
 * owns `local`: the kernel lets only local processes do that. False: not served. */
bool iface_table_lookup(const struct iface_table *table, int index, struct in_addr local,
	struct in_addr client, struct iface *ret_iface);

/* True when `address` is a host's address in a subnet of served interface `index`: neither the
 * subnet's own number nor its broadcast address. */
bool iface_table_on_link(const struct iface_table *table, int index, struct in_addr address);

/* True when `address` is one of this host's, on whatever interface, or the policy's. */
bool iface_table_owns(const struct iface_table *table, struct in_addr address);

/* The served interfaces in order of their index, with their first address: from *position (0 at
 * first). */
bool iface_table_next_served(
	const struct iface_table *table, size_t *position, struct iface *ret_iface);
