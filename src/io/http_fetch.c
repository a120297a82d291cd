/* SPDX-License-Identifier: Apache-2.0 */

/* The one home of libcurl: a blocking GET over TLS with every bound that a daemon needs. Redirects
 * are followed here and not by libcurl, so that the bearer token provably stays with its host
 * whatever the library's version makes of it. Nothing a server sends is trusted before the
 * handshake has verified its certificate and its name. */

#include "io/http_fetch.h"

#include <curl/curl.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/mman.h>

#define REDIRECTS_MAX	     3
#define CONNECT_TIMEOUT_S    10L
#define LOW_SPEED_BYTES	     100L /* a second, over LOW_SPEED_TIME_S */
#define LOW_SPEED_TIME_S     30L
#define DESCRIBE_TIMEOUT_S   5L
#define RETRY_AFTER_MAX_S    86400
#define CERTIFICATE_TEXT_MAX 128

/* OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED, as libcurl reports them,
 * and what it reports at most when the chain is good and the name is not. */
enum verify_result {
	VERIFY_CHAIN_IS_GOOD = 1,
	VERIFY_NOT_YET_VALID = 9,
	VERIFY_EXPIRED = 10,
};

/* One GET of one URL: a request is several of these when it is redirected. */
struct exchange {
	const struct http_request *request;
	struct http_response *response;
	CURL *easy;
	char host[256];
	size_t capacity; /* of response->body */
	size_t received;
	bool too_large;
	bool no_memory;
	char detail[CURL_ERROR_SIZE];
};

int http_fetch_global_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

void http_fetch_global_fini(void)
{
	curl_global_cleanup();
}

void http_response_fini(struct http_response *response)
{
	free(response->body);
	free(response->server_certificate);
	*response = (struct http_response){0};
}

static void drop_body(struct http_response *response)
{
	free(CLEANUP_STEAL(response->body));
	response->body_len = 0;
}

/* --- URLs ------------------------------------------------------------------------------------ */

static void url_part_free(char **part)
{
	curl_free(*part);
}
#define CLEANUP_URL_PART CLEANUP(url_part_free)

CLEANUP_DEFINE(CURLU *, curl_url_cleanup)

/* NULL unless `url` is https without credentials in it, which would end up in logs. */
static CURLU *url_parse(const char *url)
{
	CLEANUP(curl_url_cleanup_p) CURLU *parsed = curl_url();
	CLEANUP_URL_PART char *scheme = NULL;

	if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK
		|| curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK
		|| strcasecmp(scheme, "https") != 0)
		return NULL;
	return CLEANUP_STEAL(parsed);
}

static bool url_part_equal(CURLU *a, CURLU *b, CURLUPart part)
{
	CLEANUP_URL_PART char *part_a = NULL;
	CLEANUP_URL_PART char *part_b = NULL;

	return curl_url_get(a, part, &part_a, CURLU_DEFAULT_PORT) == CURLUE_OK
	       && curl_url_get(b, part, &part_b, CURLU_DEFAULT_PORT) == CURLUE_OK
	       && strcasecmp(part_a, part_b) == 0;
}

static void copy_host(CURLU *url, char *text, size_t size)
{
	CLEANUP_URL_PART char *host = NULL;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		snprintf(text, size, "%s", host);
}

/* --- what libcurl calls ---------------------------------------------------------------------- */

static bool body_reserve(struct exchange *exchange, size_t need)
{
	struct http_response *response = exchange->response;
	curl_off_t announced = 0;
	size_t capacity = exchange->capacity > 0 ? exchange->capacity : 16384;
	uint8_t *body;

	if (need <= exchange->capacity)
		return true;
	curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	if (announced > 0 && (uint64_t)announced <= exchange->request->limit_bytes)
		capacity = (size_t)announced;
	while (capacity < need)
		capacity *= 2;
	body = realloc(response->body, capacity);
	if (!body)
		return false;
	response->body = body;
	exchange->capacity = capacity;
	return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	struct http_response *response = exchange->response;
	size_t len = size * count;
	long status = 0;

	if (len > exchange->request->limit_bytes - exchange->received) {
		exchange->too_large = true;
		return 0;
	}
	exchange->received += len;
	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return len;
	if (!body_reserve(exchange, response->body_len + len)) {
		exchange->no_memory = true;
		return 0;
	}
	memcpy(response->body + response->body_len, data, len);
	response->body_len += len;
	return len;
}

/* A value that does not fit is none: half an ETag matches nothing. */
static void copy_validator(struct bytes line, const char *name, char value[HTTP_VALIDATOR_MAX])
{
	size_t name_len = strlen(name);
	const uint8_t *start = line.data + name_len;
	const uint8_t *end = line.data + line.len;

	if (line.len < name_len || strncasecmp((const char *)line.data, name, name_len) != 0)
		return;
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	while (end > start && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	if ((size_t)(end - start) >= HTTP_VALIDATOR_MAX)
		return;
	memcpy(value, start, (size_t)(end - start));
	value[end - start] = '\0';
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	struct http_validators *validators = &exchange->response->validators;
	struct bytes line = bytes_of(data, size * count);

	if (bytes_start_with(line, "HTTP/"))
		*validators = (struct http_validators){0};
	copy_validator(line, "ETag:", validators->etag);
	copy_validator(line, "Last-Modified:", validators->last_modified);
	return line.len;
}

static int on_progress(void *context, curl_off_t download_total, curl_off_t downloaded,
	curl_off_t upload_total, curl_off_t uploaded)
{
	const struct exchange *exchange = context;

	(void)download_total, (void)downloaded, (void)upload_total, (void)uploaded;
	return exchange->request->cancelled && atomic_load(exchange->request->cancelled);
}

/* --- options --------------------------------------------------------------------------------- */

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
}

#if LIBCURL_VERSION_NUM >= 0x074d00
static bool set_ca_pem(CURL *easy, struct bytes pem, int *ret_fd)
{
	struct curl_blob blob = {(void *)(uintptr_t)pem.data, pem.len, CURL_BLOB_NOCOPY};

	*ret_fd = -1;
	return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
}
#else
/* Before 7.77 libcurl takes certificates from a file alone: one that only this process sees. */
static bool set_ca_pem(CURL *easy, struct bytes pem, int *ret_fd)
{
	char path[sizeof("/proc/self/fd/-2147483648")];
	int fd = memfd_create("ca.pem", MFD_CLOEXEC);

	*ret_fd = fd;
	if (fd < 0 || write(fd, pem.data, pem.len) != (ssize_t)pem.len)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return curl_easy_setopt(easy, CURLOPT_CAINFO, path) == CURLE_OK;
}
#endif

static bool set_trust(struct exchange *exchange, int *ret_fd)
{
	CURL *easy = exchange->easy;

	*ret_fd = -1;
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (!exchange->request->ca_pem.data)
		return true;
	/* libcurl's built-in CAPATH would be trusted beside the blob. */
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	return set_ca_pem(easy, exchange->request->ca_pem, ret_fd);
}

static void set_bounds(struct exchange *exchange, long timeout_ms)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_TIME_S);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(
		easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)exchange->request->limit_bytes);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A cancelled exchange does not wait for a resolver that is stuck. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

static void set_receivers(struct exchange *exchange)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->detail);
	curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
}

/* `name` with its colon. */
static bool append_header(struct curl_slist **headers, const char *name, const char *value)
{
	struct curl_slist *longer;
	char *line;

	if (asprintf(&line, "%s %s", name, value) < 0)
		return false;
	longer = curl_slist_append(*headers, line);
	free(line);
	if (!longer)
		return false;
	*headers = longer;
	return true;
}

static bool append_headers(
	const struct http_request *request, bool with_token, struct curl_slist **headers)
{
	const struct http_validators *validators = request->validators;

	if (with_token && request->bearer_token
		&& !append_header(headers, "Authorization: Bearer", request->bearer_token))
		return false;
	if (validators && validators->etag[0]
		&& !append_header(headers, "If-None-Match:", validators->etag))
		return false;
	return !validators || !validators->last_modified[0]
	       || append_header(headers, "If-Modified-Since:", validators->last_modified);
}

/* --- failures in words ----------------------------------------------------------------------- */

static void fail(struct exchange *exchange, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Names in a certificate are the server's words: what could forge a line of a log is taken out. */
static void make_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
		else if (*text == '"')
			*text = '\'';
}

static void fail(struct exchange *exchange, const char *format, ...)
{
	struct http_response *response = exchange->response;
	va_list arguments;

	drop_body(response);
	response->outcome = HTTP_FAILED;
	va_start(arguments, format);
	vsnprintf(response->error, sizeof(response->error), format, arguments);
	va_end(arguments);
	make_one_line(response->error);
}

struct certificate_text {
	char subject[CERTIFICATE_TEXT_MAX];
	char issuer[CERTIFICATE_TEXT_MAX];
	char start[CERTIFICATE_TEXT_MAX];
	char expiry[CERTIFICATE_TEXT_MAX];
};

static void copy_field(const char *line, const char *name, char text[CERTIFICATE_TEXT_MAX])
{
	size_t name_len = strlen(name);

	if (strncmp(line, name, name_len) == 0)
		snprintf(text, CERTIFICATE_TEXT_MAX, "%s", line + name_len);
}

static struct certificate_text certificate_text_of(CURL *easy)
{
	struct certificate_text text = {"unknown", "unknown", "unknown", "unknown"};
	struct curl_certinfo *chain = NULL;

	curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain);
	if (!chain || chain->num_of_certs < 1)
		return text;
	for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next) {
		copy_field(line->data, "Subject:", text.subject);
		copy_field(line->data, "Issuer:", text.issuer);
		copy_field(line->data, "Start date:", text.start);
		copy_field(line->data, "Expire date:", text.expiry);
	}
	return text;
}

/* libcurl forgets a certificate that it refused. To name it, shake hands once more without
 * verifying; nothing is sent or taken over this connection. */
static struct certificate_text describe_refused_certificate(const char *url)
{
	struct certificate_text text;
	CURL *easy = curl_easy_init();

	if (!easy)
		return (struct certificate_text){0};
	set_protocols(easy);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, DESCRIBE_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_perform(easy);
	text = certificate_text_of(easy);
	curl_easy_cleanup(easy);
	return text;
}

static void fail_verification(struct exchange *exchange, const char *url)
{
	struct certificate_text text = describe_refused_certificate(url);
	long result = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_SSL_VERIFYRESULT, &result);
	if (result == VERIFY_EXPIRED || result == VERIFY_NOT_YET_VALID)
		fail(exchange,
			"the certificate of %s is valid from %s to %s only: "
			"is this machine's clock right?",
			exchange->host, text.start, text.expiry);
	else if (result <= VERIFY_CHAIN_IS_GOOD)
		fail(exchange, "the certificate that %s presents is not for that name but for '%s'",
			exchange->host, text.subject);
	else
		fail(exchange,
			"the certificate of %s is signed by '%s', which is not trusted: "
			"set ca-file or trust-url",
			exchange->host, text.issuer);
}

static void fail_connect(struct exchange *exchange)
{
	long error = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		fail(exchange, "%s refused the connection", exchange->host);
	else
		fail(exchange, "cannot connect to %s: %s", exchange->host,
			error ? strerror((int)error) : exchange->detail);
}

static void fail_timeout(struct exchange *exchange)
{
	double connected_s = 0;
	double secured_s = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_CONNECT_TIME, &connected_s);
	curl_easy_getinfo(exchange->easy, CURLINFO_APPCONNECT_TIME, &secured_s);
	if (connected_s <= 0)
		fail(exchange, "the connection to %s timed out", exchange->host);
	else if (secured_s <= 0)
		fail(exchange, "the TLS handshake with %s timed out", exchange->host);
	else
		fail(exchange, "%s is too slow: timed out after %zu bytes", exchange->host,
			exchange->received);
}

static void fail_short_body(struct exchange *exchange)
{
	curl_off_t announced = -1;

	curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	if (announced > 0)
		fail(exchange, "the body from %s ended early: %zu of %lld bytes", exchange->host,
			exchange->received, (long long)announced);
	else
		fail(exchange, "the body from %s ended early: after %zu bytes", exchange->host,
			exchange->received);
}

static void fail_transport(struct exchange *exchange, CURLcode code, const char *url)
{
	const char *detail = exchange->detail[0] ? exchange->detail : curl_easy_strerror(code);

	if (exchange->no_memory)
		code = CURLE_OUT_OF_MEMORY;
	else if (exchange->too_large)
		code = CURLE_FILESIZE_EXCEEDED;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		fail(exchange, "cannot resolve %s", exchange->host);
		break;
	case CURLE_COULDNT_CONNECT:
		fail_connect(exchange);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		fail_timeout(exchange);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		fail_verification(exchange, url);
		break;
	case CURLE_SSL_CACERT_BADFILE:
		fail(exchange, "the certificates to trust for %s are not PEM", exchange->host);
		break;
	case CURLE_PARTIAL_FILE:
		fail_short_body(exchange);
		break;
	case CURLE_FILESIZE_EXCEEDED:
		fail(exchange, "the body from %s is larger than %zu bytes", exchange->host,
			exchange->request->limit_bytes);
		break;
	case CURLE_ABORTED_BY_CALLBACK:
		fail(exchange, "cancelled");
		break;
	case CURLE_OUT_OF_MEMORY:
		fail(exchange, "out of memory");
		break;
	default:
		fail(exchange, "%s: %s", exchange->host, detail);
		break;
	}
}

static const char *status_hint(long status)
{
	switch (status) {
	case 401:
		return ": a bearer token is wanted, or another one";
	case 403:
		return ": forbidden, or rate limited";
	case 404:
		return ": not published yet? normal for some 15 minutes after an installation";
	case 429:
		return ": rate limited";
	case 502:
	case 503:
	case 504:
		return ": not ready yet? normal for some minutes after an installation or upgrade";
	default:
		return "";
	}
}

/* --- one exchange, and the redirects between several ----------------------------------------- */

static void keep_server_certificate(struct exchange *exchange)
{
	static const char name[] = "Cert:";
	struct curl_certinfo *chain = NULL;

	curl_easy_getinfo(exchange->easy, CURLINFO_CERTINFO, &chain);
	if (!chain || chain->num_of_certs < 1)
		return;
	for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next) {
		if (strncmp(line->data, name, strlen(name)) != 0)
			continue;
		free(exchange->response->server_certificate);
		exchange->response->server_certificate = strdup(line->data + strlen(name));
	}
}

static bool is_conditional(const struct http_request *request)
{
	const struct http_validators *validators = request->validators;

	return validators && (validators->etag[0] || validators->last_modified[0]);
}

static void judge_status(struct exchange *exchange)
{
	struct http_response *response = exchange->response;
	const struct http_request *request = exchange->request;
	curl_off_t retry_after_s = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &response->status);
	curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	if (retry_after_s > 0)
		response->retry_after_s = retry_after_s < RETRY_AFTER_MAX_S
						  ? (unsigned)retry_after_s
						  : RETRY_AFTER_MAX_S;
	if (response->status == 200 && response->body_len > 0)
		response->outcome = HTTP_FETCHED;
	else if (response->status == 200)
		fail(exchange, "the body from %s is empty", exchange->host);
	else if (response->status == 304 && is_conditional(request))
		response->outcome = HTTP_NOT_MODIFIED;
	else
		fail(exchange, "HTTP %ld%s", response->status, status_hint(response->status));
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* A redirect that may be followed: its target, of malloc. NULL: the answer is final. */
static char *redirect_target(struct exchange *exchange, unsigned redirects_left)
{
	CURLU *parsed;
	char *target = NULL;

	if (!is_redirect(exchange->response->status))
		return NULL;
	curl_easy_getinfo(exchange->easy, CURLINFO_REDIRECT_URL, &target);
	parsed = target ? url_parse(target) : NULL;
	if (!parsed) {
		fail(exchange, "HTTP %ld: a redirect to what is not https is refused",
			exchange->response->status);
		return NULL;
	}
	curl_url_cleanup(parsed);
	if (redirects_left == 0) {
		fail(exchange, "more than %d redirects", REDIRECTS_MAX);
		return NULL;
	}
	return strdup(target);
}

static void perform(
	struct exchange *exchange, const char *url, struct curl_slist *headers, long timeout_ms)
{
	CLEANUP_CLOSE int ca_fd = -1;
	CURLcode code;

	curl_easy_setopt(exchange->easy, CURLOPT_URL, url);
	curl_easy_setopt(exchange->easy, CURLOPT_USERAGENT, "edgepxe");
	curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, headers);
	set_protocols(exchange->easy);
	set_bounds(exchange, timeout_ms);
	set_receivers(exchange);
	code = set_trust(exchange, &ca_fd) ? curl_easy_perform(exchange->easy)
					   : CURLE_OUT_OF_MEMORY;
	if (code != CURLE_OK) {
		fail_transport(exchange, code, url);
		return;
	}
	keep_server_certificate(exchange);
	judge_status(exchange);
}

/* One GET with what is left of the time. Returns where the server sends us on to, or NULL. */
static char *exchange_run(const struct http_request *request, struct http_response *response,
	const char *url, unsigned redirects_left, long *timeout_ms)
{
	struct exchange exchange = {.request = request, .response = response};
	CLEANUP(curl_url_cleanup_p) CURLU *origin = url_parse(request->url);
	CLEANUP(curl_url_cleanup_p) CURLU *parsed = url_parse(url);
	struct curl_slist *headers = NULL;
	curl_off_t spent_us = 0;
	char *target = NULL;
	bool at_home;

	http_response_fini(response);
	response->outcome = HTTP_FAILED;
	if (!parsed || !origin) {
		fail(&exchange, "%s is not an https URL without credentials in it", url);
		return NULL;
	}
	copy_host(parsed, exchange.host, sizeof(exchange.host));
	at_home = url_part_equal(origin, parsed, CURLUPART_HOST)
		  && url_part_equal(origin, parsed, CURLUPART_PORT);
	exchange.easy = curl_easy_init();
	if (!exchange.easy || !append_headers(request, at_home, &headers)) {
		fail(&exchange, "out of memory");
	} else {
		perform(&exchange, url, headers, *timeout_ms);
		target = redirect_target(&exchange, redirects_left);
		curl_easy_getinfo(exchange.easy, CURLINFO_TOTAL_TIME_T, &spent_us);
		*timeout_ms -= (long)(spent_us / 1000);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(exchange.easy);
	return target;
}

void http_fetch(const struct http_request *request, struct http_response *ret_response)
{
	CLEANUP_FREE char *url = strdup(request->url);
	long timeout_ms = (long)request->timeout_s * 1000;

	*ret_response = (struct http_response){.outcome = HTTP_FAILED, .error = "out of memory"};
	for (unsigned left = REDIRECTS_MAX; url; left--) {
		char *target = exchange_run(request, ret_response, url, left, &timeout_ms);

		free(url);
		url = target;
		if (target && timeout_ms <= 0) {
			snprintf(ret_response->error, sizeof(ret_response->error),
				"timed out between redirects");
			break;
		}
	}
}
