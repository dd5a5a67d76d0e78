// The state of the link to a cluster, as one client's events tell it. librdkafka says when things
// go wrong and never that all is well; so the link is up by evidence (a delivery, a broker that the
// statistics show as up) and down when no broker is left and a cause is known.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_LINK_H
#define WEIR_PORTS_OUTPUT_KAFKA_LINK_H

#include "ports/output/kafka_client.h"

struct kafka_link {
    struct kafka_fault fault; // the last one; a cause where the link is down
    bool no_broker_left;
    bool broken; // the client itself was refused; only a delivery ends it
    bool up;
    char told[KAFKA_SENTENCE_SIZE];        // the cause that was logged last
    int64_t up_since_ms;                   // in boot time
    uint64_t sent_bytes, received_bytes;   // of this client
    uint64_t sent_before, received_before; // of those before it
    uint64_t disconnects, disconnects_before;
    double rtt_ms;
};

void kafka_link_init(struct kafka_link *link, const char *bootstrap);

// Feed it. Changes from up to down and back are logged here, once.
void kafka_link_error(struct kafka_link *link, rd_kafka_resp_err_t err, const char *text);
void kafka_link_broken(struct kafka_link *link, rd_kafka_resp_err_t err, const char *text);
void kafka_link_answered(struct kafka_link *link);  // a broker answered, whatever it was
void kafka_link_delivered(struct kafka_link *link); // a record was delivered
void kafka_link_statistics(struct kafka_link *link, const char *json);
void kafka_link_new_client(struct kafka_link *link); // counters begin at 0 again

// Fill the link's part of `stat`.
void kafka_link_stat(const struct kafka_link *link, struct output_stat *stat);

#endif
