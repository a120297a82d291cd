/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/admission.h"
#include "core/iface_table.h"
#include "core/proxydhcp.h"

struct event_base;

/* proxyDHCP on ports 67 and 4011: each answer leaves from the interface its question came in at,
 * and from that interface's own address. */
struct dhcp_server;

/* Binds both ports; answers nothing yet. 0 or -errno. The table outlives the server. */
int dhcp_server_new(const struct iface_table *interfaces, struct dhcp_server **ret_server);
void dhcp_server_free(struct dhcp_server *server);

/* Takes datagrams from the loop from now on. 0 or -errno. */
int dhcp_server_start(struct dhcp_server *server, struct event_base *base);

/* Takes none any more: a node that has not begun yet is left to another server. */
void dhcp_server_stop(struct dhcp_server *server);

/* From the next datagram on; strings and arrays are borrowed until replaced. */
void dhcp_server_set_policy(struct dhcp_server *server, const struct proxydhcp_policy *policy,
	const struct admission_policy *admission);
