/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFTP's wire format. A request is judged as a whole before anything of it is believed; an option
 * that is unknown or ill-formed is passed over, never an error (RFC 2347).
 */
#include "core/tftp_packet.h"

#include "base/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#define VALUE_DIGITS_MAX 10

/* Names and values looked at in one request; nobody sends more than a handful. */
#define OPTIONS_SEEN_MAX 32

static const char *const option_names[TFTP_OPTION_COUNT] = {
	[TFTP_OPTION_BLKSIZE] = "blksize",
	[TFTP_OPTION_TIMEOUT] = "timeout",
	[TFTP_OPTION_TSIZE] = "tsize",
	[TFTP_OPTION_WINDOWSIZE] = "windowsize",
};

struct tftp_option_value tftp_option_value(enum tftp_option option, uint64_t value)
{
	return (struct tftp_option_value){
		.option = option,
		.name = bytes_of_string(option_names[option]),
		.value = value,
	};
}

static bool equal_ignoring_case(struct bytes text, const char *word)
{
	return text.len == strlen(word)
	       && strncasecmp((const char *)text.data, word, text.len) == 0;
}

static bool parse_decimal(struct bytes text, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (text.len < 1 || text.len > VALUE_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	*ret_value = value;
	return true;
}

static void take_option(struct tftp_request *request, struct bytes name, struct bytes text)
{
	enum tftp_option option = 0;
	uint64_t value;

	while (option < TFTP_OPTION_COUNT && !equal_ignoring_case(name, option_names[option]))
		option++;
	if (option == TFTP_OPTION_COUNT || !parse_decimal(text, &value))
		return;
	for (size_t i = 0; i < request->n_options; i++)
		if (request->options[i].option == option)
			return;
	request->options[request->n_options++] =
		(struct tftp_option_value){.option = option, .name = name, .value = value};
}

/* Pairs of strings to the end; a name without a value is passed over. */
static void parse_options(struct wire_reader *reader, struct tftp_request *request)
{
	for (int i = 0; i < OPTIONS_SEEN_MAX; i++) {
		struct bytes name = wire_read_cstring(reader);
		struct bytes value = wire_read_cstring(reader);

		if (reader->failed)
			return;
		take_option(request, name, value);
	}
}

static enum tftp_status parse_request(
	struct wire_reader *reader, struct bytes datagram, struct tftp_request *request)
{
	struct bytes mode;

	if (datagram.len > TFTP_REQUEST_MAX || datagram.data[datagram.len - 1] != '\0')
		return TFTP_BAD_REQUEST;
	request->name = wire_read_cstring(reader);
	mode = wire_read_cstring(reader);
	if (reader->failed)
		return TFTP_BAD_REQUEST;
	if (request->name.len == 0)
		return TFTP_BAD_NAME;
	if (!equal_ignoring_case(mode, "octet"))
		return TFTP_BAD_MODE;
	parse_options(reader, request);
	return TFTP_OK;
}

static enum tftp_status parse_oack(
	struct wire_reader *reader, struct bytes datagram, struct tftp_request *oack)
{
	if (datagram.len > TFTP_REQUEST_MAX || datagram.data[datagram.len - 1] != '\0')
		return TFTP_BAD_REQUEST;
	parse_options(reader, oack);
	return TFTP_OK;
}

static struct bytes up_to_nul(struct bytes text)
{
	return bytes_of(text.data, strnlen((const char *)text.data, text.len));
}

enum tftp_status tftp_packet_parse(struct bytes datagram, struct tftp_packet *ret_packet)
{
	struct wire_reader reader = wire_reader_init(datagram);
	struct tftp_packet packet = {0};
	enum tftp_status status = TFTP_OK;

	if (datagram.len < TFTP_HEADER_LEN)
		return TFTP_DROP;
	packet.opcode = wire_read_u16(&reader);
	switch (packet.opcode) {
	case TFTP_RRQ:
		status = parse_request(&reader, datagram, &packet.request);
		break;
	case TFTP_WRQ:
		break;
	case TFTP_DATA:
		packet.data.block = wire_read_u16(&reader);
		packet.data.payload = wire_read_bytes(&reader, wire_reader_left(&reader));
		break;
	case TFTP_ACK:
		packet.ack_block = wire_read_u16(&reader);
		break;
	case TFTP_ERROR:
		packet.error.code = wire_read_u16(&reader);
		packet.error.message =
			up_to_nul(wire_read_bytes(&reader, wire_reader_left(&reader)));
		break;
	case TFTP_OACK:
		status = parse_oack(&reader, datagram, &packet.oack);
		break;
	default:
		status = TFTP_BAD_OPCODE;
	}
	if (status == TFTP_OK)
		*ret_packet = packet;
	return status;
}

const char *tftp_status_text(enum tftp_status status)
{
	static const char *const texts[] = {
		[TFTP_OK] = "well formed",
		[TFTP_DROP] = "too short",
		[TFTP_BAD_OPCODE] = "illegal operation",
		[TFTP_BAD_REQUEST] = "malformed request",
		[TFTP_BAD_NAME] = "empty file name",
		[TFTP_BAD_MODE] = "only mode octet is served",
	};

	return texts[status];
}

static size_t written(const struct wire_writer *writer)
{
	return writer->failed ? 0 : writer->len;
}

static void write_options(
	struct wire_writer *writer, const struct tftp_option_value *options, size_t n_options)
{
	for (size_t i = 0; i < n_options; i++) {
		char value[sizeof("18446744073709551615")];

		snprintf(value, sizeof(value), "%" PRIu64, options[i].value);
		wire_write_bytes(writer, options[i].name);
		wire_write_u8(writer, 0);
		wire_write_cstring(writer, value);
	}
}

size_t tftp_write_rrq(uint8_t *buffer, size_t size, const struct tftp_request *request)
{
	struct wire_writer writer = wire_writer_init(buffer, size);

	wire_write_u16(&writer, TFTP_RRQ);
	wire_write_bytes(&writer, request->name);
	wire_write_u8(&writer, 0);
	wire_write_cstring(&writer, "octet");
	write_options(&writer, request->options, request->n_options);
	return written(&writer);
}

size_t tftp_write_oack(
	uint8_t *buffer, size_t size, const struct tftp_option_value *options, size_t n_options)
{
	struct wire_writer writer = wire_writer_init(buffer, size);

	wire_write_u16(&writer, TFTP_OACK);
	write_options(&writer, options, n_options);
	return written(&writer);
}

size_t tftp_write_ack(uint8_t *buffer, size_t size, uint16_t block)
{
	struct wire_writer writer = wire_writer_init(buffer, size);

	wire_write_u16(&writer, TFTP_ACK);
	wire_write_u16(&writer, block);
	return written(&writer);
}

size_t tftp_write_error(uint8_t *buffer, size_t size, enum tftp_error code, const char *message)
{
	struct wire_writer writer = wire_writer_init(buffer, size);

	wire_write_u16(&writer, TFTP_ERROR);
	wire_write_u16(&writer, (uint16_t)code);
	wire_write_cstring(&writer, message);
	return written(&writer);
}

size_t tftp_write_data_header(uint8_t *buffer, size_t size, uint16_t block)
{
	struct wire_writer writer = wire_writer_init(buffer, size);

	wire_write_u16(&writer, TFTP_DATA);
	wire_write_u16(&writer, block);
	return written(&writer);
}
