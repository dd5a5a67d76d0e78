// The simple consumer of librdkafka: partitions are started one by one onto one queue, and each is
// finished when its end, taken before the first record, is passed. With read_committed the end of
// an open transaction's partition is its last stable offset, which the end-of-partition event
// tells.
#include "ports/output/kafka_reader.h"

#include "agent/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 1000, BATCH_WAIT_MS = 50 };

struct kafka_reader {
    rd_kafka_t *client;
    struct kafka_fault fault; // the last one seen, for the sentence
    bool faulted;
};

// One topic being read.
struct reading {
    struct kafka_reader *reader;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    const char *name;
    int wait_ms;
    int partition_count;
    int open_count;
    rd_kafka_message_t *batch[BATCH_MAX];
    struct reading_partition {
        int64_t from, to;
        bool open;
    } partitions[KAFKA_READER_PARTITIONS_MAX];
};

static void reader_error(rd_kafka_t *client, int err, const char *reason, void *opaque)
{
    (void)client;
    struct kafka_reader *reader = opaque;
    struct kafka_fault fault;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        return; // says nothing that the error before it did not
    }
    kafka_fault_of((rd_kafka_resp_err_t)err, reason, &fault);
    if (!fault.ordinary) {
        reader->fault = fault;
        reader->faulted = true;
    }
}

enum err kafka_reader_open(const struct kafka_client *client, struct kafka_reader **out,
                           char why[KAFKA_SENTENCE_SIZE])
{
    char text[256];
    if (!kafka_client_version_fits(why)) {
        return ERR_VERSION;
    }
    rd_kafka_conf_t *conf = kafka_client_configure(client, KAFKA_READER, why);
    if (conf == NULL) {
        return ERR_INVALID;
    }
    struct kafka_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "no memory");
        return ERR_FAILED;
    }
    rd_kafka_conf_set_opaque(conf, reader);
    rd_kafka_conf_set_error_cb(conf, reader_error); // served by rd_kafka_poll, on this thread
    reader->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (reader->client == NULL) {
        rd_kafka_conf_destroy(conf);
        free(reader);
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "kafka client: %.200s", text);
        return ERR_INVALID;
    }
    *out = reader;
    return OK;
}

void kafka_reader_close(struct kafka_reader *reader)
{
    rd_kafka_destroy(reader->client);
    free(reader);
}

void kafka_reader_cluster(struct kafka_reader *reader, char *out, size_t out_size)
{
    char *id = rd_kafka_clusterid(reader->client, 1000);
    (void)snprintf(out, out_size, "%s", id != NULL ? id : "");
    rd_kafka_mem_free(reader->client, id);
}

struct bytes kafka_reader_header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return bytes_from(NULL, 0);
    }
    return bytes_from(value, size);
}

// What librdkafka's error means for who asked to read a topic.
static enum err reading_failed(const struct reading *reading, rd_kafka_resp_err_t err,
                               char why[KAFKA_SENTENCE_SIZE])
{
    if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %.150s: the cluster has no such topic",
                       reading->name);
        return ERR_NOT_FOUND;
    }
    if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE,
                       "topic %.150s: this user may not read it; grant Read and Describe",
                       reading->name);
        return ERR_DENIED;
    }
    (void)rd_kafka_poll(reading->reader->client, 0); // the last error, if any
    if (reading->reader->faulted) {
        memcpy(why, reading->reader->fault.sentence, KAFKA_SENTENCE_SIZE);
    } else {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %.120s: no answer from the cluster (%.80s)",
                       reading->name, rd_kafka_err2str(err));
    }
    return ERR_AGAIN;
}

// The number of partitions. A topic is unknown only when a broker said so.
static rd_kafka_resp_err_t count_partitions(struct reading *reading)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err =
        rd_kafka_metadata(reading->reader->client, 0, reading->topic, &metadata, reading->wait_ms);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err;
    }
    err = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    reading->partition_count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (reading->partition_count > KAFKA_READER_PARTITIONS_MAX) {
        err = RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    rd_kafka_metadata_destroy(metadata);
    return err;
}

static rd_kafka_resp_err_t take_bounds(struct reading *reading)
{
    for (int32_t i = 0; i < reading->partition_count; i++) {
        struct reading_partition *partition = &reading->partitions[i];
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(reading->reader->client, reading->name, i,
                                             &partition->from, &partition->to, reading->wait_ms);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return err;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

// Offsets by time: the first record at or after `time_ms`. `is_from` says which bound moves.
static rd_kafka_resp_err_t narrow(struct reading *reading, int64_t time_ms, bool is_from)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(reading->partition_count);
    for (int32_t i = 0; i < reading->partition_count; i++) {
        rd_kafka_topic_partition_list_add(list, reading->name, i)->offset = time_ms;
    }
    rd_kafka_resp_err_t err =
        rd_kafka_offsets_for_times(reading->reader->client, list, reading->wait_ms);
    for (int32_t i = 0; i < reading->partition_count && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        struct reading_partition *partition = &reading->partitions[i];
        int64_t found = list->elems[i].offset;
        err = list->elems[i].err;
        if (is_from) {
            partition->from = found >= 0 ? found : partition->to; // none so late: nothing to read
        } else if (found >= 0 && found < partition->to) {
            partition->to = found;
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

// Go on where an earlier reading ended.
static void take_up(struct reading *reading, const int64_t *next)
{
    for (int32_t i = 0; i < reading->partition_count; i++) {
        struct reading_partition *partition = &reading->partitions[i];
        if (next[i] > partition->from && next[i] <= partition->to) {
            partition->from = next[i];
        }
    }
}

static rd_kafka_resp_err_t reading_begin(struct reading *reading,
                                         const struct kafka_reader_range *range,
                                         struct kafka_reader_told *told)
{
    rd_kafka_resp_err_t err = count_partitions(reading);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = take_bounds(reading);
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && range->to_ms != INT64_MAX) {
        err = narrow(reading, range->to_ms, false);
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && range->from_ms != INT64_MIN) {
        err = narrow(reading, range->from_ms, true);
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && range->next != NULL) {
        take_up(reading, range->next);
    }
    told->partitions = (uint32_t)reading->partition_count;
    for (int32_t i = 0; i < reading->partition_count && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        struct reading_partition *partition = &reading->partitions[i];
        told->front_is_open |= partition->from > 0;
        if (partition->from >= partition->to) {
            continue;
        }
        if (rd_kafka_consume_start_queue(reading->topic, i, partition->from, reading->queue) != 0) {
            return rd_kafka_last_error();
        }
        partition->open = true;
        reading->open_count++;
    }
    return err;
}

static void partition_end(struct reading *reading, int32_t number)
{
    assert(number >= 0 && number < reading->partition_count);
    if (reading->partitions[number].open) {
        reading->partitions[number].open = false;
        reading->open_count--;
        (void)rd_kafka_consume_stop(reading->topic, number);
    }
}

static enum err take_one(struct reading *reading, const rd_kafka_message_t *message,
                         kafka_reader_take *take, void *taker, struct kafka_reader_told *told)
{
    struct reading_partition *partition = &reading->partitions[message->partition];
    if (!partition->open || message->offset >= partition->to) {
        partition_end(reading, message->partition); // written after the reading began
        return OK;
    }
    told->records++;
    enum err err = take(taker, message);
    if (message->offset + 1 >= partition->to) {
        partition_end(reading, message->partition);
    }
    return err;
}

static enum err take_batch(struct reading *reading, rd_kafka_message_t **batch, size_t count,
                           kafka_reader_take *take, void *taker, struct kafka_reader_told *told,
                           char why[KAFKA_SENTENCE_SIZE])
{
    enum err err = OK;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_message_t *message = batch[i];
        if (err != OK) {
            // only destroyed
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            err = take_one(reading, message, take, taker, told);
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            partition_end(reading, message->partition);
        } else {
            err = reading_failed(reading, message->err, why);
        }
        rd_kafka_message_destroy(batch[i]);
    }
    return err;
}

static enum err reading_run(struct reading *reading, kafka_reader_take *take, void *taker,
                            struct kafka_reader_told *told, char why[KAFKA_SENTENCE_SIZE])
{
    rd_kafka_message_t **batch = reading->batch;
    int64_t heard_ms = clock_boot_ms();
    while (reading->open_count > 0) {
        ssize_t count =
            rd_kafka_consume_batch_queue(reading->queue, BATCH_WAIT_MS, batch, BATCH_MAX);
        (void)rd_kafka_poll(reading->reader->client, 0);
        if (count > 0) {
            heard_ms = clock_boot_ms();
            enum err err = take_batch(reading, batch, (size_t)count, take, taker, told, why);
            if (err != OK) {
                return err;
            }
        } else if (clock_boot_ms() - heard_ms > reading->wait_ms) {
            return reading_failed(reading, RD_KAFKA_RESP_ERR__TIMED_OUT, why);
        }
    }
    return OK;
}

enum err kafka_reader_read(struct kafka_reader *reader, const char *topic,
                           const struct kafka_reader_range *range, int wait_ms,
                           kafka_reader_take *take, void *taker, struct kafka_reader_told *told,
                           char why[KAFKA_SENTENCE_SIZE])
{
    *told = (struct kafka_reader_told){0};
    why[0] = 0;
    struct reading *reading = calloc(1, sizeof *reading);
    if (reading == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "no memory");
        return ERR_FAILED;
    }
    reading->reader = reader;
    reading->name = topic;
    reading->wait_ms = wait_ms;
    reading->topic = rd_kafka_topic_new(reader->client, topic, NULL);
    reading->queue = rd_kafka_queue_new(reader->client);
    enum err err = ERR_INVALID;
    if (reading->topic == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %.150s: not a topic's name", topic);
    } else {
        rd_kafka_resp_err_t begun = reading_begin(reading, range, told);
        err = begun == RD_KAFKA_RESP_ERR_NO_ERROR ? reading_run(reading, take, taker, told, why)
                                                  : reading_failed(reading, begun, why);
    }
    for (int32_t i = 0; i < reading->partition_count; i++) {
        partition_end(reading, i);
        if (err == OK && range->next != NULL) {
            range->next[i] = reading->partitions[i].to;
        }
    }
    rd_kafka_queue_destroy(reading->queue);
    if (reading->topic != NULL) {
        rd_kafka_topic_destroy(reading->topic);
    }
    free(reading);
    return err;
}
