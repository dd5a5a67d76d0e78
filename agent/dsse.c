#include "agent/dsse.h"

#include "agent/digest.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <mbedtls/base64.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

enum { SIGNATURE_MAX = 160, CERTIFICATE_MAX = 8192, RAW_SIZE = 64 };

struct dsse_signer {
    mbedtls_pk_context key;
    mbedtls_x509_crt chain;
    char name[DSSE_SIGNER_SIZE];
    char keyid[65];
};

struct dsse_trust {
    mbedtls_x509_crt roots;
};

// ---- what differs between mbedTLS 2.28 and 3 ----

static int random_bytes(void *context, unsigned char *out, size_t size)
{
    (void)context;
    while (size > 0) {
        ssize_t got = getrandom(out, size, 0);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got > 0) {
            out += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
static int key_read(mbedtls_pk_context *key, const char *path)
{
    (void)psa_crypto_init(); // calling again is fine
    return mbedtls_pk_parse_keyfile(key, path, NULL, random_bytes, NULL);
}

static int key_fits(const mbedtls_x509_crt *certificate, const mbedtls_pk_context *key)
{
    return mbedtls_pk_check_pair(&certificate->pk, key, random_bytes, NULL);
}

static int key_sign(mbedtls_pk_context *key, const uint8_t sum[DIGEST_SIZE],
                    uint8_t out[SIGNATURE_MAX], size_t *size)
{
    return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, sum, DIGEST_SIZE, out, SIGNATURE_MAX, size,
                           random_bytes, NULL);
}

static bool is_p256(const mbedtls_pk_context *key)
{
    return mbedtls_pk_get_bitlen(key) == 256 && mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA);
}

static int pae_start(mbedtls_sha256_context *sha)
{
    return mbedtls_sha256_starts(sha, 0);
}

static int pae_add(mbedtls_sha256_context *sha, struct bytes bytes)
{
    return mbedtls_sha256_update(sha, bytes.at, bytes.size);
}

static int pae_end(mbedtls_sha256_context *sha, uint8_t out[DIGEST_SIZE])
{
    return mbedtls_sha256_finish(sha, out);
}
#else
static int key_read(mbedtls_pk_context *key, const char *path)
{
    return mbedtls_pk_parse_keyfile(key, path, NULL);
}

static int key_fits(const mbedtls_x509_crt *certificate, const mbedtls_pk_context *key)
{
    return mbedtls_pk_check_pair(&certificate->pk, key);
}

static int key_sign(mbedtls_pk_context *key, const uint8_t sum[DIGEST_SIZE],
                    uint8_t out[SIGNATURE_MAX], size_t *size)
{
    return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, sum, DIGEST_SIZE, out, size, random_bytes, NULL);
}

static bool is_p256(const mbedtls_pk_context *key)
{
    const mbedtls_ecp_keypair *pair = mbedtls_pk_ec(*key);
    return mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA) && pair != NULL &&
           pair->grp.id == MBEDTLS_ECP_DP_SECP256R1;
}

static int pae_start(mbedtls_sha256_context *sha)
{
    return mbedtls_sha256_starts_ret(sha, 0);
}

static int pae_add(mbedtls_sha256_context *sha, struct bytes bytes)
{
    return mbedtls_sha256_update_ret(sha, bytes.at, bytes.size);
}

static int pae_end(mbedtls_sha256_context *sha, uint8_t out[DIGEST_SIZE])
{
    return mbedtls_sha256_finish_ret(sha, out);
}
#endif

// ---- what is signed ----

static bool pae_sum(const char *type, struct bytes value, uint8_t out[DIGEST_SIZE])
{
    char front[200];
    int size = snprintf(front, sizeof front, "DSSEv1 %zu %s %zu ", strlen(type), type, value.size);
    if (size < 0 || (size_t)size >= sizeof front) {
        return false;
    }
    mbedtls_sha256_context sha;
    mbedtls_sha256_init(&sha);
    bool done = pae_start(&sha) == 0 && pae_add(&sha, bytes_from(front, (size_t)size)) == 0 &&
                pae_add(&sha, value) == 0 && pae_end(&sha, out) == 0;
    mbedtls_sha256_free(&sha);
    return done;
}

// ---- certificates ----

static void name_of(const mbedtls_x509_crt *certificate, char out[DSSE_SIGNER_SIZE])
{
    if (mbedtls_x509_dn_gets(out, DSSE_SIGNER_SIZE, &certificate->subject) < 0) {
        (void)snprintf(out, DSSE_SIGNER_SIZE, "a long name");
    }
}

static void keyid_of(const mbedtls_x509_crt *certificate, char out[65])
{
    uint8_t sum[DIGEST_SIZE];
    digest_sha256(bytes_from(certificate->raw.p, certificate->raw.len), sum);
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", sum[i]);
    }
}

// Is `domain` what the name says, or below it?
static bool covers(const mbedtls_x509_buf *name, const char *domain)
{
    size_t size = name->len;
    return size > 0 && strncmp((const char *)name->p, domain, size) == 0 &&
           (domain[size] == '\0' || domain[size] == '.');
}

static bool speaks_for(const mbedtls_x509_crt *certificate, const char *domain)
{
    for (const mbedtls_x509_name *name = &certificate->subject; name != NULL; name = name->next) {
        bool is_name = MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0 ||
                       MBEDTLS_OID_CMP(MBEDTLS_OID_AT_ORG_UNIT, &name->oid) == 0;
        if (is_name && memchr(name->val.p, 0, name->val.len) == NULL &&
            covers(&name->val, domain)) {
            return true;
        }
    }
    return false;
}

// ---- signing ----

static enum err refuse(char why[DSSE_SENTENCE_SIZE], const char *path, const char *what)
{
    FILE *file = fopen(path, "re");
    (void)snprintf(why, DSSE_SENTENCE_SIZE, "%.160s: %s", path,
                   file == NULL ? strerror(errno) : what);
    if (file != NULL) {
        (void)fclose(file);
    }
    return ERR_INVALID;
}

static enum err signer_read(struct dsse_signer *signer, const char *key_file,
                            const char *certificate_file, char why[DSSE_SENTENCE_SIZE])
{
    if (key_read(&signer->key, key_file) != 0) {
        return refuse(why, key_file, "is no private key in PEM, or has a passphrase");
    }
    if (!is_p256(&signer->key)) {
        return refuse(why, key_file,
                      "is no key of the curve P-256; make one: openssl ecparam -name prime256v1 "
                      "-genkey -noout");
    }
    if (mbedtls_x509_crt_parse_file(&signer->chain, certificate_file) != 0) {
        return refuse(why, certificate_file, "holds no certificates in PEM");
    }
    if (key_fits(&signer->chain, &signer->key) != 0) {
        return refuse(why, certificate_file, "its first certificate is not of this key");
    }
    name_of(&signer->chain, signer->name);
    keyid_of(&signer->chain, signer->keyid);
    return OK;
}

enum err dsse_signer_open(const char *key_file, const char *certificate_file,
                          struct dsse_signer **out, char why[DSSE_SENTENCE_SIZE])
{
    struct dsse_signer *signer = calloc(1, sizeof *signer);
    if (signer == NULL) {
        (void)snprintf(why, DSSE_SENTENCE_SIZE, "no memory");
        return ERR_FAILED;
    }
    mbedtls_pk_init(&signer->key);
    mbedtls_x509_crt_init(&signer->chain);
    enum err err = signer_read(signer, key_file, certificate_file, why);
    if (err != OK) {
        dsse_signer_close(signer);
        return err;
    }
    *out = signer;
    return OK;
}

void dsse_signer_close(struct dsse_signer *signer)
{
    if (signer != NULL) {
        mbedtls_pk_free(&signer->key);
        mbedtls_x509_crt_free(&signer->chain);
        free(signer);
    }
}

bool dsse_signer_speaks_for(const struct dsse_signer *signer, const char *domain)
{
    return speaks_for(&signer->chain, domain);
}

const char *dsse_signer_name(const struct dsse_signer *signer)
{
    return signer->name;
}

const char *dsse_signer_keyid(const struct dsse_signer *signer)
{
    return signer->keyid;
}

static bool put_base64(cJSON *parent, const char *key, struct bytes bytes)
{
    static const size_t room = CERTIFICATE_MAX * 4 / 3 + 8;
    unsigned char *text = malloc(room);
    size_t size = 0;
    bool done = text != NULL && mbedtls_base64_encode(text, room, &size, bytes.at, bytes.size) == 0;
    if (done) {
        cJSON *item = cJSON_CreateString((const char *)text); // it ends with a NUL
        done = key != NULL ? cJSON_AddItemToObject(parent, key, item)
                           : cJSON_AddItemToArray(parent, item);
    }
    free(text);
    return done;
}

static bool put_signature(cJSON *signature, const struct dsse_signer *signer, struct bytes bytes)
{
    bool done = cJSON_AddStringToObject(signature, "keyid", signer->keyid) != NULL &&
                put_base64(signature, "sig", bytes);
    cJSON *chain = cJSON_AddArrayToObject(signature, "chain");
    int count = 0;
    for (const mbedtls_x509_crt *at = &signer->chain; done && at != NULL; at = at->next) {
        done =
            count++ < DSSE_CHAIN_MAX && put_base64(chain, NULL, bytes_from(at->raw.p, at->raw.len));
    }
    return done;
}

char *dsse_sign(struct dsse_signer *signer, const char *type, struct bytes value)
{
    uint8_t sum[DIGEST_SIZE];
    uint8_t bytes[SIGNATURE_MAX];
    size_t size = 0;
    if (!pae_sum(type, value, sum) || key_sign(&signer->key, sum, bytes, &size) != 0) {
        return NULL;
    }
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "payloadType", type);
    cJSON *list = cJSON_AddArrayToObject(root, "signatures");
    cJSON *signature = cJSON_CreateObject();
    bool done = put_signature(signature, signer, bytes_from(bytes, size));
    (void)cJSON_AddItemToArray(list, signature);
    char *text = done ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

// ---- checking ----

enum err dsse_trust_open(const char *ca_file, struct dsse_trust **out, char why[DSSE_SENTENCE_SIZE])
{
    struct dsse_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) {
        (void)snprintf(why, DSSE_SENTENCE_SIZE, "no memory");
        return ERR_FAILED;
    }
    mbedtls_x509_crt_init(&trust->roots);
    if (mbedtls_x509_crt_parse_file(&trust->roots, ca_file) != 0) {
        dsse_trust_close(trust);
        return refuse(why, ca_file, "holds no certificates in PEM");
    }
    *out = trust;
    return OK;
}

void dsse_trust_close(struct dsse_trust *trust)
{
    if (trust != NULL) {
        mbedtls_x509_crt_free(&trust->roots);
        free(trust);
    }
}

// `*size` is the room, then what is there.
static bool get_base64(const cJSON *item, uint8_t *out, size_t *size)
{
    const char *text = cJSON_GetStringValue(item);
    return text != NULL &&
           mbedtls_base64_decode(out, *size, size, (const unsigned char *)text, strlen(text)) == 0;
}

static bool read_chain(const cJSON *list, mbedtls_x509_crt *chain)
{
    int count = 0;
    uint8_t *der = malloc(CERTIFICATE_MAX);
    bool good = der != NULL && cJSON_IsArray(list) && list->child != NULL;
    for (const cJSON *item = good ? list->child : NULL; good && item != NULL; item = item->next) {
        size_t size = CERTIFICATE_MAX;
        good = count++ < DSSE_CHAIN_MAX && get_base64(item, der, &size) &&
               mbedtls_x509_crt_parse_der(chain, der, size) == 0;
    }
    free(der);
    return good;
}

// r||s of 32 bytes each as DER: SEQUENCE {INTEGER r, INTEGER s}.
static size_t der_of_raw(const uint8_t raw[RAW_SIZE], uint8_t out[SIGNATURE_MAX])
{
    size_t used = 2;
    for (size_t half = 0; half < 2; half++) {
        const uint8_t *at = raw + 32 * half;
        size_t zeros = 0;
        while (zeros < 31 && at[zeros] == 0) {
            zeros++;
        }
        size_t pad = at[zeros] >> 7; // an integer with its highest bit set would be negative
        out[used++] = 0x02;
        out[used++] = (uint8_t)(32 - zeros + pad);
        if (pad > 0) {
            out[used++] = 0;
        }
        memcpy(out + used, at + zeros, 32 - zeros);
        used += 32 - zeros;
    }
    out[0] = 0x30;
    out[1] = (uint8_t)(used - 2);
    return used;
}

static bool verifies(mbedtls_x509_crt *certificate, const uint8_t sum[DIGEST_SIZE],
                     struct bytes signature)
{
    if (!is_p256(&certificate->pk)) {
        return false;
    }
    if (mbedtls_pk_verify(&certificate->pk, MBEDTLS_MD_SHA256, sum, DIGEST_SIZE, signature.at,
                          signature.size) == 0) {
        return true;
    }
    uint8_t der[SIGNATURE_MAX];
    return signature.size == RAW_SIZE &&
           mbedtls_pk_verify(&certificate->pk, MBEDTLS_MD_SHA256, sum, DIGEST_SIZE, der,
                             der_of_raw(signature.at, der)) == 0;
}

#define TELL(verdict, to, ...)                                                                     \
    ((verdict)->state = (to),                                                                      \
     (void)snprintf((verdict)->sentence, sizeof(verdict)->sentence, __VA_ARGS__))

// By whom we believe, and in time.
static void judge_trust(const struct dsse_trust *trust, mbedtls_x509_crt *chain,
                        struct dsse_verdict *verdict)
{
    uint32_t flags = 0;
    // The list of authorities is only read; the library's type cannot say so.
    mbedtls_x509_crt *roots = (mbedtls_x509_crt *)(uintptr_t)&trust->roots;
    if (mbedtls_x509_crt_verify(chain, roots, NULL, NULL, &flags, NULL, NULL) == 0) {
        verdict->state = DSSE_TRUSTED;
    } else if (flags == MBEDTLS_X509_BADCERT_EXPIRED) {
        TELL(verdict, DSSE_UNTRUSTED,
             "the certificate of %.80s has expired; the owner applies again", verdict->signer);
    } else {
        TELL(verdict, DSSE_UNTRUSTED, "signed by %.80s, under no authority that you trust",
             verdict->signer);
    }
}

static void judge_signature(const struct dsse_trust *trust, const cJSON *signature,
                            const uint8_t sum[DIGEST_SIZE], const char *domain,
                            mbedtls_x509_crt *chain, struct dsse_verdict *verdict)
{
    uint8_t bytes[SIGNATURE_MAX];
    size_t size = sizeof bytes;
    if (!get_base64(cJSON_GetObjectItemCaseSensitive(signature, "sig"), bytes, &size) ||
        !read_chain(cJSON_GetObjectItemCaseSensitive(signature, "chain"), chain)) {
        TELL(verdict, DSSE_WRONG, "its signature is malformed");
        return;
    }
    name_of(chain, verdict->signer);
    keyid_of(chain, verdict->keyid);
    if (!verifies(chain, sum, bytes_from(bytes, size))) {
        TELL(verdict, DSSE_WRONG, "its signature is not of this content: it was changed or forged");
    } else if (!speaks_for(chain, domain)) {
        TELL(verdict, DSSE_FOREIGN, "signed by %.80s, who does not speak for the domain %.60s",
             verdict->signer, domain);
    } else if (trust == NULL) {
        TELL(verdict, DSSE_SIGNED, "signed by %.80s; give --trust CA to check who that is",
             verdict->signer);
    } else {
        judge_trust(trust, chain, verdict);
    }
}

// The one signature; NULL where the header is not of our form.
static const cJSON *signature_of(const cJSON *root, const char *type)
{
    const char *said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "payloadType"));
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "signatures");
    bool good = said != NULL && strcmp(said, type) == 0 && cJSON_IsArray(list);
    return good ? list->child : NULL;
}

void dsse_check(const struct dsse_trust *trust, struct bytes header, const char *type,
                struct bytes value, const char *domain, struct dsse_verdict *verdict)
{
    *verdict = (struct dsse_verdict){.state = DSSE_UNSIGNED};
    if (header.size == 0) {
        TELL(verdict, DSSE_UNSIGNED, "is not signed");
        return;
    }
    uint8_t sum[DIGEST_SIZE];
    cJSON *root = header.size <= DSSE_HEADER_MAX
                      ? cJSON_ParseWithLength((const char *)header.at, header.size)
                      : NULL;
    const cJSON *signature = signature_of(root, type);
    mbedtls_x509_crt chain;
    mbedtls_x509_crt_init(&chain);
    if (signature == NULL || !pae_sum(type, value, sum)) {
        TELL(verdict, DSSE_WRONG, "its signature is malformed");
    } else {
        judge_signature(trust, signature, sum, domain, &chain, verdict);
    }
    mbedtls_x509_crt_free(&chain);
    cJSON_Delete(root);
}

const char *dsse_state_name(enum dsse_state state)
{
    static const char *const names[] = {"trusted", "signed",  "unsigned",
                                        "wrong",   "foreign", "untrusted"};
    return names[state];
}
