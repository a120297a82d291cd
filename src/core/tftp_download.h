/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/tftp_packet.h"

/* A client's read transfer as EDK2 makes it (Mtftp4Dxe), as a state machine over bytes and time:
 * first a request for the size alone, then another one, from a new port, for the file. */

#define TFTP_DOWNLOAD_BLKSIZE 1468
#define TFTP_DOWNLOAD_WINDOW  4

enum tftp_download_state {
	TFTP_DOWNLOAD_ASKING,	 /* nothing came yet */
	TFTP_DOWNLOAD_RECEIVING, /* data comes */
	TFTP_DOWNLOAD_DONE,
	TFTP_DOWNLOAD_REFUSED,	  /* the server sent an ERROR: error_code, reason */
	TFTP_DOWNLOAD_TIMED_OUT,  /* no answer after as many tries as firmware has */
	TFTP_DOWNLOAD_BAD_ANSWER, /* the server broke the protocol: reason */
	TFTP_DOWNLOAD_NO_SIZE,	  /* the answer to the size request tells no size */
	TFTP_DOWNLOAD_WRONG_SIZE, /* more or fewer octets than were announced */
};

#define TFTP_DOWNLOAD_REASON_MAX 128

struct tftp_download {
	enum tftp_download_state state;
	uint64_t size;			       /* of a size request that is done */
	size_t received;		       /* octets */
	uint16_t blksize;		       /* as agreed */
	uint16_t window;		       /* blocks, as agreed */
	unsigned repeated;		       /* packets sent again after silence */
	uint16_t error_code;		       /* of REFUSED */
	char reason[TFTP_DOWNLOAD_REASON_MAX]; /* of REFUSED, as sent; of BAD_ANSWER, in words */

	/* tftp_download.c's own */
	const char *name;
	bool size_only;
	uint8_t *file;
	size_t file_len;
	uint16_t expected; /* the next block's number on the wire */
	uint16_t in_window;
	unsigned sends;
	uint64_t deadline_ms;
	uint8_t packet[512];
	size_t packet_len;
	bool to_send;
};

/* Asks for the size of `name`, which must outlive the transfer. */
void tftp_download_start_size(struct tftp_download *download, const char *name, uint64_t now_ms);

/* Fetches `name` into `file`, whose length is the size that was told before. */
void tftp_download_start(struct tftp_download *download, const char *name, uint8_t *file,
	size_t file_len, uint64_t now_ms);

/* A datagram of the server: of its address, and after the first one of the same port. */
void tftp_download_receive(struct tftp_download *download, struct bytes datagram, uint64_t now_ms);

/* The deadline has passed. */
void tftp_download_expire(struct tftp_download *download, uint64_t now_ms);

/* The packet to send now, or absent. To be asked after start, receive and expire; a last packet may
 * remain once the transfer has ended. */
struct bytes tftp_download_next(struct tftp_download *download);

bool tftp_download_ended(const struct tftp_download *download);
