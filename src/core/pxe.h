/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/dhcp_message.h"

/* What PXE 2.1, RFC 4578 and iPXE say in the options of a DHCP message. */

enum pxe_arch_class {
	PXE_BIOS,      /* x86 BIOS, a network boot program in real mode */
	PXE_UEFI,      /* UEFI PXE: an EFI image by TFTP */
	PXE_UEFI_HTTP, /* UEFI HTTP Boot: a URL */
	PXE_OTHER,     /* known to IANA, nothing we could serve */
};

/* IANA's "Processor Architecture Types". `machine` is the PE/COFF machine that such a node's
 * firmware loads, 0 where there is none; `name` is what the operator types: "x64-uefi". */
struct pxe_arch {
	uint16_t value;
	enum pxe_arch_class class;
	uint16_t machine;
	const char *name;
};

const struct pxe_arch *pxe_arch_by_value(uint16_t value);  /* NULL: unknown to IANA */
const struct pxe_arch *pxe_arch_by_name(const char *name); /* NULL: no such name */

/* All of them in order of their values: *position is 0 at first. NULL: no more. */
const struct pxe_arch *pxe_arch_next(size_t *position);

/* Vendor class identifiers, option 60: what they begin with. */
#define PXE_CLASS  "PXEClient"
#define HTTP_CLASS "HTTPClient"

/* Sub-options of option 43, PXE 2.1 table 2-1. */
enum pxe_vendor_option {
	PXE_VENDOR_DISCOVERY_CONTROL = 6,
	PXE_VENDOR_BOOT_SERVERS = 8,
	PXE_VENDOR_BOOT_MENU = 9,
	PXE_VENDOR_MENU_PROMPT = 10,
	PXE_VENDOR_BOOT_ITEM = 71,
	PXE_VENDOR_END = 255,
};

/* Bit 3 of the discovery control: boot the file of this very message. */
#define PXE_CONTROL_USE_BOOT_FILE 0x08

/* The first such sub-option of an option 43; absent also when any of them runs past its end. */
struct bytes pxe_vendor_option_find(struct bytes vendor, enum pxe_vendor_option code);

/* What a client says of itself. Views point into its datagram. */
struct pxe_client {
	bool http;		     /* option 60 starts with HTTPClient, else PXEClient */
	bool ipxe;		     /* option 77 contains iPXE, or option 175 is there */
	const struct pxe_arch *arch; /* the first one known in option 93, or, without an option 93,
				      * that of option 60's Arch:NNNNN; NULL: none known */
	uint16_t arch_value;	     /* the first it said, for a log */
	struct bytes arch_list;	     /* a well-formed option 93, or absent */
	struct bytes uuid;	     /* option 97's 16 octets in SMBIOS order, or absent */
	struct bytes boot_item;	     /* sub-option 71: type and layer, 4 octets, or absent */
};

/* False: option 60 is no PXEClient or HTTPClient, or asks for BIS security: silence is the answer.
 */
bool pxe_client_parse(const struct dhcp_message *message, struct pxe_client *ret_client);

/* The first architecture of the client's list whose firmware loads images for `machine`, or NULL.
 */
const struct pxe_arch *pxe_client_arch_for(const struct pxe_client *client, uint16_t machine);

/* The text form of SMBIOS, the first three fields byte-swapped: as dmidecode and orchestrators show
 * it. `uuid` has 16 octets. Returns `text`. */
#define PXE_UUID_TEXT_MAX 37
const char *pxe_uuid_format(struct bytes uuid, char text[PXE_UUID_TEXT_MAX]);
