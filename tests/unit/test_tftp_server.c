/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server on the loopback, with clients led by hand. Numbers T2… are the cases of malformed
 * input that a TFTP server for PXE has to stand.
 */
#include "tests/unit/unit.h"

#include "base/log.h"
#include "io/clock.h"
#include "io/udp_socket.h"
#include "server/tftp_server.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>

#define FILE_SIZE 60000

static struct event_base *base;
static struct iface_table *interfaces;
static struct catalog *catalog;
static struct tftp_server *server;
static struct tftp_server_policy policy;
static const struct admission_policy admission;
static uint16_t server_port;
static bool drained;

static struct in_addr loopback(unsigned host)
{
	return (struct in_addr){.s_addr = htonl(0x7f000000 + host)};
}

static struct artifact *script_of(size_t size, char filling)
{
	char reason[ARTIFACT_REASON_MAX];
	uint8_t *data = malloc(size);
	struct artifact *artifact;

	memset(data, filling, size);
	memcpy(data, "#!ipxe\n", 7);
	artifact = artifact_new_script(data, size, reason);
	assert_non_null(artifact);
	return artifact;
}

static void publish(const char *name, size_t size, char filling)
{
	struct artifact *artifact = script_of(size, filling);

	assert_int_equal(catalog_publish(catalog, name, artifact), 0);
	artifact_unref(artifact);
}

static int setup(void **state)
{
	static const struct iface_policy only_loopback = {.patterns = "lo"};
	struct iface_change link = {.kind = IFACE_LINK,
		.index = 1,
		.name = "lo",
		.flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK,
		.mtu = 1500};
	struct iface_change address = {
		.kind = IFACE_ADDRESS, .index = 1, .address = loopback(1), .prefix_len = 8};

	(void)state;
	link.index = address.index = (int)if_nametoindex("lo");
	log_set_level(LOG_ERR);
	base = event_base_new();
	interfaces = iface_table_new(&only_loopback);
	catalog = catalog_new();
	assert_true(iface_table_apply(interfaces, &link) >= 0);
	assert_true(iface_table_apply(interfaces, &address) >= 0);
	publish("signed_ipxe.efi", FILE_SIZE, 'a');
	server_port = (uint16_t)(20000 + getpid() % 10000);
	while (tftp_server_new(server_port, interfaces, catalog, &server) == -EADDRINUSE)
		server_port++;
	policy = (struct tftp_server_policy){
		.transfer = TFTP_LIMITS_DEFAULT,
		.transfers_max = 20,
		.transfers_per_client_max = 8,
	};
	tftp_server_set_policy(server, &policy, &admission);
	assert_int_equal(tftp_server_start(server, base), 0);
	drained = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tftp_server_free(server);
	catalog_free(catalog);
	iface_table_free(interfaces);
	event_base_free(base);
	return 0;
}

static int client_open(unsigned host)
{
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = loopback(host)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	return fd;
}

static void send_to(int fd, unsigned host, uint16_t port, struct bytes datagram)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr = loopback(host), .sin_port = htons(port)};

	assert_int_equal(
		sendto(fd, datagram.data, datagram.len, 0, (struct sockaddr *)&to, sizeof(to)),
		datagram.len);
}

static uint8_t reply[2048];

/* The next datagram to the client, or an absent one when the server has nothing more to say. */
static struct bytes receive_from(int fd, struct endpoint *ret_source)
{
	struct udp_datagram datagram;
	uint64_t until_ms = clock_now_ms() + 50;

	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (udp_socket_receive(fd, reply, sizeof(reply), &datagram) == 0) {
			*ret_source = datagram.source;
			return datagram.payload;
		}
	} while (clock_now_ms() < until_ms);
	return (struct bytes){0};
}

static struct bytes ask(int fd, struct bytes datagram, struct endpoint *ret_source)
{
	send_to(fd, 1, server_port, datagram);
	return receive_from(fd, ret_source);
}

static bool is_error(struct bytes datagram, enum tftp_error code)
{
	struct tftp_packet packet;

	return tftp_packet_parse(datagram, &packet) == TFTP_OK && packet.opcode == TFTP_ERROR
	       && packet.error.code == code && packet.error.message.len > 0;
}

static bool is_data(struct bytes datagram, uint16_t block, size_t len, char filling)
{
	struct tftp_packet packet;

	if (tftp_packet_parse(datagram, &packet) != TFTP_OK || packet.opcode != TFTP_DATA)
		return false;
	return packet.data.block == block && packet.data.payload.len == len
	       && (len == 0 || packet.data.payload.data[len - 1] == (uint8_t)filling);
}

static const struct bytes plain_request = {
	(const uint8_t *)"\0\1signed_ipxe.efi\0octet", sizeof("\0\1signed_ipxe.efi\0octet")};
static const struct bytes tsize_request = {(const uint8_t *)"\0\1signed_ipxe.efi\0octet\0tsize\0"
							    "0\0blksize\0"
							    "65464",
	sizeof("\0\1signed_ipxe.efi\0octet\0tsize\0"
	       "0\0blksize\0"
	       "65464")};

static void ack(int fd, struct endpoint to, uint16_t block)
{
	uint8_t datagram[4];

	tftp_write_ack(datagram, sizeof(datagram), block);
	send_to(fd, ntohl(to.address.s_addr) & 0xffffff, to.port, bytes_of(datagram, 4));
}

static void test_a_transfer_has_its_own_port_and_the_address_asked(void **state)
{
	int fd = client_open(2);
	struct endpoint source;
	uint16_t block = 0;

	(void)state;
	send_to(fd, 1, server_port, tsize_request);
	assert_true(bytes_equal(receive_from(fd, &source), WIRE("\0\6tsize\0"
								"60000\0blksize\0"
								"1468\0"))); /* the MTU is 1500 */
	assert_int_equal(source.address.s_addr, loopback(1).s_addr);
	assert_int_not_equal(source.port, server_port);
	for (size_t sent = 0; sent < FILE_SIZE; sent += 1468, block++) {
		size_t left = FILE_SIZE - sent;

		ack(fd, source, block);
		assert_true(is_data(receive_from(fd, &source), (uint16_t)(block + 1),
			left < 1468 ? left : 1468, 'a'));
	}
	assert_int_equal(tftp_server_transfers(server), 1);
	ack(fd, source, block);
	assert_null(receive_from(fd, &source).data);
	assert_int_equal(tftp_server_transfers(server), 0);
	close(fd);
}

static void test_the_address_asked_is_part_of_a_transfer(void **state)
{
	struct iface_change second = {
		.kind = IFACE_ADDRESS, .address = loopback(3), .prefix_len = 8};
	int fd = client_open(2);
	struct endpoint source;

	(void)state;
	second.index = (int)if_nametoindex("lo");
	assert_true(iface_table_apply(interfaces, &second) >= 0);
	assert_non_null(ask(fd, plain_request, &source).data);
	assert_int_equal(source.address.s_addr, loopback(1).s_addr);
	send_to(fd, 3, server_port, plain_request);
	assert_non_null(receive_from(fd, &source).data);
	assert_int_equal(source.address.s_addr, loopback(3).s_addr);
	close(fd);
}

static void test_refusals(void **state)
{
	const struct {
		const char *number;
		struct bytes datagram;
		int code; /* -1: silence */
	} cases[] = {
		{"T1", WIRE("\0\1a"), -1},
		{"T2 opcode 0", WIRE("\0\0\0\0"), TFTP_ERROR_ILLEGAL},
		{"T2 OACK",
			WIRE("\0\6tsize\0"
			     "0\0"),
			TFTP_ERROR_ILLEGAL},
		{"T2 opcode 7", WIRE("\0\7\0\0"), TFTP_ERROR_ILLEGAL},
		{"T2 byte-swapped", WIRE("\1\0f\0octet\0"), TFTP_ERROR_ILLEGAL},
		{"T2 DATA", WIRE("\0\3\0\1data"), -1},
		{"T2 ACK", WIRE("\0\4\0\1"), -1},
		{"T2 ERROR", WIRE("\0\5\0\1what\0"), -1},
		{"T3", WIRE("\0\1file"), TFTP_ERROR_ILLEGAL},
		{"T4", WIRE("\0\1file\0octet"), TFTP_ERROR_ILLEGAL},
		{"T5", WIRE("\0\1\0octet\0"), TFTP_ERROR_NOT_FOUND},
		{"T6", WIRE("\0\1signed_ipxe.efi\0netascii\0"), TFTP_ERROR_ILLEGAL},
		{"T7", WIRE("\0\2signed_ipxe.efi\0octet\0"), TFTP_ERROR_ACCESS},
		{"T8 ..", WIRE("\0\1../../etc/passwd\0octet\0"), TFTP_ERROR_NOT_FOUND},
		{"T8 inside", WIRE("\0\1a/../../b\0octet\0"), TFTP_ERROR_NOT_FOUND},
		{"T8 backslash", WIRE("\0\1..\\..\\x\0octet\0"), TFTP_ERROR_NOT_FOUND},
		{"T8 encoded", WIRE("\0\1%2e%2e/\0octet\0"), TFTP_ERROR_NOT_FOUND},
		{"T8 absolute", WIRE("\0\1/etc/passwd\0octet\0"), TFTP_ERROR_NOT_FOUND},
		{"T9 hostile", WIRE("\0\1\x1b[2J\xff\n\0octet\0"), TFTP_ERROR_NOT_FOUND},
		{"T9 directory", WIRE("\0\1signed_ipxe.efi/\0octet\0"), TFTP_ERROR_NOT_FOUND},
	};
	struct endpoint source;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = client_open((unsigned)(10 + i));
		struct bytes answer = ask(fd, cases[i].datagram, &source);

		if (cases[i].code < 0 ? answer.data != NULL
				      : !is_error(answer, (enum tftp_error)cases[i].code)
						|| source.port != server_port)
			fail_msg("%s", cases[i].number);
		close(fd);
	}
	assert_int_equal(tftp_server_transfers(server), 0);
}

static void test_errors_to_one_address_are_rationed(void **state)
{
	int fd = client_open(2);
	struct endpoint source;
	unsigned answers = 0;

	(void)state;
	for (int i = 0; i < 60; i++)
		send_to(fd, 1, server_port, WIRE("\0\1nothing\0octet\0"));
	while (receive_from(fd, &source).data)
		answers++;
	assert_in_range(answers, 20, 30);
	close(fd);
}

static void test_t17_a_stranger_gets_nowhere(void **state)
{
	int fd = client_open(2), other_port = client_open(2), other_host = client_open(3);
	struct endpoint source, ignored;

	(void)state;
	assert_true(is_data(ask(fd, plain_request, &source), 1, 512, 'a'));
	ack(other_port, source, 1);
	ack(other_host, source, 1);
	assert_null(receive_from(fd, &ignored).data);
	assert_null(receive_from(other_host, &ignored).data);
	ack(fd, source, 1);
	assert_true(is_data(receive_from(fd, &source), 2, 512, 'a'));
	close(fd);
	close(other_port);
	close(other_host);
}

static void test_t17_single_port_tells_strangers(void **state)
{
	int fd = client_open(2), other_port = client_open(2), other_host = client_open(3);
	struct endpoint source, ignored;

	(void)state;
	policy.single_port = true;
	tftp_server_set_policy(server, &policy, &admission);
	assert_true(is_data(ask(fd, plain_request, &source), 1, 512, 'a'));
	assert_int_equal(source.port, server_port);
	ack(other_port, source, 1);
	assert_true(is_error(receive_from(other_port, &ignored), TFTP_ERROR_UNKNOWN_TID));
	ack(other_host, source, 1);
	assert_true(is_error(receive_from(other_host, &ignored), TFTP_ERROR_UNKNOWN_TID));
	ack(fd, source, 1);
	assert_true(is_data(receive_from(fd, &source), 2, 512, 'a'));
	send_to(fd, 1, server_port, WIRE("\0\5\0\0bye\0"));
	assert_null(receive_from(fd, &ignored).data);
	assert_int_equal(tftp_server_transfers(server), 0);
	close(fd);
	close(other_port);
	close(other_host);
}

static void test_a_reload_to_single_port_leaves_transfers_where_they_are(void **state)
{
	int fd = client_open(2);
	struct endpoint source;

	(void)state;
	assert_true(is_data(ask(fd, plain_request, &source), 1, 512, 'a'));
	policy.single_port = true;
	policy.transfer.window_max = 1;
	tftp_server_set_policy(server, &policy, &admission);
	ack(fd, source, 1);
	assert_true(is_data(receive_from(fd, &source), 2, 512, 'a'));
	assert_int_not_equal(source.port, server_port);
	close(fd);
}

static void test_t25_repeated_and_replaced(void **state)
{
	int fd = client_open(2);
	struct endpoint first, again;

	(void)state;
	publish("other", 100, 'o');
	ask(fd, tsize_request, &first);
	assert_int_equal(ask(fd, tsize_request, &again).data[1], TFTP_OACK);
	assert_int_equal(again.port, first.port);
	assert_int_equal(tftp_server_transfers(server), 1);
	ack(fd, first, 0);
	assert_true(is_data(receive_from(fd, &again), 1, 1468, 'a'));
	assert_int_equal(ask(fd, tsize_request, &again).data[1], TFTP_OACK);
	assert_int_not_equal(again.port, first.port);
	assert_int_equal(tftp_server_transfers(server), 1);
	assert_true(is_data(ask(fd, WIRE("\0\1other\0octet\0"), &again), 1, 100, 'o'));
	assert_int_equal(tftp_server_transfers(server), 1);
	close(fd);
}

static void test_t27_nobody_listens_any_more(void **state)
{
	int fd = client_open(2), other = client_open(3);
	struct endpoint source;

	(void)state;
	ask(fd, plain_request, &source);
	ack(fd, source, 1);
	close(fd);
	assert_null(receive_from(other, &source).data);
	assert_int_equal(tftp_server_transfers(server), 0);
	close(other);
}

static void test_t29_what_was_begun_is_finished(void **state)
{
	int fd = client_open(2), late = client_open(3);
	struct endpoint source, other;

	(void)state;
	assert_true(is_data(ask(fd, plain_request, &source), 1, 512, 'a'));
	publish("signed_ipxe.efi", 600, 'b');
	assert_true(is_data(ask(late, plain_request, &other), 1, 512, 'b'));
	ack(fd, source, 1);
	assert_true(is_data(receive_from(fd, &source), 2, 512, 'a'));
	assert_int_equal(catalog_publish(catalog, "signed_ipxe.efi", NULL), 0);
	ack(late, other, 1);
	assert_true(is_data(receive_from(late, &other), 2, 88, 'b'));
	close(fd);
	close(late);
}

static void test_t30_caps(void **state)
{
	int sockets[21];
	struct endpoint source;

	(void)state;
	for (int i = 0; i < 8; i++) {
		sockets[i] = client_open(2);
		assert_true(is_data(ask(sockets[i], plain_request, &source), 1, 512, 'a'));
	}
	sockets[8] = client_open(2);
	assert_true(is_error(ask(sockets[8], plain_request, &source), TFTP_ERROR_UNDEFINED));
	close(sockets[8]);
	for (unsigned i = 8; i < 20; i++) {
		sockets[i] = client_open(2 + i);
		assert_true(is_data(ask(sockets[i], plain_request, &source), 1, 512, 'a'));
	}
	sockets[20] = client_open(100);
	assert_true(is_error(ask(sockets[20], plain_request, &source), TFTP_ERROR_UNDEFINED));
	assert_int_equal(tftp_server_transfers(server), 20);
	/* Room again as soon as one is gone. */
	send_to(sockets[0], 1, server_port, plain_request);
	receive_from(sockets[0], &source);
	send_to(sockets[0], 1, source.port, WIRE("\0\5\0\0bye\0"));
	receive_from(sockets[0], &source);
	assert_true(is_data(ask(sockets[20], plain_request, &source), 1, 512, 'a'));
	for (int i = 0; i < 21; i++)
		close(sockets[i]);
}

static void test_ports_of_the_range_alone(void **state)
{
	int sockets[4];
	struct endpoint source;

	(void)state;
	policy.port_first = (uint16_t)(server_port + 1000);
	policy.port_last = (uint16_t)(server_port + 1002);
	tftp_server_set_policy(server, &policy, &admission);
	for (int i = 0; i < 3; i++) {
		sockets[i] = client_open(2);
		assert_true(is_data(ask(sockets[i], plain_request, &source), 1, 512, 'a'));
		assert_in_range(source.port, policy.port_first, policy.port_last);
	}
	sockets[3] = client_open(2);
	assert_true(is_error(ask(sockets[3], plain_request, &source), TFTP_ERROR_UNDEFINED));
	for (int i = 0; i < 4; i++)
		close(sockets[i]);
}

static void test_t31_a_broadcast_is_ignored(void **state)
{
	int fd = client_open(2);
	struct endpoint source;

	(void)state;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int)), 0);
	send_to(fd, 0xffffff, server_port, plain_request);
	assert_null(receive_from(fd, &source).data);
	assert_int_equal(tftp_server_transfers(server), 0);
	close(fd);
}

static void test_t32_where_we_do_not_serve(void **state)
{
	struct iface_change gone = {.kind = IFACE_LINK_GONE, .index = (int)if_nametoindex("lo")};
	int fd = client_open(2);
	struct endpoint source;

	(void)state;
	assert_true(iface_table_apply(interfaces, &gone) >= 0);
	assert_null(ask(fd, plain_request, &source).data);
	close(fd);
}

static void test_t32_whom_we_do_not_serve(void **state)
{
	struct iface_change address = {.kind = IFACE_ADDRESS_GONE,
		.index = (int)if_nametoindex("lo"),
		.address = loopback(1),
		.prefix_len = 8};
	int near = client_open(2), far = client_open(100);
	struct endpoint source;

	(void)state;
	assert_true(iface_table_apply(interfaces, &address) >= 0);
	address.kind = IFACE_ADDRESS;
	address.prefix_len = 30;
	assert_true(iface_table_apply(interfaces, &address) >= 0);
	assert_null(ask(far, plain_request, &source).data);
	assert_true(is_data(ask(near, plain_request, &source), 1, 512, 'a'));
	close(near);
	close(far);
}

static void on_drained(void *context)
{
	*(bool *)context = true;
}

static void test_draining(void **state)
{
	int fd = client_open(2), late = client_open(3);
	struct endpoint source, other;

	(void)state;
	publish("short", 600, 's');
	ask(fd, WIRE("\0\1short\0octet\0"), &source);
	tftp_server_drain(server, on_drained, &drained);
	assert_true(is_error(ask(late, plain_request, &other), TFTP_ERROR_UNDEFINED));
	ack(fd, source, 1);
	assert_true(is_data(receive_from(fd, &source), 2, 88, 's'));
	assert_false(drained);
	ack(fd, source, 2);
	receive_from(fd, &other);
	assert_true(drained);
	close(fd);
	close(late);
}

static void test_drained_at_once_when_idle(void **state)
{
	(void)state;
	tftp_server_drain(server, on_drained, &drained);
	assert_true(drained);
}

#define SERVER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_a_transfer_has_its_own_port_and_the_address_asked),
		SERVER_TEST(test_the_address_asked_is_part_of_a_transfer),
		SERVER_TEST(test_refusals),
		SERVER_TEST(test_errors_to_one_address_are_rationed),
		SERVER_TEST(test_t17_a_stranger_gets_nowhere),
		SERVER_TEST(test_t17_single_port_tells_strangers),
		SERVER_TEST(test_a_reload_to_single_port_leaves_transfers_where_they_are),
		SERVER_TEST(test_t25_repeated_and_replaced),
		SERVER_TEST(test_t27_nobody_listens_any_more),
		SERVER_TEST(test_t29_what_was_begun_is_finished),
		SERVER_TEST(test_t30_caps),
		SERVER_TEST(test_ports_of_the_range_alone),
		SERVER_TEST(test_t31_a_broadcast_is_ignored),
		SERVER_TEST(test_t32_where_we_do_not_serve),
		SERVER_TEST(test_t32_whom_we_do_not_serve),
		SERVER_TEST(test_draining),
		SERVER_TEST(test_drained_at_once_when_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
