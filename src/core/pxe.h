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

/* What a client says of itself. */
struct pxe_client {
	bool http;		     /* option 60 starts with HTTPClient, else PXEClient */
	bool ipxe;		     /* option 77 contains iPXE, or option 175 is there */
	const struct pxe_arch *arch; /* the first one known in option 93, else that of option 60's
				      * Arch:NNNNN; NULL: none known */
	uint16_t arch_value;	     /* what it said, for a log */
	struct bytes uuid;	     /* option 97's 16 octets in SMBIOS order, or absent */
	bool boot_server_discover;   /* option 43 has sub-option 71 */
	uint16_t boot_server_type;   /* of 71; the layer's bit 15 (BIS) is never set here */
	uint16_t boot_server_layer;
};

/* False: option 60 is no PXEClient or HTTPClient, or asks for BIS security: silence is the answer.
 */
bool pxe_client_parse(const struct dhcp_message *message, struct pxe_client *ret_client);

/* The text form of SMBIOS, the first three fields byte-swapped: as dmidecode and orchestrators show
 * it. `uuid` has 16 octets. Returns `text`. */
#define PXE_UUID_TEXT_MAX 37
const char *pxe_uuid_format(struct bytes uuid, char text[PXE_UUID_TEXT_MAX]);
