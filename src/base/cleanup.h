/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

/* `CLEANUP(fn) type *x = NULL;` calls fn(&x) when x leaves its scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))

/* Defines type_func_p(&pointer), which calls func on a non-NULL pointer: for use with CLEANUP. */
#define CLEANUP_DEFINE(type, func)                                                                 \
	static inline void func##_p(type *pointer)                                                 \
	{                                                                                          \
		if (*pointer)                                                                      \
			func(*pointer);                                                            \
	}

static inline void cleanup_free_p(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define CLEANUP_FREE  CLEANUP(cleanup_free_p)
#define CLEANUP_CLOSE CLEANUP(cleanup_close_p)

/* Hands ownership on: the value of the pointer, which becomes NULL. */
#define CLEANUP_STEAL(pointer)                                                                     \
	({                                                                                         \
		__typeof__(pointer) stolen_ = (pointer);                                           \
		(pointer) = NULL;                                                                  \
		stolen_;                                                                           \
	})
