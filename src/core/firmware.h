/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/endpoint.h"
#include "core/pxe.h"

/* The client's side of PXE as EDK2 plays it (NetworkPkg, UefiPxeBcDxe and HttpBootDxe): its
 * messages, which replies it takes, and which offer it follows. */

struct firmware_client {
	const struct pxe_arch *arch;
	uint8_t hardware[6];
	uint8_t uuid[16]; /* SMBIOS order */
};

/* Write a message and return its length; 0: it does not fit. */
size_t firmware_write_discover(const struct firmware_client *client, uint32_t xid, uint16_t secs,
	uint8_t *buffer, size_t size);

/* The REQUEST to port 4011, from a client that has the address `ciaddr`. */
size_t firmware_write_boot_request(const struct firmware_client *client, uint32_t xid,
	struct in_addr ciaddr, uint8_t *buffer, size_t size);

enum firmware_offer_kind {
	FIRMWARE_SITE,	      /* an address, no option 60: a plain DHCP server */
	FIRMWARE_SITE_PXE10,  /* an address, and PXEClient with a discovery option in 43 */
	FIRMWARE_SITE_BINL,   /* an address, and PXEClient without */
	FIRMWARE_SITE_HTTP,   /* an address, and HTTPClient */
	FIRMWARE_PROXY_PXE10, /* no address: a proxy's offer that tells how to go on */
	FIRMWARE_PROXY_BINL,  /* no address: a proxy that wants to be asked on port 4011 */
	FIRMWARE_PROXY_HTTP,  /* no address: a URL for HTTP Boot */
};

#define FIRMWARE_BOOT_FILE_MAX 256

/* A reply as the firmware understands it. Addresses are 0 where the reply has none. */
struct firmware_offer {
	enum firmware_offer_kind kind;
	struct in_addr source;	    /* of the datagram */
	struct in_addr server_id;   /* option 54 */
	struct in_addr yiaddr;	    /* what a site offers */
	struct in_addr boot_server; /* whom to ask: siaddr, else option 54 */
	struct in_addr mask, router, dns;
	bool use_boot_file;			/* option 43: no menu, no 4011 */
	char boot_file[FIRMWARE_BOOT_FILE_MAX]; /* option 67, else the header's; "" for none */
};

enum firmware_status {
	FIRMWARE_TAKEN,
	FIRMWARE_UNRELATED,    /* not a reply to this client's message */
	FIRMWARE_BAD_PORT,     /* an OFFER from another port than 67 */
	FIRMWARE_TOO_LONG,     /* over 1472 octets */
	FIRMWARE_MALFORMED,    /* no DHCP message */
	FIRMWARE_NO_END,       /* options without END */
	FIRMWARE_NOT_AN_OFFER, /* an answer to DISCOVER of another type */
	FIRMWARE_NO_SERVER_ID,
	FIRMWARE_NO_CLASS,     /* neither an address nor the client's class: nothing to go by */
	FIRMWARE_NO_BOOT_FILE, /* on 4011, or for HTTP Boot */
	FIRMWARE_MULTICAST,    /* PXE 1.x multicast download, which no firmware does any more */
	FIRMWARE_MENU,	       /* on 4011: a menu where a file was asked for */
};

/* Judges a datagram from `source` as a reply to DISCOVER (to port 68). */
enum firmware_status firmware_take_offer(const struct firmware_client *client, uint32_t xid,
	struct endpoint source, struct bytes datagram, struct firmware_offer *ret_offer);

/* Judges a datagram as the reply to the REQUEST to port 4011. */
enum firmware_status firmware_take_boot_reply(const struct firmware_client *client, uint32_t xid,
	struct endpoint source, struct bytes datagram, struct firmware_offer *ret_offer);

/* Why a reply is not taken, in plain words that follow "its reply". */
const char *firmware_status_text(enum firmware_status status);

#define FIRMWARE_OFFERS_MAX 16 /* the firmware keeps no more */

enum firmware_way {
	FIRMWARE_NO_ADDRESS, /* no site server offers an address: nothing works */
	FIRMWARE_NO_SERVER,  /* an address, and nobody to boot from */
	FIRMWARE_TFTP,	     /* fetch the file of the offer at once */
	FIRMWARE_ASK_4011,   /* ask the offer's server on port 4011 first */
	FIRMWARE_HTTP,	     /* fetch the URL of the offer */
	FIRMWARE_CANCELLED,  /* the offer shows a menu, or no file: the boot ends (PXE-E21) */
};

/* What the firmware makes of all offers (PxeBcSelectDhcp4Offer, HttpBootSelectDhcpOffer). */
struct firmware_choice {
	enum firmware_way way;
	size_t site;  /* index of the offer whose address is taken, unless FIRMWARE_NO_ADDRESS */
	size_t offer; /* index of the offer to boot by, from FIRMWARE_TFTP on */
};

struct firmware_choice firmware_choose(const struct firmware_offer *offers, size_t n_offers);
