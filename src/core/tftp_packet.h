/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

/* TFTP's packets (RFC 1350) and options (RFC 2347, 2348, 2349, 7440), as values. */

#define TFTP_PORT	     69
#define TFTP_BLKSIZE_DEFAULT 512
#define TFTP_BLKSIZE_MIN     8
#define TFTP_BLKSIZE_MAX     65464
#define TFTP_HEADER_LEN	     4

/* RFC 2347 says 512; some loaders with long names go beyond. */
#define TFTP_REQUEST_MAX 1024

enum tftp_opcode {
	TFTP_RRQ = 1,
	TFTP_WRQ = 2,
	TFTP_DATA = 3,
	TFTP_ACK = 4,
	TFTP_ERROR = 5,
	TFTP_OACK = 6,
};

enum tftp_error {
	TFTP_ERROR_UNDEFINED = 0,
	TFTP_ERROR_NOT_FOUND = 1,
	TFTP_ERROR_ACCESS = 2,
	TFTP_ERROR_DISK_FULL = 3,
	TFTP_ERROR_ILLEGAL = 4,
	TFTP_ERROR_UNKNOWN_TID = 5,
	TFTP_ERROR_EXISTS = 6,
	TFTP_ERROR_NO_USER = 7,
	TFTP_ERROR_OPTION = 8, /* EDK2 ends its size probe with it */
};

enum tftp_option {
	TFTP_OPTION_BLKSIZE,
	TFTP_OPTION_TIMEOUT,
	TFTP_OPTION_TSIZE,
	TFTP_OPTION_WINDOWSIZE,
	TFTP_OPTION_COUNT,
};

/* One known option with a decimal value of 1 to 10 digits; whether the value makes sense is for the
 * transfer to say. The spelling is kept, because an OACK must repeat it (EDK2 compares "tsize" with
 * case). */
struct tftp_option_value {
	enum tftp_option option;
	struct bytes name; /* as spelled */
	uint64_t value;
};

struct tftp_request {
	struct bytes name;
	struct tftp_option_value
		options[TFTP_OPTION_COUNT]; /* in the order asked, each at most once */
	size_t n_options;
};

struct tftp_packet {
	enum tftp_opcode opcode;
	union {
		struct tftp_request request; /* RRQ, WRQ */
		struct {
			uint16_t block;
			struct bytes payload;
		} data;
		uint16_t ack_block;
		struct {
			uint16_t code;
			struct bytes message; /* without its NUL, which may be missing */
		} error;
		struct tftp_request oack; /* name absent */
	};
};

enum tftp_status {
	TFTP_OK,
	TFTP_DROP,	  /* under 4 octets: silence */
	TFTP_BAD_OPCODE,  /* ERROR 4 */
	TFTP_BAD_REQUEST, /* too long; name, mode or the end unterminated: ERROR 4 */
	TFTP_BAD_NAME,	  /* empty: ERROR 1 */
	TFTP_BAD_MODE,	  /* not octet: ERROR 4 */
};

/* Views in the packet point into the datagram. Options that are unknown, repeated or ill-formed are
 * left out, as RFC 2347 has it; of a WRQ nothing but the opcode is told. */
enum tftp_status tftp_packet_parse(struct bytes datagram, struct tftp_packet *ret_packet);

/* The status in plain words, fit for an ERROR's message. */
const char *tftp_status_text(enum tftp_status status);

/* An option in lower case, as RFC 2348, 2349 and 7440 spell it. */
struct tftp_option_value tftp_option_value(enum tftp_option option, uint64_t value);

/* Each writes one packet into buffer and returns its length; 0: it does not fit. */
size_t tftp_write_rrq(uint8_t *buffer, size_t size, const struct tftp_request *request);
size_t tftp_write_oack(
	uint8_t *buffer, size_t size, const struct tftp_option_value *options, size_t n_options);
size_t tftp_write_ack(uint8_t *buffer, size_t size, uint16_t block);
size_t tftp_write_error(uint8_t *buffer, size_t size, enum tftp_error code, const char *message);
size_t tftp_write_data_header(uint8_t *buffer, size_t size, uint16_t block);
