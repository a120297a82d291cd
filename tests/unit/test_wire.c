/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/wire.h"

static const uint8_t octets[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 'a', 'b', 0};

static void test_reads_in_network_order(void **state)
{
	struct wire_reader reader = wire_reader_init(bytes_of(octets, sizeof(octets)));

	(void)state;
	assert_int_equal(wire_read_u8(&reader), 0x01);
	assert_int_equal(wire_read_u16(&reader), 0x0203);
	assert_int_equal(wire_read_u32(&reader), 0x04050607);
	assert_true(bytes_equal(wire_read_cstring(&reader), bytes_of_string("ab")));
	assert_int_equal(wire_reader_left(&reader), 0);
	assert_false(reader.failed);
}

static void test_reads_little_endian(void **state)
{
	struct wire_reader reader = wire_reader_init(bytes_of(octets, sizeof(octets)));

	(void)state;
	assert_int_equal(wire_read_le16(&reader), 0x0201);
	assert_int_equal(wire_read_le32(&reader), 0x06050403);
}

static void test_reading_past_the_end_is_sticky(void **state)
{
	struct wire_reader reader = wire_reader_init(bytes_of(octets, 3));

	(void)state;
	assert_int_equal(wire_read_u32(&reader), 0);
	assert_true(reader.failed);
	assert_int_equal(wire_read_u8(&reader), 0);
	assert_null(wire_read_bytes(&reader, 0).data);
}

static void test_a_string_without_nul_fails(void **state)
{
	struct wire_reader reader = wire_reader_init(bytes_of(octets, 9));

	(void)state;
	assert_null(wire_read_cstring(&reader).data);
	assert_true(reader.failed);
}

static void test_nothing_is_read_from_nothing(void **state)
{
	struct wire_reader reader = wire_reader_init((struct bytes){0});

	(void)state;
	assert_int_equal(wire_reader_left(&reader), 0);
	assert_null(wire_read_cstring(&reader).data);
	assert_true(reader.failed);
}

static void test_writes_and_stops_at_the_capacity(void **state)
{
	uint8_t buffer[9];
	static const uint8_t expected[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 'h', 'i', 0};
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	wire_write_u16(&writer, 0x0102);
	wire_write_u32(&writer, 0x03040506);
	wire_write_cstring(&writer, "hi");
	assert_false(writer.failed);
	assert_true(
		bytes_equal(bytes_of(buffer, writer.len), bytes_of(expected, sizeof(expected))));
	wire_write_u8(&writer, 1);
	assert_true(writer.failed);
	assert_int_equal(writer.len, sizeof(buffer));
}

static void test_zeroes(void **state)
{
	uint8_t buffer[4] = {9, 9, 9, 9};
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));

	(void)state;
	wire_write_zeroes(&writer, 3);
	assert_memory_equal(buffer, "\0\0\0\x09", 4);
	wire_write_zeroes(&writer, 2);
	assert_true(writer.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_in_network_order),
		cmocka_unit_test(test_reads_little_endian),
		cmocka_unit_test(test_reading_past_the_end_is_sticky),
		cmocka_unit_test(test_a_string_without_nul_fails),
		cmocka_unit_test(test_nothing_is_read_from_nothing),
		cmocka_unit_test(test_writes_and_stops_at_the_capacity),
		cmocka_unit_test(test_zeroes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
