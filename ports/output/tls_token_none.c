// A build without PKCS#11.
#include "ports/output/tls_token.h"

#if !WEIR_PKCS11
#include <stdio.h>
#include <string.h>

bool tls_token_is_named(const char *key)
{
    return strncmp(key, "pkcs11:", 7) == 0;
}

enum err tls_token_key(const char *uri, mbedtls_pk_context *public_key, mbedtls_pk_context *key,
                       char why[TLS_SENTENCE_SIZE])
{
    (void)public_key;
    (void)key;
    (void)snprintf(why, TLS_SENTENCE_SIZE,
                   "tls.key: %.*s: this weir was built without PKCS#11; build it with "
                   "-DPKCS11=ON, or give the path of a key in PEM",
                   (int)(strcspn(uri, "?") < 80 ? strcspn(uri, "?") : 80), uri);
    return ERR_INVALID;
}
#endif
