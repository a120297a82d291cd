/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/cleanup.h"
#include "core/pe_image.h"
#include "tests/read_file.h"

#define CHECKSUM_OFFSET 0x98
#define ENTRY_OFFSET	0xe8

static enum pe_status parse(const char *name, struct pe_image *ret_image, uint8_t **ret_data)
{
	size_t len;

	*ret_data = read_image(name, &len);
	return pe_image_parse(bytes_of(*ret_data, len), ret_image);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

/* What is hashed is everything up to the table but the checksum and the certificate entry. */
static void test_hashes_all_but_three_things(void **state)
{
	CLEANUP_FREE uint8_t *data = NULL;
	struct pe_image image;
	size_t at = 0, table;

	(void)state;
	assert_int_equal(parse("signed-tail.efi", &image, &data), PE_OK);
	assert_int_equal(image.machine, PE_MACHINE_X64);
	table = le32(data + ENTRY_OFFSET);
	assert_ptr_equal(image.certificate_table.data, data + table);
	for (size_t i = 0; i < image.n_hashed; i++) {
		if (at == CHECKSUM_OFFSET)
			at += 4;
		if (at == ENTRY_OFFSET)
			at += 8;
		assert_ptr_equal(image.hashed[i].data, data + at);
		at += image.hashed[i].len;
	}
	assert_int_equal(at, table);
}

/* Firmware takes sections by their place in the file, and the rest from the sum on: a gap of 24
 * octets after .text is left out, and as many octets before the table are hashed once more. */
static void test_hashes_sections_as_firmware_does(void **state)
{
	CLEANUP_FREE uint8_t *data = NULL;
	struct pe_image image;

	(void)state;
	assert_int_equal(parse("signed-gap.efi", &image, &data), PE_OK);
	assert_int_equal(image.n_hashed, 6);
	assert_ptr_equal(image.hashed[3].data, data + 0x1a0);
	assert_int_equal(image.hashed[3].len, 0x20);
	assert_ptr_equal(image.hashed[4].data, data + 0x1a0 + 0x20 + 24);
	assert_int_equal(image.hashed[4].len, 0x20);
	assert_ptr_equal(image.hashed[5].data, data + 0x1a0 + 0x40);
	assert_int_equal(image.hashed[5].len, 24);
}

static void test_unsigned_has_nothing_to_hash(void **state)
{
	static const char *const names[] = {
		"unsigned.efi", "unsigned-no-certificate-entry.efi", "changed-entry-none.efi"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP_FREE uint8_t *data = NULL;
		struct pe_image image;
		struct bytes pkcs7;
		size_t offset = 0;

		assert_int_equal(parse(names[i], &image, &data), PE_OK);
		assert_null(image.certificate_table.data);
		assert_int_equal(image.n_hashed, 0);
		assert_false(pe_image_next_certificate(&image, &offset, &pkcs7));
	}
}

static void test_walks_certificates(void **state)
{
	CLEANUP_FREE uint8_t *data = NULL;
	struct pe_image image;
	struct bytes first, second;
	size_t offset = 0;

	(void)state;
	assert_int_equal(parse("signed-twice-db-first.efi", &image, &data), PE_OK);
	assert_true(pe_image_next_certificate(&image, &offset, &first));
	assert_ptr_equal(first.data, image.certificate_table.data + 8);
	assert_true(pe_image_next_certificate(&image, &offset, &second));
	assert_int_equal((second.data - 8 - image.certificate_table.data) % 8, 0);
	assert_true(second.data + second.len
		    <= data + le32(data + ENTRY_OFFSET) + le32(data + ENTRY_OFFSET + 4));
	assert_false(pe_image_next_certificate(&image, &offset, &first));
}

static void test_skips_other_certificates(void **state)
{
	static const char *const names[] = {
		"changed-certificate-revision.efi", "changed-certificate-type.efi"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP_FREE uint8_t *data = NULL;
		struct pe_image image;
		struct bytes pkcs7;
		size_t offset = 0;

		assert_int_equal(parse(names[i], &image, &data), PE_OK);
		assert_false(pe_image_next_certificate(&image, &offset, &pkcs7));
	}
}

/* An unsigned image of `len` octets of table behind it, with the entry put right. */
static uint8_t *with_table(size_t len, size_t *ret_file_len)
{
	size_t image_len;
	uint8_t *data = read_image("unsigned.efi", &image_len);

	data = realloc(data, image_len + len);
	assert_non_null(data);
	memset(data + image_len, 0, len);
	put32(data + ENTRY_OFFSET, (uint32_t)image_len);
	put32(data + ENTRY_OFFSET + 4, (uint32_t)len);
	*ret_file_len = image_len + len;
	return data;
}

static void test_number_of_certificates_is_bounded(void **state)
{
	(void)state;
	for (unsigned n = PE_CERTIFICATES_MAX; n <= PE_CERTIFICATES_MAX + 1; n++) {
		size_t len;
		CLEANUP_FREE uint8_t *data = with_table(n * 16, &len);
		struct pe_image image;

		for (unsigned i = 0; i < n; i++)
			put32(data + len - 16 * (i + 1), 9);
		assert_int_equal(pe_image_parse(bytes_of(data, len), &image),
			n <= PE_CERTIFICATES_MAX ? PE_OK : PE_BAD_CERTIFICATE_TABLE);
	}
}

static void test_certificate_length(void **state)
{
	static const struct {
		uint32_t len;
		enum pe_status status;
	} cases[] = {
		{0, PE_BAD_CERTIFICATE_TABLE},
		{7, PE_BAD_CERTIFICATE_TABLE},
		{8, PE_BAD_CERTIFICATE_TABLE},
		{9, PE_BAD_CERTIFICATE_TABLE}, /* leaves eight octets that are no entry */
		{17, PE_OK},		       /* seven octets of padding */
		{24, PE_OK},
		{25, PE_BAD_CERTIFICATE_TABLE},
		{UINT32_MAX, PE_BAD_CERTIFICATE_TABLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len;
		CLEANUP_FREE uint8_t *data = with_table(24, &len);
		struct pe_image image;

		put32(data + len - 24, cases[i].len);
		assert_int_equal(pe_image_parse(bytes_of(data, len), &image), cases[i].status);
	}
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

#define MACHINE_OFFSET	    0x44
#define SECTIONS_OFFSET	    0x46
#define OPTIONAL_LEN_OFFSET 0x54
#define DIRECTORIES_OFFSET  0xc4 /* of their number, in a PE32+ */

static void test_machine_and_format_belong_together(void **state)
{
	static const struct {
		const char *name;
		uint16_t machine;
		enum pe_status status;
	} cases[] = {
		{"signed-ia32.efi", PE_MACHINE_ARM, PE_OK},
		{"signed-ia32.efi", PE_MACHINE_X64, PE_BAD_HEADERS},
		{"signed-ia32.efi", PE_MACHINE_ARM64, PE_BAD_HEADERS},
		{"signed-ia32.efi", 0x5064, PE_OK}, /* RISC-V: not ours to judge */
		{"signed.efi", PE_MACHINE_ARM64, PE_OK},
		{"signed.efi", PE_MACHINE_I386, PE_BAD_HEADERS},
		{"signed.efi", PE_MACHINE_ARM, PE_BAD_HEADERS},
		{"signed.efi", 0x5064, PE_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len;
		CLEANUP_FREE uint8_t *data = read_image(cases[i].name, &len);
		struct pe_image image;

		put16(data + MACHINE_OFFSET, cases[i].machine);
		assert_int_equal(pe_image_parse(bytes_of(data, len), &image), cases[i].status);
	}
}

static void test_number_of_directories_is_bounded(void **state)
{
	size_t len;
	CLEANUP_FREE uint8_t *data = read_image("unsigned.efi", &len);
	struct pe_image image;

	(void)state;
	put16(data + SECTIONS_OFFSET, 0);
	assert_int_equal(pe_image_parse(bytes_of(data, len), &image), PE_OK);
	put16(data + OPTIONAL_LEN_OFFSET, 112 + 17 * 8);
	put32(data + DIRECTORIES_OFFSET, 17);
	assert_int_equal(pe_image_parse(bytes_of(data, len), &image), PE_BAD_HEADERS);
}

/* Headers with room for any number of empty sections. */
static void test_number_of_sections_is_bounded(void **state)
{
	size_t len;
	CLEANUP_FREE uint8_t *data = read_image("unsigned.efi", &len);
	struct pe_image image;

	(void)state;
	data = realloc(data, 8192);
	assert_non_null(data);
	memset(data + 0x148, 0, 8192 - 0x148);
	put32(data + 0x94, 8192); /* SizeOfHeaders */
	put16(data + SECTIONS_OFFSET, PE_SECTIONS_MAX);
	assert_int_equal(pe_image_parse(bytes_of(data, 8192), &image), PE_OK);
	put16(data + SECTIONS_OFFSET, PE_SECTIONS_MAX + 1);
	assert_int_equal(pe_image_parse(bytes_of(data, 8192), &image), PE_BAD_HEADERS);
}

/* Every prefix of a good image is refused, and no byte beyond it is looked at (the sanitizers
 * tell). */
static void test_every_prefix_is_refused(void **state)
{
	size_t len;
	CLEANUP_FREE uint8_t *data = read_image("signed.efi", &len);
	struct pe_image image;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		CLEANUP_FREE uint8_t *prefix = malloc(n > 0 ? n : 1);
		enum pe_status status;

		assert_non_null(prefix);
		memcpy(prefix, data, n);
		status = pe_image_parse(bytes_of(prefix, n), &image);
		assert_int_equal(status, n < 2 ? PE_NOT_PE : PE_TRUNCATED);
	}
	assert_int_equal(pe_image_parse(bytes_of(data, len), &image), PE_OK);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(pe_machine_name(PE_MACHINE_X64), "x64");
	assert_string_equal(pe_machine_name(PE_MACHINE_I386), "ia32");
	assert_string_equal(pe_machine_name(PE_MACHINE_ARM64), "arm64");
	assert_string_equal(pe_machine_name(0), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes_all_but_three_things),
		cmocka_unit_test(test_hashes_sections_as_firmware_does),
		cmocka_unit_test(test_unsigned_has_nothing_to_hash),
		cmocka_unit_test(test_walks_certificates),
		cmocka_unit_test(test_skips_other_certificates),
		cmocka_unit_test(test_number_of_certificates_is_bounded),
		cmocka_unit_test(test_certificate_length),
		cmocka_unit_test(test_machine_and_format_belong_together),
		cmocka_unit_test(test_number_of_directories_is_bounded),
		cmocka_unit_test(test_number_of_sections_is_bounded),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
