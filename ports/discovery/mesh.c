// One producer serves what is written and what is asked of the cluster; the reader of whole topics
// is the one of `weir verify`.
#include "ports/discovery/mesh_inner.h"

#include "agent/clock.h"
#include "agent/dsse.h"

#include <stdio.h>
#include <stdlib.h>

static void client_error(rd_kafka_t *client, int err, const char *reason, void *opaque)
{
    (void)client;
    struct mesh *mesh = opaque;
    struct kafka_fault fault;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        return; // says nothing that the error before it did not
    }
    kafka_fault_of((rd_kafka_resp_err_t)err, reason, &fault);
    if (!fault.ordinary) {
        mesh->fault = fault;
        mesh->faulted = true;
    }
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    struct mesh_delivery *delivery = message->_private;
    delivery->done = true;
    delivery->err = message->err;
}

static bool set(rd_kafka_conf_t *conf, const char *key, const char *value,
                char why[KAFKA_SENTENCE_SIZE])
{
    return rd_kafka_conf_set(conf, key, value, why, KAFKA_SENTENCE_SIZE) == RD_KAFKA_CONF_OK;
}

// A topic that was just made is waited for; the key decides the partition as Java's producer does.
static rd_kafka_t *make_client(const struct kafka_client *client, struct mesh *mesh,
                               char why[KAFKA_SENTENCE_SIZE])
{
    char wait[16];
    (void)snprintf(wait, sizeof wait, "%d", mesh->wait_ms);
    rd_kafka_conf_t *conf = kafka_client_configure(client, KAFKA_CONTROL, why);
    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_t *made = NULL;
    if (set(conf, "message.timeout.ms", wait, why) &&
        set(conf, "topic.metadata.propagation.max.ms", wait, why) &&
        set(conf, "enable.idempotence", "true", why) &&
        set(conf, "statistics.interval.ms", "0", why) &&
        set(conf, "message.max.bytes", "10000000", why) &&
        set(conf, "queue.buffering.max.kbytes", "32768", why) &&
        set(conf, "partitioner", "murmur2_random", why)) {
        rd_kafka_conf_set_opaque(conf, mesh);
        rd_kafka_conf_set_error_cb(conf, client_error);
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
        made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, KAFKA_SENTENCE_SIZE);
    }
    if (made == NULL) {
        rd_kafka_conf_destroy(conf);
    }
    return made;
}

enum err mesh_open(const struct kafka_client *client, int wait_ms, struct mesh **out,
                   char why[KAFKA_SENTENCE_SIZE])
{
    struct mesh *mesh = calloc(1, sizeof *mesh);
    if (mesh == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "no memory");
        return ERR_FAILED;
    }
    mesh->wait_ms = wait_ms;
    mesh->settings = client;
    enum err err = kafka_client_version_fits(why) ? OK : ERR_VERSION;
    mesh->client = err == OK ? make_client(client, mesh, why) : NULL;
    if (mesh->client == NULL) {
        mesh_close(mesh);
        return err == OK ? ERR_INVALID : err;
    }
    mesh->queue = rd_kafka_queue_new(mesh->client);
    *out = mesh;
    return OK;
}

void mesh_cancel_by(struct mesh *mesh, const atomic_bool *cancel)
{
    mesh->cancel = cancel;
}

static bool is_cancelled(const struct mesh *mesh)
{
    return mesh->cancel != NULL && atomic_load(mesh->cancel);
}

void mesh_close(struct mesh *mesh)
{
    if (mesh == NULL) {
        return;
    }
    if (mesh->reader != NULL) {
        kafka_reader_close(mesh->reader);
    }
    if (mesh->client != NULL) {
        if (mesh->queue != NULL) {
            rd_kafka_queue_destroy(mesh->queue);
        }
        if (mesh->cluster != NULL) {
            rd_kafka_mem_free(mesh->client, mesh->cluster);
        }
        rd_kafka_destroy(mesh->client);
    }
    free(mesh);
}

enum err mesh_failed(struct mesh *mesh, rd_kafka_resp_err_t err, const char *what,
                     char why[KAFKA_SENTENCE_SIZE])
{
    (void)rd_kafka_poll(mesh->client, 0); // the last error, if any
    if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
        err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%.120s: this user has no right to: %.80s", what,
                       rd_kafka_err2str(err));
        return ERR_DENIED;
    }
    if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%.150s: the cluster has no such topic", what);
        return ERR_NOT_FOUND;
    }
    bool is_link =
        err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
        err == RD_KAFKA_RESP_ERR__TIMED_OUT || err == RD_KAFKA_RESP_ERR__TRANSPORT ||
        err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || err == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
    if (is_link && mesh->faulted) {
        memcpy(why, mesh->fault.sentence, KAFKA_SENTENCE_SIZE);
    } else {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%.120s: %.100s", what, rd_kafka_err2str(err));
    }
    return is_link ? ERR_AGAIN : ERR_FAILED;
}

const char *mesh_cluster(struct mesh *mesh, char why[KAFKA_SENTENCE_SIZE])
{
    enum { STEP_MS = 200 };
    int64_t end_ms = clock_boot_ms() + mesh->wait_ms;
    while (mesh->cluster == NULL && clock_boot_ms() < end_ms && !is_cancelled(mesh)) {
        mesh->cluster = rd_kafka_clusterid(mesh->client, STEP_MS);
        (void)rd_kafka_poll(mesh->client, 0);
    }
    if (mesh->cluster == NULL) {
        (void)mesh_failed(mesh, RD_KAFKA_RESP_ERR__TIMED_OUT, "the cluster", why);
    }
    return mesh->cluster;
}

// ---- a compacted topic, as it is now ----

struct mesh_table {
    struct mesh_entry *entries; // those without a value are gone
    uint32_t count, room;
    uint32_t *places; // by hash: index + 1
    uint32_t place_count;
    size_t bytes;
};

static uint32_t *place_of(const struct mesh_table *table, struct bytes key)
{
    uint32_t at = bytes_crc32c(0, key) & (table->place_count - 1);
    while (table->places[at] != 0 && !bytes_equal(table->entries[table->places[at] - 1].key, key)) {
        at = (at + 1) & (table->place_count - 1); // ends: at most half is full
    }
    return &table->places[at];
}

static bool grow(struct mesh_table *table)
{
    if (table->count < table->room) {
        return true;
    }
    uint32_t room = table->room == 0 ? 256 : table->room * 2;
    struct mesh_entry *entries = realloc(table->entries, room * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    table->entries = entries;
    uint32_t *places = calloc((size_t)room * 2, sizeof *places);
    if (places == NULL) {
        return false;
    }
    free(table->places);
    table->room = room;
    table->places = places;
    table->place_count = room * 2;
    for (uint32_t i = 0; i < table->count; i++) {
        *place_of(table, table->entries[i].key) = i + 1;
    }
    return true;
}

static bool copy_bytes(struct mesh_table *table, struct bytes from, struct bytes *to)
{
    uint8_t *at = malloc(from.size + 1); // a NUL after it: keys and documents are texts
    if (at == NULL) {
        return false;
    }
    if (from.size > 0) {
        memcpy(at, from.at, from.size);
    }
    at[from.size] = 0;
    table->bytes += from.size;
    *to = bytes_from(at, from.size);
    return true;
}

static void drop_bytes(struct mesh_table *table, struct bytes *bytes)
{
    table->bytes -= bytes->size;
    free((void *)(uintptr_t)bytes->at);
    *bytes = bytes_from(NULL, 0);
}

static enum err take_record(void *taker, const rd_kafka_message_t *message)
{
    struct mesh_table *table = taker;
    struct bytes key = bytes_from(message->key, message->key_len);
    struct bytes value = bytes_from(message->payload, message->len);
    struct bytes signature = kafka_reader_header(message, DSSE_HEADER);
    if (table->bytes + key.size + value.size + signature.size > MESH_BYTES_MAX) {
        return ERR_FULL;
    }
    if (!grow(table)) {
        return ERR_FAILED;
    }
    uint32_t *place = place_of(table, key);
    if (*place == 0) {
        if (table->count == MESH_ENTRIES_MAX) {
            return ERR_FULL;
        }
        struct mesh_entry *made = &table->entries[table->count];
        *made = (struct mesh_entry){0};
        if (!copy_bytes(table, key, &made->key)) {
            return ERR_FAILED;
        }
        *place = ++table->count;
    }
    struct mesh_entry *entry = &table->entries[*place - 1];
    drop_bytes(table, &entry->value);
    drop_bytes(table, &entry->signature);
    entry->time_ms = rd_kafka_message_timestamp(message, NULL);
    bool is_there = message->payload != NULL;
    return !is_there || (copy_bytes(table, value, &entry->value) &&
                         copy_bytes(table, signature, &entry->signature))
               ? OK
               : ERR_FAILED;
}

// Keys without a value go; the order of those that stay is that of their first appearance.
static void leave_out_tombstones(struct mesh_table *table)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->entries[i].value.at == NULL) {
            drop_bytes(table, &table->entries[i].key);
        } else {
            table->entries[kept++] = table->entries[i];
        }
    }
    table->count = kept;
    if (table->places != NULL) {
        memset(table->places, 0, table->place_count * sizeof *table->places);
    }
    for (uint32_t i = 0; i < kept; i++) {
        *place_of(table, table->entries[i].key) = i + 1;
    }
}

enum err mesh_reader(struct mesh *mesh, char why[KAFKA_SENTENCE_SIZE])
{
    return mesh->reader != NULL ? OK : kafka_reader_open(mesh->settings, &mesh->reader, why);
}

enum err mesh_read(struct mesh *mesh, const char *topic, struct mesh_table **out,
                   char why[KAFKA_SENTENCE_SIZE])
{
    static const struct kafka_reader_range whole = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct kafka_reader_told told;
    struct mesh_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "no memory");
        return ERR_FAILED;
    }
    enum err err = mesh_reader(mesh, why);
    if (err != OK) {
        mesh_table_free(table);
        return err;
    }
    err = kafka_reader_read(mesh->reader, topic, &whole, mesh->wait_ms, take_record, table, &told,
                            why);
    if (err == OK) {
        leave_out_tombstones(table);
        *out = table;
        return OK;
    }
    if (err == ERR_FULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE,
                       "topic %.120s: holds more than the %d keys or %d MiB that are read", topic,
                       MESH_ENTRIES_MAX, MESH_BYTES_MAX >> 20);
    }
    mesh_table_free(table);
    return err;
}

void mesh_table_free(struct mesh_table *table)
{
    if (table == NULL) {
        return;
    }
    for (uint32_t i = 0; i < table->count; i++) {
        drop_bytes(table, &table->entries[i].key);
        drop_bytes(table, &table->entries[i].value);
        drop_bytes(table, &table->entries[i].signature);
    }
    free(table->entries);
    free(table->places);
    free(table);
}

uint32_t mesh_table_count(const struct mesh_table *table)
{
    return table != NULL ? table->count : 0;
}

const struct mesh_entry *mesh_table_at(const struct mesh_table *table, uint32_t index)
{
    return &table->entries[index];
}

const struct mesh_entry *mesh_table_find(const struct mesh_table *table, const char *key)
{
    if (table == NULL || table->count == 0) {
        return NULL;
    }
    uint32_t place = *place_of(table, bytes_text(key));
    return place > 0 ? &table->entries[place - 1] : NULL;
}

// ---- writing ----

static void add_header(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    if (value != NULL) {
        (void)rd_kafka_header_add(headers, name, -1, value, (ssize_t)strlen(value));
    }
}

static rd_kafka_resp_err_t produce(struct mesh *mesh, const struct mesh_record *record,
                                   struct mesh_delivery *delivery)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
    add_header(headers, "content-type", record->content_type);
    add_header(headers, DSSE_HEADER, record->signature);
    add_header(headers, "weir-note", record->note);
    // Key and value are copied, not written; the client's types only cannot say so.
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)(uintptr_t)record->key, .size = strlen(record->key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)(uintptr_t)record->value.at, .size = record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = delivery},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(mesh->client, parts, sizeof parts / sizeof parts[0]);
    rd_kafka_resp_err_t err = rd_kafka_error_code(error); // of NULL: no error
    rd_kafka_error_destroy(error);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return err;
}

enum err mesh_put(struct mesh *mesh, const struct mesh_record *record,
                  char why[KAFKA_SENTENCE_SIZE])
{
    struct mesh_delivery delivery = {.done = false};
    rd_kafka_resp_err_t err = produce(mesh, record, &delivery);
    // It ends: each message is reported within message.timeout.ms, or once it is purged.
    while (err == RD_KAFKA_RESP_ERR_NO_ERROR && !delivery.done) {
        (void)rd_kafka_poll(mesh->client, 100);
        if (is_cancelled(mesh)) {
            (void)rd_kafka_purge(mesh->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        }
    }
    err = err == RD_KAFKA_RESP_ERR_NO_ERROR ? delivery.err : err;
    if (err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT && !mesh->faulted) { // what else: no such topic?
        struct mesh_topic topic = {.config_count = 0};
        (void)snprintf(topic.name, sizeof topic.name, "%s", record->topic);
        enum err asked = mesh_describe(mesh, &topic, why);
        if (asked != OK) {
            return asked;
        }
    }
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? OK : mesh_failed(mesh, err, record->topic, why);
}
