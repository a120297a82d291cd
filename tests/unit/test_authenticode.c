/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/authenticode.h"
#include "tests/read_cert.h"

#include <openssl/pkcs7.h>
#include <openssl/x509.h>

static void test_sha256(void **state)
{
	static const uint8_t abc[SHA256_LEN] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
		0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	uint8_t sha256[SHA256_LEN];

	(void)state;
	assert_true(authenticode_sha256(bytes_of_string("abc"), sha256));
	assert_memory_equal(sha256, abc, sizeof(abc));
}

static void test_certificate_in_either_encoding(void **state)
{
	CLEANUP(db_cert_free_p) struct db_cert *der = read_cert("db.der");
	CLEANUP(db_cert_free_p) struct db_cert *pem = read_cert("db.pem");
	CLEANUP(db_cert_free_p) struct db_cert *other = read_cert("foreign.der");

	(void)state;
	assert_non_null(der);
	assert_non_null(pem);
	assert_non_null(other);
	assert_true(db_cert_equal(der, pem));
	assert_false(db_cert_equal(der, other));
}

static void test_certificate_identity(void **state)
{
	size_t len;
	CLEANUP_FREE uint8_t *encoded = read_image("db.der", &len);
	CLEANUP(db_cert_free_p) struct db_cert *cert = db_cert_new(bytes_of(encoded, len));
	uint8_t sha256[SHA256_LEN];
	struct cert_identity identity;

	(void)state;
	assert_non_null(cert);
	db_cert_identity(cert, &identity);
	assert_string_equal(identity.subject, "CN=edgepxe db TEST ONLY");
	assert_true(authenticode_sha256(bytes_of(encoded, len), sha256));
	assert_memory_equal(identity.sha256, sha256, sizeof(sha256));
}

static void test_no_certificate(void **state)
{
	static const char *const names[] = {
		"two.pem", "signed.efi", "error-page.efi", "zeroes.efi"};
	size_t len;
	CLEANUP_FREE uint8_t *der = read_image("db.der", &len);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(read_cert(names[i]));
	assert_null(db_cert_new((struct bytes){0}));
	assert_null(db_cert_new(bytes_of(der, len - 1)));
	der = realloc(der, len + 1);
	assert_non_null(der);
	der[len] = 0;
	assert_null(db_cert_new(bytes_of(der, len + 1)));
}

static enum authenticode_status verify(
	const char *image_name, const char *cert_name, struct cert_identity *ret_signer)
{
	size_t len;
	CLEANUP_FREE uint8_t *data = read_image(image_name, &len);
	CLEANUP(db_cert_free_p) struct db_cert *db = read_cert(cert_name);
	struct pe_image image;

	assert_non_null(db);
	assert_int_equal(pe_image_parse(bytes_of(data, len), &image), PE_OK);
	return authenticode_verify(&image, db, ret_signer);
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *image, *cert;
		enum authenticode_status status;
		const char *signer;
	} cases[] = {
		{"signed.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"signed.efi", "foreign.der", AUTHENTICODE_UNTRUSTED, "db"},
		{"signed-ia32.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"signed-gap.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"signed-other-producer.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"signed-sha1.efi", "db.der", AUTHENTICODE_WEAK_DIGEST, "db"},
		{"signed-sha384.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"signed-sha512.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"signed-twice-db-last.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"signed-twice-db-last.efi", "foreign.der", AUTHENTICODE_OK, "foreign"},
		{"signed-twice-foreign.efi", "db.der", AUTHENTICODE_UNTRUSTED, "foreign"},
		{"signed-nested.efi", "db.der", AUTHENTICODE_UNTRUSTED, "foreign"},
		{"signed-expired.efi", "expired.der", AUTHENTICODE_OK, "expired"},
		{"signed-future.efi", "future.der", AUTHENTICODE_OK, "future"},
		{"signed-server.efi", "server.der", AUTHENTICODE_OK, "server"},
		{"signed-chain.efi", "root.der", AUTHENTICODE_OK, "leaf"},
		{"signed-chain.efi", "intermediate.der", AUTHENTICODE_OK, "leaf"},
		{"signed-chain.efi", "db.der", AUTHENTICODE_UNTRUSTED, "leaf"},
		{"unsigned.efi", "db.der", AUTHENTICODE_UNSIGNED, NULL},
		{"changed-checksum.efi", "db.der", AUTHENTICODE_OK, "db"},
		{"changed-code.efi", "db.der", AUTHENTICODE_DIGEST_MISMATCH, "db"},
		{"changed-signature-start.efi", "db.der", AUTHENTICODE_MALFORMED, NULL},
		{"changed-signature-content-type.efi", "db.der", AUTHENTICODE_MALFORMED, NULL},
		{"changed-signature-digest.efi", "db.der", AUTHENTICODE_DIGEST_MISMATCH, "db"},
		{"changed-signature-value.efi", "db.der", AUTHENTICODE_BAD_SIGNATURE, "db"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cert_identity signer;
		char subject[CERT_SUBJECT_MAX] = "";

		if (cases[i].signer)
			snprintf(subject, sizeof(subject), "CN=edgepxe %s TEST ONLY",
				cases[i].signer);
		print_message("%s under %s\n", cases[i].image, cases[i].cert);
		assert_int_equal(verify(cases[i].image, cases[i].cert, &signer), cases[i].status);
		assert_string_equal(signer.subject, subject);
	}
}

/* The digest covers every octet before the table but twelve: flip each in turn. */
static void test_every_changed_octet_is_noticed(void **state)
{
	size_t len;
	CLEANUP_FREE uint8_t *data = read_image("signed.efi", &len);
	CLEANUP(db_cert_free_p) struct db_cert *db = read_cert("db.der");
	struct cert_identity signer;
	struct pe_image image;
	size_t end, passed = 0;

	(void)state;
	assert_non_null(db);
	assert_int_equal(pe_image_parse(bytes_of(data, len), &image), PE_OK);
	end = (size_t)(image.certificate_table.data - data);
	for (size_t i = 0; i < end; i++) {
		data[i] ^= 0x10;
		if (pe_image_parse(bytes_of(data, len), &image) == PE_OK
			&& authenticode_verify(&image, db, &signer) == AUTHENTICODE_OK)
			passed++;
		data[i] ^= 0x10;
	}
	assert_int_equal(passed, 4); /* the checksum's; a changed entry is refused by its layout */
}

/* Signatures that no honest tool makes, made here. */

#define CHECKSUM_OFFSET 0x98
#define ENTRY_OFFSET	0xe8

enum oddity {
	ODDITY_NONE,
	ODDITY_SHORT_DIGEST,   /* one octet less than the algorithm has */
	ODDITY_LONG_DIGEST,    /* one more */
	ODDITY_MORE_CONTENT,   /* an element more in SpcIndirectDataContent */
	ODDITY_NO_SIGNER,      /* no SignerInfo */
	ODDITY_NO_CERTIFICATE, /* the signer's certificate is not in it */
	ODDITY_LONG_TYPE,      /* the content type's OID goes on after Authenticode's */
	ODDITY_NO_CONTENT,
	ODDITY_BOOLEAN_CONTENT, /* where a SEQUENCE belongs */
	ODDITY_EMPTY_CONTENT,	/* an empty SEQUENCE */
};

struct forger {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t *image;
	size_t len;
};

static size_t put(uint8_t *at, const void *octets, size_t len)
{
	memcpy(at, octets, len);
	return len;
}

/* SEQUENCE { SEQUENCE { OID }, SEQUENCE { SEQUENCE { algorithm }, OCTET STRING } } */
static size_t indirect_data(
	const struct forger *forger, const EVP_MD *md, enum oddity oddity, uint8_t der[256])
{
	static const uint8_t type[] = {
		0x30, 0x0c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f};
	const ASN1_OBJECT *algorithm = OBJ_nid2obj(EVP_MD_get_type(md));
	size_t oid_len = OBJ_length(algorithm), len = 2;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_len;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	EVP_DigestInit_ex(context, md, NULL);
	EVP_DigestUpdate(context, forger->image, CHECKSUM_OFFSET);
	EVP_DigestUpdate(
		context, forger->image + CHECKSUM_OFFSET + 4, ENTRY_OFFSET - CHECKSUM_OFFSET - 4);
	EVP_DigestUpdate(context, forger->image + ENTRY_OFFSET + 8, forger->len - ENTRY_OFFSET - 8);
	EVP_DigestFinal_ex(context, digest, &digest_len);
	EVP_MD_CTX_free(context);
	if (oddity == ODDITY_SHORT_DIGEST)
		digest_len--;
	if (oddity == ODDITY_LONG_DIGEST)
		digest[digest_len++] = 0;
	len += put(der + len, type, sizeof(type));
	len += put(der + len,
		(uint8_t[]){0x30, (uint8_t)(6 + oid_len + digest_len), 0x30, (uint8_t)(2 + oid_len),
			0x06, (uint8_t)oid_len},
		6);
	len += put(der + len, OBJ_get0_data(algorithm), oid_len);
	len += put(der + len, (uint8_t[]){0x04, (uint8_t)digest_len}, 2);
	len += put(der + len, digest, digest_len);
	if (oddity == ODDITY_MORE_CONTENT)
		len += put(der + len, (uint8_t[]){0x05, 0x00}, 2);
	if (oddity == ODDITY_EMPTY_CONTENT)
		len = 2;
	if (oddity == ODDITY_BOOLEAN_CONTENT)
		len = 3;
	put(der, (uint8_t[]){oddity == ODDITY_BOOLEAN_CONTENT ? 0x01 : 0x30, (uint8_t)(len - 2)},
		2);
	assert_true(len - 2 < 0x80);
	return len;
}

/* A PKCS#7 over `content`, as sbsign makes it, of which the caller owns the encoding. */
static int sign(const struct forger *forger, struct bytes content, const EVP_MD *md,
	enum oddity oddity, uint8_t **ret_der)
{
	PKCS7 *p7 = PKCS7_new();
	PKCS7_SIGNER_INFO *info = NULL;
	ASN1_OBJECT *type = OBJ_txt2obj(
		oddity == ODDITY_LONG_TYPE ? "1.3.6.1.4.1.311.2.1.4.1" : "1.3.6.1.4.1.311.2.1.4",
		1);
	BIO *bio;
	int len;

	assert_int_equal(PKCS7_set_type(p7, NID_pkcs7_signed), 1);
	if (oddity != ODDITY_NO_SIGNER)
		info = PKCS7_add_signature(p7, forger->cert, forger->key, md);
	if (info) {
		PKCS7_add_signed_attribute(
			info, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_dup(type));
	} else {
		X509_ALGOR *algorithm = X509_ALGOR_new();

		X509_ALGOR_set_md(algorithm, md);
		sk_X509_ALGOR_push(p7->d.sign->md_algs, algorithm);
	}
	if (oddity != ODDITY_NO_CERTIFICATE)
		PKCS7_add_certificate(p7, forger->cert);
	PKCS7_content_new(p7, NID_pkcs7_data);
	PKCS7_set_detached(p7, 1);
	bio = PKCS7_dataInit(p7, NULL);
	assert_non_null(bio);
	BIO_write(bio, content.data + 2, (int)content.len - 2);
	assert_int_equal(PKCS7_dataFinal(p7, bio), 1);
	BIO_free_all(bio);
	p7->d.sign->contents->type = type;
	if (oddity != ODDITY_NO_CONTENT) {
		const uint8_t *pos = content.data;

		p7->d.sign->contents->d.other = d2i_ASN1_TYPE(NULL, &pos, (long)content.len);
		assert_non_null(p7->d.sign->contents->d.other);
	}
	*ret_der = NULL;
	len = i2d_PKCS7(p7, ret_der);
	assert_true(len > 0);
	PKCS7_free(p7);
	return len;
}

static enum authenticode_status judge_forged(const struct forger *forger, const EVP_MD *image_md,
	const EVP_MD *signer_md, enum oddity oddity)
{
	uint8_t indirect[256], *der, *cert_der = NULL;
	struct bytes content =
		bytes_of(indirect, indirect_data(forger, image_md, oddity, indirect));
	size_t der_len = (size_t)sign(forger, content, signer_md, oddity, &der);
	size_t entry_len = 8 + der_len, table_len = (entry_len + 7) & ~(size_t)7;
	CLEANUP_FREE uint8_t *file = calloc(1, forger->len + table_len);
	int cert_len = i2d_X509(forger->cert, &cert_der);
	CLEANUP(db_cert_free_p)
	struct db_cert *db = db_cert_new(bytes_of(cert_der, (size_t)cert_len));
	struct cert_identity signer;
	struct pe_image image;

	assert_non_null(file);
	assert_non_null(db);
	put(file, forger->image, forger->len);
	put(file + ENTRY_OFFSET, (uint32_t[]){(uint32_t)forger->len, (uint32_t)table_len}, 8);
	put(file + forger->len, (uint32_t[]){(uint32_t)entry_len, 0x00020200}, 8);
	put(file + forger->len + 8, der, der_len);
	OPENSSL_free(der);
	OPENSSL_free(cert_der);
	assert_int_equal(pe_image_parse(bytes_of(file, forger->len + table_len), &image), PE_OK);
	return authenticode_verify(&image, db, &signer);
}

static struct forger forger_new(void)
{
	struct forger forger = {.key = EVP_RSA_gen(2048), .cert = X509_new()};

	forger.image = read_image("unsigned.efi", &forger.len);
	assert_non_null(forger.key);
	X509_set_version(forger.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(forger.cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(forger.cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(forger.cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(forger.cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"forger", -1, -1, 0);
	X509_set_issuer_name(forger.cert, X509_get_subject_name(forger.cert));
	X509_set_pubkey(forger.cert, forger.key);
	assert_true(X509_sign(forger.cert, forger.key, EVP_sha256()) > 0);
	return forger;
}

static void test_forged_signatures(void **state)
{
	struct forger forger = forger_new();
	const struct {
		const char *name;
		const EVP_MD *image_md, *signer_md;
		enum oddity oddity;
		enum authenticode_status status;
	} cases[] = {
		{"honest", EVP_sha256(), EVP_sha256(), ODDITY_NONE, AUTHENTICODE_OK},
		{"honest, SHA-512", EVP_sha512(), EVP_sha512(), ODDITY_NONE, AUTHENTICODE_OK},
		{"image's digest is weak", EVP_sha1(), EVP_sha256(), ODDITY_NONE,
			AUTHENTICODE_WEAK_DIGEST},
		{"signer's digest is weak", EVP_sha256(), EVP_sha1(), ODDITY_NONE,
			AUTHENTICODE_WEAK_DIGEST},
		{"firmware would compute another digest", EVP_sha512(), EVP_sha256(), ODDITY_NONE,
			AUTHENTICODE_MALFORMED},
		{"short digest", EVP_sha256(), EVP_sha256(), ODDITY_SHORT_DIGEST,
			AUTHENTICODE_DIGEST_MISMATCH},
		{"long digest", EVP_sha256(), EVP_sha256(), ODDITY_LONG_DIGEST,
			AUTHENTICODE_DIGEST_MISMATCH},
		{"more content", EVP_sha256(), EVP_sha256(), ODDITY_MORE_CONTENT,
			AUTHENTICODE_MALFORMED},
		{"no signer", EVP_sha256(), EVP_sha256(), ODDITY_NO_SIGNER,
			AUTHENTICODE_BAD_SIGNATURE},
		{"no certificate", EVP_sha256(), EVP_sha256(), ODDITY_NO_CERTIFICATE,
			AUTHENTICODE_BAD_SIGNATURE},
		{"long content type", EVP_sha256(), EVP_sha256(), ODDITY_LONG_TYPE,
			AUTHENTICODE_MALFORMED},
		{"no content", EVP_sha256(), EVP_sha256(), ODDITY_NO_CONTENT,
			AUTHENTICODE_MALFORMED},
		{"a boolean as content", EVP_sha256(), EVP_sha256(), ODDITY_BOOLEAN_CONTENT,
			AUTHENTICODE_MALFORMED},
		{"empty content", EVP_sha256(), EVP_sha256(), ODDITY_EMPTY_CONTENT,
			AUTHENTICODE_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(judge_forged(&forger, cases[i].image_md, cases[i].signer_md,
					 cases[i].oddity),
			cases[i].status);
	}
	EVP_PKEY_free(forger.key);
	X509_free(forger.cert);
	free(forger.image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_certificate_in_either_encoding),
		cmocka_unit_test(test_certificate_identity),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_every_changed_octet_is_noticed),
		cmocka_unit_test(test_forged_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
