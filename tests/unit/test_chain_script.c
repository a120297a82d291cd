/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/chain_script.h"

#include <stdlib.h>

#define URL "https://orch.example/tink-stack/"

static void test_the_base_url_is_filled_in(void **state)
{
	static const struct {
		const char *template;
		const char *expected;
	} cases[] = {
		{"", ""},
		{"#!ipxe\n", "#!ipxe\n"},
		{"@BASE_URL@", URL},
		{"chain @BASE_URL@boot.ipxe\n", "chain " URL "boot.ipxe\n"},
		{"@BASE_URL@@BASE_URL@", URL URL},
		{"a@BASE_URL@b@BASE_URL@c", "a" URL "b" URL "c"},
		{"@BASE_URL", "@BASE_URL"},
		{"@@BASE_URL@ @base_url@", "@" URL " @base_url@"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len;
		uint8_t *script =
			chain_script_render(bytes_of_string(cases[i].template), URL, &len);

		assert_non_null(script);
		assert_true(bytes_equal(bytes_of(script, len), bytes_of_string(cases[i].expected)));
		free(script);
	}
}

static void test_an_absent_template_renders_to_nothing(void **state)
{
	size_t len;
	uint8_t *script = chain_script_render((struct bytes){0}, URL, &len);

	(void)state;
	assert_non_null(script);
	assert_int_equal(len, 0);
	free(script);
}

static void test_the_built_in_template_is_a_script_for_any_orchestrator(void **state)
{
	struct bytes template = bytes_of_string(chain_script_template);
	struct bytes script;
	uint8_t *data;
	size_t len;

	(void)state;
	assert_true(bytes_start_with(template, "#!ipxe\n"));
	assert_true(bytes_contain(template, "@BASE_URL@"));
	data = chain_script_render(template, URL, &len);
	assert_non_null(data);
	script = bytes_of(data, len);
	assert_true(bytes_start_with(script, "#!ipxe\n"));
	assert_true(bytes_contain(script, URL));
	assert_false(bytes_contain(script, "@BASE_URL@"));
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_base_url_is_filled_in),
		cmocka_unit_test(test_an_absent_template_renders_to_nothing),
		cmocka_unit_test(test_the_built_in_template_is_a_script_for_any_orchestrator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
