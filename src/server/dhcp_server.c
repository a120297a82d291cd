/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shell around proxydhcp: sockets, which interface a message belongs to, what may be answered a
 * second, and one line of log for each decision. It keeps nothing about a client between two
 * messages, so that a flood of made-up clients costs no memory.
 */
#include "server/dhcp_server.h"

#include "io/clock.h"
#include "io/udp_socket.h"
#include "server/log_limited.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/random.h>

#define SOCKET_COUNT  2
#define BATCH_MAX     64 /* datagrams a wake-up, so that the other servers have their turn */
#define CLIENTS_MASK  0x3ff
#define ANSWER_RATE   ((struct token_rate){.interval_ms = 2, .burst = 500})
#define CLIENT_RATE   ((struct token_rate){.interval_ms = 100, .burst = 20})
#define ANSWER_LOGGED ((struct token_rate){.interval_ms = 20, .burst = 1000})
#define SILENT_LOGGED ((struct token_rate){.interval_ms = 3000, .burst = 20})

struct dhcp_socket {
	struct dhcp_server *server;
	uint16_t port;
	int fd;
	struct event *event;
};

struct dhcp_server {
	const struct iface_table *interfaces;
	struct dhcp_socket sockets[SOCKET_COUNT];
	struct proxydhcp_policy policy;
	struct admission_policy admission;
	struct token_bucket answers;
	/* By a keyed hash of the hardware address; who shares a bucket shares its rate. */
	struct token_bucket clients[CLIENTS_MASK + 1];
	uint32_t hash_key;
	struct log_limit answers_logged;
	struct log_limit silences_logged;
	struct log_limit floods_logged;
	struct log_limit errors_logged;
};

/* One message on its way through, for the answer and the log. */
struct dhcp_exchange {
	const struct udp_datagram *datagram;
	struct iface iface;
	struct dhcp_message request;
	struct proxydhcp_ingress ingress;
	struct pxe_client client;
	uint64_t now_ms;
};

/* "peer=52:54:… uuid=… arch=… interface=… address=… source=…" */
static void describe(const struct dhcp_exchange *exchange, char *text, size_t size)
{
	const struct pxe_client *client = &exchange->client;
	char peer[DHCP_HARDWARE_TEXT_MAX], uuid[PXE_UUID_TEXT_MAX] = "none", arch[8];
	char address[INET_ADDRSTRLEN], source[ENDPOINT_TEXT_MAX];

	if (client->uuid.data)
		pxe_uuid_format(client->uuid, uuid);
	snprintf(arch, sizeof(arch), "%u", client->arch_value);
	inet_ntop(AF_INET, &exchange->ingress.endpoint.address, address, sizeof(address));
	snprintf(text, size, "peer=%s uuid=%s arch=%s client=%s interface=%s address=%s source=%s",
		dhcp_hardware_format(exchange->request.chaddr, peer), uuid,
		client->arch ? client->arch->name : arch,
		client->ipxe   ? "ipxe"
		: client->http ? "http"
			       : "firmware",
		exchange->iface.name, address, endpoint_format(exchange->ingress.source, source));
}

static const char *reason_of(const struct dhcp_exchange *exchange, enum proxydhcp_verdict verdict)
{
	if (verdict == PROXYDHCP_NOT_ADMITTED)
		return admission_verdict_text(exchange->ingress.admission);
	return proxydhcp_verdict_text(verdict);
}

/* Whether a silence is news: a PXE client that asked us in vain, not the site's own DHCP. */
static bool is_news(enum proxydhcp_verdict verdict)
{
	return verdict != PROXYDHCP_NOT_A_REQUEST && verdict != PROXYDHCP_NOT_PXE
	       && verdict != PROXYDHCP_NOT_OURS;
}

static void log_silence(struct dhcp_server *server, const struct dhcp_exchange *exchange,
	enum proxydhcp_verdict verdict)
{
	bool news = is_news(verdict);
	char who[256], line[512];

	if (!news && !log_enabled(LOG_DEBUG))
		return;
	describe(exchange, who, sizeof(who));
	snprintf(line, sizeof(line), "silence %s port=%u type=%s reason=\"%s\"", who,
		exchange->ingress.endpoint.port, dhcp_type_name(exchange->request.type),
		reason_of(exchange, verdict));
	if (news)
		log_limited(&server->silences_logged, SILENT_LOGGED, exchange->now_ms, LOG_INFO,
			"%s", line);
	else
		log_debug("%s", line);
}

static void log_answer(struct dhcp_server *server, const struct dhcp_exchange *exchange,
	const struct proxydhcp_reply *reply)
{
	const char *what = reply->type == DHCP_OFFER ? "offer" : "ack";
	char who[256], to[ENDPOINT_TEXT_MAX];

	describe(exchange, who, sizeof(who));
	log_limited(&server->answers_logged, ANSWER_LOGGED, exchange->now_ms, LOG_INFO,
		"%s %s to=%s file=%s", what, who, endpoint_format(reply->destination, to),
		server->policy.boot_file);
}

/* FNV-1a from a secret start: nobody outside can choose whose rate to use up. */
static struct token_bucket *bucket_of(struct dhcp_server *server, const uint8_t chaddr[6])
{
	uint32_t hash = server->hash_key;

	for (int i = 0; i < 6; i++)
		hash = (hash ^ chaddr[i]) * 0x01000193;
	return &server->clients[(hash ^ hash >> 16) & CLIENTS_MASK];
}

static bool within_rate(struct dhcp_server *server, const struct dhcp_exchange *exchange)
{
	char who[256];

	if (token_bucket_take(
		    bucket_of(server, exchange->request.chaddr), CLIENT_RATE, exchange->now_ms)
		&& token_bucket_take(&server->answers, ANSWER_RATE, exchange->now_ms))
		return true;
	describe(exchange, who, sizeof(who));
	log_limited(&server->floods_logged, SILENT_LOGGED, exchange->now_ms, LOG_INFO,
		"silence %s reason=\"too many requests\"", who);
	return false;
}

static void send_reply(struct dhcp_server *server, const struct dhcp_socket *socket,
	const struct dhcp_exchange *exchange, const struct proxydhcp_reply *reply)
{
	const struct udp_path path = {
		.local = exchange->iface.source,
		.ifindex = exchange->iface.index,
		.peer = reply->destination,
	};
	char to[ENDPOINT_TEXT_MAX];
	int r;

	r = udp_socket_send(socket->fd, &path, bytes_of(reply->data, reply->len));
	if (r == 0) {
		log_answer(server, exchange, reply);
		return;
	}
	log_limited(&server->errors_logged, SILENT_LOGGED, exchange->now_ms, LOG_INFO,
		"send-failed interface=%s to=%s error=\"%s\"", exchange->iface.name,
		endpoint_format(reply->destination, to), strerror(-r));
}

static enum admission_verdict admit(
	const struct dhcp_server *server, const struct dhcp_exchange *exchange)
{
	const struct endpoint *source = &exchange->ingress.source;
	const struct dhcp_message *message = &exchange->request;
	const struct admission_request request = {
		.path = exchange->ingress.endpoint.port == PXE_SERVER_PORT ? ADMISSION_BOOT_SERVER
									   : ADMISSION_DHCP,
		.source = *source,
		.ciaddr = message->ciaddr,
		.giaddr = message->giaddr,
		.on_link = iface_table_on_link(
			server->interfaces, exchange->iface.index, source->address),
		.own_source = iface_table_owns(server->interfaces, source->address),
		.own_giaddr = iface_table_owns(server->interfaces, message->giaddr),
		.over_loopback = exchange->iface.over_loopback,
	};

	return admission_decide(&server->admission, &request);
}

/* The interface of the exchange, with our address towards the client or its relay. */
static bool find_interface(const struct dhcp_server *server, struct dhcp_exchange *exchange)
{
	const struct udp_datagram *datagram = exchange->datagram;
	struct in_addr client = exchange->request.giaddr;

	if (client.s_addr == INADDR_ANY)
		client = datagram->source.address;
	return iface_table_lookup(
		server->interfaces, datagram->ifindex, datagram->local, client, &exchange->iface);
}

static void handle_datagram(
	struct dhcp_server *server, const struct dhcp_socket *socket, struct udp_datagram *datagram)
{
	struct dhcp_exchange exchange = {.datagram = datagram, .now_ms = clock_now_ms()};
	struct proxydhcp_reply reply;
	enum dhcp_status status;
	enum proxydhcp_verdict verdict;
	char source[ENDPOINT_TEXT_MAX];

	status = datagram->truncated ? DHCP_LONG
				     : dhcp_message_parse(datagram->payload, &exchange.request);
	if (status != DHCP_OK) {
		log_debug("drop peer=%s port=%u reason=%s",
			endpoint_format(datagram->source, source), socket->port,
			dhcp_status_name(status));
		return;
	}
	if (!find_interface(server, &exchange))
		return;
	exchange.ingress = (struct proxydhcp_ingress){
		.endpoint = {exchange.iface.address, socket->port},
		.source = datagram->source,
	};
	exchange.ingress.admission = admit(server, &exchange);
	verdict = proxydhcp_answer(
		&server->policy, &exchange.ingress, &exchange.request, &exchange.client, &reply);
	if (verdict != PROXYDHCP_ANSWER)
		log_silence(server, &exchange, verdict);
	else if (within_rate(server, &exchange))
		send_reply(server, socket, &exchange, &reply);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct dhcp_socket *socket = context;
	uint8_t buffer[DHCP_DATAGRAM_MAX];

	(void)what;
	for (int i = 0; i < BATCH_MAX; i++) {
		struct udp_datagram datagram;

		if (udp_socket_receive((int)fd, buffer, sizeof(buffer), &datagram) != 0)
			return;
		handle_datagram(socket->server, socket, &datagram);
	}
}

int dhcp_server_new(const struct iface_table *interfaces, struct dhcp_server **ret_server)
{
	static const uint16_t ports[SOCKET_COUNT] = {DHCP_SERVER_PORT, PXE_SERVER_PORT};
	struct dhcp_server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->interfaces = interfaces;
	/* Without it the hash is merely guessable. */
	(void)!getrandom(&server->hash_key, sizeof(server->hash_key), GRND_NONBLOCK);
	for (size_t i = 0; i < SOCKET_COUNT; i++)
		server->sockets[i] = (struct dhcp_socket){server, ports[i], -1, NULL};
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		int fd = udp_socket_listen(ports[i]);

		if (fd < 0) {
			dhcp_server_free(server);
			return fd;
		}
		server->sockets[i].fd = fd;
	}
	*ret_server = server;
	return 0;
}

void dhcp_server_free(struct dhcp_server *server)
{
	dhcp_server_stop(server);
	for (size_t i = 0; i < SOCKET_COUNT; i++)
		cleanup_close_p(&server->sockets[i].fd);
	free(server);
}

int dhcp_server_start(struct dhcp_server *server, struct event_base *base)
{
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		struct dhcp_socket *socket = &server->sockets[i];

		socket->event =
			event_new(base, socket->fd, EV_READ | EV_PERSIST, on_readable, socket);
		if (!socket->event || event_add(socket->event, NULL) < 0) {
			dhcp_server_stop(server);
			return -ENOMEM;
		}
	}
	return 0;
}

void dhcp_server_stop(struct dhcp_server *server)
{
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		if (server->sockets[i].event)
			event_free(server->sockets[i].event);
		server->sockets[i].event = NULL;
	}
}

void dhcp_server_set_policy(struct dhcp_server *server, const struct proxydhcp_policy *policy,
	const struct admission_policy *admission)
{
	server->policy = *policy;
	server->admission = *admission;
}
