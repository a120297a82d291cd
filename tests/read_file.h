/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* For tests: a whole file in a heap block of exactly its size, or NULL. */
static inline uint8_t *read_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long len;

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) >= 0) {
		rewind(file);
		data = malloc(len > 0 ? (size_t)len : 1);
		if (data && fread(data, 1, (size_t)len, file) == (size_t)len) {
			*ret_len = (size_t)len;
		} else {
			free(data);
			data = NULL;
		}
	}
	fclose(file);
	return data;
}

/* A file below tests/data/images, which must be there. */
static inline uint8_t *read_image(const char *name, size_t *ret_len)
{
	const char *srcdir = getenv("srcdir");
	char path[1024];
	uint8_t *data;

	snprintf(path, sizeof(path), "%s/tests/data/images/%s", srcdir ? srcdir : ".", name);
	data = read_file(path, ret_len);
	if (!data) {
		perror(path);
		abort();
	}
	return data;
}
