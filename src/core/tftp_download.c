/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving side of TFTP. Blocks are taken strictly in order into a buffer of the announced
 * size; whatever comes out of order is answered with what is in order so far. The last packet sent
 * is kept, since repeating it is all that a receiver ever does after silence.
 */
#include "core/tftp_download.h"

#include <stdio.h>

#define TIMEOUT_MS 4000 /* PXEBC_MTFTP_TIMEOUT */
#define SENDS_MAX  6	/* PXEBC_MTFTP_RETRIES */

static void finish(struct tftp_download *download, enum tftp_download_state state)
{
	download->state = state;
}

static void send_packet(struct tftp_download *download, size_t len, uint64_t now_ms)
{
	download->packet_len = len;
	download->to_send = true;
	download->sends = 1;
	download->deadline_ms = now_ms + TIMEOUT_MS;
}

static void send_ack(struct tftp_download *download, uint64_t now_ms)
{
	download->in_window = 0;
	send_packet(download,
		tftp_write_ack(download->packet, sizeof(download->packet),
			(uint16_t)(download->expected - 1)),
		now_ms);
}

/* The transfer ends, and the server is told. */
static void abort_transfer(struct tftp_download *download, enum tftp_download_state state,
	enum tftp_error code, const char *message)
{
	download->packet_len =
		tftp_write_error(download->packet, sizeof(download->packet), code, message);
	download->to_send = true;
	finish(download, state);
}

static void break_off(struct tftp_download *download, const char *reason)
{
	snprintf(download->reason, sizeof(download->reason), "%s", reason);
	abort_transfer(download, TFTP_DOWNLOAD_BAD_ANSWER, TFTP_ERROR_ILLEGAL, reason);
}

static void start(struct tftp_download *download, const struct tftp_option_value *options,
	size_t n_options, uint64_t now_ms)
{
	struct tftp_request request = {.name = bytes_of_string(download->name)};
	size_t len;

	for (size_t i = 0; i < n_options; i++)
		request.options[request.n_options++] = options[i];
	len = tftp_write_rrq(download->packet, sizeof(download->packet), &request);
	if (len > 0) {
		send_packet(download, len, now_ms);
		return;
	}
	snprintf(download->reason, sizeof(download->reason), "the name is too long for a request");
	finish(download, TFTP_DOWNLOAD_BAD_ANSWER);
}

void tftp_download_start_size(struct tftp_download *download, const char *name, uint64_t now_ms)
{
	const struct tftp_option_value options[] = {
		tftp_option_value(TFTP_OPTION_TSIZE, 0),
		tftp_option_value(TFTP_OPTION_BLKSIZE, TFTP_DOWNLOAD_BLKSIZE),
		tftp_option_value(TFTP_OPTION_WINDOWSIZE, TFTP_DOWNLOAD_WINDOW),
	};

	*download = (struct tftp_download){.name = name, .size_only = true};
	start(download, options, sizeof(options) / sizeof(options[0]), now_ms);
}

void tftp_download_start(struct tftp_download *download, const char *name, uint8_t *file,
	size_t file_len, uint64_t now_ms)
{
	const struct tftp_option_value options[] = {
		tftp_option_value(TFTP_OPTION_BLKSIZE, TFTP_DOWNLOAD_BLKSIZE),
		tftp_option_value(TFTP_OPTION_WINDOWSIZE, TFTP_DOWNLOAD_WINDOW),
	};

	*download = (struct tftp_download){
		.name = name,
		.file = file,
		.file_len = file_len,
		.expected = 1,
		.blksize = TFTP_BLKSIZE_DEFAULT,
		.window = 1,
	};
	start(download, options, sizeof(options) / sizeof(options[0]), now_ms);
}

/* EDK2 wants the answer to spell "tsize" in lower case; nothing else in it matters here. */
static void receive_size(struct tftp_download *download, const struct tftp_request *oack)
{
	for (size_t i = 0; i < oack->n_options; i++) {
		if (!bytes_equal(oack->options[i].name, bytes_of_string("tsize")))
			continue;
		download->size = oack->options[i].value;
		abort_transfer(download, TFTP_DOWNLOAD_DONE, TFTP_ERROR_OPTION,
			"User aborted the transfer");
		return;
	}
	abort_transfer(download, TFTP_DOWNLOAD_NO_SIZE, TFTP_ERROR_ILLEGAL, "no tsize");
}

/* Mtftp4RrqOackValid: no more than was asked for. */
static bool agree(struct tftp_download *download, const struct tftp_option_value *option)
{
	switch (option->option) {
	case TFTP_OPTION_BLKSIZE:
		if (option->value < TFTP_BLKSIZE_MIN || option->value > TFTP_DOWNLOAD_BLKSIZE)
			return false;
		download->blksize = (uint16_t)option->value;
		return true;
	case TFTP_OPTION_WINDOWSIZE:
		if (option->value < 1 || option->value > TFTP_DOWNLOAD_WINDOW)
			return false;
		download->window = (uint16_t)option->value;
		return true;
	case TFTP_OPTION_TIMEOUT:
	case TFTP_OPTION_TSIZE:
	case TFTP_OPTION_COUNT:
		break;
	}
	return false;
}

static void receive_oack(
	struct tftp_download *download, const struct tftp_request *oack, uint64_t now_ms)
{
	if (download->size_only) {
		receive_size(download, oack);
		return;
	}
	if (download->state == TFTP_DOWNLOAD_RECEIVING)
		return;
	for (size_t i = 0; i < oack->n_options; i++) {
		if (!agree(download, &oack->options[i])) {
			break_off(download, "the option acknowledgment grants what was not asked");
			return;
		}
	}
	download->state = TFTP_DOWNLOAD_RECEIVING;
	send_ack(download, now_ms);
}

static void receive_block(struct tftp_download *download, struct bytes payload, uint64_t now_ms)
{
	if (payload.len > download->file_len - download->received) {
		abort_transfer(download, TFTP_DOWNLOAD_WRONG_SIZE, TFTP_ERROR_DISK_FULL,
			"more than was announced");
		return;
	}
	if (payload.len > 0)
		memcpy(download->file + download->received, payload.data, payload.len);
	download->received += payload.len;
	download->expected++;
	download->in_window++;
	if (payload.len < download->blksize) {
		send_ack(download, now_ms);
		finish(download, download->received == download->file_len
					 ? TFTP_DOWNLOAD_DONE
					 : TFTP_DOWNLOAD_WRONG_SIZE);
	} else if (download->in_window == download->window) {
		send_ack(download, now_ms);
	} else {
		download->deadline_ms = now_ms + TIMEOUT_MS;
	}
}

static void receive_data(
	struct tftp_download *download, uint16_t block, struct bytes payload, uint64_t now_ms)
{
	if (download->size_only) {
		abort_transfer(download, TFTP_DOWNLOAD_NO_SIZE, TFTP_ERROR_ILLEGAL,
			"User aborted download");
		return;
	}
	if (payload.len > download->blksize)
		return;
	download->state = TFTP_DOWNLOAD_RECEIVING;
	if (block == download->expected)
		receive_block(download, payload, now_ms);
	else
		send_ack(download, now_ms);
}

static void receive_error(struct tftp_download *download, uint16_t code, struct bytes message)
{
	download->error_code = code;
	snprintf(download->reason, sizeof(download->reason), "%.*s",
		message.len > sizeof(download->reason) ? (int)sizeof(download->reason)
						       : (int)message.len,
		message.len > 0 ? (const char *)message.data : "");
	finish(download, TFTP_DOWNLOAD_REFUSED);
}

void tftp_download_receive(struct tftp_download *download, struct bytes datagram, uint64_t now_ms)
{
	struct tftp_packet packet;

	if (tftp_download_ended(download) || tftp_packet_parse(datagram, &packet) != TFTP_OK)
		return;
	switch (packet.opcode) {
	case TFTP_OACK:
		receive_oack(download, &packet.oack, now_ms);
		break;
	case TFTP_DATA:
		receive_data(download, packet.data.block, packet.data.payload, now_ms);
		break;
	case TFTP_ERROR:
		receive_error(download, packet.error.code, packet.error.message);
		break;
	case TFTP_RRQ:
	case TFTP_WRQ:
	case TFTP_ACK:
		break;
	}
}

void tftp_download_expire(struct tftp_download *download, uint64_t now_ms)
{
	if (tftp_download_ended(download) || now_ms < download->deadline_ms)
		return;
	if (download->sends == SENDS_MAX) {
		finish(download, TFTP_DOWNLOAD_TIMED_OUT);
		return;
	}
	download->sends++;
	download->repeated++;
	download->to_send = true;
	download->deadline_ms = now_ms + TIMEOUT_MS;
}

struct bytes tftp_download_next(struct tftp_download *download)
{
	if (!download->to_send)
		return (struct bytes){0};
	download->to_send = false;
	return bytes_of(download->packet, download->packet_len);
}

bool tftp_download_ended(const struct tftp_download *download)
{
	return download->state != TFTP_DOWNLOAD_ASKING
	       && download->state != TFTP_DOWNLOAD_RECEIVING;
}
