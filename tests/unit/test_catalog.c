/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/catalog.h"

#include <errno.h>
#include <stdio.h>

static struct artifact *make_script(const char *text)
{
	char reason[ARTIFACT_REASON_MAX];
	struct artifact *artifact =
		artifact_new_script((uint8_t *)strdup(text), strlen(text), reason);

	assert_non_null(artifact);
	return artifact;
}

static void test_names_as_clients_spell_them(void **state)
{
	static const struct {
		const char *name;
		bool found;
	} cases[] = {
		{"ipxe.efi", true},
		{"/ipxe.efi", true},
		{"//ipxe.efi", true},
		{"\\ipxe.efi", true},
		{"/\\/ipxe.efi", true},
		{"IPXE.EFI", true},
		{"ipxe.efi\xff", true},
		{"ipxe.efi\xff\xff\x01\r\n", true},
		{"boot/arm64/ipxe.efi", true},
		{"boot\\ARM64\\ipxe.efi", true},
		/* T8, T9 of the malformed inputs: nothing outside can be named */
		{"", false},
		{"/", false},
		{"\xff", false},
		{"ipxe.efi/", false},
		{"ipxe.ef", false},
		{"ipxe.efi2", false},
		{"ipxe\x01.efi", false},
		{"../ipxe.efi", false},
		{"./ipxe.efi", false},
		{"../../etc/passwd", false},
		{"..\\..\\ipxe.efi", false},
		{"%2e%2e/ipxe.efi", false},
		{"boot//arm64/ipxe.efi", false},
	};
	struct catalog *catalog = catalog_new();
	struct artifact *artifact = make_script("#!ipxe\n");
	char long_name[500];

	(void)state;
	assert_non_null(catalog);
	assert_int_equal(catalog_publish(catalog, "ipxe.efi", artifact), 0);
	assert_int_equal(catalog_publish(catalog, "/boot/arm64/iPXE.efi", artifact), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct artifact *got = catalog_get(catalog, bytes_of_string(cases[i].name));

		print_message("%s\n", cases[i].name);
		assert_ptr_equal(got, cases[i].found ? artifact : NULL);
		artifact_unref(got);
	}
	memset(long_name, 'a', sizeof(long_name));
	assert_null(catalog_get(catalog, bytes_of(long_name, sizeof(long_name))));
	assert_null(catalog_get(catalog, bytes_of("ipxe.efi\0x", 10)));
	assert_null(catalog_get(catalog, (struct bytes){0}));
	catalog_free(catalog);
	artifact_unref(artifact);
}

static void test_a_new_generation_leaves_the_old_one_to_its_readers(void **state)
{
	struct catalog *catalog = catalog_new();
	struct artifact *old = make_script("#!ipxe\nold\n"), *new = make_script("#!ipxe\nnew\n");
	struct artifact *reading, *got;

	(void)state;
	assert_non_null(catalog);
	assert_int_equal(catalog_publish(catalog, "a", old), 0);
	artifact_unref(old);
	reading = catalog_get(catalog, bytes_of_string("a"));
	assert_int_equal(catalog_publish(catalog, "A", new), 0);
	artifact_unref(new);
	got = catalog_get(catalog, bytes_of_string("a"));
	assert_ptr_equal(got, new);
	artifact_unref(got);
	assert_true(bytes_equal(artifact_bytes(reading), bytes_of_string("#!ipxe\nold\n")));
	artifact_unref(reading);
	assert_int_equal(catalog_publish(catalog, "a", NULL), 0);
	assert_null(catalog_get(catalog, bytes_of_string("a")));
	catalog_free(catalog);
}

static void test_republishing_the_same_keeps_it(void **state)
{
	struct catalog *catalog = catalog_new();
	struct artifact *artifact = make_script("#!ipxe\n");

	(void)state;
	assert_non_null(catalog);
	assert_int_equal(catalog_publish(catalog, "a", artifact), 0);
	artifact_unref(artifact);
	assert_int_equal(catalog_publish(catalog, "a", artifact), 0);
	assert_true(artifact_bytes(artifact).len > 0);
	catalog_free(catalog);
}

static void test_is_bounded(void **state)
{
	struct catalog *catalog = catalog_new();
	struct artifact *artifact = make_script("#!ipxe\n");
	char name[CATALOG_NAME_MAX + 2];

	(void)state;
	assert_non_null(catalog);
	for (unsigned i = 0; i < CATALOG_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "name-%u", i);
		assert_int_equal(catalog_publish(catalog, name, artifact), 0);
	}
	assert_int_equal(catalog_publish(catalog, "one-more", artifact), -ENOSPC);
	assert_int_equal(catalog_publish(catalog, "one-more", NULL), 0);
	assert_int_equal(catalog_publish(catalog, "name-3", NULL), 0);
	assert_int_equal(catalog_publish(catalog, "", artifact), -EINVAL);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(catalog_publish(catalog, name, artifact), -ENAMETOOLONG);
	name[CATALOG_NAME_MAX] = '\0';
	assert_int_equal(catalog_publish(catalog, name, artifact), 0);
	catalog_free(catalog);
	artifact_unref(artifact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_as_clients_spell_them),
		cmocka_unit_test(test_a_new_generation_leaves_the_old_one_to_its_readers),
		cmocka_unit_test(test_republishing_the_same_keeps_it),
		cmocka_unit_test(test_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
