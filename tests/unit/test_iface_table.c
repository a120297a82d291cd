/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/iface_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UP	     (IFF_UP | IFF_RUNNING)
#define LO	     (UP | IFF_LOOPBACK)
#define TUNNEL	     (UP | IFF_POINTOPOINT)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct in_addr ip(const char *text)
{
	struct in_addr address;

	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

static struct iface_table *table_of(const char *patterns)
{
	struct iface_policy policy = {.patterns = patterns};
	struct iface_table *table = iface_table_new(&policy);

	assert_non_null(table);
	return table;
}

static int link_is(struct iface_table *table, int index, const char *name, unsigned flags)
{
	struct iface_change change = {
		.kind = IFACE_LINK, .index = index, .flags = flags, .mtu = 1500};

	snprintf(change.name, sizeof(change.name), "%s", name);
	return iface_table_apply(table, &change);
}

static int link_gone(struct iface_table *table, int index)
{
	return iface_table_apply(
		table, &(struct iface_change){.kind = IFACE_LINK_GONE, .index = index});
}

static int address_change(
	struct iface_table *table, enum iface_change_kind kind, int index, const char *text)
{
	char address[INET_ADDRSTRLEN];
	unsigned prefix_len;

	assert_int_equal(sscanf(text, "%15[0-9.]/%u", address, &prefix_len), 2);
	return iface_table_apply(table, &(struct iface_change){
						.kind = kind,
						.index = index,
						.address = ip(address),
						.prefix_len = (uint8_t)prefix_len,
					});
}

static int address_is(struct iface_table *table, int index, const char *text)
{
	return address_change(table, IFACE_ADDRESS, index, text);
}

static int address_gone(struct iface_table *table, int index, const char *text)
{
	return address_change(table, IFACE_ADDRESS_GONE, index, text);
}

/* The address that a client at `client` sees of us; "" when not served. */
static const char *seen(struct iface_table *table, int index, const char *local, const char *client)
{
	static char text[INET_ADDRSTRLEN];
	struct iface iface;

	if (!iface_table_lookup(table, index, ip(local), ip(client), &iface))
		return "";
	return inet_ntop(AF_INET, &iface.address, text, sizeof(text));
}

static size_t count_served(const struct iface_table *table)
{
	struct iface iface;
	size_t position = 0;
	size_t n = 0;

	while (iface_table_next_served(table, &position, &iface))
		n++;
	return n;
}

struct pattern_case {
	const char *patterns;
	const char *name;
	unsigned flags;
	bool served;
};

static void test_patterns(void **state)
{
	static const struct pattern_case cases[] = {
		{"*", "eth0", UP, true},
		{"*", "lo", LO, false},
		{"*", "wg0", TUNNEL, false},
		{"l?", "lo", LO, false},
		{"[l]o", "lo", LO, false},
		{"lo", "lo", LO, true},
		{"* lo", "lo", LO, true},
		{"wg0", "wg0", TUNNEL, true},
		{"wg*", "wg0", TUNNEL, false},
		{"eth0", "eth0", UP, true},
		{"eth0", "eth01", UP, false},
		{"eth", "eth0", UP, false},
		{"en* eth0", "enp3s0", UP, true},
		{"en*,eth0", "eth0", UP, true},
		{" ,\ten*,, eth0 , ", "eth0", UP, true},
		{"en* !enp3s0", "enp3s0", UP, false},
		{"!enp3s0 en*", "enp3s0", UP, false},
		{"en* !enp3s0", "enp4s0", UP, true},
		{"* !docker* !veth*", "veth12ab", UP, false},
		{"* !docker* !veth*", "eth0", UP, true},
		{"lo !l*", "lo", LO, false},
		{"eth[0-3]", "eth2", UP, true},
		{"eth[0-3]", "eth4", UP, false},
		{"eth[!0]", "eth0", UP, false},
		{"eth[!0]", "eth1", UP, true},
		{"*", "eth0", IFF_UP, false},
		{"*", "eth0", IFF_RUNNING, false},
		{"*", "eth0", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP(iface_table_free_p) struct iface_table *table = table_of(cases[i].patterns);

		link_is(table, 1, cases[i].name, cases[i].flags);
		if (address_is(table, 1, "10.0.0.1/24") != cases[i].served)
			fail_msg("\"%s\" and %s", cases[i].patterns, cases[i].name);
	}
}

static void test_patterns_are_judged(void **state)
{
	static const char *const good[] = {
		"*", "eth0", "en* !enp3s0", "a,b", "eth[0-9]*", "[!l]*", "abcdefghijklmno", "!a b"};
	static const char *const bad[] = {"", " , ", "!", "* !", "!eth0", "eth0/1", "eth0:1",
		"abcdefghijklmnop", "eth[0", "a!b",
		"*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	const char *reason = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!iface_policy_valid(good[i], &reason))
			fail_msg("\"%s\": %s", good[i], reason);
	for (size_t i = 0; i < COUNT(bad); i++) {
		reason = NULL;
		if (iface_policy_valid(bad[i], &reason) || !reason)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void test_reports_what_changes(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("eth*");

	(void)state;
	assert_int_equal(address_is(table, 2, "10.0.0.1/24"), 0); /* of no link */
	assert_int_equal(link_is(table, 2, "eth0", UP), 0);	  /* no address yet */
	assert_int_equal(address_is(table, 2, "10.0.0.1/24"), 1);
	assert_int_equal(address_is(table, 2, "10.0.0.1/24"), 0); /* known */
	assert_int_equal(address_is(table, 2, "10.0.1.1/24"), 1);
	assert_int_equal(address_gone(table, 2, "10.0.1.1/16"), 0); /* another one */
	assert_int_equal(address_gone(table, 2, "10.0.1.1/24"), 1);
	assert_int_equal(address_gone(table, 2, "10.0.1.1/24"), 0);
	assert_int_equal(link_is(table, 2, "eth0", UP), 0);
	assert_int_equal(link_is(table, 2, "eth1", UP), 1);
	assert_int_equal(link_is(table, 2, "eth1", IFF_UP), 1); /* cable out */
	assert_int_equal(count_served(table), 0);
	assert_int_equal(link_is(table, 2, "eth1", UP), 1);
	assert_int_equal(link_is(table, 2, "wan0", UP), 1);
	assert_int_equal(link_is(table, 2, "eth1", UP), 1);
	assert_int_equal(link_gone(table, 2), 1);
	assert_int_equal(link_gone(table, 2), 0);
	assert_int_equal(link_is(table, 2, "eth0", UP), 0); /* its addresses went with it */
	assert_int_equal(link_is(table, 3, "wan0", UP), 0);
	assert_int_equal(address_is(table, 3, "203.0.113.1/24"), 0); /* not served */
}

static void test_the_address_in_the_clients_subnet(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("*");

	(void)state;
	link_is(table, 2, "eth0", UP);
	address_is(table, 2, "10.0.0.1/24");
	address_is(table, 2, "192.168.0.1/16");
	address_is(table, 2, "10.0.0.2/24"); /* a secondary one */
	assert_string_equal(seen(table, 2, "255.255.255.255", "10.0.0.9"), "10.0.0.1");
	assert_string_equal(seen(table, 2, "255.255.255.255", "192.168.9.9"), "192.168.0.1");
	assert_string_equal(seen(table, 2, "255.255.255.255", "0.0.0.0"), "10.0.0.1");
	assert_string_equal(seen(table, 2, "10.0.0.2", "10.0.0.9"), "10.0.0.2");
	assert_string_equal(seen(table, 2, "10.0.0.2", "192.168.9.9"), "192.168.0.1");
	assert_string_equal(seen(table, 2, "192.168.0.1", "172.16.0.1"), "192.168.0.1");
	assert_string_equal(seen(table, 2, "172.16.0.9", "172.16.0.1"), "10.0.0.1");
	assert_string_equal(seen(table, 3, "255.255.255.255", "0.0.0.0"), "");
	address_gone(table, 2, "10.0.0.1/24");
	assert_string_equal(seen(table, 2, "255.255.255.255", "10.0.0.9"), "10.0.0.2");
}

struct link_case {
	const char *own;
	const char *address;
	bool on_link;
};

static void test_on_link(void **state)
{
	static const struct link_case cases[] = {
		{"10.0.0.1/24", "10.0.0.1", true},
		{"10.0.0.1/24", "10.0.0.254", true},
		{"10.0.0.1/24", "10.0.0.0", false},
		{"10.0.0.1/24", "10.0.0.255", false},
		{"10.0.0.1/24", "10.0.1.1", false},
		{"10.0.0.1/24", "0.0.0.0", false},
		{"10.0.0.0/31", "10.0.0.0", true},
		{"10.0.0.0/31", "10.0.0.1", true},
		{"10.0.0.0/31", "10.0.0.2", false},
		{"10.0.0.255/32", "10.0.0.255", true},
		{"10.0.0.255/32", "10.0.0.254", false},
		{"10.0.0.1/30", "10.0.0.3", false},
		{"10.0.0.1/30", "10.0.0.2", true},
		{"10.0.0.1/0", "203.0.113.1", true},
		{"10.0.0.1/0", "255.255.255.255", false},
		{"10.0.0.1/0", "0.0.0.0", false},
		{"10.0.0.1/1", "127.0.0.1", true},
		{"10.0.0.1/1", "128.0.0.1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP(iface_table_free_p) struct iface_table *table = table_of("*");

		link_is(table, 2, "eth0", UP);
		address_is(table, 2, cases[i].own);
		if (iface_table_on_link(table, 2, ip(cases[i].address)) != cases[i].on_link)
			fail_msg("%s and %s", cases[i].own, cases[i].address);
		link_is(table, 2, "eth0", IFF_UP);
		assert_false(iface_table_on_link(table, 2, ip(cases[i].address)));
	}
}

static void test_an_impossible_prefix_is_not_kept(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("*");

	(void)state;
	link_is(table, 2, "eth0", UP);
	assert_int_equal(address_is(table, 2, "10.0.0.1/33"), 0);
	assert_false(iface_table_owns(table, ip("10.0.0.1")));
}

static void test_a_datagram_over_loopback(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("eth*");
	struct iface iface;

	(void)state;
	link_is(table, 1, "lo", LO);
	address_is(table, 1, "127.0.0.1/8");
	link_is(table, 2, "eth0", UP);
	address_is(table, 2, "10.0.0.1/24");
	link_is(table, 3, "wan0", UP);
	address_is(table, 3, "203.0.113.1/24");
	assert_true(iface_table_lookup(table, 1, ip("10.0.0.1"), ip("10.0.0.1"), &iface));
	assert_int_equal(iface.index, 2);
	assert_true(iface.over_loopback);
	assert_false(iface_table_lookup(table, 1, ip("203.0.113.1"), ip("10.0.0.1"), &iface));
	assert_false(iface_table_lookup(table, 1, ip("127.0.0.1"), ip("127.0.0.1"), &iface));
	assert_true(iface_table_lookup(table, 2, ip("10.0.0.1"), ip("10.0.0.7"), &iface));
	assert_false(iface.over_loopback);
	/* As Linux reports what a local process sends to our address. */
	assert_true(iface_table_lookup(table, 2, ip("10.0.0.1"), ip("10.0.0.1"), &iface));
	assert_true(iface.over_loopback);
}

static void test_loopback_itself_served_by_name(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("lo");
	struct iface iface;

	(void)state;
	link_is(table, 1, "lo", LO);
	address_is(table, 1, "127.0.0.1/8");
	assert_true(iface_table_lookup(table, 1, ip("127.0.0.1"), ip("127.0.0.1"), &iface));
	assert_int_equal(iface.index, 1);
	assert_true(iface_table_on_link(table, 1, ip("127.0.0.1")));
}

static void test_owns(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("eth*");
	struct iface_policy policy = {.patterns = "eth*", .address = ip("192.0.2.1")};

	(void)state;
	link_is(table, 3, "wan0", 0);
	address_is(table, 3, "203.0.113.1/24");
	assert_true(iface_table_owns(table, ip("203.0.113.1")));
	assert_false(iface_table_owns(table, ip("203.0.113.2")));
	assert_false(iface_table_owns(table, ip("0.0.0.0")));
	assert_false(iface_table_owns(table, ip("192.0.2.1")));
	iface_table_set_policy(table, &policy);
	assert_true(iface_table_owns(table, ip("192.0.2.1")));
}

static void test_the_policys_address_wins(void **state)
{
	struct iface_policy policy = {.patterns = "eth*", .address = ip("192.0.2.1")};
	CLEANUP(iface_table_free_p) struct iface_table *table = iface_table_new(&policy);
	struct iface iface;

	(void)state;
	assert_int_equal(link_is(table, 2, "eth0", UP), 1); /* served without one of its own */
	assert_true(iface_table_lookup(table, 2, ip("192.0.2.1"), ip("0.0.0.0"), &iface));
	assert_int_equal(iface.address.s_addr, ip("192.0.2.1").s_addr);
	assert_int_equal(iface.source.s_addr, 0);

	address_is(table, 2, "10.0.0.1/24");
	assert_true(iface_table_lookup(table, 2, ip("10.0.0.1"), ip("10.0.0.7"), &iface));
	assert_int_equal(iface.address.s_addr, ip("192.0.2.1").s_addr);
	assert_int_equal(iface.source.s_addr, ip("10.0.0.1").s_addr);
	assert_true(iface_table_on_link(table, 2, ip("10.0.0.7")));

	address_is(table, 2, "192.0.2.1/32");
	assert_true(iface_table_lookup(table, 2, ip("10.0.0.1"), ip("10.0.0.7"), &iface));
	assert_int_equal(iface.source.s_addr, ip("192.0.2.1").s_addr);
}

static void test_another_policy_for_the_same_links(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("eth0");
	struct iface iface;
	size_t position = 0;

	(void)state;
	link_is(table, 3, "eth1", UP);
	link_is(table, 2, "eth0", UP);
	address_is(table, 2, "10.0.0.1/24");
	address_is(table, 3, "10.0.1.1/24");
	assert_int_equal(count_served(table), 1);
	iface_table_set_policy(table, &(struct iface_policy){.patterns = "*"});
	assert_true(iface_table_next_served(table, &position, &iface));
	assert_int_equal(iface.index, 2);
	assert_string_equal(iface.name, "eth0");
	assert_int_equal(iface.mtu, 1500);
	assert_true(iface_table_next_served(table, &position, &iface));
	assert_int_equal(iface.index, 3);
	assert_false(iface_table_next_served(table, &position, &iface));
	iface_table_set_policy(table, &(struct iface_policy){.patterns = "eth1"});
	assert_int_equal(count_served(table), 1);
}

static void test_a_dump_replaces_all(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("*");

	(void)state;
	link_is(table, 2, "eth0", UP);
	address_is(table, 2, "10.0.0.1/24");
	address_is(table, 2, "10.0.0.2/24");
	link_is(table, 3, "eth1", UP);
	address_is(table, 3, "10.0.1.1/24");

	iface_table_dump_begin(table);
	assert_int_equal(count_served(table), 2); /* all goes on meanwhile */
	link_is(table, 2, "eth0", UP);
	link_is(table, 3, "eth1", UP);
	address_is(table, 2, "10.0.0.1/24");
	address_is(table, 2, "10.0.0.2/24");
	address_is(table, 3, "10.0.1.1/24");
	assert_int_equal(iface_table_dump_end(table), 0);

	iface_table_dump_begin(table);
	link_is(table, 2, "eth0", UP);
	address_is(table, 2, "10.0.0.2/24");
	assert_int_equal(iface_table_dump_end(table), 1);
	assert_int_equal(count_served(table), 1);
	assert_string_equal(seen(table, 2, "255.255.255.255", "10.0.0.9"), "10.0.0.2");

	iface_table_dump_begin(table);
	assert_int_equal(iface_table_dump_end(table), 1);
	assert_int_equal(count_served(table), 0);
}

static void test_one_link_too_many(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("*");
	char name[IF_NAMESIZE];

	(void)state;
	for (int i = 1; i <= IFACE_LINKS_MAX; i++) {
		snprintf(name, sizeof(name), "eth%d", i);
		assert_int_equal(link_is(table, i, name, UP), 0);
	}
	assert_false(iface_table_overflowed(table));
	assert_int_equal(link_is(table, 1000, "eth1000", UP), -ENOSPC);
	assert_true(iface_table_overflowed(table));
	assert_int_equal(address_is(table, 1000, "10.0.0.1/24"), 0);
	assert_int_equal(address_is(table, 7, "10.0.0.1/24"), 1); /* the others go on */
	assert_int_equal(link_gone(table, 9), 0);
	assert_int_equal(link_is(table, 1000, "eth1000", UP), 0);
	iface_table_dump_begin(table);
	assert_true(iface_table_overflowed(table));
	iface_table_dump_end(table);
	assert_false(iface_table_overflowed(table));
}

static void test_one_address_too_many(void **state)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = table_of("*");
	char address[sizeof("255.255.255.255/32")];

	(void)state;
	link_is(table, 2, "eth0", UP);
	link_is(table, 3, "eth1", UP);
	for (int i = 0; i < IFACE_ADDRESSES_MAX; i++) {
		snprintf(address, sizeof(address), "10.0.%d.%d/32", i / 256, i % 256);
		assert_int_equal(address_is(table, 2, address), 1);
	}
	assert_false(iface_table_overflowed(table));
	assert_int_equal(address_is(table, 3, "10.1.0.1/24"), -ENOSPC);
	assert_true(iface_table_overflowed(table));
	assert_int_equal(count_served(table), 1);
	assert_int_equal(address_is(table, 2, "10.0.3.255/32"), 0); /* known: no room needed */
	assert_int_equal(address_gone(table, 2, "10.0.1.0/32"), 1);
	assert_int_equal(address_is(table, 3, "10.1.0.1/24"), 1);
	assert_int_equal(link_gone(table, 2), 1);
	assert_string_equal(seen(table, 3, "255.255.255.255", "0.0.0.0"), "10.1.0.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_patterns_are_judged),
		cmocka_unit_test(test_reports_what_changes),
		cmocka_unit_test(test_the_address_in_the_clients_subnet),
		cmocka_unit_test(test_on_link),
		cmocka_unit_test(test_an_impossible_prefix_is_not_kept),
		cmocka_unit_test(test_a_datagram_over_loopback),
		cmocka_unit_test(test_loopback_itself_served_by_name),
		cmocka_unit_test(test_owns),
		cmocka_unit_test(test_the_policys_address_wins),
		cmocka_unit_test(test_another_policy_for_the_same_links),
		cmocka_unit_test(test_a_dump_replaces_all),
		cmocka_unit_test(test_one_link_too_many),
		cmocka_unit_test(test_one_address_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
