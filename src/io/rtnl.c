/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows links and IPv4 addresses through one rtnetlink socket. Dumps and changes arrive on it in
 * order and take the same path into the table. Invariant: a dump is asked for only when the socket
 * is empty and no other dump runs, for the kernel refuses a second one and may lose its answer.
 */
#include "io/rtnl.h"

#include "io/clock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>

/* The largest part of a dump that Linux sends at once. */
#define BUFFER_SIZE   32768
#define READS_MAX     256
#define LOAD_LIMIT_MS 2000

enum phase {
	PHASE_FOLLOWING,
	PHASE_LINKS,	 /* of a dump */
	PHASE_ADDRESSES, /* likewise */
};

struct rtnl {
	struct mnl_socket *socket;
	enum phase phase;
	bool dump_wanted;
	bool interrupted; /* the dump that runs is not of one moment */
	uint32_t sequence;
	_Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_SIZE];
};

int rtnl_open(struct rtnl **ret_rtnl)
{
	CLEANUP(rtnl_close_p) struct rtnl *rtnl = calloc(1, sizeof(*rtnl));

	if (!rtnl)
		return -ENOMEM;
	rtnl->dump_wanted = true;
	rtnl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!rtnl->socket)
		return -errno;
	if (mnl_socket_bind(rtnl->socket, RTMGRP_LINK | RTMGRP_IPV4_IFADDR, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	*ret_rtnl = CLEANUP_STEAL(rtnl);
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	if (rtnl->socket)
		mnl_socket_close(rtnl->socket);
	free(rtnl);
}

int rtnl_fd(const struct rtnl *rtnl)
{
	return mnl_socket_get_fd(rtnl->socket);
}

/* --- dumps --- */

static int request_dump(struct rtnl *rtnl, uint16_t type, unsigned char family)
{
	uint8_t buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtgenmsg *message;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++rtnl->sequence;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->rtgen_family = family;
	return mnl_socket_sendto(rtnl->socket, header, header->nlmsg_len) < 0 ? -errno : 0;
}

static int begin_dump(struct rtnl *rtnl, struct iface_table *table)
{
	int r = request_dump(rtnl, RTM_GETLINK, AF_UNSPEC);

	if (r < 0)
		return r;
	iface_table_dump_begin(table);
	rtnl->phase = PHASE_LINKS;
	rtnl->dump_wanted = false;
	rtnl->interrupted = false;
	return 0;
}

static void abandon_dump(struct rtnl *rtnl)
{
	rtnl->phase = PHASE_FOLLOWING;
	rtnl->dump_wanted = true;
}

/* One part of the dump is complete. Links go first, so that an address finds its link. */
static int advance_dump(struct rtnl *rtnl, struct iface_table *table)
{
	int r;

	if (rtnl->phase == PHASE_LINKS) {
		rtnl->phase = PHASE_ADDRESSES;
		r = request_dump(rtnl, RTM_GETADDR, AF_INET);
		if (r < 0)
			abandon_dump(rtnl);
		return r;
	}
	rtnl->phase = PHASE_FOLLOWING;
	if (rtnl->interrupted || rtnl->dump_wanted) {
		rtnl->dump_wanted = true;
		return 0;
	}
	return iface_table_dump_end(table);
}

/* --- messages --- */

static int take_link_attribute(const struct nlattr *attribute, void *data)
{
	struct iface_change *change = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type == IFLA_IFNAME && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
		strncpy(change->name, mnl_attr_get_str(attribute), sizeof(change->name) - 1);
	else if (type == IFLA_MTU && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
		change->mtu = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

/* A bridge reports its ports with the same types and a family of its own: that a port left it does
 * not mean that the link is gone. */
static bool parse_link(const struct nlmsghdr *header, struct iface_change *ret_change)
{
	const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);
	struct iface_change change = {
		.kind = header->nlmsg_type == RTM_NEWLINK ? IFACE_LINK : IFACE_LINK_GONE};

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message)
		|| message->ifi_family != AF_UNSPEC)
		return false;
	change.index = message->ifi_index;
	change.flags = message->ifi_flags;
	mnl_attr_parse(header, sizeof(*message), take_link_attribute, &change);
	if (change.kind == IFACE_LINK && change.name[0] == '\0')
		return false;
	*ret_change = change;
	return true;
}

/* IFA_LOCAL is ours; IFA_ADDRESS is the peer's on a point-to-point link. */
static int take_address_attribute(const struct nlattr *attribute, void *data)
{
	struct iface_change *change = data;

	if (mnl_attr_get_type(attribute) == IFA_LOCAL
		&& mnl_attr_get_payload_len(attribute) == sizeof(change->address))
		memcpy(&change->address, mnl_attr_get_payload(attribute), sizeof(change->address));
	return MNL_CB_OK;
}

static bool parse_address(const struct nlmsghdr *header, struct iface_change *ret_change)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	struct iface_change change = {
		.kind = header->nlmsg_type == RTM_NEWADDR ? IFACE_ADDRESS : IFACE_ADDRESS_GONE};

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message) || message->ifa_family != AF_INET)
		return false;
	change.index = (int)message->ifa_index;
	change.prefix_len = message->ifa_prefixlen;
	mnl_attr_parse(header, sizeof(*message), take_address_attribute, &change);
	if (change.address.s_addr == INADDR_ANY)
		return false;
	*ret_change = change;
	return true;
}

static int dump_failed(struct rtnl *rtnl, const struct nlmsghdr *header)
{
	const struct nlmsgerr *message = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message) || message->error == 0)
		return 0;
	abandon_dump(rtnl);
	return message->error;
}

/* Where there was too little room, something that was left out may have its turn now. */
static int take_gone(
	struct rtnl *rtnl, struct iface_table *table, const struct iface_change *change)
{
	if (iface_table_overflowed(table))
		rtnl->dump_wanted = true;
	return iface_table_apply(table, change) > 0;
}

/* 1: what is served changed, 0, or -errno. */
static int take_message(struct rtnl *rtnl, struct iface_table *table, const struct nlmsghdr *header)
{
	struct iface_change change;
	bool of_our_dump = rtnl->phase != PHASE_FOLLOWING && header->nlmsg_seq == rtnl->sequence;

	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		rtnl->interrupted = true;
	switch (header->nlmsg_type) {
	case NLMSG_DONE:
		return of_our_dump ? advance_dump(rtnl, table) : 0;
	case NLMSG_ERROR:
		return of_our_dump ? dump_failed(rtnl, header) : 0;
	case RTM_NEWLINK:
		return parse_link(header, &change) && iface_table_apply(table, &change) > 0;
	case RTM_DELLINK:
		return parse_link(header, &change) && take_gone(rtnl, table, &change);
	case RTM_NEWADDR:
		return parse_address(header, &change) && iface_table_apply(table, &change) > 0;
	case RTM_DELADDR:
		return parse_address(header, &change) && take_gone(rtnl, table, &change);
	default:
		return 0;
	}
}

static int take_messages(struct rtnl *rtnl, struct iface_table *table, int len)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)rtnl->buffer;
	bool changed = false;
	int r;

	for (; mnl_nlmsg_ok(header, len); header = mnl_nlmsg_next(header, &len)) {
		r = take_message(rtnl, table, header);
		if (r < 0)
			return r;
		changed = changed || r > 0;
	}
	return changed;
}

/* A dump that is due, and whose answer will wake the loop again, but not asked for yet. */
static bool dump_due(const struct rtnl *rtnl)
{
	return rtnl->dump_wanted && rtnl->phase == PHASE_FOLLOWING;
}

int rtnl_update(struct rtnl *rtnl, struct iface_table *table)
{
	bool changed = false;

	for (int i = 0; i < READS_MAX || dump_due(rtnl); i++) {
		ssize_t len = mnl_socket_recvfrom(rtnl->socket, rtnl->buffer, sizeof(rtnl->buffer));
		int r = len < 0 ? -errno : take_messages(rtnl, table, (int)len);

		if (r == -EAGAIN) {
			if (!dump_due(rtnl))
				break;
			r = begin_dump(rtnl, table);
		} else if (r == -ENOBUFS || r == -ENOSPC) { /* changes were lost, or cut off */
			rtnl->dump_wanted = true;
			r = 0;
		}
		if (r < 0 && r != -EINTR)
			return r;
		changed = changed || r > 0;
	}
	return changed;
}

int rtnl_load(struct rtnl *rtnl, struct iface_table *table)
{
	uint64_t end_ms = clock_now_ms() + LOAD_LIMIT_MS;
	struct pollfd watched = {.fd = rtnl_fd(rtnl), .events = POLLIN};

	rtnl->dump_wanted = true;
	for (;;) {
		uint64_t now_ms = clock_now_ms();
		int r = rtnl_update(rtnl, table);

		if (r < 0)
			return r;
		if (rtnl->phase == PHASE_FOLLOWING && !rtnl->dump_wanted)
			return 0;
		if (now_ms >= end_ms)
			return -ETIMEDOUT;
		if (poll(&watched, 1, (int)(end_ms - now_ms)) < 0 && errno != EINTR)
			return -errno;
	}
}
