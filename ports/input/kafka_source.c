// The simple consumer of librdkafka, all partitions onto one queue.
//
// 1. A partition is begun once: after a look (in the worker) that tells its bounds.
// 2. `position.next[p]` moves only when a message was passed, and never back, so what was taken
// from
//    the queue and not passed is read again after a restart.
// 3. While a look is out, `look` is the worker's.
#include "ports/input/kafka_source.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/worker.h"

#include <assert.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    BATCH_MAX = 256,
    LOOK_WAIT_MS = 10000,      // for each answer of a broker
    LOOK_AGAIN_MS = 300000,    // for new partitions
    LOOK_FAILED_MIN_MS = 1000, // after a look without an answer, doubling
    LOOK_FAILED_MAX_MS = 60000,
    CLOSE_WAIT_MS = 2000,
};

// One look at the topic.
struct look {
    struct job job;
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    const char *name;
    int64_t since_ms;
    bool wanted[KAFKA_POSITION_PARTITIONS_MAX]; // its bounds, where it exists

    rd_kafka_resp_err_t err;
    uint64_t cluster; // hash of the id
    int32_t count;
    struct look_bounds {
        int64_t low, high; // offsets of the first record, and after the last one
        int64_t since;     // of the first record not older than wanted
    } bounds[KAFKA_POSITION_PARTITIONS_MAX];
};

struct kafka_source {
    const char *name; // of the topic
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue, *events;
    struct worker *worker;
    struct look look;
    bool is_looking;
    int64_t look_due_ms, look_wait_ms;
    int event_fd;

    struct kafka_position position;
    int64_t look_back;
    int64_t due[KAFKA_POSITION_PARTITIONS_MAX]; // the next offset that is given
    bool begun[KAFKA_POSITION_PARTITIONS_MAX];
    bool astray[KAFKA_POSITION_PARTITIONS_MAX]; // begun, and its offset is no longer there
    uint64_t missed;

    rd_kafka_message_t *batch[BATCH_MAX];
    size_t batch_at, batch_count;

    bool is_down;
    char trouble[KAFKA_SENTENCE_SIZE]; // "": none
};

static const uint64_t one = 1; // what is written to an eventfd

// ---- trouble ----

static void trouble_is(struct kafka_source *source, bool is_down, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void trouble_is(struct kafka_source *source, bool is_down, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(source->trouble, sizeof source->trouble, format, list);
    va_end(list);
    source->is_down = is_down;
}

static void client_error(rd_kafka_t *client, int err, const char *reason, void *opaque)
{
    (void)client;
    struct kafka_source *source = opaque;
    struct kafka_fault fault;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        source->is_down = source->trouble[0] != '\0';
        return; // says nothing that the error before it did not
    }
    kafka_fault_of((rd_kafka_resp_err_t)err, reason, &fault);
    if (!fault.ordinary) {
        trouble_is(source, true, "%s", fault.sentence);
    }
}

static void topic_error(struct kafka_source *source, rd_kafka_resp_err_t err)
{
    const char *topic = source->name;
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        trouble_is(source, true, "topic %.150s: the cluster has no such topic", topic);
        return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        trouble_is(source, true, "topic %.150s: this user may not read it; grant Read and Describe",
                   topic);
        return;
    default:
        if (source->trouble[0] == '\0') { // else the cause is known better
            trouble_is(source, true, "topic %.120s: no answer from the cluster (%.80s)", topic,
                       rd_kafka_err2str(err));
        }
    }
}

// ---- the look, in the worker ----

static rd_kafka_resp_err_t look_at_topic(struct look *look)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err =
        rd_kafka_metadata(look->client, 0, look->topic, &metadata, LOOK_WAIT_MS);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err;
    }
    bool found = metadata->topic_cnt == 1;
    err = found ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    look->count = found ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    char *cluster = rd_kafka_clusterid(look->client, LOOK_WAIT_MS);
    look->cluster = kafka_position_hash(cluster != NULL ? cluster : "");
    rd_kafka_mem_free(look->client, cluster);
    return cluster == NULL && err == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR__TIMED_OUT
                                                                : err;
}

// The first record of `partition` that is not older than wanted.
static rd_kafka_resp_err_t look_by_time(struct look *look, int32_t partition)
{
    struct look_bounds *bounds = &look->bounds[partition];
    bounds->since = bounds->low;
    if (look->since_ms == KAFKA_SOURCE_ALL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, look->name, partition)->offset =
        clock_wall_ms() - look->since_ms;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(look->client, list, LOOK_WAIT_MS);
    err = err == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[0].err : err;
    bounds->since = list->elems[0].offset >= 0 ? list->elems[0].offset : bounds->high;
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

static void look_work(struct job *job)
{
    struct look *look = (struct look *)((char *)job - offsetof(struct look, job));
    look->err = look_at_topic(look);
    int32_t count =
        look->count < KAFKA_POSITION_PARTITIONS_MAX ? look->count : KAFKA_POSITION_PARTITIONS_MAX;
    for (int32_t i = 0; i < count && look->err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        struct look_bounds *bounds = &look->bounds[i];
        if (!look->wanted[i]) {
            continue;
        }
        look->err = rd_kafka_query_watermark_offsets(look->client, look->name, i, &bounds->low,
                                                     &bounds->high, LOOK_WAIT_MS);
        if (look->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            look->err = look_by_time(look, i);
        }
    }
}

// ---- the look's answer ----

// What the position says counts only for this topic of this cluster.
static void settle_position(struct kafka_source *source)
{
    struct kafka_position *position = &source->position;
    uint64_t topic = kafka_position_hash(source->name);
    if (position->count > 0 &&
        (position->cluster != source->look.cluster || position->topic != topic)) {
        log_warn("kafka.source", "topic=%s: the position is of another %s and is not used",
                 source->name, position->topic != topic ? "topic" : "cluster");
        position->count = 0;
        memcpy(source->astray, source->begun, sizeof source->astray);
        source->look_due_ms = clock_boot_ms();
    }
    position->cluster = source->look.cluster;
    position->topic = topic;
    int32_t count = source->look.count;
    if (count > KAFKA_POSITION_PARTITIONS_MAX) {
        count = KAFKA_POSITION_PARTITIONS_MAX;
    }
    if (count != source->look.count && position->count != count) {
        log_warn("kafka.source", "topic=%s partitions=%d: only the first %d are read", source->name,
                 (int)source->look.count, (int)count);
    }
    for (; position->count < count; position->count++) {
        position->next[position->count] = -1;
    }
}

// Where to go on in a partition whose bounds are known.
static int64_t begin_at(struct kafka_source *source, int32_t partition)
{
    const struct look_bounds *bounds = &source->look.bounds[partition];
    int64_t next = source->position.next[partition];
    if (next < 0) {
        return bounds->since;
    }
    if (next < bounds->low) {
        uint64_t missed = (uint64_t)(bounds->low - next);
        source->missed += missed;
        log_warn("kafka.missed",
                 "topic=%s partition=%d from=%lld to=%lld: deleted before they were read",
                 source->name, (int)partition, (long long)next, (long long)bounds->low - 1);
        return bounds->low;
    }
    if (next > bounds->high) {
        log_warn("kafka.source",
                 "topic=%s partition=%d: ends at %lld, before %lld that was read last; it was made "
                 "anew and is read from its beginning",
                 source->name, (int)partition, (long long)bounds->high, (long long)next);
        return bounds->low;
    }
    return next;
}

static void begin_partition(struct kafka_source *source, int32_t partition)
{
    bool goes_on = source->position.next[partition] >= 0 && !source->astray[partition];
    int64_t low = source->look.bounds[partition].low;
    int64_t at = begin_at(source, partition);
    source->position.next[partition] = at;
    if (goes_on) {
        at = at - source->look_back > low ? at - source->look_back : low < at ? low : at;
    }
    source->due[partition] = at;
    int failed = 0;
    if (source->astray[partition]) {
        failed = rd_kafka_seek(source->topic, partition, at, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
    } else {
        failed = rd_kafka_consume_start_queue(source->topic, partition, at, source->queue);
    }
    if (failed != 0) {
        topic_error(source, rd_kafka_last_error());
        return;
    }
    source->begun[partition] = true;
    source->astray[partition] = false;
}

static void look_failed(struct kafka_source *source, int64_t now_ms)
{
    topic_error(source, source->look.err);
    source->look_due_ms = now_ms + source->look_wait_ms;
    source->look_wait_ms = source->look_wait_ms * 2 < LOOK_FAILED_MAX_MS ? source->look_wait_ms * 2
                                                                         : LOOK_FAILED_MAX_MS;
}

static void look_done(struct job *job)
{
    struct look *look = (struct look *)((char *)job - offsetof(struct look, job));
    struct kafka_source *source =
        (struct kafka_source *)((char *)look - offsetof(struct kafka_source, look));
    int64_t now_ms = clock_boot_ms();
    source->is_looking = false;
    (void)rd_kafka_poll(source->client, 0); // the cause of a failure, where there is one
    if (look->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        look_failed(source, now_ms);
        return;
    }
    source->trouble[0] = '\0';
    source->is_down = false;
    source->look_wait_ms = LOOK_FAILED_MIN_MS;
    source->look_due_ms = now_ms + LOOK_AGAIN_MS;
    settle_position(source); // may ask for another look
    for (int32_t i = 0; i < source->position.count && i < look->count; i++) {
        if (look->wanted[i] && (!source->begun[i] || source->astray[i])) {
            begin_partition(source, i);
        }
    }
}

static void look_if_due(struct kafka_source *source)
{
    if (source->is_looking || clock_boot_ms() < source->look_due_ms) {
        return;
    }
    for (int32_t i = 0; i < KAFKA_POSITION_PARTITIONS_MAX; i++) {
        source->look.wanted[i] = !source->begun[i] || source->astray[i];
    }
    source->is_looking = true;
    worker_give(source->worker, &source->look.job);
}

// ---- messages ----

// A partition's message that is an error.
static void take_error(struct kafka_source *source, const rd_kafka_message_t *message)
{
    bool is_known = message->partition >= 0 && message->partition < source->position.count;
    if (is_known && (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                     message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)) {
        source->astray[message->partition] = true;
        source->look_due_ms = clock_boot_ms();
        return;
    }
    topic_error(source, message->err);
}

// The queue is asked when the last batch is at its end.
static void refill(struct kafka_source *source)
{
    ssize_t count = rd_kafka_consume_batch_queue(source->queue, 0, source->batch, BATCH_MAX);
    source->batch_at = 0;
    source->batch_count = count > 0 ? (size_t)count : 0;
}

static void drop_first(struct kafka_source *source)
{
    rd_kafka_message_destroy(source->batch[source->batch_at++]);
}

// Not behind where the reading stands: after a seek the queue may still hold older ones.
static bool is_due(const struct kafka_source *source, const rd_kafka_message_t *message)
{
    int32_t partition = message->partition;
    return partition < source->position.count && !source->astray[partition] &&
           message->offset >= source->due[partition];
}

const rd_kafka_message_t *kafka_source_next(struct kafka_source *source)
{
    for (;;) {
        if (source->batch_at == source->batch_count) {
            refill(source);
        }
        if (source->batch_count == 0) {
            return NULL;
        }
        const rd_kafka_message_t *message = source->batch[source->batch_at];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            take_error(source, message);
        } else if (is_due(source, message)) {
            return message;
        }
        drop_first(source);
    }
}

void kafka_source_pass(struct kafka_source *source)
{
    assert(source->batch_at < source->batch_count);
    const rd_kafka_message_t *message = source->batch[source->batch_at];
    int64_t next = message->offset + 1;
    source->due[message->partition] = next;
    if (next > source->position.next[message->partition]) { // else it was looked back at
        source->position.next[message->partition] = next;
    }
    source->trouble[0] = '\0';
    source->is_down = false;
    drop_first(source);
}

bool kafka_source_is_known(const struct kafka_source *source, const rd_kafka_message_t *message)
{
    return message->offset < source->position.next[message->partition];
}

// ---- the source ----

// False: `why` is the sentence; what was made is undone by release.
static bool make_client(struct kafka_source *source, const struct kafka_client *settings,
                        char why[KAFKA_SENTENCE_SIZE])
{
    char text[200];
    rd_kafka_conf_t *conf = kafka_client_configure(settings, KAFKA_INPUT, why);
    if (conf == NULL) {
        return false;
    }
    rd_kafka_conf_set_opaque(conf, source);
    rd_kafka_conf_set_error_cb(conf, client_error); // served by rd_kafka_poll, on the loop's thread
    source->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (source->client == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "kafka client: %.200s", text);
        return false;
    }
    source->topic = rd_kafka_topic_new(source->client, source->name, NULL);
    if (source->topic == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "\"%.150s\" is no topic's name", source->name);
        return false;
    }
    source->queue = rd_kafka_queue_new(source->client);
    source->events = rd_kafka_queue_get_main(source->client);
    rd_kafka_queue_io_event_enable(source->queue, source->event_fd, &one, sizeof one);
    rd_kafka_queue_io_event_enable(source->events, source->event_fd, &one, sizeof one);
    return true;
}

static void release(struct kafka_source *source)
{
    if (source->worker != NULL) {
        worker_close(source->worker);
    }
    while (source->batch_at < source->batch_count) {
        drop_first(source);
    }
    for (int32_t i = 0; i < source->position.count; i++) {
        if (source->begun[i]) {
            (void)rd_kafka_consume_stop(source->topic, i);
        }
    }
    if (source->events != NULL) {
        rd_kafka_queue_destroy(source->events);
        rd_kafka_queue_destroy(source->queue);
    }
    if (source->topic != NULL) {
        rd_kafka_topic_destroy(source->topic);
    }
    if (source->client != NULL) {
        rd_kafka_destroy(source->client);
    }
    if (source->event_fd >= 0) {
        (void)close(source->event_fd);
    }
    free(source);
}

enum err kafka_source_open(struct kafka_source **out, const struct kafka_source_options *options,
                           char why[KAFKA_SENTENCE_SIZE])
{
    if (!kafka_client_version_fits(why)) {
        return ERR_VERSION;
    }
    struct kafka_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "no memory");
        return ERR_FAILED;
    }
    source->name = options->topic;
    source->look_back = options->look_back;
    (void)kafka_position_get(&source->position, options->position); // empty where there is none
    source->look_wait_ms = LOOK_FAILED_MIN_MS;
    source->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool made = source->event_fd >= 0 && worker_open(&source->worker, "kafka-in") == OK;
    if (!made) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "no thread or descriptor left");
    }
    if (!made || !make_client(source, options->client, why)) {
        release(source);
        return made ? ERR_INVALID : ERR_FAILED;
    }
    source->look = (struct look){.job = {.work = look_work, .done = look_done, .name = "kafka-in"},
                                 .client = source->client,
                                 .topic = source->topic,
                                 .name = options->topic,
                                 .since_ms = options->since_ms};
    *out = source;
    return OK;
}

bool kafka_source_close(struct kafka_source *source)
{
    struct pollfd done = {.fd = worker_fd(source->worker), .events = POLLIN};
    if (source->is_looking && poll(&done, 1, CLOSE_WAIT_MS) <= 0) {
        return false;
    }
    release(source);
    return true;
}

void kafka_source_fds(const struct kafka_source *source, int fds[2])
{
    fds[0] = source->event_fd;
    fds[1] = worker_fd(source->worker);
}

void kafka_source_serve(struct kafka_source *source)
{
    uint64_t count;
    ssize_t got = read(source->event_fd, &count, sizeof count);
    (void)got; // fails where it was readable for the worker only
    worker_serve(source->worker);
    (void)rd_kafka_poll(source->client, 0);
    look_if_due(source);
}

int64_t kafka_source_due_in_ms(const struct kafka_source *source)
{
    if (source->batch_at < source->batch_count) {
        return 0;
    }
    int64_t wait_ms = source->look_due_ms - clock_boot_ms();
    return source->is_looking ? LOOK_AGAIN_MS : wait_ms > 0 ? wait_ms : 0;
}

size_t kafka_source_position(const struct kafka_source *source, uint8_t out[KAFKA_POSITION_MAX])
{
    return kafka_position_put(&source->position, out);
}

const char *kafka_source_trouble(const struct kafka_source *source, bool *is_down)
{
    *is_down = source->is_down;
    return source->trouble[0] != '\0' ? source->trouble : NULL;
}

uint64_t kafka_source_missed(const struct kafka_source *source)
{
    return source->missed;
}
