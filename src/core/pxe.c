/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's account of itself, read out of DHCP options that firmware writes with little care. It
 * hides their encapsulations and the two numberings of x64; whatever is malformed counts as absent,
 * since a client that errs in one option may still be helped by the others.
 */
#include "core/pxe.h"

#include "core/pe_image.h"

#include <stdio.h>
#include <string.h>

#define PE_MACHINE_RISCV32     0x5032
#define PE_MACHINE_RISCV64     0x5064
#define PE_MACHINE_RISCV128    0x5128
#define PE_MACHINE_LOONGARCH32 0x6232
#define PE_MACHINE_LOONGARCH64 0x6264

/* 7 and 9: RFC 4578's text had EBC and x64 swapped, and real x64 firmware sends either. */
static const struct pxe_arch archs[] = {
	{0, PXE_BIOS, 0, "bios"},
	{1, PXE_OTHER, 0, "nec-pc98"},
	{2, PXE_OTHER, 0, "itanium"},
	{3, PXE_OTHER, 0, "alpha"},
	{4, PXE_OTHER, 0, "arc-x86"},
	{5, PXE_OTHER, 0, "intel-lean"},
	{6, PXE_UEFI, PE_MACHINE_I386, "ia32-uefi"},
	{7, PXE_UEFI, PE_MACHINE_X64, "x64-uefi"},
	{8, PXE_OTHER, 0, "xscale"},
	{9, PXE_UEFI, PE_MACHINE_X64, "ebc"},
	{10, PXE_UEFI, PE_MACHINE_ARM, "arm32-uefi"},
	{11, PXE_UEFI, PE_MACHINE_ARM64, "arm64-uefi"},
	{12, PXE_OTHER, 0, "powerpc-of"},
	{13, PXE_OTHER, 0, "powerpc-epapr"},
	{14, PXE_OTHER, 0, "power-opal"},
	{15, PXE_UEFI_HTTP, PE_MACHINE_I386, "ia32-uefi-http"},
	{16, PXE_UEFI_HTTP, PE_MACHINE_X64, "x64-uefi-http"},
	{17, PXE_UEFI_HTTP, PE_MACHINE_X64, "ebc-http"},
	{18, PXE_UEFI_HTTP, PE_MACHINE_ARM, "arm32-uefi-http"},
	{19, PXE_UEFI_HTTP, PE_MACHINE_ARM64, "arm64-uefi-http"},
	{20, PXE_OTHER, 0, "bios-http"},
	{21, PXE_OTHER, 0, "arm32-uboot"},
	{22, PXE_OTHER, 0, "arm64-uboot"},
	{23, PXE_OTHER, 0, "arm32-uboot-http"},
	{24, PXE_OTHER, 0, "arm64-uboot-http"},
	{25, PXE_UEFI, PE_MACHINE_RISCV32, "riscv32-uefi"},
	{26, PXE_UEFI_HTTP, PE_MACHINE_RISCV32, "riscv32-uefi-http"},
	{27, PXE_UEFI, PE_MACHINE_RISCV64, "riscv64-uefi"},
	{28, PXE_UEFI_HTTP, PE_MACHINE_RISCV64, "riscv64-uefi-http"},
	{29, PXE_UEFI, PE_MACHINE_RISCV128, "riscv128-uefi"},
	{30, PXE_UEFI_HTTP, PE_MACHINE_RISCV128, "riscv128-uefi-http"},
	{31, PXE_OTHER, 0, "s390-basic"},
	{32, PXE_OTHER, 0, "s390-extended"},
	{33, PXE_OTHER, 0, "mips32-uefi"},
	{34, PXE_OTHER, 0, "mips64-uefi"},
	{35, PXE_OTHER, 0, "sunway32-uefi"},
	{36, PXE_OTHER, 0, "sunway64-uefi"},
	{37, PXE_UEFI, PE_MACHINE_LOONGARCH32, "loongarch32-uefi"},
	{38, PXE_UEFI_HTTP, PE_MACHINE_LOONGARCH32, "loongarch32-uefi-http"},
	{39, PXE_UEFI, PE_MACHINE_LOONGARCH64, "loongarch64-uefi"},
	{40, PXE_UEFI_HTTP, PE_MACHINE_LOONGARCH64, "loongarch64-uefi-http"},
	{41, PXE_OTHER, 0, "rpiboot"},
};

#define ARCH_COUNT (sizeof(archs) / sizeof(archs[0]))

const struct pxe_arch *pxe_arch_by_value(uint16_t value)
{
	return value < ARCH_COUNT ? &archs[value] : NULL;
}

const struct pxe_arch *pxe_arch_by_name(const char *name)
{
	for (size_t i = 0; i < ARCH_COUNT; i++)
		if (strcmp(archs[i].name, name) == 0)
			return &archs[i];
	return NULL;
}

const struct pxe_arch *pxe_arch_next(size_t *position)
{
	return *position < ARCH_COUNT ? &archs[(*position)++] : NULL;
}

struct bytes pxe_vendor_option_find(struct bytes vendor, enum pxe_vendor_option code)
{
	struct wire_reader reader = wire_reader_init(vendor);
	struct bytes found = {0};

	while (wire_reader_left(&reader) > 0) {
		uint8_t tag = wire_read_u8(&reader);
		struct bytes value;

		if (tag == DHCP_OPTION_PAD)
			continue;
		if (tag == PXE_VENDOR_END)
			break;
		value = wire_read_bytes(&reader, wire_read_u8(&reader));
		if (reader.failed)
			return (struct bytes){0};
		if (tag == code && !found.data)
			found = value;
	}
	return found;
}

/* "…Arch:00007…" (PXE 2.1 table 2-1). */
static bool arch_of_class(struct bytes class, uint16_t *ret_value)
{
	static const char label[] = "Arch:";
	const uint8_t *at = memmem(class.data, class.len, label, strlen(label));
	unsigned value = 0;

	if (!at)
		return false;
	at += strlen(label);
	if (class.data + class.len - at < 5)
		return false;
	for (int i = 0; i < 5; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		value = value * 10 + (unsigned)(at[i] - '0');
	}
	if (value > UINT16_MAX)
		return false;
	*ret_value = (uint16_t)value;
	return true;
}

static uint16_t list_value(struct bytes list, size_t index)
{
	return (uint16_t)(list.data[2 * index] << 8 | list.data[2 * index + 1]);
}

static void read_arch(const struct dhcp_message *message, struct pxe_client *client)
{
	struct bytes list = message->option[DHCP_OPTION_CLIENT_ARCH];

	if (list.len < 2 || list.len % 2 != 0) {
		if (arch_of_class(message->option[DHCP_OPTION_VENDOR_CLASS], &client->arch_value))
			client->arch = pxe_arch_by_value(client->arch_value);
		return;
	}
	client->arch_list = list;
	client->arch_value = list_value(list, 0);
	for (size_t i = 0; i < list.len / 2 && !client->arch; i++)
		client->arch = pxe_arch_by_value(list_value(list, i));
}

bool pxe_client_parse(const struct dhcp_message *message, struct pxe_client *ret_client)
{
	struct bytes class = message->option[DHCP_OPTION_VENDOR_CLASS];
	struct bytes uuid = message->option[DHCP_OPTION_CLIENT_UUID];
	struct bytes item =
		pxe_vendor_option_find(message->option[DHCP_OPTION_VENDOR], PXE_VENDOR_BOOT_ITEM);
	struct pxe_client client = {.http = bytes_start_with(class, HTTP_CLASS)};

	if (!client.http && !bytes_start_with(class, PXE_CLASS))
		return false;
	client.ipxe = bytes_contain(message->option[DHCP_OPTION_USER_CLASS], "iPXE")
		      || message->option[DHCP_OPTION_IPXE].data;
	read_arch(message, &client);
	/* RFC 4578 2.3: type 0 and a GUID. */
	if (uuid.len == 17 && uuid.data[0] == 0)
		client.uuid = bytes_of(uuid.data + 1, uuid.len - 1);
	if (item.len == 4) {
		if (item.data[2] & 0x80)
			return false; /* BIS credentials wanted: we have none */
		client.boot_item = item;
	}
	*ret_client = client;
	return true;
}

const struct pxe_arch *pxe_client_arch_for(const struct pxe_client *client, uint16_t machine)
{
	if (!client->arch || machine == 0)
		return NULL;
	if (client->arch->machine == machine)
		return client->arch;
	for (size_t i = 0; i < client->arch_list.len / 2; i++) {
		const struct pxe_arch *arch = pxe_arch_by_value(list_value(client->arch_list, i));

		if (arch && arch->machine == machine)
			return arch;
	}
	return NULL;
}

const char *pxe_uuid_format(struct bytes uuid, char text[PXE_UUID_TEXT_MAX])
{
	const uint8_t *u = uuid.data;

	snprintf(text, PXE_UUID_TEXT_MAX,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[3], u[2],
		u[1], u[0], u[5], u[4], u[7], u[6], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		u[15]);
	return text;
}
