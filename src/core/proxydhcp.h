/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/endpoint.h"
#include "core/admission.h"
#include "core/pxe.h"

/* The decision of a proxyDHCP server (PXE 2.1 section 2, and what real firmware makes of it): one
 * function for port 67 and port 4011; the port is part of our endpoint. */

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
#define PXE_SERVER_PORT	 4011

/* The form of an OFFER to a UEFI client. */
enum proxydhcp_uefi_form {
	PROXYDHCP_BINL,	  /* no option 43: the client comes to port 4011, as with WDS */
	PROXYDHCP_DIRECT, /* option 43 {6: 8}: straight to TFTP */
};

struct proxydhcp_policy {
	enum proxydhcp_uefi_form uefi_form;
	const char *boot_file; /* for UEFI clients of `machine`, at most 127 octets; NULL: nothing
				* verified to serve yet */
	uint16_t machine;      /* PE/COFF machine of the boot file, also while there is none */
};

/* How a message came in. */
struct proxydhcp_ingress {
	struct endpoint endpoint; /* the interface's address towards the client, and the port it
				   * came to: 67 or 4011. The reply leaves from it */
	struct endpoint source;
	enum admission_verdict admission; /* of the source */
};

enum proxydhcp_verdict {
	PROXYDHCP_ANSWER,
	PROXYDHCP_NOT_A_REQUEST,    /* op is BOOTREPLY: another server's, or our own */
	PROXYDHCP_NOT_PXE,	    /* no PXEClient or HTTPClient */
	PROXYDHCP_NOT_OURS,	    /* part of the site's own exchange, or for another server */
	PROXYDHCP_NOT_ADMITTED,	    /* admission_verdict_text says why */
	PROXYDHCP_UNKNOWN_ARCH,	    /* no architecture, or one unknown to IANA */
	PROXYDHCP_NO_FILE_FOR_ARCH, /* known, and nothing to serve to it */
	PROXYDHCP_NOTHING_TO_SERVE, /* no verified artifact yet */
	PROXYDHCP_NO_ROOM,	    /* the boot file's name or a relay's option 82 is too long */
};

struct proxydhcp_reply {
	uint8_t data[1472];
	size_t len;
	enum dhcp_type type;
	struct endpoint destination; /* 255.255.255.255:68, a relay's 67, or the UDP source */
};

/* Judges `request`. `ret_client` is filled when the message is a PXE client's (from
 * PROXYDHCP_NOT_OURS on), for the log; `ret_reply` means something with
 * PROXYDHCP_ANSWER only. No allocation. */
enum proxydhcp_verdict proxydhcp_answer(const struct proxydhcp_policy *policy,
	const struct proxydhcp_ingress *ingress, const struct dhcp_message *request,
	struct pxe_client *ret_client, struct proxydhcp_reply *ret_reply);

/* A reason in plain words, for a log and a person. */
const char *proxydhcp_verdict_text(enum proxydhcp_verdict verdict);
