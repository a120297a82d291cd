/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

/* The chain script as built in from ipxe-scripts/chain.ipxe; a string. */
extern const char chain_script_template[];

/* The template with every @BASE_URL@ replaced (`base_url` ends in '/'): `ret_len` octets of malloc,
 * NULL: out of memory. */
uint8_t *chain_script_render(struct bytes template, const char *base_url, size_t *ret_len);
