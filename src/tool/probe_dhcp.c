/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DHCP half of a probe. It hears all offers, follows the one that a firmware would follow and
 * says what is odd about the others. No lease is ever taken: nothing but DISCOVER goes to the
 * site's server, and the REQUEST to port 4011 comes from this host's own address.
 */
#include "tool/probe.h"

#include "base/log.h"
#include "core/proxydhcp.h"
#include "io/clock.h"
#include "io/udp_socket.h"

#include <errno.h>
#include <string.h>

#define DISCOVER_TRIES 4   /* PXEBC_DHCP_RETRIES */
#define BOOT_TRIES     4   /* of 1, 2, 3 and 4 seconds */
#define GRACE_MS       250 /* for a second proxy, once all that is needed was heard */

struct offers {
	struct firmware_offer list[FIRMWARE_OFFERS_MAX];
	size_t count;
	size_t reported;
	unsigned refused;
	json_t *facts;
};

static bool is_proxy(const struct firmware_offer *offer)
{
	return offer->kind == FIRMWARE_PROXY_BINL || offer->kind == FIRMWARE_PROXY_PXE10
	       || offer->kind == FIRMWARE_PROXY_HTTP;
}

static const char *kind_name(enum firmware_offer_kind kind)
{
	switch (kind) {
	case FIRMWARE_SITE:
		return "dhcp";
	case FIRMWARE_SITE_PXE10:
		return "dhcp-pxe";
	case FIRMWARE_SITE_BINL:
		return "dhcp-binl";
	case FIRMWARE_SITE_HTTP:
		return "dhcp-http";
	case FIRMWARE_PROXY_PXE10:
		return "proxy-pxe";
	case FIRMWARE_PROXY_BINL:
		return "proxy-binl";
	case FIRMWARE_PROXY_HTTP:
		return "proxy-http";
	}
	return "?";
}

static const char *kind_text(const struct firmware_offer *offer)
{
	switch (offer->kind) {
	case FIRMWARE_PROXY_PXE10:
		return offer->use_boot_file ? "PXE server: its boot file at once"
					    : "PXE server: a menu";
	case FIRMWARE_PROXY_BINL:
		return "PXE server: to be asked on port 4011";
	case FIRMWARE_PROXY_HTTP:
		return "HTTP Boot server";
	case FIRMWARE_SITE:
	case FIRMWARE_SITE_PXE10:
	case FIRMWARE_SITE_BINL:
	case FIRMWARE_SITE_HTTP:
		break;
	}
	return "DHCP server";
}

/* "" or " file NAME": the name is a server's, and made harmless. */
static const char *file_text(const char *name, char *text, size_t size)
{
	char escaped[LOG_ESCAPED_MAX];

	text[0] = '\0';
	if (name[0])
		snprintf(text, size, ", file %s",
			log_escape(bytes_of_string(name), escaped, sizeof(escaped)));
	return text;
}

static void report_offer(struct probe *probe, const struct firmware_offer *offer, json_t *facts)
{
	char file[LOG_ESCAPED_MAX + 16], escaped[2 * FIRMWARE_BOOT_FILE_MAX];

	file_text(offer->boot_file, file, sizeof(file));
	log_escape(bytes_of_string(offer->boot_file), escaped, sizeof(escaped));
	json_array_append_new(facts,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "source",
			probe_address(offer->source), "kind", kind_name(offer->kind), "server-id",
			probe_address(offer->server_id), "address", probe_address(offer->yiaddr),
			"boot-server", probe_address(offer->boot_server), "router",
			probe_address(offer->router), "dns", probe_address(offer->dns), "boot-file",
			escaped));
	if (is_proxy(offer))
		report_step(probe->report, REPORT_OK, "offer", "%s: %s%s",
			probe_address(offer->source), kind_text(offer), file);
	else
		report_step(probe->report, REPORT_OK, "offer", "%s: %s, address %s%s",
			probe_address(offer->source), kind_text(offer),
			probe_address(offer->yiaddr), file);
}

static bool is_known(const struct offers *offers, const struct firmware_offer *offer)
{
	for (size_t i = 0; i < offers->count; i++)
		if (offers->list[i].source.s_addr == offer->source.s_addr
			&& offers->list[i].kind == offer->kind)
			return true;
	return false;
}

static void hear(struct probe *probe, uint32_t xid, const struct udp_datagram *datagram,
	struct offers *offers)
{
	struct firmware_offer offer;
	enum firmware_status status = firmware_take_offer(
		&probe->client, xid, datagram->source, datagram->payload, &offer);

	if (status == FIRMWARE_UNRELATED)
		return;
	if (status != FIRMWARE_TAKEN) {
		if (offers->refused++ > 0)
			return;
		report_step(probe->report, REPORT_WARNING, "offer",
			"%s: ignored by firmware, for its reply %s",
			probe_address(datagram->source.address), firmware_status_text(status));
		return;
	}
	if (offers->count == FIRMWARE_OFFERS_MAX || is_known(offers, &offer))
		return;
	offers->list[offers->count++] = offer;
	report_offer(probe, &offer, offers->facts);
}

static bool heard_all(const struct offers *offers)
{
	bool site = false, proxy = false;

	for (size_t i = 0; i < offers->count; i++) {
		site |= !is_proxy(&offers->list[i]);
		proxy |= is_proxy(&offers->list[i]);
	}
	return site && proxy;
}

/* Hears offers for a window, which ends early when both parties have spoken. */
static int hear_window(struct probe *probe, int fd, uint32_t xid, struct offers *offers)
{
	uint64_t until_ms = clock_now_ms() + probe->wait_ms;
	uint8_t buffer[DHCP_DATAGRAM_MAX];
	struct udp_datagram datagram;
	bool complete = heard_all(offers);
	int r;

	if (until_ms > probe->deadline_ms)
		until_ms = probe->deadline_ms;
	while ((r = probe_receive(fd, until_ms, buffer, sizeof(buffer), &datagram)) == 0) {
		hear(probe, xid, &datagram, offers);
		if (!complete && heard_all(offers)) {
			complete = true;
			if (until_ms > clock_now_ms() + GRACE_MS)
				until_ms = clock_now_ms() + GRACE_MS;
		}
	}
	return r == -ETIMEDOUT ? 0 : r;
}

static int discover(struct probe *probe, int fd, uint32_t xid, uint64_t started_ms)
{
	const struct udp_path path = {
		.local = probe->address,
		.ifindex = probe->ifindex,
		.peer = {{INADDR_BROADCAST}, DHCP_SERVER_PORT},
	};
	uint16_t secs = (uint16_t)((clock_now_ms() - started_ms) / 1000);
	uint8_t buffer[DHCP_DATAGRAM_MAX];
	size_t len = firmware_write_discover(&probe->client, xid, secs, buffer, sizeof(buffer));

	return udp_socket_send(fd, &path, bytes_of(buffer, len));
}

/* As long as there is nothing to go by the firmware asks again, and keeps what it has heard. */
static int collect(struct probe *probe, int fd, struct offers *offers)
{
	uint64_t started_ms = clock_now_ms();
	uint32_t xid = probe_random();

	for (int i = 0; i < DISCOVER_TRIES && clock_now_ms() < probe->deadline_ms; i++) {
		int r = discover(probe, fd, xid, started_ms);

		if (r == 0) {
			report_step(probe->report, REPORT_OK, "discover", "asks all as %s, try %d",
				probe->client.arch->name, i + 1);
			r = hear_window(probe, fd, xid, offers);
		}
		if (r < 0)
			return r;
		if (firmware_choose(offers->list, offers->count).way > FIRMWARE_NO_SERVER)
			break;
	}
	return 0;
}

/* --- what is odd ----------------------------------------------------------------------------- */

static void warn_of_site(struct probe *probe, const struct firmware_offer *offer)
{
	struct report *report = probe->report;

	if (offer->kind != FIRMWARE_SITE) {
		report_step(report, REPORT_WARNING, "site",
			"%s, the DHCP server, says itself that it is a boot server (option 60)",
			probe_address(offer->source));
		report_advise(report, "remove option 60 from the site's DHCP server: firmware asks "
				      "it instead of the appliance");
	} else if (offer->boot_file[0]) {
		report_step(report, REPORT_WARNING, "site",
			"%s, the DHCP server, names a boot file of its own",
			probe_address(offer->source));
		report_advise(report, "remove filename and next-server from the site's DHCP "
				      "server: some boot loaders prefer them");
	}
	if (offer->router.s_addr == INADDR_ANY) {
		report_step(report, REPORT_WARNING, "site", "%s offers no router (option 3)",
			probe_address(offer->source));
		report_advise(report, "without one a node does not reach the orchestrator");
	}
	if (offer->dns.s_addr == INADDR_ANY) {
		report_step(report, REPORT_WARNING, "site", "%s offers no DNS server (option 6)",
			probe_address(offer->source));
		report_advise(report, "without one a node does not find the orchestrator's name");
	}
}

static void warn_of_rivals(struct probe *probe, const struct offers *offers)
{
	char list[256] = "";
	unsigned count = 0;

	for (size_t i = 0; i < offers->count; i++) {
		size_t len = strlen(list);

		if (!is_proxy(&offers->list[i]))
			continue;
		snprintf(list + len, sizeof(list) - len, "%s%s", count++ > 0 ? ", " : "",
			probe_address(offers->list[i].source));
	}
	if (count < 2)
		return;
	report_step(
		probe->report, REPORT_WARNING, "rivals", "%u PXE servers answer: %s", count, list);
	report_advise(probe->report, "a node may boot from either; leave one, or have the others "
				     "ignore this architecture");
}

static void warn(struct probe *probe, const struct offers *offers)
{
	for (size_t i = 0; i < offers->count; i++)
		if (!is_proxy(&offers->list[i]))
			warn_of_site(probe, &offers->list[i]);
	warn_of_rivals(probe, offers);
}

/* --- port 4011 ------------------------------------------------------------------------------- */

/* EDK2 asks from port 4011. Where a server of this host has it, any other does: replies go to the
 * port that was asked from. */
static int open_boot_socket(const struct probe *probe)
{
	int fd = udp_socket_client(NULL, (struct endpoint){probe->address, PXE_SERVER_PORT});

	return fd == -EADDRINUSE ? udp_socket_client(NULL, (struct endpoint){probe->address, 0})
				 : fd;
}

/* Waits for the reply to one try. 0, -ETIMEDOUT, or -errno. */
static int hear_boot_server(struct probe *probe, int fd, uint32_t xid, uint64_t until_ms,
	enum firmware_status *ret_refusal, struct firmware_offer *ret_reply)
{
	uint8_t buffer[DHCP_DATAGRAM_MAX];
	struct udp_datagram datagram;
	int r;

	if (until_ms > probe->deadline_ms)
		until_ms = probe->deadline_ms;
	while ((r = probe_receive(fd, until_ms, buffer, sizeof(buffer), &datagram)) == 0) {
		enum firmware_status status = firmware_take_boot_reply(
			&probe->client, xid, datagram.source, datagram.payload, ret_reply);

		if (status == FIRMWARE_TAKEN)
			return 0;
		if (status != FIRMWARE_UNRELATED)
			*ret_refusal = status;
	}
	return r;
}

static int ask_boot_server(struct probe *probe, int fd, struct in_addr server,
	enum firmware_status *ret_refusal, struct firmware_offer *ret_reply)
{
	const struct udp_path path = {.local = probe->address, .peer = {server, PXE_SERVER_PORT}};
	uint32_t xid = probe_random();
	uint8_t buffer[DHCP_DATAGRAM_MAX];
	size_t len = firmware_write_boot_request(
		&probe->client, xid, probe->address, buffer, sizeof(buffer));
	int r = -ETIMEDOUT;

	for (unsigned i = 1; i <= BOOT_TRIES && r == -ETIMEDOUT; i++) {
		r = udp_socket_send(fd, &path, bytes_of(buffer, len));
		if (r == 0)
			r = hear_boot_server(
				probe, fd, xid, clock_now_ms() + i * 1000, ret_refusal, ret_reply);
	}
	return r;
}

static enum probe_result try_boot_server(struct probe *probe, const struct firmware_offer *offer,
	int fd, struct firmware_offer *ret_reply)
{
	static const char advice[] =
		"edgepxed, or the other PXE server there, and its firewall: UDP port 4011 must be "
		"open; if the address is the site's DHCP server, remove its option 60";
	enum firmware_status refusal = FIRMWARE_TAKEN;
	const char *server = probe_address(offer->boot_server);
	int r = ask_boot_server(probe, fd, offer->boot_server, &refusal, ret_reply);
	char file[LOG_ESCAPED_MAX + 16];

	if (r == 0) {
		report_step(probe->report, REPORT_OK, "boot-server", "%s:4011 answers%s", server,
			file_text(ret_reply->boot_file, file, sizeof(file)));
		return PROBE_GO_ON;
	}
	if (refusal != FIRMWARE_TAKEN)
		return probe_fail(probe, "boot-server", advice,
			"%s:4011: firmware ignores it, for its reply %s", server,
			firmware_status_text(refusal));
	if (r != -ETIMEDOUT)
		return probe_fail(
			probe, "boot-server", advice, "%s:4011: %s", server, probe_error_text(r));
	return probe_fail(probe, "boot-server", advice, "%s:4011 is silent", server);
}

/* Every BINL offer in the order of arrival until one server answers. */
static enum probe_result ask_boot_servers(struct probe *probe, const struct offers *offers,
	size_t first, struct firmware_offer *ret_reply)
{
	CLEANUP_CLOSE int fd = open_boot_socket(probe);
	enum probe_result result = PROBE_NO_BOOT;

	if (fd < 0) {
		(void)probe_fail(probe, "boot-server", "the rights of this process",
			"no socket to ask port 4011: %s", strerror(-fd));
		return PROBE_IMPOSSIBLE;
	}
	for (size_t i = first; i < offers->count && result == PROBE_NO_BOOT; i++)
		if (offers->list[i].kind == offers->list[first].kind)
			result = try_boot_server(probe, &offers->list[i], fd, ret_reply);
	return result;
}

/* --- the way --------------------------------------------------------------------------------- */

static enum probe_result fail_without_address(struct probe *probe, const struct offers *offers)
{
	return probe_fail(probe, "merge",
		"the link and VLAN of this interface, and the site's DHCP server and its pool; on "
		"this host a firewall for UDP port 68",
		offers->count > 0 ? "a PXE server answers, but no DHCP server offers an address"
				  : "nobody answers: no DHCP server, no PXE server");
}

static enum probe_result fail_without_server(struct probe *probe)
{
	return probe_fail(probe, "merge",
		"that edgepxed runs and has logged \"ready\", serves this network, and serves this "
		"architecture; its firewall: UDP port 67; a switch with DHCP snooping must trust "
		"its port",
		"the DHCP server answers, but no PXE server does for %s", probe->client.arch->name);
}

static enum probe_result follow(struct probe *probe, const struct offers *offers,
	struct in_addr *ret_server, char ret_name[FIRMWARE_BOOT_FILE_MAX])
{
	struct firmware_choice choice = firmware_choose(offers->list, offers->count);
	struct firmware_offer reply;
	enum probe_result result = PROBE_GO_ON;

	if (choice.way == FIRMWARE_NO_ADDRESS)
		return fail_without_address(probe, offers);
	if (choice.way == FIRMWARE_NO_SERVER)
		return fail_without_server(probe);
	reply = offers->list[choice.offer];
	if (choice.way == FIRMWARE_HTTP)
		return probe_fail(probe, "merge",
			"nothing, if HTTP Boot is wanted: this probe fetches by TFTP only",
			"%s offers HTTP Boot, which is not probed", probe_address(reply.source));
	if (choice.way == FIRMWARE_CANCELLED)
		return probe_fail(probe, "merge", "the boot menu of that server",
			"%s shows a menu or names no file: firmware gives up (PXE-E21)",
			probe_address(reply.source));
	report_step(probe->report, REPORT_OK, "merge", "firmware follows %s%s",
		probe_address(reply.source),
		choice.way == FIRMWARE_ASK_4011 ? ", and asks it on port 4011"
						: ", straight to TFTP");
	if (choice.way == FIRMWARE_ASK_4011)
		result = ask_boot_servers(probe, offers, choice.offer, &reply);
	*ret_server = reply.boot_server;
	memcpy(ret_name, reply.boot_file, sizeof(reply.boot_file));
	return result;
}

enum probe_result probe_dhcp(
	struct probe *probe, struct in_addr *ret_server, char ret_name[FIRMWARE_BOOT_FILE_MAX])
{
	CLEANUP_CLOSE int fd =
		udp_socket_client(probe->interface, (struct endpoint){.port = DHCP_CLIENT_PORT});
	struct offers offers = {.facts = json_array()};
	int r;

	report_fact(probe->report, "offers", offers.facts);
	r = fd < 0 ? fd : collect(probe, fd, &offers);
	if (r < 0) {
		(void)probe_fail(probe, "discover",
			"that this is root, and that no DHCP client here keeps UDP port 68 for "
			"itself",
			"%s port 68: %s", probe->interface, strerror(-r));
		return PROBE_IMPOSSIBLE;
	}
	warn(probe, &offers);
	return follow(probe, &offers, ret_server, ret_name);
}
