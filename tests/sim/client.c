/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients, after the sources of the real ones: EDK2's Mtftp4Dxe and UefiPxeBcDxe, iPXE's
 * net/udp/tftp.c, RFC 1350 and RFC 7440. What they do wrong they do wrong here, too.
 */
#include "tests/sim/client.h"

struct profile {
	const char *name;
	uint32_t blksize;    /* 0: does not ask */
	uint16_t windowsize; /* 0: does not ask */
	bool tsize;
	bool probe; /* asks the size first and leaves */
	uint32_t retry_ms;
	bool retry_doubles;
	uint32_t give_up_ms; /* a wait of more than this is not begun */
	unsigned tries_max;
	bool errors_unknown; /* tells a foreign TID so */
};

static const struct profile profiles[CLIENT_KINDS] = {
	[CLIENT_EDK2] = {.name = "EDK2",
		.blksize = 1468,
		.windowsize = 4,
		.probe = true,
		.retry_ms = 4000,
		.give_up_ms = UINT32_MAX,
		.tries_max = 6},
	[CLIENT_IPXE] = {.name = "iPXE",
		.blksize = 1432,
		.tsize = true,
		.retry_ms = 250,
		.retry_doubles = true,
		.give_up_ms = 10000,
		.tries_max = 100},
	[CLIENT_CLASSIC] = {.name = "classic",
		.retry_ms = 1000,
		.give_up_ms = UINT32_MAX,
		.tries_max = 10,
		.errors_unknown = true},
	[CLIENT_WINDOW16] = {.name = "window16",
		.blksize = 1024,
		.windowsize = 16,
		.tsize = true,
		.retry_ms = 1000,
		.give_up_ms = UINT32_MAX,
		.tries_max = 10,
		.errors_unknown = true},
};

const char *client_name(enum client_kind kind)
{
	return profiles[kind].name;
}

static const struct profile *profile_of(const struct client *client)
{
	return &profiles[client->kind];
}

static void finish(struct client *client, enum client_outcome outcome, const char *reason)
{
	client->outcome = outcome;
	client->reason = reason;
	client->port = 0;
	client->deadline_us = UINT64_MAX;
}

static void transmit(struct client *client)
{
	client->send(client->context, client->port, client->last_to,
		bytes_of(client->last, client->last_len));
}

/* Sends what is in `last` for the first time. */
static void send_new(struct client *client, uint16_t to, size_t len, uint64_t now_us)
{
	client->last_to = to;
	client->last_len = len;
	client->tries = 1;
	client->wait_ms = profile_of(client)->retry_ms;
	client->deadline_us = now_us + client->wait_ms * UINT64_C(1000);
	transmit(client);
}

static void send_ack(struct client *client, uint64_t now_us)
{
	client->n_acked = client->n_blocks;
	send_new(client, client->server_tid,
		tftp_write_ack(client->last, sizeof(client->last), (uint16_t)client->n_blocks),
		now_us);
}

static void send_error(
	struct client *client, uint16_t to, enum tftp_error code, const char *message)
{
	uint8_t datagram[64];
	size_t len = tftp_write_error(datagram, sizeof(datagram), code, message);

	client->send(client->context, client->port, to, bytes_of(datagram, len));
}

static void send_request(struct client *client, uint64_t now_us)
{
	const struct profile *profile = profile_of(client);
	struct tftp_request request = {.name = bytes_of_string("signed_ipxe.efi")};

	if (client->probing || profile->tsize)
		request.options[request.n_options++] = tftp_option_value(TFTP_OPTION_TSIZE, 0);
	if (profile->blksize > 0)
		request.options[request.n_options++] =
			tftp_option_value(TFTP_OPTION_BLKSIZE, profile->blksize);
	if (profile->windowsize > 0)
		request.options[request.n_options++] =
			tftp_option_value(TFTP_OPTION_WINDOWSIZE, profile->windowsize);
	client->server_tid = 0;
	client->blksize = TFTP_BLKSIZE_DEFAULT;
	client->windowsize = 1;
	send_new(client, TFTP_PORT, tftp_write_rrq(client->last, sizeof(client->last), &request),
		now_us);
}

void client_start(struct client *client, enum client_kind kind, uint16_t port, uint8_t *buffer,
	size_t capacity, client_send_fn send, void *context, uint64_t now_us)
{
	*client = (struct client){
		.kind = kind,
		.send = send,
		.context = context,
		.buffer = buffer,
		.capacity = capacity,
		.port = port,
		.probing = profiles[kind].probe,
	};
	send_request(client, now_us);
}

static void receive_oack(struct client *client, const struct tftp_request *oack, uint64_t now_us)
{
	const struct profile *profile = profile_of(client);
	bool sized = false, offended = false;

	if (client->n_blocks > 0)
		return;
	for (size_t i = 0; i < oack->n_options; i++) {
		uint64_t value = oack->options[i].value;

		switch (oack->options[i].option) {
		case TFTP_OPTION_BLKSIZE:
			offended |= value < TFTP_BLKSIZE_MIN || value > profile->blksize;
			client->blksize = (uint32_t)value;
			break;
		case TFTP_OPTION_WINDOWSIZE:
			offended |= value < 1 || value > profile->windowsize;
			client->windowsize = (uint16_t)value;
			break;
		case TFTP_OPTION_TSIZE:
			sized = true;
			break;
		default:
			offended = true;
		}
	}
	if (offended || (client->probing && !sized)) {
		finish(client, CLIENT_OFFENDED, "the OACK is not what was asked for");
		return;
	}
	if (!client->probing) {
		send_ack(client, now_us);
		return;
	}
	send_error(client, client->server_tid, TFTP_ERROR_OPTION, "User aborted the transfer");
	client->probing = false;
	client->port++;
	send_request(client, now_us);
}

/* Which block, counted from 1 in 64 bits, the client takes this one for. */
static uint64_t block_meant(struct client *client, uint16_t number)
{
	uint64_t expected = client->n_blocks + 1;

	if (client->kind != CLIENT_IPXE)
		return expected + (uint64_t)(int64_t)(int16_t)(uint16_t)(number - expected);
	expected = client->wrap_offset + number;
	if (number == UINT16_MAX)
		client->wrap_offset += 0x10000;
	return expected;
}

static void receive_data(
	struct client *client, uint16_t number, struct bytes payload, uint64_t now_us)
{
	uint64_t block = block_meant(client, number);

	if (payload.len > client->blksize)
		return;
	if (client->kind == CLIENT_IPXE && block > client->n_blocks + 1) {
		finish(client, CLIENT_FAILED, "misplaced a second copy of block 65535");
		return;
	}
	if (block != client->n_blocks + 1) {
		send_ack(client, now_us);
		return;
	}
	if (client->received + payload.len > client->capacity) {
		finish(client, CLIENT_OFFENDED, "more octets than the file has");
		return;
	}
	if (payload.len > 0)
		memcpy(client->buffer + client->received, payload.data, payload.len);
	client->received += payload.len;
	client->n_blocks++;
	if (payload.len < client->blksize) {
		send_ack(client, now_us);
		finish(client, CLIENT_COMPLETE, NULL);
	} else if (client->n_blocks - client->n_acked == client->windowsize) {
		send_ack(client, now_us);
	}
}

bool client_receive(
	struct client *client, uint16_t port, uint16_t from, struct bytes payload, uint64_t now_us)
{
	struct tftp_packet packet;

	if (client->port == 0 || port != client->port)
		return false;
	if (tftp_packet_parse(payload, &packet) != TFTP_OK) {
		finish(client, CLIENT_OFFENDED, "an ill-formed packet came");
		return true;
	}
	if (client->server_tid == 0 && from != TFTP_PORT)
		client->server_tid = from;
	if (from != client->server_tid && from != TFTP_PORT) {
		if (profile_of(client)->errors_unknown && packet.opcode != TFTP_ERROR)
			send_error(client, from, TFTP_ERROR_UNKNOWN_TID, "unknown transfer ID");
		return true;
	}
	if (packet.opcode == TFTP_OACK)
		receive_oack(client, &packet.oack, now_us);
	else if (packet.opcode == TFTP_DATA)
		receive_data(client, packet.data.block, packet.data.payload, now_us);
	else if (packet.opcode == TFTP_ERROR)
		finish(client, CLIENT_FAILED, "the server sent an ERROR");
	return true;
}

void client_expire(struct client *client, uint64_t now_us)
{
	const struct profile *profile = profile_of(client);

	if (now_us < client->deadline_us)
		return;
	if (profile->retry_doubles)
		client->wait_ms *= 2;
	if (client->tries++ >= profile->tries_max || client->wait_ms > profile->give_up_ms) {
		finish(client, CLIENT_FAILED, "timed out");
		return;
	}
	client->deadline_us = now_us + client->wait_ms * UINT64_C(1000);
	transmit(client);
}
