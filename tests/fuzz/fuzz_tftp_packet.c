/* SPDX-License-Identifier: Apache-2.0 */
/* Any datagram: what is believed of it lies inside of it, and written again it says the same. */
#include "core/tftp_packet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(struct bytes view, struct bytes datagram)
{
	if (view.len > 0
		&& (view.data < datagram.data
			|| view.data + view.len > datagram.data + datagram.len))
		abort();
}

static void check_options(const struct tftp_request *request, struct bytes datagram)
{
	unsigned seen = 0;

	if (request->n_options > TFTP_OPTION_COUNT)
		abort();
	for (size_t i = 0; i < request->n_options; i++) {
		const struct tftp_option_value *option = &request->options[i];

		check_view(option->name, datagram);
		if (option->value > 9999999999 || seen & 1U << option->option)
			abort();
		seen |= 1U << option->option;
	}
}

static void check_same_options(const struct tftp_request *a, const struct tftp_request *b)
{
	if (a->n_options != b->n_options)
		abort();
	for (size_t i = 0; i < a->n_options; i++)
		if (a->options[i].option != b->options[i].option
			|| a->options[i].value != b->options[i].value
			|| !bytes_equal(a->options[i].name, b->options[i].name))
			abort();
}

static void check_written_again(const struct tftp_packet *packet)
{
	uint8_t buffer[TFTP_REQUEST_MAX];
	const struct tftp_request *request = &packet->request;
	struct tftp_packet again;
	size_t len = packet->opcode == TFTP_RRQ ? tftp_write_rrq(buffer, sizeof(buffer), request)
						: tftp_write_oack(buffer, sizeof(buffer),
							request->options, request->n_options);

	if (len < TFTP_HEADER_LEN)
		return; /* an OACK of which nothing was left */
	if (tftp_packet_parse(bytes_of(buffer, len), &again) != TFTP_OK
		|| again.opcode != packet->opcode
		|| !bytes_equal(again.request.name, request->name))
		abort();
	check_same_options(request, &again.request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes datagram = bytes_of(data, size);
	struct tftp_packet packet;
	enum tftp_status status = tftp_packet_parse(datagram, &packet);

	if (status != TFTP_OK) {
		if (!tftp_status_text(status))
			abort();
		return 0;
	}
	switch (packet.opcode) {
	case TFTP_RRQ:
		check_view(packet.request.name, datagram);
		/* fall through */
	case TFTP_OACK:
		check_options(&packet.request, datagram);
		check_written_again(&packet);
		break;
	case TFTP_DATA:
		check_view(packet.data.payload, datagram);
		break;
	case TFTP_ERROR:
		check_view(packet.error.message, datagram);
		break;
	case TFTP_WRQ:
	case TFTP_ACK:
		break;
	}
	return 0;
}
