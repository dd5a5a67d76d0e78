// Where a product stands, as Kafka itself keeps it with `delivery: exactly-once`: the offsets of a
// consumer group that nobody is a member of, committed in the same transaction as the records.
//
//     group      DOMAIN.weir.GATEWAY       also the transactional id
//     topic      DOMAIN.weir-cursors       empty for ever; one partition a product's lane
//     offset     the next seq to be delivered
//     metadata   the epoch, 16 hexadecimal digits; ".late" behind it for the late lane
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_CURSOR_H
#define WEIR_PORTS_OUTPUT_KAFKA_CURSOR_H

#include "agent/bytes.h"
#include "agent/settings.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    KAFKA_CURSOR_LANES = 2 * SETTINGS_PRODUCTS_MAX,
    KAFKA_CURSOR_NAME_SIZE = 250,
    KAFKA_CURSOR_TEXT_SIZE = 22,
};

struct kafka_cursor {
    uint64_t epoch;
    bool late;
    uint64_t next_seq; // 0: none
};

// False: the names would be longer than Kafka allows.
bool kafka_cursor_names(const char *domain, const char *gateway, char group[KAFKA_CURSOR_NAME_SIZE],
                        char topic[KAFKA_CURSOR_NAME_SIZE]);

// The metadata of a cursor.
void kafka_cursor_put(const struct kafka_cursor *cursor, char out[KAFKA_CURSOR_TEXT_SIZE]);
// A cursor from what the group answered. next_seq 0: there is none, or it is not one of ours.
struct kafka_cursor kafka_cursor_of(int64_t offset, struct bytes metadata);

// The next seq of `epoch`, live or late: the newest of them, wherever it lies, since products
// may have changed places in weir.yaml. 0: none of this epoch.
uint64_t kafka_cursor_unite(const struct kafka_cursor lanes[KAFKA_CURSOR_LANES], uint64_t epoch,
                            bool late);

#endif
