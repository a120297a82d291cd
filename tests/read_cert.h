/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/authenticode.h"
#include "tests/read_file.h"

/* A certificate below tests/data/images, or NULL when the file holds none. */
static inline struct db_cert *read_cert(const char *name)
{
	size_t len;
	CLEANUP_FREE uint8_t *encoded = read_image(name, &len);

	return db_cert_new(bytes_of(encoded, len));
}
