/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transfer against a client that sends anything at any time. The input is a script: size of the
 * file (2 octets), largest window (1) and block (2), the request (its length in 1 octet), then
 * events: 0 a datagram (length in 1 octet), 1 the deadline, 2 the request once more, 3 ICMP says
 * that nobody listens, 4 some time passes (2 octets, ms).
 */
#include "base/wire.h"
#include "core/tftp_transfer.h"

#include <stdlib.h>

static uint8_t file_octets[UINT16_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_data(const struct tftp_transfer *transfer, const struct tftp_output *output)
{
	size_t offset = (size_t)(output->payload.data - file_octets);

	if (output->header_len != TFTP_HEADER_LEN || output->payload.len > transfer->blksize
		|| offset + output->payload.len > transfer->file.len
		|| offset % transfer->blksize != 0
		|| (uint16_t)(offset / transfer->blksize + 1)
			   != (uint16_t)(output->header[2] << 8 | output->header[3]))
		abort();
	if (output->payload.len < transfer->blksize
		&& offset + output->payload.len != transfer->file.len)
		abort();
}

/* Takes what is to be sent and holds it against the rules. */
static void drain(struct tftp_transfer *transfer, unsigned *unproven)
{
	struct tftp_output output;
	unsigned n = 0;

	while (tftp_transfer_next(transfer, &output)) {
		if (output.header_len < TFTP_HEADER_LEN || ++n > transfer->limits.window_max)
			abort();
		if (output.header[1] == TFTP_DATA)
			check_data(transfer, &output);
		if (!tftp_transfer_proven(transfer) && output.header[1] != TFTP_ERROR)
			++*unproven;
	}
	if (*unproven > transfer->limits.sends_unproven_max)
		abort();
	if (transfer->state == TFTP_COMPLETE
		&& tftp_transfer_acknowledged(transfer) != transfer->file.len)
		abort();
	if (!tftp_state_text(transfer->state))
		abort();
}

static void play(struct wire_reader *script, struct tftp_transfer *transfer, uint64_t *now_ms)
{
	switch (wire_read_u8(script)) {
	case 0:
		tftp_transfer_receive(
			transfer, wire_read_bytes(script, wire_read_u8(script)), *now_ms);
		break;
	case 1:
		if (!tftp_transfer_ended(transfer))
			*now_ms = tftp_transfer_deadline_ms(transfer);
		tftp_transfer_expire(transfer, *now_ms);
		break;
	case 2:
		tftp_transfer_repeat(transfer, *now_ms);
		break;
	case 3:
		tftp_transfer_unreachable(transfer);
		break;
	case 4:
		*now_ms += wire_read_u16(script);
		tftp_transfer_expire(transfer, *now_ms);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reader script = wire_reader_init(bytes_of(data, size));
	struct tftp_limits limits = TFTP_LIMITS_DEFAULT;
	struct bytes file = bytes_of(file_octets, wire_read_u16(&script)), request;
	struct tftp_transfer transfer;
	struct tftp_packet packet;
	unsigned unproven = 0;
	uint64_t now_ms = 0;

	limits.window_max = (uint16_t)(1 + wire_read_u8(&script) % 64);
	limits.blksize_max = TFTP_BLKSIZE_MIN + wire_read_u16(&script);
	request = wire_read_bytes(&script, wire_read_u8(&script));
	if (tftp_packet_parse(request, &packet) != TFTP_OK || packet.opcode != TFTP_RRQ)
		return 0;
	tftp_transfer_start(&transfer, &limits, &packet.request, file, now_ms);
	drain(&transfer, &unproven);
	while (wire_reader_left(&script) > 0 && !script.failed) {
		bool ended = tftp_transfer_ended(&transfer);

		play(&script, &transfer, &now_ms);
		if (ended && !tftp_transfer_ended(&transfer))
			abort();
		drain(&transfer, &unproven);
		if (!tftp_transfer_ended(&transfer)
			&& tftp_transfer_deadline_ms(&transfer) > now_ms + limits.stall_max_ms)
			abort();
	}
	return 0;
}
