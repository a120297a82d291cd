/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TFTP server alone, on port 69 of this network namespace.
 * usage: tftp_serve [-s] [-p FIRST-LAST] [-m TRANSFERS] [-c PER-CLIENT] CERTIFICATE NAME=IMAGE...
 * Serves on every interface but the loopback (-l: there, too). An IMAGE is signed under CERTIFICATE
 * or an iPXE script. SIGTERM: finishes what is in flight and ends.
 */
#include "base/log.h"
#include "io/rtnl.h"
#include "server/tftp_server.h"
#include "tests/read_file.h"

#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

#define LIMIT_BYTES (64u << 20)

static const struct admission_policy admission;
static struct iface_policy interfaces = {.patterns = "*"};
static struct tftp_server_policy policy = {
	.transfer = TFTP_LIMITS_DEFAULT,
	.transfers_max = 4096,
	.transfers_per_client_max = 64,
};
static struct event_base *base;
static struct tftp_server *server;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "tftp_serve: %s: %s\n", what, why);
	exit(1);
}

static void parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "slp:m:c:")) >= 0) {
		switch (option) {
		case 's':
			policy.single_port = true;
			break;
		case 'l':
			interfaces.patterns = "* lo";
			break;
		case 'p':
			if (sscanf(optarg, "%hu-%hu", &policy.port_first, &policy.port_last) != 2)
				die(optarg, "not a range of ports");
			break;
		case 'm':
			policy.transfers_max = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			policy.transfers_per_client_max = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	}
}

static void publish(struct catalog *catalog, const struct db_cert *db, char *argument)
{
	CLEANUP(artifact_unref_p) struct artifact *artifact = NULL;
	char reason[ARTIFACT_REASON_MAX];
	char *path = strchr(argument, '=');
	uint8_t *data;
	size_t len;

	if (!path)
		die(argument, "not NAME=IMAGE");
	*path++ = '\0';
	data = read_file(path, &len);
	if (!data)
		die(path, "cannot be read");
	if (bytes_start_with(bytes_of(data, len), "#!ipxe"))
		artifact = artifact_new_script(data, len, reason);
	else
		artifact = artifact_new_signed_image(
			data, len, LIMIT_BYTES, PE_MACHINE_X64, db, reason);
	if (!artifact)
		die(path, reason);
	if (catalog_publish(catalog, argument, artifact) < 0)
		die(argument, "cannot be published");
}

static struct catalog *make_catalog(char **arguments)
{
	struct catalog *catalog = catalog_new();
	struct db_cert *db;
	size_t len = 0;
	uint8_t *encoded = *arguments ? read_file(*arguments, &len) : NULL;

	if (!encoded)
		die("certificate", "cannot be read");
	db = db_cert_new(bytes_of(encoded, len));
	free(encoded);
	while (*++arguments)
		publish(catalog, db, *arguments);
	db_cert_free(db);
	return catalog;
}

static void on_drained(void *context)
{
	(void)context;
	event_base_loopbreak(base);
}

static void on_sigterm(evutil_socket_t signal_number, short what, void *context)
{
	(void)signal_number;
	(void)what;
	(void)context;
	tftp_server_drain(server, on_drained, NULL);
}

int main(int argc, char **argv)
{
	CLEANUP(iface_table_free_p) struct iface_table *table = NULL;
	CLEANUP(rtnl_close_p) struct rtnl *rtnl = NULL;
	struct catalog *catalog;
	struct event *sigterm;
	int r;

	parse_options(argc, argv);
	log_set_level(LOG_DEBUG);
	catalog = make_catalog(argv + optind);
	table = iface_table_new(&interfaces);
	if (rtnl_open(&rtnl) < 0 || rtnl_load(rtnl, table) < 0)
		die("interfaces", "cannot be read");
	r = tftp_server_new(TFTP_PORT, table, catalog, &server);
	if (r < 0)
		die("port 69", strerror(-r));
	base = event_base_new();
	tftp_server_set_policy(server, &policy, &admission);
	sigterm = evsignal_new(base, SIGTERM, on_sigterm, NULL);
	if (tftp_server_start(server, base) < 0 || event_add(sigterm, NULL) < 0)
		die("event loop", "out of memory");
	log_info("ready");
	event_base_dispatch(base);
	tftp_server_free(server);
	event_free(sigterm);
	event_base_free(base);
	catalog_free(catalog);
	return 0;
}
