/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door through which octets become something to serve.
 *
 * Hides who owns the octets and how they were judged. Invariant: an artifact of kind
 * ARTIFACT_SIGNED_IMAGE is an EFI application for its machine, signed under the db certificate it
 * was made with, and never changes.
 */
#include "core/artifact.h"

#include <assert.h>
#include <stdio.h>

struct artifact {
	unsigned references;
	enum artifact_kind kind;
	uint8_t *data;
	size_t len;
	uint16_t machine;
	uint8_t sha256[SHA256_LEN];
	struct cert_identity signer;
};

static void refuse_with(char reason[ARTIFACT_REASON_MAX], const char *text)
{
	snprintf(reason, ARTIFACT_REASON_MAX, "%s", text);
}

/* Takes over *data, or leaves it when there is no memory. */
static struct artifact *create(
	enum artifact_kind kind, uint8_t **data, size_t len, char ret_reason[ARTIFACT_REASON_MAX])
{
	CLEANUP_FREE struct artifact *artifact = calloc(1, sizeof(*artifact));

	if (!artifact || !authenticode_sha256(bytes_of(*data, len), artifact->sha256)) {
		refuse_with(ret_reason, "not judged: out of memory");
		return NULL;
	}
	artifact->references = 1;
	artifact->kind = kind;
	artifact->data = CLEANUP_STEAL(*data);
	artifact->len = len;
	return CLEANUP_STEAL(artifact);
}

/* An error page or a script where an image was asked for. */
static bool looks_like_text(struct bytes file)
{
	size_t n = file.len < 256 ? file.len : 256;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = file.data[i];

		if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
			return false;
	}
	return n > 0;
}

static void refuse_layout(
	struct bytes file, enum pe_status status, char reason[ARTIFACT_REASON_MAX])
{
	if (status == PE_NOT_PE && looks_like_text(file))
		refuse_with(reason,
			"text or HTML, not an EFI image: did the server send an error page?");
	else if (status == PE_TRUNCATED)
		snprintf(reason, ARTIFACT_REASON_MAX, "%s (%zu octets)", pe_status_text(status),
			file.len);
	else
		refuse_with(reason, pe_status_text(status));
}

static void refuse_signature(enum authenticode_status status, const struct cert_identity *signer,
	const struct db_cert *db, char reason[ARTIFACT_REASON_MAX])
{
	char signer_sha256[2 * SHA256_LEN + 1], db_sha256[2 * SHA256_LEN + 1];
	struct cert_identity expected;

	if (status != AUTHENTICODE_UNTRUSTED) {
		refuse_with(reason, authenticode_status_text(status));
		return;
	}
	db_cert_identity(db, &expected);
	snprintf(reason, ARTIFACT_REASON_MAX,
		"signed by \"%s\" (sha256 %s), which is not the db certificate \"%s\" (sha256 %s)",
		signer->subject, bytes_hex(bytes_of(signer->sha256, SHA256_LEN), signer_sha256),
		expected.subject, bytes_hex(bytes_of(expected.sha256, SHA256_LEN), db_sha256));
}

static bool judge_image(struct bytes file, size_t limit_bytes, uint16_t machine,
	const struct db_cert *db, struct cert_identity *ret_signer,
	char ret_reason[ARTIFACT_REASON_MAX])
{
	enum authenticode_status signature;
	enum pe_status layout;
	struct pe_image image;

	if (file.len == 0) {
		refuse_with(ret_reason, "empty");
		return false;
	}
	if (file.len > limit_bytes) {
		snprintf(ret_reason, ARTIFACT_REASON_MAX, "oversized: %zu octets, the limit is %zu",
			file.len, limit_bytes);
		return false;
	}
	layout = pe_image_parse(file, &image);
	if (layout != PE_OK) {
		refuse_layout(file, layout, ret_reason);
		return false;
	}
	if (image.machine != machine) {
		snprintf(ret_reason, ARTIFACT_REASON_MAX,
			"for %s (machine 0x%04x), this appliance serves %s",
			pe_machine_name(image.machine), image.machine, pe_machine_name(machine));
		return false;
	}
	signature = authenticode_verify(&image, db, ret_signer);
	if (signature != AUTHENTICODE_OK) {
		refuse_signature(signature, ret_signer, db, ret_reason);
		return false;
	}
	return true;
}

struct artifact *artifact_new_signed_image(uint8_t *data, size_t len, size_t limit_bytes,
	uint16_t machine, const struct db_cert *db, char ret_reason[ARTIFACT_REASON_MAX])
{
	CLEANUP_FREE uint8_t *owned = data;
	struct cert_identity signer;
	struct artifact *artifact;

	if (!judge_image(bytes_of(data, len), limit_bytes, machine, db, &signer, ret_reason))
		return NULL;
	artifact = create(ARTIFACT_SIGNED_IMAGE, &owned, len, ret_reason);
	if (!artifact)
		return NULL;
	artifact->machine = machine;
	artifact->signer = signer;
	return artifact;
}

struct artifact *artifact_new_script(
	uint8_t *data, size_t len, char ret_reason[ARTIFACT_REASON_MAX])
{
	CLEANUP_FREE uint8_t *owned = data;

	if (len > ARTIFACT_SCRIPT_MAX) {
		snprintf(ret_reason, ARTIFACT_REASON_MAX, "oversized: %zu octets, the limit is %d",
			len, ARTIFACT_SCRIPT_MAX);
		return NULL;
	}
	if (!bytes_start_with(bytes_of(data, len), "#!ipxe")) {
		refuse_with(ret_reason, "not an iPXE script: it does not begin with \"#!ipxe\"");
		return NULL;
	}
	return create(ARTIFACT_SCRIPT, &owned, len, ret_reason);
}

struct artifact *artifact_ref(struct artifact *artifact)
{
	artifact->references++;
	return artifact;
}

void artifact_unref(struct artifact *artifact)
{
	if (!artifact)
		return;
	assert(artifact->references > 0);
	if (--artifact->references > 0)
		return;
	free(artifact->data);
	free(artifact);
}

struct bytes artifact_bytes(const struct artifact *artifact)
{
	return bytes_of(artifact->data, artifact->len);
}

enum artifact_kind artifact_kind(const struct artifact *artifact)
{
	return artifact->kind;
}

uint16_t artifact_machine(const struct artifact *artifact)
{
	return artifact->machine;
}

const uint8_t *artifact_sha256(const struct artifact *artifact)
{
	return artifact->sha256;
}

const struct cert_identity *artifact_signer(const struct artifact *artifact)
{
	return artifact->kind == ARTIFACT_SIGNED_IMAGE ? &artifact->signer : NULL;
}
