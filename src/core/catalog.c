/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small table from names to artifacts.
 *
 * Hides how clients spell names: both sides are brought to one form before they are compared.
 * Invariant: an entry with a name holds a reference to its artifact; names are unique.
 */
#include "core/catalog.h"

#include <errno.h>

struct name {
	char text[CATALOG_NAME_MAX];
	size_t len;
};

struct entry {
	struct name name;
	struct artifact *artifact; /* NULL: free */
};

struct catalog {
	struct entry entries[CATALOG_ENTRIES_MAX];
};

struct catalog *catalog_new(void)
{
	return calloc(1, sizeof(struct catalog));
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < CATALOG_ENTRIES_MAX; i++)
		artifact_unref(catalog->entries[i].artifact);
	free(catalog);
}

static bool is_slash(uint8_t c)
{
	return c == '/' || c == '\\';
}

/* Some ROMs append 0xff or stray control octets to the name they were given. */
static bool is_stray(uint8_t c)
{
	return c < 0x20 || c == 0x7f || c == 0xff;
}

static char one_form(uint8_t c)
{
	if (is_slash(c))
		return '/';
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* 0, -EINVAL (nothing is left of it) or -ENAMETOOLONG. */
static int normalize(struct bytes raw, struct name *ret_name)
{
	size_t begin = 0, end = raw.len;

	while (end > 0 && is_stray(raw.data[end - 1]))
		end--;
	while (begin < end && is_slash(raw.data[begin]))
		begin++;
	if (begin == end)
		return -EINVAL;
	if (end - begin > CATALOG_NAME_MAX)
		return -ENAMETOOLONG;
	ret_name->len = end - begin;
	for (size_t i = 0; i < ret_name->len; i++)
		ret_name->text[i] = one_form(raw.data[begin + i]);
	return 0;
}

/* The index of the entry of that name, or CATALOG_ENTRIES_MAX. */
static size_t find(const struct catalog *catalog, const struct name *name)
{
	size_t i = 0;

	for (; i < CATALOG_ENTRIES_MAX; i++) {
		const struct entry *entry = &catalog->entries[i];

		if (entry->artifact && entry->name.len == name->len
			&& memcmp(entry->name.text, name->text, name->len) == 0)
			break;
	}
	return i;
}

static size_t find_free(const struct catalog *catalog)
{
	size_t i = 0;

	while (i < CATALOG_ENTRIES_MAX && catalog->entries[i].artifact)
		i++;
	return i;
}

int catalog_publish(struct catalog *catalog, const char *name, struct artifact *artifact)
{
	struct name normal;
	size_t i;
	int r;

	r = normalize(bytes_of_string(name), &normal);
	if (r < 0)
		return r;
	i = find(catalog, &normal);
	if (i == CATALOG_ENTRIES_MAX && !artifact)
		return 0;
	if (i == CATALOG_ENTRIES_MAX)
		i = find_free(catalog);
	if (i == CATALOG_ENTRIES_MAX)
		return -ENOSPC;
	if (artifact)
		artifact_ref(artifact);
	artifact_unref(catalog->entries[i].artifact);
	catalog->entries[i] = (struct entry){.name = normal, .artifact = artifact};
	return 0;
}

struct artifact *catalog_get(const struct catalog *catalog, struct bytes name)
{
	struct name normal;
	size_t i;

	if (normalize(name, &normal) < 0)
		return NULL;
	i = find(catalog, &normal);
	return i < CATALOG_ENTRIES_MAX ? artifact_ref(catalog->entries[i].artifact) : NULL;
}
