// Reads a topic once, from an offset of each partition to where it ended when the reading began, as
// any consumer could: no group, no commits, no rights but Read on the topic.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_READER_H
#define WEIR_PORTS_OUTPUT_KAFKA_READER_H

#include "ports/output/kafka_client.h"

enum { KAFKA_READER_PARTITIONS_MAX = 1024 };

struct kafka_reader; // opaque

// `pass` are librdkafka settings that overrule ours. ERR_INVALID: a setting is wrong (`why`).
enum err kafka_reader_open(const struct kafka_client *client, struct kafka_reader **reader,
                           char why[KAFKA_SENTENCE_SIZE]);
void kafka_reader_close(struct kafka_reader *reader);

// One record that was read; borrowed until the call returns. An error ends the reading with it.
typedef enum err kafka_reader_take(void *taker, const rd_kafka_message_t *message);

struct kafka_reader_range {
    int64_t from_ms, to_ms; // Kafka's time stamps; INT64_MIN, INT64_MAX: from the beginning, to now
    // By partition, KAFKA_READER_PARTITIONS_MAX of them: where to begin, and, after OK, where this
    // reading ended. An offset that the topic does not have (any more) is its beginning. NULL: no
    // part was read before.
    int64_t *next;
};

struct kafka_reader_told {
    uint32_t partitions;
    uint64_t records;
    bool front_is_open; // the first records are no longer there, or `from_ms` left them out
};

// Read `topic`. ERR_NOT_FOUND: there is no such topic. ERR_DENIED: not allowed to read it.
// ERR_AGAIN: no broker answered for `wait_ms`, at the start or in between. `why` tells.
enum err kafka_reader_read(struct kafka_reader *reader, const char *topic,
                           const struct kafka_reader_range *range, int wait_ms,
                           kafka_reader_take *take, void *taker, struct kafka_reader_told *told,
                           char why[KAFKA_SENTENCE_SIZE]);

// The id of the cluster that was read; "" where no broker told it.
void kafka_reader_cluster(struct kafka_reader *reader, char *out, size_t out_size);

// The last value of the header `name`; empty where the record has none.
struct bytes kafka_reader_header(const rd_kafka_message_t *message, const char *name);

#endif
