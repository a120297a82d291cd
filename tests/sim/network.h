/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

/* A bad network on a virtual clock, the same for the same seed: it loses, duplicates, delays and,
 * where delays vary, reorders. Between one server address and one client address, so ports are
 * all there is to an address. */
struct network;

struct network_faults {
	double loss;	       /* of every packet, each way: 0…1 */
	double duplication;    /* likewise */
	uint32_t delay_us;     /* one way */
	uint32_t variation_us; /* up to so much more, each packet for itself */
};

struct network_packet {
	bool to_server;
	bool unreachable; /* ICMP: nobody listens at from_port */
	uint16_t from_port, to_port;
	struct bytes payload; /* valid until the next call */
};

/* 32 random bits, uniform below `limit`, or true in a fraction of all cases. */
uint32_t network_random(struct network *network);
uint32_t network_random_below(struct network *network, uint32_t limit);
bool network_chance(struct network *network, double fraction);

struct network *network_new(uint64_t seed);
void network_free(struct network *network);

void network_set_faults(struct network *network, const struct network_faults *faults);

/* Copies the packet, or what becomes of it, into the queue. */
void network_send(struct network *network, const struct network_packet *packet, uint64_t now_us);

/* How many it has lost so far. */
uint64_t network_lost(const struct network *network);

/* When the next packet arrives; UINT64_MAX: none is under way. */
uint64_t network_next_us(const struct network *network);

/* Takes that packet. */
struct network_packet network_receive(struct network *network);
