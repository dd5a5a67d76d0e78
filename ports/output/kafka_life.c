// Clients come and go: K2 of kafka.c.
#include "ports/output/kafka_inner.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <stdio.h>

enum {
    WINDOW_BYTES_MIN = 1 << 20,
    REPORT_ROUNDS = 256,
    REVIVE_MIN_MS = 1000,
    REVIVE_MAX_MS = 60000,
};

uint32_t kafka_window_bytes(const struct kafka *kafka)
{
    static const uint32_t batch_bytes[] = {65536, 131072, 262144}; // by link
    uint32_t bytes = 2 * batch_bytes[kafka->settings.link] * kafka->product_count;
    return bytes < WINDOW_BYTES_MIN ? WINDOW_BYTES_MIN : bytes;
}

static bool set_bounds(const struct kafka *kafka, rd_kafka_conf_t *conf)
{
    char number[16];
    char why[256];
    // librdkafka's own bounds lie above ours, or a topic in trouble would fill them for all.
    (void)snprintf(number, sizeof number, "%d",
                   WINDOW_MESSAGES + COMPANIONS_MAX * COMPANION_MESSAGES);
    bool set = rd_kafka_conf_set(conf, "queue.buffering.max.messages", number, why, sizeof why) ==
               RD_KAFKA_CONF_OK;
    (void)snprintf(number, sizeof number, "%u",
                   kafka_window_bytes(kafka) / 1024 + COMPANIONS_MAX * COMPANION_BYTES / 1024 +
                       256);
    return set && rd_kafka_conf_set(conf, "queue.buffering.max.kbytes", number, why, sizeof why) ==
                      RD_KAFKA_CONF_OK;
}

enum err kafka_client_make(struct kafka *kafka)
{
    char why[KAFKA_SENTENCE_SIZE];
    rd_kafka_conf_t *conf = kafka_client_configure(&kafka->settings, KAFKA_DATA, why);
    if (conf == NULL || !set_bounds(kafka, conf)) {
        log_error("kafka.settings", "reason=\"%s\"", why);
        return ERR_INVALID;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
    kafka->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (kafka->client == NULL) {
        rd_kafka_conf_destroy(conf);
        log_error("kafka.settings", "reason=\"%s\"", why);
        return ERR_INVALID;
    }
    kafka->queue = rd_kafka_queue_get_main(kafka->client);
    static const uint64_t one = 1; // what is written to the eventfd
    rd_kafka_queue_io_event_enable(kafka->queue, kafka->event_fd, &one, sizeof one);
    kafka_wake(kafka); // only the first event of an empty queue wakes, and there may be one already
    for (uint32_t i = 0; i < kafka->topic_count; i++) {
        (void)kafka_topic_open(&kafka->topics[i], kafka->client); // a bad name is told by itself
    }
    kafka->failed = false;
    kafka_transaction_new_client(&kafka->transaction);
    return OK;
}

void kafka_client_end(struct kafka *kafka)
{
    rd_kafka_queue_io_event_enable(kafka->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(kafka->queue);
    kafka->queue = NULL;
    for (uint32_t i = 0; i < kafka->topic_count; i++) {
        kafka_topic_close(&kafka->topics[i]);
    }
    kafka_link_new_client(&kafka->link);
    kafka_courier_give(&kafka->courier, COURIER_END, kafka->client); // K2
    kafka->client = NULL;
}

void kafka_client_renew(struct kafka *kafka, int64_t now_ms)
{
    if (kafka->courier.busy) { // with this client, or with the end of the last one
        bool due = kafka->client == NULL && now_ms >= kafka->revive_due_ms;
        kafka->revive_due_ms += due ? REVIVE_MIN_MS : 0;
        return;
    }
    if (kafka->client != NULL && kafka->failed) {
        for (int i = 0; i < REPORT_ROUNDS && kafka_serve_events(kafka); i++) {
            // what was delivered before the end must not be given back
        }
        kafka_client_end(kafka);
        kafka->revive_ms = kafka->revive_ms == 0 ? REVIVE_MIN_MS : kafka->revive_ms * 2;
        kafka->revive_ms = kafka->revive_ms > REVIVE_MAX_MS ? REVIVE_MAX_MS : kafka->revive_ms;
        int64_t hold_ms = kafka->transaction.hold_ms;
        kafka->revive_due_ms = now_ms + (hold_ms > 0 ? hold_ms : kafka->revive_ms);
        kafka_window_end(kafka, false);
        return;
    }
    if (kafka->client == NULL && now_ms >= kafka->revive_due_ms) {
        if (kafka_client_make(kafka) != OK) {
            kafka->revive_due_ms = now_ms + REVIVE_MIN_MS;
        }
    }
}
