/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real tftp_transfer against models of the real clients, over a bad network, on a virtual
 * clock: tftp_sim [SEED [COUNT]]. For each seed the client ends with the whole file or says why
 * not, everything comes to rest, the server never claims a success that was none, nobody gets more
 * than three packets before it has proven to be there, and without faults each DATA is sent once,
 * though every ACK comes a thousand times.
 */
#include "core/tftp_transfer.h"
#include "tests/sim/client.h"
#include "tests/sim/network.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS_DEFAULT	   2000
#define FILE_MAX	   (512 * 65800)
#define SESSIONS_MAX	   256
#define CLIENT_PORT	   40000
#define FIRST_TID	   10000
#define REST_MAX_US	   UINT64_C(31000000)	/* after the client's end */
#define TIME_MAX_US	   UINT64_C(7200000000) /* nothing takes two hours */
#define STEPS_MAX	   2000000
#define ACK_COPIES	   1000
#define WRAP_EVERY	   200 /* seeds, one for each client */
#define RESENT_WINDOWS_MAX 2
#define FAILED_MAX	   0.03 /* of all seeds */

enum course {
	COURSE_QUIET, /* no faults, and each ACK a thousand times */
	COURSE_SLOW,  /* no faults, but a long way */
	COURSE_BAD,
};

struct scenario {
	uint64_t seed;
	enum client_kind kind;
	enum course course;
	struct network_faults faults;
	struct tftp_limits limits;
	struct bytes file;
};

struct session {
	struct tftp_transfer transfer;
	uint16_t client_port;
	uint8_t request[128];
	size_t request_len;
	uint64_t n_data, n_unproven;
};

struct world {
	struct scenario scenario;
	struct network *network;
	struct client client;
	struct session sessions[SESSIONS_MAX];
	size_t n_sessions;
	uint64_t now_us, client_end_us;
};

struct tally {
	unsigned seeds, completed, failed;
	uint64_t packets, resent;
};

static uint8_t pattern[FILE_MAX + 4096];
static uint8_t received[FILE_MAX + 4096];
static struct world world;

static void fail(const char *what)
{
	const struct scenario *scenario = &world.scenario;

	fprintf(stderr,
		"seed %llu: %s\n  client %s, %zu octets, blksize-max %u, loss %.3f, "
		"duplication %.3f, delay %u+%u us, virtual time %.3f s\n  to repeat it alone: "
		"tftp_sim %llu\n",
		(unsigned long long)scenario->seed, what, client_name(scenario->kind),
		scenario->file.len, scenario->limits.blksize_max, scenario->faults.loss,
		scenario->faults.duplication, scenario->faults.delay_us,
		scenario->faults.variation_us, (double)world.now_us / 1e6,
		(unsigned long long)scenario->seed);
	exit(1);
}

/* --- the server, as tftp_server would have it ----------------------------------------------------
 */

static uint16_t tid_of(const struct session *session)
{
	return (uint16_t)(FIRST_TID + (session - world.sessions));
}

static void session_drain(struct session *session)
{
	struct tftp_output output;
	uint8_t datagram[1500];

	while (tftp_transfer_next(&session->transfer, &output)) {
		struct network_packet packet = {
			.from_port = tid_of(session),
			.to_port = session->client_port,
		};

		memcpy(datagram, output.header, output.header_len);
		if (output.payload.len > 0)
			memcpy(datagram + output.header_len, output.payload.data,
				output.payload.len);
		packet.payload = bytes_of(datagram, output.header_len + output.payload.len);
		session->n_data += output.header[1] == TFTP_DATA;
		session->n_unproven += !tftp_transfer_proven(&session->transfer);
		network_send(world.network, &packet, world.now_us);
	}
	if (session->n_unproven > session->transfer.limits.sends_unproven_max)
		fail("more than three packets to a peer that proved nothing");
	if (world.scenario.course != COURSE_BAD && session->n_data > session->transfer.last_block)
		fail("a DATA was sent more than once: the Sorcerer's Apprentice");
}

/* The client's request, by its port: the session that still answers it, or a new one. */
static void receive_request(const struct network_packet *packet)
{
	struct tftp_packet parsed;
	struct session *session;

	for (size_t i = 0; i < world.n_sessions; i++) {
		session = &world.sessions[i];
		if (tftp_transfer_ended(&session->transfer)
			|| session->client_port != packet->from_port)
			continue;
		if (bytes_equal(packet->payload, bytes_of(session->request, session->request_len))
			&& tftp_transfer_repeat(&session->transfer, world.now_us / 1000)) {
			session_drain(session);
			return;
		}
		tftp_transfer_unreachable(&session->transfer);
	}
	if (tftp_packet_parse(packet->payload, &parsed) != TFTP_OK || parsed.opcode != TFTP_RRQ)
		return;
	if (world.n_sessions == SESSIONS_MAX)
		fail("endless requests");
	session = &world.sessions[world.n_sessions++];
	*session = (struct session){
		.client_port = packet->from_port,
		.request_len = packet->payload.len,
	};
	memcpy(session->request, packet->payload.data, packet->payload.len);
	tftp_transfer_start(&session->transfer, &world.scenario.limits, &parsed.request,
		world.scenario.file, world.now_us / 1000);
	session_drain(session);
}

static void send_unreachable(uint16_t port, uint16_t to_port, bool to_server)
{
	struct network_packet packet = {.to_server = to_server,
		.unreachable = true,
		.from_port = port,
		.to_port = to_port,
		.payload = bytes_of_string("")};

	network_send(world.network, &packet, world.now_us);
}

static void receive_at_server(const struct network_packet *packet)
{
	size_t index = (size_t)(packet->to_port - FIRST_TID);
	bool is_ack = packet->payload.len >= 2 && packet->payload.data[1] == TFTP_ACK;
	int copies = world.scenario.course == COURSE_QUIET && is_ack ? ACK_COPIES : 1;
	struct session *session;

	if (packet->to_port == TFTP_PORT) {
		receive_request(packet);
		return;
	}
	if (index >= world.n_sessions)
		fail("the client speaks to a port that never was");
	session = &world.sessions[index];
	if (session->client_port != packet->from_port || tftp_transfer_ended(&session->transfer))
		return; /* a connected socket does not see it, a closed one neither */
	if (packet->unreachable)
		tftp_transfer_unreachable(&session->transfer);
	for (int i = 0; i < copies && !packet->unreachable; i++) {
		tftp_transfer_receive(&session->transfer, packet->payload, world.now_us / 1000);
		session_drain(session);
	}
}

/* --- one world -----------------------------------------------------------------------------------
 */

static void send_from_client(void *context, uint16_t from, uint16_t to, struct bytes payload)
{
	struct network_packet packet = {
		.to_server = true, .from_port = from, .to_port = to, .payload = payload};

	(void)context;
	network_send(world.network, &packet, world.now_us);
}

static void deliver(void)
{
	struct network_packet packet = network_receive(world.network);

	if (packet.to_server)
		receive_at_server(&packet);
	else if (!client_receive(&world.client, packet.to_port, packet.from_port, packet.payload,
			 world.now_us))
		send_unreachable(packet.to_port, packet.from_port, true);
}

/* The session whose timer is next, if any is under way. */
static struct session *next_session(uint64_t *ret_us)
{
	struct session *next = NULL;

	*ret_us = UINT64_MAX;
	for (size_t i = 0; i < world.n_sessions; i++) {
		struct session *session = &world.sessions[i];
		uint64_t deadline_us = tftp_transfer_deadline_ms(&session->transfer) * 1000;

		if (!tftp_transfer_ended(&session->transfer) && deadline_us < *ret_us) {
			*ret_us = deadline_us;
			next = session;
		}
	}
	return next;
}

/* Lets the next thing happen; false: nothing is left to happen. */
static bool step(void)
{
	uint64_t packet_us = network_next_us(world.network), timer_us;
	uint64_t client_us =
		world.client.outcome == CLIENT_RUNNING ? world.client.deadline_us : UINT64_MAX;
	struct session *session = next_session(&timer_us);

	if (packet_us == UINT64_MAX && client_us == UINT64_MAX && !session)
		return false;
	if (packet_us <= client_us && packet_us <= timer_us) {
		world.now_us = packet_us;
		deliver();
	} else if (client_us <= timer_us) {
		world.now_us = client_us;
		client_expire(&world.client, world.now_us);
	} else {
		world.now_us = timer_us;
		tftp_transfer_expire(&session->transfer, world.now_us / 1000);
		session_drain(session);
	}
	if (world.client.outcome != CLIENT_RUNNING && world.client_end_us == 0)
		world.client_end_us = world.now_us;
	return true;
}

static void judge_client(void)
{
	const struct client *client = &world.client;
	struct bytes file = world.scenario.file;

	if (client->outcome == CLIENT_OFFENDED)
		fail(client->reason);
	if (client->outcome == CLIENT_COMPLETE
		&& !bytes_equal(file, bytes_of(received, client->received)))
		fail("the client has other octets than the server");
	if (client->outcome != CLIENT_COMPLETE && world.scenario.course != COURSE_BAD)
		fail(client->reason);
}

static void judge_session(const struct session *session)
{
	const struct tftp_transfer *transfer = &session->transfer;

	if (transfer->state != TFTP_COMPLETE)
		return;
	if (world.client.outcome != CLIENT_COMPLETE
		|| tftp_transfer_acknowledged(transfer) != world.scenario.file.len)
		fail("the server claims a success that was none");
}

/* Where packets keep their order, one that is lost costs a window or two, not the peace of the rest
 * of the file. */
static void judge_thrift(void)
{
	const struct network_faults *faults = &world.scenario.faults;
	uint64_t resent = 0, windowsize = 1;

	if (faults->variation_us > 0 || faults->duplication > 0)
		return;
	for (size_t i = 0; i < world.n_sessions; i++) {
		const struct tftp_transfer *transfer = &world.sessions[i].transfer;

		resent += transfer->packets_resent;
		windowsize = transfer->windowsize > windowsize ? transfer->windowsize : windowsize;
	}
	if (world.scenario.course == COURSE_BAD
		&& resent > RESENT_WINDOWS_MAX * windowsize * (1 + network_lost(world.network)))
		fail("a lost packet led to ever more of them");
}

static void run(const struct scenario *scenario, struct tally *tally)
{
	world.scenario = *scenario;
	network_set_faults(world.network, &scenario->faults);
	client_start(&world.client, scenario->kind, CLIENT_PORT, received, scenario->file.len,
		send_from_client, NULL, 0);
	for (unsigned steps = 0; step(); steps++)
		if (steps > STEPS_MAX || world.now_us > TIME_MAX_US)
			fail("no end");
	if (world.now_us > world.client_end_us + REST_MAX_US)
		fail("the server did not come to rest");
	judge_client();
	judge_thrift();
	tally->seeds++;
	tally->completed += world.client.outcome == CLIENT_COMPLETE;
	tally->failed += world.client.outcome == CLIENT_FAILED;
	for (size_t i = 0; i < world.n_sessions; i++) {
		judge_session(&world.sessions[i]);
		tally->packets += world.sessions[i].transfer.packets_sent;
		tally->resent += world.sessions[i].transfer.packets_resent;
	}
}

/* --- which worlds --------------------------------------------------------------------------------
 */

static double one_of(const double *values, uint32_t n)
{
	return values[network_random_below(world.network, n)];
}

static struct network_faults faults_of(enum course course)
{
	static const double losses[] = {0, 0.01, 0.05, 0.1, 0.2};
	static const double duplications[] = {0, 0.01, 0.1};
	static const double delays[] = {100, 1000, 30000};
	static const double variations[] = {0, 0, 1000, 20000, 200000};

	switch (course) {
	case COURSE_QUIET:
		return (struct network_faults){.delay_us = 200};
	case COURSE_SLOW:
		return (struct network_faults){.delay_us = 300000};
	case COURSE_BAD:
		break;
	}
	return (struct network_faults){
		.loss = one_of(losses, 5),
		.duplication = one_of(duplications, 3),
		.delay_us = (uint32_t)one_of(delays, 3),
		.variation_us = (uint32_t)one_of(variations, 5),
	};
}

/* Sizes at and around the edges of a block. */
static size_t size_of(uint32_t blksize, uint32_t n_blocks_max)
{
	uint32_t n_blocks = network_random_below(world.network, n_blocks_max);

	switch (network_random_below(world.network, 6)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
		return (size_t)n_blocks * blksize;
	case 3:
		return (size_t)n_blocks * blksize + 1;
	case 4:
		return (size_t)(n_blocks + 1) * blksize - 1;
	default:
		return (size_t)n_blocks * blksize + network_random_below(world.network, blksize);
	}
}

/* Block numbers that wrap: small blocks, but for him who cannot ask for them; little loss, or it
 * takes for ever, and for every other one none at all. */
static void make_wrap(struct scenario *scenario)
{
	bool classic = scenario->kind == CLIENT_CLASSIC;
	uint32_t blksize = classic ? TFTP_BLKSIZE_DEFAULT : TFTP_BLKSIZE_MIN;

	scenario->course = scenario->seed / WRAP_EVERY % 2 == 0 ? COURSE_BAD : COURSE_SLOW;
	scenario->faults = (struct network_faults){.delay_us = 100};
	if (scenario->course == COURSE_BAD)
		scenario->faults.loss = 0.0005;
	scenario->limits.blksize_max = blksize;
	scenario->file.len = (size_t)blksize * (65534 + network_random_below(world.network, 200));
}

static struct scenario scenario_of(uint64_t seed)
{
	static const uint32_t blksizes_max[] = {1468, 1468, 1468, 512, 100, 8};
	static const enum course courses[] = {
		COURSE_QUIET, COURSE_SLOW, COURSE_BAD, COURSE_BAD, COURSE_BAD, COURSE_BAD};
	struct scenario scenario = {
		.seed = seed,
		.kind = (enum client_kind)(seed % CLIENT_KINDS),
		.course = courses[seed / CLIENT_KINDS % 6],
		.limits = TFTP_LIMITS_DEFAULT,
		.file = {.data = pattern + seed % 4096},
	};
	uint32_t blksize = blksizes_max[network_random_below(world.network, 6)];

	scenario.faults = faults_of(scenario.course);
	scenario.limits.blksize_max = blksize;
	if (scenario.kind == CLIENT_CLASSIC)
		blksize = TFTP_BLKSIZE_DEFAULT;
	scenario.file.len = size_of(blksize, scenario.course == COURSE_BAD ? 300 : 40);
	if (seed % WRAP_EVERY < CLIENT_KINDS)
		make_wrap(&scenario);
	return scenario;
}

static void run_seed(uint64_t seed, struct tally tallies[CLIENT_KINDS])
{
	struct scenario scenario;

	memset(&world, 0, sizeof(world));
	world.network = network_new(seed);
	scenario = scenario_of(seed);
	run(&scenario, &tallies[scenario.kind]);
	network_free(world.network);
}

static void add(struct tally *sum, const struct tally *tally)
{
	sum->seeds += tally->seeds;
	sum->completed += tally->completed;
	sum->failed += tally->failed;
	sum->packets += tally->packets;
	sum->resent += tally->resent;
}

static void print(const char *name, const struct tally *tally)
{
	printf("%-9s %5u seeds, %5u completed, %3u stated failures, %8llu packets, "
	       "%.2f %% of them resent\n",
		name, tally->seeds, tally->completed, tally->failed,
		(unsigned long long)tally->packets,
		tally->packets > 0 ? 100.0 * (double)tally->resent / (double)tally->packets : 0);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : SEEDS_DEFAULT;
	struct tally tallies[CLIENT_KINDS] = {0}, sum = {0};
	struct network *source = network_new(1);

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)network_random(source);
	network_free(source);
	for (uint64_t seed = first; seed < first + count; seed++)
		run_seed(seed, tallies);
	for (enum client_kind kind = 0; kind < CLIENT_KINDS; kind++) {
		print(client_name(kind), &tallies[kind]);
		add(&sum, &tallies[kind]);
	}
	print("all", &sum);
	if (count > 1 && sum.failed > FAILED_MAX * sum.seeds) {
		fprintf(stderr, "too many failures, even for networks like these\n");
		return 1;
	}
	return 0;
}
