#include "agent/command_demo_reader.h"

#include "agent/clock.h"
#include "ports/output/kafka_reader.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ANSWER_WAIT_MS = 15000, RETRY_MS = 200, PARTITIONS_MAX = 1024 };

struct demo_reader {
    rd_kafka_t *client;
    const char *gateway;
    const char *const *topics;
    struct verify *verify;
    struct demo_seen seen;
};

// Add each partition of `topic`, from its end.
static rd_kafka_resp_err_t add_topic(rd_kafka_t *client, const char *topic,
                                     rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, handle, &metadata, ANSWER_WAIT_MS);
    rd_kafka_topic_destroy(handle);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err;
    }
    int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    err = count == 0 ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < count && i < PARTITIONS_MAX && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        int64_t low;
        int64_t high;
        err = rd_kafka_query_watermark_offsets(client, topic, i, &low, &high, ANSWER_WAIT_MS);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_topic_partition_list_add(list, topic, i)->offset = high;
        }
    }
    return err;
}

// A topic that was made a moment ago has no leader yet.
static bool add_new_topic(rd_kafka_t *client, const char *topic,
                          rd_kafka_topic_partition_list_t *list, char why[KAFKA_SENTENCE_SIZE])
{
    int64_t end_ms = clock_boot_ms() + ANSWER_WAIT_MS;
    int before = list->cnt;
    rd_kafka_resp_err_t err = add_topic(client, topic, list);
    while (err != RD_KAFKA_RESP_ERR_NO_ERROR && clock_boot_ms() < end_ms) {
        (void)usleep(RETRY_MS * 1000);
        while (list->cnt > before) {
            (void)rd_kafka_topic_partition_list_del_by_idx(list, list->cnt - 1);
        }
        err = add_topic(client, topic, list);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %s cannot be read: %s", topic,
                       rd_kafka_err2str(err));
    }
    return err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool assign(struct demo_reader *reader, char why[KAFKA_SENTENCE_SIZE])
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(DEMO_TOPIC_COUNT);
    bool found = true;
    for (int i = 0; i < DEMO_TOPIC_COUNT && found; i++) {
        found = add_new_topic(reader->client, reader->topics[i], list, why);
    }
    if (found) {
        rd_kafka_resp_err_t err = rd_kafka_assign(reader->client, list);
        found = err == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!found) {
            (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%s", rd_kafka_err2str(err));
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return found;
}

static rd_kafka_t *open_client(const char *bootstrap, char why[KAFKA_SENTENCE_SIZE])
{
    const struct kafka_client client = {.bootstrap = bootstrap, .client_id = "weir-demo-consumer"};
    rd_kafka_conf_t *conf = kafka_client_configure(&client, KAFKA_READER, why);
    if (conf == NULL) {
        return NULL;
    }
    // Asked for by librdkafka; nothing is committed, so no group comes to be.
    (void)rd_kafka_conf_set(conf, "group.id", "weir-demo", NULL, 0);
    rd_kafka_t *opened = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, KAFKA_SENTENCE_SIZE);
    if (opened == NULL) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    (void)rd_kafka_poll_set_consumer(opened);
    return opened;
}

struct demo_reader *demo_reader_open(const char *bootstrap, const char *gateway,
                                     const char *const *topics, char why[KAFKA_SENTENCE_SIZE])
{
    struct demo_reader *reader = calloc(1, sizeof *reader);
    struct verify *verify = verify_open();
    if (reader == NULL || verify == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "there is no memory");
        free(reader);
        free(verify);
        return NULL;
    }
    *reader = (struct demo_reader){.client = open_client(bootstrap, why),
                                   .gateway = gateway,
                                   .topics = topics,
                                   .verify = verify};
    if (reader->client == NULL || !assign(reader, why)) {
        demo_reader_close(reader);
        return NULL;
    }
    return reader;
}

void demo_reader_close(struct demo_reader *reader)
{
    if (reader->client != NULL) {
        rd_kafka_destroy(reader->client);
    }
    verify_close(reader->verify);
    free(reader);
}

static void take_record(struct demo_reader *reader, const rd_kafka_message_t *message)
{
    struct verify_identity identity;
    struct bytes header = kafka_reader_header(message, "weir");
    if (verify_identity_read(header, &identity) != OK ||
        !bytes_equal(identity.gateway, bytes_text(reader->gateway))) {
        return; // of somebody else
    }
    (void)verify_record(reader->verify, &identity, bytes_from(message->key, message->key_len),
                        false);
    struct demo_seen *seen = &reader->seen;
    seen->records++;
    seen->last_boot_ms = clock_boot_ms();
    (void)snprintf(seen->last_value, sizeof seen->last_value, "%.*s", (int)message->len,
                   (const char *)message->payload);
}

static void take_loss(struct demo_reader *reader, const rd_kafka_message_t *message)
{
    struct verify_loss loss;
    if (verify_loss_read(bytes_from(message->payload, message->len), &loss) == OK &&
        strcmp(loss.gateway, reader->gateway) == 0) {
        (void)verify_declare(reader->verify, &loss);
    }
}

static void copy_text(const cJSON *root, const char *name, char *out, size_t size)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(root, name);
    (void)snprintf(out, size, "%s", cJSON_IsString(member) ? member->valuestring : "-");
}

static void join_reasons(const cJSON *reasons, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    const cJSON *reason;
    cJSON_ArrayForEach(reason, reasons)
    {
        int length = snprintf(out + used, size - used, "%s%s", used == 0 ? "" : " ",
                              cJSON_IsString(reason) ? reason->valuestring : "-");
        if (length < 0 || (size_t)length >= size - used) {
            return; // cut; there is no room for more
        }
        used += (size_t)length;
    }
}

static void note_streams(struct demo_seen *seen, const cJSON *root)
{
    const cJSON *stream;
    cJSON_ArrayForEach(stream, cJSON_GetObjectItemCaseSensitive(root, "streams"))
    {
        const cJSON *seq = cJSON_GetObjectItemCaseSensitive(stream, "seq");
        if (cJSON_IsNumber(seq) && seq->valuedouble > (double)seen->told_seq) {
            seen->told_seq = (uint64_t)seq->valuedouble;
        }
    }
}

static void take_heartbeat(struct demo_reader *reader, const rd_kafka_message_t *message)
{
    struct bytes key = bytes_from(message->key, message->key_len);
    if (!bytes_equal(key, bytes_text(reader->gateway))) {
        return;
    }
    cJSON *root = cJSON_ParseWithLength(message->payload, message->len);
    struct demo_seen *seen = &reader->seen;
    const cJSON *seq = cJSON_GetObjectItemCaseSensitive(root, "seq");
    seen->heartbeats++;
    seen->heartbeat_seq = cJSON_IsNumber(seq) ? (uint64_t)seq->valuedouble : 0;
    copy_text(root, "kind", seen->heartbeat_kind, sizeof seen->heartbeat_kind);
    copy_text(root, "status", seen->heartbeat_status, sizeof seen->heartbeat_status);
    join_reasons(cJSON_GetObjectItemCaseSensitive(root, "reasons"), seen->heartbeat_reasons,
                 sizeof seen->heartbeat_reasons);
    seen->bye = strcmp(seen->heartbeat_kind, "bye") == 0;
    note_streams(seen, root);
    cJSON_Delete(root);
}

static void take(struct demo_reader *reader, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    if (strcmp(topic, reader->topics[DEMO_TOPIC_DATA]) == 0) {
        take_record(reader, message);
    } else if (strcmp(topic, reader->topics[DEMO_TOPIC_LOSSES]) == 0) {
        take_loss(reader, message);
    } else {
        take_heartbeat(reader, message);
    }
}

void demo_reader_poll(struct demo_reader *reader, int wait_ms)
{
    int64_t end_ms = clock_boot_ms() + wait_ms;
    for (int64_t left_ms = wait_ms; left_ms >= 0; left_ms = end_ms - clock_boot_ms()) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->client, (int)left_ms);
        if (message == NULL) {
            return;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            take(reader, message);
        }
        rd_kafka_message_destroy(message);
    }
}

const struct demo_seen *demo_reader_seen(const struct demo_reader *reader)
{
    return &reader->seen;
}

void demo_reader_judge(const struct demo_reader *reader, struct verify_verdict *sum)
{
    *sum = (struct verify_verdict){0};
    for (size_t i = 0; i < verify_stream_count(reader->verify); i++) {
        struct verify_verdict verdict;
        verify_judge(reader->verify, i, &verdict);
        sum->last += verdict.last;
        sum->delivered += verdict.delivered;
        sum->duplicated += verdict.duplicated;
        sum->missing += verdict.missing;
        sum->out_of_order += verdict.out_of_order;
        for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
            sum->declared[cause] += verdict.declared[cause];
        }
    }
}
