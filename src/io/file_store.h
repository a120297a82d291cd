/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"
#include "base/cleanup.h"

#include <stdint.h>

/* Files of a state directory, kept in whole generations: a set of files appears at once or not at
 * all, also across a power failure (write, fsync, rename, fsync of the directory). */
struct file_store;

struct file_store_item {
	const char *name; /* one path component */
	struct bytes content;
};

/* The directory must exist. 0 or -errno. */
int file_store_open(const char *path, struct file_store **ret_store);
void file_store_close(struct file_store *store);

/* Makes these files the current generation and drops the one before. -errno: the current one stands
 * as it was. */
int file_store_commit(
	struct file_store *store, const struct file_store_item *items, size_t n_items);

/* Reads a file of the current generation, at most `limit_bytes` (-EFBIG). `ret_data` is of malloc.
 */
int file_store_read(const struct file_store *store, const char *name, size_t limit_bytes,
	uint8_t **ret_data, size_t *ret_len);

/* A whole file anywhere, as the operator named it: same limits and errors. */
int file_read(const char *path, size_t limit_bytes, uint8_t **ret_data, size_t *ret_len);
