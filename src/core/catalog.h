/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/artifact.h"

/* Names under which artifacts are served. A client's name is looked up here and nowhere else: it
 * never reaches a file system. */
struct catalog;

#define CATALOG_NAME_MAX    127
#define CATALOG_ENTRIES_MAX 16

struct catalog *catalog_new(void);
void catalog_free(struct catalog *catalog);

/* From now on `name` means `artifact` (a reference is taken), or nothing (NULL). Transfers in
 * flight keep what they have. -EINVAL: no name at all, -ENAMETOOLONG, -ENOSPC. */
int catalog_publish(struct catalog *catalog, const char *name, struct artifact *artifact);

/* A new reference, or NULL. The name is taken as clients spell it: '\' for '/', leading slashes,
 * any case, and a tail of control or 0xff octets that some ROMs append. */
struct artifact *catalog_get(const struct catalog *catalog, struct bytes name);
