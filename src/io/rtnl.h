/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/iface_table.h"

/* The kernel's links and IPv4 addresses through rtnetlink (libmnl): a full dump first, then changes
 * on the same path; when the kernel dropped some (ENOBUFS), a full dump again. */
struct rtnl;

int rtnl_open(struct rtnl **ret_rtnl); /* 0 or -errno */
void rtnl_close(struct rtnl *rtnl);

/* To be watched for reading. */
int rtnl_fd(const struct rtnl *rtnl);

/* Reads all that is pending into the table, without blocking. Returns 1 when what is served
 * changed, 0 when not, -errno. */
int rtnl_update(struct rtnl *rtnl, struct iface_table *table);

/* Blocks (at most a second or so) until the table holds a full dump. */
int rtnl_load(struct rtnl *rtnl, struct iface_table *table);
