/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side against our own server's transfer, over a network that loses packets, and
 * against hand-made answers of servers that err.
 */
#include "tests/unit/unit.h"

#include "core/tftp_download.h"
#include "core/tftp_transfer.h"

#include <string.h>

static uint8_t original[600000];
static uint8_t copy[sizeof(original)];

/* Loses a tenth of all packets, which ones is the seed's to say; seed 0 loses none. */
struct network {
	uint32_t seed;
	uint64_t now_ms;
};

static bool lost(struct network *network)
{
	network->seed *= 1664525;
	network->seed += network->seed > 0 ? 1013904223 : 0;
	return network->seed > 0 && (network->seed >> 16) % 10 == 0;
}

static void server_sends(
	struct tftp_transfer *transfer, struct tftp_download *download, struct network *network)
{
	struct tftp_output output;

	while (tftp_transfer_next(transfer, &output)) {
		uint8_t datagram[2048];

		memcpy(datagram, output.header, output.header_len);
		if (output.payload.len > 0)
			memcpy(datagram + output.header_len, output.payload.data,
				output.payload.len);
		if (!lost(network))
			tftp_download_receive(download,
				bytes_of(datagram, output.header_len + output.payload.len),
				network->now_ms);
	}
}

static void run(struct tftp_download *download, size_t len, const struct tftp_limits *limits,
	struct network *network)
{
	struct tftp_transfer transfer;
	struct bytes datagram = tftp_download_next(download);
	struct tftp_packet rrq;

	assert_int_equal(tftp_packet_parse(datagram, &rrq), TFTP_OK);
	tftp_transfer_start(
		&transfer, limits, &rrq.request, bytes_of(original, len), network->now_ms);
	for (unsigned i = 0; i < 1000000 && !tftp_download_ended(download); i++) {
		server_sends(&transfer, download, network);
		datagram = tftp_download_next(download);
		if (datagram.data && !lost(network)) {
			tftp_transfer_receive(&transfer, datagram, network->now_ms);
		} else if (!datagram.data) {
			network->now_ms += 100;
			tftp_transfer_expire(&transfer, network->now_ms);
			tftp_download_expire(download, network->now_ms);
		}
	}
}

static void test_asks_for_the_size_and_hangs_up(void **state)
{
	static const char rrq[] = "\0\1boot.efi\0octet\0tsize\0"
				  "0\0blksize\0"
				  "1468\0windowsize\0"
				  "4";
	struct network network = {0};
	struct tftp_download download;
	struct bytes sent;
	struct tftp_packet packet;

	(void)state;
	tftp_download_start_size(&download, "boot.efi", 0);
	sent = tftp_download_next(&download);
	assert_int_equal(sent.len, sizeof(rrq));
	assert_memory_equal(sent.data, rrq, sizeof(rrq));
	tftp_download_start_size(&download, "boot.efi", 0);
	run(&download, 12345, &TFTP_LIMITS_DEFAULT, &network);
	assert_int_equal(download.state, TFTP_DOWNLOAD_DONE);
	assert_int_equal(download.size, 12345);
	/* Section 3: EDK2 ends it with ERROR 8. run() took it off already; it is kept. */
	assert_int_equal(tftp_packet_parse(bytes_of(download.packet, download.packet_len), &packet),
		TFTP_OK);
	assert_int_equal(packet.opcode, TFTP_ERROR);
	assert_int_equal(packet.error.code, TFTP_ERROR_OPTION);
}

static void test_fetches_every_length_whole(void **state)
{
	static const size_t lens[] = {0, 1, 1467, 1468, 1469, 4 * 1468, 4 * 1468 + 1, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (uint32_t seed = 0; seed < 50; seed++) {
			struct network network = {.seed = seed};
			struct tftp_download download;

			memset(copy, 0, sizeof(copy));
			tftp_download_start(&download, "boot.efi", copy, lens[i], 0);
			run(&download, lens[i], &TFTP_LIMITS_DEFAULT, &network);
			assert_int_equal(download.state, TFTP_DOWNLOAD_DONE);
			assert_int_equal(download.received, lens[i]);
			assert_memory_equal(copy, original, lens[i]);
			if (lens[i] > 10000)
				assert_int_equal(download.window, 4);
		}
	}
}

static void test_block_numbers_wrap(void **state)
{
	struct tftp_limits limits = TFTP_LIMITS_DEFAULT;
	struct network network = {0};
	struct tftp_download download;

	(void)state;
	limits.blksize_max = 8;
	memset(copy, 0, sizeof(copy));
	tftp_download_start(&download, "boot.efi", copy, sizeof(original), 0);
	run(&download, sizeof(original), &limits, &network);
	assert_int_equal(download.state, TFTP_DOWNLOAD_DONE);
	assert_int_equal(download.blksize, 8);
	assert_memory_equal(copy, original, sizeof(original));
}

static void test_a_length_that_was_not_announced(void **state)
{
	static const size_t announced[] = {9999, 10001};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct network network = {0};
		struct tftp_download download;

		tftp_download_start(&download, "boot.efi", copy, announced[i], 0);
		run(&download, 10000, &TFTP_LIMITS_DEFAULT, &network);
		assert_int_equal(download.state, TFTP_DOWNLOAD_WRONG_SIZE);
	}
}

static void test_silence_ends_after_six_tries(void **state)
{
	struct tftp_download download;
	unsigned sent = 0;
	uint64_t now_ms = 0;

	(void)state;
	tftp_download_start(&download, "boot.efi", copy, 1000, now_ms);
	while (!tftp_download_ended(&download)) {
		sent += tftp_download_next(&download).data != NULL;
		now_ms = download.deadline_ms;
		tftp_download_expire(&download, now_ms);
	}
	assert_int_equal(download.state, TFTP_DOWNLOAD_TIMED_OUT);
	assert_int_equal(sent, 6);
	assert_int_equal(now_ms, 24000);
}

#define DATAGRAM(text) bytes_of(text, sizeof(text) - 1)

static enum tftp_download_state answered(
	struct tftp_download *download, bool size_only, struct bytes answer)
{
	if (size_only)
		tftp_download_start_size(download, "boot.efi", 0);
	else
		tftp_download_start(download, "boot.efi", copy, 1000, 0);
	(void)tftp_download_next(download);
	tftp_download_receive(download, answer, 1);
	return download->state;
}

static void test_answers_that_a_firmware_refuses(void **state)
{
	static const struct {
		bool size_only;
		struct bytes answer;
		enum tftp_download_state state;
	} cases[] = {
		{true,
			{(const uint8_t *)"\0\6tsize\0"
					  "10\0",
				11},
			TFTP_DOWNLOAD_DONE},
		{true,
			{(const uint8_t *)"\0\6TSIZE\0"
					  "10\0",
				11},
			TFTP_DOWNLOAD_NO_SIZE},
		{true,
			{(const uint8_t *)"\0\6blksize\0"
					  "512\0",
				14},
			TFTP_DOWNLOAD_NO_SIZE},
		{true, {(const uint8_t *)"\0\3\0\1abc", 7}, TFTP_DOWNLOAD_NO_SIZE},
		{true, {(const uint8_t *)"\0\5\0\1not found\0", 14}, TFTP_DOWNLOAD_REFUSED},
		{false,
			{(const uint8_t *)"\0\6blksize\0"
					  "512\0",
				14},
			TFTP_DOWNLOAD_RECEIVING},
		{false,
			{(const uint8_t *)"\0\6blksize\0"
					  "1469\0",
				15},
			TFTP_DOWNLOAD_BAD_ANSWER},
		{false,
			{(const uint8_t *)"\0\6blksize\0"
					  "7\0",
				12},
			TFTP_DOWNLOAD_BAD_ANSWER},
		{false,
			{(const uint8_t *)"\0\6windowsize\0"
					  "5\0",
				15},
			TFTP_DOWNLOAD_BAD_ANSWER},
		{false,
			{(const uint8_t *)"\0\6tsize\0"
					  "10\0",
				11},
			TFTP_DOWNLOAD_BAD_ANSWER},
		{false, {(const uint8_t *)"\0\3\0\2abc", 7}, TFTP_DOWNLOAD_RECEIVING},
		{false, {(const uint8_t *)"\0", 1}, TFTP_DOWNLOAD_ASKING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tftp_download download;

		if (answered(&download, cases[i].size_only, cases[i].answer) != cases[i].state)
			fail_msg("answer %zu: state %d, %s", i, (int)download.state,
				download.reason);
	}
}

static void test_a_refusal_keeps_the_words(void **state)
{
	struct tftp_download download;

	(void)state;
	answered(&download, false, DATAGRAM("\0\5\0\1no such file: boot.efi\0"));
	assert_int_equal(download.error_code, TFTP_ERROR_NOT_FOUND);
	assert_string_equal(download.reason, "no such file: boot.efi");
	assert_null(tftp_download_next(&download).data);
}

/* EDK2: each block out of order is answered at once with what is in order. */
static void test_a_gap_is_told_each_time(void **state)
{
	struct tftp_download download;

	(void)state;
	answered(&download, false,
		DATAGRAM("\0\6blksize\0"
			 "8\0windowsize\0"
			 "4\0"));
	(void)tftp_download_next(&download);
	tftp_download_receive(&download,
		DATAGRAM("\0\3\0\1"
			 "12345678"),
		2);
	assert_null(tftp_download_next(&download).data);
	for (int i = 0; i < 2; i++) {
		tftp_download_receive(&download,
			DATAGRAM("\0\3\0\3"
				 "12345678"),
			3);
		assert_true(bytes_equal(tftp_download_next(&download), DATAGRAM("\0\4\0\1")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asks_for_the_size_and_hangs_up),
		cmocka_unit_test(test_fetches_every_length_whole),
		cmocka_unit_test(test_block_numbers_wrap),
		cmocka_unit_test(test_a_length_that_was_not_announced),
		cmocka_unit_test(test_silence_ends_after_six_tries),
		cmocka_unit_test(test_answers_that_a_firmware_refuses),
		cmocka_unit_test(test_a_refusal_keeps_the_words),
		cmocka_unit_test(test_a_gap_is_told_each_time),
	};

	for (size_t i = 0; i < sizeof(original); i++)
		original[i] = (uint8_t)(i * 2654435761u >> 24);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
