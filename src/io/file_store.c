/* SPDX-License-Identifier: Apache-2.0 */

/* Generations of files behind one symbolic link. A generation is written and synced whole under a
 * number that nothing refers to; the rename of the link is the one instant at which it becomes
 * current. So at every instant, a power failure's included, `current` names a complete generation
 * or is not there; whatever else lies around is rubbish and is cleared at the next open. */

#include "io/file_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define CURRENT_LINK	  "current"
#define CURRENT_LINK_NEXT "current.next"
#define GENERATION_PREFIX "generation."
#define GENERATION_MAX	  (sizeof(GENERATION_PREFIX) + 20)

struct file_store {
	int fd;
	uint64_t newest; /* number of the last generation made, 0: none */
	bool has_current;
	uint64_t current;
};

CLEANUP_DEFINE(DIR *, closedir)

static int generation_number(const char *name, uint64_t *ret_number)
{
	const char *digits = name + strlen(GENERATION_PREFIX);
	char *end;
	uint64_t number;

	if (strncmp(name, GENERATION_PREFIX, strlen(GENERATION_PREFIX)) != 0 || digits[0] < '1'
		|| digits[0] > '9' || strlen(digits) > 18)
		return -EINVAL;
	number = strtoumax(digits, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static void generation_name(uint64_t number, char name[GENERATION_MAX])
{
	snprintf(name, GENERATION_MAX, GENERATION_PREFIX "%" PRIu64, number);
}

/* -ENOENT: no generation yet; -EINVAL: the link is none of ours. */
static int read_current(int dir_fd, uint64_t *ret_number)
{
	char target[GENERATION_MAX];
	ssize_t len = readlinkat(dir_fd, CURRENT_LINK, target, sizeof(target));

	if (len < 0)
		return -errno;
	if ((size_t)len == sizeof(target))
		return -EINVAL;
	target[len] = '\0';
	return generation_number(target, ret_number);
}

/* --- clearing away --------------------------------------------------------------------------- */

/* A generation holds plain files only. What cannot be removed stays for the next time. */
static void remove_generation(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(closedir_p) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!entries) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(entries)))
		unlinkat(fd, entry->d_name, 0);
	unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static int clear_leftovers(struct file_store *store)
{
	int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closedir_p) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	uint64_t number;

	if (!entries) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	unlinkat(store->fd, CURRENT_LINK_NEXT, 0);
	while ((entry = readdir(entries))) {
		if (generation_number(entry->d_name, &number) < 0)
			continue;
		if (number > store->newest)
			store->newest = number;
		if (!store->has_current || number != store->current)
			remove_generation(store->fd, entry->d_name);
	}
	return 0;
}

int file_store_open(const char *path, struct file_store **ret_store)
{
	CLEANUP(file_store_close_p) struct file_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->fd < 0)
		return -errno;
	store->has_current = read_current(store->fd, &store->current) == 0;
	r = clear_leftovers(store);
	if (r < 0)
		return r;
	*ret_store = CLEANUP_STEAL(store);
	return 0;
}

void file_store_close(struct file_store *store)
{
	if (store->fd >= 0)
		close(store->fd);
	free(store);
}

/* --- writing --------------------------------------------------------------------------------- */

static bool is_plain_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

static int write_all(int fd, struct bytes content)
{
	while (content.len > 0) {
		ssize_t n = write(fd, content.data, content.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		content = bytes_of(content.data + n, content.len - (size_t)n);
	}
	return 0;
}

static int write_file(int dir_fd, const struct file_store_item *item)
{
	CLEANUP_CLOSE int fd = -1;
	int r;

	if (!is_plain_name(item->name))
		return -EINVAL;
	fd = openat(dir_fd, item->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, item->content);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_files(
	int dir_fd, const char *generation, const struct file_store_item *items, size_t n_items)
{
	CLEANUP_CLOSE int fd =
		openat(dir_fd, generation, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && i < n_items; i++)
		r = write_file(fd, &items[i]);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* The directory is synced before the rename, so that the link never names what is not on the disk
 * yet. */
static int switch_to(int dir_fd, const char *generation)
{
	if (fsync(dir_fd) < 0)
		return -errno;
	unlinkat(dir_fd, CURRENT_LINK_NEXT, 0);
	if (symlinkat(generation, dir_fd, CURRENT_LINK_NEXT) < 0
		|| renameat(dir_fd, CURRENT_LINK_NEXT, dir_fd, CURRENT_LINK) < 0)
		return -errno;
	return 0;
}

/* The generation before goes only when the switch is sure to last. */
static int settle(struct file_store *store, uint64_t number)
{
	char before[GENERATION_MAX];
	bool had_one = store->has_current;

	generation_name(store->current, before);
	store->current = number;
	store->has_current = true;
	if (fsync(store->fd) < 0)
		return -errno;
	if (had_one)
		remove_generation(store->fd, before);
	return 0;
}

int file_store_commit(struct file_store *store, const struct file_store_item *items, size_t n_items)
{
	char generation[GENERATION_MAX];
	int r;

	generation_name(++store->newest, generation);
	if (mkdirat(store->fd, generation, 0755) < 0)
		return -errno;
	r = write_files(store->fd, generation, items, n_items);
	if (r == 0)
		r = switch_to(store->fd, generation);
	if (r < 0) {
		unlinkat(store->fd, CURRENT_LINK_NEXT, 0);
		remove_generation(store->fd, generation);
		return r;
	}
	return settle(store, store->newest);
}

/* --- reading --------------------------------------------------------------------------------- */

static int read_all(int fd, uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_regular(int fd, size_t limit_bytes, uint8_t **ret_data, size_t *ret_len)
{
	CLEANUP_FREE uint8_t *data = NULL;
	struct stat status;
	size_t len;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	if ((uint64_t)status.st_size > limit_bytes)
		return -EFBIG;
	len = (size_t)status.st_size;
	data = malloc(len > 0 ? len : 1);
	if (!data)
		return -ENOMEM;
	r = read_all(fd, data, len);
	if (r < 0)
		return r;
	*ret_data = CLEANUP_STEAL(data);
	*ret_len = len;
	return 0;
}

/* O_NONBLOCK: a FIFO in the place of a file is refused, not waited for. */
int file_store_read(const struct file_store *store, const char *name, size_t limit_bytes,
	uint8_t **ret_data, size_t *ret_len)
{
	CLEANUP_CLOSE int dir_fd = -1;
	CLEANUP_CLOSE int fd = -1;
	char generation[GENERATION_MAX];
	uint64_t current;
	int r = read_current(store->fd, &current);

	if (r < 0)
		return r;
	if (!is_plain_name(name))
		return -EINVAL;
	generation_name(current, generation);
	dir_fd = openat(store->fd, generation, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return read_regular(fd, limit_bytes, ret_data, ret_len);
}

int file_read(const char *path, size_t limit_bytes, uint8_t **ret_data, size_t *ret_len)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return read_regular(fd, limit_bytes, ret_data, ret_len);
}
