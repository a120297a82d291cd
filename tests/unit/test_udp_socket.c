/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "io/udp_socket.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct in_addr loopback = {.s_addr = 0x0100007f}; /* as on the wire: 127.0.0.1 */
static uint8_t buffer[65536];

static int listen_any(uint16_t *ret_port)
{
	int fd = udp_socket_listen(0);

	assert_true(fd >= 0);
	*ret_port = (uint16_t)udp_socket_port(fd);
	return fd;
}

static int receive(int fd, size_t size, struct udp_datagram *ret_datagram)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	poll(&wait, 1, 1000);
	return udp_socket_receive(fd, buffer, size, ret_datagram);
}

static void test_a_datagram_says_where_it_came_in(void **state)
{
	struct udp_port_range any = {0};
	struct udp_datagram got;
	uint16_t port;
	int server = listen_any(&port);
	int client = udp_socket_connect(
		loopback, &any, (struct endpoint){.address = {htonl(0x7f000002)}, .port = port});

	(void)state;
	assert_int_equal(udp_socket_receive(server, buffer, sizeof(buffer), &got), -EAGAIN);
	assert_int_equal(udp_socket_send(client, NULL, bytes_of_string("hello")), 0);
	assert_int_equal(receive(server, sizeof(buffer), &got), 0);
	assert_true(bytes_equal(got.payload, bytes_of_string("hello")));
	assert_int_equal(got.source.address.s_addr, loopback.s_addr);
	assert_int_equal(got.source.port, udp_socket_port(client));
	assert_int_equal(got.local.s_addr, htonl(0x7f000002));
	assert_int_equal(got.ifindex, if_nametoindex("lo"));
	assert_true(got.unicast);
	assert_false(got.truncated);
	assert_int_equal(udp_socket_send(client, NULL, bytes_of_string("too long")), 0);
	assert_int_equal(receive(server, 4, &got), 0);
	assert_true(got.truncated);
	assert_int_equal(got.payload.len, 4);
	close(client);
	close(server);
}

static void test_a_broadcast_is_no_unicast(void **state)
{
	struct udp_datagram got;
	uint16_t port;
	int server = listen_any(&port);
	struct udp_path path = {
		.local = loopback, .peer = {.address = {htonl(0x7fffffff)}, .port = port}};

	(void)state;
	assert_int_equal(udp_socket_send(server, &path, bytes_of_string("all")), 0);
	assert_int_equal(receive(server, sizeof(buffer), &got), 0);
	assert_int_equal(got.local.s_addr, htonl(0x7fffffff));
	assert_false(got.unicast);
	close(server);
}

static void test_an_answer_leaves_from_the_address_asked(void **state)
{
	struct udp_datagram got;
	uint16_t port, client_port;
	int server = listen_any(&port), client = listen_any(&client_port);
	struct udp_path path = {
		.local = {htonl(0x7f000007)}, .peer = {.address = loopback, .port = client_port}};

	(void)state;
	assert_int_equal(udp_socket_send(server, &path, bytes_of_string("x")), 0);
	assert_int_equal(receive(client, sizeof(buffer), &got), 0);
	assert_int_equal(got.source.address.s_addr, htonl(0x7f000007));
	assert_int_equal(got.source.port, port);
	close(client);
	close(server);
}

static void test_ports_of_a_range_are_taken_in_turn(void **state)
{
	struct endpoint peer = {.address = loopback, .port = 9};
	uint16_t base = (uint16_t)(20000 + getpid() % 10000);
	struct udp_port_range range = {.first = base, .last = (uint16_t)(base + 2)};
	int sockets[3], ports[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		sockets[i] = udp_socket_connect(loopback, &range, peer);
		assert_true(sockets[i] >= 0);
		ports[i] = udp_socket_port(sockets[i]);
		assert_in_range(ports[i], range.first, range.last);
	}
	assert_int_equal(udp_socket_connect(loopback, &range, peer), -EADDRINUSE);
	close(sockets[1]);
	sockets[1] = udp_socket_connect(loopback, &range, peer);
	assert_int_equal(udp_socket_port(sockets[1]), ports[1]);
	for (int i = 0; i < 3; i++)
		close(sockets[i]);
}

static void test_an_absent_peer_is_an_error(void **state)
{
	struct udp_port_range any = {0};
	struct udp_datagram got;
	uint16_t port;
	int server = listen_any(&port);
	int client = udp_socket_connect(
		loopback, &any, (struct endpoint){.address = loopback, .port = port});

	(void)state;
	close(server);
	assert_int_equal(udp_socket_send(client, NULL, bytes_of_string("x")), 0);
	assert_int_equal(receive(client, sizeof(buffer), &got), -ECONNREFUSED);
	close(client);
}

/* Sends packets of these sizes and expects them in order and whole at the other end. */
static void burst(const size_t *sizes, size_t n, bool *gso)
{
	static uint8_t content[65536];
	struct udp_port_range any = {0};
	struct udp_packet packets[200];
	uint8_t headers[200][4];
	struct udp_datagram got;
	uint16_t port;
	int server = listen_any(&port);
	int client = udp_socket_connect(
		loopback, &any, (struct endpoint){.address = loopback, .port = port});

	setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &(int){8 << 20}, sizeof(int));
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < n; i++) {
		memset(headers[i], (int)i, 4);
		packets[i] = (struct udp_packet){
			.header = bytes_of(headers[i], 4),
			.payload = bytes_of(content + i, sizes[i]),
		};
	}
	assert_int_equal(udp_socket_burst(client, NULL, packets, n, gso), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(receive(server, sizeof(buffer), &got), 0);
		assert_int_equal(got.payload.len, 4 + sizes[i]);
		assert_memory_equal(got.payload.data, headers[i], 4);
		assert_memory_equal(got.payload.data + 4, content + i, sizes[i]);
	}
	assert_int_equal(udp_socket_receive(server, buffer, sizeof(buffer), &got), -EAGAIN);
	close(client);
	close(server);
}

static void test_bursts_arrive_whole_and_in_order(void **state)
{
	static const size_t window[] = {1468, 1468, 1468, 1468}, tail[] = {512, 512, 0},
			    grows[] = {10, 1000, 1000, 3, 1468}, one[] = {0},
			    huge[] = {40000, 40000, 40000, 9};
	size_t many[150];
	bool gso;

	(void)state;
	for (size_t i = 0; i < 150; i++)
		many[i] = 100;
	for (int with_gso = 0; with_gso < 2; with_gso++) {
		gso = with_gso;
		burst(window, 4, &gso);
		burst(tail, 3, &gso);
		burst(grows, 5, &gso);
		burst(one, 1, &gso);
		burst(huge, 4, &gso);
		burst(many, 150, &gso);
	}
}

/* Segmentation needs checksums (udp_send_skb); without them the kernel says EINVAL. */
static void test_falls_back_when_the_kernel_will_not_segment(void **state)
{
	struct udp_port_range any = {0};
	struct udp_packet packets[2];
	struct udp_datagram got;
	uint16_t port;
	bool gso = true;
	int server = listen_any(&port);
	int client = udp_socket_connect(
		loopback, &any, (struct endpoint){.address = loopback, .port = port});

	(void)state;
	for (int i = 0; i < 2; i++)
		packets[i] = (struct udp_packet){.header = bytes_of_string("12")};
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_NO_CHECK, &(int){1}, sizeof(int)), 0);
	assert_int_equal(udp_socket_burst(client, NULL, packets, 2, &gso), 0);
	assert_false(gso);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(receive(server, sizeof(buffer), &got), 0);
		assert_int_equal(got.payload.len, 2);
	}
	assert_int_equal(udp_socket_receive(server, buffer, sizeof(buffer), &got), -EAGAIN);
	close(client);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_datagram_says_where_it_came_in),
		cmocka_unit_test(test_a_broadcast_is_no_unicast),
		cmocka_unit_test(test_an_answer_leaves_from_the_address_asked),
		cmocka_unit_test(test_ports_of_a_range_are_taken_in_turn),
		cmocka_unit_test(test_an_absent_peer_is_an_error),
		cmocka_unit_test(test_bursts_arrive_whole_and_in_order),
		cmocka_unit_test(test_falls_back_when_the_kernel_will_not_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
