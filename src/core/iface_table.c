/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel said of its links and IPv4 addresses, and what follows from it: which links are
 * served, and which of our addresses a client is to see. Hides the two bounded arrays. Invariant:
 * every address in the table belongs to a link in the table, and `matched` is what the policy says
 * of the link's present name and flags.
 */
#include "core/iface_table.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS  ", \t"
#define WILDCARDS   "*?["
#define PATTERN_MAX 63

struct link {
	int index;
	char name[IF_NAMESIZE];
	unsigned flags;
	uint32_t mtu;
	bool matched;
	bool seen; /* since the dump began */
};

struct address {
	int index;
	struct in_addr address;
	uint8_t prefix_len;
	bool seen;
};

struct iface_table {
	struct iface_policy policy;
	struct link links[IFACE_LINKS_MAX]; /* in order of their index */
	size_t n_links;
	struct address addresses[IFACE_ADDRESSES_MAX]; /* in order of arrival */
	size_t n_addresses;
	bool overflowed;
	bool dump_overflowed; /* since the dump began */
};

/* --- patterns --- */

struct pattern {
	char glob[PATTERN_MAX + 1];
	bool exclude;
	bool wildcard;
};

enum pattern_status {
	PATTERN_OK,
	PATTERN_END,
	PATTERN_EMPTY,
	PATTERN_TOO_LONG,
	PATTERN_BAD_CHARACTER,
	PATTERN_OPEN_BRACKET,
};

/* Takes the next pattern off `*text`. */
static enum pattern_status pattern_next(const char **text, struct pattern *ret_pattern)
{
	struct pattern pattern = {0};
	size_t len;

	*text += strspn(*text, SEPARATORS);
	if (**text == '\0')
		return PATTERN_END;
	pattern.exclude = **text == '!';
	*text += pattern.exclude;
	len = strcspn(*text, SEPARATORS);
	if (len == 0)
		return PATTERN_EMPTY;
	if (len > PATTERN_MAX)
		return PATTERN_TOO_LONG;
	memcpy(pattern.glob, *text, len);
	*text += len;
	if (strpbrk(pattern.glob, "/:!\\") && !strchr(pattern.glob, '['))
		return PATTERN_BAD_CHARACTER;
	pattern.wildcard = strpbrk(pattern.glob, WILDCARDS) != NULL;
	if (!pattern.wildcard && len >= IF_NAMESIZE)
		return PATTERN_TOO_LONG;
	if (strchr(pattern.glob, '[') && !strchr(strchr(pattern.glob, '['), ']'))
		return PATTERN_OPEN_BRACKET;
	*ret_pattern = pattern;
	return PATTERN_OK;
}

static const char *pattern_status_text(enum pattern_status status)
{
	switch (status) {
	case PATTERN_OK:
	case PATTERN_END:
		break;
	case PATTERN_EMPTY:
		return "nothing follows the '!'";
	case PATTERN_TOO_LONG:
		return "longer than the name of an interface can be";
	case PATTERN_BAD_CHARACTER:
		return "a character that no name of an interface has";
	case PATTERN_OPEN_BRACKET:
		return "'[' without ']'";
	}
	return NULL;
}

bool iface_policy_valid(const char *patterns, const char **ret_reason)
{
	struct pattern pattern;
	enum pattern_status status;
	bool any = false;

	while ((status = pattern_next(&patterns, &pattern)) == PATTERN_OK)
		any = any || !pattern.exclude;
	if (status == PATTERN_END && any)
		return true;
	*ret_reason = status == PATTERN_END ? "names no interface" : pattern_status_text(status);
	return false;
}

/* One glob for everything must not open a tunnel or the loopback to PXE by surprise. */
static bool pattern_matches(const struct pattern *pattern, const struct link *link)
{
	if (!pattern->exclude && pattern->wildcard
		&& (link->flags & (IFF_LOOPBACK | IFF_POINTOPOINT)))
		return false;
	return fnmatch(pattern->glob, link->name, 0) == 0;
}

static bool patterns_match(const char *patterns, const struct link *link)
{
	struct pattern pattern;
	bool matched = false;

	while (pattern_next(&patterns, &pattern) == PATTERN_OK) {
		if (!pattern_matches(&pattern, link))
			continue;
		if (pattern.exclude)
			return false;
		matched = true;
	}
	return matched;
}

/* --- the table --- */

struct iface_table *iface_table_new(const struct iface_policy *policy)
{
	struct iface_table *table = calloc(1, sizeof(*table));

	if (table)
		iface_table_set_policy(table, policy);
	return table;
}

void iface_table_free(struct iface_table *table)
{
	free(table);
}

void iface_table_set_policy(struct iface_table *table, const struct iface_policy *policy)
{
	table->policy = *policy;
	for (size_t i = 0; i < table->n_links; i++)
		table->links[i].matched = patterns_match(policy->patterns, &table->links[i]);
}

static const struct link *find_link(const struct iface_table *table, int index)
{
	for (size_t i = 0; i < table->n_links; i++)
		if (table->links[i].index == index)
			return &table->links[i];
	return NULL;
}

static const struct address *find_address(
	const struct iface_table *table, int index, struct in_addr address, uint8_t prefix_len)
{
	for (size_t i = 0; i < table->n_addresses; i++) {
		const struct address *a = &table->addresses[i];

		if (a->index == index && a->address.s_addr == address.s_addr
			&& a->prefix_len == prefix_len)
			return a;
	}
	return NULL;
}

static const struct address *first_address(const struct iface_table *table, int index)
{
	for (size_t i = 0; i < table->n_addresses; i++)
		if (table->addresses[i].index == index)
			return &table->addresses[i];
	return NULL;
}

static bool served(const struct iface_table *table, const struct link *link)
{
	const unsigned ready = IFF_UP | IFF_RUNNING;

	return link && link->matched && (link->flags & ready) == ready
	       && (table->policy.address.s_addr != INADDR_ANY || first_address(table, link->index));
}

/* --- changes --- */

static void remove_address(struct iface_table *table, const struct address *address)
{
	size_t at = (size_t)(address - table->addresses);

	table->n_addresses--;
	memmove(&table->addresses[at], &table->addresses[at + 1],
		(table->n_addresses - at) * sizeof(*address));
}

static void remove_link(struct iface_table *table, const struct link *link)
{
	size_t at = (size_t)(link - table->links);
	const struct address *address;

	while ((address = first_address(table, link->index)))
		remove_address(table, address);
	table->n_links--;
	memmove(&table->links[at], &table->links[at + 1], (table->n_links - at) * sizeof(*link));
}

static struct link *insert_link(struct iface_table *table, int index)
{
	size_t at = table->n_links;

	if (table->n_links == IFACE_LINKS_MAX)
		return NULL;
	while (at > 0 && table->links[at - 1].index > index)
		at--;
	memmove(&table->links[at + 1], &table->links[at],
		(table->n_links - at) * sizeof(table->links[0]));
	table->n_links++;
	table->links[at] = (struct link){.index = index};
	return &table->links[at];
}

static int overflow(struct iface_table *table)
{
	table->overflowed = table->dump_overflowed = true;
	return -ENOSPC;
}

static int apply_link(struct iface_table *table, const struct iface_change *change)
{
	struct link *link = (struct link *)find_link(table, change->index);
	bool was_served = served(table, link);
	bool renamed;

	if (!link)
		link = insert_link(table, change->index);
	if (!link)
		return overflow(table);
	renamed = strncmp(link->name, change->name, sizeof(link->name)) != 0;
	memcpy(link->name, change->name, sizeof(link->name));
	link->name[sizeof(link->name) - 1] = '\0';
	link->flags = change->flags;
	link->mtu = change->mtu;
	link->matched = patterns_match(table->policy.patterns, link);
	link->seen = true;
	return served(table, link) != was_served || (was_served && renamed);
}

static int apply_address(struct iface_table *table, const struct iface_change *change)
{
	const struct link *link = find_link(table, change->index);
	struct address *known = (struct address *)find_address(
		table, change->index, change->address, change->prefix_len);

	if (!link || change->prefix_len > 32)
		return 0;
	if (known) {
		known->seen = true;
		return 0;
	}
	if (table->n_addresses == IFACE_ADDRESSES_MAX)
		return overflow(table);
	table->addresses[table->n_addresses++] = (struct address){
		.index = change->index,
		.address = change->address,
		.prefix_len = change->prefix_len,
		.seen = true,
	};
	return served(table, link);
}

static int apply_link_gone(struct iface_table *table, const struct iface_change *change)
{
	const struct link *link = find_link(table, change->index);
	bool was_served = served(table, link);

	if (link)
		remove_link(table, link);
	return was_served;
}

static int apply_address_gone(struct iface_table *table, const struct iface_change *change)
{
	bool was_served = served(table, find_link(table, change->index));
	const struct address *known =
		find_address(table, change->index, change->address, change->prefix_len);

	if (!known)
		return 0;
	remove_address(table, known);
	return was_served;
}

int iface_table_apply(struct iface_table *table, const struct iface_change *change)
{
	switch (change->kind) {
	case IFACE_LINK:
		return apply_link(table, change);
	case IFACE_LINK_GONE:
		return apply_link_gone(table, change);
	case IFACE_ADDRESS:
		return apply_address(table, change);
	case IFACE_ADDRESS_GONE:
		return apply_address_gone(table, change);
	}
	return 0;
}

void iface_table_dump_begin(struct iface_table *table)
{
	for (size_t i = 0; i < table->n_links; i++)
		table->links[i].seen = false;
	for (size_t i = 0; i < table->n_addresses; i++)
		table->addresses[i].seen = false;
	table->dump_overflowed = false;
}

int iface_table_dump_end(struct iface_table *table)
{
	bool changed = false;

	for (size_t i = table->n_addresses; i-- > 0;) {
		if (table->addresses[i].seen)
			continue;
		changed = served(table, find_link(table, table->addresses[i].index)) || changed;
		remove_address(table, &table->addresses[i]);
	}
	for (size_t i = table->n_links; i-- > 0;) {
		if (table->links[i].seen)
			continue;
		changed = served(table, &table->links[i]) || changed;
		remove_link(table, &table->links[i]);
	}
	table->overflowed = table->dump_overflowed;
	return changed;
}

bool iface_table_overflowed(const struct iface_table *table)
{
	return table->overflowed;
}

/* --- questions --- */

/* In a /31 both addresses are hosts (RFC 3021); a /32 has one. */
static bool in_subnet(const struct address *own, struct in_addr address)
{
	uint32_t host_mask = own->prefix_len == 0 ? UINT32_MAX : (1U << (32 - own->prefix_len)) - 1;
	uint32_t difference = ntohl(own->address.s_addr) ^ ntohl(address.s_addr);
	uint32_t host = ntohl(address.s_addr) & host_mask;

	if (difference & ~host_mask)
		return false;
	return own->prefix_len >= 31 || (host != 0 && host != host_mask);
}

/* How well `own` answers a client: the larger the better. */
static int rank(const struct address *own, struct in_addr local, struct in_addr client)
{
	int is_local = own->address.s_addr == local.s_addr;

	return in_subnet(own, client) ? 2 + is_local : is_local;
}

/* 0: the link has none. */
static struct in_addr best_address(const struct iface_table *table, const struct link *link,
	struct in_addr local, struct in_addr client)
{
	const struct address *best = NULL;

	for (size_t i = 0; i < table->n_addresses; i++) {
		const struct address *a = &table->addresses[i];

		if (a->index == link->index
			&& (!best || rank(a, local, client) > rank(best, local, client)))
			best = a;
	}
	return best ? best->address : (struct in_addr){INADDR_ANY};
}

static bool has_address(
	const struct iface_table *table, const struct link *link, struct in_addr address)
{
	for (size_t i = 0; i < table->n_addresses; i++)
		if (table->addresses[i].index == link->index
			&& table->addresses[i].address.s_addr == address.s_addr)
			return true;
	return false;
}

static struct iface describe(const struct iface_table *table, const struct link *link,
	struct in_addr local, struct in_addr client)
{
	struct iface iface = {.index = link->index, .mtu = link->mtu};
	struct in_addr told = table->policy.address;

	memcpy(iface.name, link->name, sizeof(iface.name));
	if (told.s_addr != INADDR_ANY && has_address(table, link, told)) {
		iface.address = iface.source = told;
		return iface;
	}
	iface.source = best_address(table, link, local, client);
	iface.address = told.s_addr != INADDR_ANY ? told : iface.source;
	return iface;
}

static const struct link *served_owner(const struct iface_table *table, struct in_addr local)
{
	for (size_t i = 0; i < table->n_addresses; i++) {
		const struct link *link = find_link(table, table->addresses[i].index);

		if (table->addresses[i].address.s_addr == local.s_addr && served(table, link))
			return link;
	}
	return NULL;
}

bool iface_table_lookup(const struct iface_table *table, int index, struct in_addr local,
	struct in_addr client, struct iface *ret_iface)
{
	const struct link *entered = find_link(table, index);
	bool over_loopback = entered && (entered->flags & IFF_LOOPBACK);
	const struct link *link = over_loopback ? served_owner(table, local) : entered;

	if (!served(table, link))
		return false;
	*ret_iface = describe(table, link, local, client);
	/* For a datagram to one of our own addresses Linux reports the interface of that address
	 * instead of the loopback. It lets none with our address as its source in from a wire. */
	ret_iface->over_loopback = over_loopback || iface_table_owns(table, client);
	return true;
}

bool iface_table_on_link(const struct iface_table *table, int index, struct in_addr address)
{
	if (!served(table, find_link(table, index)))
		return false;
	for (size_t i = 0; i < table->n_addresses; i++)
		if (table->addresses[i].index == index && in_subnet(&table->addresses[i], address))
			return true;
	return false;
}

bool iface_table_owns(const struct iface_table *table, struct in_addr address)
{
	if (address.s_addr == INADDR_ANY)
		return false;
	if (address.s_addr == table->policy.address.s_addr)
		return true;
	for (size_t i = 0; i < table->n_addresses; i++)
		if (table->addresses[i].address.s_addr == address.s_addr)
			return true;
	return false;
}

bool iface_table_next_served(
	const struct iface_table *table, size_t *position, struct iface *ret_iface)
{
	const struct in_addr any = {.s_addr = INADDR_ANY};

	while (*position < table->n_links) {
		const struct link *link = &table->links[(*position)++];

		if (served(table, link)) {
			*ret_iface = describe(table, link, any, any);
			return true;
		}
	}
	return false;
}
