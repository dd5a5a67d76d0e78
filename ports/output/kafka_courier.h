// The courier: a worker that does what librdkafka may block in: to start a transactional producer
// and read its cursors, to commit or abort a transaction, to end a client. The loop goes on serving
// delivery reports meanwhile, which those calls wait for.
//
// One job at a time. While one is out (`busy`) all members but that one belong to the worker.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_COURIER_H
#define WEIR_PORTS_OUTPUT_KAFKA_COURIER_H

#include "agent/worker.h"
#include "ports/output/kafka_client.h"
#include "ports/output/kafka_cursor.h"

enum courier_work {
    COURIER_START,  // init_transactions, then read `cursors`
    COURIER_COMMIT, // `cursors` with it; aborts by itself where it must
    COURIER_ABORT,
    COURIER_END, // destroy the client
};

enum courier_step { STEP_INIT, STEP_TOPIC, STEP_READ, STEP_OFFSETS, STEP_COMMIT, STEP_ABORT };

enum courier_result {
    COURIER_DONE,    // as asked for
    COURIER_ABORTED, // a commit ended in an abort
    COURIER_AGAIN,   // a start found nobody, or not yet what it needs: give it again
    COURIER_BROKEN,  // the client is of no more use
};

struct kafka_courier {
    struct job job; // first: the worker hands it back
    struct worker *worker;
    bool busy;

    enum courier_work work;
    const struct kafka_client *settings; // borrowed; how to reach the cluster
    rd_kafka_t *client;
    bool inited; // this client
    int timeout_ms;
    int marks_ms; // that the marks of a commit may take on this link before the next one is ended
    uint32_t
        tail_count; // COMMIT: records of this size are less than a batch, and wait to be flushed
    char group[KAFKA_CURSOR_NAME_SIZE]; // "": no transactions
    char topic[KAFKA_CURSOR_NAME_SIZE];
    uint32_t lane_count;
    struct kafka_cursor cursors[KAFKA_CURSOR_LANES]; // COMMIT: next_seq 0 is left out

    enum courier_result result;
    enum courier_step step; // where it failed first
    rd_kafka_resp_err_t err;
    char text[KAFKA_SENTENCE_SIZE]; // librdkafka's words
};

enum err kafka_courier_open(struct kafka_courier *courier);
// Wait at most `wait_ms` for the job that is out. False: it still is.
bool kafka_courier_wait(struct kafka_courier *courier, int64_t wait_ms);
void kafka_courier_close(struct kafka_courier *courier); // no job may be out

void kafka_courier_give(struct kafka_courier *courier, enum courier_work work, rd_kafka_t *client);
int kafka_courier_fd(const struct kafka_courier *courier); // readable: kafka_courier_serve
void kafka_courier_serve(struct kafka_courier *courier);

#endif
