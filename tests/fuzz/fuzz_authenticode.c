/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticode: the input is two octets with the length of a certificate (network byte order), the
 * certificate and an image. Whatever they hold is judged; and an image found good is so no more
 * when one octet under its digest is changed.
 */
#include "base/wire.h"
#include "core/authenticode.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_change_is_noticed(struct bytes file, const struct db_cert *db)
{
	CLEANUP_FREE uint8_t *changed = malloc(file.len);
	struct cert_identity signer;
	struct pe_image image;

	if (!changed)
		return;
	memcpy(changed, file.data, file.len);
	changed[2] ^= 1; /* of the MZ header, where no loader looks */
	if (pe_image_parse(bytes_of(changed, file.len), &image) == PE_OK)
		assert(authenticode_verify(&image, db, &signer) != AUTHENTICODE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reader reader = wire_reader_init(bytes_of(data, size));
	struct bytes encoded = wire_read_bytes(&reader, wire_read_u16(&reader));
	struct bytes file = wire_read_bytes(&reader, wire_reader_left(&reader));
	CLEANUP(db_cert_free_p) struct db_cert *db = encoded.data ? db_cert_new(encoded) : NULL;
	struct cert_identity identity;
	struct pe_image image;

	if (!db)
		return 0;
	db_cert_identity(db, &identity);
	assert(db_cert_equal(db, db));
	if (pe_image_parse(file, &image) == PE_OK
		&& authenticode_verify(&image, db, &identity) == AUTHENTICODE_OK)
		assert_change_is_noticed(file, db);
	return 0;
}
