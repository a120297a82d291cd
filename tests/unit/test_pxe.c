/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "core/pe_image.h"
#include "core/pxe.h"
#include "tests/unit/dhcp_case.h"

#include <string.h>

static void test_names_and_values_are_one_table(void **state)
{
	const struct pxe_arch *arch;
	size_t position = 0;
	unsigned count = 0;

	(void)state;
	while ((arch = pxe_arch_next(&position))) {
		assert_int_equal(arch->value, count++);
		assert_ptr_equal(pxe_arch_by_value(arch->value), arch);
		assert_ptr_equal(pxe_arch_by_name(arch->name), arch);
	}
	assert_int_equal(count, 42);
	assert_null(pxe_arch_by_value(42));
	assert_null(pxe_arch_by_value(UINT16_MAX));
	assert_null(pxe_arch_by_name("x64"));
	assert_int_equal(pxe_arch_by_name("bios")->value, 0);
	assert_int_equal(pxe_arch_by_name("ia32-uefi")->machine, PE_MACHINE_I386);
	assert_int_equal(pxe_arch_by_value(7)->machine, PE_MACHINE_X64);
	assert_int_equal(pxe_arch_by_value(9)->machine, PE_MACHINE_X64);
	assert_int_equal(pxe_arch_by_name("arm64-uefi")->machine, PE_MACHINE_ARM64);
	assert_int_equal(pxe_arch_by_name("x64-uefi-http")->class, PXE_UEFI_HTTP);
}

enum { NO_CLIENT = -1, NO_ARCH = -2 };

static void test_reads_each_client(void **state)
{
	static const struct {
		const char *name;
		int arch;	   /* the value, or as above */
		const char *tells; /* h: HTTP, i: iPXE, u: UUID, b: boot item */
	} cases[] = {
		{"ovmf-x64-discover", 7, "u"},
		{"ovmf-x64-request-4011", 7, "u"},
		{"ovmf-ia32-discover", 6, "u"},
		{"ovmf-x64-http-discover", 16, "hu"},
		{"ipxe-x64-discover", 7, "iu"},
		{"ipxe-rom-bios-discover", 0, "iu"},
		{"ipxe-rom-bios-request-4011", 0, "iub"},
		{"site-offer", NO_CLIENT, ""},
		{"D19-class-PXEClien", NO_CLIENT, ""},
		{"D19-class-lower-case", NO_CLIENT, ""},
		{"D19-class-trailing-nul", 7, "u"},
		{"D19-class-255-octets", 7, "u"},
		{"D20-pxeclient-arch-http", 16, "u"},
		{"D21-arch-empty", NO_ARCH, "u"},
		{"D21-arch-one-octet", NO_ARCH, "u"},
		{"D21-arch-three-octets", NO_ARCH, "u"},
		{"D21-arch-empty-class-tells", 7, "u"},
		{"D21-arch-one-octet-class-tells", 7, "u"},
		{"D21-arch-three-octets-class-tells", 7, "u"},
		{"D21-arch-unknown", NO_ARCH, "u"},
		{"D21-arch-list-40", 0, "u"},
		{"D21-arch-list-40-unknown", NO_ARCH, "u"},
		{"D22-no-ndi", 7, "u"},
		{"D22-ndi-length", 7, "u"},
		{"D23-uuid-length-0", 7, ""},
		{"D23-uuid-length-1", 7, ""},
		{"D23-uuid-length-16", 7, ""},
		{"D23-uuid-length-18", 7, ""},
		{"D23-uuid-length-255", 7, ""},
		{"D23-uuid-type-1", 7, ""},
		{"D24-user-class-empty", 7, "u"},
		{"D24-user-class-inner-length", 7, "iu"},
		{"D24-user-class-255", 7, "u"},
		{"D24-user-class-rfc3004", 7, "iu"},
		{"D25-ipxe-truncated", 7, "iu"},
		{"D25-ipxe-nested-end", 7, "iu"},
		{"D26-item-length-1", 7, "u"},
		{"D26-item-length-2", 7, "u"},
		{"D26-item-length-3", 7, "u"},
		{"D26-item-value-1", 7, "u"},
		{"D26-item-value-2", 7, "u"},
		{"D26-item-value-3", 7, "u"},
		{"D26-item-bis", NO_CLIENT, ""},
		{"D26-item", 7, "ub"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dhcp_case datagram;
		struct dhcp_message message = dhcp_case_parse(&datagram, cases[i].name);
		struct pxe_client client = {0};
		char tells[8];
		bool is_client = pxe_client_parse(&message, &client);
		int arch = !is_client ? NO_CLIENT : !client.arch ? NO_ARCH : client.arch->value;

		snprintf(tells, sizeof(tells), "%s%s%s%s", client.http ? "h" : "",
			client.ipxe ? "i" : "", client.uuid.data ? "u" : "",
			client.boot_item.data ? "b" : "");
		if (arch != cases[i].arch || strcmp(tells, cases[i].tells) != 0)
			fail_msg("%s: arch %d, tells %s", cases[i].name, arch, tells);
	}
}

static void test_D21_finds_the_architecture_it_can_serve(void **state)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "D21-arch-list-40");
	struct pxe_client client;

	(void)state;
	assert_true(pxe_client_parse(&message, &client));
	assert_int_equal(client.arch_value, 0xfffe);
	assert_int_equal(pxe_client_arch_for(&client, PE_MACHINE_X64)->value, 7);
	assert_null(pxe_client_arch_for(&client, PE_MACHINE_ARM64));
	assert_null(pxe_client_arch_for(&client, 0));
}

static void test_D26_an_item_needs_a_whole_option(void **state)
{
	static const uint8_t truncated[] = {6, 1, 8, 71, 4, 0, 0};
	static const uint8_t whole[] = {0, 6, 1, 8, 71, 4, 0, 1, 0, 0};
	static const uint8_t ended[] = {6, 1, 8, 255, 71, 4, 0, 1, 0, 0};

	(void)state;
	assert_null(pxe_vendor_option_find(bytes_of(truncated, sizeof(truncated)), 6).data);
	assert_int_equal(pxe_vendor_option_find(bytes_of(whole, sizeof(whole)), 71).len, 4);
	assert_null(pxe_vendor_option_find(bytes_of(ended, sizeof(ended)), 71).data);
	assert_null(pxe_vendor_option_find((struct bytes){0}, 71).data);
}

static void test_formats_a_uuid_as_dmidecode_does(void **state)
{
	struct dhcp_case datagram;
	struct dhcp_message message = dhcp_case_parse(&datagram, "ovmf-x64-discover");
	struct pxe_client client;
	char text[PXE_UUID_TEXT_MAX];

	(void)state;
	assert_true(pxe_client_parse(&message, &client));
	assert_string_equal(
		pxe_uuid_format(client.uuid, text), "ea29a649-7b90-40c0-889c-7221f6307c4d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_values_are_one_table),
		cmocka_unit_test(test_reads_each_client),
		cmocka_unit_test(test_D21_finds_the_architecture_it_can_serve),
		cmocka_unit_test(test_D26_an_item_needs_a_whole_option),
		cmocka_unit_test(test_formats_a_uuid_as_dmidecode_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
