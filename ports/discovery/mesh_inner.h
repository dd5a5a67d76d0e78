// What mesh.c, mesh_topic.c and mesh_group.c share. Nobody else includes it.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_MESH_INNER_H
#define WEIR_PORTS_DISCOVERY_MESH_INNER_H

#include "ports/discovery/mesh.h"

#include <stdatomic.h>

struct mesh {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue; // answers of the cluster
    const struct kafka_client *settings;
    struct kafka_reader *reader; // NULL: nothing was read yet
    const atomic_bool *cancel;   // NULL: waits are not cut short
    int wait_ms;
    char *cluster;
    struct kafka_fault fault; // the last one seen, for the sentence
    bool faulted;
};

struct mesh_delivery {
    bool done;
    rd_kafka_resp_err_t err;
};

// What librdkafka's error means for who asked for `what`: an err, and a sentence.
enum err mesh_failed(struct mesh *mesh, rd_kafka_resp_err_t err, const char *what,
                     char why[KAFKA_SENTENCE_SIZE]);

// Open the reader where it is not open.
enum err mesh_reader(struct mesh *mesh, char why[KAFKA_SENTENCE_SIZE]);

// Read a record of __consumer_offsets: who committed, on which topic, when. False: it is of another
// kind, or malformed. `*time_ms` -1: written by a newer Kafka, in a form that we do not know.
bool mesh_commit_read(struct bytes key, struct bytes value, struct bytes *group,
                      struct bytes *topic, int64_t *time_ms);

// Options of a request, with the time to wait; destroyed by the caller.
rd_kafka_AdminOptions_t *mesh_options(struct mesh *mesh, rd_kafka_admin_op_t operation);

// The answer to the request that was made last. NULL: there is none, `*err` says why.
rd_kafka_event_t *mesh_answer(struct mesh *mesh, rd_kafka_resp_err_t *err);

#endif
