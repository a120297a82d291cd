/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EDK2's PXE client as functions of what it hears. It hides that client's peculiarities, each noted
 * where it is obeyed: a reply that this module refuses would be refused by a real node, silently.
 */
#include "core/firmware.h"

#include "core/proxydhcp.h"

#include <stdio.h>
#include <string.h>

#define REPLY_LEN_MAX 1472

/* Sub-options of option 43 that make an offer a "PXE 1.0" one, and those of its predecessor. */
#define DISCOVERY_FIRST 6
#define DISCOVERY_LAST	10
#define MULTICAST_FIRST 1
#define MULTICAST_LAST	5

/* --- what it sends --------------------------------------------------------------------------- */

static void write_parameters(struct wire_writer *writer)
{
	static const uint8_t parameters[] = {1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40,
		41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67, 97, 128, 129, 130, 131, 132, 133, 134,
		135};

	dhcp_write_option(writer, DHCP_OPTION_PARAMETERS, bytes_of(parameters, sizeof(parameters)));
}

static void write_max_size(struct wire_writer *writer)
{
	static const uint8_t size[] = {REPLY_LEN_MAX >> 8, REPLY_LEN_MAX & 0xff};

	dhcp_write_option(writer, DHCP_OPTION_MAX_SIZE, bytes_of(size, sizeof(size)));
}

static void write_uuid(struct wire_writer *writer, const struct firmware_client *client)
{
	uint8_t value[1 + sizeof(client->uuid)] = {0};

	memcpy(value + 1, client->uuid, sizeof(client->uuid));
	dhcp_write_option(writer, DHCP_OPTION_CLIENT_UUID, bytes_of(value, sizeof(value)));
}

/* The network interface's type and version: UNDI 3.0 of UEFI, 2.1 of a ROM. */
static void write_ndi(struct wire_writer *writer, const struct firmware_client *client)
{
	static const uint8_t uefi[] = {1, 3, 0}, rom[] = {1, 2, 1};

	dhcp_write_option(writer, DHCP_OPTION_CLIENT_NDI,
		bytes_of(client->arch->class == PXE_BIOS ? rom : uefi, sizeof(uefi)));
}

static void write_arch(struct wire_writer *writer, const struct firmware_client *client)
{
	const uint8_t value[] = {(uint8_t)(client->arch->value >> 8), (uint8_t)client->arch->value};

	dhcp_write_option(writer, DHCP_OPTION_CLIENT_ARCH, bytes_of(value, sizeof(value)));
}

static bool is_http(const struct firmware_client *client)
{
	return client->arch->class == PXE_UEFI_HTTP;
}

static void write_class(struct wire_writer *writer, const struct firmware_client *client)
{
	char text[64];

	snprintf(text, sizeof(text), "%s:Arch:%05u:UNDI:%s",
		is_http(client) ? HTTP_CLASS : PXE_CLASS, client->arch->value,
		client->arch->class == PXE_BIOS ? "002001" : "003000");
	dhcp_write_option(writer, DHCP_OPTION_VENDOR_CLASS, bytes_of_string(text));
}

static size_t finish(struct wire_writer *writer)
{
	dhcp_write_end(writer);
	return writer->failed ? 0 : writer->len;
}

size_t firmware_write_discover(const struct firmware_client *client, uint32_t xid, uint16_t secs,
	uint8_t *buffer, size_t size)
{
	struct wire_writer writer = wire_writer_init(buffer, size);
	struct dhcp_message message = {
		.op = DHCP_OP_BOOTREQUEST,
		.type = DHCP_DISCOVER,
		.xid = xid,
		.secs = secs,
		.flags = DHCP_FLAG_BROADCAST,
	};

	memcpy(message.chaddr, client->hardware, sizeof(message.chaddr));
	dhcp_write_header(&writer, &message);
	write_max_size(&writer);
	write_parameters(&writer);
	write_uuid(&writer, client);
	write_ndi(&writer, client);
	write_arch(&writer, client);
	write_class(&writer, client);
	return finish(&writer);
}

size_t firmware_write_boot_request(const struct firmware_client *client, uint32_t xid,
	struct in_addr ciaddr, uint8_t *buffer, size_t size)
{
	struct wire_writer writer = wire_writer_init(buffer, size);
	struct dhcp_message message = {
		.op = DHCP_OP_BOOTREQUEST,
		.type = DHCP_REQUEST,
		.xid = xid,
		.ciaddr = ciaddr,
	};

	memcpy(message.chaddr, client->hardware, sizeof(message.chaddr));
	dhcp_write_header(&writer, &message);
	write_parameters(&writer);
	write_max_size(&writer);
	write_class(&writer, client);
	write_arch(&writer, client);
	write_ndi(&writer, client);
	write_uuid(&writer, client);
	return finish(&writer);
}

/* --- what it hears --------------------------------------------------------------------------- */

/* What every reply must be (Dhcp4Io.c, DhcpInput, and the validator of options). */
static enum firmware_status take_message(const struct firmware_client *client, uint32_t xid,
	struct bytes datagram, struct dhcp_message *ret_message)
{
	struct dhcp_message message;

	if (dhcp_message_parse(datagram, &message) != DHCP_OK)
		return FIRMWARE_MALFORMED;
	if (message.op != DHCP_OP_BOOTREPLY || message.xid != xid
		|| memcmp(message.chaddr, client->hardware, sizeof(message.chaddr)) != 0)
		return FIRMWARE_UNRELATED;
	if (datagram.len > REPLY_LEN_MAX)
		return FIRMWARE_TOO_LONG;
	if (!message.has_end)
		return FIRMWARE_NO_END;
	*ret_message = message;
	return FIRMWARE_TAKEN;
}

static bool has_any(struct bytes vendor, int first, int last)
{
	for (int code = first; code <= last; code++)
		if (pxe_vendor_option_find(vendor, (enum pxe_vendor_option)code).data)
			return true;
	return false;
}

/* Option 67 first, then the header: the opposite of iPXE, hence to be set alike. */
static void read_boot_file(const struct dhcp_message *message, struct firmware_offer *offer)
{
	struct bytes name = message->option[DHCP_OPTION_BOOT_FILE];

	if (name.len == 0)
		name = message->file;
	for (size_t i = 0; i < name.len && name.data[i] != '\0'; i++)
		offer->boot_file[i] = (char)name.data[i];
}

/* 43.8 lists boot servers by type: type, count, addresses. The first address of the first. */
static bool first_boot_server(struct bytes vendor, struct in_addr *ret_address)
{
	struct bytes list = pxe_vendor_option_find(vendor, PXE_VENDOR_BOOT_SERVERS);

	if (list.len < 7 || list.data[2] == 0)
		return false;
	memcpy(ret_address, list.data + 3, sizeof(*ret_address));
	return true;
}

/* PxeBcDhcp4BootInfo. */
static struct in_addr boot_server_of(
	const struct dhcp_message *message, struct bytes vendor, bool use_boot_file)
{
	struct in_addr address = message->siaddr;

	if (use_boot_file && first_boot_server(vendor, &address))
		return address;
	if (address.s_addr == INADDR_ANY)
		(void)dhcp_option_address(message, DHCP_OPTION_SERVER_ID, &address);
	return address;
}

static enum firmware_offer_kind kind_of(
	const struct dhcp_message *message, struct bytes vendor, bool speaks_pxe, bool speaks_http)
{
	bool site = message->yiaddr.s_addr != INADDR_ANY;

	if (speaks_http)
		return site ? FIRMWARE_SITE_HTTP : FIRMWARE_PROXY_HTTP;
	if (!speaks_pxe)
		return FIRMWARE_SITE;
	if (has_any(vendor, DISCOVERY_FIRST, DISCOVERY_LAST))
		return site ? FIRMWARE_SITE_PXE10 : FIRMWARE_PROXY_PXE10;
	return site ? FIRMWARE_SITE_BINL : FIRMWARE_PROXY_BINL;
}

/* PxeBcParseDhcp4Packet and HttpBootParseDhcp4Packet: a class that is not the client's own counts
 * as none. */
static enum firmware_status understand(const struct firmware_client *client,
	const struct dhcp_message *message, struct in_addr source, struct firmware_offer *ret_offer)
{
	struct bytes class = message->option[DHCP_OPTION_VENDOR_CLASS];
	bool speaks_pxe = !is_http(client) && bytes_start_with(class, PXE_CLASS);
	bool speaks_http = is_http(client) && bytes_start_with(class, HTTP_CLASS);
	struct bytes vendor = speaks_pxe ? message->option[DHCP_OPTION_VENDOR] : (struct bytes){0};
	struct bytes control = pxe_vendor_option_find(vendor, PXE_VENDOR_DISCOVERY_CONTROL);
	struct firmware_offer offer = {.source = source, .yiaddr = message->yiaddr};

	offer.kind = kind_of(message, vendor, speaks_pxe, speaks_http);
	if (offer.kind == FIRMWARE_SITE && message->yiaddr.s_addr == INADDR_ANY)
		return FIRMWARE_NO_CLASS;
	if (!has_any(vendor, DISCOVERY_FIRST, DISCOVERY_LAST)
		&& has_any(vendor, MULTICAST_FIRST, MULTICAST_LAST))
		return FIRMWARE_MULTICAST;
	offer.use_boot_file = control.len > 0 && (control.data[0] & PXE_CONTROL_USE_BOOT_FILE);
	offer.boot_server = boot_server_of(message, vendor, offer.use_boot_file);
	if (!is_http(client) || speaks_http)
		read_boot_file(message, &offer);
	(void)dhcp_option_address(message, DHCP_OPTION_SERVER_ID, &offer.server_id);
	(void)dhcp_option_address(message, DHCP_OPTION_SUBNET_MASK, &offer.mask);
	(void)dhcp_option_address(message, DHCP_OPTION_ROUTER, &offer.router);
	(void)dhcp_option_address(message, DHCP_OPTION_DNS, &offer.dns);
	*ret_offer = offer;
	return FIRMWARE_TAKEN;
}

enum firmware_status firmware_take_offer(const struct firmware_client *client, uint32_t xid,
	struct endpoint source, struct bytes datagram, struct firmware_offer *ret_offer)
{
	struct dhcp_message message;
	struct in_addr server_id;
	enum firmware_status status = take_message(client, xid, datagram, &message);

	if (status != FIRMWARE_TAKEN)
		return status;
	if (source.port != DHCP_SERVER_PORT)
		return FIRMWARE_BAD_PORT;
	if (message.type != DHCP_OFFER)
		return FIRMWARE_NOT_AN_OFFER;
	if (!dhcp_option_address(&message, DHCP_OPTION_SERVER_ID, &server_id)
		|| server_id.s_addr == INADDR_ANY)
		return FIRMWARE_NO_SERVER_ID;
	status = understand(client, &message, source.address, ret_offer);
	if (status == FIRMWARE_TAKEN && ret_offer->kind == FIRMWARE_PROXY_HTTP
		&& ret_offer->boot_file[0] == '\0')
		return FIRMWARE_NO_BOOT_FILE;
	return status;
}

/* The message's type, its source and an address in it do not matter here (PxeDhcpInput). */
enum firmware_status firmware_take_boot_reply(const struct firmware_client *client, uint32_t xid,
	struct endpoint source, struct bytes datagram, struct firmware_offer *ret_offer)
{
	struct dhcp_message message;
	enum firmware_status status = take_message(client, xid, datagram, &message);

	if (status == FIRMWARE_TAKEN)
		status = understand(client, &message, source.address, ret_offer);
	if (status != FIRMWARE_TAKEN)
		return status;
	if (ret_offer->boot_file[0] == '\0')
		return FIRMWARE_NO_BOOT_FILE;
	if ((ret_offer->kind == FIRMWARE_PROXY_PXE10 || ret_offer->kind == FIRMWARE_SITE_PXE10)
		&& !ret_offer->use_boot_file)
		return FIRMWARE_MENU;
	return FIRMWARE_TAKEN;
}

const char *firmware_status_text(enum firmware_status status)
{
	switch (status) {
	case FIRMWARE_TAKEN:
		return "is taken";
	case FIRMWARE_UNRELATED:
		return "is for somebody else";
	case FIRMWARE_BAD_PORT:
		return "does not come from port 67";
	case FIRMWARE_TOO_LONG:
		return "is longer than 1472 octets";
	case FIRMWARE_MALFORMED:
		return "is not a well-formed DHCP message";
	case FIRMWARE_NO_END:
		return "lacks the END option";
	case FIRMWARE_NOT_AN_OFFER:
		return "is no OFFER";
	case FIRMWARE_NO_SERVER_ID:
		return "lacks the server identifier (option 54)";
	case FIRMWARE_NO_CLASS:
		return "offers no address and does not name the client's class (option 60)";
	case FIRMWARE_NO_BOOT_FILE:
		return "names no boot file";
	case FIRMWARE_MULTICAST:
		return "asks for multicast download, which firmware does not do";
	case FIRMWARE_MENU:
		return "shows a menu instead of a boot file";
	}
	return "?";
}

/* --- what it does ---------------------------------------------------------------------------- */

/* The first offer of a kind, or n_offers. */
static size_t find(
	const struct firmware_offer *offers, size_t n_offers, enum firmware_offer_kind kind)
{
	size_t i = 0;

	while (i < n_offers && offers[i].kind != kind)
		i++;
	return i;
}

/* PxeBcSelectBootPrompt: straight to the file, or a menu that nobody is there to choose from. */
static enum firmware_way way_of_pxe10(const struct firmware_offer *offer)
{
	return offer->use_boot_file && offer->boot_file[0] ? FIRMWARE_TFTP : FIRMWARE_CANCELLED;
}

/* In the order of preference; `site_kind` gives the address, `kind` the boot. */
static const struct preference {
	enum firmware_offer_kind site_kind, kind;
} preferences[] = {
	{FIRMWARE_SITE_PXE10, FIRMWARE_SITE_PXE10},
	{FIRMWARE_SITE, FIRMWARE_PROXY_PXE10},
	{FIRMWARE_SITE_BINL, FIRMWARE_SITE_BINL},
	{FIRMWARE_SITE, FIRMWARE_PROXY_BINL},
	{FIRMWARE_SITE_HTTP, FIRMWARE_SITE_HTTP},
	{FIRMWARE_SITE, FIRMWARE_PROXY_HTTP},
};

static enum firmware_way way_of(const struct firmware_offer *offer)
{
	switch (offer->kind) {
	case FIRMWARE_SITE_PXE10:
	case FIRMWARE_PROXY_PXE10:
		return way_of_pxe10(offer);
	case FIRMWARE_SITE_BINL:
	case FIRMWARE_PROXY_BINL:
		return FIRMWARE_ASK_4011;
	case FIRMWARE_SITE_HTTP:
	case FIRMWARE_PROXY_HTTP:
		return FIRMWARE_HTTP;
	case FIRMWARE_SITE:
		break;
	}
	return offer->boot_file[0] ? FIRMWARE_TFTP : FIRMWARE_NO_SERVER;
}

struct firmware_choice firmware_choose(const struct firmware_offer *offers, size_t n_offers)
{
	struct firmware_choice choice = {.way = FIRMWARE_NO_ADDRESS};

	for (size_t i = 0; i < sizeof(preferences) / sizeof(preferences[0]); i++) {
		choice.site = find(offers, n_offers, preferences[i].site_kind);
		choice.offer = find(offers, n_offers, preferences[i].kind);
		if (choice.site < n_offers && choice.offer < n_offers) {
			choice.way = way_of(&offers[choice.offer]);
			return choice;
		}
	}
	choice.site = choice.offer = find(offers, n_offers, FIRMWARE_SITE);
	for (size_t i = choice.site; i < n_offers; i++)
		if (offers[i].kind == FIRMWARE_SITE && offers[i].boot_file[0]) {
			choice.site = choice.offer = i;
			break;
		}
	if (choice.site < n_offers)
		choice.way = way_of(&offers[choice.offer]);
	return choice;
}
