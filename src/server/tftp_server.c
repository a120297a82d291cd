/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins tftp_transfer to sockets, timers and limits. A session is one transfer with its client:
 * found by the client's address and port and ours, holding a reference to what it sends, and its
 * own copy of the request and of the limits, so that a reload or a newly published artifact does
 * not touch it. Nothing is allocated for a packet, and the octets of a file are never copied here.
 */
#include "server/tftp_server.h"

#include "io/clock.h"
#include "io/udp_socket.h"
#include "server/log_limited.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <search.h>
#include <sys/queue.h>
#include <sys/random.h>

/* IPv4 and UDP headers, and TFTP's own. */
#define PACKET_OVERHEAD 32

/* Requests taken before the transfers have their turn again. */
#define REQUESTS_AT_ONCE 64

/* Packets handed to the kernel at once. */
#define BURST_MAX 64

/* ERROR replies: a bucket for each of so many groups of client addresses. */
#define ERROR_BUCKETS_LOG2 10

static const struct token_rate error_rate = {.interval_ms = 100, .burst = 20};
static const struct token_rate refused_line_rate = {.interval_ms = 1000, .burst = 30};
static const struct token_rate ended_line_rate = {.interval_ms = 20, .burst = 2000};

LIST_HEAD(session_list, session);

/* A client's address and its few transfers; exists while there is one. Found in a tree that is
 * balanced whatever addresses come. */
struct client {
	struct in_addr address;
	unsigned n_sessions;
	struct session_list sessions;
};

struct session {
	LIST_ENTRY(session) of_client;
	LIST_ENTRY(session) of_server;
	struct tftp_server *server;
	struct client *client;
	struct artifact *artifact;
	struct tftp_transfer transfer;
	struct udp_path path;
	int fd;		   /* its own, connected; -1: the server's is used */
	bool gso;	   /* as udp_socket_burst keeps it */
	int send_error;	   /* the last one, -errno */
	uint64_t timer_ms; /* when the timer fires; never later than the deadline */
	struct event readable;
	struct event timer;
	struct bytes name; /* in the request below */
	size_t request_len;
	uint8_t request[];
};

struct tftp_server {
	const struct iface_table *interfaces;
	const struct catalog *catalog;
	struct tftp_server_policy policy;
	const struct admission_policy *admission;
	struct udp_port_range ports;
	int fd;
	struct event_base *base;
	struct event *readable;

	void *clients; /* tsearch(3) */
	struct session_list sessions;
	unsigned n_sessions;
	void (*drained)(void *context); /* set: no new requests */
	void *drained_context;

	uint64_t error_key;
	struct token_bucket error_buckets[1 << ERROR_BUCKETS_LOG2];
	struct log_limit refused_lines, ended_lines;

	uint8_t datagram[2048]; /* more than a request, an ACK or a readable ERROR has */
	struct tftp_output outputs[BURST_MAX];
	struct udp_packet packets[BURST_MAX];
};

/* --- clients and their sessions ------------------------------------------------------------------
 */

static int compare_clients(const void *a, const void *b)
{
	uint32_t left = ((const struct client *)a)->address.s_addr;
	uint32_t right = ((const struct client *)b)->address.s_addr;

	return (left > right) - (left < right);
}

static struct client *find_client(const struct tftp_server *server, struct in_addr address)
{
	struct client key = {.address = address};
	struct client **found = tfind(&key, &server->clients, compare_clients);

	return found ? *found : NULL;
}

static struct client *get_client(struct tftp_server *server, struct in_addr address)
{
	struct client *client = find_client(server, address);

	if (client)
		return client;
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->address = address;
	LIST_INIT(&client->sessions);
	if (!tsearch(client, &server->clients, compare_clients)) {
		free(client);
		return NULL;
	}
	return client;
}

static void put_client(struct tftp_server *server, struct client *client)
{
	if (client->n_sessions > 0)
		return;
	tdelete(client, &server->clients, compare_clients);
	free(client);
}

/* RFC 1350 section 4: both ends of a transfer are known by address and port. */
static struct session *find_session(
	const struct tftp_server *server, const struct udp_datagram *datagram)
{
	struct client *client = find_client(server, datagram->source.address);
	struct session *session;

	if (!client)
		return NULL;
	LIST_FOREACH (session, &client->sessions, of_client)
		if (session->path.peer.port == datagram->source.port
			&& session->path.local.s_addr == datagram->local.s_addr)
			return session;
	return NULL;
}

/* --- the log -------------------------------------------------------------------------------------
 */

static void log_refused(struct tftp_server *server, const struct udp_datagram *datagram,
	struct bytes name, const char *reason)
{
	char peer[ENDPOINT_TEXT_MAX], file[LOG_ESCAPED_MAX];

	log_limited(&server->refused_lines, refused_line_rate, clock_now_ms(), LOG_INFO,
		"tftp-refused peer=%s file=\"%s\" reason=\"%s\"",
		endpoint_format(datagram->source, peer), log_escape(name, file, sizeof(file)),
		reason);
}

static int ended_level(const struct session *session)
{
	switch (session->transfer.state) {
	case TFTP_PROBED:
		return LOG_DEBUG;
	case TFTP_COMPLETE:
	case TFTP_UNCONFIRMED:
		return LOG_INFO;
	default:
		return LOG_NOTICE;
	}
}

/* What more there is to say about the end: the client's words, or why sending failed. */
static const char *ended_detail(const struct session *session, char *text, size_t size)
{
	char message[LOG_ESCAPED_MAX];

	text[0] = '\0';
	if (session->transfer.state == TFTP_ABORTED)
		snprintf(text, size, " client-error=%u client-message=\"%s\"",
			session->transfer.client_error,
			log_escape(session->transfer.client_message, message, sizeof(message)));
	else if (session->send_error < 0 && session->transfer.state != TFTP_COMPLETE)
		snprintf(text, size, " send-error=\"%s\"", strerror(-session->send_error));
	return text;
}

static void log_ended(const struct session *session, const char *outcome)
{
	const struct tftp_transfer *transfer = &session->transfer;
	struct tftp_server *server = session->server;
	/* Anybody can make us end a transfer that never began: a lower rate for these. */
	bool proven = tftp_transfer_proven(transfer);
	char peer[ENDPOINT_TEXT_MAX], file[LOG_ESCAPED_MAX], detail[2 * LOG_ESCAPED_MAX];
	uint64_t now_ms = clock_now_ms();

	log_limited(proven ? &server->ended_lines : &server->refused_lines,
		proven ? ended_line_rate : refused_line_rate, now_ms, ended_level(session),
		"tftp-ended peer=%s file=\"%s\" bytes=%" PRIu64 " blksize=%" PRIu32
		" windowsize=%u ms=%" PRIu64 " resent=%" PRIu64 " outcome=\"%s\"%s",
		endpoint_format(session->path.peer, peer),
		log_escape(session->name, file, sizeof(file)), tftp_transfer_acknowledged(transfer),
		transfer->blksize, transfer->windowsize, now_ms - transfer->started_ms,
		transfer->packets_resent, outcome, ended_detail(session, detail, sizeof(detail)));
}

/* --- sessions ------------------------------------------------------------------------------------
 */

static void session_free(struct session *session)
{
	struct tftp_server *server = session->server;
	struct client *client = session->client;

	LIST_REMOVE(session, of_client);
	LIST_REMOVE(session, of_server);
	client->n_sessions--;
	server->n_sessions--;
	put_client(server, client);
	event_del(&session->timer);
	if (session->fd >= 0) {
		event_del(&session->readable);
		close(session->fd);
	}
	artifact_unref(session->artifact);
	free(session);
}

static void session_end(struct session *session, const char *outcome)
{
	struct tftp_server *server = session->server;

	log_ended(session, outcome);
	session_free(session);
	if (server->drained && server->n_sessions == 0)
		server->drained(server->drained_context);
}

/* Sends what the transfer wants sent, window by window. */
static void session_send(struct session *session)
{
	struct tftp_server *server = session->server;
	const struct udp_path *path = session->fd >= 0 ? NULL : &session->path;
	int fd = session->fd >= 0 ? session->fd : server->fd;
	size_t n;

	do {
		int r;

		n = 0;
		while (n < BURST_MAX
			&& tftp_transfer_next(&session->transfer, &server->outputs[n])) {
			const struct tftp_output *output = &server->outputs[n];

			server->packets[n++] = (struct udp_packet){
				.header = bytes_of(output->header, output->header_len),
				.payload = output->payload,
			};
		}
		r = udp_socket_burst(fd, path, server->packets, n, &session->gso);
		if (r == -ECONNREFUSED)
			tftp_transfer_unreachable(&session->transfer);
		else if (r < 0)
			session->send_error = r;
	} while (n == BURST_MAX);
}

/* The timer is left alone as long as it fires early enough: a deadline moves with every ACK. */
static void session_arm(struct session *session, uint64_t now_ms)
{
	uint64_t deadline_ms = tftp_transfer_deadline_ms(&session->transfer);
	uint64_t wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
	struct timeval wait = {.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000)};

	if (session->timer_ms <= deadline_ms && event_pending(&session->timer, EV_TIMEOUT, NULL))
		return;
	session->timer_ms = deadline_ms;
	event_add(&session->timer, &wait);
}

/* To be called after everything that happened to the transfer; the session may be gone after it. */
static void session_proceed(struct session *session, uint64_t now_ms)
{
	session_send(session);
	if (tftp_transfer_ended(&session->transfer))
		session_end(session, tftp_state_text(session->transfer.state));
	else
		session_arm(session, now_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct session *session = context;
	uint64_t now_ms = clock_now_ms();

	(void)fd;
	(void)what;
	tftp_transfer_expire(&session->transfer, now_ms);
	session_proceed(session, now_ms);
}

static void on_session_readable(evutil_socket_t fd, short what, void *context)
{
	struct session *session = context;
	struct tftp_server *server = session->server;
	struct udp_datagram datagram;
	uint64_t now_ms = clock_now_ms();
	int r = udp_socket_receive(fd, server->datagram, sizeof(server->datagram), &datagram);

	(void)what;
	if (r == 0)
		tftp_transfer_receive(&session->transfer, datagram.payload, now_ms);
	else if (r == -ECONNREFUSED)
		tftp_transfer_unreachable(&session->transfer);
	else
		return;
	session_proceed(session, now_ms);
}

/* --- answers without a session -------------------------------------------------------------------
 */

/* Multiply-shift with a secret key: nobody can choose addresses that share a bucket. */
static struct token_bucket *error_bucket(struct tftp_server *server, struct in_addr address)
{
	uint64_t hash = (uint64_t)address.s_addr * server->error_key;

	return &server->error_buckets[hash >> (64 - ERROR_BUCKETS_LOG2)];
}

static void send_error(struct tftp_server *server, const struct udp_datagram *datagram,
	enum tftp_error code, const char *message)
{
	struct udp_path path = {.local = datagram->local, .peer = datagram->source};
	uint8_t buffer[TFTP_OUTPUT_HEADER_MAX];
	size_t len;

	if (!token_bucket_take(error_bucket(server, path.peer.address), error_rate, clock_now_ms()))
		return;
	len = tftp_write_error(buffer, sizeof(buffer), code, message);
	(void)udp_socket_send(server->fd, &path, bytes_of(buffer, len));
}

static void refuse(struct tftp_server *server, const struct udp_datagram *datagram,
	struct bytes name, enum tftp_error code, const char *reason)
{
	log_refused(server, datagram, name, reason);
	send_error(server, datagram, code, reason);
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* The interface a datagram belongs to, when its sender may be served; else it gets silence. */
static bool admit(
	struct tftp_server *server, const struct udp_datagram *datagram, struct iface *ret_iface)
{
	const struct iface_table *interfaces = server->interfaces;
	struct in_addr source = datagram->source.address;
	struct admission_request request = {
		.path = ADMISSION_TFTP,
		.source = datagram->source,
		.own_source = iface_table_owns(interfaces, source),
	};
	enum admission_verdict verdict;

	if (!iface_table_lookup(
		    interfaces, datagram->ifindex, datagram->local, source, ret_iface)) {
		log_refused(server, datagram, (struct bytes){0}, "the interface is not served");
		return false;
	}
	request.on_link = iface_table_on_link(interfaces, ret_iface->index, source);
	request.over_loopback = ret_iface->over_loopback;
	verdict = admission_decide(server->admission, &request);
	if (verdict != ADMISSION_ADMIT)
		log_refused(server, datagram, (struct bytes){0}, admission_verdict_text(verdict));
	return verdict == ADMISSION_ADMIT;
}

static struct tftp_limits limits_on(const struct tftp_server *server, const struct iface *iface)
{
	struct tftp_limits limits = server->policy.transfer;

	if (iface->mtu >= PACKET_OVERHEAD + TFTP_BLKSIZE_MIN
		&& iface->mtu - PACKET_OVERHEAD < limits.blksize_max)
		limits.blksize_max = iface->mtu - PACKET_OVERHEAD;
	return limits;
}

static bool too_many(const struct tftp_server *server, struct in_addr address)
{
	struct client *client = find_client(server, address);

	return server->n_sessions >= server->policy.transfers_max
	       || (client && client->n_sessions >= server->policy.transfers_per_client_max);
}

/* Opens the transfer's own socket and waits for it, unless the server's port is to serve all. */
static int session_open_socket(struct session *session)
{
	struct tftp_server *server = session->server;
	int r;

	session->fd = -1;
	if (server->policy.single_port)
		return 0;
	r = udp_socket_connect(session->path.local, &server->ports, session->path.peer);
	if (r < 0)
		return r;
	session->fd = r;
	event_assign(&session->readable, server->base, session->fd, EV_READ | EV_PERSIST,
		on_session_readable, session);
	if (event_add(&session->readable, NULL) < 0) {
		close(session->fd);
		return -ENOMEM;
	}
	return 0;
}

/* A session without a transfer yet, in no list when it fails. */
static int session_new(struct tftp_server *server, const struct udp_datagram *datagram,
	struct session **ret_session)
{
	CLEANUP_FREE struct session *session = NULL;
	struct client *client;
	int r;

	session = calloc(1, sizeof(*session) + datagram->payload.len);
	client = session ? get_client(server, datagram->source.address) : NULL;
	if (!client)
		return -ENOMEM;
	session->server = server;
	session->client = client;
	session->path = (struct udp_path){.local = datagram->local, .peer = datagram->source};
	session->gso = true;
	session->request_len = datagram->payload.len;
	memcpy(session->request, datagram->payload.data, datagram->payload.len);
	r = session_open_socket(session);
	if (r < 0) {
		put_client(server, client);
		return r;
	}
	evtimer_assign(&session->timer, server->base, on_timer, session);
	LIST_INSERT_HEAD(&client->sessions, session, of_client);
	LIST_INSERT_HEAD(&server->sessions, session, of_server);
	client->n_sessions++;
	server->n_sessions++;
	*ret_session = CLEANUP_STEAL(session);
	return 0;
}

static void begin_transfer(struct tftp_server *server, const struct udp_datagram *datagram,
	const struct tftp_request *request, const struct iface *iface)
{
	CLEANUP(artifact_unref_p)
	struct artifact *artifact = catalog_get(server->catalog, request->name);
	struct tftp_limits limits = limits_on(server, iface);
	uint64_t now_ms = clock_now_ms();
	struct session *session;
	int r;

	if (!artifact) {
		refuse(server, datagram, request->name, TFTP_ERROR_NOT_FOUND, "file not found");
		return;
	}
	r = too_many(server, datagram->source.address) ? -EDQUOT
						       : session_new(server, datagram, &session);
	if (r < 0) {
		log_refused(server, datagram, request->name,
			r == -EDQUOT ? "too many transfers" : strerror(-r));
		send_error(server, datagram, TFTP_ERROR_UNDEFINED, "busy, try again");
		return;
	}
	session->name = bytes_of(session->request + 2, request->name.len);
	session->artifact = CLEANUP_STEAL(artifact);
	tftp_transfer_start(
		&session->transfer, &limits, request, artifact_bytes(session->artifact), now_ms);
	session_proceed(session, now_ms);
}

/* True when the request was one that a session was already answering. */
static bool repeated(struct session *session, const struct udp_datagram *datagram)
{
	uint64_t now_ms = clock_now_ms();

	if (!bytes_equal(datagram->payload, bytes_of(session->request, session->request_len))
		|| !tftp_transfer_repeat(&session->transfer, now_ms))
		return false;
	session_proceed(session, now_ms);
	return true;
}

static void receive_request(struct tftp_server *server, const struct udp_datagram *datagram,
	const struct tftp_request *request, const struct iface *iface)
{
	struct session *session = find_session(server, datagram);

	if (session && repeated(session, datagram))
		return;
	if (server->drained) {
		refuse(server, datagram, request->name, TFTP_ERROR_UNDEFINED,
			"the server is stopping, try again");
		return;
	}
	if (session)
		session_end(session, "replaced by a new request");
	begin_transfer(server, datagram, request, iface);
}

static void receive_new(struct tftp_server *server, const struct udp_datagram *datagram)
{
	struct tftp_packet packet;
	enum tftp_status status = tftp_packet_parse(datagram->payload, &packet);
	struct iface iface;

	if (status == TFTP_DROP || !admit(server, datagram, &iface))
		return;
	if (status != TFTP_OK) {
		refuse(server, datagram, (struct bytes){0},
			status == TFTP_BAD_NAME ? TFTP_ERROR_NOT_FOUND : TFTP_ERROR_ILLEGAL,
			tftp_status_text(status));
		return;
	}
	switch (packet.opcode) {
	case TFTP_RRQ:
		receive_request(server, datagram, &packet.request, &iface);
		break;
	case TFTP_WRQ:
		refuse(server, datagram, (struct bytes){0}, TFTP_ERROR_ACCESS,
			"nothing can be written here");
		break;
	case TFTP_OACK:
		refuse(server, datagram, (struct bytes){0}, TFTP_ERROR_ILLEGAL,
			tftp_status_text(TFTP_BAD_OPCODE));
		break;
	case TFTP_DATA:
	case TFTP_ACK:
		/* Only where transfers use this port can it be one that has ended. */
		if (server->policy.single_port)
			send_error(server, datagram, TFTP_ERROR_UNKNOWN_TID, "unknown transfer");
		break;
	case TFTP_ERROR:
		break;
	}
}

static bool is_request(struct bytes datagram)
{
	return datagram.len >= 2 && datagram.data[0] == 0
	       && (datagram.data[1] == TFTP_RRQ || datagram.data[1] == TFTP_WRQ);
}

static void receive(struct tftp_server *server, const struct udp_datagram *datagram)
{
	struct session *session = NULL;
	uint64_t now_ms;

	/* RFC 1123 section 4.2.3.4; nothing else belongs on this port by broadcast either. */
	if (!datagram->unicast)
		return;
	if (!is_request(datagram->payload))
		session = find_session(server, datagram);
	if (!session || session->fd >= 0) {
		receive_new(server, datagram);
		return;
	}
	now_ms = clock_now_ms();
	tftp_transfer_receive(&session->transfer, datagram->payload, now_ms);
	session_proceed(session, now_ms);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct tftp_server *server = context;
	struct udp_datagram datagram;

	(void)what;
	for (int i = 0; i < REQUESTS_AT_ONCE; i++) {
		if (udp_socket_receive(fd, server->datagram, sizeof(server->datagram), &datagram)
			< 0)
			return;
		receive(server, &datagram);
	}
}

/* --- the server ----------------------------------------------------------------------------------
 */

int tftp_server_new(uint16_t port, const struct iface_table *interfaces,
	const struct catalog *catalog, struct tftp_server **ret_server)
{
	struct tftp_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->interfaces = interfaces;
	server->catalog = catalog;
	LIST_INIT(&server->sessions);
	r = getrandom(&server->error_key, sizeof(server->error_key), 0) < 0 ? -errno : 0;
	server->error_key |= 1;
	server->fd = r < 0 ? r : udp_socket_listen(port);
	if (server->fd < 0) {
		r = server->fd;
		free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

void tftp_server_free(struct tftp_server *server)
{
	struct session *session;

	server->drained = NULL;
	while ((session = LIST_FIRST(&server->sessions)))
		session_end(session, "cut off, the server stops");
	if (server->readable)
		event_free(server->readable);
	close(server->fd);
	free(server);
}

int tftp_server_start(struct tftp_server *server, struct event_base *base)
{
	server->base = base;
	server->readable = event_new(base, server->fd, EV_READ | EV_PERSIST, on_readable, server);
	return server->readable && event_add(server->readable, NULL) == 0 ? 0 : -ENOMEM;
}

void tftp_server_set_policy(struct tftp_server *server, const struct tftp_server_policy *policy,
	const struct admission_policy *admission)
{
	server->policy = *policy;
	server->admission = admission;
	server->ports.first = policy->port_first;
	server->ports.last = policy->port_last;
}

void tftp_server_drain(struct tftp_server *server, void (*drained)(void *context), void *context)
{
	server->drained = drained;
	server->drained_context = context;
	if (server->n_sessions == 0)
		drained(context);
}

unsigned tftp_server_transfers(const struct tftp_server *server)
{
	return server->n_sessions;
}
