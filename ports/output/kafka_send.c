// A record on its way into librdkafka.
#include "ports/output/kafka_inner.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <assert.h>
#include <stdio.h>

static enum err produce_failed(struct kafka *kafka, struct kafka_topic *topic,
                               rd_kafka_resp_err_t err, size_t size)
{
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL ||
        rd_kafka_fatal_error(kafka->client, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ERR_AGAIN; // of a failed client the event is on the way
    }
    if (kafka->transaction.on && err == RD_KAFKA_RESP_ERR__STATE) {
        kafka_transaction_spoil(&kafka->transaction); // it failed, and has not told us yet
        kafka_wake(kafka);
        return ERR_AGAIN;
    }
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        (void)snprintf(topic->refusal, sizeof topic->refusal,
                       "%zu bytes are over the client's message.max.bytes", size);
        log_warn("record.too_large", "topic=%s reason=\"%s\"", topic->name, topic->refusal);
        return ERR_LIMIT;
    default:
        kafka_topic_trouble(topic, err, clock_boot_ms());
        kafka_timer_set(kafka);
        return ERR_AGAIN;
    }
}

// Not RD_KAFKA_VTYPE_HEADER, the shorter way: librdkafka (2.0 to 2.15 at least) frees such headers
// twice when the topic is known not to exist.
static rd_kafka_headers_t *headers_of(const struct message *message)
{
    if (message->identity.size == 0) {
        return NULL;
    }
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3 + message->header_count);
    (void)rd_kafka_header_add(headers, "weir", 4, message->identity.at,
                              (ssize_t)message->identity.size);
    for (uint32_t i = 0; i < message->header_count; i++) {
        const struct message_header *header = &message->headers[i];
        (void)rd_kafka_header_add(headers, header->name, -1, header->value.at,
                                  (ssize_t)header->value.size);
    }
    if (message->quality != NULL) {
        (void)rd_kafka_header_add(headers, "weir-quality", -1, message->quality, -1);
    }
    if (message->schema_id.size > 0) {
        (void)rd_kafka_header_add(headers, "__value_schema_id", -1, message->schema_id.at,
                                  (ssize_t)message->schema_id.size);
    }
    return headers;
}

// What it takes of the window.
static size_t size_of(const struct message *message)
{
    size_t size = message->key.size + message->value.size;
    for (uint32_t i = 0; i < message->header_count; i++) {
        size += strlen(message->headers[i].name) + message->headers[i].value.size;
    }
    return size;
}

// May one more message go now, and in an open transaction where it must?
static bool may_produce(struct kafka *kafka, const struct kafka_topic *topic, size_t size)
{
    if (kafka->client == NULL || kafka->failed || !kafka_topic_has_room(topic, size)) {
        return false;
    }
    if (kafka->transaction.on &&
        !kafka_transaction_takes(&kafka->transaction, kafka->client, size)) {
        if (kafka->transaction.state == TRANSACTION_FAILED) {
            kafka_wake(kafka);
        }
        return false;
    }
    return true;
}

static void produced(struct kafka *kafka, uint32_t index, uint64_t seq, size_t size)
{
    struct kafka_transaction *transaction = &kafka->transaction;
    struct kafka_cursor cursor = {0};
    if (kafka_window_count(kafka->window) == 1) {
        kafka->moved_ms = clock_boot_ms();
    }
    kafka_topic_sent(&kafka->topics[index], size);
    if (!transaction->on) {
        return;
    }
    if (index < kafka->lane_count) {
        cursor.epoch = kafka->output->topics[kafka->product_of[index]].epoch;
        cursor.late = index >= kafka->product_count;
        cursor.next_seq = seq + 1;
    }
    kafka_transaction_sent(transaction, index, cursor, size);
    if (transaction->record_count == 1) {
        kafka_timer_set(kafka); // it ends by time too
    }
}

static enum err produce(struct kafka *kafka, uint32_t index, const struct message *message)
{
    struct kafka_topic *topic = &kafka->topics[index];
    size_t size = size_of(message);
    if (!may_produce(kafka, topic, size)) {
        return ERR_AGAIN;
    }
    int64_t time_ms = message->time_ms > 0 ? message->time_ms : 0;
    const struct kafka_sent sent = {
        .id = message->seq, .time_ms = time_ms, .topic = index, .size = (uint32_t)size};
    uint32_t ticket = kafka_window_put(kafka->window, sent);
    if (ticket == 0) {
        return ERR_AGAIN;
    }
    bool has_key = message->key.size > 0;
    bool is_free = kafka_stamp_is_free(&topic->stamp); // nearly always; a clock costs, too
    int64_t stamp_ms = is_free ? time_ms : kafka_stamp_of(&topic->stamp, time_ms, clock_wall_ms());
    rd_kafka_headers_t *headers = headers_of(message);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic->handle},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {has_key ? (void *)(uintptr_t)message->key.at : NULL, message->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)message->value.at, message->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = stamp_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)ticket},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = sizeof parts / sizeof *parts - (headers == NULL ? 1 : 0);
    rd_kafka_error_t *error = rd_kafka_produceva(kafka->client, parts, count);
    if (error == NULL) {
        produced(kafka, index, message->seq, size);
        return OK;
    }
    if (headers != NULL) {
        rd_kafka_headers_destroy(headers);
    }
    (void)kafka_window_take(kafka->window, ticket);
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return produce_failed(kafka, topic, err, size);
}

enum err kafka_send(struct output *output, const struct message *message)
{
    struct kafka *kafka = output->state;
    assert(message->product < kafka->product_count);
    const struct output_topic *of = &output->topics[message->product];
    uint32_t index = message->late ? kafka->late_at[message->product] : message->product;
    assert(!message->late || index > 0);
    struct kafka_topic *topic = &kafka->topics[index];
    if (!topic->count_recalled) {
        topic->count_recalled = true;
        topic->partition_count = message->late ? of->late_partition_count : of->partition_count;
    }
    return produce(kafka, index, message);
}

// The companion topic of this name; made where it is new.
static enum err companion(struct kafka *kafka, const char *name, uint32_t *index)
{
    for (uint32_t i = kafka->lane_count; i < kafka->topic_count; i++) {
        if (strcmp(kafka->topics[i].name, name) == 0) {
            *index = i;
            return OK;
        }
    }
    if (kafka->topic_count == TOPICS_MAX || strlen(name) > TOPIC_NAME_MAX) {
        return ERR_LIMIT;
    }
    *index = kafka->topic_count++;
    kafka_topic_init(&kafka->topics[*index], name, RULE_KEY, kafka->output->gateway,
                     COMPANION_MESSAGES, COMPANION_BYTES);
    if (kafka->client != NULL) {
        (void)kafka_topic_open(&kafka->topics[*index], kafka->client);
    }
    return OK;
}

enum err kafka_tell(struct output *output, const char *topic, struct bytes key, struct bytes value,
                    uint64_t token)
{
    struct kafka *kafka = output->state;
    uint32_t index;
    enum err err = companion(kafka, topic, &index);
    if (err != OK) {
        return err;
    }
    const struct message message = {.partition = RD_KAFKA_PARTITION_UA,
                                    .key = key,
                                    .value = value,
                                    .time_ms = clock_wall_ms(),
                                    .seq = token};
    return produce(kafka, index, &message);
}
