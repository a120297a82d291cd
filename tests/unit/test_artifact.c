/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/artifact.h"
#include "tests/read_cert.h"

#define LIMIT_BYTES 65536

static struct artifact *make(const char *image, size_t limit_bytes, uint16_t machine,
	const char *cert, char reason[ARTIFACT_REASON_MAX])
{
	CLEANUP(db_cert_free_p) struct db_cert *db = read_cert(cert);
	size_t len;
	uint8_t *data = read_image(image, &len);

	assert_non_null(db);
	return artifact_new_signed_image(data, len, limit_bytes, machine, db, reason);
}

static uint16_t machine_of(const char *name)
{
	static const uint16_t machines[] = {PE_MACHINE_I386, PE_MACHINE_X64, PE_MACHINE_ARM64};

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (strcmp(pe_machine_name(machines[i]), name) == 0)
			return machines[i];
	}
	fail_msg("no machine is called %s", name);
	return 0;
}

/* tests/data/images/expected, the table that the system test holds against sbverify. */
static void test_expected_verdicts(void **state)
{
	size_t len;
	CLEANUP_FREE uint8_t *table = read_image("expected", &len);
	unsigned n = 0;

	(void)state;
	table = realloc(table, len + 1);
	assert_non_null(table);
	table[len] = '\0';
	for (char *next, *line = strtok_r((char *)table, "\n", &next); line;
		line = strtok_r(NULL, "\n", &next)) {
		CLEANUP(artifact_unref_p) struct artifact *artifact = NULL;
		char image[64], cert[32], machine[16], expected[ARTIFACT_REASON_MAX];
		char reason[ARTIFACT_REASON_MAX] = "";

		if (line[0] == '#')
			continue;
		assert_int_equal(
			sscanf(line, "%63s %31s %15s %511[^\n]", image, cert, machine, expected),
			4);
		print_message("%s\n", line);
		artifact = make(image, LIMIT_BYTES, machine_of(machine), cert, reason);
		if (strcmp(expected, "ok") == 0) {
			assert_non_null(artifact);
		} else {
			assert_null(artifact);
			assert_true(bytes_start_with(bytes_of_string(expected), "refused: "));
			assert_true(bytes_start_with(
				bytes_of_string(reason), expected + strlen("refused: ")));
		}
		n++;
	}
	assert_true(n > 90);
}

static void hex(const uint8_t *octets, char text[2 * SHA256_LEN + 1])
{
	for (size_t i = 0; i < SHA256_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", octets[i]);
}

static void test_another_key_is_named(void **state)
{
	char reason[ARTIFACT_REASON_MAX], signer_sha256[65], expected_sha256[65];
	CLEANUP(db_cert_free_p) struct db_cert *foreign = read_cert("foreign.der");
	CLEANUP(db_cert_free_p) struct db_cert *db = read_cert("db.der");
	char expected[ARTIFACT_REASON_MAX];
	struct cert_identity identity;

	(void)state;
	assert_null(make("signed-foreign.efi", LIMIT_BYTES, PE_MACHINE_X64, "db.der", reason));
	db_cert_identity(foreign, &identity);
	hex(identity.sha256, signer_sha256);
	db_cert_identity(db, &identity);
	hex(identity.sha256, expected_sha256);
	snprintf(expected, sizeof(expected),
		"signed by \"CN=edgepxe foreign TEST ONLY\" (sha256 %s), which is not the db "
		"certificate \"CN=edgepxe db TEST ONLY\" (sha256 %s)",
		signer_sha256, expected_sha256);
	assert_string_equal(reason, expected);
}

static void test_size_limit(void **state)
{
	char reason[ARTIFACT_REASON_MAX], expected[ARTIFACT_REASON_MAX];
	struct artifact *artifact;
	size_t len;

	(void)state;
	free(read_image("signed.efi", &len));
	artifact = make("signed.efi", len, PE_MACHINE_X64, "db.der", reason);
	assert_non_null(artifact);
	artifact_unref(artifact);
	assert_null(make("signed.efi", len - 1, PE_MACHINE_X64, "db.der", reason));
	snprintf(expected, sizeof(expected), "oversized: %zu octets, the limit is %zu", len,
		len - 1);
	assert_string_equal(reason, expected);
}

static void test_is_what_was_verified(void **state)
{
	char reason[ARTIFACT_REASON_MAX];
	size_t len;
	CLEANUP_FREE uint8_t *data = read_image("signed.efi", &len);
	uint8_t sha256[SHA256_LEN];
	struct artifact *artifact =
		make("signed.efi", LIMIT_BYTES, PE_MACHINE_X64, "db.der", reason);

	(void)state;
	assert_non_null(artifact);
	assert_true(bytes_equal(artifact_bytes(artifact), bytes_of(data, len)));
	assert_int_equal(artifact_kind(artifact), ARTIFACT_SIGNED_IMAGE);
	assert_int_equal(artifact_machine(artifact), PE_MACHINE_X64);
	assert_true(authenticode_sha256(bytes_of(data, len), sha256));
	assert_memory_equal(artifact_sha256(artifact), sha256, sizeof(sha256));
	assert_string_equal(artifact_signer(artifact)->subject, "CN=edgepxe db TEST ONLY");
	assert_ptr_equal(artifact_ref(artifact), artifact);
	artifact_unref(artifact);
	assert_true(bytes_equal(artifact_bytes(artifact), bytes_of(data, len)));
	artifact_unref(artifact);
}

static struct artifact *make_script(const char *text, size_t len, char reason[ARTIFACT_REASON_MAX])
{
	uint8_t *data = malloc(len + 1);

	assert_non_null(data);
	memset(data, '\n', len);
	memcpy(data, text, strlen(text) < len ? strlen(text) : len);
	return artifact_new_script(data, len, reason);
}

static void test_script(void **state)
{
	static const char text[] = "#!ipxe\necho hello\n";
	char reason[ARTIFACT_REASON_MAX];
	struct artifact *script = make_script(text, strlen(text), reason);

	(void)state;
	assert_non_null(script);
	assert_int_equal(artifact_kind(script), ARTIFACT_SCRIPT);
	assert_int_equal(artifact_machine(script), 0);
	assert_null(artifact_signer(script));
	assert_true(bytes_equal(artifact_bytes(script), bytes_of_string(text)));
	artifact_unref(script);
}

static void test_no_script(void **state)
{
	char reason[ARTIFACT_REASON_MAX];
	struct artifact *largest;

	(void)state;
	assert_null(make_script("#!/bin/sh\n", 10, reason));
	assert_string_equal(reason, "not an iPXE script: it does not begin with \"#!ipxe\"");
	assert_null(make_script("", 0, reason));
	assert_null(make_script("#!ipxe\n", ARTIFACT_SCRIPT_MAX + 1, reason));
	assert_string_equal(reason, "oversized: 65537 octets, the limit is 65536");
	largest = make_script("#!ipxe\n", ARTIFACT_SCRIPT_MAX, reason);
	assert_non_null(largest);
	artifact_unref(largest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expected_verdicts),
		cmocka_unit_test(test_another_key_is_named),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_is_what_was_verified),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_no_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
