/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a probe: what this host gives (interface, address, certificate), the steps in their
 * order, and the verdict. It boots only when the bytes that came would be started by a firmware
 * with the site's db certificate; whatever could not be checked counts against it.
 */
#include "config.h"

#include "tool/probe.h"

#include "base/log.h"
#include "core/artifact.h"
#include "core/config.h"
#include "core/iface_table.h"
#include "io/clock.h"
#include "io/file_store.h"
#include "io/rtnl.h"
#include "io/udp_socket.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_CONFIG		SYSCONFDIR "/edgepxe/edgepxe.conf"
#define DEFAULT_WAIT_MS		2000
#define DEFAULT_TIMEOUT_MS	60000
#define CONFIG_LIMIT_BYTES	((size_t)1 << 20)
#define CERTIFICATE_LIMIT_BYTES ((size_t)64 << 10)

enum { EXIT_BOOTS = 0, EXIT_DOES_NOT_BOOT = 1, EXIT_NO_PROBE = 2 };

struct options {
	const char *interface; /* NULL: the only one */
	const struct pxe_arch *arch;
	const char *db_cert; /* NULL: that of the configuration */
	const char *config;  /* NULL: the default, if it is there */
	const char *output;
	uint64_t wait_ms;
	uint64_t timeout_ms;
	bool json;
};

static const char usage[] =
	"usage: edgepxe probe [OPTION...]\n"
	"\n"
	"  --interface IF   probe this LAN (default: the only one there is)\n"
	"  --arch ARCH      as a node of this kind (default x64-uefi; \"help\" lists them)\n"
	"  --db-cert FILE   what the node's firmware trusts, DER or PEM (default: that of\n"
	"                   the configuration)\n"
	"  --config FILE    the appliance's configuration (default " DEFAULT_CONFIG ")\n"
	"  --output FILE    keep what was downloaded\n"
	"  --wait SECONDS   for offers, each try (default 2)\n"
	"  --timeout SECONDS  for all of it (default 60)\n"
	"  --json           one object instead of lines\n"
	"  --help\n"
	"\n"
	"Exit status: 0 a node would have its verified boot file, 1 it would not, 2 usage, or\n"
	"this host cannot probe. No lease is taken. Needs root for UDP port 68.\n";

/* --- helpers of the steps -------------------------------------------------------------------- */

enum probe_result probe_fail(
	struct probe *probe, const char *step, const char *advice, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(probe->reason, sizeof(probe->reason), format, arguments);
	va_end(arguments);
	report_step(probe->report, REPORT_FAILED, step, "%s", probe->reason);
	report_advise(probe->report, advice);
	return PROBE_NO_BOOT;
}

int probe_receive(
	int fd, uint64_t until_ms, void *buffer, size_t size, struct udp_datagram *ret_datagram)
{
	struct pollfd watched = {.fd = fd, .events = POLLIN};

	for (;;) {
		uint64_t now_ms = clock_now_ms();
		int r = udp_socket_receive(fd, buffer, size, ret_datagram);

		if (r != -EAGAIN)
			return r;
		if (now_ms >= until_ms)
			return -ETIMEDOUT;
		if (poll(&watched, 1, (int)(until_ms - now_ms)) < 0 && errno != EINTR)
			return -errno;
	}
}

const char *probe_error_text(int r)
{
	return r == -ECONNREFUSED ? "nobody listens there" : strerror(-r);
}

uint32_t probe_random(void)
{
	uint32_t value = 0;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		value = (uint32_t)clock_now_ms();
	return value;
}

const char *probe_address(struct in_addr address)
{
	static char texts[8][INET_ADDRSTRLEN];
	static unsigned next;
	char *text = texts[next++ % 8];

	inet_ntop(AF_INET, &address, text, INET_ADDRSTRLEN);
	return text;
}

/* --- the command line ------------------------------------------------------------------------ */

static bool parse_seconds(const char *text, uint64_t *ret_ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1) || !(seconds <= 3600))
		return false;
	*ret_ms = (uint64_t)(seconds * 1000);
	return true;
}

static void list_archs(void)
{
	const struct pxe_arch *arch;
	size_t position = 0;

	while ((arch = pxe_arch_next(&position)))
		printf("%2u  %s\n", arch->value, arch->name);
}

/* Takes one option; -1, or the status to exit with. */
static int take_option(int option, struct options *options)
{
	switch (option) {
	case 'i':
		options->interface = optarg;
		return -1;
	case 'a':
		options->arch = pxe_arch_by_name(optarg);
		if (options->arch)
			return -1;
		if (strcmp(optarg, "help") == 0) {
			list_archs();
			return EXIT_BOOTS;
		}
		fprintf(stderr, "edgepxe probe: no architecture '%s'; --arch help lists them\n",
			optarg);
		return EXIT_NO_PROBE;
	case 'd':
		options->db_cert = optarg;
		return -1;
	case 'c':
		options->config = optarg;
		return -1;
	case 'o':
		options->output = optarg;
		return -1;
	case 'j':
		options->json = true;
		return -1;
	case 'w':
	case 't':
		if (parse_seconds(optarg, option == 'w' ? &options->wait_ms : &options->timeout_ms))
			return -1;
		fprintf(stderr, "edgepxe probe: '%s' is no time from 0.1 to 3600 seconds\n",
			optarg);
		return EXIT_NO_PROBE;
	case 'h':
		fputs(usage, stdout);
		return EXIT_BOOTS;
	default:
		fputs(usage, stderr);
		return EXIT_NO_PROBE;
	}
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{"interface", required_argument, NULL, 'i'},
		{"arch", required_argument, NULL, 'a'},
		{"db-cert", required_argument, NULL, 'd'},
		{"config", required_argument, NULL, 'c'},
		{"output", required_argument, NULL, 'o'},
		{"wait", required_argument, NULL, 'w'},
		{"timeout", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int status = take_option(option, options);

		if (status >= 0)
			return status;
	}
	if (optind < argc) {
		fprintf(stderr, "edgepxe probe: unexpected argument '%s'\n%s", argv[optind], usage);
		return EXIT_NO_PROBE;
	}
	return -1;
}

/* --- what this host gives -------------------------------------------------------------------- */

/* "eth0, eth1" */
static void list_interfaces(const struct iface_table *table, char *text, size_t size)
{
	size_t position = 0, len = 0;
	struct iface iface;

	text[0] = '\0';
	while (iface_table_next_served(table, &position, &iface) && len < size) {
		snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", iface.name);
		len += strlen(text + len);
	}
}

static bool choose_interface(
	const struct iface_table *table, const char *wanted, struct iface *ret_iface)
{
	char all[256];
	struct iface another;
	size_t position = 0;

	if (!iface_table_next_served(table, &position, ret_iface)) {
		fprintf(stderr, "edgepxe probe: %s%s\n", wanted ? wanted : "no interface here",
			wanted ? " is not there, not up, or has no IPv4 address"
			       : " is up and has an IPv4 address");
		return false;
	}
	if (!iface_table_next_served(table, &position, &another))
		return true;
	list_interfaces(table, all, sizeof(all));
	fprintf(stderr, "edgepxe probe: which LAN? --interface with one of: %s\n", all);
	return false;
}

static int load_interfaces(struct iface_table *table)
{
	CLEANUP(rtnl_close_p) struct rtnl *rtnl = NULL;
	int r = rtnl_open(&rtnl);

	return r < 0 ? r : rtnl_load(rtnl, table);
}

static bool read_hardware(const char *interface, uint8_t ret_hardware[6])
{
	CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	memcpy(request.ifr_name, interface, strlen(interface));
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return false;
	memcpy(ret_hardware, request.ifr_hwaddr.sa_data, 6);
	return true;
}

static bool find_interface(struct probe *probe, const char *wanted)
{
	const struct iface_policy policy = {.patterns = wanted ? wanted : "*"};
	CLEANUP(iface_table_free_p) struct iface_table *table = NULL;
	const char *reason;
	struct iface iface;
	int r;

	if (!iface_policy_valid(policy.patterns, &reason)) {
		fprintf(stderr, "edgepxe probe: --interface %s: %s\n", wanted, reason);
		return false;
	}
	table = iface_table_new(&policy);
	r = table ? load_interfaces(table) : -ENOMEM;
	if (r < 0) {
		fprintf(stderr, "edgepxe probe: interfaces: %s\n", strerror(-r));
		return false;
	}
	if (!choose_interface(table, wanted, &iface))
		return false;
	memcpy(probe->interface, iface.name, sizeof(probe->interface));
	probe->ifindex = iface.index;
	probe->address = iface.address;
	if (read_hardware(iface.name, probe->client.hardware))
		return true;
	fprintf(stderr, "edgepxe probe: %s has no Ethernet address\n", iface.name);
	return false;
}

static struct db_cert *read_certificate(const char *path)
{
	CLEANUP_FREE uint8_t *data = NULL;
	struct db_cert *cert;
	size_t len = 0;
	int r = file_read(path, CERTIFICATE_LIMIT_BYTES, &data, &len);

	cert = r == 0 ? db_cert_new(bytes_of(data, len)) : NULL;
	if (!cert)
		fprintf(stderr, "edgepxe probe: %s: %s\n", path,
			r < 0 ? strerror(-r) : "not an X.509 certificate");
	return cert;
}

/* The certificate that the appliance itself goes by: the one its operator pinned, else the one that
 * came with what it serves. An appliance that has nothing yet has none, which is its log's to
 * explain: then `ret_cert` is NULL. */
static bool certificate_of(const struct config *config, struct db_cert **ret_cert)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/current/db.der", config->paths.state_dir);
	if (config->orchestrator.db_cert)
		*ret_cert = read_certificate(config->orchestrator.db_cert);
	else if (access(path, F_OK) < 0 && errno == ENOENT)
		return true;
	else
		*ret_cert = read_certificate(path);
	return *ret_cert != NULL;
}

/* False: said why on standard error. Without any configuration `ret_cert` is NULL. */
static bool find_certificate(const struct options *options, struct db_cert **ret_cert)
{
	const char *path = options->config ? options->config : DEFAULT_CONFIG;
	CLEANUP_FREE uint8_t *text = NULL;
	char error[CONFIG_ERROR_MAX];
	struct config *config;
	bool found;
	size_t len = 0;
	int r;

	if (options->db_cert) {
		*ret_cert = read_certificate(options->db_cert);
		return *ret_cert != NULL;
	}
	r = file_read(path, CONFIG_LIMIT_BYTES, &text, &len);
	if (r < 0) {
		if (options->config)
			fprintf(stderr, "edgepxe probe: %s: %s\n", path, strerror(-r));
		return !options->config;
	}
	config = config_new(bytes_of(text, len), path, error);
	if (!config) {
		fprintf(stderr, "edgepxe probe: %s\n", error);
		return false;
	}
	found = certificate_of(config, ret_cert);
	config_free(config);
	return found;
}

/* --- what came ------------------------------------------------------------------------------- */

static enum probe_result keep(const char *path, const uint8_t *data, size_t len)
{
	FILE *file = fopen(path, "wb");
	bool written = file && fwrite(data, 1, len, file) == len;

	if (file && fclose(file) != 0)
		written = false;
	if (written)
		return PROBE_GO_ON;
	fprintf(stderr, "edgepxe probe: %s: %s\n", path, strerror(errno));
	return PROBE_IMPOSSIBLE;
}

static enum probe_result check_image(struct probe *probe, const uint8_t *data, size_t len)
{
	const struct pxe_arch *arch = probe->client.arch;
	struct pe_image image;
	enum pe_status status;

	if (arch->machine == 0)
		return probe_fail(probe, "image", "the node itself",
			"nothing in a boot file for %s can be verified", arch->name);
	status = pe_image_parse(bytes_of(data, len), &image);
	if (status != PE_OK)
		return probe_fail(probe, "image", "what that server serves under this name",
			"the boot file is %s", pe_status_text(status));
	if (image.machine != arch->machine)
		return probe_fail(probe, "image", "what that server serves to this architecture",
			"the boot file is for %s (0x%04x), the node wants 0x%04x",
			pe_machine_name(image.machine), image.machine, arch->machine);
	report_step(probe->report, REPORT_OK, "image", "an EFI application for %s",
		pe_machine_name(image.machine));
	return PROBE_GO_ON;
}

/* Takes over `data`. */
static enum probe_result check_signature(
	struct probe *probe, const struct db_cert *cert, uint8_t *data, size_t len)
{
	CLEANUP(artifact_unref_p) struct artifact *artifact = NULL;
	char reason[ARTIFACT_REASON_MAX], sha256[2 * SHA256_LEN + 1];
	char subject[2 * CERT_SUBJECT_MAX];

	if (!cert) {
		free(data);
		return probe_fail(probe, "signature",
			"--db-cert FILE, or run the probe where the appliance's configuration is",
			"no db certificate is at hand to verify the boot file with");
	}
	artifact = artifact_new_signed_image(
		data, len, len, probe->client.arch->machine, cert, reason);
	if (!artifact)
		return probe_fail(probe, "signature",
			"which server sent it, and whether keys and image are of one generation",
			"the boot file is %s", reason);
	bytes_hex(bytes_of(artifact_sha256(artifact), SHA256_LEN), sha256);
	log_escape(bytes_of_string(artifact_signer(artifact)->subject), subject, sizeof(subject));
	report_step(
		probe->report, REPORT_OK, "signature", "good, by %s; sha256 %s", subject, sha256);
	report_fact(probe->report, "image",
		json_pack("{s:s, s:s}", "sha256", sha256, "signer", subject));
	return PROBE_GO_ON;
}

static enum probe_result fetch_and_check(
	struct probe *probe, const struct options *options, const struct db_cert *cert)
{
	char name[FIRMWARE_BOOT_FILE_MAX];
	struct in_addr server;
	uint8_t *data = NULL;
	size_t len = 0;
	enum probe_result result = probe_dhcp(probe, &server, name);

	if (result == PROBE_GO_ON)
		result = probe_tftp(probe, server, name, &data, &len);
	if (result == PROBE_GO_ON && options->output)
		result = keep(options->output, data, len);
	if (result == PROBE_GO_ON)
		result = check_image(probe, data, len);
	if (result == PROBE_GO_ON)
		return check_signature(probe, cert, data, len);
	free(data);
	return result;
}

static void report_setting(struct probe *probe)
{
	char hardware[DHCP_HARDWARE_TEXT_MAX];

	dhcp_hardware_format(probe->client.hardware, hardware);
	report_fact(probe->report, "interface", json_string(probe->interface));
	report_fact(probe->report, "address", json_string(probe_address(probe->address)));
	report_fact(probe->report, "hardware", json_string(hardware));
	report_fact(probe->report, "arch", json_string(probe->client.arch->name));
	report_step(probe->report, REPORT_OK, "interface", "%s, %s, %s", probe->interface,
		probe_address(probe->address), hardware);
}

static int run(struct probe *probe, const struct options *options, const struct db_cert *cert)
{
	enum probe_result result;

	report_setting(probe);
	result = fetch_and_check(probe, options, cert);
	if (result == PROBE_GO_ON)
		report_verdict(probe->report, REPORT_BOOTS,
			"a node would have its verified boot file from this LAN");
	else
		report_verdict(probe->report,
			result == PROBE_NO_BOOT ? REPORT_DOES_NOT_BOOT : REPORT_CANNOT_TELL,
			probe->reason[0] ? probe->reason : "this host could not go on");
	return result == PROBE_GO_ON	 ? EXIT_BOOTS
	       : result == PROBE_NO_BOOT ? EXIT_DOES_NOT_BOOT
					 : EXIT_NO_PROBE;
}

int probe_main(int argc, char **argv)
{
	struct options options = {
		.arch = pxe_arch_by_name("x64-uefi"),
		.wait_ms = DEFAULT_WAIT_MS,
		.timeout_ms = DEFAULT_TIMEOUT_MS,
	};
	CLEANUP(report_free_p) struct report *report = NULL;
	struct db_cert *cert = NULL;
	struct probe probe = {0};
	int status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	if (!find_interface(&probe, options.interface) || !find_certificate(&options, &cert))
		return EXIT_NO_PROBE;
	report = report_new(options.json);
	if (!report) {
		db_cert_free(cert);
		return EXIT_NO_PROBE;
	}
	probe.report = report;
	probe.client.arch = options.arch;
	/* A UUID that tells in the server's log who asked: the hardware address. */
	memcpy(probe.client.uuid + 10, probe.client.hardware, sizeof(probe.client.hardware));
	probe.wait_ms = options.wait_ms;
	probe.deadline_ms = clock_now_ms() + options.timeout_ms;
	status = run(&probe, &options, cert);
	db_cert_free(cert);
	return status;
}
