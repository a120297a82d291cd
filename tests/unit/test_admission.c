/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/admission.h"

#include <errno.h>

static struct in_addr ip(const char *text)
{
	struct in_addr address = {0};

	if (text)
		assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

struct parse_case {
	const char *text;
	int expected;
};

static void test_subnets_parse(void **state)
{
	static const struct parse_case cases[] = {
		{"", 0},
		{" , ", 0},
		{"10.0.0.0/8", 1},
		{"0.0.0.0/0", 1},
		{"10.0.0.0/8 192.168.7.1", 2},
		{",10.0.0.0/8,\t192.168.7.1/32,", 2},
		{"1.1.1.1 2.2.2.2 3.3.3.3", 3},
		{"1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4", -ENOSPC},
		{"10.0.0.1/8", -EINVAL},
		{"10.0.0.0/33", -EINVAL},
		{"10.0.0.0/", -EINVAL},
		{"10.0.0.0/-1", -EINVAL},
		{"10.0.0.0/8x", -EINVAL},
		{"10.0.0.0/008", -EINVAL},
		{"10.0.0", -EINVAL},
		{"10.0.0.256", -EINVAL},
		{"/8", -EINVAL},
		{"fe80::/10", -EINVAL},
		{"site", -EINVAL},
		{"255.255.255.255/32255.255.255.255", -EINVAL},
	};
	struct admission_subnet subnets[3];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (admission_subnets_parse(cases[i].text, subnets, 3) != cases[i].expected)
			fail_msg("\"%s\": not %d", cases[i].text, cases[i].expected);
}

static void test_a_subnet_contains(void **state)
{
	struct admission_subnet s[3];

	(void)state;
	assert_int_equal(admission_subnets_parse("10.1.0.0/16 0.0.0.0/0 192.168.7.1", s, 3), 3);
	assert_true(admission_subnet_contains(&s[0], ip("10.1.255.255")));
	assert_false(admission_subnet_contains(&s[0], ip("10.2.0.0")));
	assert_true(admission_subnet_contains(&s[1], ip("203.0.113.9")));
	assert_true(admission_subnet_contains(&s[2], ip("192.168.7.1")));
	assert_false(admission_subnet_contains(&s[2], ip("192.168.7.0")));
}

enum fact {
	ON_LINK = 1,
	OWN = 2,
	OWN_GIADDR = 4,
	OVER_LOOPBACK = 8,
};

struct decide_case {
	const char *name;
	enum admission_path path;
	const char *source;
	uint16_t port;
	const char *ciaddr;
	const char *giaddr;
	unsigned facts;
	enum admission_verdict expected;
};

#define DHCP	    ADMISSION_DHCP
#define BOOT_SERVER ADMISSION_BOOT_SERVER
#define TFTP	    ADMISSION_TFTP
#define ADMIT	    ADMISSION_ADMIT
#define BAD_SOURCE  ADMISSION_BAD_SOURCE
#define FOREIGN	    ADMISSION_FOREIGN_SUBNET

/* Clients are also allowed from 172.16.0.0/12; relays are 10.8.0.0/24 and 127.0.0.0/8 (which no
 * list can make a relay). */
static const struct decide_case decide_cases[] = {
	/* a client without an address yet */
	{"DISCOVER", DHCP, "0.0.0.0", 68, NULL, NULL, 0, ADMIT},
	{"4011 without an address", BOOT_SERVER, "0.0.0.0", 68, NULL, NULL, 0, ADMIT},
	{"RRQ without an address", TFTP, "0.0.0.0", 2070, NULL, NULL, 0, BAD_SOURCE},

	/* on link, listed, foreign */
	{"boot server discover", DHCP, "10.0.0.7", 68, NULL, NULL, ON_LINK, ADMIT},
	{"67 off link", DHCP, "10.9.0.7", 68, NULL, NULL, 0, FOREIGN},
	{"4011 on link", BOOT_SERVER, "10.0.0.7", 4011, "10.0.0.7", NULL, ON_LINK, ADMIT},
	{"4011 listed", BOOT_SERVER, "172.20.1.1", 4011, NULL, NULL, 0, ADMIT},
	{"4011 off link", BOOT_SERVER, "10.9.0.7", 4011, NULL, NULL, 0, FOREIGN},
	{"RRQ on link", TFTP, "10.0.0.7", 2070, NULL, NULL, ON_LINK, ADMIT},
	{"RRQ listed", TFTP, "172.31.255.254", 2070, NULL, NULL, 0, ADMIT},
	{"RRQ off link", TFTP, "172.32.0.1", 2070, NULL, NULL, 0, FOREIGN},
	{"a relay is no client", TFTP, "10.8.0.1", 2070, NULL, NULL, 0, FOREIGN},

	/* D32: ciaddr is not the source */
	{"D32", BOOT_SERVER, "10.0.0.7", 4011, "10.0.0.8", NULL, ON_LINK, ADMISSION_FOREIGN_CIADDR},
	{"D32 without a source", BOOT_SERVER, "0.0.0.0", 68, "10.0.0.8", NULL, 0,
		ADMISSION_FOREIGN_CIADDR},
	{"D32 is of 4011 only", DHCP, "0.0.0.0", 68, "10.0.0.8", NULL, 0, ADMIT},

	/* D33: source ports on 4011 */
	{"D33 port 0", BOOT_SERVER, "10.0.0.7", 0, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D33 port 7", BOOT_SERVER, "10.0.0.7", 7, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D33 port 19", BOOT_SERVER, "10.0.0.7", 19, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D33 port 53", BOOT_SERVER, "10.0.0.7", 53, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D33 port 67", BOOT_SERVER, "10.0.0.7", 67, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D33 port 68", BOOT_SERVER, "10.0.0.7", 68, NULL, NULL, ON_LINK, ADMIT},
	{"D33 port 1023", BOOT_SERVER, "10.0.0.7", 1023, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D33 port 1024", BOOT_SERVER, "10.0.0.7", 1024, NULL, NULL, ON_LINK, ADMIT},
	{"D33 port 4011", BOOT_SERVER, "10.0.0.7", 4011, NULL, NULL, ON_LINK, ADMIT},
	{"67 from port 0", DHCP, "0.0.0.0", 0, NULL, NULL, 0, BAD_SOURCE},
	{"67 from a relay's port", DHCP, "10.0.0.7", 67, NULL, NULL, ON_LINK, ADMIT},

	/* D34: source addresses */
	{"D34 127.0.0.1", BOOT_SERVER, "127.0.0.1", 4011, NULL, NULL, 0, BAD_SOURCE},
	{"D34 127.0.0.1 over loopback", BOOT_SERVER, "127.0.0.1", 4011, NULL, NULL,
		OWN | OVER_LOOPBACK, BAD_SOURCE},
	{"D34 127.0.0.1 off loopback", BOOT_SERVER, "127.0.0.1", 4011, NULL, NULL, ON_LINK | OWN,
		BAD_SOURCE},
	{"lo is served by name", TFTP, "127.0.0.1", 4011, NULL, NULL, ON_LINK | OWN | OVER_LOOPBACK,
		ADMIT},
	{"D34 multicast", BOOT_SERVER, "224.0.0.1", 4011, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D34 reserved", BOOT_SERVER, "240.0.0.1", 4011, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D34 broadcast", BOOT_SERVER, "255.255.255.255", 4011, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D34 this network", BOOT_SERVER, "0.1.2.3", 4011, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"D34 own address", BOOT_SERVER, "10.0.0.1", 4011, NULL, NULL, ON_LINK | OWN, BAD_SOURCE},
	{"own address over loopback", BOOT_SERVER, "10.0.0.1", 4011, NULL, NULL,
		OWN | OVER_LOOPBACK, ADMIT},
	{"own broadcast given back", DHCP, "10.0.0.1", 68, NULL, NULL, ON_LINK | OWN, ADMIT},
	{"TFTP own address forged", TFTP, "10.0.0.1", 2070, NULL, NULL, ON_LINK | OWN, BAD_SOURCE},
	{"TFTP own address", TFTP, "10.0.0.1", 2070, NULL, NULL, OWN | OVER_LOOPBACK, ADMIT},
	{"TFTP broadcast", TFTP, "255.255.255.255", 2070, NULL, NULL, 0, BAD_SOURCE},

	/* T32: source ports of an RRQ */
	{"T32 port 0", TFTP, "10.0.0.7", 0, NULL, NULL, ON_LINK, BAD_SOURCE},
	{"T32 port 69 on link", TFTP, "10.0.0.7", 69, NULL, NULL, ON_LINK, ADMIT},
	{"T32 port 53 on link", TFTP, "10.0.0.7", 53, NULL, NULL, ON_LINK, ADMIT},
	{"T32 port 69 off link", TFTP, "10.9.0.7", 69, NULL, NULL, 0, FOREIGN},
	{"T32 port 53 off link", TFTP, "10.9.0.7", 53, NULL, NULL, 0, FOREIGN},

	/* D29: relays */
	{"D29 own giaddr", DHCP, "10.0.0.7", 67, NULL, "10.8.0.1", ON_LINK | OWN_GIADDR,
		ADMISSION_UNKNOWN_RELAY},
	{"D29 broadcast", DHCP, "10.0.0.7", 67, NULL, "255.255.255.255", ON_LINK,
		ADMISSION_UNKNOWN_RELAY},
	{"D29 multicast", DHCP, "10.0.0.7", 67, NULL, "239.1.2.3", ON_LINK,
		ADMISSION_UNKNOWN_RELAY},
	{"D29 loopback", DHCP, "10.0.0.7", 67, NULL, "127.0.0.2", ON_LINK, ADMISSION_UNKNOWN_RELAY},
	{"D29 not listed", DHCP, "10.0.0.7", 67, NULL, "10.7.0.1", ON_LINK,
		ADMISSION_UNKNOWN_RELAY},
	{"D29 on 4011", BOOT_SERVER, "10.0.0.7", 4011, NULL, "10.7.0.1", ON_LINK,
		ADMISSION_UNKNOWN_RELAY},
	{"D30 listed, from itself", DHCP, "10.8.0.1", 67, NULL, "10.8.0.1", 0, ADMIT},
	{"listed, from a link of ours", DHCP, "10.0.0.254", 67, NULL, "10.8.0.1", ON_LINK, ADMIT},
	{"listed, from elsewhere", DHCP, "203.0.113.9", 67, NULL, "10.8.0.1", 0, FOREIGN},
};

static void test_decide(void **state)
{
	struct admission_subnet clients[1];
	struct admission_subnet relays[2];
	struct admission_policy policy = {
		.clients = clients, .n_clients = 1, .relays = relays, .n_relays = 2};

	(void)state;
	assert_int_equal(admission_subnets_parse("172.16.0.0/12", clients, 1), 1);
	assert_int_equal(admission_subnets_parse("10.8.0.0/24 127.0.0.0/8", relays, 2), 2);
	for (size_t i = 0; i < sizeof(decide_cases) / sizeof(decide_cases[0]); i++) {
		const struct decide_case *c = &decide_cases[i];
		struct admission_request request = {
			.path = c->path,
			.source = {.address = ip(c->source), .port = c->port},
			.ciaddr = ip(c->ciaddr),
			.giaddr = ip(c->giaddr),
			.on_link = c->facts & ON_LINK,
			.own_source = c->facts & OWN,
			.own_giaddr = c->facts & OWN_GIADDR,
			.over_loopback = c->facts & OVER_LOOPBACK,
		};
		enum admission_verdict verdict = admission_decide(&policy, &request);

		if (verdict != c->expected)
			fail_msg("%s: %s", c->name, admission_verdict_text(verdict));
	}
}

static void test_the_whole_internet_in_the_list_admits_no_forger(void **state)
{
	struct admission_subnet all = {.prefix_len = 0};
	struct admission_policy policy = {.clients = &all, .n_clients = 1};
	static const char *const sources[] = {
		"127.0.0.1", "127.255.255.255", "224.0.0.1", "255.255.255.255", "0.0.0.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		for (int path = ADMISSION_DHCP; path <= ADMISSION_TFTP; path++) {
			struct admission_request request = {
				.path = (enum admission_path)path,
				.source = {.address = ip(sources[i]), .port = 4011},
			};

			assert_int_equal(admission_decide(&policy, &request), BAD_SOURCE);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subnets_parse),
		cmocka_unit_test(test_a_subnet_contains),
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_the_whole_internet_in_the_list_admits_no_forger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
