/* SPDX-License-Identifier: Apache-2.0 */

/* The script that iPXE runs first, rendered for one orchestrator. Knows one placeholder and nothing
 * of iPXE's language; all else passes through octet by octet. */

#include "core/chain_script.h"

#include <stdlib.h>

static const char placeholder[] = "@BASE_URL@";
#define PLACEHOLDER_LEN (sizeof(placeholder) - 1)

static const uint8_t *next_placeholder(struct bytes text)
{
	return text.len > 0 ? memmem(text.data, text.len, placeholder, PLACEHOLDER_LEN) : NULL;
}

static struct bytes skip_to(struct bytes text, const uint8_t *start)
{
	return bytes_of(start, text.len - (size_t)(start - text.data));
}

static size_t rendered_len(struct bytes template, size_t url_len)
{
	size_t len = template.len;
	const uint8_t *hit;

	while ((hit = next_placeholder(template))) {
		len = len - PLACEHOLDER_LEN + url_len;
		template = skip_to(template, hit + PLACEHOLDER_LEN);
	}
	return len;
}

static uint8_t *append(uint8_t *end, const void *data, size_t len)
{
	if (len > 0)
		memcpy(end, data, len);
	return end + len;
}

uint8_t *chain_script_render(struct bytes template, const char *base_url, size_t *ret_len)
{
	size_t url_len = strlen(base_url);
	size_t len = rendered_len(template, url_len);
	uint8_t *script = malloc(len > 0 ? len : 1);
	uint8_t *end = script;
	const uint8_t *hit;

	if (!script)
		return NULL;
	while ((hit = next_placeholder(template))) {
		end = append(end, template.data, (size_t)(hit - template.data));
		end = append(end, base_url, url_len);
		template = skip_to(template, hit + PLACEHOLDER_LEN);
	}
	append(end, template.data, template.len);
	*ret_len = len;
	return script;
}
