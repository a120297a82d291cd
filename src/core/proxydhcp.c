/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a message is answered, with what, and where the answer goes. It leases nothing: yiaddr is
 * zero and there is no lease option in any reply, so that a site's own DHCP server stays the only
 * one. All real clients read `siaddr` and `file` of the header, so both are always filled.
 */
#include "core/proxydhcp.h"

#include <string.h>

/* RFC 2132 9.10: a client takes 576 octets of IP at least; and none takes more than EDK2's 1472. */
#define REPLY_LEN_MIN 548
#define REPLY_LEN_MAX 1472

static bool is_for_another_server(
	const struct dhcp_message *request, const struct proxydhcp_ingress *ingress)
{
	struct in_addr server;

	if (!request->option[DHCP_OPTION_SERVER_ID].data)
		return false;
	return !dhcp_option_address(request, DHCP_OPTION_SERVER_ID, &server)
	       || server.s_addr != ingress->endpoint.address.s_addr;
}

/* A boot server discover on port 67 (PXE 2.1 section 2.2.5), which must not be mistaken for a
 * REQUEST that belongs to the site's own exchange. */
static bool is_boot_server_discover(
	const struct dhcp_message *request, const struct pxe_client *client)
{
	return client->boot_item.data && request->ciaddr.s_addr != INADDR_ANY
	       && !request->option[DHCP_OPTION_REQUESTED_ADDRESS].data;
}

/* The type of the answer that the port and the message call for, or 0. */
static enum dhcp_type answer_type(const struct proxydhcp_ingress *ingress,
	const struct dhcp_message *request, const struct pxe_client *client)
{
	bool asks = request->type == DHCP_REQUEST || request->type == DHCP_INFORM;

	if (ingress->endpoint.port == DHCP_SERVER_PORT && request->type == DHCP_DISCOVER)
		return DHCP_OFFER;
	if (!asks || is_for_another_server(request, ingress))
		return 0;
	if (ingress->endpoint.port == PXE_SERVER_PORT || is_boot_server_discover(request, client))
		return DHCP_ACK;
	return 0;
}

static enum proxydhcp_verdict judge_client(
	const struct proxydhcp_policy *policy, const struct pxe_client *client)
{
	if (!client->arch)
		return PROXYDHCP_UNKNOWN_ARCH;
	/* The vendor class decides, not an architecture that contradicts it: an HTTP client wants a
	 * URL, which we have none of. */
	if (client->http || !pxe_client_arch_for(client, policy->machine))
		return PROXYDHCP_NO_FILE_FOR_ARCH;
	return policy->boot_file ? PROXYDHCP_ANSWER : PROXYDHCP_NOTHING_TO_SERVE;
}

/* A 4011 reply goes to where the request came from (EDK2 listens on 4011, ROMs and iPXE on 68):
 * never to an address that the message merely claims. */
static struct endpoint destination_of(
	const struct proxydhcp_ingress *ingress, const struct dhcp_message *request)
{
	struct endpoint destination = {
		.address.s_addr = INADDR_BROADCAST, .port = DHCP_CLIENT_PORT};

	if (ingress->endpoint.port == PXE_SERVER_PORT) {
		destination.port = ingress->source.port;
		if (ingress->source.address.s_addr != INADDR_ANY)
			destination.address = ingress->source.address;
	} else if (request->giaddr.s_addr != INADDR_ANY) {
		destination = (struct endpoint){request->giaddr, DHCP_SERVER_PORT};
	}
	return destination;
}

static size_t reply_limit(const struct dhcp_message *request)
{
	struct bytes value = request->option[DHCP_OPTION_MAX_SIZE];
	size_t limit = value.len == 2 ? (size_t)(value.data[0] << 8 | value.data[1]) : 0;

	if (limit < REPLY_LEN_MIN)
		return REPLY_LEN_MIN;
	return limit > REPLY_LEN_MAX ? REPLY_LEN_MAX : limit;
}

/* Option 43: straight to TFTP for who asked for that form; the echo of a boot server's type, which
 * iPXE demands; else none at all. */
static void write_vendor_option(struct wire_writer *writer, const struct proxydhcp_policy *policy,
	const struct pxe_client *client, enum dhcp_type type)
{
	static const uint8_t use_boot_file[] = {
		PXE_VENDOR_DISCOVERY_CONTROL, 1, PXE_CONTROL_USE_BOOT_FILE, PXE_VENDOR_END};
	uint8_t boot_item[] = {PXE_VENDOR_BOOT_ITEM, 4, 0, 0, 0, 0, PXE_VENDOR_END};

	if (type == DHCP_OFFER && policy->uefi_form == PROXYDHCP_DIRECT) {
		dhcp_write_option(
			writer, DHCP_OPTION_VENDOR, bytes_of(use_boot_file, sizeof(use_boot_file)));
	} else if (type == DHCP_ACK && client->boot_item.data) {
		memcpy(boot_item + 2, client->boot_item.data, client->boot_item.len);
		dhcp_write_option(
			writer, DHCP_OPTION_VENDOR, bytes_of(boot_item, sizeof(boot_item)));
	}
}

static void write_options(struct wire_writer *writer, const struct proxydhcp_policy *policy,
	const struct proxydhcp_ingress *ingress, const struct dhcp_message *request,
	const struct pxe_client *client, enum dhcp_type type)
{
	/* Sub-option 1 of option 175: above the site's own settings, in which a file name would win
	 * over ours. */
	static const uint8_t ipxe_priority[] = {1, 1, 10, DHCP_OPTION_END};

	dhcp_write_option(writer, DHCP_OPTION_SERVER_ID,
		bytes_of(&ingress->endpoint.address, sizeof(ingress->endpoint.address)));
	dhcp_write_option(writer, DHCP_OPTION_VENDOR_CLASS, bytes_of_string(PXE_CLASS));
	if (client->uuid.data)
		dhcp_write_option(
			writer, DHCP_OPTION_CLIENT_UUID, request->option[DHCP_OPTION_CLIENT_UUID]);
	write_vendor_option(writer, policy, client, type);
	if (client->ipxe)
		dhcp_write_option(
			writer, DHCP_OPTION_IPXE, bytes_of(ipxe_priority, sizeof(ipxe_priority)));
	/* RFC 3046 2.2: the relay agent's own words go back to it, last. */
	if (request->giaddr.s_addr != INADDR_ANY && request->option[DHCP_OPTION_RELAY_AGENT].data)
		dhcp_write_option(
			writer, DHCP_OPTION_RELAY_AGENT, request->option[DHCP_OPTION_RELAY_AGENT]);
}

/* False: it does not fit. */
static bool write_reply(const struct proxydhcp_policy *policy,
	const struct proxydhcp_ingress *ingress, const struct dhcp_message *request,
	const struct pxe_client *client, struct proxydhcp_reply *reply)
{
	bool unicast = reply->destination.address.s_addr == ingress->source.address.s_addr
		       && request->giaddr.s_addr == INADDR_ANY;
	struct wire_writer writer = wire_writer_init(reply->data, reply_limit(request));
	struct dhcp_message header = {
		.op = DHCP_OP_BOOTREPLY,
		.type = reply->type,
		.xid = request->xid,
		/* Without a yiaddr a broadcast alone reaches the client. */
		.flags = (uint16_t)(request->flags | (unicast ? 0 : DHCP_FLAG_BROADCAST)),
		.siaddr = ingress->endpoint.address,
		.giaddr = request->giaddr,
		.file = bytes_of_string(policy->boot_file),
	};

	if (reply->type == DHCP_ACK)
		header.ciaddr = request->ciaddr;
	memcpy(header.chaddr, request->chaddr, sizeof(header.chaddr));
	dhcp_write_header(&writer, &header);
	write_options(&writer, policy, ingress, request, client, reply->type);
	dhcp_write_end(&writer);
	reply->len = writer.len;
	return !writer.failed;
}

enum proxydhcp_verdict proxydhcp_answer(const struct proxydhcp_policy *policy,
	const struct proxydhcp_ingress *ingress, const struct dhcp_message *request,
	struct pxe_client *ret_client, struct proxydhcp_reply *ret_reply)
{
	enum proxydhcp_verdict verdict;
	enum dhcp_type type;

	if (request->op != DHCP_OP_BOOTREQUEST)
		return PROXYDHCP_NOT_A_REQUEST;
	if (!pxe_client_parse(request, ret_client))
		return PROXYDHCP_NOT_PXE;
	type = answer_type(ingress, request, ret_client);
	if (type == 0)
		return PROXYDHCP_NOT_OURS;
	if (ingress->admission != ADMISSION_ADMIT)
		return PROXYDHCP_NOT_ADMITTED;
	verdict = judge_client(policy, ret_client);
	if (verdict != PROXYDHCP_ANSWER)
		return verdict;
	ret_reply->type = type;
	ret_reply->destination = destination_of(ingress, request);
	return write_reply(policy, ingress, request, ret_client, ret_reply) ? PROXYDHCP_ANSWER
									    : PROXYDHCP_NO_ROOM;
}

const char *proxydhcp_verdict_text(enum proxydhcp_verdict verdict)
{
	switch (verdict) {
	case PROXYDHCP_ANSWER:
		return "answered";
	case PROXYDHCP_NOT_A_REQUEST:
		return "a reply of some DHCP server";
	case PROXYDHCP_NOT_PXE:
		return "no PXE client";
	case PROXYDHCP_NOT_OURS:
		return "meant for another server";
	case PROXYDHCP_NOT_ADMITTED:
		return "not admitted";
	case PROXYDHCP_UNKNOWN_ARCH:
		return "the client names no architecture that is known";
	case PROXYDHCP_NO_FILE_FOR_ARCH:
		return "there is no boot file for this architecture";
	case PROXYDHCP_NOTHING_TO_SERVE:
		return "no verified boot file yet";
	case PROXYDHCP_NO_ROOM:
		return "the answer would not fit into a message that the client takes";
	}
	return "?";
}
