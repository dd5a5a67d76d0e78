#include "ports/output/kafka_courier.h"

#include "agent/clock.h"
#include "ports/output/kafka_cursor_reader.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    START_WAIT_MS = 10000, // for each answer of a start; it is given again
    RETRY_WAIT_MS = 200,   // where librdkafka says that a call may be repeated
    BATCH_WAIT_MS = 2,     // about a round trip on ethernet
    REPEAT_MS = 1000,      // at least: where it says so too late
};

// ---- results ----

static void failed(struct kafka_courier *courier, enum courier_step step, rd_kafka_resp_err_t err,
                   const char *text)
{
    if (courier->err == RD_KAFKA_RESP_ERR_NO_ERROR) { // the first cause is the one to tell
        courier->step = step;
        courier->err = err;
        (void)snprintf(courier->text, sizeof courier->text, "%s", text);
    }
}

static enum courier_result failed_by(struct kafka_courier *courier, enum courier_step step,
                                     const rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    char text[KAFKA_SENTENCE_SIZE];
    (void)snprintf(text, sizeof text, "%s", rd_kafka_error_string(error));
    if (rd_kafka_error_is_fatal(error)) {
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(courier->client, text, sizeof text);
        err = fatal == RD_KAFKA_RESP_ERR_NO_ERROR ? err : fatal;
    }
    failed(courier, step, err, text);
    if (err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING) {
        return COURIER_BROKEN; // forgotten after a long silence: to abort does not heal it
    }
    return rd_kafka_error_is_fatal(error)             ? COURIER_BROKEN
           : rd_kafka_error_txn_requires_abort(error) ? COURIER_ABORTED
           : rd_kafka_error_is_retriable(error)       ? COURIER_AGAIN
                                                      : COURIER_BROKEN;
}

// ---- start ----

static enum courier_result init(struct kafka_courier *courier)
{
    if (courier->inited) {
        return COURIER_DONE;
    }
    rd_kafka_error_t *error = rd_kafka_init_transactions(courier->client, START_WAIT_MS);
    if (error == NULL) {
        courier->inited = true;
        return COURIER_DONE;
    }
    enum courier_result result = failed_by(courier, STEP_INIT, error);
    rd_kafka_error_destroy(error);
    return result == COURIER_ABORTED ? COURIER_BROKEN : result;
}

// The broker would take cursors of a topic that is not there for an error of the transaction, again
// and again; so look first.
static enum courier_result look_at_topic(struct kafka_courier *courier)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(courier->client, courier->topic, NULL);
    const struct rd_kafka_metadata *answer = NULL;
    rd_kafka_resp_err_t err =
        handle == NULL ? RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
                       : rd_kafka_metadata(courier->client, 0, handle, &answer, START_WAIT_MS);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const struct rd_kafka_metadata_topic *topic = &answer->topics[0];
        err = topic->err;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            (uint32_t)topic->partition_cnt < courier->lane_count) {
            err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        }
        rd_kafka_metadata_destroy(answer);
    }
    if (handle != NULL) {
        rd_kafka_topic_destroy(handle);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        failed(courier, STEP_TOPIC, err, rd_kafka_err2str(err));
        return COURIER_AGAIN;
    }
    return COURIER_DONE;
}

static enum courier_result read_cursors(struct kafka_courier *courier)
{
    char why[KAFKA_SENTENCE_SIZE];
    rd_kafka_resp_err_t err = kafka_cursors_read(courier->settings, courier->group, courier->topic,
                                                 START_WAIT_MS, courier->cursors, why);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        failed(courier, STEP_READ, err, why);
        return COURIER_AGAIN;
    }
    return COURIER_DONE;
}

static enum courier_result start(struct kafka_courier *courier)
{
    enum courier_result result = init(courier);
    if (result == COURIER_DONE) {
        result = look_at_topic(courier);
    }
    return result == COURIER_DONE ? read_cursors(courier) : result;
}

// ---- commit and abort ----

static rd_kafka_error_t *send_offsets(struct kafka_courier *courier)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(KAFKA_CURSOR_LANES);
    for (uint32_t i = 0; i < KAFKA_CURSOR_LANES; i++) {
        if (courier->cursors[i].next_seq == 0) {
            continue;
        }
        rd_kafka_topic_partition_t *lane =
            rd_kafka_topic_partition_list_add(list, courier->topic, (int32_t)i);
        lane->offset = (int64_t)courier->cursors[i].next_seq;
        lane->metadata = malloc(KAFKA_CURSOR_TEXT_SIZE); // the list's own, freed with it
        if (lane->metadata != NULL) {
            kafka_cursor_put(&courier->cursors[i], lane->metadata);
            lane->metadata_size = strlen(lane->metadata);
        }
    }
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata_new(courier->group);
    rd_kafka_error_t *error =
        list->cnt == 0 ? NULL
                       : rd_kafka_send_offsets_to_transaction(courier->client, list, group, -1);
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

static rd_kafka_error_t *call(struct kafka_courier *courier, enum courier_step step)
{
    // -1: the transaction's own time. Others "risk internal state desynchronization".
    return step == STEP_OFFSETS  ? send_offsets(courier)
           : step == STEP_COMMIT ? rd_kafka_commit_transaction(courier->client, -1)
                                 : rd_kafka_abort_transaction(courier->client, -1);
}

// One call, again for as long as librdkafka says that it may be repeated and the broker still
// waits.
static enum courier_result step(struct kafka_courier *courier, enum courier_step step)
{
    int64_t until_ms = clock_boot_ms() + courier->timeout_ms + REPEAT_MS;
    for (;;) {
        rd_kafka_error_t *error = call(courier, step);
        if (error == NULL) {
            return COURIER_DONE;
        }
        bool last = clock_boot_ms() >= until_ms;
        bool again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error) &&
                     !rd_kafka_error_txn_requires_abort(error);
        enum courier_result result = COURIER_BROKEN;
        if (!again || last) {
            result = failed_by(courier, step, error);
        }
        rd_kafka_error_destroy(error);
        if (!again || last) {
            return result == COURIER_AGAIN ? COURIER_BROKEN : result;
        }
        (void)poll(NULL, 0, RETRY_WAIT_MS);
    }
}

static enum courier_result abort_it(struct kafka_courier *courier)
{
    return step(courier, STEP_ABORT) == COURIER_DONE ? COURIER_ABORTED : COURIER_BROKEN;
}

// For a moment after a commit the brokers write its marks and take no cursors of the next
// transaction; librdkafka would ask again only after retry.backoff.ms. They take records a little
// later too, but of that librdkafka asks every 20 ms: once the records are in, so are the marks.
// While it flushes, its broker thread spins for as long as a batch waits behind one that is on its
// way (idempotence lets one out at a time). Full batches go by themselves, so the flush comes last.
static void wait_for_marks(const struct kafka_courier *courier)
{
    int64_t until_ms = clock_boot_ms() + courier->marks_ms;
    while ((uint32_t)rd_kafka_outq_len(courier->client) > courier->tail_count &&
           clock_boot_ms() < until_ms) {
        (void)poll(NULL, 0, BATCH_WAIT_MS);
    }
    int64_t left_ms = until_ms - clock_boot_ms();
    (void)rd_kafka_flush(courier->client, left_ms > 0 ? (int)left_ms : 0);
}

static enum courier_result commit(struct kafka_courier *courier)
{
    wait_for_marks(courier);
    enum courier_result result = step(courier, STEP_OFFSETS);
    if (result == COURIER_DONE) {
        result = step(courier, STEP_COMMIT);
    }
    return result == COURIER_ABORTED ? abort_it(courier) : result;
}

// librdkafka tells why a transaction failed only to who would go on with it.
static enum courier_result give_up(struct kafka_courier *courier)
{
    return step(courier, STEP_OFFSETS) == COURIER_BROKEN ? COURIER_BROKEN : abort_it(courier);
}

// ---- the worker's side ----

static void work(struct job *job)
{
    struct kafka_courier *courier = (struct kafka_courier *)job;
    courier->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    courier->text[0] = 0;
    switch (courier->work) {
    case COURIER_START:
        courier->result = start(courier);
        break;
    case COURIER_COMMIT:
        courier->result = commit(courier);
        break;
    case COURIER_ABORT:
        courier->result = give_up(courier);
        break;
    case COURIER_END:
        rd_kafka_destroy(courier->client);
        courier->inited = false;
        courier->result = COURIER_DONE;
        break;
    }
}

static void done(struct job *job)
{
    ((struct kafka_courier *)job)->busy = false;
}

// ---- the loop's side ----

enum err kafka_courier_open(struct kafka_courier *courier)
{
    courier->job = (struct job){.work = work, .done = done, .name = "courier"};
    return worker_open(&courier->worker, "courier");
}

bool kafka_courier_wait(struct kafka_courier *courier, int64_t wait_ms)
{
    struct pollfd watched = {.fd = worker_fd(courier->worker), .events = POLLIN};
    if (courier->busy && poll(&watched, 1, wait_ms > 0 ? (int)wait_ms : 0) > 0) {
        worker_serve(courier->worker);
    }
    return !courier->busy;
}

void kafka_courier_close(struct kafka_courier *courier)
{
    assert(!courier->busy);
    worker_close(courier->worker);
}

void kafka_courier_give(struct kafka_courier *courier, enum courier_work what, rd_kafka_t *client)
{
    assert(!courier->busy);
    courier->busy = true;
    courier->work = what;
    courier->client = client;
    worker_give(courier->worker, &courier->job);
}

int kafka_courier_fd(const struct kafka_courier *courier)
{
    return worker_fd(courier->worker);
}

void kafka_courier_serve(struct kafka_courier *courier)
{
    worker_serve(courier->worker);
}
