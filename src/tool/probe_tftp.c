/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TFTP half of a probe: the size first, then the file from a new port, as EDK2 does it. What
 * does not come from the server's address is not seen, and after its first packet nothing from
 * another port either.
 */
#include "tool/probe.h"

#include "base/log.h"
#include "core/tftp_download.h"
#include "io/clock.h"
#include "io/udp_socket.h"

#include <errno.h>
#include <string.h>

#define FILE_LIMIT_BYTES ((uint64_t)64 << 20)

static const char advice[] =
	"that UDP port 69 and the server's answering ports are let through on both sides, and its "
	"log";

static int send_pending(
	struct probe *probe, int fd, struct endpoint peer, struct tftp_download *download)
{
	const struct udp_path path = {.local = probe->address, .peer = peer};
	struct bytes packet = tftp_download_next(download);

	return packet.data ? udp_socket_send(fd, &path, packet) : 0;
}

/* Runs a started transfer to its end. 0, or -errno of this host. */
static int run(struct probe *probe, struct in_addr server, struct tftp_download *download)
{
	CLEANUP_CLOSE int fd = udp_socket_client(NULL, (struct endpoint){probe->address, 0});
	struct endpoint peer = {server, TFTP_PORT};
	uint8_t buffer[TFTP_HEADER_LEN + TFTP_DOWNLOAD_BLKSIZE + 1];
	struct udp_datagram datagram;
	int r = fd < 0 ? fd : send_pending(probe, fd, peer, download);

	while (r == 0 && !tftp_download_ended(download)) {
		uint64_t until_ms = download->deadline_ms;

		if (clock_now_ms() >= probe->deadline_ms)
			return -ETIMEDOUT;
		if (until_ms > probe->deadline_ms)
			until_ms = probe->deadline_ms;
		r = probe_receive(fd, until_ms, buffer, sizeof(buffer), &datagram);
		if (r == -ETIMEDOUT) {
			tftp_download_expire(download, clock_now_ms());
		} else if (r == 0 && datagram.source.address.s_addr == server.s_addr
			   && (peer.port == TFTP_PORT || peer.port == datagram.source.port)) {
			peer.port = datagram.source.port;
			tftp_download_receive(download, datagram.payload, clock_now_ms());
		}
		if (r == 0 || r == -ETIMEDOUT)
			r = send_pending(probe, fd, peer, download);
	}
	return r;
}

static enum probe_result fail(
	struct probe *probe, const char *step, int r, const struct tftp_download *download)
{
	char words[2 * TFTP_DOWNLOAD_REASON_MAX];

	log_escape(bytes_of_string(download->reason), words, sizeof(words));
	if (r < 0 && r != -ETIMEDOUT)
		return probe_fail(probe, step, advice, "%s", probe_error_text(r));
	switch (download->state) {
	case TFTP_DOWNLOAD_REFUSED:
		return probe_fail(probe, step,
			"the server's log; that its file is there and was verified",
			"the server refuses: error %u %s", download->error_code, words);
	case TFTP_DOWNLOAD_BAD_ANSWER:
		return probe_fail(probe, step, advice, "the server breaks the protocol: %s", words);
	case TFTP_DOWNLOAD_NO_SIZE:
		return probe_fail(probe, step,
			"the server's options: firmware cannot boot without tsize (PXE-E53)",
			"the server does not tell the size of the file");
	case TFTP_DOWNLOAD_WRONG_SIZE:
		return probe_fail(probe, step, "that the file is not being replaced in place",
			"the file is not of the announced size: %zu octets came",
			download->received);
	case TFTP_DOWNLOAD_ASKING:
	case TFTP_DOWNLOAD_RECEIVING:
	case TFTP_DOWNLOAD_TIMED_OUT:
	case TFTP_DOWNLOAD_DONE:
		break;
	}
	return probe_fail(
		probe, step, advice, "the server is silent, after %zu octets", download->received);
}

static enum probe_result ask_size(
	struct probe *probe, struct in_addr server, const char *name, uint64_t *ret_size)
{
	struct tftp_download download;
	int r;

	tftp_download_start_size(&download, name, clock_now_ms());
	r = run(probe, server, &download);
	if (r < 0 || download.state != TFTP_DOWNLOAD_DONE)
		return fail(probe, "size", r, &download);
	if (download.size == 0 || download.size > FILE_LIMIT_BYTES)
		return probe_fail(probe, "size", "the file at the server",
			"%llu octets are no boot file's size", (unsigned long long)download.size);
	report_step(probe->report, REPORT_OK, "size", "%s:69 has %llu octets",
		probe_address(server), (unsigned long long)download.size);
	*ret_size = download.size;
	return PROBE_GO_ON;
}

enum probe_result probe_tftp(struct probe *probe, struct in_addr server, const char *name,
	uint8_t **ret_data, size_t *ret_len)
{
	CLEANUP_FREE uint8_t *data = NULL;
	struct tftp_download download;
	uint64_t size = 0, started_ms, took_ms;
	char escaped[2 * FIRMWARE_BOOT_FILE_MAX];
	enum probe_result result = ask_size(probe, server, name, &size);
	int r;

	if (result != PROBE_GO_ON)
		return result;
	data = malloc((size_t)size);
	if (!data)
		return PROBE_IMPOSSIBLE;
	started_ms = clock_now_ms();
	tftp_download_start(&download, name, data, (size_t)size, started_ms);
	r = run(probe, server, &download);
	if (r < 0 || download.state != TFTP_DOWNLOAD_DONE)
		return fail(probe, "download", r, &download);
	took_ms = clock_now_ms() - started_ms;
	report_step(probe->report, REPORT_OK, "download",
		"%zu octets in %.3f s, blocks of %u, windows of %u", download.received,
		(double)took_ms / 1000, download.blksize, download.window);
	report_fact(probe->report, "transfer",
		json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:i}", "server", probe_address(server),
			"name", log_escape(bytes_of_string(name), escaped, sizeof(escaped)), "size",
			(json_int_t)size, "ms", (json_int_t)took_ms, "blksize", download.blksize,
			"windowsize", download.window, "repeated", (int)download.repeated));
	*ret_data = CLEANUP_STEAL(data);
	*ret_len = (size_t)size;
	return PROBE_GO_ON;
}
