/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the orchestrator to a verified and stored generation. Files over there are published by
 * copying in place, one after another, so any single answer may be half a file or belong to another
 * generation than its neighbor: nothing counts before image and certificate have been judged
 * together. Invariant: `next` is complete when the outcome is REFRESH_NEW, and what was current is
 * never touched.
 */
#include "server/refresh_job.h"

#include "base/log.h"
#include "io/file_store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define IMAGE_NAME		"signed_ipxe.efi"
#define DB_NAME			"db.der"
#define CA_NAME			"ca.crt"
#define CA_URL_NAME		"ca.url" /* who vouched for it */
#define DB_URL_NAME		"keys/db.der"
#define SERVER_URL_NAME		"keys/Full_server.crt"

#define IMAGE_LIMIT_BYTES	((size_t)16 << 20)
#define CERTIFICATE_LIMIT_BYTES ((size_t)64 << 10)
#define CA_LIMIT_BYTES		((size_t)1 << 20)
#define TOKEN_LIMIT_BYTES	((size_t)16 << 10)

#define IMAGE_TIMEOUT_S		300
#define SMALL_TIMEOUT_S		60

#define HEX_MAX			(2 * SHA256_LEN + 1)
#define SUBJECT_MAX		(4 * CERT_SUBJECT_MAX + 1)

/* What one run holds beside its results. */
struct sources {
	struct refresh_octets ca_file;
	char *token;
	struct bytes ca_pem; /* trusted for the base URL; absent: the system store */
	struct refresh_octets image;
	bool image_is_current; /* by a 304 */
	bool db_is_current;
	char *server_certificate;
};

/* --- octets ---------------------------------------------------------------------------------- */

static struct bytes octets_view(const struct refresh_octets *octets)
{
	return bytes_of(octets->data, octets->len);
}

static void octets_fini(struct refresh_octets *octets)
{
	free(octets->data);
	*octets = (struct refresh_octets){0};
}

static bool octets_copy(struct bytes from, struct refresh_octets *ret_octets)
{
	uint8_t *data = malloc(from.len > 0 ? from.len : 1);

	if (!data)
		return false;
	if (from.len > 0)
		memcpy(data, from.data, from.len);
	*ret_octets = (struct refresh_octets){data, from.len};
	return true;
}

static struct refresh_octets take_body(struct http_response *response)
{
	return (struct refresh_octets){CLEANUP_STEAL(response->body), response->body_len};
}

void refresh_generation_fini(struct refresh_generation *generation)
{
	artifact_unref(generation->image);
	db_cert_free(generation->db);
	octets_fini(&generation->db_encoded);
	octets_fini(&generation->ca_pem);
	octets_fini(&generation->ca_url);
	*generation = (struct refresh_generation){0};
}

static void sources_fini(struct sources *sources)
{
	octets_fini(&sources->ca_file);
	octets_fini(&sources->image);
	free(sources->token);
	free(sources->server_certificate);
}

/* --- words ----------------------------------------------------------------------------------- */

/* Fit to stand between double quotes on a line of the log. */
static const char *quotable(char *text, char *quoted, size_t size)
{
	for (char *c = text; *c; c++)
		if (*c == '"')
			*c = '\'';
	return log_escape(bytes_of_string(text), quoted, size);
}

static const char *subject_of(const struct cert_identity *identity, char text[SUBJECT_MAX])
{
	return log_escape(bytes_of_string(identity->subject), text, SUBJECT_MAX);
}

static const char *fingerprint(const struct db_cert *cert, char hex[HEX_MAX])
{
	struct cert_identity identity;

	db_cert_identity(cert, &identity);
	return bytes_hex(bytes_of(identity.sha256, SHA256_LEN), hex);
}

static void stop(struct refresh_job *job, enum refresh_outcome outcome, const char *artifact,
	const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

static void stop(struct refresh_job *job, enum refresh_outcome outcome, const char *artifact,
	const char *format, va_list arguments)
{
	char text[REFRESH_ERROR_MAX];

	job->outcome = outcome;
	snprintf(job->artifact, sizeof(job->artifact), "%s", artifact);
	vsnprintf(text, sizeof(text), format, arguments);
	quotable(text, job->error, sizeof(job->error));
}

/* Both return false, for the caller to return. */
static bool fail(struct refresh_job *job, const char *artifact, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool refuse(struct refresh_job *job, const char *artifact, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool fail(struct refresh_job *job, const char *artifact, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	stop(job, REFRESH_FAILED, artifact, format, arguments);
	va_end(arguments);
	return false;
}

static bool refuse(struct refresh_job *job, const char *artifact, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	stop(job, REFRESH_REFUSED, artifact, format, arguments);
	va_end(arguments);
	return false;
}

void refresh_log_refused(const char *artifact, const char *reason, const struct artifact *serving)
{
	char text[ARTIFACT_REASON_MAX];
	char quoted[REFRESH_ERROR_MAX];
	char hex[HEX_MAX];

	snprintf(text, sizeof(text), "%s", reason);
	if (serving)
		log_warning("refused artifact=%s reason=\"%s\" serving=\"last good sha256=%s\"",
			artifact, quotable(text, quoted, sizeof(quoted)),
			bytes_hex(bytes_of(artifact_sha256(serving), SHA256_LEN), hex));
	else
		log_error("refused artifact=%s reason=\"%s\" serving=\"nothing\"", artifact,
			quotable(text, quoted, sizeof(quoted)));
}

/* Says what an image is, and that `event` befell it. */
static void log_image(int level, const char *event, const char *key, const char *where,
	const struct artifact *image)
{
	char hex[HEX_MAX];
	char subject[SUBJECT_MAX];

	log_line(level, "%s %s=%s bytes=%zu sha256=%s signer=\"%s\"", event, key, where,
		artifact_bytes(image).len,
		bytes_hex(bytes_of(artifact_sha256(image), SHA256_LEN), hex),
		subject_of(artifact_signer(image), subject));
}

/* --- fetching -------------------------------------------------------------------------------- */

static void url_below(
	const struct refresh_job *job, const char *name, char url[REFRESH_ARTIFACT_MAX])
{
	snprintf(url, REFRESH_ARTIFACT_MAX, "%s%s", job->plan->url, name);
}

/* A file below the base URL. */
static void fetch(const struct refresh_job *job, const struct sources *sources, const char *name,
	const struct http_validators *validators, struct http_response *ret_response)
{
	bool is_image = strcmp(name, IMAGE_NAME) == 0;
	char url[REFRESH_ARTIFACT_MAX];
	const struct http_request request = {
		.url = url,
		.ca_pem = sources->ca_pem,
		.bearer_token = sources->token,
		.validators = validators,
		.limit_bytes = is_image ? IMAGE_LIMIT_BYTES : CERTIFICATE_LIMIT_BYTES,
		.timeout_s = is_image ? IMAGE_TIMEOUT_S : SMALL_TIMEOUT_S,
		.cancelled = &job->cancelled,
	};

	url_below(job, name, url);
	http_fetch(&request, ret_response);
}

static bool fail_fetch(
	struct refresh_job *job, const char *url, const struct http_response *response)
{
	job->retry_after_s = response->retry_after_s;
	return fail(job, url, "%s", response->error);
}

/* --- whom to trust --------------------------------------------------------------------------- */

/* A header is made of it: printable, without blanks. */
static bool is_token(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return text.len > 0;
}

static bool load_token(struct refresh_job *job, struct sources *sources)
{
	CLEANUP_FREE uint8_t *data = NULL;
	const char *path = job->plan->token_file;
	size_t len = 0;
	int r;

	if (!path)
		return true;
	r = file_read(path, TOKEN_LIMIT_BYTES, &data, &len);
	if (r < 0)
		return fail(job, path, "the token file cannot be read: %s", strerror(-r));
	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
		len--;
	if (!is_token(bytes_of(data, len)))
		return fail(job, path, "the token file holds no token on a line of its own");
	sources->token = strndup((const char *)data, len);
	return sources->token || fail(job, path, "out of memory");
}

static bool load_ca_file(struct refresh_job *job, struct sources *sources)
{
	const char *path = job->plan->ca_file;
	int r;

	if (!path)
		return true;
	r = file_read(path, CA_LIMIT_BYTES, &sources->ca_file.data, &sources->ca_file.len);
	if (r < 0)
		return fail(job, path, "the CA file cannot be read: %s", strerror(-r));
	sources->ca_pem = octets_view(&sources->ca_file);
	return true;
}

/* The stored certificate stands in for a trust URL that does not answer: what it vouched for was
 * good, and a certificate that was renewed meanwhile fails the handshake. One that another URL gave
 * does not: the operator has turned away from that. */
static bool fall_back(struct refresh_job *job, const struct http_response *response)
{
	const char *url = job->plan->trust_url;

	if (!job->current->ca_pem.data
		|| !bytes_equal(octets_view(&job->current->ca_url), bytes_of_string(url)))
		return fail_fetch(job, url, response);
	log_warning("trust-url-failed url=%s error=\"%s\" using=\"the certificate stored last\"",
		url, response->error);
	return octets_copy(octets_view(&job->current->ca_pem), &job->next.ca_pem)
	       || fail(job, url, "out of memory");
}

static bool is_pem(struct bytes text)
{
	return bytes_contain(text, "-----BEGIN CERTIFICATE-----");
}

static bool bootstrap_trust(struct refresh_job *job, struct sources *sources)
{
	const struct http_request request = {
		.url = job->plan->trust_url,
		.ca_pem = sources->ca_pem,
		.limit_bytes = CA_LIMIT_BYTES,
		.timeout_s = SMALL_TIMEOUT_S,
		.cancelled = &job->cancelled,
	};
	CLEANUP(http_response_fini) struct http_response response = {0};

	if (!job->plan->trust_url)
		return true;
	http_fetch(&request, &response);
	if (response.outcome == HTTP_FETCHED && !is_pem(bytes_of(response.body, response.body_len)))
		snprintf(response.error, sizeof(response.error), "not a PEM certificate");
	else if (response.outcome == HTTP_FETCHED)
		job->next.ca_pem = take_body(&response);
	if (!job->next.ca_pem.data && !fall_back(job, &response))
		return false;
	if (!octets_copy(bytes_of_string(job->plan->trust_url), &job->next.ca_url))
		return fail(job, job->plan->trust_url, "out of memory");
	sources->ca_pem = octets_view(&job->next.ca_pem);
	return true;
}

/* --- the db certificate ---------------------------------------------------------------------- */

/* An image that is no longer signed as the operator wants it is no longer served. */
static void judge_current_again(struct refresh_job *job)
{
	const struct refresh_generation *current = job->current;
	char reason[ARTIFACT_REASON_MAX] = "out of memory";
	struct refresh_octets copy = {0};
	struct artifact *image = NULL;

	if (!current->image || db_cert_equal(current->db, job->next.db))
		return;
	if (octets_copy(artifact_bytes(current->image), &copy))
		image = artifact_new_signed_image(copy.data, copy.len, IMAGE_LIMIT_BYTES,
			PE_MACHINE_X64, job->next.db, reason);
	job->withdrawn = !image;
	if (job->withdrawn)
		refresh_log_refused("the one served until now", reason, NULL);
	artifact_unref(image);
}

static bool load_pinned_db(struct refresh_job *job)
{
	const char *path = job->plan->db_cert;
	struct refresh_generation *next = &job->next;
	int r = file_read(
		path, CERTIFICATE_LIMIT_BYTES, &next->db_encoded.data, &next->db_encoded.len);

	if (r < 0)
		return fail(job, path, "the db certificate cannot be read: %s", strerror(-r));
	next->db = db_cert_new(octets_view(&next->db_encoded));
	if (!next->db)
		return fail(job, path, "the db certificate is neither DER nor PEM");
	judge_current_again(job);
	return true;
}

static bool fetch_db(struct refresh_job *job, struct sources *sources, bool conditional)
{
	const struct refresh_generation *current = job->current;
	struct refresh_generation *next = &job->next;
	CLEANUP(http_response_fini) struct http_response response = {0};
	char url[REFRESH_ARTIFACT_MAX];

	url_below(job, DB_URL_NAME, url);
	fetch(job, sources, DB_URL_NAME,
		conditional && current->db ? &current->db_validators : NULL, &response);
	if (response.outcome == HTTP_FAILED)
		return fail_fetch(job, url, &response);
	sources->db_is_current = response.outcome == HTTP_NOT_MODIFIED;
	db_cert_free(CLEANUP_STEAL(next->db));
	octets_fini(&next->db_encoded);
	if (!sources->db_is_current) {
		next->db_encoded = take_body(&response);
		next->db_validators = response.validators;
	} else if (octets_copy(octets_view(&current->db_encoded), &next->db_encoded)) {
		next->db_validators = current->db_validators;
	}
	next->db = db_cert_new(octets_view(&next->db_encoded));
	return next->db || refuse(job, url, "not one certificate in DER or PEM");
}

static bool obtain_db(struct refresh_job *job, struct sources *sources)
{
	return job->plan->db_cert ? load_pinned_db(job) : fetch_db(job, sources, true);
}

/* --- the image ------------------------------------------------------------------------------- */

static bool fetch_image(struct refresh_job *job, struct sources *sources, bool conditional)
{
	const struct refresh_generation *current = job->current;
	CLEANUP(http_response_fini) struct http_response response = {0};
	char url[REFRESH_ARTIFACT_MAX];

	url_below(job, IMAGE_NAME, url);
	fetch(job, sources, IMAGE_NAME,
		conditional && current->image ? &current->image_validators : NULL, &response);
	free(sources->server_certificate);
	sources->server_certificate = CLEANUP_STEAL(response.server_certificate);
	if (response.outcome == HTTP_FAILED)
		return fail_fetch(job, url, &response);
	octets_fini(&sources->image);
	sources->image_is_current = response.outcome == HTTP_NOT_MODIFIED;
	job->next.image_validators =
		sources->image_is_current ? current->image_validators : response.validators;
	if (sources->image_is_current)
		return octets_copy(artifact_bytes(current->image), &sources->image)
		       || fail(job, url, "out of memory");
	sources->image = take_body(&response);
	return true;
}

/* Judges a copy: the same octets may have to be judged again under another certificate. */
static struct artifact *judge_pair(const struct refresh_job *job, const struct sources *sources,
	char ret_reason[ARTIFACT_REASON_MAX])
{
	struct refresh_octets copy;

	if (!octets_copy(octets_view(&sources->image), &copy)) {
		snprintf(ret_reason, ARTIFACT_REASON_MAX, "not judged: out of memory");
		return NULL;
	}
	return artifact_new_signed_image(
		copy.data, copy.len, IMAGE_LIMIT_BYTES, PE_MACHINE_X64, job->next.db, ret_reason);
}

/* Half of the pair was taken from the generation before: it may be that half that is stale. */
static bool fetch_anew(struct refresh_job *job, struct sources *sources)
{
	log_info("refetching url=%s reason=\"" IMAGE_NAME " and " DB_URL_NAME
		 " do not belong together\"",
		job->plan->url);
	return (!sources->db_is_current || fetch_db(job, sources, false))
	       && (!sources->image_is_current || fetch_image(job, sources, false));
}

static void warn_changed_db(const struct refresh_job *job)
{
	struct cert_identity identity;
	char before[HEX_MAX];
	char after[HEX_MAX];
	char subject[SUBJECT_MAX];

	if (job->plan->db_cert || !job->current->db
		|| db_cert_equal(job->current->db, job->next.db))
		return;
	db_cert_identity(job->next.db, &identity);
	log_warning(
		"db-changed sha256-before=%s sha256=%s subject=\"%s\" meaning=\"firmware that "
		"enrolled the certificate before refuses what is served now: enroll " DB_URL_NAME
		" again\"",
		fingerprint(job->current->db, before), fingerprint(job->next.db, after),
		subject_of(&identity, subject));
}

/* Why an image is refused under a pinned certificate: perhaps the orchestrator made itself
 * another. */
static void explain_pinned_refusal(const struct refresh_job *job, const struct sources *sources)
{
	CLEANUP(http_response_fini) struct http_response response = {0};
	char pinned[HEX_MAX];
	char published[HEX_MAX];
	struct db_cert *db;

	fetch(job, sources, DB_URL_NAME, NULL, &response);
	db = db_cert_new(bytes_of(response.body, response.body_len));
	if (db && !db_cert_equal(db, job->next.db))
		log_warning("db-differs pinned-sha256=%s published-sha256=%s meaning=\"the "
			    "orchestrator signs with another key now: enroll its " DB_URL_NAME
			    " in the nodes and pin that, if it is right\"",
			fingerprint(job->next.db, pinned), fingerprint(db, published));
	db_cert_free(db);
}

static bool is_current(const struct refresh_job *job, const struct artifact *image)
{
	const struct refresh_generation *current = job->current;

	return current->image && db_cert_equal(current->db, job->next.db)
	       && bytes_equal(artifact_bytes(current->image), artifact_bytes(image));
}

static bool judge(struct refresh_job *job, struct sources *sources)
{
	char reason[ARTIFACT_REASON_MAX];
	char url[REFRESH_ARTIFACT_MAX];
	struct artifact *image = judge_pair(job, sources, reason);

	url_below(job, IMAGE_NAME, url);
	if (!image && (sources->db_is_current || sources->image_is_current)) {
		if (!fetch_anew(job, sources))
			return false;
		image = judge_pair(job, sources, reason);
	}
	if (!image) {
		if (job->plan->db_cert)
			explain_pinned_refusal(job, sources);
		return refuse(job, url, "%s", reason);
	}
	if (is_current(job, image)) {
		log_image(LOG_INFO, "unchanged", "url", url, image);
		artifact_unref(image);
		job->outcome = REFRESH_UNCHANGED;
		return true;
	}
	log_image(LOG_NOTICE, "fetched", "url", url, image);
	warn_changed_db(job);
	job->next.image = image;
	job->outcome = REFRESH_NEW;
	return true;
}

/* --- afterwards ------------------------------------------------------------------------------ */

static int commit(const struct refresh_job *job)
{
	const struct refresh_generation *next = &job->next;
	const struct artifact *image = next->image ? next->image : job->current->image;
	CLEANUP(file_store_close_p) struct file_store *store = NULL;
	const struct file_store_item items[] = {
		{IMAGE_NAME, artifact_bytes(image)},
		{DB_NAME, octets_view(&next->db_encoded)},
		{CA_NAME, octets_view(&next->ca_pem)},
		{CA_URL_NAME, octets_view(&next->ca_url)},
	};
	int r = file_store_open(job->plan->state_dir, &store);

	return r < 0 ? r : file_store_commit(store, items, next->ca_pem.data ? 4 : 2);
}

/* What cannot be stored is served all the same; the next refresh tries again. */
static void store(struct refresh_job *job)
{
	const struct refresh_generation *current = job->current;
	struct refresh_generation *next = &job->next;
	int r;

	next->stored = current->stored && job->outcome == REFRESH_UNCHANGED
		       && bytes_equal(octets_view(&current->ca_pem), octets_view(&next->ca_pem))
		       && bytes_equal(octets_view(&current->ca_url), octets_view(&next->ca_url));
	if (next->stored)
		return;
	r = commit(job);
	next->stored = r == 0;
	if (r < 0)
		log_error("store-failed state-dir=%s error=\"%s\" meaning=\"served all the same, "
			  "but not after a restart without the orchestrator\"",
			job->plan->state_dir, strerror(-r));
	else
		log_info("stored state-dir=%s", job->plan->state_dir);
}

/* iPXE trusts the server certificate that was compiled in: after a renewal our own fetch succeeds
 * and the nodes' fails. */
static void compare_server_certificates(
	const struct refresh_job *job, const struct sources *sources)
{
	CLEANUP(http_response_fini) struct http_response response = {0};
	char presented_hex[HEX_MAX];
	char published_hex[HEX_MAX];
	struct db_cert *presented;
	struct db_cert *published;

	if (!sources->server_certificate)
		return;
	fetch(job, sources, SERVER_URL_NAME, NULL, &response);
	if (response.outcome != HTTP_FETCHED) {
		log_debug("not-compared artifact=%s" SERVER_URL_NAME " error=\"%s\"",
			job->plan->url, response.error);
		return;
	}
	presented = db_cert_new(bytes_of_string(sources->server_certificate));
	published = db_cert_new(bytes_of(response.body, response.body_len));
	if (presented && published && !db_cert_equal(presented, published))
		log_warning("server-certificate-differs url=%s presented-sha256=%s "
			    "published-sha256=%s meaning=\"nodes trust the certificate built into "
			    "their iPXE, so they may fail at boot.ipxe although this fetch "
			    "succeeded\"",
			job->plan->url, fingerprint(presented, presented_hex),
			fingerprint(published, published_hex));
	db_cert_free(presented);
	db_cert_free(published);
}

void refresh_job_run(void *context)
{
	struct refresh_job *job = context;
	CLEANUP(sources_fini) struct sources sources = {0};

	if (!load_token(job, &sources) || !load_ca_file(job, &sources)
		|| !bootstrap_trust(job, &sources) || !obtain_db(job, &sources)
		|| !fetch_image(job, &sources, true) || !judge(job, &sources))
		return;
	store(job);
	compare_server_certificates(job, &sources);
}

/* --- at start -------------------------------------------------------------------------------- */

struct shelf {
	const struct refresher_plan *plan;
	struct file_store *store;
};

static void refuse_stored(const struct shelf *shelf, const char *name, const char *reason)
{
	char path[REFRESH_ARTIFACT_MAX];

	snprintf(path, sizeof(path), "%s/current/%s", shelf->plan->state_dir, name);
	refresh_log_refused(path, reason, NULL);
}

/* What is not there is nothing to speak of; all else that cannot be read is. */
static bool read_stored(const struct shelf *shelf, const char *name, size_t limit_bytes,
	struct refresh_octets *ret_octets)
{
	int r = file_store_read(
		shelf->store, name, limit_bytes, &ret_octets->data, &ret_octets->len);

	if (r < 0 && r != -ENOENT)
		refuse_stored(shelf, name, strerror(-r));
	return r == 0;
}

static void load_db(const struct shelf *shelf, struct refresh_generation *generation)
{
	const char *pinned = shelf->plan->db_cert;
	struct refresh_octets *encoded = &generation->db_encoded;
	int r;

	if (pinned) {
		r = file_read(pinned, CERTIFICATE_LIMIT_BYTES, &encoded->data, &encoded->len);
		if (r < 0)
			refresh_log_refused(pinned, strerror(-r), NULL);
	} else {
		read_stored(shelf, DB_NAME, CERTIFICATE_LIMIT_BYTES, encoded);
	}
	if (!encoded->data)
		return;
	generation->db = db_cert_new(octets_view(encoded));
	if (!generation->db && pinned)
		refresh_log_refused(pinned, "not one certificate in DER or PEM", NULL);
	else if (!generation->db)
		refuse_stored(shelf, DB_NAME, "not one certificate in DER or PEM");
}

static void load_image(const struct shelf *shelf, struct refresh_generation *generation)
{
	struct refresh_octets octets = {0};
	char reason[ARTIFACT_REASON_MAX];

	if (!read_stored(shelf, IMAGE_NAME, IMAGE_LIMIT_BYTES, &octets))
		return;
	if (!generation->db) {
		refuse_stored(shelf, IMAGE_NAME, "there is no db certificate to judge it under");
		octets_fini(&octets);
		return;
	}
	generation->image = artifact_new_signed_image(
		octets.data, octets.len, IMAGE_LIMIT_BYTES, PE_MACHINE_X64, generation->db, reason);
	generation->stored = generation->image != NULL;
	if (generation->image)
		log_image(LOG_NOTICE, "loaded", "state-dir", shelf->plan->state_dir,
			generation->image);
	else
		refuse_stored(shelf, IMAGE_NAME, reason);
}

void refresh_job_load(const struct refresher_plan *plan, struct refresh_generation *ret_generation)
{
	CLEANUP(file_store_close_p) struct file_store *store = NULL;
	struct shelf shelf = {.plan = plan};
	int r = file_store_open(plan->state_dir, &store);

	*ret_generation = (struct refresh_generation){0};
	if (r < 0) {
		log_error("load-failed state-dir=%s error=\"%s\"", plan->state_dir, strerror(-r));
		return;
	}
	shelf.store = store;
	load_db(&shelf, ret_generation);
	if (read_stored(&shelf, CA_NAME, CA_LIMIT_BYTES, &ret_generation->ca_pem))
		read_stored(&shelf, CA_URL_NAME, REFRESH_ARTIFACT_MAX, &ret_generation->ca_url);
	load_image(&shelf, ret_generation);
}
