// Is this certificate the broker's? mbedTLS checks signatures, uses and DNS names; here is what it
// leaves open: addresses (2.28 knows no IP names), time on devices without a clock, pinned keys,
// and a sentence that says what is wrong with which certificate.
//
// Time. A clock that stands before the day this program was built was not set yet. Then all that
// is known is that it is later than that day: a certificate that had expired by then is refused,
// and "not yet valid" is not held against any.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_VERIFY_H
#define WEIR_PORTS_OUTPUT_TLS_VERIFY_H

#include "agent/bytes.h"
#include "ports/output/tls_fault.h"

#include <mbedtls/x509_crt.h>

#include <stdbool.h>
#include <stdint.h>

enum { TLS_PINS_MAX = 16, TLS_PIN_SIZE = 32 };

struct tls_pins {
    uint32_t count;
    uint8_t sums[TLS_PINS_MAX][TLS_PIN_SIZE]; // SHA-256 of a SubjectPublicKeyInfo (RFC 5280)
};

// 64 hexadecimal digits, as openssl dgst -sha256 prints them.
bool tls_pin_parse(const char *text, uint8_t pin[TLS_PIN_SIZE]);

// One check of one chain.
struct tls_verdict {
    char host[TLS_NAME_SIZE]; // without the port, without brackets
    uint8_t address[16];      // where the host is one
    size_t address_size;      // 0: it is a name
    const struct tls_pins *pins;
    int64_t now_s;  // Unix time to check against: the wall clock, or the floor
    bool has_clock; // false: below the floor
    bool is_done;   // the broker's own certificate was looked at
    uint32_t flags; // MBEDTLS_X509_BADCERT_*, of all certificates
    bool wrong_pin;
    char names[96];  // what the broker's certificate is for
    char whose[64];  // the certificate that has expired, or is not yet valid
    char when[11];   // since, or from, YYYY-MM-DD
    char issuer[96]; // the one that is not trusted
};

// The day before which this program cannot run, as Unix time.
int64_t tls_verify_floor_s(void);

// Begin, for `name` ("host:port", split at the last colon).
void tls_verdict_begin(struct tls_verdict *verdict, const char *name, const struct tls_pins *pins,
                       int64_t wall_s);

// For mbedtls_ssl_set_verify; `verdict` is a struct tls_verdict.
int tls_verify(void *verdict, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);

// The sentence of a verdict that has flags. All that is wrong, as far as there is room.
void tls_verdict_tell(const struct tls_verdict *verdict, const char *name, struct tls_fault *fault);

#endif
