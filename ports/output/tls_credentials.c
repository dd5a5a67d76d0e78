#include "ports/output/tls_credentials.h"

#include "ports/output/tls_token.h"

#include <mbedtls/pk.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

// A file as it was when it was read. A renewal writes a new file over it: another inode, or at
// least another time.
struct stamp {
    ino_t inode;
    off_t size;
    struct timespec changed;
};

enum { FILE_CA, FILE_CERTIFICATE, FILE_KEY, FILE_COUNT };

struct tls_credentials {
    uint32_t references;
    struct stamp stamps[FILE_COUNT];
    bool has_certificate;
    mbedtls_x509_crt ca;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    mbedtls_ssl_config config;
};

int tls_random(void *context, unsigned char *out, size_t size)
{
    (void)context;
    while (size > 0) {
        ssize_t got = getrandom(out, size, 0);
        if (got < 0 && errno != EINTR) {
            return MBEDTLS_ERR_SSL_NO_RNG;
        }
        if (got > 0) {
            out += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

// ---- what differs between mbedTLS 2.28 and 3 ----

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
static int key_read(mbedtls_pk_context *key, const char *path)
{
    return mbedtls_pk_parse_keyfile(key, path, NULL, tls_random, NULL);
}

static int key_fits(const mbedtls_x509_crt *certificate, const mbedtls_pk_context *key)
{
    return mbedtls_pk_check_pair(&certificate->pk, key, tls_random, NULL);
}

static void config_versions(mbedtls_ssl_config *config)
{
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
}

static bool library_start(void)
{
    return psa_crypto_init() == PSA_SUCCESS; // TLS 1.3 works by it; calling again is fine
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

static void config_versions(mbedtls_ssl_config *config)
{
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
}

static bool library_start(void)
{
    return true;
}
#endif

// ---- files ----

static struct stamp stamp_of(const char *path)
{
    struct stat status;
    if (path == NULL || stat(path, &status) != 0) {
        return (struct stamp){0};
    }
    return (struct stamp){
        .inode = status.st_ino, .size = status.st_size, .changed = status.st_mtim};
}

static bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static void stamps_take(const struct tls_files *files, struct stamp stamps[FILE_COUNT])
{
    stamps[FILE_CA] = stamp_of(files->ca);
    stamps[FILE_CERTIFICATE] = stamp_of(files->certificate);
    stamps[FILE_KEY] = stamp_of(files->key);
}

bool tls_credentials_are_old(const struct tls_credentials *credentials,
                             const struct tls_files *files)
{
    struct stamp now[FILE_COUNT];
    stamps_take(files, now);
    for (int i = 0; i < FILE_COUNT; i++) {
        if (!stamp_equal(&now[i], &credentials->stamps[i])) {
            return true;
        }
    }
    return false;
}

// Why a file could not be used: the system's word where it cannot be opened, else ours.
static enum err refuse(char why[TLS_SENTENCE_SIZE], const char *row, const char *path,
                       const char *reason)
{
    FILE *file = fopen(path, "re");
    const char *system = file == NULL ? strerror(errno) : NULL;
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)snprintf(why, TLS_SENTENCE_SIZE, "%s: %.150s: %s", row, path,
                   system == NULL ? reason : system);
    return ERR_INVALID;
}

// A bundle may hold certificates of kinds that mbedTLS does not know; the others count.
static enum err ca_read(struct tls_credentials *credentials, const char *path,
                        char why[TLS_SENTENCE_SIZE])
{
    int bad = mbedtls_x509_crt_parse_file(&credentials->ca, path);
    if (bad < 0 || credentials->ca.version == 0) {
        return refuse(why, "tls.ca", path, "holds no certificate in PEM that mbedTLS can read");
    }
    return OK;
}

static enum err key_refuse(char why[TLS_SENTENCE_SIZE], const char *path, int error)
{
    bool is_locked =
        error == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || error == MBEDTLS_ERR_PK_PASSWORD_MISMATCH;
    return refuse(why, "tls.key", path,
                  is_locked ? "is protected by a password, which nobody is there to type; store it "
                              "without"
                            : "holds no private key in PEM that mbedTLS can read");
}

static enum err own_read(struct tls_credentials *credentials, const struct tls_files *files,
                         char why[TLS_SENTENCE_SIZE])
{
    if (mbedtls_x509_crt_parse_file(&credentials->certificate, files->certificate) != 0) {
        return refuse(why, "tls.cert", files->certificate,
                      "holds no certificate in PEM that mbedTLS can read");
    }
    credentials->has_certificate = true;
    if (tls_token_is_named(files->key)) {
        return tls_token_key(files->key, &credentials->certificate.pk, &credentials->key, why);
    }
    int error = key_read(&credentials->key, files->key);
    if (error != 0) {
        return key_refuse(why, files->key, error);
    }
    if (key_fits(&credentials->certificate, &credentials->key) != 0) {
        return refuse(why, "tls.key", files->key, "is not the key of tls.cert");
    }
    return OK;
}

// ---- the configuration ----

static enum err config_make(struct tls_credentials *credentials, char why[TLS_SENTENCE_SIZE])
{
    mbedtls_ssl_config *config = &credentials->config;
    int failed = mbedtls_ssl_config_defaults(
        config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    config_versions(config);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(config, &credentials->ca, NULL);
    mbedtls_ssl_conf_rng(config, tls_random, NULL);
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
    // Resuming would skip the look at the certificate, and a ticket costs memory.
    mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
    if (failed == 0 && credentials->has_certificate) {
        failed = mbedtls_ssl_conf_own_cert(config, &credentials->certificate, &credentials->key);
    }
    if (failed != 0) {
        (void)snprintf(why, TLS_SENTENCE_SIZE, "tls: mbedTLS cannot be set up (error -0x%04x)",
                       (unsigned)-failed);
        return ERR_INVALID;
    }
    return OK;
}

static enum err read_all(struct tls_credentials *credentials, const struct tls_files *files,
                         char why[TLS_SENTENCE_SIZE])
{
    enum err err = ca_read(credentials, files->ca, why);
    if (err == OK && files->certificate != NULL) {
        err = own_read(credentials, files, why);
    }
    return err == OK ? config_make(credentials, why) : err;
}

enum err tls_credentials_read(const struct tls_files *files, struct tls_credentials **out,
                              char why[TLS_SENTENCE_SIZE])
{
    assert(files->ca != NULL && (files->certificate == NULL) == (files->key == NULL));
    struct tls_credentials *credentials = calloc(1, sizeof *credentials);
    if (credentials == NULL || !library_start()) {
        (void)snprintf(why, TLS_SENTENCE_SIZE, "tls: no memory");
        free(credentials);
        return ERR_INVALID;
    }
    credentials->references = 1;
    mbedtls_x509_crt_init(&credentials->ca);
    mbedtls_x509_crt_init(&credentials->certificate);
    mbedtls_pk_init(&credentials->key);
    mbedtls_ssl_config_init(&credentials->config);
    stamps_take(files, credentials->stamps); // before the reading: a later change is then seen
    enum err err = read_all(credentials, files, why);
    if (err != OK) {
        tls_credentials_give(credentials);
        return err;
    }
    *out = credentials;
    return OK;
}

void tls_credentials_take(struct tls_credentials *credentials)
{
    credentials->references++;
}

void tls_credentials_give(struct tls_credentials *credentials)
{
    if (credentials == NULL || --credentials->references > 0) {
        return;
    }
    mbedtls_ssl_config_free(&credentials->config);
    mbedtls_pk_free(&credentials->key);
    mbedtls_x509_crt_free(&credentials->certificate);
    mbedtls_x509_crt_free(&credentials->ca);
    free(credentials);
}

void tls_credentials_verify_for(struct tls_credentials *credentials, struct tls_verdict *verdict)
{
    mbedtls_ssl_conf_verify(&credentials->config, tls_verify, verdict);
}

const mbedtls_ssl_config *tls_credentials_config(const struct tls_credentials *credentials)
{
    return &credentials->config;
}

bool tls_credentials_has_certificate(const struct tls_credentials *credentials)
{
    return credentials->has_certificate;
}
