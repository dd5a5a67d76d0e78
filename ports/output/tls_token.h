// A private key that stays where it was made: a TPM, a secure element, a card. It is named by a
// PKCS#11 URI (RFC 7512) in the place of a path and used through the token's PKCS#11 module, which
// libp11-kit finds and loads; mbedTLS asks it to sign in the handshake and for nothing else. RSA
// (PKCS#1 v1.5) and ECDSA. A build option (PKCS11); without it a URI is refused with a sentence.
//
//     pkcs11:token=gw;object=kafka?pin-source=/etc/weir/token.pin
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_TOKEN_H
#define WEIR_PORTS_OUTPUT_TLS_TOKEN_H

#include "agent/err.h"
#include "ports/output/tls_fault.h"

#include <mbedtls/pk.h>

// Does this name a key of a token, and not a file?
bool tls_token_is_named(const char *key);

// Let `key` (initialised) stand for the private key that `uri` names, after it has signed something
// that `public_key`, the certificate's, knows; freeing it logs out. Any thread may call this, what
// `key` signs one thread at a time. A token that was away when it is asked
// to sign is looked for once more.
// ERR_INVALID: `why` tells what is wrong and what would do; `key` is as it was. A PIN that the
// token refused is not tried again by this program, nor is any when one more wrong one would lock
// it.
enum err tls_token_key(const char *uri, mbedtls_pk_context *public_key, mbedtls_pk_context *key,
                       char why[TLS_SENTENCE_SIZE]);

#endif
