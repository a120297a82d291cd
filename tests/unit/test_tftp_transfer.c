/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transfer against a hand-led client. Numbers T11… are the cases of malformed input that a TFTP
 * server for PXE has to stand.
 */
#include "tests/unit/unit.h"

#include "core/tftp_transfer.h"

#include <stdio.h>

#define FILE_SIZE 600000 /* wraps at blksize 8 */

static uint8_t file_octets[FILE_SIZE];
static struct tftp_transfer transfer;

/* What the transfer wants sent, as text: "O" an OACK, "E4" an ERROR, "1-4" DATA (a run), blanks
 * between, "" nothing. Each DATA is held against the file. */
static const char *drain(void)
{
	static char text[512];
	struct tftp_output output;
	unsigned first = 0, last = 0, n_data = 0;
	size_t used = 0;

	text[0] = '\0';
	while (tftp_transfer_next(&transfer, &output)) {
		unsigned block = (unsigned)output.header[2] << 8 | output.header[3];

		switch (output.header[1]) {
		case TFTP_OACK:
			used += (size_t)snprintf(text + used, sizeof(text) - used, "O ");
			break;
		case TFTP_ERROR:
			used += (size_t)snprintf(text + used, sizeof(text) - used, "E%u ", block);
			break;
		case TFTP_DATA:
			assert_int_equal(output.header_len, TFTP_HEADER_LEN);
			if (n_data++ > 0)
				assert_int_equal(block, (uint16_t)(last + 1));
			first = n_data == 1 ? block : first;
			last = block;
			break;
		}
	}
	if (n_data > 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
			n_data > 1 ? "%u-%u " : "%u ", first, last);
	if (used > 0)
		text[used - 1] = '\0';
	return text;
}

/* Starts a transfer of the first `size` octets; `options` as on the wire. */
static const char *start(size_t size, const struct tftp_limits *limits, struct bytes options)
{
	uint8_t datagram[TFTP_REQUEST_MAX] = "\0\1file\0octet";
	struct tftp_packet packet;

	memcpy(datagram + 13, options.data, options.len);
	assert_int_equal(tftp_packet_parse(bytes_of(datagram, 13 + options.len), &packet), TFTP_OK);
	tftp_transfer_start(&transfer, limits ? limits : &TFTP_LIMITS_DEFAULT, &packet.request,
		bytes_of(file_octets, size), 0);
	memset(datagram, 0, sizeof(datagram));
	return drain();
}

static const char *receive(struct bytes datagram, uint64_t now_ms)
{
	tftp_transfer_receive(&transfer, datagram, now_ms);
	return drain();
}

static const char *ack(unsigned block, uint64_t now_ms)
{
	uint8_t datagram[] = {0, TFTP_ACK, (uint8_t)(block >> 8), (uint8_t)block};

	return receive(bytes_of(datagram, sizeof(datagram)), now_ms);
}

static const char *expire(uint64_t now_ms)
{
	tftp_transfer_expire(&transfer, now_ms);
	return drain();
}

static void test_without_options_blocks_of_512_in_lock_step(void **state)
{
	(void)state;
	assert_string_equal(start(1025, NULL, WIRE("")), "1");
	assert_string_equal(ack(1, 1), "2");
	assert_string_equal(ack(2, 2), "3");
	assert_false(tftp_transfer_ended(&transfer));
	assert_string_equal(ack(3, 3), "");
	assert_int_equal(transfer.state, TFTP_COMPLETE);
	assert_int_equal(tftp_transfer_acknowledged(&transfer), 1025);
	assert_int_equal(transfer.packets_sent, 3);
	assert_int_equal(transfer.packets_resent, 0);
}

static void test_t11_to_t15_what_is_granted(void **state)
{
	const struct {
		const char *number;
		struct bytes options, oack;
	} cases[] = {
		{"T11 empty", WIRE("blksize\0\0"), {0}},
		{"T11 0",
			WIRE("blksize\0"
			     "0\0"),
			{0}},
		{"T11 7",
			WIRE("blksize\0"
			     "7\0"),
			{0}},
		{"T11 8",
			WIRE("blksize\0"
			     "8\0"),
			WIRE("\0\6blksize\0"
			     "8\0")},
		{"T11 -1", WIRE("blksize\0-1\0"), {0}},
		{"T11 +512", WIRE("blksize\0+512\0"), {0}},
		{"T11 0x200",
			WIRE("blksize\0"
			     "0x200\0"),
			{0}},
		{"T11 blank", WIRE("blksize\0 512\0"), {0}},
		{"T11 65464",
			WIRE("blksize\0"
			     "65464\0"),
			WIRE("\0\6blksize\0"
			     "1468\0")},
		{"T11 65465",
			WIRE("blksize\0"
			     "65465\0"),
			WIRE("\0\6blksize\0"
			     "1468\0")},
		{"T11 overflow",
			WIRE("blksize\0"
			     "99999999999999\0"),
			{0}},
		{"T12 0",
			WIRE("windowsize\0"
			     "0\0"),
			{0}},
		{"T12 1",
			WIRE("windowsize\0"
			     "1\0"),
			WIRE("\0\6windowsize\0"
			     "1\0")},
		{"T12 65535",
			WIRE("windowsize\0"
			     "65535\0"),
			WIRE("\0\6windowsize\0"
			     "16\0")},
		{"T12 65536",
			WIRE("windowsize\0"
			     "65536\0"),
			{0}},
		{"T12 -1", WIRE("windowsize\0-1\0"), {0}},
		{"T13 0",
			WIRE("timeout\0"
			     "0\0"),
			{0}},
		{"T13 1",
			WIRE("timeout\0"
			     "1\0"),
			WIRE("\0\6timeout\0"
			     "1\0")},
		{"T13 255",
			WIRE("timeout\0"
			     "255\0"),
			WIRE("\0\6timeout\0"
			     "255\0")},
		{"T13 256",
			WIRE("timeout\0"
			     "256\0"),
			{0}},
		{"T13 1.5",
			WIRE("timeout\0"
			     "1.5\0"),
			{0}},
		{"T14 0",
			WIRE("tsize\0"
			     "0\0"),
			WIRE("\0\6tsize\0"
			     "600000\0")},
		{"T14 12345",
			WIRE("tsize\0"
			     "12345\0"),
			WIRE("\0\6tsize\0"
			     "600000\0")},
		{"T14 abc", WIRE("tsize\0abc\0"), {0}},
		{"T14 empty", WIRE("tsize\0\0"), {0}},
		{"T15 spelling and order",
			WIRE("TSIZE\0"
			     "0\0BlkSize\0"
			     "1000\0blksize\0"
			     "9\0"),
			WIRE("\0\6TSIZE\0"
			     "600000\0BlkSize\0"
			     "1000\0")},
		{"unknown",
			WIRE("multicast\0\0rollover\0"
			     "0\0utimeout\0"
			     "50000\0"),
			{0}},
	};
	struct tftp_limits limits = TFTP_LIMITS_DEFAULT;

	(void)state;
	limits.blksize_max = 1468;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *sent = start(FILE_SIZE, &limits, cases[i].options);
		struct bytes oack = bytes_of(transfer.oack, transfer.oack_len);

		if (!bytes_equal(oack, cases[i].oack)
			|| strcmp(sent, cases[i].oack.data ? "O" : "1") != 0)
			fail_msg("%s", cases[i].number);
	}
}

static void test_the_longest_oack_fits(void **state)
{
	(void)state;
	assert_string_equal(start(FILE_SIZE, NULL,
				    WIRE("blksize\0"
					 "65464\0timeout\0"
					 "255\0tsize\0"
					 "0\0"
					 "windowsize\0"
					 "16\0")),
		"O");
	tftp_transfer_start(&transfer, &TFTP_LIMITS_DEFAULT,
		&(struct tftp_request){
			.n_options = 1, .options = {tftp_option_value(TFTP_OPTION_TSIZE, 0)}},
		bytes_of(file_octets, SIZE_MAX), 0);
	assert_true(bytes_equal(bytes_of(transfer.oack, transfer.oack_len),
		WIRE("\0\6tsize\0"
		     "18446744073709551615\0"))); /* T28: 64 bits */
}

static void test_after_the_oack_only_ack_0_opens_the_window(void **state)
{
	(void)state;
	assert_string_equal(start(FILE_SIZE, NULL,
				    WIRE("blksize\0"
					 "1000\0windowsize\0"
					 "4\0")),
		"O");
	assert_string_equal(ack(1, 1), ""); /* T18 */
	assert_string_equal(ack(65535, 1), "");
	assert_int_equal(transfer.state, TFTP_WAIT_OACK_ACK);
	assert_string_equal(ack(0, 2), "1-4");
	assert_string_equal(ack(0, 3), "");
	assert_string_equal(ack(4, 4), "5-8");
}

static void test_t18_ack_0_without_oack(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL, WIRE(""));
	assert_string_equal(ack(0, 1), "");
	assert_string_equal(ack(1, 2), "2");
}

static void test_t19_ack_ahead_of_the_window(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 1);
	assert_string_equal(ack(5, 2), "");
	assert_string_equal(ack(4000, 2), "");
	assert_string_equal(ack(65535, 2), "");
	assert_string_equal(ack(4, 3), "5-8");
}

static void test_t20_a_thousand_duplicates_of_every_ack(void **state)
{
	unsigned last = FILE_SIZE / 512 + 1;

	(void)state;
	start(FILE_SIZE, NULL, WIRE(""));
	for (unsigned block = 1; block <= last; block++) {
		ack(block, block);
		for (int i = 0; i < 1000; i++)
			assert_string_equal(ack(block, block), "");
	}
	assert_int_equal(transfer.state, TFTP_COMPLETE);
	assert_int_equal(transfer.packets_sent, last);
	assert_int_equal(transfer.packets_resent, 0);
}

static void test_t21_an_ack_of_an_old_window_after_the_wrap(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("blksize\0"
		     "8\0windowsize\0"
		     "4\0"));
	ack(0, 0);
	for (unsigned block = 4; block <= 65536; block += 4)
		ack(block & 0xffff, block);
	assert_int_equal(transfer.base, 65536);
	assert_string_equal(ack(65532, 70000), "");
	assert_string_equal(ack(0, 70000), "");
	assert_string_equal(ack(65535, 70000), "");
	assert_string_equal(ack(2, 70000), "3-6");
}

static void test_t22_a_partial_ack_goes_back_once(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 1);
	assert_string_equal(ack(4, 2), "5-8");
	/* EDK2 misses block 6 and says so at 7 and at 8. */
	assert_string_equal(ack(5, 3), "6-9");
	assert_string_equal(ack(5, 3), "");
	assert_int_equal(transfer.packets_resent, 3);
	assert_string_equal(ack(9, 4), "10-13");
	/* An ACK of what was sent before the going back counts. */
	assert_string_equal(ack(10, 5), "11-14");
	assert_string_equal(ack(13, 5), "14-17");
}

static void test_t23_ack_too_short_or_too_long(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL, WIRE(""));
	assert_string_equal(receive(WIRE("\0\4\0"), 1), "");
	assert_string_equal(receive(WIRE("\0\4\0\1trailing"), 1), "2");
}

static void test_t24_an_error_ends_it_in_silence(void **state)
{
	static uint8_t huge[65507] = {0, 5, 0, 3};

	(void)state;
	memset(huge + 4, 'x', sizeof(huge) - 4);
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 1);
	assert_string_equal(receive(bytes_of(huge, sizeof(huge)), 2), "");
	assert_int_equal(transfer.state, TFTP_ABORTED);
	assert_int_equal(transfer.client_error, 3);
	assert_int_equal(transfer.client_message.len, sizeof(huge) - 4);
	assert_string_equal(ack(4, 3), "");
	assert_string_equal(expire(100000), "");
	start(FILE_SIZE, NULL, WIRE(""));
	assert_string_equal(receive(WIRE("\0\5\0\0"), 2), "");
	assert_int_equal(transfer.state, TFTP_ABORTED);
}

static void test_the_size_probe_is_no_failure(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("tsize\0"
		     "0\0blksize\0"
		     "1468\0windowsize\0"
		     "4\0"));
	assert_string_equal(receive(WIRE("\0\5\0\10User aborted the transfer\0"), 5), "");
	assert_int_equal(transfer.state, TFTP_PROBED);
	start(FILE_SIZE, NULL,
		WIRE("tsize\0"
		     "0\0"));
	receive(WIRE("\0\5\0\0TFTP Aborted\0"), 5);
	assert_int_equal(transfer.state, TFTP_PROBED);
	start(FILE_SIZE, NULL,
		WIRE("tsize\0"
		     "0\0"));
	receive(WIRE("\0\5\0\4Malformatted OACK packet\0"), 5);
	assert_int_equal(transfer.state, TFTP_ABORTED);
}

static void test_t25_the_same_request_again(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("blksize\0"
		     "1000\0"));
	assert_true(tftp_transfer_repeat(&transfer, 250));
	assert_string_equal(drain(), "O");
	assert_true(tftp_transfer_repeat(&transfer, 300));
	assert_string_equal(drain(), "O");
	assert_true(tftp_transfer_repeat(&transfer, 350));
	assert_string_equal(drain(), ""); /* three sends are all an unproven peer gets */
	assert_string_equal(ack(0, 400), "1");
	assert_false(tftp_transfer_repeat(&transfer, 450));
	assert_string_equal(drain(), "");
	start(FILE_SIZE, NULL, WIRE(""));
	assert_true(tftp_transfer_repeat(&transfer, 250));
	assert_string_equal(drain(), "1");
	assert_int_equal(transfer.packets_resent, 1);
}

/* Fires the timer until the end; the times of the sends, in ms. */
static const char *sends_until_the_end(uint64_t now_ms)
{
	static char text[128];
	size_t used = 0;

	text[0] = '\0';
	while (!tftp_transfer_ended(&transfer)) {
		now_ms = tftp_transfer_deadline_ms(&transfer);
		assert_string_equal(expire(now_ms - 1), "");
		if (*expire(now_ms))
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%u ", (unsigned)now_ms);
	}
	snprintf(text + used, sizeof(text) - used, "end %u", (unsigned)now_ms);
	return text;
}

static void test_t26_the_client_vanishes(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("blksize\0"
		     "1000\0windowsize\0"
		     "4\0"));
	assert_string_equal(sends_until_the_end(0), "1000 3000 end 7000");
	assert_int_equal(transfer.state, TFTP_TIMED_OUT);
	start(FILE_SIZE, NULL, WIRE(""));
	assert_string_equal(sends_until_the_end(0), "1000 3000 end 7000");
	assert_int_equal(transfer.state, TFTP_TIMED_OUT);
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 100);
	assert_string_equal(sends_until_the_end(100), "1100 3100 7100 11100 15100 end 19100");
	assert_int_equal(transfer.state, TFTP_TIMED_OUT);
	assert_int_equal(transfer.packets_sent, 1 + 6 * 4);
	start(FILE_SIZE, NULL,
		WIRE("timeout\0"
		     "7\0"));
	ack(0, 0);
	assert_string_equal(sends_until_the_end(0), "7000 14000 21000 28000 end 30000");
	start(FILE_SIZE, NULL,
		WIRE("timeout\0"
		     "255\0"));
	ack(0, 0);
	assert_string_equal(sends_until_the_end(0), "end 30000");
}

static void test_the_whole_window_is_resent_and_progress_calms_the_timer(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 0);
	assert_string_equal(expire(1000), "1-4");
	assert_string_equal(expire(3000), "1-4");
	assert_string_equal(ack(4, 3500), "5-8");
	assert_int_equal(tftp_transfer_deadline_ms(&transfer), 4500);
	assert_string_equal(ack(4, 4000), "");
	assert_int_equal(tftp_transfer_deadline_ms(&transfer), 4500);
}

/* The fourth block is lost; EDK2 ACKs 3 for each block that it gets for the second time. Were the
 * fourth sent a third time for that, the client would get all that follows twice. */
static void test_a_resent_window_is_not_sent_again_for_the_acks_it_causes(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 0);
	assert_string_equal(expire(1000), "1-4");
	assert_string_equal(ack(3, 1001), "5-7");
	assert_string_equal(ack(3, 1002), "");
	assert_string_equal(ack(7, 1003), "8-11");
	assert_string_equal(ack(9, 1004), "10-13");
	assert_int_equal(transfer.packets_resent, 4 + 2);
}

static void test_the_last_ack_never_comes(void **state)
{
	(void)state;
	start(1000, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 0);
	assert_string_equal(sends_until_the_end(0), "1000 3000 7000 end 11000");
	assert_int_equal(transfer.state, TFTP_UNCONFIRMED);
	start(10, NULL, WIRE(""));
	assert_string_equal(sends_until_the_end(0), "1000 3000 end 7000");
	assert_int_equal(transfer.state, TFTP_TIMED_OUT); /* nobody ever answered */
}

static void test_t27_nobody_listens(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	ack(0, 0);
	tftp_transfer_unreachable(&transfer);
	assert_true(tftp_transfer_ended(&transfer));
	assert_string_equal(drain(), "");
	assert_int_equal(transfer.state, TFTP_GONE);
}

static void test_t28_sizes_around_the_block(void **state)
{
	const struct {
		size_t size;
		const char *blocks;
	} cases[] = {{0, "1"}, {1, "1"}, {511, "1"}, {512, "1-2"}, {513, "1-2"}, {1024, "1-3"}};
	struct tftp_output output;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned last = (unsigned)(cases[i].size / 512 + 1);

		start(cases[i].size, NULL,
			WIRE("windowsize\0"
			     "16\0"));
		tftp_transfer_receive(&transfer, WIRE("\0\4\0\0"), 1);
		for (unsigned block = 1; block <= last; block++) {
			assert_true(tftp_transfer_next(&transfer, &output));
			assert_int_equal(
				output.payload.len, block < last ? 512 : cases[i].size % 512);
			assert_ptr_equal(
				output.payload.data, file_octets + 512 * (size_t)(block - 1));
		}
		assert_false(tftp_transfer_next(&transfer, &output));
		ack(last, 2);
		assert_int_equal(transfer.state, TFTP_COMPLETE);
	}
}

static void test_t16_t28_the_block_number_wraps_to_0(void **state)
{
	unsigned block;

	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("blksize\0"
		     "8\0"));
	ack(0, 0);
	for (block = 1; block < 65535; block++)
		ack(block, block);
	assert_string_equal(ack(65535, block), "0");
	assert_string_equal(ack(0, block), "1");
	assert_string_equal(ack(1, block), "2");
	assert_int_equal(tftp_transfer_acknowledged(&transfer), 8 * 65537);
}

static void test_t33_data_from_the_client(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL,
		WIRE("windowsize\0"
		     "4\0"));
	assert_string_equal(receive(WIRE("\0\3\0\1what"), 1), "E4");
	assert_int_equal(transfer.state, TFTP_PROTOCOL);
	assert_string_equal(receive(WIRE("\0\3\0\1what"), 1), "");
}

static void test_other_packets_change_nothing(void **state)
{
	(void)state;
	start(FILE_SIZE, NULL, WIRE(""));
	assert_string_equal(receive(WIRE("\0\6tsize\0"
					 "5\0"),
				    1),
		"");
	assert_string_equal(receive(WIRE("\0\1file\0octet\0"), 1), "");
	assert_string_equal(receive(WIRE("\0\2file\0octet\0"), 1), "");
	assert_string_equal(receive(WIRE("\0\11\0\0"), 1), "");
	assert_string_equal(receive((struct bytes){0}, 1), "");
	assert_string_equal(ack(1, 2), "2");
}

static void test_a_transfer_fits_in_a_kibibyte(void **state)
{
	(void)state;
	assert_true(sizeof(struct tftp_transfer) <= 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_options_blocks_of_512_in_lock_step),
		cmocka_unit_test(test_t11_to_t15_what_is_granted),
		cmocka_unit_test(test_the_longest_oack_fits),
		cmocka_unit_test(test_after_the_oack_only_ack_0_opens_the_window),
		cmocka_unit_test(test_t18_ack_0_without_oack),
		cmocka_unit_test(test_t19_ack_ahead_of_the_window),
		cmocka_unit_test(test_t20_a_thousand_duplicates_of_every_ack),
		cmocka_unit_test(test_t21_an_ack_of_an_old_window_after_the_wrap),
		cmocka_unit_test(test_t22_a_partial_ack_goes_back_once),
		cmocka_unit_test(test_t23_ack_too_short_or_too_long),
		cmocka_unit_test(test_t24_an_error_ends_it_in_silence),
		cmocka_unit_test(test_the_size_probe_is_no_failure),
		cmocka_unit_test(test_t25_the_same_request_again),
		cmocka_unit_test(test_t26_the_client_vanishes),
		cmocka_unit_test(test_the_whole_window_is_resent_and_progress_calms_the_timer),
		cmocka_unit_test(test_a_resent_window_is_not_sent_again_for_the_acks_it_causes),
		cmocka_unit_test(test_the_last_ack_never_comes),
		cmocka_unit_test(test_t27_nobody_listens),
		cmocka_unit_test(test_t28_sizes_around_the_block),
		cmocka_unit_test(test_t16_t28_the_block_number_wraps_to_0),
		cmocka_unit_test(test_t33_data_from_the_client),
		cmocka_unit_test(test_other_packets_change_nothing),
		cmocka_unit_test(test_a_transfer_fits_in_a_kibibyte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
