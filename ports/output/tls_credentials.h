// What the gateway shows and whom it believes: the files of `tls:` as an mbedTLS configuration.
// They are read again for a new connection when they changed, so that a certificate is renewed
// without a restart; connections that stand keep what they began with. While new files are
// incomplete or do not fit together (a renewal in the middle), the old ones serve on.
//
// Used by the pump's thread alone, save the reading, which any thread may do.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_CREDENTIALS_H
#define WEIR_PORTS_OUTPUT_TLS_CREDENTIALS_H

#include "agent/err.h"
#include "ports/output/tls_fault.h"
#include "ports/output/tls_verify.h"

#include <mbedtls/ssl.h>

// Paths of PEM files. Texts are borrowed.
struct tls_files {
    const char *ca;          // whom to believe
    const char *certificate; // NULL: the gateway shows none
    const char *key;         // or a PKCS#11 URI (ports/output/tls_token.h)
};

struct tls_credentials;

// Read the files. ERR_INVALID: `why` names the file and what is wrong with it; nothing is owed.
// Begins with one reference.
enum err tls_credentials_read(const struct tls_files *files, struct tls_credentials **out,
                              char why[TLS_SENTENCE_SIZE]);

// Did a file change since it was read?
bool tls_credentials_are_old(const struct tls_credentials *credentials,
                             const struct tls_files *files);

void tls_credentials_take(struct tls_credentials *credentials);
void tls_credentials_give(struct tls_credentials *credentials); // the last one frees; NULL is fine

// Check the next chains by tls_verify with this verdict. To be said before each step of a
// handshake: mbedTLS 3.5 with TLS 1.3 asks the callback of the configuration, which connections
// share, and not the connection's own.
void tls_credentials_verify_for(struct tls_credentials *credentials, struct tls_verdict *verdict);

const mbedtls_ssl_config *tls_credentials_config(const struct tls_credentials *credentials);
bool tls_credentials_has_certificate(const struct tls_credentials *credentials);

// mbedTLS's source of randomness: the kernel's (getrandom).
int tls_random(void *context, unsigned char *out, size_t size);

#endif
