// A product on a real spool in a folder of its own, with an output whose acknowledgements the test
// gives. Jobs run in place.
#ifndef WEIR_TESTS_UNIT_PRODUCT_BENCH_H
#define WEIR_TESTS_UNIT_PRODUCT_BENCH_H

#include "agent/disk_posix.h"
#include "agent/product_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { SENT_MAX = 60000 };

// ---- the output ----

struct sent {
    uint64_t seq;
    int64_t time_ms;
    double value; // as read from the JSON
    char key[32];
    bool answered;
};

static struct {
    struct sent list[SENT_MAX];
    size_t count;
    size_t room; // messages that still fit
    size_t value_max;
    char last_value[512];
    char last_identity[128];
    char told[16][512];
    char told_keys[16][32];
    bool quarantine_is_shut; // its topic takes nothing
    uint64_t tokens[16];
    size_t told_count;
} wire;

static inline enum err wire_send(struct output *output, const struct message *message)
{
    (void)output;
    if (wire.room == 0) {
        return ERR_AGAIN;
    }
    if (wire.value_max > 0 && message->value.size > wire.value_max) {
        return ERR_LIMIT;
    }
    wire.room--;
    assert_true(wire.count < SENT_MAX);
    struct sent *sent = &wire.list[wire.count++];
    *sent = (struct sent){.seq = message->seq, .time_ms = message->time_ms};
    (void)snprintf(sent->key, sizeof sent->key, "%.*s", (int)message->key.size,
                   (const char *)message->key.at);
    (void)snprintf(wire.last_value, sizeof wire.last_value, "%.*s", (int)message->value.size,
                   (const char *)message->value.at);
    (void)snprintf(wire.last_identity, sizeof wire.last_identity, "%.*s",
                   (int)message->identity.size, (const char *)message->identity.at);
    const char *value = strstr(wire.last_value, "\"value\":");
    sent->value = value == NULL ? 0 : strtod(value + 8, NULL);
    return OK;
}

static inline enum err wire_tell(struct output *output, const char *topic, struct bytes key,
                                 struct bytes value, uint64_t token)
{
    (void)output;
    if (strcmp(topic, "site.bench.readings.v1.quarantine") != 0) {
        assert_string_equal(topic, "site.bench.readings.v1.losses");
        assert_true(bytes_equal(key, bytes_text("gw-1")));
    } else if (wire.quarantine_is_shut) {
        return ERR_AGAIN;
    }
    assert_true(wire.told_count < 16);
    (void)snprintf(wire.told_keys[wire.told_count], sizeof wire.told_keys[0], "%.*s", (int)key.size,
                   (const char *)key.at);
    wire.tokens[wire.told_count] = token;
    (void)snprintf(wire.told[wire.told_count++], sizeof wire.told[0], "%.*s", (int)value.size,
                   (const char *)value.at);
    return OK;
}

static inline void wire_stat(struct output *output, struct output_stat *stat)
{
    (void)output;
    *stat = (struct output_stat){.link = LINK_UP, .reason = "too large"};
}

static const struct output_driver wire_driver = {
    .name = "wire", .send = wire_send, .tell = wire_tell, .stat = wire_stat};

// ---- a product on a folder ----

static struct {
    char directory[64];
    uint32_t segment_bytes;
    bool in_memory; // there is no disk to set refused records aside on
    struct contract_port port;
    struct product_settings settings;
    struct disk_posix *files;
    struct spool *spool;
    struct block_codec *codec;
    struct product product;
    struct output output;
} it;

static inline void in_place(void *context, struct job *job)
{
    (void)context;
    job->work(job);
    job->done(job);
}

static inline void add_column(struct schema *schema, const char *name, enum column_type type,
                              enum column_role role)
{
    struct column *column = &schema->columns[schema->column_count++];
    *column = (struct column){.type = type, .role = role, .field = 0};
    (void)snprintf(column->name, sizeof column->name, "%s", name);
}

static inline void make_schema(struct schema *schema, bool with_note)
{
    memset(schema, 0, sizeof *schema);
    add_column(schema, "sensor", COLUMN_STRING, ROLE_KEY);
    add_column(schema, "ts", COLUMN_TIMESTAMP, ROLE_TIME);
    add_column(schema, "value", COLUMN_NUMBER, ROLE_FIELD);
    if (with_note) {
        add_column(schema, "note", COLUMN_STRING, ROLE_FIELD);
    }
    schema_seal(schema);
}

static inline void start(void)
{
    assert_int_equal(disk_posix_open(&it.files, it.directory, false), OK);
    struct spool_options options = {.size_bytes = it.settings.spool_size_bytes,
                                    .segment_bytes = it.segment_bytes,
                                    .when_full = it.settings.when_full};
    assert_int_equal(spool_open(&it.spool, disk_posix_disk(it.files), &options), OK);
    static const uint8_t boot_id[16] = {1};
    memset(&it.product, 0, sizeof it.product);
    it.product.settings = &it.settings;
    it.product.gateway = "gw-1";
    it.product.spool = it.spool;
    it.product.codec = it.codec;
    it.product.store = (struct job_giver){.give = in_place};
    it.product.driver = &wire_driver;
    it.product.output = &it.output;
    it.product.boot_id = boot_id;
    assert_int_equal(product_open(&it.product, it.in_memory ? NULL : it.directory), OK);
}

// As after kill -9: nothing is said to the spool.
static inline void kill_it(void)
{
    product_close(&it.product);
    spool_close(it.spool);
    disk_posix_close(it.files);
    wire.count = 0;
    wire.room = SENT_MAX;
}

static inline void restart(void)
{
    kill_it();
    start();
}

static inline int set_up(void **context)
{
    (void)context;
    memset(&wire, 0, sizeof wire);
    memset(&it, 0, sizeof it);
    wire.room = SENT_MAX;
    it.segment_bytes = 256 * 1024;
    (void)snprintf(it.directory, sizeof it.directory, "/tmp/weir-product-XXXXXX");
    assert_non_null(mkdtemp(it.directory));
    it.port.topic = (char *)(uintptr_t) "site.bench.readings.v1";
    make_schema(&it.port.schema, false);
    it.settings = (struct product_settings){.name = (char *)(uintptr_t) "bench",
                                            .port = &it.port,
                                            .spool_size_bytes = 4 << 20,
                                            .commit_ms = 1000};
    it.codec = block_codec_open(false);
    start();
    return 0;
}

static inline int tear_down(void **context)
{
    (void)context;
    kill_it();
    block_codec_close(it.codec);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", it.directory);
    return system(command);
}

static inline double value_of(uint64_t seq)
{
    uint64_t noise = seq * 0x9e3779b97f4a7c15;
    noise = (noise ^ noise >> 31) * 0xbf58476d1ce4e5b9;
    return (double)(noise >> 44) / 100;
}

static inline bool take(uint64_t seq)
{
    char key[16];
    (void)snprintf(key, sizeof key, "s%u", (unsigned)(seq % 5));
    struct value values[2] = {{.kind = VALUE_NUMBER, .number = value_of(seq)}};
    struct record record = {.key = bytes_text(key),
                            .time_ms = 1700000000000 + (int64_t)seq,
                            .clock = RECORD_CLOCK_DEVICE,
                            .values = values};
    return product_take(&it.product, &record) == OK;
}

static inline void take_and_turn(uint64_t from, uint64_t to)
{
    for (uint64_t seq = from; seq <= to; seq++) {
        while (!take(seq)) {
            (void)product_turn(&it.product, 0);
        }
    }
}

// Commit what there is, and send all that may be sent.
static inline void commit_and_send(void)
{
    for (int i = 0; i < 100; i++) {
        product_commit_now(&it.product);
        (void)product_turn(&it.product, 1000);
    }
}

static inline void answer(size_t from, size_t to, enum delivered how)
{
    for (size_t i = from; i < to; i++) {
        assert_false(wire.list[i].answered);
        wire.list[i].answered = true;
        product_delivered(&it.product, wire.list[i].seq, how);
    }
}

static inline void assert_sent(size_t from, size_t to, uint64_t first_seq)
{
    for (size_t i = from; i < to; i++) {
        uint64_t seq = first_seq + (i - from);
        assert_int_equal(wire.list[i].seq, seq);
        assert_int_equal(wire.list[i].time_ms, 1700000000000 + (int64_t)seq);
        assert_true(wire.list[i].value == value_of(seq));
        char key[16];
        (void)snprintf(key, sizeof key, "s%u", (unsigned)(seq % 5));
        assert_string_equal(wire.list[i].key, key);
    }
}

#endif
