/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server against the real kernel, in a network namespace of the test's own: the far ends of two
 * virtual cables are read and written as frames, so that what is held is what a node would see on
 * the wire. Skipped, and said, where no namespace can be had.
 */
#include "tests/unit/unit.h"

#include "base/log.h"
#include "core/pe_image.h"
#include "io/clock.h"
#include "io/rtnl.h"
#include "server/dhcp_server.h"
#include "tests/unit/dhcp_case.h"

#include <event2/event.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS	  2000
#define SILENT_MS 100
#define NODE_MAC  "52:54:00:ea:29:a6"

static struct site {
	struct iface_table *interfaces;
	struct event_base *base;
	struct dhcp_server *server;
	int node[2]; /* packet sockets at the far ends of srv0 and srv1 */
} site;

static void sh(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static struct endpoint endpoint_of(const char *address, uint16_t port)
{
	struct endpoint endpoint = {.port = port};

	assert_int_equal(inet_pton(AF_INET, address, &endpoint.address), 1);
	return endpoint;
}

static int open_far_end(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int size = 4 << 20;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static uint16_t ip_checksum(const void *data, size_t len)
{
	const uint8_t *octets = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(octets[i] << 8 | octets[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~(sum + (sum >> 16)));
}

/* Puts a datagram on the wire as a node's firmware does. */
static void node_send(
	int fd, struct endpoint source, struct endpoint destination, struct bytes payload)
{
	uint8_t frame[2048];
	struct ethhdr ethernet = {.h_proto = htons(ETH_P_IP)};
	struct udphdr udp = {.source = htons(source.port),
		.dest = htons(destination.port),
		.len = htons((uint16_t)(sizeof(udp) + payload.len))};
	struct iphdr ip = {.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons((uint16_t)(sizeof(ip) + sizeof(udp) + payload.len)),
		.saddr = source.address.s_addr,
		.daddr = destination.address.s_addr};
	size_t len = 0;

	memset(ethernet.h_dest, 0xff, sizeof(ethernet.h_dest));
	memcpy(ethernet.h_source, "\x52\x54\x00\xea\x29\xa6", sizeof(ethernet.h_source));
	if (destination.address.s_addr != INADDR_BROADCAST)
		memcpy(ethernet.h_dest, "\x02\x00\x00\x00\x00\x01", sizeof(ethernet.h_dest));
	ip.check = ip_checksum(&ip, sizeof(ip));
	memcpy(frame, &ethernet, sizeof(ethernet));
	memcpy(frame + (len += sizeof(ethernet)), &ip, sizeof(ip));
	memcpy(frame + (len += sizeof(ip)), &udp, sizeof(udp));
	memcpy(frame + (len += sizeof(udp)), payload.data, payload.len);
	len += payload.len;
	assert_int_equal(send(fd, frame, len, 0), (ssize_t)len);
}

/* A frame of ours as the node sees it. */
struct seen {
	uint8_t destination_mac[6];
	struct endpoint source, destination;
	uint8_t payload[1500];
	size_t len;
};

static bool node_receive(int fd, struct seen *ret_seen)
{
	uint8_t frame[2048];
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	struct iphdr ip;
	struct udphdr udp;
	ssize_t len;

	while ((len = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &from_len))
		> 0) {
		if (from.sll_pkttype == PACKET_OUTGOING || frame[23] != IPPROTO_UDP)
			continue;
		memcpy(ret_seen->destination_mac, frame, 6);
		memcpy(&ip, frame + sizeof(struct ethhdr), sizeof(ip));
		memcpy(&udp, frame + sizeof(struct ethhdr) + sizeof(ip), sizeof(udp));
		ret_seen->source = (struct endpoint){{ip.saddr}, ntohs(udp.source)};
		ret_seen->destination = (struct endpoint){{ip.daddr}, ntohs(udp.dest)};
		ret_seen->len = ntohs(udp.len) - sizeof(udp);
		memcpy(ret_seen->payload, frame + sizeof(struct ethhdr) + sizeof(ip) + sizeof(udp),
			ret_seen->len);
		return true;
	}
	return false;
}

/* Runs the loop until the node saw something or the time is over. */
static bool node_wait(int fd, uint64_t wait_ms, struct seen *ret_seen)
{
	uint64_t deadline_ms = clock_now_ms() + wait_ms;

	while (clock_now_ms() < deadline_ms) {
		event_base_loop(site.base, EVLOOP_NONBLOCK);
		if (node_receive(fd, ret_seen))
			return true;
		usleep(1000);
	}
	return false;
}

static void assert_endpoint(struct endpoint actual, const char *address, uint16_t port)
{
	char text[ENDPOINT_TEXT_MAX], expected[ENDPOINT_TEXT_MAX];

	snprintf(expected, sizeof(expected), "%s:%u", address, port);
	assert_string_equal(endpoint_format(actual, text), expected);
}

static void assert_type(const struct seen *seen, enum dhcp_type type, const char *siaddr)
{
	struct dhcp_message message;

	assert_int_equal(dhcp_message_parse(bytes_of(seen->payload, seen->len), &message), DHCP_OK);
	assert_int_equal(message.type, type);
	assert_int_equal(message.siaddr.s_addr, endpoint_of(siaddr, 0).address.s_addr);
}

static void test_offers_go_out_where_the_question_came_in(void **state)
{
	static const char *const ours[] = {"10.77.0.3", "10.78.0.3"};
	struct dhcp_case datagram;
	struct bytes discover = dhcp_case_load(&datagram, "ovmf-x64-discover");

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct seen seen;

		node_send(site.node[i], endpoint_of("0.0.0.0", 68),
			endpoint_of("255.255.255.255", 67), discover);
		assert_true(node_wait(site.node[i], WAIT_MS, &seen));
		assert_memory_equal(seen.destination_mac, "\xff\xff\xff\xff\xff\xff", 6);
		assert_endpoint(seen.source, ours[i], 67);
		assert_endpoint(seen.destination, "255.255.255.255", 68);
		assert_type(&seen, DHCP_OFFER, ours[i]);
		assert_false(node_wait(site.node[!i], SILENT_MS, &seen));
	}
}

static void test_acks_leave_from_4011_to_where_they_were_asked_from(void **state)
{
	static const struct {
		const char *request, *client, *ours;
		uint16_t port;
	} cases[] = {
		{"ovmf-x64-request-4011", "10.77.0.10", "10.77.0.3", 4011},
		{"ipxe-x64-request-4011", "10.77.0.10", "10.77.0.3", 68},
		/* The second network of the same cable. */
		{"ovmf-x64-request-4011", "10.79.0.10", "10.79.0.3", 4011},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct endpoint client = endpoint_of(cases[i].client, cases[i].port);
		struct dhcp_case datagram;
		struct bytes request = dhcp_case_load(&datagram, cases[i].request);
		struct seen seen;

		memcpy(datagram.data + 12, &client.address, 4);
		node_send(site.node[0], client, endpoint_of(cases[i].ours, 4011), request);
		assert_true(node_wait(site.node[0], WAIT_MS, &seen));
		assert_endpoint(seen.source, cases[i].ours, 4011);
		assert_endpoint(seen.destination, cases[i].client, cases[i].port);
		assert_memory_equal(seen.destination_mac, "\x52\x54\x00\xea\x29\xa6", 6);
		assert_type(&seen, DHCP_ACK, cases[i].ours);
	}
}

/* Whatever the routes say: 10.88.0.1 is behind srv0, and our first address there is 10.77.0.3. */
static void test_a_relay_is_answered_on_its_way_and_from_the_address_it_asked(void **state)
{
	static const struct {
		int node;
		const char *ours;
	} cases[] = {{0, "10.77.0.3"}, {0, "10.79.0.3"}, {1, "10.78.0.3"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dhcp_case datagram;
		struct bytes relayed = dhcp_case_load(&datagram, "D30-relay-info");
		struct seen seen;

		node_send(site.node[cases[i].node], endpoint_of("10.88.0.1", 67),
			endpoint_of(cases[i].ours, 67), relayed);
		assert_true(node_wait(site.node[cases[i].node], WAIT_MS, &seen));
		assert_endpoint(seen.source, cases[i].ours, 67);
		assert_endpoint(seen.destination, "10.88.0.1", 67);
		assert_type(&seen, DHCP_OFFER, cases[i].ours);
	}
}

static void test_silence(void **state)
{
	static const struct {
		const char *request, *from, *to;
		uint16_t from_port, to_port;
	} cases[] = {
		{"site-offer", "10.77.0.2", "255.255.255.255", 67, 67},
		{"ovmf-x64-request", "0.0.0.0", "255.255.255.255", 68, 67},
		{"ovmf-ia32-discover", "0.0.0.0", "255.255.255.255", 68, 67},
		{"D05-cookie", "0.0.0.0", "255.255.255.255", 68, 67},
		{"D39-1501", "0.0.0.0", "255.255.255.255", 68, 67},
		{"D29-giaddr-unlisted", "10.88.0.1", "10.77.0.3", 67, 67},
		/* From a foreign network, claiming an address of it. */
		{"ovmf-x64-request-4011", "10.66.0.10", "10.77.0.3", 4011, 4011},
		/* D33: another server's port. */
		{"ovmf-x64-request-4011", "10.77.0.10", "10.77.0.3", 53, 4011},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dhcp_case datagram;
		struct bytes request = dhcp_case_load(&datagram, cases[i].request);
		struct endpoint from = endpoint_of(cases[i].from, cases[i].from_port);
		struct seen seen;

		if (cases[i].to_port == 4011)
			memcpy(datagram.data + 12, &from.address, 4);
		node_send(site.node[0], from, endpoint_of(cases[i].to, cases[i].to_port), request);
		if (node_wait(site.node[0], SILENT_MS, &seen) || node_receive(site.node[1], &seen))
			fail_msg("%s was answered", cases[i].request);
	}
}

/* What a probe on the appliance itself sees: D34's exception. */
static void test_this_host_may_ask_too(void **state)
{
	struct dhcp_case datagram;
	struct bytes request = dhcp_case_load(&datagram, "ovmf-x64-request-4011");
	struct endpoint ours = endpoint_of("10.77.0.3", 4011);
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(4011), .sin_addr = ours.address};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = ours.address};
	uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	uint8_t reply[1500];
	ssize_t len = -1;

	(void)state;
	memcpy(datagram.data + 12, &ours.address, 4);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(
		sendto(fd, request.data, request.len, 0, (struct sockaddr *)&to, sizeof(to)),
		(ssize_t)request.len);
	while (len < 0 && clock_now_ms() < deadline_ms) {
		event_base_loop(site.base, EVLOOP_NONBLOCK);
		len = recv(fd, reply, sizeof(reply), 0);
		usleep(1000);
	}
	assert_int_equal(len, 300);
	close(fd);
}

/* Sends `count` DISCOVERs, each from another client when `many`, and counts the answers. */
static unsigned flood(unsigned count, bool many, uint64_t *ret_elapsed_ms)
{
	struct dhcp_case datagram;
	struct bytes discover = dhcp_case_load(&datagram, "ovmf-x64-discover");
	uint64_t started_ms = clock_now_ms();
	unsigned answers = 0;
	struct seen seen;

	for (unsigned i = 0; i < count; i++) {
		if (many)
			memcpy(datagram.data + 30, &i, sizeof(i));
		node_send(site.node[0], endpoint_of("0.0.0.0", 68),
			endpoint_of("255.255.255.255", 67), discover);
		event_base_loop(site.base, EVLOOP_NONBLOCK);
		while (node_receive(site.node[0], &seen))
			answers++;
	}
	while (node_wait(site.node[0], SILENT_MS, &seen))
		answers++;
	*ret_elapsed_ms = clock_now_ms() - started_ms;
	return answers;
}

static void test_D40_a_flood_is_answered_at_a_bounded_rate(void **state)
{
	uint64_t elapsed_ms;
	unsigned answers;

	(void)state;
	answers = flood(200, false, &elapsed_ms);
	assert_in_range(answers, 1, 20 + elapsed_ms / 100 + 1);

	answers = flood(10000, true, &elapsed_ms);
	assert_in_range(answers, 100, 500 + elapsed_ms / 2 + 1);
}

static int set_up(void **state)
{
	static struct admission_subnet relays[1];
	const struct admission_policy admission = {.relays = relays, .n_relays = 1};
	const struct proxydhcp_policy policy = {
		.boot_file = "signed_ipxe.efi", .machine = PE_MACHINE_X64};
	struct rtnl *rtnl;

	(void)state;
	sh("ip link set lo up");
	sh("ip link add srv0 type veth peer name node0 && ip link add srv1 type veth peer name node1");
	sh("ip link set srv0 address 02:00:00:00:00:01 && ip link set srv1 address 02:00:00:00:00:01");
	sh("for i in 0 1; do ip addr add 10.7$((7 + i)).0.3/24 brd + dev srv$i &&"
	   " ip link set srv$i mtu 4000 up && ip link set node$i mtu 4000 up; done");
	sh("ip addr add 10.79.0.3/24 dev srv0");
	sh("ip route add default via 10.78.0.1");
	sh("ip route add 10.88.0.0/16 via 10.77.0.1");
	sh("ip neigh add 10.78.0.1 lladdr " NODE_MAC " dev srv1 nud permanent");
	sh("for c in all srv0 srv1; do echo 0 >/proc/sys/net/ipv4/conf/$c/rp_filter; done");
	sh("for n in 10.77.0.10 10.79.0.10 10.77.0.1 10.66.0.10; do"
	   " ip neigh add $n lladdr " NODE_MAC " dev srv0 nud permanent; done");
	log_set_level(LOG_ERR);
	assert_int_equal(admission_subnets_parse("10.88.0.1", relays, 1), 1);
	site.interfaces = iface_table_new(&(struct iface_policy){.patterns = "srv*"});
	assert_int_equal(rtnl_open(&rtnl), 0);
	assert_int_equal(rtnl_load(rtnl, site.interfaces), 0);
	rtnl_close(rtnl);
	site.base = event_base_new();
	site.node[0] = open_far_end("node0");
	site.node[1] = open_far_end("node1");
	assert_int_equal(dhcp_server_new(site.interfaces, &site.server), 0);
	dhcp_server_set_policy(site.server, &policy, &admission);
	assert_int_equal(dhcp_server_start(site.server, site.base), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dhcp_server_free(site.server);
	event_base_free(site.base);
	iface_table_free(site.interfaces);
	close(site.node[0]);
	close(site.node[1]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers_go_out_where_the_question_came_in),
		cmocka_unit_test(test_acks_leave_from_4011_to_where_they_were_asked_from),
		cmocka_unit_test(test_a_relay_is_answered_on_its_way_and_from_the_address_it_asked),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_this_host_may_ask_too),
		cmocka_unit_test(test_D40_a_flood_is_answered_at_a_bounded_rate),
	};

	if (system("ip -V >/dev/null 2>&1") != 0 || unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: needs root and ip(8)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
