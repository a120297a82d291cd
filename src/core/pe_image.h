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

/* The PE format's own limit for a loader; and more signatures than anybody makes. */
#define PE_SECTIONS_MAX	    96
#define PE_CERTIFICATES_MAX 16

enum pe_status {
	PE_OK,
	PE_NOT_PE,	/* no MZ or PE signature */
	PE_TRUNCATED,	/* a header, section or the certificate table runs past the file */
	PE_NOT_EFI,	/* subsystem is no EFI application */
	PE_BAD_HEADERS, /* neither PE32 nor PE32+, or fields that contradict each other */
	PE_BAD_CERTIFICATE_TABLE, /* not 8-aligned, in a section, or not filled by its entries */
	PE_TRAILING_DATA,	  /* something follows the certificate table */
};

/* Three ranges of headers, the sections, and what is left. */
#define PE_HASHED_MAX (3 + PE_SECTIONS_MAX + 1)

struct pe_image {
	uint16_t machine;
	struct bytes hashed[PE_HASHED_MAX]; /* the Authenticode digest's input, in order */
	size_t n_hashed;		    /* 0 when unsigned */
	struct bytes certificate_table;	    /* absent: unsigned; else its entries are well formed */
};

/* Looks at an image in memory; views point into `file`. */
enum pe_status pe_image_parse(struct bytes file, struct pe_image *ret_image);

/* Walks the certificate table: from *offset (0 at first) to the next PKCS#7 blob (revision 0x0200,
 * type 0x0002), which may carry padding at its end. False: no more. */
bool pe_image_next_certificate(
	const struct pe_image *image, size_t *offset, struct bytes *ret_pkcs7);

const char *pe_machine_name(uint16_t machine); /* "x64", "ia32", "arm", "arm64", or "unknown" */

/* What is wrong with the file: "truncated: …", "not an EFI image". */
const char *pe_status_text(enum pe_status status);
