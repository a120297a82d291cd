/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/cleanup.h"
#include "core/authenticode.h"
#include "tests/read_file.h"

CLEANUP_DEFINE(struct db_cert *, db_cert_free)

static struct db_cert *read_cert(const char *name)
{
	size_t len;
	CLEANUP_FREE uint8_t *encoded = read_image(name, &len);

	return db_cert_new(bytes_of(encoded, len));
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_certificate_in_either_encoding),
		cmocka_unit_test(test_certificate_identity),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_every_changed_octet_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
