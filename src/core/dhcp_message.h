/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"
#include "base/wire.h"

#include <netinet/in.h>

/* The BOOTP/DHCP message of RFC 2131 section 2 and the options of RFC 2132, as values. */

enum dhcp_op {
	DHCP_OP_BOOTREQUEST = 1,
	DHCP_OP_BOOTREPLY = 2,
};

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_DECLINE = 4,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
	DHCP_RELEASE = 7,
	DHCP_INFORM = 8,
};

enum dhcp_option {
	DHCP_OPTION_PAD = 0,
	DHCP_OPTION_SUBNET_MASK = 1,
	DHCP_OPTION_ROUTER = 3,
	DHCP_OPTION_DNS = 6,
	DHCP_OPTION_VENDOR = 43,
	DHCP_OPTION_REQUESTED_ADDRESS = 50,
	DHCP_OPTION_OVERLOAD = 52,
	DHCP_OPTION_MESSAGE_TYPE = 53,
	DHCP_OPTION_SERVER_ID = 54,
	DHCP_OPTION_PARAMETERS = 55,
	DHCP_OPTION_MAX_SIZE = 57,
	DHCP_OPTION_VENDOR_CLASS = 60,
	DHCP_OPTION_BOOT_FILE = 67,
	DHCP_OPTION_USER_CLASS = 77,
	DHCP_OPTION_RELAY_AGENT = 82,
	DHCP_OPTION_CLIENT_ARCH = 93,
	DHCP_OPTION_CLIENT_NDI = 94,
	DHCP_OPTION_CLIENT_UUID = 97,
	DHCP_OPTION_IPXE = 175,
	DHCP_OPTION_END = 255,
};

#define DHCP_FLAG_BROADCAST 0x8000
#define DHCP_HEADER_LEN	    236 /* up to the magic cookie */
#define DHCP_MIN_LEN	    300 /* of a BOOTP message, RFC 1542 2.1 */
#define DHCP_DATAGRAM_MAX   1500
#define DHCP_FILE_LEN	    128
#define DHCP_SNAME_LEN	    64

enum dhcp_status {
	DHCP_OK,
	DHCP_SHORT,  /* fewer than header and cookie */
	DHCP_LONG,   /* over DHCP_DATAGRAM_MAX: truncated on receipt or a jumbo nobody sends */
	DHCP_BAD_OP, /* neither BOOTREQUEST nor BOOTREPLY */
	DHCP_BAD_COOKIE,
	DHCP_BAD_HARDWARE, /* not Ethernet with a six octet unicast address */
	DHCP_BAD_HOPS,	   /* over 16 */
	DHCP_BAD_OPTION,   /* an option runs past its area */
	DHCP_BAD_TYPE,	   /* option 53 absent, not one octet, or out of 1..8 */
};

/* A message. Views of a parsed one point into the datagram, which must outlive it. */
struct dhcp_message {
	enum dhcp_op op;
	enum dhcp_type type;
	uint32_t xid;
	uint16_t secs;
	uint16_t flags;
	struct in_addr ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[6];
	struct bytes sname; /* 64 octets; absent when option 52 made it an option area */
	struct bytes file;  /* 128 octets; likewise */
	/* The first instance of each option, from the option field, then from file and sname where
	 * option 52 says so (RFC 2131 4.1). Absent: data == NULL. */
	struct bytes option[256];
	bool has_end; /* of the option field; EDK2 takes no reply without */
};

/* Parses and judges a datagram of up to 1500 octets. END may be missing (the field's clients get
 * by without); no option may run past its area. A split option (RFC 3396) counts with its first
 * part. */
enum dhcp_status dhcp_message_parse(struct bytes datagram, struct dhcp_message *ret_message);

/* A word for a log: "short", "bad-cookie", … */
const char *dhcp_status_name(enum dhcp_status status);

/* "DISCOVER", … */
const char *dhcp_type_name(enum dhcp_type type);

/* "52:54:00:ea:29:a6". Returns `text`. */
#define DHCP_HARDWARE_TEXT_MAX 18
const char *dhcp_hardware_format(const uint8_t address[6], char text[DHCP_HARDWARE_TEXT_MAX]);

/* An option's first IPv4 address; false: absent, or shorter than one. */
bool dhcp_option_address(
	const struct dhcp_message *message, enum dhcp_option code, struct in_addr *ret_address);

/* Writes header (from `message`'s fixed fields, with `file` and `sname` padded by at least one
 * zero octet), cookie and option 53. More options follow through dhcp_write_option, then
 * dhcp_write_end, which pads to DHCP_MIN_LEN. The writer's sticky error says whether all of it
 * fitted, also `file` and `sname` into their fields and a value into an option's 255 octets. */
void dhcp_write_header(struct wire_writer *writer, const struct dhcp_message *message);
void dhcp_write_option(struct wire_writer *writer, enum dhcp_option code, struct bytes value);
void dhcp_write_end(struct wire_writer *writer);
