// What librdkafka, the courier and the timer have to say: K1 of kafka.c.
#include "ports/output/kafka_inner.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <poll.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS_PER_SERVE = 64 }; // a delivery event holds a batch

void kafka_wake(const struct kafka *kafka)
{
    static const uint64_t one = 1;
    ssize_t put = write(kafka->event_fd, &one, sizeof one);
    (void)put; // fails only where it is readable already
}

void kafka_timer_set(struct kafka *kafka)
{
    int64_t due_ms = kafka->client == NULL ? kafka->revive_due_ms
                                           : kafka_transaction_due_ms(&kafka->transaction);
    // Without a client nothing is done for a topic: what is due would only wake, again and again.
    for (uint32_t i = 0; i < kafka->topic_count && kafka->client != NULL; i++) {
        int64_t topic_ms = kafka_topic_due_ms(&kafka->topics[i]);
        due_ms = topic_ms < due_ms ? topic_ms : due_ms;
    }
    if (due_ms == kafka->timer_ms) {
        return;
    }
    kafka->timer_ms = due_ms;
    struct itimerspec when = {{0, 0}, {0, 0}}; // all zero: no alarm
    if (due_ms != INT64_MAX) {
        when.it_value.tv_sec = (time_t)(due_ms / 1000);
        when.it_value.tv_nsec = (long)(due_ms % 1000) * 1000000 + 1;
    }
    (void)timerfd_settime(kafka->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

// ---- how records come back ----

static void settled(struct kafka *kafka, const struct kafka_sent *sent, enum delivered how)
{
    struct kafka_topic *topic = &kafka->topics[sent->topic];
    if (sent->topic < kafka->lane_count) {
        uint32_t product = kafka->product_of[sent->topic];
        if (how == DELIVERED_OK && !topic->count_told) {
            topic->count_told = true;
            output_partitions(kafka->output, product, sent->topic >= kafka->product_count,
                              topic->partition_count);
        }
        output_delivered(kafka->output, product, sent->id, how);
    } else {
        output_told(kafka->output, sent->id, how);
    }
}

// A delivery report. In a transaction it decides nothing yet but what can never be delivered.
static void report(struct kafka *kafka, uint32_t ticket, rd_kafka_resp_err_t err)
{
    struct kafka_sent *sent = kafka_window_at(kafka->window, ticket);
    struct kafka_topic *topic = &kafka->topics[sent->topic];
    enum delivered how =
        kafka_topic_delivered(topic, sent->size, sent->time_ms, err, kafka->moved_ms);
    if (kafka->transaction.on) {
        sent->reported = true;
        sent->refused = how == DELIVERED_REFUSED;
        kafka_transaction_reported(&kafka->transaction, how == DELIVERED_OK,
                                   sent->refused || topic->code[0] != 0);
        return;
    }
    const struct kafka_sent taken = kafka_window_take(kafka->window, ticket);
    settled(kafka, &taken, how);
}

// K1: all that is in the window leaves it, in order of sending.
void kafka_window_end(struct kafka *kafka, bool delivered)
{
    uint32_t ticket;
    while ((ticket = kafka_window_first(kafka->window)) != 0) { // each turn takes one
        const struct kafka_sent sent = kafka_window_take(kafka->window, ticket);
        if (!sent.reported) { // the client died with it
            (void)kafka_topic_delivered(&kafka->topics[sent.topic], sent.size, sent.time_ms,
                                        RD_KAFKA_RESP_ERR__DESTROY, kafka->moved_ms);
        }
        settled(kafka, &sent,
                delivered      ? DELIVERED_OK
                : sent.refused ? DELIVERED_REFUSED
                               : DELIVERED_AGAIN);
    }
}

// ---- events ----

static void serve_reports(struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;
    kafka->moved_ms = clock_boot_ms();
    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            kafka_link_delivered(&kafka->link);
            kafka->revive_ms = kafka->transaction.on ? kafka->revive_ms : 0;
        } else if ((int)message->err > 0 && !kafka->failed) {
            kafka_link_answered(&kafka->link); // librdkafka's own errors are below 0
        }
        report(kafka, (uint32_t)(uintptr_t)message->_private, message->err);
    }
}

static void serve_error(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    char why[KAFKA_SENTENCE_SIZE];
    if (err != RD_KAFKA_RESP_ERR__FATAL && !rd_kafka_event_error_is_fatal(event)) {
        kafka_link_error(&kafka->link, err, text);
        return;
    }
    err = rd_kafka_fatal_error(kafka->client, why, sizeof why);
    kafka->failed = true;
    if (kafka->transaction.on) {
        if ((int)err > 0) {
            kafka_link_answered(&kafka->link);
        }
        kafka_transaction_broken(&kafka->transaction, err, why, clock_boot_ms());
        return;
    }
    log_warn("kafka.client_failed", "err=%s reason=\"%s\" do=\"begin again with a new producer\"",
             rd_kafka_err2name(err), why);
    kafka_link_broken(&kafka->link, err, why);
}

static void serve_statistics(struct kafka *kafka, rd_kafka_event_t *event)
{
    kafka_link_statistics(&kafka->link, rd_kafka_event_stats(event));
    if (kafka->cluster_id[0] == 0) {
        char *id = rd_kafka_clusterid(kafka->client, 0);
        if (id != NULL) {
            (void)snprintf(kafka->cluster_id, sizeof kafka->cluster_id, "%s", id);
            rd_kafka_mem_free(kafka->client, id);
        }
    }
}

static void serve_event(struct kafka *kafka, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR:
        serve_reports(kafka, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        serve_error(kafka, event);
        break;
    case RD_KAFKA_EVENT_STATS:
        serve_statistics(kafka, event);
        break;
    default:
        break;
    }
}

// True: there may be more.
bool kafka_serve_events(struct kafka *kafka)
{
    for (int i = 0; i < EVENTS_PER_SERVE; i++) {
        rd_kafka_event_t *event =
            kafka->queue == NULL ? NULL : rd_kafka_queue_poll(kafka->queue, 0);
        if (event == NULL) {
            return false;
        }
        serve_event(kafka, event);
        rd_kafka_event_destroy(event);
    }
    return true;
}

// ---- transactions ----

static void tell_cursors(struct kafka *kafka)
{
    for (uint32_t i = 0; i < kafka->lane_count; i++) {
        const struct kafka_cursor *lane = &kafka->courier.cursors[i];
        bool late = i >= kafka->product_count;
        uint64_t epoch = kafka->output->topics[kafka->product_of[i]].epoch;
        uint64_t next_seq = kafka_cursor_unite(kafka->courier.cursors, epoch, late);
        if (next_seq > 0) {
            output_cursor(kafka->output, kafka->product_of[i], late, next_seq);
        } else if (lane->next_seq > 0) {
            log_info("cursor.other_epoch",
                     "topic=%s epoch=%016llx theirs=%016llx next=%llu: of another spool, ignored",
                     kafka->topics[i].name, (unsigned long long)epoch,
                     (unsigned long long)lane->epoch, (unsigned long long)lane->next_seq);
        }
    }
}

// What the broker refuses, it answers.
static void link_answered_to_courier(struct kafka *kafka)
{
    enum transaction_state state = kafka->transaction.state;
    if (!kafka->courier.busy && (int)kafka->courier.err > 0 &&
        (state == TRANSACTION_STARTING || state == TRANSACTION_ENDING)) {
        kafka_link_answered(&kafka->link);
    }
}

static void serve_transaction(struct kafka *kafka, int64_t now_ms)
{
    link_answered_to_courier(kafka);
    enum transaction_event event = TRANSACTION_KNOWN;
    while (kafka->transaction.on && kafka->client != NULL && event != TRANSACTION_NOTHING) {
        event = kafka_transaction_step(&kafka->transaction, kafka->client, now_ms);
        switch (event) {
        case TRANSACTION_KNOWN:
            kafka_link_answered(&kafka->link);
            tell_cursors(kafka);
            break;
        case TRANSACTION_COMMITTED:
            kafka->revive_ms = 0;
            kafka_window_end(kafka, true);
            break;
        case TRANSACTION_ABORTED:
            kafka_window_end(kafka, false);
            break;
        case TRANSACTION_BROKEN:
            kafka->failed = true;
            return;
        case TRANSACTION_NOTHING:
            break;
        }
    }
}

// ---- the turn ----

static void descriptor_clear(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count); // EAGAIN where it was not the one
    (void)got;
}

void kafka_serve(struct output *output)
{
    struct kafka *kafka = output->state;
    descriptor_clear(kafka->event_fd);
    descriptor_clear(kafka->timer_fd);
    kafka_courier_serve(&kafka->courier);
    bool more = kafka_serve_events(kafka);
    int64_t now_ms = clock_boot_ms();
    serve_transaction(kafka, now_ms);
    kafka_client_renew(kafka, now_ms);
    if (now_ms >= kafka->timer_ms) {
        kafka->timer_ms = 0; // it went off: set it anew in any case
    }
    for (uint32_t i = 0; i < kafka->topic_count && kafka->client != NULL; i++) {
        kafka_topic_step(&kafka->topics[i], kafka->client, now_ms);
    }
    kafka_timer_set(kafka);
    if (more) {
        kafka_wake(kafka); // come again after the others
    }
}

bool kafka_flush(struct output *output, int wait_ms)
{
    struct kafka *kafka = output->state;
    int64_t until_ms = clock_boot_ms() + wait_ms;
    for (;;) {
        kafka_transaction_hurry(&kafka->transaction);
        kafka_serve(output);
        if (kafka_window_count(kafka->window) == 0) {
            return true;
        }
        if (clock_boot_ms() >= until_ms || kafka->client == NULL) {
            return false;
        }
        if (kafka->transaction.on) {
            struct pollfd watched = {.fd = kafka->epoll_fd, .events = POLLIN};
            (void)poll(&watched, 1, 5);
        } else {
            (void)rd_kafka_flush(kafka->client, 5); // linger no longer; we take the reports
        }
    }
}
