/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/tftp_packet.h"

/* Models of the clients that matter, each with the manners of the real one. */

enum client_kind {
	CLIENT_EDK2,	 /* size probe, then from a new port a window of 4 */
	CLIENT_IPXE,	 /* ACKs every DATA, impatient */
	CLIENT_CLASSIC,	 /* RFC 1350 alone */
	CLIENT_WINDOW16, /* RFC 7440 */
	CLIENT_KINDS,
};

enum client_outcome {
	CLIENT_RUNNING,
	CLIENT_COMPLETE,
	CLIENT_FAILED,	 /* and says why */
	CLIENT_OFFENDED, /* the server broke the protocol */
};

/* Sends from the client's port to the server's. */
typedef void (*client_send_fn)(void *context, uint16_t from, uint16_t to, struct bytes payload);

struct client {
	enum client_kind kind;
	client_send_fn send;
	void *context;

	enum client_outcome outcome;
	const char *reason;
	uint8_t *buffer; /* what it received */
	size_t received;

	/* Private. */
	size_t capacity;
	uint16_t port;	     /* 0: closed */
	uint16_t server_tid; /* 0: not known yet */
	bool probing;
	uint32_t blksize;
	uint16_t windowsize;
	uint64_t n_blocks, n_acked; /* received in order; of these, acknowledged */
	uint64_t wrap_offset;	    /* iPXE's reckoning of block numbers */
	uint8_t last[128];	    /* to be sent again when the timer fires */
	size_t last_len;
	uint16_t last_to;
	uint64_t deadline_us;
	uint32_t wait_ms;
	unsigned tries;
};

const char *client_name(enum client_kind kind);

/* Opens a port and asks for the file. The buffer takes `capacity` octets and is the caller's. */
void client_start(struct client *client, enum client_kind kind, uint16_t port, uint8_t *buffer,
	size_t capacity, client_send_fn send, void *context, uint64_t now_us);

/* False: the client has no such port open. */
bool client_receive(
	struct client *client, uint16_t port, uint16_t from, struct bytes payload, uint64_t now_us);

/* The deadline has passed. */
void client_expire(struct client *client, uint64_t now_us);
