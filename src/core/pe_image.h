/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

/* A PE/COFF image (Microsoft PE Format) as the firmware's loader and Authenticode see it. */

enum pe_machine {
	PE_MACHINE_I386 = 0x014c,
	PE_MACHINE_X64 = 0x8664,
	PE_MACHINE_ARM = 0x01c2,
	PE_MACHINE_ARM64 = 0xaa64,
};

#define PE_SUBSYSTEM_EFI_APPLICATION 10

enum pe_status {
	PE_OK,
	PE_NOT_PE,		  /* no MZ or PE signature */
	PE_TRUNCATED,		  /* a header or section runs past the file */
	PE_NOT_EFI,		  /* subsystem is no EFI application */
	PE_BAD_HEADERS,		  /* neither PE32 nor PE32+, or fields that contradict each other */
	PE_BAD_CERTIFICATE_TABLE, /* not 8-aligned, or not ending the file */
};

struct pe_image {
	struct bytes file;
	uint16_t machine;
	size_t checksum_offset;		 /* of the optional header's CheckSum, 4 octets */
	size_t certificate_entry_offset; /* of the data directory's entry, 8 octets */
	struct bytes certificate_table;	 /* absent: unsigned */
};

/* Looks at an image in memory; views point into `file`. */
enum pe_status pe_image_parse(struct bytes file, struct pe_image *ret_image);

/* The Authenticode digest's input is three ranges and perhaps zero padding to 8: fills up to 4
 * views and returns how many. */
size_t pe_image_hashed_ranges(const struct pe_image *image, struct bytes ranges[4]);

/* Walks the WIN_CERTIFICATEs: from *offset (0 at first) to the next PKCS#7 blob (revision 0x0200,
 * type 0x0002). False: no more. */
bool pe_image_next_certificate(
	const struct pe_image *image, size_t *offset, struct bytes *ret_pkcs7);

const char *pe_machine_name(uint16_t machine); /* "x64", "ia32", "arm64", or "unknown" */
const char *pe_status_text(enum pe_status status);
