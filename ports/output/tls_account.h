// On whose behalf connections are made: one set of TLS settings, the credentials read by it, and
// the count of what went over the wire.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_ACCOUNT_H
#define WEIR_PORTS_OUTPUT_TLS_ACCOUNT_H

#include "ports/output/tls_credentials.h"

#include <stdatomic.h>

struct tls_settings {
    struct tls_files files;
    struct tls_pins pins;
    int keepalive_s;     // a quiet connection is probed after this long; 0: never
    int user_timeout_ms; // sent bytes not acknowledged for so long end it; 0: as the kernel does
};

// Bytes of TCP payload, TLS records and handshakes included.
struct tls_count {
    uint64_t sent_bytes, received_bytes;
    uint64_t connections; // that reached the end of a handshake
    uint64_t failures;    // that did not
};

struct tls_account {
    struct tls_settings settings;        // its texts are owned
    struct tls_credentials *credentials; // the pump's thread only
    char told[TLS_SENTENCE_SIZE];        // what was last wrong with the files
    atomic_uint_fast64_t sent_bytes, received_bytes, connections, failures;
};

// Copy the settings. ERR_FAILED: no memory.
enum err tls_account_init(struct tls_account *account, const struct tls_settings *settings);
void tls_account_free(struct tls_account *account);
bool tls_account_is_for(const struct tls_account *account, const struct tls_settings *settings);

// The credentials for a new connection, with a reference for it, read anew where the files
// changed. NULL: `why` says what is wrong, and nothing older serves. The pump's thread only.
struct tls_credentials *tls_account_credentials(struct tls_account *account,
                                                char why[TLS_SENTENCE_SIZE]);

// Any thread.
struct tls_count tls_account_count(const struct tls_account *account);

#endif
