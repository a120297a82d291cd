/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"
#include "base/cleanup.h"

#include <stdatomic.h>

/* One HTTPS GET through libcurl; blocks, so it belongs on the worker thread. */

#define HTTP_VALIDATOR_MAX 256
#define HTTP_ERROR_MAX	   512

/* What a later conditional request repeats; "" where the server gave none. */
struct http_validators {
	char etag[HTTP_VALIDATOR_MAX];
	char last_modified[HTTP_VALIDATOR_MAX];
};

struct http_request {
	const char *url;	  /* https only, as are the few redirects that are followed */
	struct bytes ca_pem;	  /* trusted instead of the system store; absent: the store */
	const char *bearer_token; /* NULL: none. Sent to the host and port of `url`, no other */
	const struct http_validators *validators; /* NULL: unconditional */
	size_t limit_bytes;			  /* a larger body is an error */
	unsigned timeout_s;			  /* of the whole exchange, redirects included */
	const atomic_bool *cancelled;		  /* ends the exchange within a second or so */
};

enum http_outcome {
	HTTP_FETCHED, /* the whole body, never empty */
	HTTP_NOT_MODIFIED,
	HTTP_FAILED, /* `error` says why, in words for an operator; one line without '"' */
};

struct http_response {
	enum http_outcome outcome;
	long status;   /* 0: no answer came */
	uint8_t *body; /* of malloc */
	size_t body_len;
	struct http_validators validators;
	unsigned retry_after_s;	  /* as the server asked; 0: it did not */
	char *server_certificate; /* the leaf that the server presented, PEM; NULL: unknown */
	char error[HTTP_ERROR_MAX];
};

/* Once, before any thread. 0 or -errno. */
int http_fetch_global_init(void);
void http_fetch_global_fini(void);

/* Fills `ret_response` in every case; it is freed with http_response_fini. */
void http_fetch(const struct http_request *request, struct http_response *ret_response);

/* Also of one that is all zero. */
void http_response_fini(struct http_response *response);
