/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/tftp_packet.h"

/* One read transfer, from the RRQ to the last ACK, as a state machine over bytes and time. It sees
 * the file as octets that outlive it; no socket, no clock. */

struct tftp_limits {
	size_t blksize_max;	     /* of the path: MTU - 32, and the operator's cap */
	uint16_t window_max;	     /* blocks */
	uint32_t rto_first_ms;	     /* 1000; the timeout option replaces it */
	uint32_t rto_max_ms;	     /* 4000 */
	unsigned sends_max;	     /* of one window: 6 */
	unsigned sends_unproven_max; /* before the first ACK proves the path: 3 */
	uint32_t stall_max_ms;	     /* without progress: 30000 */
};

enum tftp_state {
	TFTP_WAIT_OACK_ACK,
	TFTP_SENDING,
	TFTP_COMPLETE,	  /* the last ACK came */
	TFTP_UNCONFIRMED, /* all was sent, the last ACK never came: RFC 1350 section 6 */
	TFTP_PROBED,	  /* the client asked the size and left: EDK2, some ROMs */
	TFTP_ABORTED,	  /* the client sent an ERROR */
	TFTP_TIMED_OUT,
	TFTP_PROTOCOL, /* the client broke the protocol; an ERROR was sent */
};

struct tftp_transfer {
	struct bytes file;
	struct tftp_limits limits;
	struct tftp_option_value options[TFTP_OPTION_COUNT]; /* as the OACK says them */
	/* … the state, owned by tftp_transfer.c … */
	enum tftp_state state;
};

/* One packet to send: `header` (in full, or followed by `payload`, a view into the file). */
struct tftp_output {
	uint8_t header[512];
	size_t header_len;
	struct bytes payload;
};

/* Sets up a transfer of `file` as `request` asks within `limits`. Views into the request are
 * copied. */
void tftp_transfer_start(struct tftp_transfer *transfer, const struct tftp_limits *limits,
	const struct tftp_request *request, struct bytes file, uint64_t now_ms);

/* A datagram from the client arrived. */
void tftp_transfer_receive(struct tftp_transfer *transfer, struct bytes datagram, uint64_t now_ms);

/* The deadline has passed. */
void tftp_transfer_expire(struct tftp_transfer *transfer, uint64_t now_ms);

/* The next packet to send now; false: none. To be drained after start, receive and expire. */
bool tftp_transfer_next(struct tftp_transfer *transfer, struct tftp_output *ret_output);

/* When to call expire; meaningless once the transfer has ended. */
uint64_t tftp_transfer_deadline_ms(const struct tftp_transfer *transfer);

bool tftp_transfer_ended(const struct tftp_transfer *transfer);
