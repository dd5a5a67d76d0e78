// The mesh's topics as a command uses them: what a compacted topic holds now, single records
// written and acknowledged, topics described and made. One client for what is written and asked,
// one for what is read. Every call waits for its answer, at most the time given at the start.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_MESH_H
#define WEIR_PORTS_DISCOVERY_MESH_H

#include "ports/output/kafka_reader.h"

#include <stdatomic.h>

enum {
    MESH_ENTRIES_MAX = 100000, // of a table
    MESH_BYTES_MAX = 256 * 1024 * 1024,
    MESH_CONFIGS_MAX = 8,
    MESH_GROUPS_MAX = 4096, // of a look
};

struct mesh; // opaque

// `client` is borrowed until mesh_close. `why` tells. ERR_INVALID: a setting is wrong.
enum err mesh_open(const struct kafka_client *client, int wait_ms, struct mesh **out,
                   char why[KAFKA_SENTENCE_SIZE]);
void mesh_close(struct mesh *mesh); // NULL is nothing

// From now on `*cancel`, once true, ends what waits for a broker in mesh_cluster and mesh_put
// (ERR_AGAIN).
void mesh_cancel_by(struct mesh *mesh, const atomic_bool *cancel);

// The cluster's id, borrowed. NULL: no broker answered; `why` tells.
const char *mesh_cluster(struct mesh *mesh, char why[KAFKA_SENTENCE_SIZE]);

// ---- a compacted topic, as it is now ----

struct mesh_entry {
    struct bytes key;
    struct bytes value;
    struct bytes signature; // the header weir-dsse; empty: none
    int64_t time_ms;        // Kafka's
};

struct mesh_table; // the newest record of each key that has a value; opaque

// ERR_NOT_FOUND, ERR_DENIED, ERR_AGAIN: as kafka_reader_read. ERR_FULL: more than a table holds.
enum err mesh_read(struct mesh *mesh, const char *topic, struct mesh_table **out,
                   char why[KAFKA_SENTENCE_SIZE]);
void mesh_table_free(struct mesh_table *table);            // NULL is nothing
uint32_t mesh_table_count(const struct mesh_table *table); // of NULL: 0
const struct mesh_entry *mesh_table_at(const struct mesh_table *table, uint32_t index);
// NULL: no such key, or the table is NULL.
const struct mesh_entry *mesh_table_find(const struct mesh_table *table, const char *key);

// ---- writing ----

struct mesh_record {
    const char *topic;
    const char *key;
    struct bytes value;       // `at` NULL: a tombstone
    const char *content_type; // NULL: no header
    const char *signature;    // NULL: no header
    const char *note;         // the header `weir-note`: why a person overruled; NULL: none
};

// Write one record and wait until all replicas have it.
enum err mesh_put(struct mesh *mesh, const struct mesh_record *record,
                  char why[KAFKA_SENTENCE_SIZE]);

// ---- topics ----

struct mesh_config {
    const char *name;
    char value[32];
};

struct mesh_topic {
    char name[256];
    int partitions;  // -1: as the cluster does
    int replication; // likewise
    uint32_t config_count;
    struct mesh_config configs[MESH_CONFIGS_MAX];
    bool is_unseen; // of mesh_describe: the broker cannot tell configs
};

// Ask for the topic: its partitions, replicas, and the values of the configs that `topic` names.
// ERR_NOT_FOUND: there is no such topic.
enum err mesh_describe(struct mesh *mesh, struct mesh_topic *topic, char why[KAFKA_SENTENCE_SIZE]);

// Make it, and wait until it has leaders.
enum err mesh_create(struct mesh *mesh, const struct mesh_topic *topic,
                     char why[KAFKA_SENTENCE_SIZE]);

// Set the configs that `topic` names; all others stay.
enum err mesh_configure(struct mesh *mesh, const struct mesh_topic *topic,
                        char why[KAFKA_SENTENCE_SIZE]);

// ---- who reads ----

struct mesh_group {
    char name[256];
    int64_t committed_ms; // when it last committed on the topic; -1: cannot be seen
};

struct mesh_groups {
    bool times_seen; // __consumer_offsets could be read
    uint32_t count;
    uint32_t hidden; // groups whose offsets could not be asked for
    struct mesh_group groups[MESH_GROUPS_MAX];
};

// The groups with offsets on `topic`. When they committed is told by __consumer_offsets alone;
// where that may not be read, the groups are asked for their offsets, which have no times.
// ERR_FULL: more groups than are looked at.
enum err mesh_groups_of(struct mesh *mesh, const char *topic, struct mesh_groups *groups,
                        char why[KAFKA_SENTENCE_SIZE]);

#endif
