#include "ports/output/tls_token.h"

#if WEIR_PKCS11
#include "agent/log.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/bignum.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk_internal.h> // a kind of key of our own; 2.28 shows how one is made
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_MAX = 64,
    PIN_SIZE = 128,
    NAME_SHOWN = 80, // bytes of a URI
    REASON_SIZE = TLS_SENTENCE_SIZE - NAME_SHOWN - 16,
    URI_SIZE = 512,
    DIGEST_INFO_SIZE = 128, // an identifier, and up to 64 bytes of hash
    EC_HALF_MAX = 66,       // r or s of the largest curve, P-521
};

// Where a key was found, and how to find it again.
struct token_key {
    char uri[URI_SIZE];
    CK_FUNCTION_LIST **modules; // all that this machine knows; NULL: `alone` was named
    CK_FUNCTION_LIST *alone;
    CK_FUNCTION_LIST *module; // the key's; NULL: not found (yet)
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    CK_KEY_TYPE type;
    size_t bits; // of the certificate's key
};

// A look for a key.
struct search {
    struct token_key *key;
    P11KitUri *uri;
    char *why; // TLS_SENTENCE_SIZE
    int why_rank;
};

// Of several tokens that do not serve, the sentence of the nearest is told.
enum { RANK_NO_MODULE, RANK_NO_TOKEN, RANK_NO_KEY, RANK_TOKEN_REFUSES };

// A PIN that was refused is a step towards a locked token: it is not tried twice.
static struct {
    pthread_mutex_t lock;
    char pin[PIN_SIZE];
} refused = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool tls_token_is_named(const char *key)
{
    return strncmp(key, "pkcs11:", 7) == 0;
}

// ---- sentences ----

// The URI without what is behind the `?`.
static int name_size(const char *uri)
{
    size_t size = strcspn(uri, "?");
    return (int)(size < NAME_SHOWN ? size : NAME_SHOWN);
}

static void tell(struct search *search, int rank, const char *reason)
{
    if (rank >= search->why_rank) {
        const char *uri = search->key->uri;
        (void)snprintf(search->why, TLS_SENTENCE_SIZE, "tls.key: %.*s: %s", name_size(uri), uri,
                       reason);
        search->why_rank = rank;
    }
}

static void tell_code(struct search *search, const char *what, CK_RV code)
{
    char reason[REASON_SIZE];
    (void)snprintf(reason, sizeof reason, "the token fails in %s (%s, 0x%lx)", what,
                   p11_kit_strerror(code), (unsigned long)code);
    tell(search, RANK_TOKEN_REFUSES, reason);
}

// ---- the PIN ----

// The first line of the file that `pin-source` names, as a path or a file: URI. ERR_NOT_FOUND: none
// is named.
static enum err pin_read(struct search *search, char pin[PIN_SIZE])
{
    const char *source = p11_kit_uri_get_pin_source(search->uri);
    if (source == NULL) {
        return ERR_NOT_FOUND;
    }
    const char *path = strncmp(source, "file:", 5) == 0 ? source + 5 : source;
    path = strncmp(path, "///", 3) == 0 ? path + 2 : path;
    char reason[REASON_SIZE];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)snprintf(reason, sizeof reason, "pin-source %.80s: %s", path, strerror(errno));
        tell(search, RANK_TOKEN_REFUSES, reason);
        return ERR_INVALID;
    }
    bool is_read = fgets(pin, PIN_SIZE, file) != NULL;
    (void)fclose(file);
    size_t size = is_read ? strcspn(pin, "\r\n") : 0;
    if (size == 0 || size == PIN_SIZE - 1) {
        (void)snprintf(reason, sizeof reason,
                       "pin-source %.80s: its first line must be the PIN, 1 to %d bytes", path,
                       PIN_SIZE - 2);
        tell(search, RANK_TOKEN_REFUSES, reason);
        return ERR_INVALID;
    }
    pin[size] = 0;
    return OK;
}

static bool pin_was_refused(const char *pin)
{
    (void)pthread_mutex_lock(&refused.lock);
    bool was = refused.pin[0] != 0 && strcmp(refused.pin, pin) == 0;
    (void)pthread_mutex_unlock(&refused.lock);
    return was;
}

static void pin_refuse(const char *pin)
{
    (void)pthread_mutex_lock(&refused.lock);
    (void)snprintf(refused.pin, sizeof refused.pin, "%s", pin);
    (void)pthread_mutex_unlock(&refused.lock);
}

static bool pin_try(struct search *search, CK_FUNCTION_LIST *module, char *pin)
{
    if (pin_was_refused(pin)) {
        tell(search, RANK_TOKEN_REFUSES,
             "the token has refused this PIN, and it is not tried again; correct the file of "
             "pin-source");
        return false;
    }
    CK_RV code = module->C_Login(search->key->session, CKU_USER, (unsigned char *)pin, strlen(pin));
    if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN) {
        return true;
    }
    if (code != CKR_PIN_INCORRECT && code != CKR_PIN_LEN_RANGE && code != CKR_PIN_INVALID) {
        tell_code(search, "C_Login", code);
        return false;
    }
    pin_refuse(pin);
    tell(search, RANK_TOKEN_REFUSES, "the token refuses the PIN; correct the file of pin-source");
    return false;
}

static bool log_in(struct search *search, CK_FUNCTION_LIST *module, CK_FLAGS flags)
{
    char pin[PIN_SIZE] = "";
    enum err err = pin_read(search, pin);
    if (err == ERR_NOT_FOUND && (flags & CKF_LOGIN_REQUIRED) != 0) {
        tell(search, RANK_TOKEN_REFUSES,
             "the token asks for a PIN; add ?pin-source=FILE, a file that holds it");
        return false;
    }
    if (err != OK) {
        return err == ERR_NOT_FOUND;
    }
    if ((flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)) != 0) {
        tell(search, RANK_TOKEN_REFUSES,
             "the token is locked, or one more wrong PIN would lock it; log in to it by hand");
        explicit_bzero(pin, sizeof pin);
        return false;
    }
    bool done = pin_try(search, module, pin);
    explicit_bzero(pin, sizeof pin);
    return done;
}

// ---- the key ----

static bool key_understood(struct search *search, CK_FUNCTION_LIST *module)
{
    struct token_key *key = search->key;
    CK_ATTRIBUTE type = {
        .type = CKA_KEY_TYPE, .pValue = &key->type, .ulValueLen = sizeof key->type};
    CK_RV code = module->C_GetAttributeValue(key->session, key->object, &type, 1);
    if (code != CKR_OK) {
        tell_code(search, "C_GetAttributeValue", code);
    } else if (key->type != CKK_RSA && key->type != CKK_EC) {
        tell(search, RANK_TOKEN_REFUSES, "it is neither an RSA nor an EC key");
    }
    return code == CKR_OK && (key->type == CKK_RSA || key->type == CKK_EC);
}

// The private key of this session that the URI describes by its name or id.
static bool key_find(struct search *search, CK_FUNCTION_LIST *module)
{
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[3] = {
        {.type = CKA_CLASS, .pValue = &private_key, .ulValueLen = sizeof private_key}};
    static const CK_ATTRIBUTE_TYPE names[] = {CKA_LABEL, CKA_ID};
    CK_ULONG count = 1;
    for (size_t i = 0; i < 2; i++) {
        CK_ATTRIBUTE *named = p11_kit_uri_get_attribute(search->uri, names[i]);
        if (named != NULL) {
            wanted[count++] = *named;
        }
    }
    CK_OBJECT_HANDLE found[2];
    CK_ULONG found_count = 0;
    CK_RV code = module->C_FindObjectsInit(search->key->session, wanted, count);
    if (code == CKR_OK) {
        code = module->C_FindObjects(search->key->session, found, 2, &found_count);
        (void)module->C_FindObjectsFinal(search->key->session);
    }
    if (code != CKR_OK) {
        tell_code(search, "C_FindObjects", code);
    } else if (found_count == 0) {
        tell(search, RANK_NO_KEY,
             "the token has no such private key; see pkcs11-tool --list-objects");
    } else if (found_count == 2) {
        tell(search, RANK_TOKEN_REFUSES,
             "the token has several such private keys; add object=NAME or id=%XX");
    }
    search->key->object = found_count == 1 ? found[0] : 0;
    return found_count == 1 && key_understood(search, module);
}

static bool slot_serves(struct search *search, CK_FUNCTION_LIST *module, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO token;
    if (module->C_GetTokenInfo(slot, &token) != CKR_OK ||
        p11_kit_uri_match_token_info(search->uri, &token) != 1) {
        tell(search, RANK_NO_TOKEN, "no such token is plugged in; see p11-kit list-modules");
        return false;
    }
    CK_RV code = module->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &search->key->session);
    if (code != CKR_OK) {
        tell_code(search, "C_OpenSession", code);
        return false;
    }
    if (log_in(search, module, token.flags) && key_find(search, module)) {
        search->key->module = module;
        return true;
    }
    (void)module->C_CloseSession(search->key->session);
    return false;
}

static bool module_serves(struct search *search, CK_FUNCTION_LIST *module)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    CK_INFO info;
    if (module->C_GetInfo(&info) != CKR_OK ||
        p11_kit_uri_match_module_info(search->uri, &info) != 1 ||
        module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK) {
        return false;
    }
    for (CK_ULONG i = 0; i < count; i++) {
        if (slot_serves(search, module, slots[i])) {
            return true;
        }
    }
    return false;
}

// ---- modules ----

static void close_key(struct token_key *key)
{
    if (key->module != NULL) {
        (void)key->module->C_CloseSession(key->session);
        key->module = NULL;
    }
    if (key->alone != NULL) {
        (void)p11_kit_module_finalize(key->alone);
        p11_kit_module_release(key->alone);
        key->alone = NULL;
    }
    if (key->modules != NULL) {
        p11_kit_modules_finalize_and_release(key->modules);
        key->modules = NULL;
    }
}

static bool open_named_module(struct search *search, const char *path)
{
    struct token_key *key = search->key;
    char reason[REASON_SIZE];
    key->alone = p11_kit_module_load(path, 0);
    if (key->alone != NULL && p11_kit_module_initialize(key->alone) != CKR_OK) {
        p11_kit_module_release(key->alone);
        key->alone = NULL;
    }
    if (key->alone == NULL) {
        (void)snprintf(reason, sizeof reason,
                       "module-path %.80s: it does not load as a PKCS#11 "
                       "module",
                       path);
        tell(search, RANK_TOKEN_REFUSES, reason);
        return false;
    }
    return module_serves(search, key->alone);
}

static bool open_known_modules(struct search *search)
{
    struct token_key *key = search->key;
    key->modules = p11_kit_modules_load_and_initialize(0);
    for (CK_FUNCTION_LIST **module = key->modules; module != NULL && *module != NULL; module++) {
        if (module_serves(search, *module)) {
            return true;
        }
    }
    return false;
}

static bool open_key(struct token_key *key, char why[TLS_SENTENCE_SIZE])
{
    struct search search = {.key = key, .uri = p11_kit_uri_new(), .why = why};
    int parsed =
        p11_kit_uri_parse(key->uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN_AND_MODULE, search.uri);
    bool is_found = false;
    tell(&search, RANK_NO_MODULE,
         "no PKCS#11 module has a token here; add ?module-path=FILE, or install one for p11-kit");
    if (parsed != P11_KIT_URI_OK) {
        tell(&search, RANK_TOKEN_REFUSES,
             "is not a PKCS#11 URI; write e.g. pkcs11:token=gw;object=kafka");
    } else if (p11_kit_uri_get_pin_value(search.uri) != NULL) {
        tell(&search, RANK_TOKEN_REFUSES,
             "pin-value would show the PIN to all who see the settings; use pin-source=FILE");
    } else {
        const char *path = p11_kit_uri_get_module_path(search.uri);
        is_found = path != NULL ? open_named_module(&search, path) : open_known_modules(&search);
    }
    p11_kit_uri_free(search.uri);
    if (!is_found) {
        close_key(key);
    }
    return is_found;
}

// ---- signing ----

static CK_RV sign_once(struct token_key *key, CK_MECHANISM_TYPE type, const unsigned char *data,
                       size_t data_size, unsigned char *out, CK_ULONG *size)
{
    CK_MECHANISM mechanism = {.mechanism = type};
    if (key->module == NULL) {
        return CKR_DEVICE_REMOVED;
    }
    CK_RV code = key->module->C_SignInit(key->session, &mechanism, key->object);
    if (code == CKR_OK) {
        // The interface does not say const, and means it.
        code = key->module->C_Sign(key->session, (unsigned char *)(uintptr_t)data, data_size, out,
                                   size);
    }
    return code;
}

// `*size` comes as the room of `out`. A token may have been away meanwhile, or its service
// restarted.
static int sign(struct token_key *key, CK_MECHANISM_TYPE type, const unsigned char *data,
                size_t data_size, unsigned char *out, CK_ULONG *size)
{
    char why[TLS_SENTENCE_SIZE];
    const CK_ULONG room = *size;
    CK_RV code = sign_once(key, type, data, data_size, out, size);
    if (code != CKR_OK) {
        close_key(key);
        if (!open_key(key, why)) {
            log_warn("tls.token", "reason=\"%s\"", why);
            return MBEDTLS_ERR_PK_FILE_IO_ERROR;
        }
        *size = room;
        code = sign_once(key, type, data, data_size, out, size);
    }
    if (code != CKR_OK) {
        log_warn("tls.token", "reason=\"tls.key: %.*s: the token does not sign (%s, 0x%lx)\"",
                 name_size(key->uri), key->uri, p11_kit_strerror(code), (unsigned long)code);
        return MBEDTLS_ERR_PK_FILE_IO_ERROR;
    }
    return 0;
}

// RFC 8017, 9.2: what PKCS#1 v1.5 signs is the hash and the name of its kind. Written backwards, as
// mbedTLS writes; `*at` is then its begin. Below 0: an error of mbedTLS.
static int digest_info(mbedtls_md_type_t md, const unsigned char *hash, size_t hash_size,
                       unsigned char buffer[DIGEST_INFO_SIZE], unsigned char **at)
{
    const char *oid;
    size_t oid_size;
    int size = 0;
    int part = mbedtls_oid_get_oid_by_md(md, &oid, &oid_size);
    if (part != 0) {
        return part;
    }
    *at = buffer + DIGEST_INFO_SIZE;
    part = mbedtls_asn1_write_octet_string(at, buffer, hash, hash_size);
    size += part;
    if (part >= 0) {
        part = mbedtls_asn1_write_algorithm_identifier(at, buffer, oid, oid_size, 0);
        size += part;
    }
    if (part >= 0) {
        part = mbedtls_asn1_write_len(at, buffer, (size_t)size);
        size += part;
    }
    if (part >= 0) {
        part = mbedtls_asn1_write_tag(at, buffer, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
        size += part;
    }
    return part < 0 ? part : size;
}

// mbedTLS gives room for MBEDTLS_PK_SIGNATURE_MAX_SIZE.
static int rsa_sign(void *context, mbedtls_md_type_t md, const unsigned char *hash,
                    size_t hash_size, unsigned char *out, size_t *out_size,
                    int (*random)(void *, unsigned char *, size_t), void *random_context)
{
    (void)random;
    (void)random_context;
    unsigned char buffer[DIGEST_INFO_SIZE];
    unsigned char *at;
    struct token_key *key = context;
    int size = digest_info(md, hash, hash_size, buffer, &at);
    if (size < 0) {
        return size;
    }
    CK_ULONG signed_size = MBEDTLS_PK_SIGNATURE_MAX_SIZE;
    int failed = sign(key, CKM_RSA_PKCS, at, (size_t)size, out, &signed_size);
    *out_size = signed_size;
    return failed;
}

// The token gives r and s of equal size; TLS wants a SEQUENCE of two INTEGERs (RFC 3279, 2.2.3).
// Written to the end of `buffer`; the size, or below 0 an error of mbedTLS.
static int ec_signature(const unsigned char *halves, size_t half, unsigned char *buffer,
                        size_t room, unsigned char **at)
{
    mbedtls_mpi r;
    mbedtls_mpi s;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    *at = buffer + room;
    int size = 0;
    int part = mbedtls_mpi_read_binary(&r, halves, half);
    if (part == 0) {
        part = mbedtls_mpi_read_binary(&s, halves + half, half);
    }
    if (part == 0) {
        part = mbedtls_asn1_write_mpi(at, buffer, &s);
        size += part;
    }
    if (part > 0) {
        part = mbedtls_asn1_write_mpi(at, buffer, &r);
        size += part;
    }
    if (part > 0) {
        part = mbedtls_asn1_write_len(at, buffer, (size_t)size);
        size += part;
    }
    if (part > 0) {
        part = mbedtls_asn1_write_tag(at, buffer, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
        size += part;
    }
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    return part < 0 ? part : size;
}

static int ec_sign(void *context, mbedtls_md_type_t md, const unsigned char *hash, size_t hash_size,
                   unsigned char *out, size_t *out_size,
                   int (*random)(void *, unsigned char *, size_t), void *random_context)
{
    (void)md;
    (void)random;
    (void)random_context;
    unsigned char halves[2 * EC_HALF_MAX];
    unsigned char der[sizeof halves + 16];
    unsigned char *at;
    CK_ULONG size = sizeof halves;
    size_t order = (((struct token_key *)context)->bits + 7) / 8; // FIPS 186-5, 6.4: no more counts
    int failed =
        sign(context, CKM_ECDSA, hash, hash_size < order ? hash_size : order, halves, &size);
    if (failed != 0) {
        return failed;
    }
    int der_size = ec_signature(halves, size / 2, der, sizeof der, &at);
    if (der_size < 0) {
        return der_size;
    }
    memcpy(out, at, (size_t)der_size);
    *out_size = (size_t)der_size;
    return 0;
}

// ---- as mbedTLS sees it ----

static size_t key_bits(const void *context)
{
    return ((const struct token_key *)context)->bits;
}

static int rsa_can(mbedtls_pk_type_t type)
{
    return type == MBEDTLS_PK_RSA;
}

static int ec_can(mbedtls_pk_type_t type)
{
    return type == MBEDTLS_PK_ECDSA || type == MBEDTLS_PK_ECKEY;
}

static void *key_alloc(void)
{
    return calloc(1, sizeof(struct token_key));
}

static void key_free(void *context)
{
    close_key(context);
    free(context);
}

// Of these types mbedTLS takes nothing for granted but that they sign.
static const mbedtls_pk_info_t rsa_info = {.type = MBEDTLS_PK_RSA_ALT,
                                           .name = "RSA of a token",
                                           .get_bitlen = key_bits,
                                           .can_do = rsa_can,
                                           .sign_func = rsa_sign,
                                           .ctx_alloc_func = key_alloc,
                                           .ctx_free_func = key_free};

static const mbedtls_pk_info_t ec_info = {.type = MBEDTLS_PK_ECDSA,
                                          .name = "EC of a token",
                                          .get_bitlen = key_bits,
                                          .can_do = ec_can,
                                          .sign_func = ec_sign,
                                          .ctx_alloc_func = key_alloc,
                                          .ctx_free_func = key_free};

// Sign something of no meaning: does the certificate's key know it?
static bool fits(mbedtls_pk_context *key, mbedtls_pk_context *public_key)
{
    const unsigned char hash[32] = "weir: is this the key of the"; // certificate?
    unsigned char signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t size;
    mbedtls_pk_type_t kind =
        mbedtls_pk_can_do(key, MBEDTLS_PK_RSA) ? MBEDTLS_PK_RSA : MBEDTLS_PK_ECDSA;
    return mbedtls_pk_can_do(public_key, kind) != 0 &&
           mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, &size, NULL,
                           NULL) == 0 &&
           mbedtls_pk_verify(public_key, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, size) ==
               0;
}

enum err tls_token_key(const char *uri, mbedtls_pk_context *public_key, mbedtls_pk_context *key,
                       char why[TLS_SENTENCE_SIZE])
{
    struct token_key found = {.bits = mbedtls_pk_get_bitlen(public_key)};
    if (strlen(uri) >= sizeof found.uri) {
        (void)snprintf(why, TLS_SENTENCE_SIZE, "tls.key: the URI is longer than %d bytes",
                       URI_SIZE - 1);
        return ERR_INVALID;
    }
    (void)snprintf(found.uri, sizeof found.uri, "%s", uri);
    p11_kit_be_quiet(); // what it would print has no place in the log; we tell
    if (!open_key(&found, why)) {
        return ERR_INVALID;
    }
    if (mbedtls_pk_setup(key, found.type == CKK_RSA ? &rsa_info : &ec_info) != 0) {
        (void)snprintf(why, TLS_SENTENCE_SIZE, "tls: no memory");
        close_key(&found);
        return ERR_INVALID;
    }
    *(struct token_key *)key->pk_ctx = found;
    if (!fits(key, public_key)) {
        (void)snprintf(why, TLS_SENTENCE_SIZE, "tls.key: %.*s: is not the key of tls.cert",
                       name_size(uri), uri);
        mbedtls_pk_free(key);
        mbedtls_pk_init(key);
        return ERR_INVALID;
    }
    return OK;
}
#endif
