/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/firmware.h"
#include "tool/report.h"

#include <net/if.h>

/* `edgepxe probe`: a node's way from DISCOVER to its verified boot file, from this host. Returns 0
 * when a node would boot, 1 when not, 2 when the probe could not be made. */
int probe_main(int argc, char **argv);

#define PROBE_REASON_MAX 512

/* What the steps of a probe share. */
struct probe {
	struct report *report;
	char interface[IF_NAMESIZE];
	int ifindex;
	struct in_addr address; /* ours there */
	struct firmware_client client;
	uint64_t wait_ms;	       /* for offers */
	uint64_t deadline_ms;	       /* of the whole probe */
	char reason[PROBE_REASON_MAX]; /* of the step that failed, for the verdict */
};

/* What a step found: the probe goes on, the node would not boot, or this host cannot tell. */
enum probe_result {
	PROBE_GO_ON,
	PROBE_NO_BOOT,
	PROBE_IMPOSSIBLE,
};

/* Reports a failed step, remembers its text as the reason, and returns PROBE_NO_BOOT. */
enum probe_result probe_fail(struct probe *probe, const char *step, const char *advice,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Waits for a datagram until `until_ms` at most. 0, -ETIMEDOUT, or -errno. */
struct udp_datagram;
int probe_receive(
	int fd, uint64_t until_ms, void *buffer, size_t size, struct udp_datagram *ret_datagram);

/* An error of a socket in words: "nobody listens there". */
const char *probe_error_text(int r);

/* 32 random bits. */
uint32_t probe_random(void);

/* Dotted decimal in one of a few static buffers. */
const char *probe_address(struct in_addr address);

/* The way to the boot file's name and server, through port 4011 where due. */
enum probe_result probe_dhcp(
	struct probe *probe, struct in_addr *ret_server, char ret_name[FIRMWARE_BOOT_FILE_MAX]);

/* Fetches the file; `ret_data` is of malloc. */
enum probe_result probe_tftp(struct probe *probe, struct in_addr server, const char *name,
	uint8_t **ret_data, size_t *ret_len);
