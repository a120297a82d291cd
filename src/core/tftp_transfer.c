/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender of RFC 1350 with options and windows (RFC 7440). Data flow only forward: a window is
 * sent when the one before is acknowledged, again from the first missing block when a part of it
 * is, and again as a whole when the timer fires. An ACK that brings no progress never causes a
 * packet (the Sorcerer's Apprentice, RFC 1123 section 4.2.3.1), and no window opens before an ACK
 * has proven that the peer is no forged address.
 */
#include "core/tftp_transfer.h"

#include <assert.h>

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The whole policy of retransmission: how long to wait after send number `sends` of a window. */
static uint64_t rto_ms(const struct tftp_transfer *transfer)
{
	uint64_t rto = transfer->limits.rto_first_ms, limit = transfer->limits.rto_max_ms;

	for (unsigned i = 1; i < transfer->sends && rto < limit; i++)
		rto = min_u64(2 * rto, limit);
	return rto;
}

static unsigned sends_max(const struct tftp_transfer *transfer)
{
	if (!transfer->proven)
		return transfer->limits.sends_unproven_max;
	if (transfer->window_end == transfer->last_block)
		return transfer->limits.sends_last_max;
	return transfer->limits.sends_max;
}

/* Counts one more send of what is outstanding and waits for its answer. */
static void arm(struct tftp_transfer *transfer, uint64_t now_ms)
{
	transfer->sends++;
	transfer->deadline_ms = min_u64(now_ms + rto_ms(transfer),
		transfer->window_opened_ms + transfer->limits.stall_max_ms);
}

static void resend(struct tftp_transfer *transfer, uint64_t now_ms)
{
	if (transfer->state == TFTP_WAIT_OACK_ACK)
		transfer->first_pending = true;
	else
		transfer->next = transfer->base + 1;
	transfer->resent_to = transfer->highest;
	arm(transfer, now_ms);
}

/* The next window begins behind what was acknowledged last: what the client missed goes out again.
 * Not so if the timer has just sent that again: the client, having got some blocks a second time,
 * acknowledges in the middle of a window, and to go back then would give it the rest twice, too, so
 * that it would go on like that to the end of the file. */
static void open_window(struct tftp_transfer *transfer, uint64_t now_ms)
{
	transfer->next = transfer->base + 1;
	if (transfer->base < transfer->resent_to)
		transfer->next = transfer->highest + 1;
	transfer->window_end = min_u64(transfer->base + transfer->windowsize, transfer->last_block);
	transfer->window_opened_ms = now_ms;
	transfer->sends = 0;
	arm(transfer, now_ms);
}

/* The value to grant; false: as if the option had not been asked. */
static bool negotiate(struct tftp_transfer *transfer, enum tftp_option option, uint64_t asked,
	uint64_t *ret_value)
{
	switch (option) {
	case TFTP_OPTION_BLKSIZE: /* RFC 2348 */
		if (asked < TFTP_BLKSIZE_MIN)
			return false;
		transfer->blksize = (uint32_t)min_u64(
			asked, min_u64(transfer->limits.blksize_max, TFTP_BLKSIZE_MAX));
		*ret_value = transfer->blksize;
		return true;
	case TFTP_OPTION_TIMEOUT: /* RFC 2349: as asked or not at all */
		if (asked < 1 || asked > 255)
			return false;
		transfer->limits.rto_first_ms = (uint32_t)asked * 1000;
		*ret_value = asked;
		return true;
	case TFTP_OPTION_TSIZE: /* RFC 2349 */
		*ret_value = transfer->file.len;
		return true;
	case TFTP_OPTION_WINDOWSIZE: /* RFC 7440 */
		if (asked < 1 || asked > UINT16_MAX)
			return false;
		transfer->windowsize = (uint16_t)min_u64(asked, transfer->limits.window_max);
		*ret_value = transfer->windowsize;
		return true;
	case TFTP_OPTION_COUNT:
		break;
	}
	return false;
}

static void negotiate_all(struct tftp_transfer *transfer, const struct tftp_request *request)
{
	struct tftp_option_value granted[TFTP_OPTION_COUNT];
	size_t n_granted = 0;

	for (size_t i = 0; i < request->n_options; i++) {
		struct tftp_option_value value = request->options[i];

		if (negotiate(transfer, value.option, value.value, &value.value))
			granted[n_granted++] = value;
	}
	if (n_granted > 0)
		transfer->oack_len = (uint8_t)tftp_write_oack(
			transfer->oack, sizeof(transfer->oack), granted, n_granted);
}

void tftp_transfer_start(struct tftp_transfer *transfer, const struct tftp_limits *limits,
	const struct tftp_request *request, struct bytes file, uint64_t now_ms)
{
	assert(limits->blksize_max >= TFTP_BLKSIZE_MIN && limits->window_max >= 1);
	*transfer = (struct tftp_transfer){
		.file = file,
		.limits = *limits,
		.blksize = TFTP_BLKSIZE_DEFAULT,
		.windowsize = 1,
		.started_ms = now_ms,
	};
	negotiate_all(transfer, request);
	transfer->last_block = file.len / transfer->blksize + 1;
	if (transfer->oack_len > 0) {
		transfer->state = TFTP_WAIT_OACK_ACK;
		transfer->window_opened_ms = now_ms;
		resend(transfer, now_ms);
	} else {
		transfer->state = TFTP_SENDING;
		open_window(transfer, now_ms);
	}
}

static void end(struct tftp_transfer *transfer, enum tftp_state state)
{
	transfer->state = state;
	transfer->first_pending = false;
}

static void receive_ack(struct tftp_transfer *transfer, uint16_t block, uint64_t now_ms)
{
	uint16_t progress = (uint16_t)(block - (uint16_t)transfer->base);

	if (transfer->state == TFTP_WAIT_OACK_ACK) {
		if (block != 0)
			return;
		transfer->state = TFTP_SENDING;
		transfer->first_pending = false;
	} else {
		if (progress == 0 || progress > transfer->highest - transfer->base)
			return;
		transfer->base += progress;
	}
	transfer->proven = true;
	if (transfer->base == transfer->last_block)
		end(transfer, TFTP_COMPLETE);
	else
		open_window(transfer, now_ms);
}

/* EDK2 ends its size probe with code 8, some ROMs with code 0: nothing to worry about. */
static void receive_error(struct tftp_transfer *transfer, uint16_t code, struct bytes message)
{
	bool probe = transfer->state == TFTP_WAIT_OACK_ACK
		     && (code == TFTP_ERROR_OPTION || code == TFTP_ERROR_UNDEFINED);

	transfer->client_error = code;
	transfer->client_message = message;
	end(transfer, probe ? TFTP_PROBED : TFTP_ABORTED);
}

void tftp_transfer_receive(struct tftp_transfer *transfer, struct bytes datagram, uint64_t now_ms)
{
	struct tftp_packet packet;

	if (tftp_transfer_ended(transfer) || tftp_packet_parse(datagram, &packet) != TFTP_OK)
		return;
	switch (packet.opcode) {
	case TFTP_ACK:
		receive_ack(transfer, packet.ack_block, now_ms);
		break;
	case TFTP_ERROR:
		receive_error(transfer, packet.error.code, packet.error.message);
		break;
	case TFTP_DATA:
		end(transfer, TFTP_PROTOCOL);
		transfer->error_pending = true;
		break;
	case TFTP_RRQ:
	case TFTP_WRQ:
	case TFTP_OACK:
		break;
	}
}

bool tftp_transfer_repeat(struct tftp_transfer *transfer, uint64_t now_ms)
{
	if (transfer->proven || tftp_transfer_ended(transfer))
		return false;
	if (transfer->sends < sends_max(transfer))
		resend(transfer, now_ms);
	return true;
}

void tftp_transfer_unreachable(struct tftp_transfer *transfer)
{
	if (!tftp_transfer_ended(transfer))
		end(transfer, TFTP_GONE);
}

void tftp_transfer_expire(struct tftp_transfer *transfer, uint64_t now_ms)
{
	bool stalled = now_ms - transfer->window_opened_ms >= transfer->limits.stall_max_ms;

	if (tftp_transfer_ended(transfer) || now_ms < transfer->deadline_ms)
		return;
	if (transfer->sends < sends_max(transfer) && !stalled)
		resend(transfer, now_ms);
	else if (transfer->proven && transfer->highest == transfer->last_block)
		end(transfer, TFTP_UNCONFIRMED);
	else
		end(transfer, TFTP_TIMED_OUT);
}

static void output_oack(struct tftp_transfer *transfer, struct tftp_output *output)
{
	memcpy(output->header, transfer->oack, transfer->oack_len);
	output->header_len = transfer->oack_len;
	output->payload = (struct bytes){0};
	transfer->first_pending = false;
	if (transfer->packets_sent++ > 0)
		transfer->packets_resent++;
}

static void output_error(struct tftp_transfer *transfer, struct tftp_output *output)
{
	output->header_len = tftp_write_error(output->header, sizeof(output->header),
		TFTP_ERROR_ILLEGAL, "DATA sent on a read transfer");
	output->payload = (struct bytes){0};
	transfer->error_pending = false;
}

static void output_data(struct tftp_transfer *transfer, struct tftp_output *output)
{
	uint64_t block = transfer->next++;
	size_t offset = (size_t)(block - 1) * transfer->blksize;

	output->header_len =
		tftp_write_data_header(output->header, sizeof(output->header), (uint16_t)block);
	output->payload = bytes_of(transfer->file.data + offset,
		(size_t)min_u64(transfer->blksize, transfer->file.len - offset));
	transfer->packets_sent++;
	if (block <= transfer->highest)
		transfer->packets_resent++;
	else
		transfer->highest = block;
}

bool tftp_transfer_next(struct tftp_transfer *transfer, struct tftp_output *ret_output)
{
	if (transfer->error_pending)
		output_error(transfer, ret_output);
	else if (transfer->first_pending)
		output_oack(transfer, ret_output);
	else if (transfer->state == TFTP_SENDING && transfer->next <= transfer->window_end)
		output_data(transfer, ret_output);
	else
		return false;
	return true;
}

uint64_t tftp_transfer_deadline_ms(const struct tftp_transfer *transfer)
{
	return transfer->deadline_ms;
}

bool tftp_transfer_ended(const struct tftp_transfer *transfer)
{
	return transfer->state > TFTP_SENDING;
}

bool tftp_transfer_proven(const struct tftp_transfer *transfer)
{
	return transfer->proven;
}

uint64_t tftp_transfer_acknowledged(const struct tftp_transfer *transfer)
{
	return min_u64(transfer->base * transfer->blksize, transfer->file.len);
}

const char *tftp_state_text(enum tftp_state state)
{
	static const char *const texts[] = {
		[TFTP_WAIT_OACK_ACK] = "waiting for the first ACK",
		[TFTP_SENDING] = "sending",
		[TFTP_COMPLETE] = "complete",
		[TFTP_UNCONFIRMED] = "all sent, the last ACK is missing",
		[TFTP_PROBED] = "size probe",
		[TFTP_ABORTED] = "aborted by the client",
		[TFTP_TIMED_OUT] = "timed out, the client fell silent",
		[TFTP_PROTOCOL] = "the client broke the protocol",
		[TFTP_GONE] = "the client is gone, port unreachable",
	};

	return texts[state];
}
