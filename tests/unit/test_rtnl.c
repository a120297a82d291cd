/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Against the real kernel, in a network namespace of the test's own, which goes with the process.
 * Links are made by ip(8). Skipped, and said, where no namespace can be had.
 */
#include "tests/unit/unit.h"

#include "io/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SETTLE_MS 2000

static void sh(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

struct follower {
	struct iface_table *table;
	struct rtnl *rtnl;
};

static struct follower follower_new(const char *patterns)
{
	struct follower follower;

	follower.table = iface_table_new(&(struct iface_policy){.patterns = patterns});
	assert_non_null(follower.table);
	assert_int_equal(rtnl_open(&follower.rtnl), 0);
	return follower;
}

static void follower_free(struct follower *follower)
{
	rtnl_close(follower->rtnl);
	iface_table_free(follower->table);
}

/* "veth0=10.0.0.1 veth2=10.0.0.3": what is served. */
static const char *served(const struct follower *follower)
{
	static char text[4096];
	char address[INET_ADDRSTRLEN];
	struct iface iface;
	size_t position = 0;
	size_t len = 0;

	text[0] = '\0';
	while (iface_table_next_served(follower->table, &position, &iface)) {
		inet_ntop(AF_INET, &iface.address, address, sizeof(address));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%s",
			len > 0 ? " " : "", iface.name, address);
		assert_true(len < sizeof(text));
	}
	return text;
}

/* Follows until what is served is as expected; carrier changes take the kernel a moment. */
static void expect_served(struct follower *follower, const char *expected)
{
	struct pollfd watched = {.fd = rtnl_fd(follower->rtnl), .events = POLLIN};

	while (strcmp(served(follower), expected) != 0) {
		int ready = poll(&watched, 1, SETTLE_MS);

		if (ready <= 0)
			fail_msg("served: \"%s\", expected: \"%s\"", served(follower), expected);
		assert_true(rtnl_update(follower->rtnl, follower->table) >= 0);
	}
}

static int setup(void **state)
{
	(void)state;
	sh("ip link add veth0 type veth peer name peer0");
	sh("ip link set peer0 up && ip link set veth0 mtu 1400 up");
	sh("ip addr add 10.0.0.1/24 dev veth0");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sh("ip link del veth0");
	return 0;
}

static void test_loads_what_is_there(void **state)
{
	struct follower follower = follower_new("veth*");
	struct iface iface;
	size_t position = 0;

	(void)state;
	assert_int_equal(rtnl_load(follower.rtnl, follower.table), 0);
	expect_served(&follower, "veth0=10.0.0.1");
	assert_true(iface_table_next_served(follower.table, &position, &iface));
	assert_int_equal(iface.mtu, 1400);
	assert_int_equal(iface.index, if_nametoindex("veth0"));
	assert_true(iface_table_owns(follower.table, (struct in_addr){htonl(INADDR_LOOPBACK)}));
	assert_int_equal(rtnl_update(follower.rtnl, follower.table), 0);
	follower_free(&follower);
}

static void test_follows_changes(void **state)
{
	struct follower follower = follower_new("veth*");

	(void)state;
	assert_int_equal(rtnl_load(follower.rtnl, follower.table), 0);
	sh("ip addr add 10.0.1.1/24 dev veth0 && ip addr del 10.0.0.1/24 dev veth0");
	expect_served(&follower, "veth0=10.0.1.1");
	sh("ip link set veth0 down");
	expect_served(&follower, "");
	sh("ip link set veth0 up");
	expect_served(&follower, "veth0=10.0.1.1");
	sh("ip link set peer0 down"); /* the cable */
	expect_served(&follower, "");
	sh("ip link set peer0 up");
	expect_served(&follower, "veth0=10.0.1.1");
	sh("ip link add veth7 type veth peer name peer7 && ip link set peer7 up");
	sh("ip link set veth7 up && ip addr add 10.0.7.1/32 dev veth7");
	expect_served(&follower, "veth0=10.0.1.1 veth7=10.0.7.1");
	sh("ip link set veth7 down && ip link set veth7 name wan7 && ip link set wan7 up");
	expect_served(&follower, "veth0=10.0.1.1");
	sh("ip link del wan7");
	sh("ip addr add 10.0.0.1/24 dev veth0 && ip addr del 10.0.1.1/24 dev veth0");
	expect_served(&follower, "veth0=10.0.0.1");
	follower_free(&follower);
}

static void test_leaving_a_bridge_is_no_end(void **state)
{
	struct follower follower = follower_new("veth*");

	(void)state;
	assert_int_equal(rtnl_load(follower.rtnl, follower.table), 0);
	sh("ip link add br0 type bridge && ip link set veth0 master br0");
	sh("ip link set veth0 nomaster && ip link del br0");
	sh("ip addr add 10.0.9.1/24 dev veth0"); /* comes after all that */
	while (!iface_table_owns(follower.table, (struct in_addr){inet_addr("10.0.9.1")}))
		assert_true(rtnl_update(follower.rtnl, follower.table) >= 0);
	expect_served(&follower, "veth0=10.0.0.1");
	sh("ip addr del 10.0.9.1/24 dev veth0");
	follower_free(&follower);
}

/* Far more changes than the socket holds, unread: the kernel drops most of them and says ENOBUFS.
 * The picture must be whole again, gone links and addresses included. */
static void test_a_full_buffer_ends_in_a_full_dump(void **state)
{
	struct follower follower = follower_new("veth*");
	int smallest = 1;

	(void)state;
	assert_int_equal(rtnl_load(follower.rtnl, follower.table), 0);
	assert_int_equal(setsockopt(rtnl_fd(follower.rtnl), SOL_SOCKET, SO_RCVBUF, &smallest,
				 sizeof(smallest)),
		0);
	sh("ip link add veth5 type veth peer name peer5");
	sh("for n in $(seq 100); do"
	   " echo addr add 10.1.$n.1/24 dev veth0; echo addr del 10.1.$n.1/24 dev veth0;"
	   " echo link set veth5 up; echo link set veth5 down; done | ip -batch -");
	sh("ip link del veth5");
	sh("ip addr add 10.2.0.1/24 dev veth0 && ip addr del 10.0.0.1/24 dev veth0");
	sh("for n in 1 2 3; do ip link add veth1$n type veth peer name peer1$n;"
	   " ip link set peer1$n up; ip link set veth1$n up; ip addr add 10.3.$n.1/24 dev veth1$n;"
	   " done");
	expect_served(&follower, "veth0=10.2.0.1 veth11=10.3.1.1 veth12=10.3.2.1 veth13=10.3.3.1");
	assert_false(iface_table_owns(follower.table, (struct in_addr){inet_addr("10.0.0.1")}));
	assert_false(iface_table_owns(follower.table, (struct in_addr){inet_addr("10.1.100.1")}));
	sh("for n in 1 2 3; do ip link del veth1$n; done");
	sh("ip addr add 10.0.0.1/24 dev veth0 && ip addr del 10.2.0.1/24 dev veth0");
	expect_served(&follower, "veth0=10.0.0.1");
	follower_free(&follower);
}

/* More links than the table holds: those that fit are served, it is told, and the others have their
 * turn when there is room. */
static void test_more_links_than_room(void **state)
{
	struct follower follower = follower_new("veth*");

	(void)state;
	sh("for n in $(seq 1000 1130); do echo link add veth$n type veth peer name peer$n; done"
	   " | ip -batch -");
	assert_int_equal(rtnl_load(follower.rtnl, follower.table), 0);
	assert_true(iface_table_overflowed(follower.table));
	sh("ip link add veth9 type veth peer name peer9 && ip link set peer9 up");
	sh("ip link set veth9 up && ip addr add 10.0.9.1/24 dev veth9");
	assert_true(rtnl_update(follower.rtnl, follower.table) >= 0);
	expect_served(&follower, "veth0=10.0.0.1");
	sh("for n in $(seq 1000 1010); do echo link del veth$n; done | ip -batch -");
	expect_served(&follower, "veth0=10.0.0.1 veth9=10.0.9.1");
	assert_false(iface_table_overflowed(follower.table));
	sh("for n in $(seq 1011 1130); do echo link del veth$n; done | ip -batch -");
	sh("ip link del veth9");
	follower_free(&follower);
}

static bool has_tool(void)
{
	return system("ip -V >/dev/null 2>&1") == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads_what_is_there),
		cmocka_unit_test(test_follows_changes),
		cmocka_unit_test(test_leaving_a_bridge_is_no_end),
		cmocka_unit_test(test_a_full_buffer_ends_in_a_full_dump),
		cmocka_unit_test(test_more_links_than_room),
	};

	if (!has_tool() || unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: needs root and ip(8)\n");
		return 77;
	}
	sh("ip link set lo up");
	return cmocka_run_group_tests(tests, setup, teardown);
}
