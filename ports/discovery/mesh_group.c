// Who reads a topic: the groups that have committed on it.
//
// Kafka's requests tell offsets and no times. Its own topic __consumer_offsets has both; a record
// of it is (integers are big-endian, a string is an int16 length and its bytes):
//
//     key    int16 version 0 or 1 | string group | string topic | int32 partition
//     value  int16 version 0 to 4 | int64 offset | (3, 4: int32 leader epoch) | string metadata
//            | int64 commit time | (1: int64 expiry) | (4: tagged fields); none: forgotten
//
// In version 4 the metadata is a compact string: its length and 1 as a varint.
//
// Source: Kafka's OffsetCommitKey.json and OffsetCommitValue.json.
#include "ports/discovery/mesh_inner.h"

#include <stdio.h>

static const char offsets_topic[] = "__consumer_offsets";

// ---- bytes of __consumer_offsets ----

struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static uint64_t take_number(struct cursor *cursor, size_t size)
{
    uint64_t number = 0;
    if (cursor->left < size) {
        cursor->bad = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | cursor->at[i];
    }
    cursor->at += size;
    cursor->left -= size;
    return number;
}

static struct bytes take_string(struct cursor *cursor)
{
    size_t size = (size_t)take_number(cursor, 2);
    if (cursor->bad || size > INT16_MAX || cursor->left < size) {
        cursor->bad = true;
        return bytes_from(NULL, 0);
    }
    struct bytes text = bytes_from(cursor->at, size);
    cursor->at += size;
    cursor->left -= size;
    return text;
}

// Passed over. Metadata is at most 4096 bytes (offset.metadata.max.bytes), so two bytes are enough.
static void pass_compact_string(struct cursor *cursor)
{
    uint64_t size = take_number(cursor, 1);
    if (size >= 0x80) {
        size = (size & 0x7f) | take_number(cursor, 1) << 7;
    }
    for (; size > 1 && !cursor->bad; size--) {
        (void)take_number(cursor, 1);
    }
}

bool mesh_commit_read(struct bytes key, struct bytes value, struct bytes *group,
                      struct bytes *topic, int64_t *time_ms)
{
    struct cursor keys = {key.at, key.size, false};
    struct cursor values = {value.at, value.size, false};
    uint64_t key_version = take_number(&keys, 2);
    *group = take_string(&keys);
    *topic = take_string(&keys);
    uint64_t version = take_number(&values, 2);
    (void)take_number(&values, 8);
    if (version >= 3) {
        (void)take_number(&values, 4);
    }
    if (version == 4) {
        pass_compact_string(&values);
    } else {
        (void)take_string(&values);
    }
    *time_ms = (int64_t)take_number(&values, 8);
    if (version > 4) {
        *time_ms = -1; // of a newer Kafka: somebody committed, and when cannot be seen
        values.bad = false;
    }
    return key_version <= 1 && !keys.bad && !values.bad;
}

// ---- gathering ----

struct gathering {
    const char *topic;
    struct mesh_groups *groups;
};

static struct mesh_group *group_called(struct mesh_groups *groups, struct bytes name)
{
    for (uint32_t i = 0; i < groups->count; i++) {
        if (bytes_equal(bytes_text(groups->groups[i].name), name)) {
            return &groups->groups[i];
        }
    }
    if (groups->count == MESH_GROUPS_MAX || name.size >= sizeof groups->groups[0].name) {
        return NULL;
    }
    struct mesh_group *group = &groups->groups[groups->count++];
    group->committed_ms = -1;
    memcpy(group->name, name.at, name.size);
    group->name[name.size] = '\0';
    return group;
}

static enum err take_commit(void *taker, const rd_kafka_message_t *message)
{
    struct gathering *gathering = taker;
    struct bytes name, topic;
    int64_t time_ms;
    if (message->payload == NULL ||
        !mesh_commit_read(bytes_from(message->key, message->key_len),
                          bytes_from(message->payload, message->len), &name, &topic, &time_ms) ||
        !bytes_equal(topic, bytes_text(gathering->topic))) {
        return OK; // of another topic, of a group itself, or forgotten
    }
    struct mesh_group *group = group_called(gathering->groups, name);
    if (group == NULL) {
        return ERR_FULL;
    }
    if (time_ms > group->committed_ms) {
        group->committed_ms = time_ms;
    }
    return OK;
}

static enum err read_offsets(struct mesh *mesh, struct gathering *gathering,
                             char why[KAFKA_SENTENCE_SIZE])
{
    static const struct kafka_reader_range whole = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct kafka_reader_told told;
    enum err err = mesh_reader(mesh, why);
    return err != OK ? err
                     : kafka_reader_read(mesh->reader, offsets_topic, &whole, mesh->wait_ms,
                                         take_commit, gathering, &told, why);
}

// ---- asking the groups, where the topic may not be read ----

// Does the group have an offset of the topic? ERR_DENIED: it may not be asked.
static enum err ask_group(struct mesh *mesh, const char *name, const char *topic, bool *has)
{
    rd_kafka_ListConsumerGroupOffsets_t *asked = rd_kafka_ListConsumerGroupOffsets_new(name, NULL);
    rd_kafka_AdminOptions_t *options =
        mesh_options(mesh, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets(mesh->client, &asked, 1, options, mesh->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    rd_kafka_resp_err_t failed;
    rd_kafka_event_t *event = mesh_answer(mesh, &failed);
    *has = false;
    if (event == NULL) {
        return ERR_DENIED;
    }
    size_t count = 0;
    const rd_kafka_group_result_t **results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    bool denied = count != 1 || rd_kafka_group_result_error(results[0]) != NULL;
    const rd_kafka_topic_partition_list_t *list =
        denied ? NULL : rd_kafka_group_result_partitions(results[0]);
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        *has = *has || (strcmp(list->elems[i].topic, topic) == 0 && list->elems[i].offset >= 0);
    }
    rd_kafka_event_destroy(event);
    return denied ? ERR_DENIED : OK;
}

static enum err ask_groups(struct mesh *mesh, struct gathering *gathering,
                           char why[KAFKA_SENTENCE_SIZE])
{
    rd_kafka_AdminOptions_t *options = mesh_options(mesh, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    rd_kafka_ListConsumerGroups(mesh->client, options, mesh->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_resp_err_t failed;
    rd_kafka_event_t *event = mesh_answer(mesh, &failed);
    if (event == NULL) {
        return mesh_failed(mesh, failed, "the groups", why);
    }
    size_t count = 0;
    const rd_kafka_ConsumerGroupListing_t **found = rd_kafka_ListConsumerGroups_result_valid(
        rd_kafka_event_ListConsumerGroups_result(event), &count);
    enum err err = OK;
    for (size_t i = 0; i < count && err == OK; i++) {
        bool has = false;
        const char *name = rd_kafka_ConsumerGroupListing_group_id(found[i]);
        if (ask_group(mesh, name, gathering->topic, &has) != OK) {
            gathering->groups->hidden++;
        } else if (has && group_called(gathering->groups, bytes_text(name)) == NULL) {
            err = ERR_FULL;
        }
    }
    rd_kafka_event_destroy(event);
    return err;
}

enum err mesh_groups_of(struct mesh *mesh, const char *topic, struct mesh_groups *groups,
                        char why[KAFKA_SENTENCE_SIZE])
{
    struct gathering gathering = {.topic = topic, .groups = groups};
    groups->count = 0;
    groups->hidden = 0;
    enum err err = read_offsets(mesh, &gathering, why);
    groups->times_seen = err == OK;
    if (err == ERR_NOT_FOUND) {
        groups->times_seen = true; // nobody has ever committed
        err = OK;
    } else if (err == ERR_DENIED) {
        err = ask_groups(mesh, &gathering, why);
    }
    if (err == ERR_FULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %.120s: has more than %d groups", topic,
                       MESH_GROUPS_MAX);
    }
    return err;
}
