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
#include "ports/output/kafka_inner.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "ports/output/kafka_tls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CLOSE_WAIT_MS = 2000 };

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

// A topic of a product, with `halves` of its share of the window (K3).
static void topic_init(struct kafka *kafka, uint32_t index, uint32_t product, const char *name,
                       uint32_t halves)
{
    kafka->product_of[index] = product;
    kafka_topic_init(&kafka->topics[index], name, kafka->output->topics[product].rule,
                     kafka->output->gateway, WINDOW_MESSAGES / kafka->product_count * halves / 2,
                     kafka_window_bytes(kafka) / kafka->product_count * halves / 2);
}

static void topics_init(struct kafka *kafka)
{
    kafka->lane_count = kafka->product_count;
    for (uint32_t i = 0; i < kafka->product_count; i++) {
        const struct output_topic *topic = &kafka->output->topics[i];
        topic_init(kafka, i, i, topic->topic, topic->late_topic == NULL ? 2 : 1);
        if (topic->late_topic != NULL) {
            kafka->late_at[i] = kafka->lane_count;
            topic_init(kafka, kafka->lane_count++, i, topic->late_topic, 1);
        }
    }
    kafka->topic_count = kafka->lane_count;
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
    courier->settings = &kafka->settings;
    courier->lane_count = kafka->lane_count;
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
    static const int64_t still_ms[] = {10000, 30000, 120000};
    kafka->settings.linger_ms = kafka->output->linger_ms;
    kafka->stall_ms = stall_ms[kafka->settings.link];
    kafka->still_ms = still_ms[kafka->settings.link];
    kafka_link_init(&kafka->link, kafka->settings.bootstrap);
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
    transaction_init(kafka);
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
        err = kafka->window == NULL ? ERR_FAILED : kafka_client_make(kafka);
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

static int64_t still_ms(const struct kafka *kafka)
{
    return kafka_window_count(kafka->window) == 0 ? 0 : clock_boot_ms() - kafka->moved_ms;
}

static bool kafka_answers(const struct output *output)
{
    const struct kafka *kafka = output->state;
    return kafka->client != NULL && !kafka->failed && kafka->link.up &&
           (!kafka->transaction.on || kafka_transaction_is_ready(&kafka->transaction)) &&
           still_ms(kafka) <= kafka->still_ms;
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
    if (stat->link == LINK_UP && still_ms(kafka) > kafka->stall_ms) {
        stat->link = LINK_DOWN;
        (void)snprintf(stat->reason_code, sizeof stat->reason_code, "kafka.stalled");
        (void)snprintf(stat->reason, sizeof stat->reason,
                       "no acknowledgement for %lld s; records wait in the spool",
                       (long long)(still_ms(kafka) / 1000));
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
        kafka_client_end(kafka);
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
    .answers = kafka_answers,
    .tell = kafka_tell,
    .flush = kafka_flush,
    .close = kafka_close,
};
