// What every user of librdkafka in this program shares: how a client is configured for a link,
// which keys a person may pass through, how its log is told, and what its errors mean in plain
// words.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_CLIENT_H
#define WEIR_PORTS_OUTPUT_KAFKA_CLIENT_H

#include "agent/option.h"
#include "agent/port.h"
#include "agent/settings.h"

#include <librdkafka/rdkafka.h>

enum { KAFKA_SENTENCE_SIZE = 256 };

// Who does TLS: mbedTLS, by our own transport (kafka_tls.h), or librdkafka with its OpenSSL.
enum kafka_tls_library { KAFKA_TLS_MBEDTLS, KAFKA_TLS_LIBRDKAFKA };

// How to reach a cluster. Texts are borrowed; NULL where not wanted.
struct kafka_client {
    const char *bootstrap;
    enum link_profile link;
    const char *transactional_id; // given: KAFKA_DATA goes in transactions
    int transaction_timeout_ms;
    const char *client_id; // in the broker's log and quotas
    const char *ca;        // any of these three: TLS
    const char *certificate;
    const char *key;
    const struct option_pair *pins; // the broker's key must be one of these
    uint32_t pin_count;
    enum kafka_tls_library library;
    const char *username; // given: SASL
    const char *password_file;
    const char *mechanism;          // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
    int64_t linger_ms;              // at most, where above 0: a contract's promise
    bool counts;                    // there is a byte budget: statistics often
    const struct option_pair *pass; // passed through
    uint32_t pass_count;
};

// The rows of `kafka:` in weir.yaml, for the drivers that use them.
extern const struct option kafka_client_options[];

bool kafka_client_has_tls(const struct kafka_client *client);

// Does librdkafka, built with these `features` (its builtin.features), know the SASL mechanism?
// False: `why` is the sentence.
bool kafka_mechanism_fits(const char *mechanism, const char *features,
                          char why[KAFKA_SENTENCE_SIZE]);

// Read the rows. Borrows from `options`.
struct kafka_client kafka_client_of(const struct option_set *options, const char *client_id);

// What the rows cannot say: the list of hosts, files that can be read, keys that may be passed.
void kafka_client_check(const struct option_set *options, const char *file,
                        struct problems *problems);

enum kafka_use {
    KAFKA_DATA,    // the products' records: idempotent, kept until acknowledged
    KAFKA_CONTROL, // heartbeats and documents: small, soon, given up after five minutes
    KAFKA_READER,  // a consumer of whole topics, without a group
    KAFKA_INPUT,   // a consumer that goes on for good, in the memory of a gateway, likewise
};

// A configuration for rd_kafka_new. NULL: `why` is the sentence.
rd_kafka_conf_t *kafka_client_configure(const struct kafka_client *client, enum kafka_use use,
                                        char why[KAFKA_SENTENCE_SIZE]);

// Why the agent owns this librdkafka key; NULL: it may be passed through.
const char *kafka_client_owns(const char *key);

// Whether this librdkafka may be used. False: `why` says why not. A version that works, but badly,
// is warned of in the log, once.
bool kafka_client_version_fits(char why[KAFKA_SENTENCE_SIZE]);

// The same for a version as rd_kafka_version gives it. `*warn` tells that `why` is only a warning.
bool kafka_version_fits(int version, bool *warn, char why[KAFKA_SENTENCE_SIZE]);

// What an error means. An error event's text names the broker and the cause.
struct kafka_fault {
    enum link_state link;
    bool ordinary; // a connection that had been up was closed: it says nothing about the link
    char code[32]; // "kafka.down", "kafka.auth", "kafka.tls", "kafka.dns", "kafka.alien"
    char sentence[KAFKA_SENTENCE_SIZE];
};

void kafka_fault_of(rd_kafka_resp_err_t err, const char *text, struct kafka_fault *fault);

#endif
