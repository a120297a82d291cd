/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram on ports 67 and 4011, up to the reply: no input may make us read or write where we
 * must not, and each reply that leaves is a well-formed message that leases nothing and that a
 * firmware takes. The same datagram as a reply that our probe hears.
 */
#include "core/firmware.h"
#include "core/pe_image.h"
#include "core/proxydhcp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct firmware_client client_of(const struct dhcp_message *message, const char *arch)
{
	struct firmware_client client = {.arch = pxe_arch_by_name(arch)};

	memcpy(client.hardware, message->chaddr, sizeof(client.hardware));
	return client;
}

static void check_reply(const struct dhcp_message *request, const struct proxydhcp_reply *reply)
{
	const struct endpoint source = {{htonl(0x0a4d0003)}, DHCP_SERVER_PORT};
	const struct firmware_client client = client_of(request, "x64-uefi");
	struct bytes datagram = bytes_of(reply->data, reply->len);
	struct dhcp_message message;
	struct firmware_offer offer;

	if (dhcp_message_parse(datagram, &message) != DHCP_OK || message.type != reply->type
		|| message.yiaddr.s_addr != 0 || reply->destination.port == 0)
		abort();
	if ((reply->type == DHCP_OFFER ? firmware_take_offer : firmware_take_boot_reply)(
		    &client, request->xid, source, datagram, &offer)
		!= FIRMWARE_TAKEN)
		abort();
}

static void answer(const struct dhcp_message *message, uint16_t port, enum proxydhcp_uefi_form form)
{
	const struct proxydhcp_policy policy = {form, "signed_ipxe.efi", PE_MACHINE_X64};
	const struct proxydhcp_ingress ingress = {
		.endpoint = {{htonl(0x0a4d0003)}, port},
		.source = {{htonl(0x0a4d000a)}, DHCP_CLIENT_PORT},
		.admission = ADMISSION_ADMIT,
	};
	struct proxydhcp_reply reply;
	struct pxe_client client;
	char text[PXE_UUID_TEXT_MAX];

	if (proxydhcp_answer(&policy, &ingress, message, &client, &reply) != PROXYDHCP_ANSWER)
		return;
	if (client.uuid.data)
		pxe_uuid_format(client.uuid, text);
	check_reply(message, &reply);
}

static void hear(const struct dhcp_message *message, struct bytes datagram, const char *arch)
{
	const struct endpoint source = {{htonl(0x0a4d0003)}, DHCP_SERVER_PORT};
	const struct firmware_client client = client_of(message, arch);
	struct firmware_offer offers[2];
	size_t n_offers = 0;

	n_offers += firmware_take_offer(&client, message->xid, source, datagram, &offers[0])
		    == FIRMWARE_TAKEN;
	n_offers +=
		firmware_take_boot_reply(&client, message->xid, source, datagram, &offers[n_offers])
		== FIRMWARE_TAKEN;
	for (size_t i = 0; i < n_offers; i++)
		if (!memchr(offers[i].boot_file, '\0', sizeof(offers[i].boot_file)))
			abort();
	firmware_choose(offers, n_offers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_message message;

	if (dhcp_message_parse(bytes_of(data, size), &message) != DHCP_OK)
		return 0;
	answer(&message, DHCP_SERVER_PORT, PROXYDHCP_BINL);
	answer(&message, DHCP_SERVER_PORT, PROXYDHCP_DIRECT);
	answer(&message, PXE_SERVER_PORT, PROXYDHCP_BINL);
	hear(&message, bytes_of(data, size), "x64-uefi");
	hear(&message, bytes_of(data, size), "x64-uefi-http");
	return 0;
}
