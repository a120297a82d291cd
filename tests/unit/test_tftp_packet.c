/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers T1… are the cases of malformed input that a TFTP server for PXE has to stand.
 */
#include "tests/unit/unit.h"

#include "core/tftp_packet.h"

#include <stdio.h>

static void test_datagrams_and_their_verdict(void **state)
{
	const struct {
		const char *number;
		struct bytes datagram;
		enum tftp_status status;
	} cases[] = {
		{"T1 empty", {0}, TFTP_DROP},
		{"T1 one octet", WIRE("\0"), TFTP_DROP},
		{"T1 two octets", WIRE("\0\1"), TFTP_DROP},
		{"T1 three octets", WIRE("\0\1a"), TFTP_DROP},
		{"T2 opcode 0", WIRE("\0\0\0\0"), TFTP_BAD_OPCODE},
		{"T2 opcode 6 is an OACK",
			WIRE("\0\6blksize\0"
			     "512\0"),
			TFTP_OK},
		{"T2 opcode 7", WIRE("\0\7\0\0"), TFTP_BAD_OPCODE},
		{"T2 opcode 255", WIRE("\0\xff\0\0"), TFTP_BAD_OPCODE},
		{"T2 byte-swapped", WIRE("\1\0f\0octet\0"), TFTP_BAD_OPCODE},
		{"T3 no NUL", WIRE("\0\1filename"), TFTP_BAD_REQUEST},
		{"T4 no mode", WIRE("\0\1file\0"), TFTP_BAD_REQUEST},
		{"T4 mode unterminated", WIRE("\0\1file\0octet"), TFTP_BAD_REQUEST},
		{"T5 empty name", WIRE("\0\1\0octet\0"), TFTP_BAD_NAME},
		{"T6 mail", WIRE("\0\1f\0mail\0"), TFTP_BAD_MODE},
		{"T6 netascii", WIRE("\0\1f\0netascii\0"), TFTP_BAD_MODE},
		{"T6 OCTET", WIRE("\0\1f\0OCTET\0"), TFTP_OK},
		{"T6 blank behind", WIRE("\0\1f\0octet \0"), TFTP_BAD_MODE},
		{"T7 WRQ", WIRE("\0\2f\0octet\0"), TFTP_OK},
		{"T10 last octet not NUL",
			WIRE("\0\1f\0octet\0tsize\0"
			     "0"),
			TFTP_BAD_REQUEST},
		{"T23 ACK of 3 octets", WIRE("\0\4\0"), TFTP_DROP},
		{"T23 ACK with more behind", WIRE("\0\4\0\1more"), TFTP_OK},
		{"T24 ERROR without message", WIRE("\0\5\0\10"), TFTP_OK},
		{"OACK unterminated",
			WIRE("\0\6tsize\0"
			     "1"),
			TFTP_BAD_REQUEST},
		{"DATA, empty", WIRE("\0\3\0\1"), TFTP_OK},
	};
	struct tftp_packet packet;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (tftp_packet_parse(cases[i].datagram, &packet) != cases[i].status)
			fail_msg("%s", cases[i].number);
}

static void test_t9_a_long_name_is_kept_whole_up_to_the_limit(void **state)
{
	char datagram[1100] = "\0\1";
	struct tftp_packet packet;

	(void)state;
	memset(datagram + 2, 0xff, 500);
	memcpy(datagram + 2 + 500, "\0octet", 7);
	assert_int_equal(tftp_packet_parse(bytes_of(datagram, 509), &packet), TFTP_OK);
	assert_int_equal(packet.request.name.len, 500);
	memset(datagram + 2, 'a', sizeof(datagram) - 2);
	memcpy(datagram + sizeof(datagram) - 7, "\0octet", 7);
	assert_int_equal(
		tftp_packet_parse(bytes_of(datagram, sizeof(datagram)), &packet), TFTP_BAD_REQUEST);
}

static void test_requests_options_keep_order_and_spelling(void **state)
{
	struct tftp_packet packet;

	(void)state;
	assert_int_equal(tftp_packet_parse(WIRE("\0\1a.efi\0octet\0TSIZE\0"
						"0\0BlkSize\0"
						"1468\0"
						"multicast\0\0windowsize\0"
						"4\0timeout\0"
						"3\0"),
				 &packet),
		TFTP_OK);
	assert_true(bytes_equal(packet.request.name, bytes_of_string("a.efi")));
	assert_int_equal(packet.request.n_options, 4);
	assert_int_equal(packet.request.options[0].option, TFTP_OPTION_TSIZE);
	assert_true(bytes_equal(packet.request.options[0].name, bytes_of_string("TSIZE")));
	assert_int_equal(packet.request.options[1].option, TFTP_OPTION_BLKSIZE);
	assert_true(bytes_equal(packet.request.options[1].name, bytes_of_string("BlkSize")));
	assert_int_equal(packet.request.options[1].value, 1468);
	assert_int_equal(packet.request.options[2].option, TFTP_OPTION_WINDOWSIZE);
	assert_int_equal(packet.request.options[3].option, TFTP_OPTION_TIMEOUT);
}

static void test_t10_the_tail_without_a_value_is_passed_over(void **state)
{
	struct tftp_packet packet;

	(void)state;
	assert_int_equal(tftp_packet_parse(WIRE("\0\1f\0octet\0tsize\0"
						"0\0blksize\0"),
				 &packet),
		TFTP_OK);
	assert_int_equal(packet.request.n_options, 1);
	assert_int_equal(packet.request.options[0].option, TFTP_OPTION_TSIZE);
}

static void test_t11_to_t14_values_are_strict_decimals(void **state)
{
	const struct {
		const char *text;
		bool taken;
		uint64_t value;
	} cases[] = {
		{"", false, 0},
		{"0", true, 0},
		{"7", true, 7},
		{"-1", false, 0},
		{"+512", false, 0},
		{"0x200", false, 0},
		{" 512", false, 0},
		{"512 ", false, 0},
		{"1.5", false, 0},
		{"abc", false, 0},
		{"65465", true, 65465},
		{"9999999999", true, 9999999999},
		{"99999999999999", false, 0},
	};
	struct tftp_packet packet;
	char datagram[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int len = snprintf(datagram, sizeof(datagram), "%c%cf%coctet%cblksize%c%s%c", 0, 1,
			0, 0, 0, cases[i].text, 0);

		assert_int_equal(
			tftp_packet_parse(bytes_of(datagram, (size_t)len), &packet), TFTP_OK);
		if (packet.request.n_options != cases[i].taken
			|| (cases[i].taken && packet.request.options[0].value != cases[i].value))
			fail_msg("\"%s\"", cases[i].text);
	}
}

static void test_t15_the_first_of_two_wins_and_a_flood_is_cut(void **state)
{
	char datagram[1024] = "\0\1f\0octet";
	size_t len = 10;
	struct tftp_packet packet;

	(void)state;
	assert_int_equal(tftp_packet_parse(WIRE("\0\1f\0octet\0blksize\0"
						"1000\0blksize\0"
						"2000\0"),
				 &packet),
		TFTP_OK);
	assert_int_equal(packet.request.n_options, 1);
	assert_int_equal(packet.request.options[0].value, 1000);
	for (int i = 0; i < 200; i++, len += 4)
		memcpy(datagram + len, "x\0y", 4);
	memcpy(datagram + len,
		"blksize\0"
		"1000",
		13);
	assert_int_equal(tftp_packet_parse(bytes_of(datagram, len + 13), &packet), TFTP_OK);
	assert_int_equal(packet.request.n_options, 0);
}

static void test_t24_an_error_s_message_ends_at_its_nul_or_with_the_datagram(void **state)
{
	static uint8_t huge[65507] = {0, 5, 0, 8};
	struct tftp_packet packet;

	(void)state;
	assert_int_equal(tftp_packet_parse(WIRE("\0\5\0\10User aborted\0junk"), &packet), TFTP_OK);
	assert_int_equal(packet.error.code, TFTP_ERROR_OPTION);
	assert_true(bytes_equal(packet.error.message, bytes_of_string("User aborted")));
	memset(huge + 4, 'x', sizeof(huge) - 4);
	assert_int_equal(tftp_packet_parse(bytes_of(huge, sizeof(huge)), &packet), TFTP_OK);
	assert_int_equal(packet.error.message.len, sizeof(huge) - 4);
	assert_int_equal(tftp_packet_parse(WIRE("\0\5\0\0"), &packet), TFTP_OK);
	assert_int_equal(packet.error.message.len, 0);
}

static void test_data_and_ack(void **state)
{
	struct tftp_packet packet;

	(void)state;
	assert_int_equal(tftp_packet_parse(WIRE("\0\3\xff\xfe"
						"abc"),
				 &packet),
		TFTP_OK);
	assert_int_equal(packet.data.block, 0xfffe);
	assert_true(bytes_equal(packet.data.payload, bytes_of_string("abc")));
	assert_int_equal(packet.opcode, TFTP_DATA);
	assert_int_equal(tftp_packet_parse(WIRE("\0\4\x80\1"), &packet), TFTP_OK);
	assert_int_equal(packet.ack_block, 0x8001);
}

static void test_what_is_written_reads_back(void **state)
{
	struct tftp_request request = {.name = bytes_of_string("ipxe.efi"), .n_options = 2};
	struct tftp_packet packet;
	uint8_t buffer[64];
	size_t len;

	(void)state;
	request.options[0] = tftp_option_value(TFTP_OPTION_TSIZE, 0);
	request.options[1] = tftp_option_value(TFTP_OPTION_BLKSIZE, 1468);
	len = tftp_write_rrq(buffer, sizeof(buffer), &request);
	assert_true(bytes_equal(bytes_of(buffer, len), WIRE("\0\1ipxe.efi\0octet\0tsize\0"
							    "0\0blksize\0"
							    "1468\0")));
	request.options[0].value = 5000000000;
	len = tftp_write_oack(buffer, sizeof(buffer), request.options, 2);
	assert_true(bytes_equal(bytes_of(buffer, len), WIRE("\0\6tsize\0"
							    "5000000000\0blksize\0"
							    "1468\0")));
	assert_int_equal(tftp_packet_parse(bytes_of(buffer, len), &packet), TFTP_OK);
	assert_int_equal(packet.oack.options[0].value, 5000000000);
	len = tftp_write_error(buffer, sizeof(buffer), TFTP_ERROR_NOT_FOUND, "no");
	assert_true(bytes_equal(bytes_of(buffer, len), WIRE("\0\5\0\1no\0")));
	len = tftp_write_ack(buffer, sizeof(buffer), 0xfffe);
	assert_true(bytes_equal(bytes_of(buffer, len), WIRE("\0\4\xff\xfe")));
	len = tftp_write_data_header(buffer, sizeof(buffer), 258);
	assert_true(bytes_equal(bytes_of(buffer, len), WIRE("\0\3\1\2")));
}

static void test_what_does_not_fit_is_not_written(void **state)
{
	struct tftp_request request = {.name = bytes_of_string("ipxe.efi")};
	uint8_t buffer[16];

	(void)state;
	assert_int_equal(tftp_write_rrq(buffer, sizeof(buffer), &request), 0);
	assert_int_equal(tftp_write_error(buffer, 8, TFTP_ERROR_UNDEFINED, "long"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagrams_and_their_verdict),
		cmocka_unit_test(test_t9_a_long_name_is_kept_whole_up_to_the_limit),
		cmocka_unit_test(test_requests_options_keep_order_and_spelling),
		cmocka_unit_test(test_t10_the_tail_without_a_value_is_passed_over),
		cmocka_unit_test(test_t11_to_t14_values_are_strict_decimals),
		cmocka_unit_test(test_t15_the_first_of_two_wins_and_a_flood_is_cut),
		cmocka_unit_test(test_t24_an_error_s_message_ends_at_its_nul_or_with_the_datagram),
		cmocka_unit_test(test_data_and_ack),
		cmocka_unit_test(test_what_is_written_reads_back),
		cmocka_unit_test(test_what_does_not_fit_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
