/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Privilege: what is left of it after the sockets are bound. */

/* When root: becomes `user` (its groups too) and keeps CAP_NET_BIND_SERVICE alone, in a bounding
 * set of nothing else. When not root: drops every other capability it happens to hold. Either way
 * sets no_new_privs. 0, -ENOENT: no such user, or -errno. */
int sandbox_drop_privileges(const char *user);
