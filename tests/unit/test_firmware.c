/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our play of the firmware against the firmware itself: messages as captured from OVMF, and replies
 * as captured from servers or bent as an experiment with OVMF bent them.
 */
#include "tests/unit/unit.h"

#include "core/firmware.h"
#include "core/pe_image.h"
#include "core/proxydhcp.h"
#include "tests/unit/dhcp_case.h"

#include <string.h>

/* The machine of the captures. */
static struct firmware_client client_of(const char *name, const struct dhcp_message *message)
{
	struct firmware_client client = {.arch = pxe_arch_by_name(name)};

	memcpy(client.hardware, message->chaddr, sizeof(client.hardware));
	if (message->option[DHCP_OPTION_CLIENT_UUID].len == 17)
		memcpy(client.uuid, message->option[DHCP_OPTION_CLIENT_UUID].data + 1,
			sizeof(client.uuid));
	return client;
}

static void test_writes_what_ovmf_writes(void **state)
{
	static const struct {
		const char *name, *arch;
	} cases[] = {
		{"ovmf-x64-discover", "x64-uefi"},
		{"ovmf-ia32-discover", "ia32-uefi"},
		{"ovmf-x64-request-4011", "x64-uefi"},
		{"ovmf-ia32-request-4011", "ia32-uefi"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dhcp_case datagram;
		struct dhcp_message captured = dhcp_case_parse(&datagram, cases[i].name);
		struct firmware_client client = client_of(cases[i].arch, &captured);
		uint8_t buffer[600];
		size_t len;

		len = captured.type == DHCP_DISCOVER
			      ? firmware_write_discover(
				      &client, captured.xid, captured.secs, buffer, sizeof(buffer))
			      : firmware_write_boot_request(&client, captured.xid, captured.ciaddr,
				      buffer, sizeof(buffer));
		assert_int_equal(len, datagram.len);
		assert_memory_equal(buffer, datagram.data, len);
	}
}

static void test_http_and_bios_name_their_class(void **state)
{
	static const struct {
		const char *arch, *class;
	} cases[] = {
		{"x64-uefi-http", "HTTPClient:Arch:00016:UNDI:003000"},
		{"bios", "PXEClient:Arch:00000:UNDI:002001"},
		{"arm64-uefi", "PXEClient:Arch:00011:UNDI:003000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct firmware_client client = {
			.arch = pxe_arch_by_name(cases[i].arch), .hardware = {2, 0, 0, 0, 0, 1}};
		struct dhcp_message message;
		uint8_t buffer[600];
		size_t len = firmware_write_discover(&client, 1, 0, buffer, sizeof(buffer));

		assert_int_equal(dhcp_message_parse(bytes_of(buffer, len), &message), DHCP_OK);
		assert_true(bytes_equal(
			message.option[DHCP_OPTION_VENDOR_CLASS], bytes_of_string(cases[i].class)));
	}
}

/* Takes a captured reply as the client would that it was for. */
static enum firmware_status take(
	const char *name, const char *arch, uint16_t port, struct firmware_offer *ret_offer)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, name);
	struct firmware_client client = client_of(arch, &message);

	return firmware_take_offer(&client, message.xid, (struct endpoint){message.siaddr, port},
		bytes_of(datagram.data, datagram.len), ret_offer);
}

static void test_understands_real_servers(void **state)
{
	struct firmware_offer offer;

	(void)state;
	assert_int_equal(take("site-offer", "x64-uefi", 67, &offer), FIRMWARE_TAKEN);
	assert_int_equal(offer.kind, FIRMWARE_SITE);
	assert_int_equal(offer.yiaddr.s_addr, htonl(0x0a4d000a));
	assert_int_equal(offer.router.s_addr, htonl(0x0a4d0001));
	assert_int_equal(offer.dns.s_addr, htonl(0x0a4d0002));
	assert_int_equal(offer.mask.s_addr, htonl(0xffffff00));
	assert_string_equal(offer.boot_file, "");

	assert_int_equal(take("dnsmasq-offer-binl", "x64-uefi", 67, &offer), FIRMWARE_TAKEN);
	assert_int_equal(offer.kind, FIRMWARE_PROXY_BINL);
	assert_int_equal(offer.boot_server.s_addr, htonl(0x0a4d0003));

	assert_int_equal(take("dnsmasq-offer-menu", "bios", 67, &offer), FIRMWARE_TAKEN);
	assert_int_equal(offer.kind, FIRMWARE_PROXY_PXE10);
	assert_false(offer.use_boot_file);

	/* A class that is not the client's own counts as none. */
	assert_int_equal(
		take("dnsmasq-offer-binl", "x64-uefi-http", 67, &offer), FIRMWARE_NO_CLASS);
}

static void test_takes_our_own_answers(void **state)
{
	static const struct {
		const char *request;
		uint16_t port;
		enum proxydhcp_uefi_form form;
		enum firmware_offer_kind kind;
	} cases[] = {
		{"ovmf-x64-discover", 67, PROXYDHCP_BINL, FIRMWARE_PROXY_BINL},
		{"ovmf-x64-discover", 67, PROXYDHCP_DIRECT, FIRMWARE_PROXY_PXE10},
		{"ovmf-x64-request-4011", 4011, PROXYDHCP_BINL, FIRMWARE_PROXY_BINL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct proxydhcp_policy policy = {
			cases[i].form, "signed_ipxe.efi", PE_MACHINE_X64};
		const struct proxydhcp_ingress ingress = {
			.endpoint = {{htonl(0x0a4d0003)}, cases[i].port},
			.source = {{htonl(0x0a4d000a)}, 4011}};
		struct dhcp_case datagram;
		struct dhcp_message request = dhcp_case_parse(&datagram, cases[i].request);
		struct firmware_client client = client_of("x64-uefi", &request);
		struct proxydhcp_reply reply;
		struct pxe_client said;
		struct firmware_offer offer;

		assert_int_equal(proxydhcp_answer(&policy, &ingress, &request, &said, &reply),
			PROXYDHCP_ANSWER);
		assert_int_equal(
			(cases[i].port == 67 ? firmware_take_offer : firmware_take_boot_reply)(
				&client, request.xid, ingress.endpoint,
				bytes_of(reply.data, reply.len), &offer),
			FIRMWARE_TAKEN);
		assert_int_equal(offer.kind, cases[i].kind);
		assert_int_equal(offer.boot_server.s_addr, htonl(0x0a4d0003));
		assert_string_equal(offer.boot_file, "signed_ipxe.efi");
	}
}

static void test_ignores_what_ovmf_ignores(void **state)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "dnsmasq-offer-binl");
	struct firmware_client client = client_of("x64-uefi", &message);
	struct endpoint server = {message.siaddr, 67};
	struct bytes whole = bytes_of(datagram.data, datagram.len);
	struct firmware_offer offer;
	uint8_t *end = memrchr(datagram.data, 0xff, datagram.len);

	(void)state;
	assert_int_equal(firmware_take_offer(&client, message.xid + 1, server, whole, &offer),
		FIRMWARE_UNRELATED);
	assert_int_equal(firmware_take_offer(&client, message.xid,
				 (struct endpoint){message.siaddr, 4011}, whole, &offer),
		FIRMWARE_BAD_PORT);
	*end = 0;
	assert_int_equal(
		firmware_take_offer(&client, message.xid, server, whole, &offer), FIRMWARE_NO_END);
	*end = 0xff;
	datagram.data[242] = DHCP_ACK;
	assert_int_equal(firmware_take_offer(&client, message.xid, server, whole, &offer),
		FIRMWARE_NOT_AN_OFFER);
	datagram.data[242] = DHCP_OFFER;
	datagram.data[243] = DHCP_OPTION_DNS;
	assert_int_equal(firmware_take_offer(&client, message.xid, server, whole, &offer),
		FIRMWARE_NO_SERVER_ID);
	datagram.data[243] = DHCP_OPTION_SERVER_ID;
	datagram.data[249] = DHCP_OPTION_DNS;
	assert_int_equal(firmware_take_offer(&client, message.xid, server, whole, &offer),
		FIRMWARE_NO_CLASS);
	/* An offer in BINL form may lack a file; the answer on 4011 must not. */
	datagram.data[249] = DHCP_OPTION_VENDOR_CLASS;
	assert_int_equal(
		firmware_take_offer(&client, message.xid, server, whole, &offer), FIRMWARE_TAKEN);
	assert_int_equal(firmware_take_boot_reply(&client, message.xid, server, whole, &offer),
		FIRMWARE_NO_BOOT_FILE);
}

static void test_follows_the_offers_in_edk2s_order(void **state)
{
	enum { END = -1 };
	/* S: site, s: with a boot file, X: site with PXE10, B: site BINL, H: site HTTP; d: direct,
	 * m: menu, b: BINL, h: HTTP proxy. */
	static const struct {
		const char *offers;
		enum firmware_way way;
		int offer; /* index, END: none */
	} cases[] = {
		{"", FIRMWARE_NO_ADDRESS, END},
		{"db", FIRMWARE_NO_ADDRESS, END},
		{"S", FIRMWARE_NO_SERVER, END},
		{"s", FIRMWARE_TFTP, 0},
		{"Ss", FIRMWARE_TFTP, 1},
		{"Sb", FIRMWARE_ASK_4011, 1},
		{"bS", FIRMWARE_ASK_4011, 0},
		{"sb", FIRMWARE_ASK_4011, 1},
		{"Sbd", FIRMWARE_TFTP, 2},
		{"Sbb", FIRMWARE_ASK_4011, 1},
		{"Sbm", FIRMWARE_CANCELLED, 2},
		{"SBb", FIRMWARE_ASK_4011, 1},
		{"Bd", FIRMWARE_ASK_4011, 0},
		{"SBd", FIRMWARE_TFTP, 2},
		{"SdX", FIRMWARE_TFTP, 2},
		{"Sh", FIRMWARE_HTTP, 1},
		{"H", FIRMWARE_HTTP, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const char letters[] = "SXBHdbh";
		struct firmware_offer offers[8] = {0};
		struct firmware_choice choice;
		size_t n = strlen(cases[i].offers);

		for (size_t j = 0; j < n; j++) {
			char letter = cases[i].offers[j];
			const char *at = strchr(letters, letter);

			offers[j].kind = letter == 's'	 ? FIRMWARE_SITE
					 : letter == 'm' ? FIRMWARE_PROXY_PXE10
							 : (enum firmware_offer_kind)(at - letters);
			offers[j].use_boot_file = letter == 'd' || letter == 'X';
			if (strchr("sXHdh", letter))
				strcpy(offers[j].boot_file, "file");
		}
		choice = firmware_choose(offers, n);
		if (choice.way != cases[i].way
			|| (cases[i].offer != END && choice.offer != (size_t)cases[i].offer))
			fail_msg("\"%s\": way %d, offer %zu", cases[i].offers, (int)choice.way,
				choice.offer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writes_what_ovmf_writes),
		cmocka_unit_test(test_http_and_bios_name_their_class),
		cmocka_unit_test(test_understands_real_servers),
		cmocka_unit_test(test_takes_our_own_answers),
		cmocka_unit_test(test_ignores_what_ovmf_ignores),
		cmocka_unit_test(test_follows_the_offers_in_edk2s_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
