/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Privilege: what is left of it after the sockets are bound. */

/* When root: becomes `user` (its groups too; root itself for a container that holds no more) and
 * keeps CAP_NET_BIND_SERVICE alone, in a bounding set of nothing else. When not root: drops every
 * other capability it happens to hold. Either way sets no_new_privs and makes the memory
 * unreadable to others (no ptrace, no core). To be called before there is a second thread. 0,
 * -ENOENT: no such user, -EPERM or another -errno: part of it failed, and the process must end. */
int sandbox_drop_privileges(const char *user);

/* Whether `user` can be become. 0, -ENOENT: there is no such user, or another -errno. Only root
 * asks: anybody else stays who they are. */
int sandbox_check_user(const char *user);

/* Lets this process hold `count` descriptors at once, if it may not already: within the hard limit,
 * or beyond with CAP_SYS_RESOURCE. -EPERM: the hard limit is lower and is what there is now. */
int sandbox_allow_descriptors(unsigned count);

/* Makes the directory `path` (not its parents) with mode 0750 where it is missing, and gives it to
 * `user` when we are root. Where a link leads is the operator's own affair. 0,
 * -ENOTDIR: something else has that name, or another -errno. */
int sandbox_own_directory(const char *path, const char *user);
