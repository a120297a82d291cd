/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"
#include "base/cleanup.h"

/* Files of a state directory, kept in whole generations: a set of files appears at once or not at
 * all, also across a power failure (write, fsync, rename, fsync of the directory).
 *
 *     STATE-DIR/current -> generation.7
 *     STATE-DIR/generation.7/…
 */
struct file_store;

struct file_store_item {
	const char *name; /* one path component */
	struct bytes content;
};

/* The directory must exist; one that cannot be written to can still be read. Clears away what a
 * crash may have left. 0 or -errno. */
int file_store_open(const char *path, struct file_store **ret_store);
void file_store_close(struct file_store *store);
CLEANUP_DEFINE(struct file_store *, file_store_close)

/* Makes these files the current generation and drops the one before. -errno: the current one stands
 * as it was; -EINVAL: a name is no plain file name. */
int file_store_commit(
	struct file_store *store, const struct file_store_item *items, size_t n_items);

/* Reads a regular file of the current generation, of at most `limit_bytes` (-EFBIG). -ENOENT: there
 * is none, -EINVAL or -ELOOP: something there is no file of ours. `ret_data` is of malloc. */
int file_store_read(const struct file_store *store, const char *name, size_t limit_bytes,
	uint8_t **ret_data, size_t *ret_len);

/* A whole regular file anywhere, as the operator named it: same limits and errors. */
int file_read(const char *path, size_t limit_bytes, uint8_t **ret_data, size_t *ret_len);
