/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may be served. Each answer that leaves this host goes to its asker, so the question is
 * whether the asker's address can be believed; what would make us a reflector is refused. Whoever
 * is admitted is on a served link, listed by the operator, or has no address yet.
 */
#include "core/admission.h"

#include <errno.h>
#include <string.h>

#define SEPARATORS ", \t\n"

static uint32_t mask_of(uint8_t prefix_len)
{
	return prefix_len == 0 ? 0 : UINT32_MAX << (32 - prefix_len);
}

bool admission_subnet_contains(const struct admission_subnet *subnet, struct in_addr address)
{
	return ((ntohl(address.s_addr) ^ ntohl(subnet->network.s_addr))
		       & mask_of(subnet->prefix_len))
	       == 0;
}

static bool parse_prefix_len(const char *text, uint8_t *ret_prefix_len)
{
	unsigned value = 0;

	if (strlen(text) < 1 || strlen(text) > 2 || strspn(text, "0123456789") != strlen(text))
		return false;
	for (; *text; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > 32)
		return false;
	*ret_prefix_len = (uint8_t)value;
	return true;
}

static bool parse_subnet(char *text, struct admission_subnet *ret_subnet)
{
	struct admission_subnet subnet = {.prefix_len = 32};
	char *slash = strchr(text, '/');

	if (slash) {
		*slash = '\0';
		if (!parse_prefix_len(slash + 1, &subnet.prefix_len))
			return false;
	}
	if (inet_pton(AF_INET, text, &subnet.network) != 1
		|| (ntohl(subnet.network.s_addr) & ~mask_of(subnet.prefix_len)) != 0)
		return false;
	*ret_subnet = subnet;
	return true;
}

int admission_subnets_parse(const char *text, struct admission_subnet *ret_subnets, size_t n_max)
{
	char token[sizeof("255.255.255.255/32")];
	size_t n = 0;

	for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
		size_t len = strcspn(text, SEPARATORS);

		if (len >= sizeof(token))
			return -EINVAL;
		if (n == n_max)
			return -ENOSPC;
		memcpy(token, text, len);
		token[len] = '\0';
		if (!parse_subnet(token, &ret_subnets[n++]))
			return -EINVAL;
		text += len;
	}
	return (int)n;
}

static bool listed(const struct admission_subnet *subnets, size_t n, struct in_addr address)
{
	for (size_t i = 0; i < n; i++)
		if (admission_subnet_contains(&subnets[i], address))
			return true;
	return false;
}

static bool is_loopback(struct in_addr address)
{
	return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* Neither "this network" (0/8), nor multicast, nor reserved and broadcast (240/4). */
static bool is_unicast(struct in_addr address)
{
	uint32_t first = ntohl(address.s_addr) >> 24;

	return first != 0 && first < 224;
}

/* A request on 4011 comes from a DHCP client's port or EDK2's own 4011; from the port of a service
 * (echo, DNS, another DHCP server) it is there to set two servers on each other. */
static bool port_plausible(const struct admission_request *request)
{
	uint16_t port = request->source.port;

	if (request->path != ADMISSION_BOOT_SERVER)
		return port != 0;
	return port == 68 || port >= 1024;
}

static enum admission_verdict judge_own(const struct admission_request *request)
{
	if (request->over_loopback || request->path == ADMISSION_DHCP)
		return ADMISSION_ADMIT;
	return ADMISSION_BAD_SOURCE;
}

static enum admission_verdict judge_source(
	const struct admission_policy *policy, const struct admission_request *request)
{
	struct in_addr address = request->source.address;

	if (!port_plausible(request))
		return ADMISSION_BAD_SOURCE;
	if (address.s_addr == INADDR_ANY)
		return request->path == ADMISSION_TFTP ? ADMISSION_BAD_SOURCE : ADMISSION_ADMIT;
	if (!is_unicast(address))
		return ADMISSION_BAD_SOURCE;
	if (is_loopback(address) && !(request->on_link && request->over_loopback))
		return ADMISSION_BAD_SOURCE;
	if (request->own_source)
		return judge_own(request);
	if (request->on_link || listed(policy->clients, policy->n_clients, address))
		return ADMISSION_ADMIT;
	if (request->giaddr.s_addr != INADDR_ANY
		&& listed(policy->relays, policy->n_relays, address))
		return ADMISSION_ADMIT;
	return ADMISSION_FOREIGN_SUBNET;
}

static bool relay_known(
	const struct admission_policy *policy, const struct admission_request *request)
{
	return is_unicast(request->giaddr) && !is_loopback(request->giaddr) && !request->own_giaddr
	       && listed(policy->relays, policy->n_relays, request->giaddr);
}

enum admission_verdict admission_decide(
	const struct admission_policy *policy, const struct admission_request *request)
{
	if (request->giaddr.s_addr != INADDR_ANY && !relay_known(policy, request))
		return ADMISSION_UNKNOWN_RELAY;
	if (request->path == ADMISSION_BOOT_SERVER && request->ciaddr.s_addr != INADDR_ANY
		&& request->ciaddr.s_addr != request->source.address.s_addr)
		return ADMISSION_FOREIGN_CIADDR;
	return judge_source(policy, request);
}

const char *admission_verdict_text(enum admission_verdict verdict)
{
	switch (verdict) {
	case ADMISSION_ADMIT:
		return "admitted";
	case ADMISSION_BAD_SOURCE:
		return "no honest client has such a source address or port";
	case ADMISSION_FOREIGN_SUBNET:
		return "the source is in no subnet of the interface and in none that is allowed";
	case ADMISSION_FOREIGN_CIADDR:
		return "the client claims an address other than its source";
	case ADMISSION_UNKNOWN_RELAY:
		return "relayed by a relay agent that is not allowed";
	}
	return "?";
}
