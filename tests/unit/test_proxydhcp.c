/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/pe_image.h"
#include "core/proxydhcp.h"
#include "tests/unit/dhcp_case.h"

#include <string.h>

#define OURS	  0x0a4d0003
#define CLIENT	  0x0a4d000a
#define RELAY	  0x0a580001
#define BROADCAST 0xffffffff
#define BOOT_FILE "signed_ipxe.efi"

static struct endpoint endpoint_of(uint32_t address, uint16_t port)
{
	return (struct endpoint){.address.s_addr = htonl(address), .port = port};
}

static struct proxydhcp_policy serving_x64(void)
{
	return (struct proxydhcp_policy){.boot_file = BOOT_FILE, .machine = PE_MACHINE_X64};
}

/* Who sends to us, and how admission sees it: a site with 10.77.0.0/24 on the link. */
struct sender {
	uint16_t our_port;
	uint32_t address;
	uint16_t port;
	bool over_loopback;
};

static const struct sender unaddressed = {67, 0, 68, false};
static const struct sender relay = {67, RELAY, 67, false};
static const struct sender on_4011 = {4011, CLIENT, 4011, false};
static const struct sender rom_on_4011 = {4011, CLIENT, 68, false};

static enum admission_verdict admit(const struct sender *sender, const struct dhcp_message *message)
{
	const struct admission_subnet relays[] = {{.network.s_addr = htonl(RELAY), 32}};
	const struct admission_policy policy = {.relays = relays, .n_relays = 1};
	const struct admission_request request = {
		.path = sender->our_port == 67 ? ADMISSION_DHCP : ADMISSION_BOOT_SERVER,
		.source = endpoint_of(sender->address, sender->port),
		.ciaddr = message->ciaddr,
		.giaddr = message->giaddr,
		.on_link = sender->address >> 8 == OURS >> 8,
		.own_source = sender->address == OURS,
		.own_giaddr = message->giaddr.s_addr == htonl(OURS),
		.over_loopback = sender->over_loopback,
	};

	return admission_decide(&policy, &request);
}

/* What became of one case: the verdict, or, beyond the verdicts, that the parser refused it. */
#define REFUSED 100

static int answer(const struct proxydhcp_policy *policy, const char *name,
	const struct sender *sender, struct proxydhcp_reply *ret_reply)
{
	struct dhcp_case datagram;
	struct dhcp_message message;
	struct pxe_client client;
	struct proxydhcp_ingress ingress = {
		.endpoint = endpoint_of(OURS, sender->our_port),
		.source = endpoint_of(sender->address, sender->port),
	};

	if (dhcp_message_parse(dhcp_case_load(&datagram, name), &message) != DHCP_OK)
		return REFUSED;
	ingress.admission = admit(sender, &message);
	return (int)proxydhcp_answer(policy, &ingress, &message, &client, ret_reply);
}

static size_t octets_of_hex(const char *hex, uint8_t *ret_octets)
{
	size_t n = 0;

	for (; *hex; hex++) {
		unsigned octet;

		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &octet), 1);
		ret_octets[n++] = (uint8_t)octet;
		hex++;
	}
	return n;
}

/* What sections 5.1 and 5.2 leave to the path: all else is the same in every reply. */
struct recipe {
	uint16_t flags;
	bool copies_ciaddr, copies_giaddr;
	const char *file;
	const char *options; /* hexadecimal, with END */
	struct endpoint destination;
};

static void assert_reply(
	const struct proxydhcp_reply *reply, const char *request_name, const struct recipe *recipe)
{
	struct dhcp_case request;
	uint8_t expected[600] = {2, 1, 6};
	size_t len;

	dhcp_case_load(&request, request_name);
	memcpy(expected + 4, request.data + 4, 4);
	expected[10] = (uint8_t)(recipe->flags >> 8);
	expected[11] = (uint8_t)recipe->flags;
	if (recipe->copies_ciaddr)
		memcpy(expected + 12, request.data + 12, 4);
	memcpy(expected + 20, "\x0a\x4d\x00\x03", 4);
	if (recipe->copies_giaddr)
		memcpy(expected + 24, request.data + 24, 4);
	memcpy(expected + 28, request.data + 28, 16);
	strcpy((char *)expected + 108, recipe->file);
	memcpy(expected + 236, "\x63\x82\x53\x63", 4);
	len = 240 + octets_of_hex(recipe->options, expected + 240);
	if (len < 300)
		len = 300;
	assert_int_equal(reply->len, len);
	assert_memory_equal(reply->data, expected, len);
	assert_int_equal(reply->destination.address.s_addr, recipe->destination.address.s_addr);
	assert_int_equal(reply->destination.port, recipe->destination.port);
}

#define CLASS "3c09 505845436c69656e74"
#define UUID  "6111 0049a629ea907bc040889c7221f6307c4d"

static void test_offers_to_each_client_as_section_5_1_says(void **state)
{
	static const struct {
		const char *name;
		const char *vendor; /* option 43, if any, and 175 */
		const char *uuid;
		enum proxydhcp_uefi_form form;
	} cases[] = {
		{"ovmf-x64-discover", "", UUID, PROXYDHCP_BINL},
		{"ovmf-x64-discover", "2b04 060108ff", UUID, PROXYDHCP_DIRECT},
		{"ipxe-x64-discover", "af04 01010aff", UUID, PROXYDHCP_BINL},
		{"ipxe-rom-x64-discover", "af04 01010aff",
			"6111 00647d9edebd3c084481da52c427cf841e", PROXYDHCP_BINL},
		{"D12-no-end", "", UUID, PROXYDHCP_BINL},
		{"D15-type-twice", "", UUID, PROXYDHCP_BINL},
		{"D20-pxeclient-arch-http", "", UUID, PROXYDHCP_BINL},
		{"D23-uuid-length-16", "", "", PROXYDHCP_BINL},
		{"D23-uuid-type-1", "", "", PROXYDHCP_BINL},
		{"D38-fields-ff", "", UUID, PROXYDHCP_BINL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxydhcp_policy policy = serving_x64();
		struct proxydhcp_reply reply;
		char options[512];
		const struct recipe recipe = {
			.flags = 0x8000,
			.file = BOOT_FILE,
			.options = options,
			.destination = endpoint_of(BROADCAST, 68),
		};

		policy.uefi_form = cases[i].form;
		snprintf(options, sizeof(options), "350102 3604 0a4d0003" CLASS "%s%s ff",
			cases[i].uuid, cases[i].vendor);
		assert_int_equal(
			answer(&policy, cases[i].name, &unaddressed, &reply), PROXYDHCP_ANSWER);
		assert_int_equal(reply.type, DHCP_OFFER);
		assert_reply(&reply, cases[i].name, &recipe);
	}
}

static void test_acknowledges_on_4011_as_section_5_2_says(void **state)
{
	static const struct {
		const char *name;
		uint16_t flags;
		uint16_t port;
		const char *vendor;
		enum proxydhcp_uefi_form form;
	} cases[] = {
		{"ovmf-x64-request-4011", 0, 4011, "", PROXYDHCP_BINL},
		{"ovmf-x64-request-4011", 0, 4011, "", PROXYDHCP_DIRECT},
		{"ipxe-x64-request-4011", 0x8000, 68, "af04 01010aff", PROXYDHCP_BINL},
		{"D26-item", 0, 4011, "2b07 4704 80010000 ff", PROXYDHCP_BINL},
		{"D26-item-length-1", 0, 4011, "", PROXYDHCP_BINL},
		{"D26-item-length-2", 0, 4011, "", PROXYDHCP_BINL},
		{"D26-item-length-3", 0, 4011, "", PROXYDHCP_BINL},
		{"D26-item-value-3", 0, 4011, "", PROXYDHCP_BINL},
		{"D35-server-id-ours", 0, 4011, "", PROXYDHCP_BINL},
		{"D36-type-8", 0, 4011, "", PROXYDHCP_BINL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sender sender = {4011, CLIENT, cases[i].port, false};
		struct proxydhcp_policy policy = serving_x64();
		struct proxydhcp_reply reply;
		char options[512];
		const struct recipe recipe = {
			.flags = cases[i].flags,
			.copies_ciaddr = true,
			.file = BOOT_FILE,
			.options = options,
			.destination = endpoint_of(CLIENT, cases[i].port),
		};

		policy.uefi_form = cases[i].form;
		snprintf(options, sizeof(options), "350105 3604 0a4d0003" CLASS UUID "%s ff",
			cases[i].vendor);
		assert_int_equal(answer(&policy, cases[i].name, &sender, &reply), PROXYDHCP_ANSWER);
		assert_int_equal(reply.type, DHCP_ACK);
		assert_reply(&reply, cases[i].name, &recipe);
	}
}

/* PXE 2.1's broadcast form of the boot server discover. */
static void test_acknowledges_a_boot_server_discover_on_67(void **state)
{
	const struct recipe recipe = {
		.flags = 0x8000,
		.copies_ciaddr = true,
		.file = BOOT_FILE,
		.options = "350105 3604 0a4d0003" CLASS UUID "2b07 4704 80010000 ff ff",
		.destination = endpoint_of(BROADCAST, 68),
	};
	const struct sender sender = {67, CLIENT, 68, false};
	struct proxydhcp_policy policy = serving_x64();
	struct proxydhcp_reply reply;

	(void)state;
	assert_int_equal(answer(&policy, "D26-item", &sender, &reply), PROXYDHCP_ANSWER);
	assert_reply(&reply, "D26-item", &recipe);
}

static void test_a_broadcast_to_4011_is_answered_by_broadcast(void **state)
{
	const struct sender sender = {4011, 0, 68, false};
	struct proxydhcp_policy policy = serving_x64();
	struct proxydhcp_reply reply;
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "ovmf-x64-request-4011");
	struct proxydhcp_ingress ingress = {endpoint_of(OURS, 4011), endpoint_of(0, 68), 0};
	struct pxe_client client;

	(void)state;
	message.ciaddr.s_addr = 0;
	ingress.admission = admit(&sender, &message);
	assert_int_equal(
		proxydhcp_answer(&policy, &ingress, &message, &client, &reply), PROXYDHCP_ANSWER);
	assert_int_equal(reply.destination.address.s_addr, INADDR_BROADCAST);
	assert_int_equal(reply.destination.port, 68);
	assert_int_equal(reply.data[10], 0x80);
}

static void test_D29_D30_answers_a_relay_with_its_words_last(void **state)
{
	char options[2 * 600];
	size_t len;
	struct recipe recipe = {
		.flags = 0x8000,
		.copies_giaddr = true,
		.file = BOOT_FILE,
		.options = options,
		.destination = endpoint_of(RELAY, 67),
	};
	struct proxydhcp_policy policy = serving_x64();
	struct proxydhcp_reply reply;

	(void)state;
	strcpy(options, "350102 3604 0a4d0003" CLASS UUID "ff");
	assert_int_equal(answer(&policy, "D29-giaddr-listed", &relay, &reply), PROXYDHCP_ANSWER);
	assert_reply(&reply, "D29-giaddr-listed", &recipe);

	strcpy(options, "350102 3604 0a4d0003" CLASS UUID "5206 0104 65746830 ff");
	assert_int_equal(answer(&policy, "D30-relay-info", &relay, &reply), PROXYDHCP_ANSWER);
	assert_reply(&reply, "D30-relay-info", &recipe);

	len = (size_t)sprintf(options, "350102 3604 0a4d0003" CLASS UUID "52ff");
	for (unsigned i = 0; i < 255; i++)
		len += (size_t)sprintf(options + len, "%02x", i);
	strcpy(options + len, "ff");
	assert_int_equal(answer(&policy, "D30-relay-info-255", &relay, &reply), PROXYDHCP_ANSWER);
	assert_reply(&reply, "D30-relay-info-255", &recipe);
}

/* All but what the tests above hold octet by octet: who is answered, and why not. */
static void test_judges_each_case(void **state)
{
	static const struct sender forged_own = {4011, OURS, 4011, false};
	static const struct {
		const char *name;
		const struct sender *sender;
		int verdict;
	} cases[] = {
		{"D01-length-0", &unaddressed, REFUSED},
		{"D01-length-1", &unaddressed, REFUSED},
		{"D01-length-235", &unaddressed, REFUSED},
		{"D01-length-239", &unaddressed, REFUSED},
		{"D02-no-options", &unaddressed, REFUSED},
		{"D03-bootreply", &unaddressed, PROXYDHCP_NOT_A_REQUEST},
		{"D03-bootreply", &on_4011, PROXYDHCP_NOT_A_REQUEST},
		{"dnsmasq-offer-binl", &unaddressed, PROXYDHCP_NOT_A_REQUEST},
		{"D04-op-0", &unaddressed, REFUSED},
		{"D04-op-3", &unaddressed, REFUSED},
		{"D05-cookie", &unaddressed, REFUSED},
		{"D06-hlen-17", &unaddressed, REFUSED},
		{"D06-hlen-255", &unaddressed, REFUSED},
		{"D07-hlen-0", &unaddressed, REFUSED},
		{"D07-htype-0", &unaddressed, REFUSED},
		{"D07-htype-6", &unaddressed, REFUSED},
		{"D08-hlen-16", &unaddressed, REFUSED},
		{"D09-chaddr-zero", &unaddressed, REFUSED},
		{"D09-chaddr-multicast", &unaddressed, REFUSED},
		{"D09-chaddr-broadcast", &unaddressed, REFUSED},
		{"D10-tag-without-length", &unaddressed, REFUSED},
		{"D11-length-past-the-end", &unaddressed, REFUSED},
		{"D12-no-end", &unaddressed, PROXYDHCP_ANSWER},
		{"D13-only-pads", &unaddressed, REFUSED},
		{"D14-type-empty", &unaddressed, REFUSED},
		{"D14-type-two-octets", &unaddressed, REFUSED},
		{"D14-type-0", &unaddressed, REFUSED},
		{"D14-type-9", &unaddressed, REFUSED},
		{"D14-type-255", &unaddressed, REFUSED},
		{"D15-type-twice", &unaddressed, PROXYDHCP_ANSWER},
		{"D16-overload-both", &unaddressed, PROXYDHCP_ANSWER},
		{"D17-overload-0", &unaddressed, PROXYDHCP_ANSWER},
		{"D17-overload-4", &unaddressed, PROXYDHCP_ANSWER},
		{"D17-overload-255", &unaddressed, PROXYDHCP_ANSWER},
		{"D17-overload-empty", &unaddressed, PROXYDHCP_ANSWER},
		{"D17-overload-two", &unaddressed, PROXYDHCP_ANSWER},
		{"D18-overload-without-end", &unaddressed, PROXYDHCP_ANSWER},
		{"D18-overload-past-its-area", &unaddressed, REFUSED},
		{"D19-class-PXEClien", &unaddressed, PROXYDHCP_NOT_PXE},
		{"D19-class-lower-case", &unaddressed, PROXYDHCP_NOT_PXE},
		{"D19-class-trailing-nul", &unaddressed, PROXYDHCP_ANSWER},
		{"D19-class-255-octets", &unaddressed, PROXYDHCP_ANSWER},
		{"D20-pxeclient-arch-http", &unaddressed, PROXYDHCP_ANSWER},
		{"D21-arch-empty", &unaddressed, PROXYDHCP_UNKNOWN_ARCH},
		{"D21-arch-one-octet", &unaddressed, PROXYDHCP_UNKNOWN_ARCH},
		{"D21-arch-three-octets", &unaddressed, PROXYDHCP_UNKNOWN_ARCH},
		{"D21-arch-empty-class-tells", &unaddressed, PROXYDHCP_ANSWER},
		{"D21-arch-one-octet-class-tells", &unaddressed, PROXYDHCP_ANSWER},
		{"D21-arch-three-octets-class-tells", &unaddressed, PROXYDHCP_ANSWER},
		{"D21-arch-unknown", &unaddressed, PROXYDHCP_UNKNOWN_ARCH},
		{"D21-arch-list-40", &unaddressed, PROXYDHCP_ANSWER},
		{"D21-arch-list-40-unknown", &unaddressed, PROXYDHCP_UNKNOWN_ARCH},
		{"D22-no-ndi", &unaddressed, PROXYDHCP_ANSWER},
		{"D22-ndi-length", &unaddressed, PROXYDHCP_ANSWER},
		{"D23-uuid-length-0", &unaddressed, PROXYDHCP_ANSWER},
		{"D23-uuid-length-1", &unaddressed, PROXYDHCP_ANSWER},
		{"D23-uuid-length-18", &unaddressed, PROXYDHCP_ANSWER},
		{"D23-uuid-length-255", &unaddressed, PROXYDHCP_ANSWER},
		{"D24-user-class-empty", &unaddressed, PROXYDHCP_ANSWER},
		{"D24-user-class-inner-length", &unaddressed, PROXYDHCP_ANSWER},
		{"D24-user-class-255", &unaddressed, PROXYDHCP_ANSWER},
		{"D25-ipxe-truncated", &unaddressed, PROXYDHCP_ANSWER},
		{"D25-ipxe-nested-end", &unaddressed, PROXYDHCP_ANSWER},
		{"D26-item-bis", &on_4011, PROXYDHCP_NOT_PXE},
		{"D26-item-value-1", &unaddressed, PROXYDHCP_NOT_OURS},
		{"D27-max-size-0", &unaddressed, PROXYDHCP_ANSWER},
		{"D27-max-size-64", &unaddressed, PROXYDHCP_ANSWER},
		{"D27-max-size-65535", &unaddressed, PROXYDHCP_ANSWER},
		{"D28-split-in-three", &unaddressed, PROXYDHCP_ANSWER},
		{"D29-giaddr-own", &relay, PROXYDHCP_NOT_ADMITTED},
		{"D29-giaddr-broadcast", &relay, PROXYDHCP_NOT_ADMITTED},
		{"D29-giaddr-multicast", &relay, PROXYDHCP_NOT_ADMITTED},
		{"D29-giaddr-loopback", &relay, PROXYDHCP_NOT_ADMITTED},
		{"D29-giaddr-unlisted", &relay, PROXYDHCP_NOT_ADMITTED},
		{"D30-relay-info-no-room", &rom_on_4011, PROXYDHCP_NO_ROOM},
		{"D31-hops-255", &relay, REFUSED},
		{"D31-hops-16", &relay, PROXYDHCP_ANSWER},
		{"D32-ciaddr-of-another", &on_4011, PROXYDHCP_NOT_ADMITTED},
		{"ovmf-x64-request-4011", &forged_own, PROXYDHCP_NOT_ADMITTED},
		{"D35-server-id-of-another", &on_4011, PROXYDHCP_NOT_OURS},
		{"D35-server-id-short", &on_4011, PROXYDHCP_NOT_OURS},
		{"D36-type-1", &on_4011, PROXYDHCP_NOT_OURS},
		{"D36-type-2", &on_4011, PROXYDHCP_NOT_OURS},
		{"D36-type-4", &on_4011, PROXYDHCP_NOT_OURS},
		{"D36-type-5", &on_4011, PROXYDHCP_NOT_OURS},
		{"D36-type-6", &on_4011, PROXYDHCP_NOT_OURS},
		{"D36-type-7", &on_4011, PROXYDHCP_NOT_OURS},
		{"ovmf-x64-request", &unaddressed, PROXYDHCP_NOT_OURS}, /* D37 */
		{"ipxe-x64-request", &unaddressed, PROXYDHCP_NOT_OURS}, /* D37 */
		{"ovmf-x64-request-4011", &unaddressed, PROXYDHCP_NOT_OURS},
		{"D36-type-8", &unaddressed, PROXYDHCP_NOT_OURS},
		{"D39-1500", &unaddressed, PROXYDHCP_ANSWER},
		{"D39-1501", &unaddressed, REFUSED},
		{"D42-all-tags", &unaddressed, REFUSED},
		{"ovmf-ia32-discover", &unaddressed, PROXYDHCP_NO_FILE_FOR_ARCH},
		{"ovmf-ia32-request-4011", &on_4011, PROXYDHCP_NOT_ADMITTED},
		{"ovmf-x64-http-discover", &unaddressed, PROXYDHCP_NO_FILE_FOR_ARCH},
		{"ipxe-rom-bios-discover", &unaddressed, PROXYDHCP_NO_FILE_FOR_ARCH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxydhcp_policy policy = serving_x64();
		struct proxydhcp_reply reply;
		int verdict = answer(&policy, cases[i].name, cases[i].sender, &reply);

		if (verdict != cases[i].verdict)
			fail_msg("%s: %s", cases[i].name,
				verdict == REFUSED
					? "refused"
					: proxydhcp_verdict_text((enum proxydhcp_verdict)verdict));
	}
}

/* The message of D32 to D34 with the claimed address of its sender. */
static int answer_from(const struct sender *sender)
{
	struct proxydhcp_policy policy = serving_x64();
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "ovmf-x64-request-4011");
	struct proxydhcp_ingress ingress = {
		endpoint_of(OURS, sender->our_port), endpoint_of(sender->address, sender->port), 0};
	struct proxydhcp_reply reply;
	struct pxe_client client;

	message.ciaddr.s_addr = htonl(sender->address);
	ingress.admission = admit(sender, &message);
	return (int)proxydhcp_answer(&policy, &ingress, &message, &client, &reply);
}

static void test_D33_D34_answers_honest_sources_only(void **state)
{
	static const struct {
		struct sender sender;
		int verdict;
	} cases[] = {
		{{4011, CLIENT, 0, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, CLIENT, 7, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, CLIENT, 19, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, CLIENT, 53, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, CLIENT, 67, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, CLIENT, 68, false}, PROXYDHCP_ANSWER},
		{{4011, CLIENT, 1024, false}, PROXYDHCP_ANSWER},
		{{4011, 0x7f000001, 4011, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, 0xe0000001, 4011, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, BROADCAST, 4011, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, OURS, 4011, false}, PROXYDHCP_NOT_ADMITTED},
		{{4011, OURS, 4011, true}, PROXYDHCP_ANSWER},
		{{4011, 0x08080808, 4011, false}, PROXYDHCP_NOT_ADMITTED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (answer_from(&cases[i].sender) != cases[i].verdict)
			fail_msg("%08x:%u", cases[i].sender.address, cases[i].sender.port);
}

static void test_serves_the_machine_of_the_boot_file(void **state)
{
	static const struct {
		const char *name;
		uint16_t machine;
		int verdict;
	} cases[] = {
		{"ovmf-ia32-discover", PE_MACHINE_I386, PROXYDHCP_ANSWER},
		{"ovmf-x64-discover", PE_MACHINE_I386, PROXYDHCP_NO_FILE_FOR_ARCH},
		{"D21-arch-list-40", PE_MACHINE_ARM64, PROXYDHCP_NO_FILE_FOR_ARCH},
		{"ipxe-rom-bios-discover", 0, PROXYDHCP_NO_FILE_FOR_ARCH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxydhcp_policy policy = serving_x64();
		struct proxydhcp_reply reply;

		policy.machine = cases[i].machine;
		assert_int_equal(
			answer(&policy, cases[i].name, &unaddressed, &reply), cases[i].verdict);
	}
}

static void test_nobody_is_answered_before_something_is_verified(void **state)
{
	struct proxydhcp_policy policy = {.machine = PE_MACHINE_X64};
	struct proxydhcp_reply reply;

	(void)state;
	assert_int_equal(answer(&policy, "ovmf-x64-discover", &unaddressed, &reply),
		PROXYDHCP_NOTHING_TO_SERVE);
	assert_int_equal(answer(&policy, "ovmf-x64-request-4011", &on_4011, &reply),
		PROXYDHCP_NOTHING_TO_SERVE);
	assert_int_equal(answer(&policy, "ipxe-rom-bios-discover", &unaddressed, &reply),
		PROXYDHCP_NO_FILE_FOR_ARCH);
}

static void test_D41_a_name_too_long_is_refused(void **state)
{
	char name[129];
	struct proxydhcp_policy policy = serving_x64();
	struct proxydhcp_reply reply;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[127] = '\0';
	policy.boot_file = name;
	assert_int_equal(
		answer(&policy, "ovmf-x64-discover", &unaddressed, &reply), PROXYDHCP_ANSWER);
	assert_memory_equal(reply.data + 108, name, 128);
	name[127] = 'x';
	name[128] = '\0';
	assert_int_equal(
		answer(&policy, "ovmf-x64-discover", &unaddressed, &reply), PROXYDHCP_NO_ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers_to_each_client_as_section_5_1_says),
		cmocka_unit_test(test_acknowledges_on_4011_as_section_5_2_says),
		cmocka_unit_test(test_acknowledges_a_boot_server_discover_on_67),
		cmocka_unit_test(test_a_broadcast_to_4011_is_answered_by_broadcast),
		cmocka_unit_test(test_D29_D30_answers_a_relay_with_its_words_last),
		cmocka_unit_test(test_judges_each_case),
		cmocka_unit_test(test_D33_D34_answers_honest_sources_only),
		cmocka_unit_test(test_serves_the_machine_of_the_boot_file),
		cmocka_unit_test(test_nobody_is_answered_before_something_is_verified),
		cmocka_unit_test(test_D41_a_name_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
