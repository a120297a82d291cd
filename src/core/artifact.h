/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/authenticode.h"

/* What may be served: an immutable, reference-counted buffer whose only constructors verify it. The
 * count is not atomic: references are taken and dropped on one thread at a time. */
struct artifact;

enum artifact_kind {
	ARTIFACT_SIGNED_IMAGE,
	ARTIFACT_SCRIPT, /* an iPXE script, protected by nothing: it names no secret */
};

/* What a judgment says to a person: why an artifact was refused. */
#define ARTIFACT_REASON_MAX 512
#define ARTIFACT_SCRIPT_MAX 65536 /* octets; chain.ipxe has some thousand */

/* Takes over `data` (of malloc, `len` octets) in every case: it is freed on refusal. Demands an EFI
 * image for `machine`, of at most `limit_bytes`, signed under `db`. NULL: refused, `ret_reason`
 * says why in one sentence that follows "signed_ipxe.efi is": "truncated: …", "signed by "CN=…"
 * (sha256 …), which is not the db certificate "CN=…" (sha256 …)". */
struct artifact *artifact_new_signed_image(uint8_t *data, size_t len, size_t limit_bytes,
	uint16_t machine, const struct db_cert *db, char ret_reason[ARTIFACT_REASON_MAX]);

/* A script: text that opens with "#!ipxe", of at most ARTIFACT_SCRIPT_MAX octets. Ownership and
 * refusal as above. */
struct artifact *artifact_new_script(
	uint8_t *data, size_t len, char ret_reason[ARTIFACT_REASON_MAX]);

struct artifact *artifact_ref(struct artifact *artifact);
void artifact_unref(struct artifact *artifact);
CLEANUP_DEFINE(struct artifact *, artifact_unref)

struct bytes artifact_bytes(const struct artifact *artifact);
enum artifact_kind artifact_kind(const struct artifact *artifact);
uint16_t artifact_machine(const struct artifact *artifact);	 /* 0 for a script */
const uint8_t *artifact_sha256(const struct artifact *artifact); /* 32 octets of the whole file */
const struct cert_identity *artifact_signer(
	const struct artifact *artifact); /* NULL for a script */
