// The output `kafka`: idempotent, in order, at least once; or exactly once, in transactions
// (kafka_transaction.h).
//
// K1  What librdkafka has of ours is in the window; only what a delivery report says leaves it as
//     delivered, and with transactions only their end. When a client dies, all that is in the
//     window is given back, in order of sending.
// K2  Nothing here waits for a broker, save `flush` and the two seconds of `close`. The courier
//     ends a dying client (that may be stuck in a name look-up), and the next one is not made
//     before that is done: at most two clients exist.
// K3  Each topic has its own share of the window, so that one in trouble does not stop the others.
// K4  A topic's partition count is remembered for the run: records of one gateway stay in one
//     place.
//
//     send ─▶ window ─▶ librdkafka ─▶ broker
//                ▲                      │
//     serve ◀─ eventfd ◀─ reports ◀─────┘       (one epoll descriptor: events, timer, courier)
#include "ports/output/kafka.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "ports/output/kafka_client.h"
#include "ports/output/kafka_link.h"
#include "ports/output/kafka_tls.h"
#include "ports/output/kafka_topic.h"
#include "ports/output/kafka_transaction.h"
#include "ports/output/kafka_window.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    WINDOW_MESSAGES = 10000, // unacknowledged: what a crash can double
    WINDOW_BYTES_MIN = 1 << 20,
    COMPANION_MESSAGES = 64, // losses on their way, for each of their topics
    COMPANION_BYTES = 65536,
    COMPANIONS_MAX = SETTINGS_PRODUCTS_MAX,
    TOPICS_MAX = SETTINGS_PRODUCTS_MAX + COMPANIONS_MAX,
    EVENTS_PER_SERVE = 64, // a delivery event holds a batch
    REPORT_ROUNDS = 256,
    REVIVE_MIN_MS = 1000,
    REVIVE_MAX_MS = 60000,
    CLOSE_WAIT_MS = 2000,
};

struct kafka {
    struct output *output;
    struct kafka_client settings;
    char client_id[80];
    int64_t stall_ms; // without an acknowledgement, the link is called down

    rd_kafka_t *client; // NULL between two
    rd_kafka_queue_t *queue;
    bool failed; // the client is of no more use
    int64_t revive_due_ms;
    int64_t revive_ms;
    struct kafka_courier courier;
    struct kafka_transaction transaction;

    int epoll_fd, event_fd, timer_fd;
    int64_t timer_ms; // what the timer is set to, in boot time

    struct kafka_window *window;
    struct kafka_topic topics[TOPICS_MAX]; // the products', then their companions
    uint32_t topic_count;
    uint32_t product_count;
    struct kafka_link link;
    int64_t moved_ms; // the last send into an empty window, or the last report
    char cluster_id[64];
};

static const uint64_t one = 1; // what is written to an eventfd

// ---- clients come and go ----

static uint32_t window_bytes(const struct kafka *kafka)
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
                   window_bytes(kafka) / 1024 + COMPANIONS_MAX * COMPANION_BYTES / 1024 + 256);
    return set && rd_kafka_conf_set(conf, "queue.buffering.max.kbytes", number, why, sizeof why) ==
                      RD_KAFKA_CONF_OK;
}

static void wake(const struct kafka *kafka)
{
    ssize_t put = write(kafka->event_fd, &one, sizeof one);
    (void)put; // fails only where it is readable already
}

static enum err client_make(struct kafka *kafka)
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
    rd_kafka_queue_io_event_enable(kafka->queue, kafka->event_fd, &one, sizeof one);
    wake(kafka); // only the first event of an empty queue wakes, and there may be one already
    for (uint32_t i = 0; i < kafka->topic_count; i++) {
        (void)kafka_topic_open(&kafka->topics[i], kafka->client); // a bad name is told by itself
    }
    kafka->failed = false;
    kafka_transaction_new_client(&kafka->transaction);
    return OK;
}

static void settled(struct kafka *kafka, const struct kafka_sent *sent, enum delivered how)
{
    struct kafka_topic *topic = &kafka->topics[sent->topic];
    if (sent->topic < kafka->product_count) {
        if (how == DELIVERED_OK && !topic->count_told) {
            topic->count_told = true;
            output_partitions(kafka->output, sent->topic, topic->partition_count);
        }
        output_delivered(kafka->output, sent->topic, sent->id, how);
    } else {
        output_told(kafka->output, sent->id, how);
    }
}

// A delivery report. In a transaction it decides nothing yet but what can never be delivered.
static void report(struct kafka *kafka, uint32_t ticket, rd_kafka_resp_err_t err)
{
    struct kafka_sent *sent = kafka_window_at(kafka->window, ticket);
    struct kafka_topic *topic = &kafka->topics[sent->topic];
    enum delivered how = kafka_topic_delivered(topic, sent->size, err, kafka->moved_ms);
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
static void window_end(struct kafka *kafka, bool delivered)
{
    uint32_t ticket;
    while ((ticket = kafka_window_first(kafka->window)) != 0) { // each turn takes one
        const struct kafka_sent sent = kafka_window_take(kafka->window, ticket);
        if (!sent.reported) { // the client died with it
            (void)kafka_topic_delivered(&kafka->topics[sent.topic], sent.size,
                                        RD_KAFKA_RESP_ERR__DESTROY, kafka->moved_ms);
        }
        settled(kafka, &sent,
                delivered      ? DELIVERED_OK
                : sent.refused ? DELIVERED_REFUSED
                               : DELIVERED_AGAIN);
    }
}

static void client_end(struct kafka *kafka)
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

// ---- opening and closing ----

static void descriptors_close(struct kafka *kafka)
{
    const int descriptors[] = {kafka->epoll_fd, kafka->event_fd, kafka->timer_fd};
    for (size_t i = 0; i < 3; i++) {
        if (descriptors[i] >= 0) {
            (void)close(descriptors[i]);
        }
    }
}

static enum err descriptors_open(struct kafka *kafka)
{
    kafka->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kafka->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    kafka->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (kafka->event_fd < 0 || kafka->timer_fd < 0 || kafka->epoll_fd < 0 ||
        epoll_ctl(kafka->epoll_fd, EPOLL_CTL_ADD, kafka->event_fd, &event) != 0 ||
        epoll_ctl(kafka->epoll_fd, EPOLL_CTL_ADD, kafka->timer_fd, &event) != 0 ||
        epoll_ctl(kafka->epoll_fd, EPOLL_CTL_ADD, kafka_courier_fd(&kafka->courier), &event) != 0) {
        log_error("kafka.open", "reason=\"%s\"", strerror(errno));
        return ERR_FAILED;
    }
    return OK;
}

static void topics_init(struct kafka *kafka)
{
    const struct output *output = kafka->output;
    for (uint32_t i = 0; i < kafka->product_count; i++) {
        kafka_topic_init(&kafka->topics[i], output->topics[i].topic, output->topics[i].rule,
                         output->gateway, WINDOW_MESSAGES / kafka->product_count,
                         window_bytes(kafka) / kafka->product_count); // K3
    }
    kafka->topic_count = kafka->product_count;
}

// The names cannot be too long: settings_read has looked.
static void transaction_init(struct kafka *kafka)
{
    struct kafka_courier *courier = &kafka->courier;
    const struct output *output = kafka->output;
    if (!output->exactly_once) {
        return;
    }
    bool fit = kafka_cursor_names(output->domain, output->gateway, courier->group, courier->topic);
    assert(fit);
    courier->lane_count = kafka->product_count;
    courier->timeout_ms = kafka_transaction_timeout_ms(kafka->settings.link);
    kafka->settings.transactional_id = courier->group;
    kafka->settings.transaction_timeout_ms = courier->timeout_ms;
    kafka_transaction_init(&kafka->transaction, courier, output->gateway, kafka->settings.link);
}

static void settings_init(struct kafka *kafka)
{
    static const int64_t stall_ms[] = {45000, 90000, 240000}; // request.timeout and linger, by link
    (void)snprintf(kafka->client_id, sizeof kafka->client_id, "weir-%.64s", kafka->output->gateway);
    kafka->settings = kafka_client_of(kafka->output->options, kafka->client_id);
    kafka->stall_ms = stall_ms[kafka->settings.link];
    kafka_link_init(&kafka->link, kafka->settings.bootstrap);
    transaction_init(kafka);
}

static enum err kafka_open(struct output *output, int *fd)
{
    char why[KAFKA_SENTENCE_SIZE];
    assert(output->topic_count > 0 && output->topic_count <= SETTINGS_PRODUCTS_MAX);
    if (!kafka_client_version_fits(why)) {
        log_error("kafka.version", "reason=\"%s\"", why);
        return ERR_VERSION;
    }
    struct kafka *kafka = calloc(1, sizeof *kafka);
    if (kafka == NULL) {
        return ERR_FAILED;
    }
    kafka->output = output;
    kafka->product_count = output->topic_count;
    kafka->timer_ms = INT64_MAX;
    kafka->window = kafka_window_open(WINDOW_MESSAGES + COMPANIONS_MAX * COMPANION_MESSAGES);
    settings_init(kafka);
    topics_init(kafka);
    if (kafka_courier_open(&kafka->courier) != OK) {
        log_error("kafka.open", "reason=\"no thread for the courier\"");
        if (kafka->window != NULL) {
            kafka_window_close(kafka->window);
        }
        free(kafka);
        return ERR_FAILED;
    }
    enum err err = descriptors_open(kafka);
    if (err == OK) {
        err = kafka->window == NULL ? ERR_FAILED : client_make(kafka);
    }
    if (err != OK) {
        kafka_courier_close(&kafka->courier);
        descriptors_close(kafka);
        if (kafka->window != NULL) {
            kafka_window_close(kafka->window);
        }
        free(kafka);
        return err;
    }
    output->state = kafka;
    *fd = kafka->epoll_fd;
    return OK;
}

// ---- sending ----

static void timer_set(struct kafka *kafka)
{
    int64_t due_ms = kafka->client == NULL ? kafka->revive_due_ms
                                           : kafka_transaction_due_ms(&kafka->transaction);
    for (uint32_t i = 0; i < kafka->topic_count; i++) {
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

static enum err produce_failed(struct kafka *kafka, struct kafka_topic *topic,
                               rd_kafka_resp_err_t err, size_t size)
{
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL ||
        rd_kafka_fatal_error(kafka->client, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ERR_AGAIN; // of a failed client the event is on the way
    }
    if (kafka->transaction.on && err == RD_KAFKA_RESP_ERR__STATE) {
        kafka_transaction_spoil(&kafka->transaction); // it failed, and has not told us yet
        wake(kafka);
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
        timer_set(kafka);
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
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    (void)rd_kafka_header_add(headers, "weir", 4, message->identity.at,
                              (ssize_t)message->identity.size);
    return headers;
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
            wake(kafka);
        }
        return false;
    }
    return true;
}

static void produced(struct kafka *kafka, uint32_t index, uint64_t seq, size_t size)
{
    struct kafka_transaction *transaction = &kafka->transaction;
    if (kafka_window_count(kafka->window) == 1) {
        kafka->moved_ms = clock_boot_ms();
    }
    kafka_topic_sent(&kafka->topics[index], size);
    if (!transaction->on) {
        return;
    }
    bool is_product = index < kafka->product_count;
    uint64_t epoch = is_product ? kafka->output->topics[index].epoch : 0;
    kafka_transaction_sent(transaction, index, epoch, is_product ? seq : 0, size);
    if (transaction->record_count == 1) {
        timer_set(kafka); // it ends by time too
    }
}

static enum err produce(struct kafka *kafka, uint32_t index, const struct message *message)
{
    struct kafka_topic *topic = &kafka->topics[index];
    size_t size = message->key.size + message->value.size;
    if (!may_produce(kafka, topic, size)) {
        return ERR_AGAIN;
    }
    const struct kafka_sent sent = {.id = message->seq, .topic = index, .size = (uint32_t)size};
    uint32_t ticket = kafka_window_put(kafka->window, sent);
    if (ticket == 0) {
        return ERR_AGAIN;
    }
    bool has_key = message->key.size > 0;
    rd_kafka_headers_t *headers = headers_of(message);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic->handle},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {has_key ? (void *)(uintptr_t)message->key.at : NULL, message->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)message->value.at, message->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->time_ms > 0 ? message->time_ms : 0},
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

static enum err kafka_send(struct output *output, const struct message *message)
{
    struct kafka *kafka = output->state;
    assert(message->product < kafka->product_count);
    struct kafka_topic *topic = &kafka->topics[message->product];
    if (!topic->count_recalled) {
        topic->count_recalled = true;
        topic->partition_count = output->topics[message->product].partition_count;
    }
    return produce(kafka, message->product, message);
}

// The companion topic of this name; made where it is new.
static enum err companion(struct kafka *kafka, const char *name, uint32_t *index)
{
    for (uint32_t i = kafka->product_count; i < kafka->topic_count; i++) {
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

static enum err kafka_tell(struct output *output, const char *topic, struct bytes key,
                           struct bytes value, uint64_t token)
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

// ---- serving ----

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
static bool serve_events(struct kafka *kafka)
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

static void tell_cursors(struct kafka *kafka)
{
    for (uint32_t i = 0; i < kafka->product_count; i++) {
        const struct kafka_cursor *lane = &kafka->courier.cursors[i];
        uint64_t epoch = kafka->output->topics[i].epoch;
        uint64_t next_seq = kafka_cursor_unite(kafka->courier.cursors, epoch);
        if (next_seq > 0) {
            output_cursor(kafka->output, i, next_seq);
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
            window_end(kafka, true);
            break;
        case TRANSACTION_ABORTED:
            window_end(kafka, false);
            break;
        case TRANSACTION_BROKEN:
            kafka->failed = true;
            return;
        case TRANSACTION_NOTHING:
            break;
        }
    }
}

static void client_renew(struct kafka *kafka, int64_t now_ms)
{
    if (kafka->courier.busy) { // with this client, or with the end of the last one
        bool due = kafka->client == NULL && now_ms >= kafka->revive_due_ms;
        kafka->revive_due_ms += due ? REVIVE_MIN_MS : 0;
        return;
    }
    if (kafka->client != NULL && kafka->failed) {
        for (int i = 0; i < REPORT_ROUNDS && serve_events(kafka); i++) {
            // what was delivered before the end must not be given back
        }
        client_end(kafka);
        kafka->revive_ms = kafka->revive_ms == 0 ? REVIVE_MIN_MS : kafka->revive_ms * 2;
        kafka->revive_ms = kafka->revive_ms > REVIVE_MAX_MS ? REVIVE_MAX_MS : kafka->revive_ms;
        int64_t hold_ms = kafka->transaction.hold_ms;
        kafka->revive_due_ms = now_ms + (hold_ms > 0 ? hold_ms : kafka->revive_ms);
        window_end(kafka, false);
        return;
    }
    if (kafka->client == NULL && now_ms >= kafka->revive_due_ms) {
        if (client_make(kafka) != OK) {
            kafka->revive_due_ms = now_ms + REVIVE_MIN_MS;
        }
    }
}

static void descriptor_clear(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count); // EAGAIN where it was not the one
    (void)got;
}

static void kafka_serve(struct output *output)
{
    struct kafka *kafka = output->state;
    descriptor_clear(kafka->event_fd);
    descriptor_clear(kafka->timer_fd);
    kafka_courier_serve(&kafka->courier);
    bool more = serve_events(kafka);
    int64_t now_ms = clock_boot_ms();
    serve_transaction(kafka, now_ms);
    client_renew(kafka, now_ms);
    if (now_ms >= kafka->timer_ms) {
        kafka->timer_ms = 0; // it went off: set it anew in any case
    }
    for (uint32_t i = 0; i < kafka->topic_count && kafka->client != NULL; i++) {
        kafka_topic_step(&kafka->topics[i], kafka->client, now_ms);
    }
    timer_set(kafka);
    if (more) {
        wake(kafka); // come again after the others
    }
}

static bool kafka_flush(struct output *output, int wait_ms)
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

static void kafka_stat(struct output *output, struct output_stat *stat)
{
    const struct kafka *kafka = output->state;
    struct tls_count wire;
    *stat = (struct output_stat){.rtt_ms = -1};
    kafka_link_stat(&kafka->link, stat);
    if (kafka_tls_count(&kafka->settings, &wire)) { // TLS's own bytes, and the heartbeat's
        stat->wire_bytes = wire.sent_bytes;
        stat->received_bytes = wire.received_bytes;
    }
    memcpy(stat->cluster_id, kafka->cluster_id, sizeof stat->cluster_id);
    int64_t still_ms = clock_boot_ms() - kafka->moved_ms;
    if (stat->link == LINK_UP && kafka_window_count(kafka->window) > 0 &&
        still_ms > kafka->stall_ms) {
        stat->link = LINK_DOWN;
        (void)snprintf(stat->reason_code, sizeof stat->reason_code, "kafka.stalled");
        (void)snprintf(stat->reason, sizeof stat->reason,
                       "no acknowledgement for %lld s; records wait in the spool",
                       (long long)(still_ms / 1000));
    }
    for (uint32_t i = 0; i < kafka->topic_count && stat->refusal[0] == 0; i++) {
        memcpy(stat->refusal, kafka->topics[i].refusal, sizeof stat->refusal);
    }
    if (kafka->client == NULL && kafka->transaction.hold_ms > 0) {
        stat->link = LINK_DOWN; // of our own will
    }
    if (stat->reason[0] == 0) {
        memcpy(stat->reason, kafka->transaction.reason, sizeof stat->reason);
        memcpy(stat->reason_code, kafka->transaction.code, sizeof stat->reason_code);
    }
    for (uint32_t i = 0; i < kafka->topic_count && stat->reason[0] == 0; i++) {
        memcpy(stat->reason, kafka->topics[i].reason, sizeof stat->reason);
        memcpy(stat->reason_code, kafka->topics[i].code, sizeof stat->reason_code);
    }
}

// An open transaction is ended, since its records would hold up others; what else is on its way is
// in the spool.
static void kafka_close(struct output *output)
{
    struct kafka *kafka = output->state;
    int64_t until_ms = clock_boot_ms() + CLOSE_WAIT_MS;
    if (kafka->transaction.on && kafka->client != NULL) {
        (void)kafka_flush(output, CLOSE_WAIT_MS / 2);
    }
    output->state = NULL;
    bool done = kafka_courier_wait(&kafka->courier, until_ms - clock_boot_ms());
    if (done && kafka->client != NULL) {
        client_end(kafka);
        done = kafka_courier_wait(&kafka->courier, until_ms - clock_boot_ms());
    }
    if (!done) {
        return; // the courier still looks at all of it; the process ends soon
    }
    kafka_courier_close(&kafka->courier);
    descriptors_close(kafka);
    kafka_window_close(kafka->window);
    free(kafka);
}

const struct output_driver kafka_output = {
    .name = "kafka",
    .help = "Apache Kafka, by librdkafka",
    .options = kafka_client_options,
    .check = kafka_client_check,
    .open = kafka_open,
    .send = kafka_send,
    .serve = kafka_serve,
    .stat = kafka_stat,
    .tell = kafka_tell,
    .flush = kafka_flush,
    .close = kafka_close,
};
