/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

/* A cursor over received octets. Reading past the end yields zeroes and sets `failed` for good, so
 * that a parser reads straight through and asks once. */
struct wire_reader {
	const uint8_t *pos;
	const uint8_t *end;
	bool failed;
};

/* A cursor over a buffer to send. Writing past the capacity writes nothing and sets `failed` for
 * good; `len` never exceeds the capacity. */
struct wire_writer {
	uint8_t *buffer;
	size_t capacity;
	size_t len;
	bool failed;
};

struct wire_reader wire_reader_init(struct bytes input);
size_t wire_reader_left(const struct wire_reader *reader);

/* Network byte order. */
uint8_t wire_read_u8(struct wire_reader *reader);
uint16_t wire_read_u16(struct wire_reader *reader);
uint32_t wire_read_u32(struct wire_reader *reader);

/* Little endian, as PE/COFF has it. */
uint16_t wire_read_le16(struct wire_reader *reader);
uint32_t wire_read_le32(struct wire_reader *reader);

/* A view of the next `len` octets; absent ({NULL, 0}) when fewer are left. */
struct bytes wire_read_bytes(struct wire_reader *reader, size_t len);

/* The next string up to and without its NUL, which is consumed; absent, and the reader failed, when
 * no NUL is left. */
struct bytes wire_read_cstring(struct wire_reader *reader);

struct wire_writer wire_writer_init(void *buffer, size_t capacity);
void wire_write_u8(struct wire_writer *writer, uint8_t value);
void wire_write_u16(struct wire_writer *writer, uint16_t value);
void wire_write_u32(struct wire_writer *writer, uint32_t value);
void wire_write_bytes(struct wire_writer *writer, struct bytes value);

/* The string and its NUL. */
void wire_write_cstring(struct wire_writer *writer, const char *string);

/* `len` zero octets. */
void wire_write_zeroes(struct wire_writer *writer, size_t len);
