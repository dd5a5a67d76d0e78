#include "ports/output/kafka_topic.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <assert.h>
#include <stdio.h>

enum {
    ANSWER_WAIT_MS = 1500,  // for the cluster's answer, round trips of a satellite included
    GOOD_BEFORE_GROWTH = 8, // windows delivered before a cut limit is doubled
};

// Runs on librdkafka's threads as well as in produce.
static int32_t topic_partition(const rd_kafka_topic_t *handle, const void *key, size_t key_size,
                               int32_t count, void *opaque, void *message_opaque)
{
    (void)handle;
    (void)message_opaque;
    struct kafka_topic *topic = opaque;
    int32_t first_count = 0;
    if (!atomic_compare_exchange_strong(&topic->partition_count, &first_count, count) &&
        first_count < count) {
        count = first_count;
    }
    uint32_t hash = topic->gateway_hash;
    if (topic->rule == RULE_KEY && key_size > 0) {
        hash = bytes_murmur2(bytes_from(key, key_size));
    }
    return (int32_t)((hash & 0x7fffffffU) % (uint32_t)count); // as Kafka's Java client does
}

void kafka_topic_init(struct kafka_topic *topic, const char *name, enum partition_by_rule rule,
                      const char *gateway, uint32_t message_limit, uint32_t byte_limit)
{
    assert(strlen(name) <= TOPIC_NAME_MAX);
    memset(topic, 0, sizeof *topic);
    memcpy(topic->name, name, strlen(name) + 1);
    topic->rule = rule;
    topic->gateway_hash = bytes_murmur2(bytes_text(gateway));
    topic->message_limit = message_limit;
    topic->message_limit_full = message_limit;
    topic->byte_limit = byte_limit;
    kafka_stamp_init(&topic->stamp);
}

bool kafka_topic_open(struct kafka_topic *topic, rd_kafka_t *client)
{
    assert(topic->handle == NULL);
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(client);
    rd_kafka_topic_conf_set_partitioner_cb(conf, topic_partition);
    rd_kafka_topic_conf_set_opaque(conf, topic);
    topic->handle = rd_kafka_topic_new(client, topic->name, conf);
    if (topic->handle == NULL) {
        rd_kafka_topic_conf_destroy(conf);
        (void)snprintf(topic->code, sizeof topic->code, "topic.unknown");
        (void)snprintf(topic->reason, sizeof topic->reason, "topic %.180s: not a topic's name",
                       topic->name);
        topic->held = true;
        topic->due_ms = INT64_MAX;
    }
    return topic->handle != NULL;
}

void kafka_topic_close(struct kafka_topic *topic)
{
    if (topic->handle != NULL) {
        rd_kafka_topic_destroy(topic->handle);
        topic->handle = NULL;
    }
}

bool kafka_topic_has_room(const struct kafka_topic *topic, size_t size)
{
    return !topic->held && topic->message_count < topic->message_limit &&
           (topic->byte_count + size <= topic->byte_limit || topic->byte_count == 0);
}

void kafka_topic_sent(struct kafka_topic *topic, size_t size)
{
    topic->message_count++;
    topic->byte_count += (uint32_t)size;
}

// ---- trouble ----

static const struct {
    rd_kafka_resp_err_t err;
    const char *code;
    const char *sentence;
} troubles[] = {
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "topic.unknown",
     "the cluster has no such topic; create it, records wait"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "topic.unknown",
     "the cluster has no such topic; create it, records wait"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, "topic.unknown",
     "the cluster refuses this name of a topic; records wait"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "topic.partitions",
     "it has fewer partitions than it had; records wait"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "topic.denied",
     "no right to write; grant Write and Describe, records wait"},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, "topic.replicas",
     "too few replicas are in sync; records wait"},
};

static void trouble_tell(struct kafka_topic *topic, rd_kafka_resp_err_t err)
{
    char old[sizeof topic->reason];
    memcpy(old, topic->reason, sizeof old);
    const char *code = "topic.failed";
    const char *sentence = rd_kafka_err2str(err);
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        if (troubles[i].err == err) {
            code = troubles[i].code;
            sentence = troubles[i].sentence;
        }
    }
    (void)snprintf(topic->code, sizeof topic->code, "%s", code);
    (void)snprintf(topic->reason, sizeof topic->reason, "topic %.120s: %.100s", topic->name,
                   sentence);
    if (strcmp(old, topic->reason) != 0) {
        log_warn(code, "topic=%s reason=\"%s\"", topic->name, sentence);
    }
}

void kafka_topic_trouble(struct kafka_topic *topic, rd_kafka_resp_err_t err, int64_t now_ms)
{
    if (topic->held && !topic->drain) {
        return; // one of many that came back for the same cause
    }
    trouble_tell(topic, err);
    topic->hold_ms = topic->hold_ms == 0 ? TOPIC_HOLD_MIN_MS : topic->hold_ms * 2;
    topic->hold_ms = topic->hold_ms > TOPIC_HOLD_MAX_MS ? TOPIC_HOLD_MAX_MS : topic->hold_ms;
    topic->held = true;
    topic->drain = false;
    topic->asked = false;
    topic->due_ms = now_ms + topic->hold_ms;
}

static void trouble_end(struct kafka_topic *topic)
{
    if (topic->code[0] != 0) {
        log_info("topic.well", "topic=%s was=%s", topic->name, topic->code);
        topic->code[0] = 0;
        topic->reason[0] = 0;
    }
    topic->hold_ms = 0;
}

// The whole batch is refused for one record of it, and the broker does not say for which. So less
// and less is sent at once, until the refused one stands alone.
static enum delivered refused(struct kafka_topic *topic, uint32_t sent_together,
                              rd_kafka_resp_err_t err)
{
    if (sent_together == 1 && topic->message_limit == 1) {
        (void)snprintf(topic->refusal, sizeof topic->refusal, "the broker says: %s",
                       rd_kafka_err2str(err));
        log_warn("record.refused", "topic=%s reason=\"%s\"", topic->name, topic->refusal);
        return DELIVERED_REFUSED;
    }
    if (!topic->drain && !topic->held) {
        uint32_t half =
            (sent_together < topic->message_limit ? sent_together : topic->message_limit);
        topic->message_limit = half / 2 == 0 ? 1 : half / 2;
        topic->good_count = 0;
        topic->held = true;
        topic->drain = true;
        topic->due_ms = INT64_MAX;
    }
    return DELIVERED_AGAIN;
}

static bool refuses_the_record(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP || err == RD_KAFKA_RESP_ERR_POLICY_VIOLATION;
}

static void delivered_well(struct kafka_topic *topic)
{
    if (topic->code[0] != 0 || topic->hold_ms != 0) {
        trouble_end(topic);
    }
    if (topic->message_limit == topic->message_limit_full) {
        return;
    }
    topic->good_count++;
    if (topic->good_count >= GOOD_BEFORE_GROWTH * topic->message_limit) {
        uint32_t doubled = topic->message_limit * 2;
        topic->message_limit =
            doubled < topic->message_limit_full ? doubled : topic->message_limit_full;
        topic->good_count = 0;
    }
}

// These come of the end of a client or of its producer's id; they say nothing about the topic, and
// who knows more tells.
static bool given_back(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED || err == RD_KAFKA_RESP_ERR__FENCED ||
           err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING ||
           err == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE || err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
           err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT || err == RD_KAFKA_RESP_ERR__DESTROY ||
           err == RD_KAFKA_RESP_ERR__FATAL || err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

// The time stamp of one of the batch is refused: all come back, and go again with others.
static void stamp_refused(struct kafka_topic *topic, int64_t time_ms)
{
    kafka_stamp_refused(&topic->stamp, time_ms, clock_wall_ms());
    topic->stamp_refused = true;
    if (!topic->held) {
        topic->held = true;
        topic->drain = true;
        topic->due_ms = INT64_MAX;
    }
}

static void stamp_narrow(struct kafka_topic *topic)
{
    topic->stamp_refused = false;
    topic->stamps_tried = !kafka_stamp_narrow(&topic->stamp);
    if (!topic->stamp_told) {
        topic->stamp_told = true;
        log_warn("time.refused",
                 "topic=%s: it refuses time stamps so far from now; such records go with the time "
                 "of sending, what was observed stays in the value",
                 topic->name);
    }
}

enum delivered kafka_topic_delivered(struct kafka_topic *topic, size_t size, int64_t time_ms,
                                     rd_kafka_resp_err_t err, int64_t now_ms)
{
    uint32_t sent_together = topic->message_count;
    enum delivered how = DELIVERED_AGAIN;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        delivered_well(topic);
        how = DELIVERED_OK;
    } else if (err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP && !topic->stamps_tried) {
        stamp_refused(topic, time_ms);
    } else if (refuses_the_record(err)) {
        how = refused(topic, sent_together, err);
    } else if (!given_back(err)) {
        kafka_topic_trouble(topic, err, now_ms);
    }
    topic->message_count--;
    topic->byte_count -= (uint32_t)size;
    if (topic->drain && topic->message_count == 0) {
        topic->drain = false;
        topic->held = false;
        if (topic->stamp_refused) {
            stamp_narrow(topic);
        }
    }
    return how;
}

// The cluster's answer changes what librdkafka knows of the topic; nobody waits for it here: with a
// time-out of 0 the call only sends the question.
static void topic_ask(const struct kafka_topic *topic, rd_kafka_t *client)
{
    const struct rd_kafka_metadata *answer = NULL;
    if (rd_kafka_metadata(client, 0, topic->handle, &answer, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(answer);
    }
}

void kafka_topic_step(struct kafka_topic *topic, rd_kafka_t *client, int64_t now_ms)
{
    if (!topic->held || topic->drain || now_ms < topic->due_ms || topic->handle == NULL) {
        return;
    }
    if (!topic->asked) {
        topic_ask(topic, client);
        topic->asked = true;
        topic->due_ms = now_ms + ANSWER_WAIT_MS;
    } else if (topic->message_count > 0) {
        topic->due_ms = now_ms + TOPIC_HOLD_MIN_MS; // what is still out would come behind the next
    } else {
        topic->held = false;
    }
}

int64_t kafka_topic_due_ms(const struct kafka_topic *topic)
{
    return topic->held && !topic->drain ? topic->due_ms : INT64_MAX;
}
