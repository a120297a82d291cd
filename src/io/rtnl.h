/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/iface_table.h"

/* The kernel's links and IPv4 addresses through rtnetlink (libmnl): a full dump first, then changes
 * on the same path; when the kernel dropped some (ENOBUFS), a full dump again. */
struct rtnl;

int rtnl_open(struct rtnl **ret_rtnl); /* 0 or -errno */
void rtnl_close(struct rtnl *rtnl);
CLEANUP_DEFINE(struct rtnl *, rtnl_close)

/* To be watched for reading. */
int rtnl_fd(const struct rtnl *rtnl);

/* Reads what is pending into the table, without blocking; what is left after a bounded share is
 * still readable. Returns 1 when what is served changed, 0 when not, -errno: the next call begins
 * a full dump. What the table has no room for it tells itself: iface_table_overflowed. */
int rtnl_update(struct rtnl *rtnl, struct iface_table *table);

/* Blocks (at most two seconds) until the table holds a full dump. 0, -ETIMEDOUT or -errno. */
int rtnl_load(struct rtnl *rtnl, struct iface_table *table);
