/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/tftp_packet.h"

/* One read transfer, from the RRQ to the last ACK, as a state machine over bytes and time. It sees
 * the file as octets that outlive it; no socket, no clock. */

struct tftp_limits {
	uint32_t blksize_max;	     /* of the path: MTU - 32, and the operator's cap */
	uint16_t window_max;	     /* blocks */
	uint32_t rto_first_ms;	     /* the timeout option replaces it */
	uint32_t rto_max_ms;	     /* doubling ends here */
	unsigned sends_max;	     /* of one window without progress */
	unsigned sends_last_max;     /* of the window with the last block */
	unsigned sends_unproven_max; /* before the first ACK proves the path */
	uint32_t stall_max_ms;	     /* without progress */
};

#define TFTP_LIMITS_DEFAULT                                                                        \
	((struct tftp_limits){                                                                     \
		.blksize_max = TFTP_BLKSIZE_MAX,                                                   \
		.window_max = 16,                                                                  \
		.rto_first_ms = 1000,                                                              \
		.rto_max_ms = 4000,                                                                \
		.sends_max = 6,                                                                    \
		.sends_last_max = 4,                                                               \
		.sends_unproven_max = 3,                                                           \
		.stall_max_ms = 30000,                                                             \
	})

enum tftp_state {
	TFTP_WAIT_OACK_ACK,
	TFTP_SENDING,
	TFTP_COMPLETE,	  /* the last ACK came */
	TFTP_UNCONFIRMED, /* all was sent, the last ACK never came: RFC 1350 section 6 */
	TFTP_PROBED,	  /* the client asked the size and left: EDK2, some ROMs */
	TFTP_ABORTED,	  /* the client sent an ERROR */
	TFTP_TIMED_OUT,
	TFTP_PROTOCOL, /* the client broke the protocol; an ERROR is sent */
	TFTP_GONE,     /* the network says that nobody listens */
};

/* An OACK with all four options at their longest, or an ERROR of ours. */
#define TFTP_OUTPUT_HEADER_MAX 80

struct tftp_transfer {
	struct bytes file;
	struct tftp_limits limits;
	enum tftp_state state;
	uint32_t blksize;
	uint16_t windowsize;

	/* Private. Blocks are numbered from 1 in 64 bits; the wire shows the low 16. */
	uint8_t oack_len; /* 0: no option was accepted */
	uint8_t oack[TFTP_OUTPUT_HEADER_MAX];
	bool first_pending, error_pending;
	bool proven;		   /* an ACK came: the peer is where it says it is */
	uint64_t last_block;	   /* of the file; less than full */
	uint64_t base;		   /* blocks up to here are acknowledged */
	uint64_t next;		   /* block to send next, up to window_end */
	uint64_t window_end;	   /* … */
	uint64_t highest;	   /* block ever sent */
	uint64_t resent_to;	   /* … and block up to which the timer sent all again */
	unsigned sends;		   /* of this window or OACK, so far */
	uint64_t window_opened_ms; /* first sent, at the last progress */
	uint64_t deadline_ms;

	/* For the record. */
	uint64_t started_ms;
	uint64_t packets_sent, packets_resent;
	uint16_t client_error;	     /* TFTP_ABORTED, TFTP_PROBED: the code … */
	struct bytes client_message; /* … and words, in the datagram that brought them */
};

/* One packet to send: `header` (in full, or followed by `payload`, a view into the file). */
struct tftp_output {
	uint8_t header[TFTP_OUTPUT_HEADER_MAX];
	size_t header_len;
	struct bytes payload;
};

/* Sets up a transfer of `file` as `request` asks within `limits`; the request may go away. */
void tftp_transfer_start(struct tftp_transfer *transfer, const struct tftp_limits *limits,
	const struct tftp_request *request, struct bytes file, uint64_t now_ms);

/* A datagram from the client arrived. */
void tftp_transfer_receive(struct tftp_transfer *transfer, struct bytes datagram, uint64_t now_ms);

/* The client sent the same request again. While it has acknowledged nothing, the OACK or DATA 1 is
 * sent again, within the limit for unproven peers; later, false: it begins anew. */
bool tftp_transfer_repeat(struct tftp_transfer *transfer, uint64_t now_ms);

/* ICMP says that nobody listens at the client's port. */
void tftp_transfer_unreachable(struct tftp_transfer *transfer);

/* To be called at the deadline; earlier it does nothing. */
void tftp_transfer_expire(struct tftp_transfer *transfer, uint64_t now_ms);

/* The next packet to send now; false: none. To be drained after each of the above, also when the
 * transfer has ended. */
bool tftp_transfer_next(struct tftp_transfer *transfer, struct tftp_output *ret_output);

/* When to call expire; meaningless once the transfer has ended. */
uint64_t tftp_transfer_deadline_ms(const struct tftp_transfer *transfer);

bool tftp_transfer_ended(const struct tftp_transfer *transfer);

/* The client has acknowledged something: it is where its packets say it is. */
bool tftp_transfer_proven(const struct tftp_transfer *transfer);

/* Octets of the file that the client has acknowledged. */
uint64_t tftp_transfer_acknowledged(const struct tftp_transfer *transfer);

/* How it ended, in plain words. */
const char *tftp_state_text(enum tftp_state state);
