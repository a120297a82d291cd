/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/config.h"
#include "core/proxydhcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#define URL "[orchestrator]\nurl = https://cloud.example.com/tink-stack\n"

static struct config *parse(const char *text, char error[CONFIG_ERROR_MAX])
{
	return config_new(bytes_of_string(text), "test.conf", error);
}

static struct config *parse_good(const char *text)
{
	char error[CONFIG_ERROR_MAX];
	struct config *config = parse(text, error);

	if (!config)
		fail_msg("refused: %s", error);
	return config;
}

static void test_the_url_alone_suffices(void **state)
{
	struct config *config = parse_good(URL);

	(void)state;
	assert_string_equal(config->orchestrator.url, "https://cloud.example.com/tink-stack/");
	assert_null(config->orchestrator.ca_file);
	assert_null(config->orchestrator.trust_url);
	assert_null(config->orchestrator.db_cert);
	assert_int_equal(config->orchestrator.refresh_interval_ms, 15 * 60 * 1000);
	assert_string_equal(config->network.interfaces, "*");
	assert_int_equal(config->network.address.s_addr, 0);
	assert_null(config->boot.autoexec);
	assert_int_equal(config->boot.uefi_form, PROXYDHCP_BINL);
	assert_int_equal(config->tftp.max_transfers, 4096);
	assert_int_equal(config->tftp.window_max, 16);
	assert_false(config->tftp.single_port);
	assert_int_equal(config->tftp.port_range.first, 0);
	assert_string_equal(config->process.user, "edgepxe");
	assert_int_equal(config->process.log_level, LOG_INFO);
	assert_string_equal(config->paths.state_dir, "/var/lib/edgepxe");
	config_free(config);
}

static void test_every_key_takes_its_value(void **state)
{
	struct config *config = parse_good("  [orchestrator]\r\n"
					   "url=https://[2001:db8::1]:8443/a/ ; a comment\n"
					   "\tca-file = /etc/ca.pem\n"
					   "trust-url = https://example.com/boots/ca.crt\n"
					   "db-cert = /etc/db.der\n"
					   "token-file = /etc/token\n"
					   "refresh-interval = 90s\n"
					   "# comment\n; comment\n\n"
					   "[network]\n"
					   "interfaces = eth0, lan*\n"
					   "address = 192.0.2.7\n"
					   "clients = 198.51.100.0/24 203.0.113.9\n"
					   "relays = 192.0.2.1\n"
					   "[boot]\nautoexec = chain\nuefi-form = direct\n"
					   "[tftp]\nmax-transfers = 10\n"
					   "max-transfers-per-client = 2\nwindow-max = 4\n"
					   "blksize-max = 1024\nsingle-port = Yes\n"
					   "port-range = 40000-40049\n"
					   "[process]\nuser = nobody\ndrain-time = 0s\n"
					   "log-level = debug\n"
					   "[paths]\nstate-dir = /tmp/x");

	(void)state;
	assert_string_equal(config->orchestrator.url, "https://[2001:db8::1]:8443/a/");
	assert_string_equal(config->orchestrator.ca_file, "/etc/ca.pem");
	assert_string_equal(config->orchestrator.trust_url, "https://example.com/boots/ca.crt");
	assert_string_equal(config->orchestrator.db_cert, "/etc/db.der");
	assert_string_equal(config->orchestrator.token_file, "/etc/token");
	assert_int_equal(config->orchestrator.refresh_interval_ms, 90 * 1000);
	assert_string_equal(config->network.interfaces, "eth0, lan*");
	assert_int_equal(config->network.address.s_addr, inet_addr("192.0.2.7"));
	assert_string_equal(config->network.clients, "198.51.100.0/24 203.0.113.9");
	assert_string_equal(config->network.relays, "192.0.2.1");
	assert_string_equal(config->boot.autoexec, "chain");
	assert_int_equal(config->boot.uefi_form, PROXYDHCP_DIRECT);
	assert_int_equal(config->tftp.max_transfers, 10);
	assert_int_equal(config->tftp.max_transfers_per_client, 2);
	assert_int_equal(config->tftp.window_max, 4);
	assert_int_equal(config->tftp.blksize_max, 1024);
	assert_true(config->tftp.single_port);
	assert_int_equal(config->tftp.port_range.first, 40000);
	assert_int_equal(config->tftp.port_range.last, 40049);
	assert_string_equal(config->process.user, "nobody");
	assert_int_equal(config->process.drain_time_ms, 0);
	assert_int_equal(config->process.log_level, LOG_DEBUG);
	assert_string_equal(config->paths.state_dir, "/tmp/x");
	config_free(config);
}

/* Each is refused with a message that opens with its file and line. */
static void test_errors_name_file_line_and_reason(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", "test.conf:1: orchestrator.url is missing"},
		{"[network]\ninterfaces = *\n", "test.conf:2: orchestrator.url is missing"},
		{"[network]\ninterfaces=;eth0\n", "a comment needs a blank before its ';'"},
		{"url = x\n", "test.conf:1: 'url' stands before the first [section]"},
		{URL "colour = red\n", "test.conf:3: there is no key 'colour' in [orchestrator]"},
		{URL "[paint]\ncolour = red\n", "test.conf:3: there is no section [paint]"},
		{URL "[paint]\n", "test.conf:3: there is no section [paint]"},
		{URL "[]\ncolour = red\n", "'colour' stands before the first [section]"},
		{URL "[network]\ninterfaces = eth[0\n", "'eth[0' is no list of interfaces: '['"},
		{URL "url = https://b/\n",
			"test.conf:3: orchestrator.url was given before, in line 2"},
		{"[orchestrator]\nurl = http://a/\n", "does not start with https://"},
		{"[orchestrator]\nurl = https:///a\n", "names no host"},
		{"[orchestrator]\nurl = https://a/${x}\n", "may not stand in it: '$'"},
		{"[orchestrator]\nurl = https://a/b c\n", "may not stand in it: ' '"},
		{"[orchestrator]\nurl = https://a/b?c\n", "may not stand in it: '?'"},
		{URL "ca-file = etc/ca.pem\n", "test.conf:3: orchestrator.ca-file: 'etc/ca.pem' is "
					       "no absolute path"},
		{URL "refresh-interval = 5s\n", "is not within 10s to 7d"},
		{URL "refresh-interval = 8d\n", "is not within 10s to 7d"},
		{URL "refresh-interval = 99999999999999999999s\n", "is no duration"},
		{URL "refresh-interval = 18446744073709551615d\n", "is not within"},
		{URL "refresh-interval = 15\n", "lacks its unit"},
		{URL "refresh-interval = often\n", "is no duration"},
		{URL "[network]\naddress = 300.0.0.1\n", "is no IPv4 address"},
		{URL "[network]\nclients = 10.0.0.0/40\n", "is no list of addresses and subnets"},
		{URL "[boot]\nautoexec = script\n", "neither 'chain' nor an absolute path"},
		{URL "[boot]\nuefi-form = menu\n", "is none of: binl, direct"},
		{URL "[tftp]\nmax-transfers = 0\n", "is not within 1 to 65536"},
		{URL "[tftp]\nmax-transfers = -1\n", "is no number"},
		{URL "[tftp]\nmax-transfers = 7x\n", "is no number"},
		{URL "[tftp]\nwindow-max = 65\n", "is not within 1 to 64"},
		{URL "[tftp]\nblksize-max = 8\n", "is not within 512 to 65464"},
		{URL "[tftp]\nsingle-port = perhaps\n", "is neither yes nor no"},
		{URL "[tftp]\nport-range = 40000\n", "is no range of ports"},
		{URL "[tftp]\nport-range = 80-90\n", "is not within 1024-65535"},
		{URL "[tftp]\nport-range = 5000-4000\n", "is not within 1024-65535"},
		{URL "[process]\nlog-level = loud\n", "is none of: error, warning"},
		{URL "[tftp\n", "test.conf:3: is neither [section], key = value nor a comment"},
		{URL "nonsense\n", "test.conf:3: is neither [section], key = value nor a comment"},
	};
	char error[CONFIG_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(parse(cases[i].text, error));
		assert_int_equal(strncmp(error, "test.conf:", 10), 0);
		if (!strstr(error, cases[i].message))
			fail_msg("'%s' lacks '%s'", error, cases[i].message);
	}
}

static void test_an_empty_value_is_the_default(void **state)
{
	struct config *config = parse_good(URL "ca-file =\nrefresh-interval =\n");

	(void)state;
	assert_null(config->orchestrator.ca_file);
	assert_int_equal(config->orchestrator.refresh_interval_ms, 15 * 60 * 1000);
	config_free(config);
}

/* inih would make a second key of the rest of a line over its buffer. */
static void test_a_line_too_long_is_refused_not_split(void **state)
{
	char text[1024], error[CONFIG_ERROR_MAX];
	struct config *config;

	(void)state;
	snprintf(text, sizeof(text), "[orchestrator]\nurl = https://a/%0*d\n", 198 - 17, 0);
	config = parse_good(text);
	assert_int_equal(strlen(config->orchestrator.url), 198 - 17 + 11);
	config_free(config);
	snprintf(text, sizeof(text), "[orchestrator]\nurl = https://a/%0*d\n", 198 - 16, 0);
	assert_null(parse(text, error));
	assert_non_null(strstr(error, "test.conf:2: the line is longer than 198 characters"));
}

static void test_a_nul_octet_is_refused(void **state)
{
	static const char text[] = URL "ca-file = /a\0/b\n";
	char error[CONFIG_ERROR_MAX];

	(void)state;
	assert_null(config_new(bytes_of(text, sizeof(text) - 1), "test.conf", error));
	assert_non_null(strstr(error, "test.conf:3: a NUL octet"));
}

struct printed {
	char text[8192];
	char section[32];
};

static void print_key(
	void *context, const char *section, const char *key, const char *value, const char *help)
{
	struct printed *printed = context;
	size_t len = strlen(printed->text);

	assert_true(strlen(help) > 0);
	if (strcmp(section, printed->section) != 0)
		len += (size_t)snprintf(
			printed->text + len, sizeof(printed->text) - len, "[%s]\n", section);
	snprintf(printed->section, sizeof(printed->section), "%s", section);
	snprintf(printed->text + len, sizeof(printed->text) - len, "%s = %s\n", key, value);
}

static void assert_prints(const struct config *config, const char *expected)
{
	struct printed printed = {0};

	config_each(config, print_key, &printed);
	assert_string_equal(printed.text, expected);
}

static void test_what_is_printed_parses_to_the_same(void **state)
{
	struct printed printed = {0};
	struct config *config = parse_good(URL "refresh-interval = 3600s\n"
					       "[network]\naddress = 192.0.2.7\n"
					       "[tftp]\nport-range = 2000-2001\nsingle-port = yes\n"
					       "[process]\ndrain-time = 90s\nlog-level = error\n");

	(void)state;
	config_each(config, print_key, &printed);
	config_free(config);
	assert_non_null(strstr(printed.text, "\nrefresh-interval = 1h\n"));
	assert_non_null(strstr(printed.text, "\ndrain-time = 90s\n"));
	assert_non_null(strstr(printed.text, "\nport-range = 2000-2001\n"));
	config = parse_good(printed.text);
	assert_prints(config, printed.text);
	config_free(config);
}

/* etc/edgepxe.conf, its keys uncommented, says the defaults and names every key. */
static void test_the_sample_equals_the_defaults(void **state)
{
	const char *srcdir = getenv("srcdir");
	struct printed defaults = {0};
	struct config *config = parse_good("[orchestrator]\nurl = https://x.example.com/\n");
	char path[512], line[256], sample[8192] = "";
	unsigned keys = 0, expected = 0;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/etc/edgepxe.conf", srcdir ? srcdir : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		bool key = line[0] == '#' && line[1] != ' ' && line[1] != '\n';

		keys += key;
		if (strncmp(line, "#url", 4) == 0)
			snprintf(line, sizeof(line), "#url = https://x.example.com/\n");
		if (key || line[0] == '[')
			strncat(sample, line + key, sizeof(sample) - strlen(sample) - 1);
	}
	fclose(file);
	config_each(config, print_key, &defaults);
	config_free(config);
	for (const char *c = defaults.text; (c = strchr(c, '=')); c++)
		expected++;
	assert_int_equal(keys, expected);
	config = parse_good(sample);
	assert_prints(config, defaults.text);
	config_free(config);
}

static void test_what_needs_a_restart_is_named(void **state)
{
	struct config *running = parse_good(URL);
	struct config *same = parse_good(URL "[tftp]\nwindow-max = 1\n");
	struct config *other = parse_good(URL "[paths]\nstate-dir = /elsewhere\n");

	(void)state;
	assert_null(config_needs_restart(running, same));
	assert_string_equal(config_needs_restart(running, other), "state-dir");
	config_free(running);
	config_free(same);
	config_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_url_alone_suffices),
		cmocka_unit_test(test_every_key_takes_its_value),
		cmocka_unit_test(test_errors_name_file_line_and_reason),
		cmocka_unit_test(test_an_empty_value_is_the_default),
		cmocka_unit_test(test_a_line_too_long_is_refused_not_split),
		cmocka_unit_test(test_a_nul_octet_is_refused),
		cmocka_unit_test(test_what_is_printed_parses_to_the_same),
		cmocka_unit_test(test_the_sample_equals_the_defaults),
		cmocka_unit_test(test_what_needs_a_restart_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
