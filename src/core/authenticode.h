/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cleanup.h"
#include "core/pe_image.h"

/* Authenticode (Windows Authenticode Portable Executable Signature Format; UEFI 2.10 section 32.2),
 * judged as the firmware judges it: partial chain, no check of time, any purpose. */

#define SHA256_LEN 32

/* SHA-256 of any octets: here, because this is the home of the library that does it. False: no
 * memory. */
bool authenticode_sha256(struct bytes input, uint8_t ret_sha256[SHA256_LEN]);

/* A Secure Boot db certificate; immutable, owned by its creator. */
struct db_cert;

/* DER or PEM of one X.509 certificate and nothing else. NULL: it is neither, or no memory. */
struct db_cert *db_cert_new(struct bytes encoded);
void db_cert_free(struct db_cert *cert);
CLEANUP_DEFINE(struct db_cert *, db_cert_free)
bool db_cert_equal(const struct db_cert *a, const struct db_cert *b);

/* SHA-256 of the DER, and the subject in one line, for people. */
#define CERT_SUBJECT_MAX 128
struct cert_identity {
	uint8_t sha256[SHA256_LEN];
	char subject[CERT_SUBJECT_MAX];
};
void db_cert_identity(const struct db_cert *cert, struct cert_identity *ret_identity);

enum authenticode_status {
	AUTHENTICODE_OK,
	AUTHENTICODE_UNSIGNED,	      /* no signature at all */
	AUTHENTICODE_MALFORMED,	      /* no signature that can be read */
	AUTHENTICODE_WEAK_DIGEST,     /* neither SHA-256, SHA-384 nor SHA-512 */
	AUTHENTICODE_DIGEST_MISMATCH, /* the image was changed after it was signed */
	AUTHENTICODE_BAD_SIGNATURE,   /* the image is as signed, the signature does not hold */
	AUTHENTICODE_UNTRUSTED,	      /* intact, but signed by another key */
	AUTHENTICODE_NO_MEMORY,
};

/* Any one good signature suffices; else the status is that of the most telling one (the later in
 * the enum). `ret_signer` is filled in every case with the certificate of the signer of that
 * signature where one could be read: subject "" otherwise. */
enum authenticode_status authenticode_verify(
	const struct pe_image *image, const struct db_cert *db, struct cert_identity *ret_signer);

const char *authenticode_status_text(enum authenticode_status status);
