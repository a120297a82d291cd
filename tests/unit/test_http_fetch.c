/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no server; the rest of http_fetch is in tests/system/fetch.sh. */
#include "tests/unit/unit.h"

#include "io/http_fetch.h"

static void assert_fails(const char *url, const char *reason)
{
	const atomic_bool cancelled = true; /* nothing is to reach a network */
	const struct http_request request = {
		.url = url, .limit_bytes = 1000, .timeout_s = 5, .cancelled = &cancelled};
	struct http_response response;

	http_fetch(&request, &response);
	assert_int_equal(response.outcome, HTTP_FAILED);
	assert_int_equal(response.status, 0);
	assert_null(response.body);
	assert_non_null(strstr(response.error, reason));
	http_response_fini(&response);
}

static void test_only_https_without_credentials_is_fetched(void **state)
{
	static const char *const urls[] = {"http://127.0.0.1/", "ftp://127.0.0.1/",
		"file:///etc/passwd", "127.0.0.1/x", "", "https://",
		"https://name:secret@127.0.0.1/", "https://name@127.0.0.1/"};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_fails(urls[i], "is not an https URL");
}

static void test_what_is_cancelled_does_not_begin(void **state)
{
	(void)state;
	assert_fails("https://127.0.0.1:9/", "cancelled");
}

static int setup(void **state)
{
	(void)state;
	return http_fetch_global_init();
}

static int teardown(void **state)
{
	(void)state;
	http_fetch_global_fini();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_https_without_credentials_is_fetched),
		cmocka_unit_test(test_what_is_cancelled_does_not_begin),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
