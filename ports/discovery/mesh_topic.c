// Topics, by the requests of Kafka's admin client.
#include "ports/discovery/mesh_inner.h"

#include "agent/clock.h"

#include <stdio.h>
#include <unistd.h>

rd_kafka_AdminOptions_t *mesh_options(struct mesh *mesh, rd_kafka_admin_op_t operation)
{
    char ignored[64];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(mesh->client, operation);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, mesh->wait_ms, ignored,
                                                    sizeof ignored);
    return options;
}

rd_kafka_event_t *mesh_answer(struct mesh *mesh, rd_kafka_resp_err_t *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(mesh->queue, mesh->wait_ms + 1000);
    *err = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (event != NULL && *err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_event_destroy(event);
        event = NULL;
    }
    return event;
}

// ---- asking ----

// Configs are the controller's to tell. A cluster that names one which is none of its brokers, as
// librdkafka's own mock does, has nobody to ask; librdkafka would wait for it.
static bool has_controller(const struct mesh *mesh, const struct rd_kafka_metadata *metadata)
{
    int32_t controller = rd_kafka_controllerid(mesh->client, 0);
    bool has = controller < 0; // not told yet
    for (int i = 0; i < metadata->broker_cnt; i++) {
        has = has || metadata->brokers[i].id == controller;
    }
    return has;
}

static rd_kafka_resp_err_t count_partitions(struct mesh *mesh, struct mesh_topic *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(mesh->client, topic->name, NULL);
    if (handle == NULL) {
        return RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
    }
    rd_kafka_resp_err_t err = rd_kafka_metadata(mesh->client, 0, handle, &metadata, mesh->wait_ms);
    rd_kafka_topic_destroy(handle);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err;
    }
    err = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
        err = RD_KAFKA_RESP_ERR_NO_ERROR; // it is there, and for the moment without one
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        topic->partitions = metadata->topics[0].partition_cnt;
        topic->is_unseen = !has_controller(mesh, metadata);
        topic->replication =
            topic->partitions > 0 ? metadata->topics[0].partitions[0].replica_cnt : -1;
    }
    rd_kafka_metadata_destroy(metadata);
    return err;
}

typedef void take_config(void *taker, const rd_kafka_ConfigEntry_t *entry);

static rd_kafka_resp_err_t ask_configs(struct mesh *mesh, const char *name, take_config *take,
                                       void *taker)
{
    rd_kafka_ConfigResource_t *asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_AdminOptions_t *options = mesh_options(mesh, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(mesh->client, &asked, 1, options, mesh->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(asked);
    rd_kafka_resp_err_t err;
    rd_kafka_event_t *event = mesh_answer(mesh, &err);
    if (event == NULL) {
        return err;
    }
    size_t count = 0;
    const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    err = count == 1 ? rd_kafka_ConfigResource_error(found[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    size_t entry_count = 0;
    const rd_kafka_ConfigEntry_t **entries = NULL;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        entries = rd_kafka_ConfigResource_configs(found[0], &entry_count);
    }
    for (size_t i = 0; i < entry_count; i++) {
        take(taker, entries[i]);
    }
    rd_kafka_event_destroy(event);
    return err;
}

static void take_value(void *taker, const rd_kafka_ConfigEntry_t *entry)
{
    struct mesh_topic *topic = taker;
    const char *value = rd_kafka_ConfigEntry_value(entry);
    for (uint32_t i = 0; i < topic->config_count; i++) {
        if (strcmp(topic->configs[i].name, rd_kafka_ConfigEntry_name(entry)) == 0) {
            (void)snprintf(topic->configs[i].value, sizeof topic->configs[i].value, "%s",
                           value != NULL ? value : "");
        }
    }
}

enum err mesh_describe(struct mesh *mesh, struct mesh_topic *topic, char why[KAFKA_SENTENCE_SIZE])
{
    rd_kafka_resp_err_t err = count_partitions(mesh, topic);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && topic->config_count > 0 && !topic->is_unseen) {
        err = ask_configs(mesh, topic->name, take_value, topic);
        topic->is_unseen = err == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
        err = topic->is_unseen ? RD_KAFKA_RESP_ERR_NO_ERROR : err;
    }
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? OK : mesh_failed(mesh, err, topic->name, why);
}

// ---- making ----

static rd_kafka_NewTopic_t *new_topic(const struct mesh_topic *topic, char why[KAFKA_SENTENCE_SIZE])
{
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic->name, topic->partitions,
                                                      topic->replication, why, KAFKA_SENTENCE_SIZE);
    for (uint32_t i = 0; made != NULL && i < topic->config_count; i++) {
        (void)rd_kafka_NewTopic_set_config(made, topic->configs[i].name, topic->configs[i].value);
    }
    return made;
}

// The verdict on the one topic of an answer.
static enum err topic_result(struct mesh *mesh, rd_kafka_event_t *event, const char *name,
                             char why[KAFKA_SENTENCE_SIZE])
{
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t err =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return OK;
    }
    const char *text = count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
    enum err failed = mesh_failed(mesh, err, name, why);
    if (failed == ERR_FAILED && text != NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %.100s: the cluster refuses it: %.120s",
                       name, text);
    }
    return failed;
}

static bool has_leaders(struct mesh *mesh, const char *name)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(mesh->client, name, NULL);
    if (handle == NULL) {
        return false;
    }
    rd_kafka_resp_err_t err = rd_kafka_metadata(mesh->client, 0, handle, &metadata, mesh->wait_ms);
    rd_kafka_topic_destroy(handle);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    const struct rd_kafka_metadata_topic *topic = &metadata->topics[0];
    bool led = metadata->topic_cnt == 1 && topic->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
               topic->partition_cnt > 0;
    for (int i = 0; led && i < topic->partition_cnt; i++) {
        led = topic->partitions[i].leader >= 0;
    }
    rd_kafka_metadata_destroy(metadata);
    return led;
}

enum err mesh_create(struct mesh *mesh, const struct mesh_topic *topic,
                     char why[KAFKA_SENTENCE_SIZE])
{
    rd_kafka_NewTopic_t *made = new_topic(topic, why);
    if (made == NULL) {
        return ERR_INVALID;
    }
    rd_kafka_AdminOptions_t *options = mesh_options(mesh, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(mesh->client, &made, 1, options, mesh->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(made);
    rd_kafka_resp_err_t failed;
    rd_kafka_event_t *event = mesh_answer(mesh, &failed);
    if (event == NULL) {
        return mesh_failed(mesh, failed, topic->name, why);
    }
    enum err err = topic_result(mesh, event, topic->name, why);
    rd_kafka_event_destroy(event);
    int64_t end_ms = clock_boot_ms() + mesh->wait_ms;
    while (err == OK && !has_leaders(mesh, topic->name) && clock_boot_ms() < end_ms) {
        (void)usleep(50000);
    }
    return err;
}

// ---- changing ----

struct change {
    const struct mesh_topic *topic;
    rd_kafka_ConfigResource_t *resource;
};

static bool is_set_anew(const struct mesh_topic *topic, const char *name)
{
    for (uint32_t i = 0; i < topic->config_count; i++) {
        if (strcmp(topic->configs[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

// AlterConfigs replaces all that was set for a topic (librdkafka before 2.2 has no other), so what
// was set is said again; a name that stands twice would be refused.
static void keep_config(void *taker, const rd_kafka_ConfigEntry_t *entry)
{
    struct change *change = taker;
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);
    if (rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG &&
        value != NULL && !is_set_anew(change->topic, name)) {
        (void)rd_kafka_ConfigResource_set_config(change->resource, name, value);
    }
}

static rd_kafka_resp_err_t alter(struct mesh *mesh, struct change *change)
{
    for (uint32_t i = 0; i < change->topic->config_count; i++) {
        (void)rd_kafka_ConfigResource_set_config(change->resource, change->topic->configs[i].name,
                                                 change->topic->configs[i].value);
    }
    rd_kafka_AdminOptions_t *options = mesh_options(mesh, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(mesh->client, &change->resource, 1, options, mesh->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_resp_err_t err;
    rd_kafka_event_t *event = mesh_answer(mesh, &err);
    if (event == NULL) {
        return err;
    }
    size_t count = 0;
    const rd_kafka_ConfigResource_t **results =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    err = count == 1 ? rd_kafka_ConfigResource_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    rd_kafka_event_destroy(event);
    return err;
}

enum err mesh_configure(struct mesh *mesh, const struct mesh_topic *topic,
                        char why[KAFKA_SENTENCE_SIZE])
{
    struct change change = {.topic = topic,
                            .resource =
                                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic->name)};
    rd_kafka_resp_err_t err = ask_configs(mesh, topic->name, keep_config, &change);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = alter(mesh, &change);
    }
    rd_kafka_ConfigResource_destroy(change.resource);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? OK : mesh_failed(mesh, err, topic->name, why);
}
