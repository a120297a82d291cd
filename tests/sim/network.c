/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated network: a heap of packets ordered by arrival, and one generator of random numbers
 * (xorshift64*) that decides the fate of each.
 */
#include "tests/sim/network.h"

#include <assert.h>
#include <stdlib.h>

#define IN_FLIGHT_MAX 4096
#define PACKET_MAX    1500

struct in_flight {
	uint64_t arrival_us;
	uint64_t number; /* breaks ties: first sent, first delivered */
	struct network_packet packet;
	uint8_t octets[PACKET_MAX];
};

struct network {
	uint64_t state;
	struct network_faults faults;
	uint64_t n_sent, n_lost;
	size_t n;
	struct in_flight *heap[IN_FLIGHT_MAX];
	struct in_flight *delivered;
};

uint32_t network_random(struct network *network)
{
	network->state ^= network->state >> 12;
	network->state ^= network->state << 25;
	network->state ^= network->state >> 27;
	return (uint32_t)((network->state * 0x2545f4914f6cdd1d) >> 32);
}

uint32_t network_random_below(struct network *network, uint32_t limit)
{
	return limit > 0 ? network_random(network) % limit : 0;
}

bool network_chance(struct network *network, double fraction)
{
	return network_random(network) < fraction * 4294967296.0;
}

struct network *network_new(uint64_t seed)
{
	struct network *network = calloc(1, sizeof(*network));

	assert(network);
	network->state = seed * 0x9e3779b97f4a7c15 + 1;
	for (int i = 0; i < 8; i++)
		network_random(network);
	return network;
}

void network_free(struct network *network)
{
	free(network->delivered);
	for (size_t i = 0; i < network->n; i++)
		free(network->heap[i]);
	free(network);
}

void network_set_faults(struct network *network, const struct network_faults *faults)
{
	network->faults = *faults;
}

static bool earlier(const struct in_flight *a, const struct in_flight *b)
{
	return a->arrival_us != b->arrival_us ? a->arrival_us < b->arrival_us
					      : a->number < b->number;
}

static void swap(struct in_flight **a, struct in_flight **b)
{
	struct in_flight *c = *a;

	*a = *b;
	*b = c;
}

static void heap_push(struct network *network, struct in_flight *packet)
{
	struct in_flight **heap = network->heap;
	size_t i = network->n++;

	heap[i] = packet;
	for (; i > 0 && earlier(heap[i], heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&heap[i], &heap[(i - 1) / 2]);
}

static struct in_flight *heap_pop(struct network *network)
{
	struct in_flight **heap = network->heap, *first = heap[0];
	size_t i = 0;

	heap[0] = heap[--network->n];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < network->n && earlier(heap[child], heap[least]))
				least = child;
		if (least == i)
			return first;
		swap(&heap[i], &heap[least]);
		i = least;
	}
}

static void enqueue(struct network *network, const struct network_packet *packet, uint64_t now_us)
{
	struct in_flight *copy = malloc(sizeof(*copy));

	assert(copy && packet->payload.len <= PACKET_MAX);
	copy->arrival_us = now_us + network->faults.delay_us
			   + network_random_below(network, network->faults.variation_us);
	copy->number = network->n_sent++;
	copy->packet = *packet;
	if (packet->payload.len > 0)
		memcpy(copy->octets, packet->payload.data, packet->payload.len);
	copy->packet.payload.data = copy->octets;
	heap_push(network, copy);
}

void network_send(struct network *network, const struct network_packet *packet, uint64_t now_us)
{
	if (network->n >= IN_FLIGHT_MAX - 1 || network_chance(network, network->faults.loss)) {
		network->n_lost++;
		return;
	}
	enqueue(network, packet, now_us);
	if (network_chance(network, network->faults.duplication))
		enqueue(network, packet, now_us);
}

uint64_t network_lost(const struct network *network)
{
	return network->n_lost;
}

uint64_t network_next_us(const struct network *network)
{
	return network->n > 0 ? network->heap[0]->arrival_us : UINT64_MAX;
}

struct network_packet network_receive(struct network *network)
{
	free(network->delivered);
	network->delivered = heap_pop(network);
	return network->delivered->packet;
}
