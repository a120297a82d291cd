/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pe_image: whatever the headers claim, every view lies inside the file, nothing hashed lies in the
 * certificate table, and the walk over the certificates ends.
 */
#include "core/pe_image.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_inside(struct bytes view, struct bytes whole)
{
	assert(view.data >= whole.data && view.len <= whole.len
		&& (size_t)(view.data - whole.data) <= whole.len - view.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = bytes_of(data, size), content, pkcs7;
	struct pe_image image;
	size_t offset = 0, n = 0;

	if (pe_image_parse(file, &image) != PE_OK)
		return 0;
	if (!image.certificate_table.data) {
		assert(image.n_hashed == 0);
		return 0;
	}
	assert_inside(image.certificate_table, file);
	content = bytes_of(data, (size_t)(image.certificate_table.data - data));
	assert(image.n_hashed >= 4 && image.n_hashed <= PE_HASHED_MAX);
	for (size_t i = 0; i < image.n_hashed; i++)
		assert_inside(image.hashed[i], content);
	while (pe_image_next_certificate(&image, &offset, &pkcs7)) {
		assert_inside(pkcs7, image.certificate_table);
		assert(++n <= PE_CERTIFICATES_MAX);
	}
	return 0;
}
