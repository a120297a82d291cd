/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticode on OpenSSL, which reads PKCS#7 but not what Microsoft put into it.
 *
 * Hides OpenSSL from everybody else. The verdict is EDK2's (CryptAuthenticode.c,
 * CryptPkcs7Verify.c): two checks, both needed. The image's digest is compared with the one in the
 * signed content, and the signature over that content is verified up to the db certificate,
 * wherever in the chain it stands. PKCS7_verify alone would say yes to a changed image, the digest
 * alone to a foreign key. Stricter than EDK2 in one point: SHA-1 and the like count as no signature
 * at all.
 *
 * Invariant: nothing of OpenSSL's error queue is left behind.
 */
#include "core/authenticode.h"

#include <openssl/asn1t.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

#include <limits.h>

/* SpcAttributeTypeAndOptionalValue and SpcIndirectDataContent of the Authenticode format. */
struct spc_data {
	ASN1_OBJECT *type;
	ASN1_TYPE *value;
};

struct spc_indirect_data {
	struct spc_data *data;
	X509_SIG *digest_info;
};

/* clang-format off */
typedef struct spc_data SPC_DATA;
typedef struct spc_indirect_data SPC_INDIRECT_DATA;

ASN1_SEQUENCE(SPC_DATA) = {
	ASN1_SIMPLE(SPC_DATA, type, ASN1_OBJECT),
	ASN1_OPT(SPC_DATA, value, ASN1_ANY),
} static_ASN1_SEQUENCE_END(SPC_DATA)

ASN1_SEQUENCE(SPC_INDIRECT_DATA) = {
	ASN1_SIMPLE(SPC_INDIRECT_DATA, data, SPC_DATA),
	ASN1_SIMPLE(SPC_INDIRECT_DATA, digest_info, X509_SIG),
} static_ASN1_SEQUENCE_END(SPC_INDIRECT_DATA)
	/* clang-format on */

	/* 1.3.6.1.4.1.311.2.1.4, SPC_INDIRECT_DATA_OBJID */
	static const uint8_t spc_indirect_data_oid[] = {
		0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04};

struct db_cert {
	X509 *x509;
};

/* The image's digests, each computed once. */
struct digests {
	const struct pe_image *image;
	struct digest {
		int nid;
		unsigned len;
		uint8_t value[EVP_MAX_MD_SIZE];
	} of[3];
	size_t n;
};

/* One signature, taken apart; views point into p7. */
struct signature {
	PKCS7 *p7;
	SPC_INDIRECT_DATA *indirect;
	struct bytes content; /* what the signature is over: the SEQUENCE without its header */
	int digest_nid;
	struct bytes digest;
};

CLEANUP_DEFINE(BIO *, BIO_free_all)
CLEANUP_DEFINE(X509 *, X509_free)
CLEANUP_DEFINE(X509_STORE *, X509_STORE_free)
CLEANUP_DEFINE(EVP_MD_CTX *, EVP_MD_CTX_free)

bool authenticode_sha256(struct bytes input, uint8_t ret_sha256[SHA256_LEN])
{
	return EVP_Digest(input.data, input.len, ret_sha256, NULL, EVP_sha256(), NULL) == 1;
}

/* A certificate is no secret: never ask at a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer, (void)size, (void)writing, (void)context;
	return -1;
}

static X509 *read_pem(struct bytes encoded)
{
	CLEANUP(BIO_free_all_p) BIO *bio = BIO_new_mem_buf(encoded.data, (int)encoded.len);
	CLEANUP(X509_free_p) X509 *first = NULL, *second = NULL;

	if (!bio)
		return NULL;
	first = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	second = first ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
	return second ? NULL : CLEANUP_STEAL(first);
}

static X509 *read_der(struct bytes encoded)
{
	const uint8_t *end = encoded.data;
	CLEANUP(X509_free_p) X509 *x509 = d2i_X509(NULL, &end, (long)encoded.len);

	return end == encoded.data + encoded.len ? CLEANUP_STEAL(x509) : NULL;
}

struct db_cert *db_cert_new(struct bytes encoded)
{
	CLEANUP(db_cert_free_p) struct db_cert *cert = calloc(1, sizeof(*cert));

	if (!cert || encoded.len == 0 || encoded.len > INT_MAX)
		return NULL;
	cert->x509 = read_der(encoded);
	if (!cert->x509)
		cert->x509 = read_pem(encoded);
	ERR_clear_error();
	return cert->x509 ? CLEANUP_STEAL(cert) : NULL;
}

void db_cert_free(struct db_cert *cert)
{
	if (!cert)
		return;
	X509_free(cert->x509);
	free(cert);
}

bool db_cert_equal(const struct db_cert *a, const struct db_cert *b)
{
	return X509_cmp(a->x509, b->x509) == 0;
}

static void read_identity(const X509 *x509, struct cert_identity *ret_identity)
{
	CLEANUP(BIO_free_all_p) BIO *bio = BIO_new(BIO_s_mem());
	struct cert_identity identity = {0};

	X509_digest(x509, EVP_sha256(), identity.sha256, NULL);
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0, XN_FLAG_RFC2253) > 0)
		BIO_read(bio, identity.subject, sizeof(identity.subject) - 1);
	*ret_identity = identity;
}

void db_cert_identity(const struct db_cert *cert, struct cert_identity *ret_identity)
{
	read_identity(cert->x509, ret_identity);
	ERR_clear_error();
}

static bool digest_allowed(int nid)
{
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static int algorithm_nid(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *object;

	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	return OBJ_obj2nid(object);
}

static bool compute_digest(const struct pe_image *image, int nid, struct digest *ret_digest)
{
	CLEANUP(EVP_MD_CTX_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!context || EVP_DigestInit_ex(context, EVP_get_digestbynid(nid), NULL) != 1)
		return false;
	for (size_t i = 0; i < image->n_hashed; i++) {
		struct bytes range = image->hashed[i];

		if (EVP_DigestUpdate(context, range.data, range.len) != 1)
			return false;
	}
	ret_digest->nid = nid;
	return EVP_DigestFinal_ex(context, ret_digest->value, &ret_digest->len) == 1;
}

/* The image's digest by an allowed algorithm. NULL: no memory. */
static const struct digest *image_digest(struct digests *digests, int nid)
{
	for (size_t i = 0; i < digests->n; i++) {
		if (digests->of[i].nid == nid)
			return &digests->of[i];
	}
	if (!compute_digest(digests->image, nid, &digests->of[digests->n]))
		return NULL;
	return &digests->of[digests->n++];
}

/* The encoded SpcIndirectDataContent inside the PKCS#7, with its header. */
static struct bytes indirect_data_of(const PKCS7 *p7)
{
	const PKCS7 *contents = PKCS7_type_is_signed(p7) ? p7->d.sign->contents : NULL;

	if (!contents || OBJ_length(contents->type) != sizeof(spc_indirect_data_oid)
		|| memcmp(OBJ_get0_data(contents->type), spc_indirect_data_oid,
			   sizeof(spc_indirect_data_oid))
			   != 0
		|| !contents->d.other || contents->d.other->type != V_ASN1_SEQUENCE)
		return (struct bytes){0};
	return bytes_of(contents->d.other->value.sequence->data,
		(size_t)contents->d.other->value.sequence->length);
}

/* The octets after a DER header. */
static struct bytes without_header(struct bytes der)
{
	const uint8_t *pos = der.data;
	int tag, class;
	long len;

	if (ASN1_get_object(&pos, &len, &tag, &class, (long)der.len) != V_ASN1_CONSTRUCTED)
		return (struct bytes){0};
	return bytes_of(pos, (size_t)len);
}

/* False: not an Authenticode signature. What was read so far is freed with the rest. */
static bool signature_read(struct bytes pkcs7, struct signature *signature)
{
	const uint8_t *pos = pkcs7.data;
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *digest;
	struct bytes indirect;

	signature->p7 = d2i_PKCS7(NULL, &pos, (long)pkcs7.len);
	if (!signature->p7)
		return false;
	indirect = indirect_data_of(signature->p7);
	pos = indirect.data;
	if (!indirect.data)
		return false;
	signature->indirect = (SPC_INDIRECT_DATA *)ASN1_item_d2i(
		NULL, &pos, (long)indirect.len, ASN1_ITEM_rptr(SPC_INDIRECT_DATA));
	signature->content = without_header(indirect);
	if (!signature->indirect || !signature->content.data)
		return false;
	X509_SIG_get0(signature->indirect->digest_info, &algorithm, &digest);
	signature->digest_nid = algorithm_nid(algorithm);
	signature->digest =
		bytes_of(ASN1_STRING_get0_data(digest), (size_t)ASN1_STRING_length(digest));
	return true;
}

static void signature_free(struct signature *signature)
{
	PKCS7_free(signature->p7);
	ASN1_item_free((ASN1_VALUE *)signature->indirect, ASN1_ITEM_rptr(SPC_INDIRECT_DATA));
}

static bool signed_with_allowed_digests(const struct signature *signature)
{
	STACK_OF(PKCS7_SIGNER_INFO) *infos = PKCS7_get_signer_info(signature->p7);

	for (int i = 0; i < sk_PKCS7_SIGNER_INFO_num(infos); i++) {
		if (!digest_allowed(
			    algorithm_nid(sk_PKCS7_SIGNER_INFO_value(infos, i)->digest_alg)))
			return false;
	}
	return digest_allowed(signature->digest_nid);
}

/* EDK2 (HashPeImageByType) takes the image's digest algorithm from a fixed place: the first of
 * digestAlgorithms when the lengths around it are of two octets. */
#define EDK2_DIGEST_OID_OFFSET 32

static bool firmware_finds_digest(struct bytes pkcs7, int nid)
{
	const ASN1_OBJECT *object = OBJ_nid2obj(nid);
	size_t len = OBJ_length(object);

	return pkcs7.len >= EDK2_DIGEST_OID_OFFSET + len && pkcs7.data[1] == 0x82
	       && memcmp(pkcs7.data + EDK2_DIGEST_OID_OFFSET, OBJ_get0_data(object), len) == 0;
}

static void read_signer(const struct signature *signature, struct cert_identity *ret_signer)
{
	STACK_OF(X509) *signers = PKCS7_get0_signers(signature->p7, NULL, 0);

	if (sk_X509_num(signers) > 0)
		read_identity(sk_X509_value(signers, 0), ret_signer);
	sk_X509_free(signers);
}

/* A store that judges as firmware does: db certificates are anchors wherever they stand in the
 * chain; clocks of machines that boot are not to be relied on. */
static X509_STORE *firmware_store(const struct db_cert *db)
{
	CLEANUP(X509_STORE_free_p) X509_STORE *store = X509_STORE_new();

	if (!store || X509_STORE_add_cert(store, db->x509) != 1)
		return NULL;
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
	X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
	return CLEANUP_STEAL(store);
}

static bool signature_holds(const struct signature *signature, X509_STORE *store, int flags)
{
	CLEANUP(BIO_free_all_p)
	BIO *bio = BIO_new_mem_buf(signature->content.data, (int)signature->content.len);

	return bio
	       && PKCS7_verify(signature->p7, NULL, store, bio, NULL, flags | PKCS7_BINARY) == 1;
}

static enum authenticode_status judge_signer(
	const struct signature *signature, const struct db_cert *db)
{
	CLEANUP(X509_STORE_free_p) X509_STORE *store = firmware_store(db);

	if (!store)
		return AUTHENTICODE_NO_MEMORY;
	if (signature_holds(signature, store, 0))
		return AUTHENTICODE_OK;
	return signature_holds(signature, store, PKCS7_NOVERIFY) ? AUTHENTICODE_UNTRUSTED
								 : AUTHENTICODE_BAD_SIGNATURE;
}

static enum authenticode_status judge(struct bytes pkcs7, struct digests *digests,
	const struct db_cert *db, struct signature *signature, struct cert_identity *signer)
{
	const struct digest *digest;

	if (!signature_read(pkcs7, signature))
		return AUTHENTICODE_MALFORMED;
	read_signer(signature, signer);
	if (!signed_with_allowed_digests(signature))
		return AUTHENTICODE_WEAK_DIGEST;
	if (!firmware_finds_digest(pkcs7, signature->digest_nid))
		return AUTHENTICODE_MALFORMED;
	digest = image_digest(digests, signature->digest_nid);
	if (!digest)
		return AUTHENTICODE_NO_MEMORY;
	if (signature->digest.len != digest->len
		|| CRYPTO_memcmp(signature->digest.data, digest->value, digest->len) != 0)
		return AUTHENTICODE_DIGEST_MISMATCH;
	return judge_signer(signature, db);
}

enum authenticode_status authenticode_verify(
	const struct pe_image *image, const struct db_cert *db, struct cert_identity *ret_signer)
{
	enum authenticode_status best = AUTHENTICODE_UNSIGNED;
	struct digests digests = {.image = image};
	struct bytes pkcs7;
	size_t offset = 0;

	*ret_signer = (struct cert_identity){0};
	while (best != AUTHENTICODE_OK && pe_image_next_certificate(image, &offset, &pkcs7)) {
		struct cert_identity signer = {0};
		struct signature signature = {0};
		enum authenticode_status status = judge(pkcs7, &digests, db, &signature, &signer);

		signature_free(&signature);
		if (status == AUTHENTICODE_OK || status > best) {
			best = status;
			*ret_signer = signer;
		}
	}
	ERR_clear_error();
	return best;
}

const char *authenticode_status_text(enum authenticode_status status)
{
	switch (status) {
	case AUTHENTICODE_OK:
		return "signed under the db certificate";
	case AUTHENTICODE_UNSIGNED:
		return "unsigned";
	case AUTHENTICODE_MALFORMED:
		return "malformed: its signature cannot be read";
	case AUTHENTICODE_WEAK_DIGEST:
		return "signed with a weak digest: SHA-256, SHA-384 or SHA-512 is demanded";
	case AUTHENTICODE_DIGEST_MISMATCH:
		return "changed after it was signed: its digest is not the signed one";
	case AUTHENTICODE_BAD_SIGNATURE:
		return "signed, but the signature does not hold";
	case AUTHENTICODE_UNTRUSTED:
		return "signed by another key";
	case AUTHENTICODE_NO_MEMORY:
		return "not judged: out of memory";
	}
	return "of unknown state";
}
