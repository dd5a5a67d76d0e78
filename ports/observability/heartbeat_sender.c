#include "ports/observability/heartbeat_sender.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "ports/output/kafka_client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SLOTS = 8 + SETTINGS_PRODUCTS_MAX, SERVED_MAX = 64, TIMEOUT_LEAST_MS = 1000 };

struct slot {
    bool out;
    struct heartbeat_told told;
};

struct heartbeat_sender {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue; // delivery reports and errors
    int wake_fd;
    const char *topic;
    const char *what;
    struct slot slots[SLOTS];
    bool any_acked;
    struct heartbeat_told acked;
    rd_kafka_resp_err_t last_err; // of a delivery; told when it changes
};

static bool set_number(rd_kafka_conf_t *conf, const char *key, int64_t value,
                       char why[KAFKA_SENTENCE_SIZE])
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return rd_kafka_conf_set(conf, key, text, why, KAFKA_SENTENCE_SIZE) == RD_KAFKA_CONF_OK;
}

static rd_kafka_conf_t *configure(const struct settings *settings, char why[KAFKA_SENTENCE_SIZE])
{
    struct kafka_client client = kafka_client_of(&settings->kafka, settings->gateway);
    rd_kafka_conf_t *conf = kafka_client_configure(&client, KAFKA_CONTROL, why);
    if (conf == NULL) {
        return NULL;
    }
    int64_t timeout_ms = settings->heartbeat_ms;
    if (timeout_ms < TIMEOUT_LEAST_MS) {
        timeout_ms = TIMEOUT_LEAST_MS;
    }
    // The key decides the partition as Java's producer does it, so that any tool finds it.
    if (set_number(conf, "message.timeout.ms", timeout_ms, why) &&
        set_number(conf, "queue.buffering.max.messages", SLOTS, why) &&
        set_number(conf, "statistics.interval.ms", 0, why) &&
        rd_kafka_conf_set(conf, "partitioner", "murmur2_random", why, KAFKA_SENTENCE_SIZE) ==
            RD_KAFKA_CONF_OK) {
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
        return conf;
    }
    rd_kafka_conf_destroy(conf);
    return NULL;
}

enum err sender_open(struct heartbeat_sender **out, const struct settings *settings,
                     const char *topic, const char *what, int *fd)
{
    char why[KAFKA_SENTENCE_SIZE] = "";
    rd_kafka_conf_t *conf = configure(settings, why);
    rd_kafka_t *client =
        conf == NULL ? NULL : rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (client == NULL) {
        if (conf != NULL) {
            rd_kafka_conf_destroy(conf);
        }
        log_error("heartbeat.client", "topic=%s reason=\"%s\"", topic, why);
        return ERR_INVALID;
    }
    struct heartbeat_sender *sender = calloc(1, sizeof *sender);
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sender == NULL || wake_fd < 0) {
        log_error("heartbeat.memory", "reason=\"%s\"", strerror(errno));
        free(sender);
        rd_kafka_destroy(client);
        return ERR_FAILED;
    }
    *sender = (struct heartbeat_sender){
        .client = client,
        .queue = rd_kafka_queue_get_main(client),
        .wake_fd = wake_fd,
        .topic = topic,
        .what = what,
    };
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(sender->queue, wake_fd, &one, sizeof one);
    *out = sender;
    *fd = wake_fd;
    return OK;
}

// Several errors say one thing.
static rd_kafka_resp_err_t meaning_of(rd_kafka_resp_err_t err)
{
    if (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        return RD_KAFKA_RESP_ERR__MSG_TIMED_OUT; // nobody took it in its time
    }
    if (err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
        return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    return err;
}

static const char *advice_for(rd_kafka_resp_err_t err)
{
    if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return "create the topic, or set heartbeat.topic";
    }
    if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return "grant this gateway Write and Describe on the topic";
    }
    return "data goes on; the next heartbeat tries again";
}

static const char *id_of(const struct heartbeat_sender *sender, const char *event, char id[32])
{
    (void)snprintf(id, 32, "%s%s", sender->what, event);
    return id;
}

static void tell_delivery(struct heartbeat_sender *sender, rd_kafka_resp_err_t err)
{
    char id[32];
    err = meaning_of(err);
    if (err == sender->last_err) {
        return;
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_info(id_of(sender, ".up", id), "topic=%s", sender->topic);
    } else if (err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) {
        log_info(id_of(sender, ".waits", id), "topic=%s reason=\"no broker took it in time\"",
                 sender->topic);
    } else {
        log_warn(id_of(sender, ".refused", id), "topic=%s reason=\"%s\" do=\"%s\"", sender->topic,
                 rd_kafka_err2str(err), advice_for(err));
    }
    sender->last_err = err;
}

static void delivered(struct heartbeat_sender *sender, const rd_kafka_message_t *message)
{
    struct slot *slot = message->_private;
    assert(slot->out);
    slot->out = false;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
        (!sender->any_acked || slot->told.seq > sender->acked.seq)) {
        sender->acked = slot->told;
        sender->any_acked = true;
    }
    tell_delivery(sender, message->err);
}

// One thing from the queue, waiting at most `wait_ms` for it; false where there was none.
static bool serve_one(struct heartbeat_sender *sender, int wait_ms)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(sender->queue, wait_ms);
    if (event == NULL) {
        return false;
    }
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
        const rd_kafka_message_t *message;
        while ((message = rd_kafka_event_message_next(event)) != NULL) {
            delivered(sender, message);
        }
    } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
        // The data's producer tells of the link; here it is for who debugs.
        log_debug("heartbeat.link", "reason=\"%s\"", rd_kafka_event_error_string(event));
    }
    rd_kafka_event_destroy(event);
    return true;
}

void sender_serve(struct heartbeat_sender *sender)
{
    uint64_t count;
    (void)!read(sender->wake_fd, &count, sizeof count);
    for (int i = 0; i < SERVED_MAX && serve_one(sender, 0); i++) {
    }
}

static struct slot *free_slot(struct heartbeat_sender *sender)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (!sender->slots[i].out) {
            return &sender->slots[i];
        }
    }
    return NULL;
}

void sender_send(struct heartbeat_sender *sender, struct bytes key, struct bytes document,
                 const struct heartbeat_told *told)
{
    struct slot *slot = free_slot(sender);
    if (slot == NULL) {
        (void)rd_kafka_purge(sender->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        sender_serve(sender);
        slot = free_slot(sender);
    }
    if (slot == NULL) {
        return; // their reports are on the way; the next heartbeat finds a place
    }
    *slot = (struct slot){.out = true, .told = *told};
    // Key and value are copied, not written; the client's types only cannot say so.
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = sender->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)(uintptr_t)key.at, .size = key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)(uintptr_t)document.at, .size = document.size}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = slot},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(sender->client, parts, sizeof parts / sizeof parts[0]);
    rd_kafka_resp_err_t err = rd_kafka_error_code(error); // of NULL: no error
    rd_kafka_error_destroy(error);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        slot->out = false;
        tell_delivery(sender, err);
    }
}

const struct heartbeat_told *sender_acked(const struct heartbeat_sender *sender)
{
    return sender->any_acked ? &sender->acked : NULL;
}

void sender_drain(struct heartbeat_sender *sender, int wait_ms)
{
    int64_t end_ms = clock_boot_ms() + wait_ms;
    int64_t left_ms = wait_ms;
    while (rd_kafka_outq_len(sender->client) > 0 && left_ms > 0) {
        (void)serve_one(sender, (int)left_ms);
        left_ms = end_ms - clock_boot_ms();
    }
}

void sender_close(struct heartbeat_sender *sender)
{
    (void)rd_kafka_purge(sender->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_queue_io_event_enable(sender->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(sender->queue);
    rd_kafka_destroy(sender->client);
    (void)close(sender->wake_fd);
    free(sender);
}
