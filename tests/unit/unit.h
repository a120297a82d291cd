/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What cmocka wants included before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Octets written as a literal with NULs inside, without the NUL that the compiler adds; wants
 * base/bytes.h. */
#define WIRE(literal) bytes_of(literal, sizeof(literal) - 1)
