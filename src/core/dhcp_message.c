/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between datagrams and DHCP messages. It hides the three option areas and their rules: whatever
 * is handed on lies inside the datagram, each area is read once, and what a message contradicts
 * itself in is refused here, so that nobody above has to look at lengths again.
 */
#include "core/dhcp_message.h"

#include <stdio.h>
#include <string.h>

#define MAGIC_COOKIE	   0x63825363
#define HTYPE_ETHERNET	   1
#define CHADDR_FIELD_LEN   16
#define HOPS_MAX	   16
#define OVERLOADS_FILE(x)  (((x)&1) != 0)
#define OVERLOADS_SNAME(x) (((x)&2) != 0)

/* Reads one area up to END or its end; false when an option runs past it. */
static bool read_options(struct bytes area, struct dhcp_message *message, bool *ret_has_end)
{
	struct wire_reader reader = wire_reader_init(area);
	bool has_end = false;

	while (!has_end && wire_reader_left(&reader) > 0) {
		uint8_t code = wire_read_u8(&reader);
		struct bytes value;

		if (code == DHCP_OPTION_PAD)
			continue;
		if (code == DHCP_OPTION_END) {
			has_end = true;
			continue;
		}
		value = wire_read_bytes(&reader, wire_read_u8(&reader));
		if (reader.failed)
			return false;
		if (!message->option[code].data)
			message->option[code] = value;
	}
	*ret_has_end = has_end;
	return true;
}

/* RFC 2132 9.3; any other value is no overload. */
static unsigned overload_of(const struct dhcp_message *message)
{
	struct bytes value = message->option[DHCP_OPTION_OVERLOAD];

	return value.len == 1 && value.data[0] <= 3 ? value.data[0] : 0;
}

/* The option field, then file, then sname (RFC 2131 4.1). The areas of an overload are fixed by the
 * option field alone: option 52 inside of them says nothing. */
static bool read_all_options(struct bytes field, struct dhcp_message *message)
{
	bool area_has_end;
	unsigned overload;

	if (!read_options(field, message, &message->has_end))
		return false;
	overload = overload_of(message);
	if (OVERLOADS_FILE(overload)) {
		if (!read_options(message->file, message, &area_has_end))
			return false;
		message->file = (struct bytes){0};
	}
	if (OVERLOADS_SNAME(overload)) {
		if (!read_options(message->sname, message, &area_has_end))
			return false;
		message->sname = (struct bytes){0};
	}
	return true;
}

static bool hardware_is_unicast_ethernet(uint8_t htype, uint8_t hlen, const uint8_t *address)
{
	static const uint8_t zero[6];

	return htype == HTYPE_ETHERNET && hlen == sizeof(zero) && (address[0] & 1) == 0
	       && memcmp(address, zero, sizeof(zero)) != 0;
}

static struct in_addr read_address(struct wire_reader *reader)
{
	return (struct in_addr){.s_addr = htonl(wire_read_u32(reader))};
}

static enum dhcp_status read_header(struct wire_reader *reader, struct dhcp_message *message)
{
	uint8_t op = wire_read_u8(reader);
	uint8_t htype = wire_read_u8(reader);
	uint8_t hlen = wire_read_u8(reader);
	uint8_t hops = wire_read_u8(reader);

	message->op = op;
	message->xid = wire_read_u32(reader);
	message->secs = wire_read_u16(reader);
	message->flags = wire_read_u16(reader);
	message->ciaddr = read_address(reader);
	message->yiaddr = read_address(reader);
	message->siaddr = read_address(reader);
	message->giaddr = read_address(reader);
	memcpy(message->chaddr, wire_read_bytes(reader, CHADDR_FIELD_LEN).data,
		sizeof(message->chaddr));
	message->sname = wire_read_bytes(reader, DHCP_SNAME_LEN);
	message->file = wire_read_bytes(reader, DHCP_FILE_LEN);

	if (op != DHCP_OP_BOOTREQUEST && op != DHCP_OP_BOOTREPLY)
		return DHCP_BAD_OP;
	if (wire_read_u32(reader) != MAGIC_COOKIE)
		return DHCP_BAD_COOKIE;
	if (!hardware_is_unicast_ethernet(htype, hlen, message->chaddr))
		return DHCP_BAD_HARDWARE;
	return hops > HOPS_MAX ? DHCP_BAD_HOPS : DHCP_OK;
}

static bool read_type(struct dhcp_message *message)
{
	struct bytes value = message->option[DHCP_OPTION_MESSAGE_TYPE];

	if (value.len != 1 || value.data[0] < DHCP_DISCOVER || value.data[0] > DHCP_INFORM)
		return false;
	message->type = value.data[0];
	return true;
}

enum dhcp_status dhcp_message_parse(struct bytes datagram, struct dhcp_message *ret_message)
{
	struct wire_reader reader = wire_reader_init(datagram);
	struct dhcp_message message = {0};
	enum dhcp_status status;

	if (datagram.len < DHCP_HEADER_LEN + sizeof(uint32_t))
		return DHCP_SHORT;
	if (datagram.len > DHCP_DATAGRAM_MAX)
		return DHCP_LONG;
	status = read_header(&reader, &message);
	if (status != DHCP_OK)
		return status;
	if (!read_all_options(wire_read_bytes(&reader, wire_reader_left(&reader)), &message))
		return DHCP_BAD_OPTION;
	if (!read_type(&message))
		return DHCP_BAD_TYPE;
	*ret_message = message;
	return DHCP_OK;
}

const char *dhcp_status_name(enum dhcp_status status)
{
	switch (status) {
	case DHCP_OK:
		return "ok";
	case DHCP_SHORT:
		return "short";
	case DHCP_LONG:
		return "long";
	case DHCP_BAD_OP:
		return "bad-op";
	case DHCP_BAD_COOKIE:
		return "bad-cookie";
	case DHCP_BAD_HARDWARE:
		return "bad-hardware-address";
	case DHCP_BAD_HOPS:
		return "bad-hops";
	case DHCP_BAD_OPTION:
		return "bad-option";
	case DHCP_BAD_TYPE:
		return "bad-message-type";
	}
	return "?";
}

const char *dhcp_type_name(enum dhcp_type type)
{
	static const char *const names[] = {
		[DHCP_DISCOVER] = "DISCOVER",
		[DHCP_OFFER] = "OFFER",
		[DHCP_REQUEST] = "REQUEST",
		[DHCP_DECLINE] = "DECLINE",
		[DHCP_ACK] = "ACK",
		[DHCP_NAK] = "NAK",
		[DHCP_RELEASE] = "RELEASE",
		[DHCP_INFORM] = "INFORM",
	};

	return type >= DHCP_DISCOVER && type <= DHCP_INFORM ? names[type] : "?";
}

const char *dhcp_hardware_format(const uint8_t address[6], char text[DHCP_HARDWARE_TEXT_MAX])
{
	snprintf(text, DHCP_HARDWARE_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", address[0],
		address[1], address[2], address[3], address[4], address[5]);
	return text;
}

bool dhcp_option_address(
	const struct dhcp_message *message, enum dhcp_option code, struct in_addr *ret_address)
{
	struct bytes value = message->option[code];

	if (value.len < sizeof(*ret_address))
		return false;
	memcpy(ret_address, value.data, sizeof(*ret_address));
	return true;
}

/* A text in a field of the header, terminated: ROMs take it for a C string. */
static void write_field(struct wire_writer *writer, struct bytes value, size_t field_len)
{
	if (value.len >= field_len) {
		writer->failed = true;
		return;
	}
	wire_write_bytes(writer, value);
	wire_write_zeroes(writer, field_len - value.len);
}

static void write_address(struct wire_writer *writer, struct in_addr address)
{
	wire_write_u32(writer, ntohl(address.s_addr));
}

void dhcp_write_header(struct wire_writer *writer, const struct dhcp_message *message)
{
	const uint8_t type = (uint8_t)message->type;

	wire_write_u8(writer, (uint8_t)message->op);
	wire_write_u8(writer, HTYPE_ETHERNET);
	wire_write_u8(writer, sizeof(message->chaddr));
	wire_write_u8(writer, 0);
	wire_write_u32(writer, message->xid);
	wire_write_u16(writer, message->secs);
	wire_write_u16(writer, message->flags);
	write_address(writer, message->ciaddr);
	write_address(writer, message->yiaddr);
	write_address(writer, message->siaddr);
	write_address(writer, message->giaddr);
	wire_write_bytes(writer, bytes_of(message->chaddr, sizeof(message->chaddr)));
	wire_write_zeroes(writer, CHADDR_FIELD_LEN - sizeof(message->chaddr));
	write_field(writer, message->sname, DHCP_SNAME_LEN);
	write_field(writer, message->file, DHCP_FILE_LEN);
	wire_write_u32(writer, MAGIC_COOKIE);
	dhcp_write_option(writer, DHCP_OPTION_MESSAGE_TYPE, bytes_of(&type, sizeof(type)));
}

void dhcp_write_option(struct wire_writer *writer, enum dhcp_option code, struct bytes value)
{
	if (value.len > UINT8_MAX) {
		writer->failed = true;
		return;
	}
	wire_write_u8(writer, (uint8_t)code);
	wire_write_u8(writer, (uint8_t)value.len);
	wire_write_bytes(writer, value);
}

void dhcp_write_end(struct wire_writer *writer)
{
	wire_write_u8(writer, DHCP_OPTION_END);
	if (writer->len < DHCP_MIN_LEN)
		wire_write_zeroes(writer, DHCP_MIN_LEN - writer->len);
}
