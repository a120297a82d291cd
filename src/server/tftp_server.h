/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/admission.h"
#include "core/catalog.h"
#include "core/iface_table.h"
#include "core/tftp_transfer.h"

struct event_base;

/* TFTP on port 69: read requests for the catalog's names. */
struct tftp_server;

struct tftp_server_policy {
	struct tftp_limits transfer; /* blksize_max is lowered to the interface's MTU - 32 */
	unsigned transfers_max;
	unsigned transfers_per_client_max;
	bool single_port;		/* answer from the server's own port */
	uint16_t port_first, port_last; /* of the transfers' own sockets; 0: any */
};

/* Binds the port. 0 or -errno. Table and catalog outlive the server. A policy is to be set before
 * the start. */
int tftp_server_new(uint16_t port, const struct iface_table *interfaces,
	const struct catalog *catalog, struct tftp_server **ret_server);
void tftp_server_free(struct tftp_server *server); /* transfers in flight end here */

/* Takes datagrams from the loop from now on. 0 or -ENOMEM. */
int tftp_server_start(struct tftp_server *server, struct event_base *base);

/* For requests from now on; transfers in flight keep their limits. Arrays are borrowed until
 * replaced. */
void tftp_server_set_policy(struct tftp_server *server, const struct tftp_server_policy *policy,
	const struct admission_policy *admission);

/* Takes no new request and calls `drained` once no transfer is left, perhaps at once; it must not
 * free the server. */
void tftp_server_drain(struct tftp_server *server, void (*drained)(void *context), void *context);

unsigned tftp_server_transfers(const struct tftp_server *server);
