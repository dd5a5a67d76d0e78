// librdkafka over TLS from mbedTLS: it is told that it speaks in plaintext, and its sockets lead to
// the pump (tls_pump.h). The one pump of the program begins with the first client that wants it
// and lives as long as the program, so that a client may end on any thread at any time.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_TLS_H
#define WEIR_PORTS_OUTPUT_KAFKA_TLS_H

#include "ports/output/kafka_client.h"
#include "ports/output/tls_account.h"

// Give `conf` the callbacks for `client`'s TLS settings. Files that cannot be read (any more) are
// no error here: each connection is refused with the sentence until they can.
bool kafka_tls_attach(rd_kafka_conf_t *conf, const struct kafka_client *client,
                      char why[KAFKA_SENTENCE_SIZE]);

// What is wrong with the files and pins, for `weir check`.
void kafka_tls_check(const struct option_set *options, const char *file, struct problems *problems);

// What the transport knows of why `host` ("host:port") is not reached; `text` is librdkafka's own
// word on it. False: nothing better than that.
bool kafka_tls_fault(const char *host, const char *text, struct kafka_fault *fault);

// What went over the wire by these settings since the start, of all clients that share them.
// False: not by this transport.
bool kafka_tls_count(const struct kafka_client *client, struct tls_count *count);

#endif
