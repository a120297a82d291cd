/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a PE/COFF image, as far as a signature depends on it.
 *
 * What is hashed is what EDK2 hashes (DxeImageVerificationLib, HashPeImage; the same in sbsign):
 * the headers without checksum and certificate entry, the sections by their place in the file, and
 * from the offset that equals the number of octets hashed so far to the certificate table. Without
 * gaps between sections that is the whole file. Where firmware and sbverify differ the stricter one
 * is followed:
 *   - the MZ header is demanded (EDK2 takes a bare PE header, sbverify does not);
 *   - the optional header is exactly as long as its data directories, sections begin behind the
 *     headers and end within the file (EDK2's loader; sbverify only warns);
 *   - the certificate table's entries fill it to the octet (EDK2; sbverify stops reading early),
 *     their type is PKCS#7 (EDK2 also takes its own GUID type) and their revision 2.0 (sbverify;
 *     EDK2 does not look).
 * Stricter than both: the table begins at a multiple of 8, behind all sections, and ends the file.
 *
 * Invariant: after PE_OK every view lies inside the file, and all ranges hashed lie before the
 * certificate table.
 */
#include "core/pe_image.h"

#include "base/wire.h"

#define DOS_HEADER_LEN		 64
#define DOS_LFANEW_OFFSET	 60
#define OPTIONAL_PE32		 0x010b
#define OPTIONAL_PE32_PLUS	 0x020b
#define DIRECTORY_ENTRY_LEN	 8
#define DIRECTORIES_MAX		 16
#define DIRECTORY_CERTIFICATE	 4
#define SECTION_HEADER_LEN	 40

#define CERTIFICATE_HEADER_LEN	 8
#define CERTIFICATE_REVISION_2_0 0x0200
#define CERTIFICATE_TYPE_PKCS7	 0x0002
#define CERTIFICATE_ALIGNMENT	 8

/* What the headers say, before it is held against the file. */
struct headers {
	size_t checksum_offset;
	size_t certificate_entry_offset; /* 0: the optional header has no such entry */
	size_t sections_offset;
	unsigned n_sections;
	size_t size_of_headers;
	size_t certificate_offset;
	size_t certificate_len;
};

struct section {
	size_t offset;
	size_t len;
};

static enum pe_status find_pe_header(struct bytes file, size_t *ret_offset)
{
	struct wire_reader reader;
	size_t offset;

	if (!bytes_start_with(file, "MZ"))
		return PE_NOT_PE;
	if (file.len < DOS_HEADER_LEN)
		return PE_TRUNCATED;
	reader = wire_reader_init(bytes_of(file.data + DOS_LFANEW_OFFSET, 4));
	offset = wire_read_le32(&reader);
	if (offset >= file.len || file.len - offset < 4)
		return PE_TRUNCATED;
	if (memcmp(file.data + offset, "PE\0\0", 4) != 0)
		return PE_NOT_PE;
	*ret_offset = offset;
	return PE_OK;
}

static bool magic_suits_machine(uint16_t magic, uint16_t machine)
{
	switch (machine) {
	case PE_MACHINE_I386:
	case PE_MACHINE_ARM:
		return magic == OPTIONAL_PE32;
	case PE_MACHINE_X64:
	case PE_MACHINE_ARM64:
		return magic == OPTIONAL_PE32_PLUS;
	default:
		return magic == OPTIONAL_PE32 || magic == OPTIONAL_PE32_PLUS;
	}
}

/* The optional header's fields that matter: at the same offsets in PE32 and PE32+ but for the
 * directories, whose number stands right before them. */
static enum pe_status read_optional_header(struct bytes file, size_t offset, size_t len,
	uint16_t machine, struct headers *headers, uint16_t *ret_subsystem)
{
	struct wire_reader reader = wire_reader_init(bytes_of(file.data, file.len));
	size_t directories_offset;
	uint32_t n_directories;
	uint16_t magic;

	wire_read_bytes(&reader, offset);
	magic = wire_read_le16(&reader);
	wire_read_bytes(&reader, 58);
	headers->size_of_headers = wire_read_le32(&reader);
	headers->checksum_offset = offset + 64;
	wire_read_le32(&reader);
	*ret_subsystem = wire_read_le16(&reader);
	directories_offset = magic == OPTIONAL_PE32 ? 96 : 112;
	wire_read_bytes(&reader, directories_offset - 4 - 70);
	n_directories = wire_read_le32(&reader);
	if (reader.failed)
		return PE_TRUNCATED;
	if (!magic_suits_machine(magic, machine) || n_directories > DIRECTORIES_MAX
		|| len != directories_offset + n_directories * DIRECTORY_ENTRY_LEN)
		return PE_BAD_HEADERS;
	headers->sections_offset = offset + len;
	if (n_directories <= DIRECTORY_CERTIFICATE)
		return PE_OK;
	wire_read_bytes(&reader, DIRECTORY_CERTIFICATE * DIRECTORY_ENTRY_LEN);
	headers->certificate_entry_offset =
		offset + directories_offset + DIRECTORY_CERTIFICATE * DIRECTORY_ENTRY_LEN;
	headers->certificate_offset = wire_read_le32(&reader);
	headers->certificate_len = wire_read_le32(&reader);
	return reader.failed ? PE_TRUNCATED : PE_OK;
}

static enum pe_status read_headers(
	struct bytes file, struct headers *ret_headers, uint16_t *ret_machine)
{
	struct headers headers = {0};
	struct wire_reader reader;
	size_t pe_offset, optional_len;
	enum pe_status status;
	uint16_t subsystem;

	status = find_pe_header(file, &pe_offset);
	if (status != PE_OK)
		return status;
	reader = wire_reader_init(bytes_of(file.data + pe_offset, file.len - pe_offset));
	wire_read_le32(&reader);
	*ret_machine = wire_read_le16(&reader);
	headers.n_sections = wire_read_le16(&reader);
	wire_read_bytes(&reader, 12);
	optional_len = wire_read_le16(&reader);
	wire_read_le16(&reader);
	if (reader.failed)
		return PE_TRUNCATED;
	status = read_optional_header(file, file.len - wire_reader_left(&reader), optional_len,
		*ret_machine, &headers, &subsystem);
	if (status != PE_OK)
		return status;
	if (subsystem != PE_SUBSYSTEM_EFI_APPLICATION)
		return PE_NOT_EFI;
	if (headers.n_sections > PE_SECTIONS_MAX
		|| headers.size_of_headers
			   < headers.sections_offset + headers.n_sections * SECTION_HEADER_LEN)
		return PE_BAD_HEADERS;
	if (headers.size_of_headers > file.len)
		return PE_TRUNCATED;
	*ret_headers = headers;
	return PE_OK;
}

/* Keeps `sections` sorted by offset, as the digest takes them. */
static void insert_section(struct section *sections, size_t n_sections, struct section section)
{
	size_t i = n_sections;

	for (; i > 0 && section.offset < sections[i - 1].offset; i--)
		sections[i] = sections[i - 1];
	sections[i] = section;
}

/* Those that have octets in the file, in its order. */
static enum pe_status read_sections(struct bytes file, const struct headers *headers,
	struct section sections[PE_SECTIONS_MAX], size_t *ret_n_sections)
{
	size_t n_sections = 0;

	for (unsigned i = 0; i < headers->n_sections; i++) {
		const uint8_t *header =
			file.data + headers->sections_offset + i * SECTION_HEADER_LEN;
		struct wire_reader reader = wire_reader_init(bytes_of(header + 16, 8));
		struct section section;

		section.len = wire_read_le32(&reader);
		section.offset = wire_read_le32(&reader);
		if (section.len == 0)
			continue;
		if (section.offset < headers->size_of_headers)
			return PE_BAD_HEADERS;
		if (section.offset > file.len || section.len > file.len - section.offset)
			return PE_TRUNCATED;
		insert_section(sections, n_sections++, section);
	}
	*ret_n_sections = n_sections;
	return PE_OK;
}

/* One WIN_CERTIFICATE at `offset`: its content and where the next one begins. */
static bool read_certificate(
	struct bytes table, size_t offset, struct bytes *ret_pkcs7, size_t *ret_next)
{
	struct wire_reader reader =
		wire_reader_init(bytes_of(table.data + offset, table.len - offset));
	size_t len = wire_read_le32(&reader);
	uint16_t revision = wire_read_le16(&reader);
	uint16_t type = wire_read_le16(&reader);
	size_t left = table.len - offset;
	size_t padding = -len % CERTIFICATE_ALIGNMENT;

	if (reader.failed || len <= CERTIFICATE_HEADER_LEN || len > left || padding > left - len)
		return false;
	*ret_pkcs7 = wire_read_bytes(&reader, len - CERTIFICATE_HEADER_LEN);
	if (revision != CERTIFICATE_REVISION_2_0 || type != CERTIFICATE_TYPE_PKCS7)
		*ret_pkcs7 = (struct bytes){0};
	*ret_next = offset + len + padding;
	return true;
}

/* EDK2 denies an image whose entries do not end where the table does. */
static bool certificates_fill_table(struct bytes table)
{
	struct bytes pkcs7;
	size_t offset = 0;
	unsigned n = 0;

	while (offset < table.len) {
		if (++n > PE_CERTIFICATES_MAX || !read_certificate(table, offset, &pkcs7, &offset))
			return false;
	}
	return true;
}

static enum pe_status find_certificate_table(struct bytes file, const struct headers *headers,
	size_t content_end, struct bytes *ret_table)
{
	size_t offset = headers->certificate_offset, len = headers->certificate_len;

	*ret_table = (struct bytes){0};
	if (len == 0)
		return PE_OK;
	if (offset % CERTIFICATE_ALIGNMENT != 0 || offset < content_end)
		return PE_BAD_CERTIFICATE_TABLE;
	if (offset > file.len || len > file.len - offset)
		return PE_TRUNCATED;
	if (offset + len < file.len)
		return PE_TRAILING_DATA;
	*ret_table = bytes_of(file.data + offset, len);
	return certificates_fill_table(*ret_table) ? PE_OK : PE_BAD_CERTIFICATE_TABLE;
}

static void add_hashed(struct pe_image *image, struct bytes file, size_t from, size_t to)
{
	image->hashed[image->n_hashed++] = bytes_of(file.data + from, to - from);
}

/* False: sections overlap so that more would be hashed than there is. */
static bool list_hashed(struct bytes file, const struct headers *headers,
	const struct section *sections, size_t n_sections, struct pe_image *image)
{
	size_t end = headers->certificate_offset;
	size_t sum = headers->size_of_headers;

	add_hashed(image, file, 0, headers->checksum_offset);
	add_hashed(image, file, headers->checksum_offset + 4, headers->certificate_entry_offset);
	add_hashed(image, file, headers->certificate_entry_offset + DIRECTORY_ENTRY_LEN,
		headers->size_of_headers);
	for (size_t i = 0; i < n_sections; i++) {
		add_hashed(image, file, sections[i].offset, sections[i].offset + sections[i].len);
		sum += sections[i].len;
		if (sum > end)
			return false;
	}
	add_hashed(image, file, sum, end);
	return true;
}

enum pe_status pe_image_parse(struct bytes file, struct pe_image *ret_image)
{
	struct section sections[PE_SECTIONS_MAX];
	struct pe_image image = {0};
	struct headers headers;
	size_t n_sections, content_end;
	enum pe_status status;

	status = read_headers(file, &headers, &image.machine);
	if (status != PE_OK)
		return status;
	status = read_sections(file, &headers, sections, &n_sections);
	if (status != PE_OK)
		return status;
	content_end = headers.size_of_headers;
	for (size_t i = 0; i < n_sections; i++) {
		size_t end = sections[i].offset + sections[i].len;

		content_end = end > content_end ? end : content_end;
	}
	status = find_certificate_table(file, &headers, content_end, &image.certificate_table);
	if (status != PE_OK)
		return status;
	if (image.certificate_table.data
		&& !list_hashed(file, &headers, sections, n_sections, &image))
		return PE_BAD_HEADERS;
	*ret_image = image;
	return PE_OK;
}

bool pe_image_next_certificate(
	const struct pe_image *image, size_t *offset, struct bytes *ret_pkcs7)
{
	struct bytes pkcs7;

	while (*offset < image->certificate_table.len) {
		if (!read_certificate(image->certificate_table, *offset, &pkcs7, offset))
			return false;
		if (!pkcs7.data)
			continue;
		*ret_pkcs7 = pkcs7;
		return true;
	}
	return false;
}

const char *pe_machine_name(uint16_t machine)
{
	switch (machine) {
	case PE_MACHINE_I386:
		return "ia32";
	case PE_MACHINE_X64:
		return "x64";
	case PE_MACHINE_ARM:
		return "arm";
	case PE_MACHINE_ARM64:
		return "arm64";
	default:
		return "unknown";
	}
}

const char *pe_status_text(enum pe_status status)
{
	switch (status) {
	case PE_OK:
		return "an EFI application";
	case PE_NOT_PE:
		return "not an EFI image";
	case PE_TRUNCATED:
		return "truncated: its headers promise more than is there";
	case PE_NOT_EFI:
		return "a PE image, but not an EFI application";
	case PE_BAD_HEADERS:
		return "malformed: its headers contradict each other";
	case PE_BAD_CERTIFICATE_TABLE:
		return "malformed: its certificate table cannot be read";
	case PE_TRAILING_DATA:
		return "changed after it was signed: data follows the signature";
	}
	return "of unknown state";
}
