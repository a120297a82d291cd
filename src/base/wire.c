/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reading and writing of octets. The error is sticky: no caller needs to test each step,
 * and no step touches memory outside of what it was given.
 */
#include "base/wire.h"

struct wire_reader wire_reader_init(struct bytes input)
{
	return (struct wire_reader){
		.pos = input.data, .end = input.len > 0 ? input.data + input.len : input.data};
}

size_t wire_reader_left(const struct wire_reader *reader)
{
	return (size_t)(reader->end - reader->pos);
}

struct bytes wire_read_bytes(struct wire_reader *reader, size_t len)
{
	struct bytes value = {.data = reader->pos, .len = len};

	if (reader->failed || wire_reader_left(reader) < len) {
		reader->failed = true;
		return (struct bytes){0};
	}
	if (len > 0)
		reader->pos += len;
	return value;
}

uint8_t wire_read_u8(struct wire_reader *reader)
{
	struct bytes b = wire_read_bytes(reader, 1);

	return b.data ? b.data[0] : 0;
}

uint16_t wire_read_u16(struct wire_reader *reader)
{
	struct bytes b = wire_read_bytes(reader, 2);

	return b.data ? (uint16_t)(b.data[0] << 8 | b.data[1]) : 0;
}

uint32_t wire_read_u32(struct wire_reader *reader)
{
	struct bytes b = wire_read_bytes(reader, 4);

	return b.data ? (uint32_t)b.data[0] << 24 | (uint32_t)b.data[1] << 16
				| (uint32_t)b.data[2] << 8 | b.data[3]
		      : 0;
}

uint16_t wire_read_le16(struct wire_reader *reader)
{
	return __builtin_bswap16(wire_read_u16(reader));
}

uint32_t wire_read_le32(struct wire_reader *reader)
{
	return __builtin_bswap32(wire_read_u32(reader));
}

struct bytes wire_read_cstring(struct wire_reader *reader)
{
	size_t left = wire_reader_left(reader);
	const uint8_t *nul = left > 0 ? memchr(reader->pos, 0, left) : NULL;
	struct bytes value;

	if (reader->failed || !nul) {
		reader->failed = true;
		return (struct bytes){0};
	}
	value = bytes_of(reader->pos, (size_t)(nul - reader->pos));
	reader->pos = nul + 1;
	return value;
}

struct wire_writer wire_writer_init(void *buffer, size_t capacity)
{
	return (struct wire_writer){.buffer = buffer, .capacity = capacity};
}

/* Room for `len` octets, or NULL and the writer failed. */
static uint8_t *wire_reserve(struct wire_writer *writer, size_t len)
{
	uint8_t *room;

	if (writer->failed || writer->capacity - writer->len < len) {
		writer->failed = true;
		return NULL;
	}
	room = writer->buffer + writer->len;
	writer->len += len;
	return room;
}

void wire_write_bytes(struct wire_writer *writer, struct bytes value)
{
	uint8_t *room = wire_reserve(writer, value.len);

	if (room && value.len > 0)
		memcpy(room, value.data, value.len);
}

void wire_write_u8(struct wire_writer *writer, uint8_t value)
{
	wire_write_bytes(writer, bytes_of(&value, 1));
}

void wire_write_u16(struct wire_writer *writer, uint16_t value)
{
	uint8_t octets[] = {(uint8_t)(value >> 8), (uint8_t)value};

	wire_write_bytes(writer, bytes_of(octets, sizeof(octets)));
}

void wire_write_u32(struct wire_writer *writer, uint32_t value)
{
	wire_write_u16(writer, (uint16_t)(value >> 16));
	wire_write_u16(writer, (uint16_t)value);
}

void wire_write_cstring(struct wire_writer *writer, const char *string)
{
	wire_write_bytes(writer, bytes_of(string, strlen(string) + 1));
}

void wire_write_zeroes(struct wire_writer *writer, size_t len)
{
	uint8_t *room = wire_reserve(writer, len);

	if (room && len > 0)
		memset(room, 0, len);
}
