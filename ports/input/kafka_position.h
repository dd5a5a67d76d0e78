// Where the reading of a topic stands: the next offset of each partition, for one topic of one
// cluster. As a state it is at most 1 KiB:
//
//     1 version (1) │ 8 hash of the cluster's id │ 8 hash of the topic │ 2 count │ count x 8 offset
//
// Floor: edges.
#ifndef WEIR_PORTS_INPUT_KAFKA_POSITION_H
#define WEIR_PORTS_INPUT_KAFKA_POSITION_H

#include "agent/bytes.h"
#include "agent/err.h"

enum {
    KAFKA_POSITION_MAX = 1024,
    KAFKA_POSITION_PARTITIONS_MAX = 120,
};

struct kafka_position {
    uint64_t cluster; // kafka_position_hash of its id
    uint64_t topic;   // of its name
    uint16_t count;
    int64_t next[KAFKA_POSITION_PARTITIONS_MAX]; // offset; -1: not begun
};

uint64_t kafka_position_hash(const char *name);

size_t kafka_position_put(const struct kafka_position *position, uint8_t out[KAFKA_POSITION_MAX]);

// ERR_CORRUPT: `in` is no such state. It is then empty.
enum err kafka_position_get(struct kafka_position *position, struct bytes in);

#endif
