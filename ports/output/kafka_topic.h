// One topic that a producer writes to: its partition rule, how much of it is on its way, and what
// is wrong with it. A topic in trouble is held: nothing of it is sent until its hold ends, each
// hold twice as long as the one before, so that an unknown topic costs no turns and comes well by
// itself.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_TOPIC_H
#define WEIR_PORTS_OUTPUT_KAFKA_TOPIC_H

#include "ports/output/kafka_client.h"
#include "ports/output/kafka_stamp.h"

#include <stdatomic.h>

enum { TOPIC_NAME_MAX = 249, TOPIC_HOLD_MIN_MS = 1000, TOPIC_HOLD_MAX_MS = 60000 };

struct kafka_topic {
    char name[TOPIC_NAME_MAX + 1];
    enum partition_by_rule rule;
    uint32_t gateway_hash;
    // The partitions that the topic had when it was first seen: a topic that grows keeps its
    // records where they were. Read and set by librdkafka's threads too.
    _Atomic int32_t partition_count;
    bool count_recalled; // what the core remembers of it was taken
    bool count_told;     // the core knows it

    rd_kafka_topic_t *handle; // of the client that lives; NULL between two

    uint32_t message_limit, byte_limit; // of what may be on its way
    uint32_t message_count, byte_count; // that is
    uint32_t message_limit_full;        // where nothing was ever refused
    uint32_t good_count;                // deliveries since the limit was cut

    struct kafka_stamp stamp;
    bool stamp_refused; // a batch that is coming back was, for a time stamp
    bool stamps_tried;  // all of them, and none is taken
    bool stamp_told;

    bool held;      // send nothing
    bool drain;     // until all that is on its way is back
    bool asked;     // the cluster was asked again
    int64_t due_ms; // when the next step of a hold comes, in boot time
    int64_t hold_ms;
    char code[32]; // "" where all is well
    char reason[KAFKA_SENTENCE_SIZE];
    char refusal[KAFKA_SENTENCE_SIZE]; // of the last record that was refused
};

void kafka_topic_init(struct kafka_topic *topic, const char *name, enum partition_by_rule rule,
                      const char *gateway, uint32_t message_limit, uint32_t byte_limit);

// Make its handle for a new client. False: librdkafka refuses the name (the reason is set).
bool kafka_topic_open(struct kafka_topic *topic, rd_kafka_t *client);
void kafka_topic_close(struct kafka_topic *topic); // before its client ends

bool kafka_topic_has_room(const struct kafka_topic *topic, size_t size);

// What a delivery report means; `time_ms` is when the record was observed.
void kafka_topic_sent(struct kafka_topic *topic, size_t size);
enum delivered kafka_topic_delivered(struct kafka_topic *topic, size_t size, int64_t time_ms,
                                     rd_kafka_resp_err_t err, int64_t now_ms);

// An error of the produce call itself.
void kafka_topic_trouble(struct kafka_topic *topic, rd_kafka_resp_err_t err, int64_t now_ms);

// Where the next step of a hold is due: ask the cluster, then let go. INT64_MAX: none.
void kafka_topic_step(struct kafka_topic *topic, rd_kafka_t *client, int64_t now_ms);
int64_t kafka_topic_due_ms(const struct kafka_topic *topic);

#endif
