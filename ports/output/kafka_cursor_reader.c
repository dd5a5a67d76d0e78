#include "ports/output/kafka_cursor_reader.h"

#include "agent/clock.h"

#include <stdio.h>

enum { SLICE_MS = 2000 }; // between two looks at what the consumer has to complain of

// read_committed, which all readers are, asks for stable offsets.
static rd_kafka_t *consumer_open(const struct kafka_client *settings, const char *group,
                                 char why[KAFKA_SENTENCE_SIZE])
{
    char text[256] = "";
    rd_kafka_conf_t *conf = kafka_client_configure(settings, KAFKA_READER, why);
    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_t *consumer = NULL;
    if (rd_kafka_conf_set(conf, "group.id", group, text, sizeof text) == RD_KAFKA_CONF_OK) {
        consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    }
    if (consumer == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%.200s", text);
    }
    return consumer;
}

// A group that it may not look at is told as an event only; the question itself would time out.
static rd_kafka_resp_err_t complaint(rd_kafka_t *consumer)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_message_t *message;
    for (int i = 0; i < 16 && (message = rd_kafka_consumer_poll(consumer, 0)) != NULL; i++) {
        if ((int)message->err > 0) {
            err = message->err; // a broker's word; librdkafka's own are about the link
        }
        rd_kafka_message_destroy(message);
    }
    return err;
}

static rd_kafka_resp_err_t ask(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *lanes,
                               int wait_ms)
{
    int64_t until_ms = clock_boot_ms() + wait_ms;
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_committed(consumer, lanes, SLICE_MS);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return err;
        }
        rd_kafka_resp_err_t cause = complaint(consumer);
        if (cause == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
            cause == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            return cause;
        }
        if (err != RD_KAFKA_RESP_ERR__TIMED_OUT || clock_boot_ms() >= until_ms) {
            return cause != RD_KAFKA_RESP_ERR_NO_ERROR ? cause : err;
        }
    }
}

static rd_kafka_resp_err_t take(const rd_kafka_topic_partition_list_t *lanes,
                                struct kafka_cursor cursors[KAFKA_CURSOR_LANES])
{
    for (int i = 0; i < lanes->cnt; i++) {
        const rd_kafka_topic_partition_t *lane = &lanes->elems[i];
        // A lane beyond the topic's partitions has no cursor; it is asked for nevertheless, since a
        // product may have had that place.
        if (lane->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
            lane->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            return lane->err;
        }
        if (lane->partition >= 0 && lane->partition < KAFKA_CURSOR_LANES) {
            cursors[lane->partition] = kafka_cursor_of(
                lane->offset, bytes_from(lane->metadata, (size_t)lane->metadata_size));
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t kafka_cursors_read(const struct kafka_client *settings, const char *group,
                                       const char *topic, int wait_ms,
                                       struct kafka_cursor cursors[KAFKA_CURSOR_LANES],
                                       char why[KAFKA_SENTENCE_SIZE])
{
    memset(cursors, 0, KAFKA_CURSOR_LANES * sizeof *cursors);
    rd_kafka_t *consumer = consumer_open(settings, group, why);
    if (consumer == NULL) {
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    rd_kafka_topic_partition_list_t *lanes = rd_kafka_topic_partition_list_new(KAFKA_CURSOR_LANES);
    for (int32_t i = 0; i < KAFKA_CURSOR_LANES; i++) {
        (void)rd_kafka_topic_partition_list_add(lanes, topic, i);
    }
    rd_kafka_resp_err_t err = ask(consumer, lanes, wait_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = take(lanes, cursors);
    }
    (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%s", rd_kafka_err2str(err));
    rd_kafka_topic_partition_list_destroy(lanes);
    rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); // it is no member
    return err;
}
