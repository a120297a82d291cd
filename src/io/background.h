/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Leaves the terminal, in two steps: what fails between them is still said there, and is the exit
 * status of the command. */

/* Returns in a child, in a session of its own, in "/" and without input. The process that called
 * ends with 0 when the child calls background_ready, or with the child's status when that ends
 * before. 0 or -errno. `ret_fd` is what background_ready takes. */
int background_enter(int *ret_fd);

/* Lets go of the output, and of the process that waits. Takes `fd` over. 0 or -errno. */
int background_ready(int fd);
