/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/dhcp_message.h"
#include "tests/unit/dhcp_case.h"

static void test_judges_each_case(void **state)
{
	static const struct {
		const char *name;
		enum dhcp_status status;
	} cases[] = {
		{"D01-length-0", DHCP_SHORT},
		{"D01-length-1", DHCP_SHORT},
		{"D01-length-235", DHCP_SHORT},
		{"D01-length-239", DHCP_SHORT},
		{"D02-no-options", DHCP_BAD_TYPE},
		{"D03-bootreply", DHCP_OK},
		{"D04-op-0", DHCP_BAD_OP},
		{"D04-op-3", DHCP_BAD_OP},
		{"D05-cookie", DHCP_BAD_COOKIE},
		{"D06-hlen-17", DHCP_BAD_HARDWARE},
		{"D06-hlen-255", DHCP_BAD_HARDWARE},
		{"D07-hlen-0", DHCP_BAD_HARDWARE},
		{"D07-htype-0", DHCP_BAD_HARDWARE},
		{"D07-htype-6", DHCP_BAD_HARDWARE},
		{"D08-hlen-16", DHCP_BAD_HARDWARE},
		{"D09-chaddr-zero", DHCP_BAD_HARDWARE},
		{"D09-chaddr-multicast", DHCP_BAD_HARDWARE},
		{"D09-chaddr-broadcast", DHCP_BAD_HARDWARE},
		{"D10-tag-without-length", DHCP_BAD_OPTION},
		{"D11-length-past-the-end", DHCP_BAD_OPTION},
		{"D12-no-end", DHCP_OK},
		{"D13-only-pads", DHCP_BAD_TYPE},
		{"D14-type-empty", DHCP_BAD_TYPE},
		{"D14-type-two-octets", DHCP_BAD_TYPE},
		{"D14-type-0", DHCP_BAD_TYPE},
		{"D14-type-9", DHCP_BAD_TYPE},
		{"D14-type-255", DHCP_BAD_TYPE},
		{"D15-type-twice", DHCP_OK},
		{"D16-overload-both", DHCP_OK},
		{"D17-overload-0", DHCP_OK},
		{"D17-overload-4", DHCP_OK},
		{"D17-overload-255", DHCP_OK},
		{"D17-overload-empty", DHCP_OK},
		{"D17-overload-two", DHCP_OK},
		{"D18-overload-without-end", DHCP_OK},
		{"D18-overload-past-its-area", DHCP_BAD_OPTION},
		{"D28-split-in-three", DHCP_OK},
		{"D31-hops-16", DHCP_OK},
		{"D31-hops-255", DHCP_BAD_HOPS},
		{"D38-fields-ff", DHCP_OK},
		{"D39-1500", DHCP_OK},
		{"D39-1501", DHCP_LONG},
		{"D42-all-tags", DHCP_BAD_TYPE},
		{"site-offer", DHCP_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dhcp_message message;
		struct dhcp_case datagram;
		enum dhcp_status status;

		status = dhcp_message_parse(dhcp_case_load(&datagram, cases[i].name), &message);
		if (status != cases[i].status)
			fail_msg("%s: %s", cases[i].name, dhcp_status_name(status));
	}
}

static void test_reads_what_the_firmware_sent(void **state)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "ovmf-x64-request-4011");

	(void)state;
	assert_int_equal(message.op, DHCP_OP_BOOTREQUEST);
	assert_int_equal(message.type, DHCP_REQUEST);
	assert_int_equal(message.xid, 0x825d1b50);
	assert_int_equal(message.ciaddr.s_addr, htonl(0x0a4d000a));
	assert_memory_equal(message.chaddr, "\x52\x54\x00\xea\x29\xa6", 6);
	assert_int_equal(message.file.len, DHCP_FILE_LEN);
	assert_int_equal(message.sname.len, DHCP_SNAME_LEN);
	assert_true(bytes_start_with(message.option[DHCP_OPTION_VENDOR_CLASS], "PXEClient:Arch:"));
	assert_null(message.option[DHCP_OPTION_SERVER_ID].data);
	assert_true(message.has_end);
}

static void test_reads_a_reply(void **state)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "site-offer");
	struct in_addr server, router;

	(void)state;
	assert_int_equal(message.op, DHCP_OP_BOOTREPLY);
	assert_int_equal(message.type, DHCP_OFFER);
	assert_int_equal(message.yiaddr.s_addr, htonl(0x0a4d000a));
	assert_true(dhcp_option_address(&message, DHCP_OPTION_SERVER_ID, &server));
	assert_int_equal(server.s_addr, htonl(0x0a4d0002));
	assert_true(dhcp_option_address(&message, DHCP_OPTION_ROUTER, &router));
	assert_int_equal(router.s_addr, htonl(0x0a4d0001));
	assert_false(dhcp_option_address(&message, DHCP_OPTION_MESSAGE_TYPE, &router));
	assert_false(dhcp_option_address(&message, DHCP_OPTION_BOOT_FILE, &router));
}

static void test_D12_tells_that_the_end_is_missing(void **state)
{
	struct dhcp_case datagram;

	(void)state;
	assert_false(dhcp_case_parse(&datagram, "D12-no-end").has_end);
}

static void test_D15_takes_the_first_type(void **state)
{
	struct dhcp_case datagram;

	(void)state;
	assert_int_equal(dhcp_case_parse(&datagram, "D15-type-twice").type, DHCP_DISCOVER);
}

static void test_D16_reads_each_overloaded_area_once(void **state)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "D16-overload-both");

	(void)state;
	assert_int_equal(message.type, DHCP_DISCOVER);
	assert_true(bytes_equal(
		message.option[DHCP_OPTION_VENDOR_CLASS], bytes_of_string("PXEClient")));
	assert_null(message.file.data);
	assert_null(message.sname.data);
}

static void test_D17_ignores_a_nonsense_overload(void **state)
{
	static const char *const names[] = {"D17-overload-0", "D17-overload-4", "D17-overload-255",
		"D17-overload-empty", "D17-overload-two"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct dhcp_case datagram;
		struct dhcp_message message = dhcp_case_parse(&datagram, names[i]);

		assert_int_equal(message.file.len, DHCP_FILE_LEN);
		assert_int_equal(message.sname.len, DHCP_SNAME_LEN);
	}
}

static void test_D28_takes_the_first_part(void **state)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "D28-split-in-three");

	(void)state;
	assert_true(bytes_equal(
		message.option[DHCP_OPTION_VENDOR_CLASS], bytes_of_string("PXEClient:Arch:")));
}

static void test_writes_what_it_reads(void **state)
{
	struct dhcp_case datagram;
	struct bytes original = dhcp_case_load(&datagram, "dnsmasq-offer-binl");
	static const enum dhcp_option codes[] = {
		DHCP_OPTION_SERVER_ID, DHCP_OPTION_VENDOR_CLASS, DHCP_OPTION_CLIENT_UUID};
	struct dhcp_message message;
	uint8_t buffer[DHCP_MIN_LEN];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	assert_int_equal(dhcp_message_parse(original, &message), DHCP_OK);
	message.file = message.sname = (struct bytes){0};
	dhcp_write_header(&writer, &message);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		dhcp_write_option(&writer, codes[i], message.option[codes[i]]);
	dhcp_write_end(&writer);
	assert_false(writer.failed);
	assert_int_equal(writer.len, original.len);
	assert_memory_equal(buffer, original.data, original.len);
}

static void test_D41_cuts_no_name(void **state)
{
	static const char name[DHCP_FILE_LEN + 1];
	uint8_t buffer[DHCP_MIN_LEN];
	struct dhcp_message message = {.op = DHCP_OP_BOOTREPLY, .type = DHCP_OFFER};
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	message.file = bytes_of(name, DHCP_FILE_LEN - 1);
	dhcp_write_header(&writer, &message);
	assert_false(writer.failed);

	message.file = bytes_of(name, DHCP_FILE_LEN);
	writer = wire_writer_init(buffer, sizeof(buffer));
	dhcp_write_header(&writer, &message);
	assert_true(writer.failed);
}

static void test_cuts_no_option(void **state)
{
	static const uint8_t value[256];
	uint8_t buffer[600];
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	dhcp_write_option(&writer, DHCP_OPTION_RELAY_AGENT, bytes_of(value, 255));
	assert_false(writer.failed);
	dhcp_write_option(&writer, DHCP_OPTION_RELAY_AGENT, bytes_of(value, 256));
	assert_true(writer.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judges_each_case),
		cmocka_unit_test(test_reads_what_the_firmware_sent),
		cmocka_unit_test(test_reads_a_reply),
		cmocka_unit_test(test_D12_tells_that_the_end_is_missing),
		cmocka_unit_test(test_D15_takes_the_first_type),
		cmocka_unit_test(test_D16_reads_each_overloaded_area_once),
		cmocka_unit_test(test_D17_ignores_a_nonsense_overload),
		cmocka_unit_test(test_D28_takes_the_first_part),
		cmocka_unit_test(test_writes_what_it_reads),
		cmocka_unit_test(test_D41_cuts_no_name),
		cmocka_unit_test(test_cuts_no_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
