/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram on ports 67 and 4011, up to the reply: no input may make us read or write where we
 * must not, and each reply that leaves is a well-formed message that leases nothing.
 */
#include "core/pe_image.h"
#include "core/proxydhcp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const struct proxydhcp_reply *reply)
{
	struct dhcp_message message;

	if (dhcp_message_parse(bytes_of(reply->data, reply->len), &message) != DHCP_OK
		|| message.op != DHCP_OP_BOOTREPLY || !message.has_end || message.yiaddr.s_addr != 0
		|| message.type != reply->type || reply->destination.port == 0)
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
	check_reply(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_message message;

	if (dhcp_message_parse(bytes_of(data, size), &message) != DHCP_OK)
		return 0;
	answer(&message, DHCP_SERVER_PORT, PROXYDHCP_BINL);
	answer(&message, DHCP_SERVER_PORT, PROXYDHCP_DIRECT);
	answer(&message, PXE_SERVER_PORT, PROXYDHCP_BINL);
	return 0;
}
