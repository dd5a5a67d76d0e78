// The wire layout `blocks` gives back every row, and names what its schema cannot say.
#include "agent/wire_blocks.h"
#include "agent/wire_blocks_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct schema schema_of_all_types(void)
{
    static const char *const names[] = {"on", "count", "level", "state", "since"};
    static const enum column_type types[] = {COLUMN_BOOLEAN, COLUMN_INTEGER, COLUMN_NUMBER,
                                             COLUMN_STRING, COLUMN_TIMESTAMP};
    struct schema schema = {.id = 7, .column_count = 5, .field_count = 5};
    for (uint16_t i = 0; i < 5; i++) {
        (void)snprintf(schema.columns[i].name, SCHEMA_NAME_SIZE, "%s", names[i]);
        schema.columns[i].role = ROLE_FIELD;
        schema.columns[i].field = i;
        schema.columns[i].type = types[i];
    }
    return schema;
}

static struct bytes key_name(const void *context, uint32_t key_id)
{
    (void)context;
    static char name[32];
    (void)snprintf(name, sizeof name, "oven-%u", key_id);
    return bytes_text(name);
}

static bool same(const struct value *a, const struct value *b)
{
    return a->kind == b->kind &&
           (a->kind == VALUE_NULL || (a->kind == VALUE_BOOLEAN && a->boolean == b->boolean) ||
            (a->kind == VALUE_INTEGER && a->integer == b->integer) ||
            (a->kind == VALUE_NUMBER && memcmp(&a->number, &b->number, sizeof a->number) == 0) ||
            (a->kind == VALUE_TEXT && bytes_equal(a->text, b->text)));
}

// Fill a builder with rows that meet every branch; some values null.
static void fill(struct block_builder *builder, const struct schema *schema,
                 struct value rows[60][5])
{
    static const char *const states[] = {"idle", "heating", ""};
    block_reset(builder, schema, 1000, RECORD_CLOCK_WALL, NULL);
    for (uint32_t i = 0; i < 60; i++) {
        uint64_t noise = (i + 1) * 0x9e3779b97f4a7c15ULL;
        double odd;
        memcpy(&odd, &noise, sizeof odd);
        double numbers[] = {i / 10.0, (double)((float)i / 10.0F), odd};
        rows[i][0] = (struct value){.kind = VALUE_BOOLEAN, .boolean = i % 4 == 0};
        rows[i][1] = (struct value){.kind = VALUE_INTEGER,
                                    .integer = i % 9 == 0 ? INT64_MIN : (int64_t)noise};
        rows[i][2] = (struct value){.kind = VALUE_NUMBER, .number = numbers[i % 3]};
        rows[i][3] = (struct value){.kind = VALUE_TEXT, .text = bytes_text(states[i / 7 % 3])};
        rows[i][4] = (struct value){.kind = VALUE_INTEGER, .integer = 1700000000000 + i};
        rows[i][i % 5].kind = i % 2 == 0 ? VALUE_NULL : rows[i][i % 5].kind;
        assert_int_equal(
            block_add(builder, i % 3, 1700000000000 - 7 * (int64_t)i, (uint8_t)(i / 20), rows[i]),
            OK);
    }
}

static void a_record_of_columns_gives_back_its_rows(void **state)
{
    (void)state;
    // given rows of all types, nulls, three keys, three qualities
    struct block_builder *builder = block_builder_open();
    struct wire_blocks *wire = wire_blocks_open();
    struct wire_reader *reader = wire_reader_open();
    static struct value rows[60][5];
    static uint8_t room[65536];
    struct schema schema = schema_of_all_types();
    const struct wire_source source = {.gateway = "gw-7", .epoch = "00ff", .key = key_name};
    fill(builder, &schema, rows);

    // when they are written as one record and read
    struct buffer out = buffer_over(room, sizeof room);
    wire_blocks_put(wire, builder, &source, &out);
    assert_false(out.overflow);
    assert_int_equal(wire_read(reader, buffer_bytes(&out), &schema, NULL), OK);

    // then they are the same
    const struct wire_info *info = wire_reader_info(reader);
    assert_int_equal(info->row_count, 60);
    assert_true(bytes_equal(info->gateway, bytes_text("gw-7")));
    assert_true(bytes_equal(info->epoch, bytes_text("00ff")));
    for (uint32_t i = 0; i < 60; i++) {
        struct record record;
        wire_row(reader, i, &record);
        assert_int_equal(record.seq, 1000 + i);
        assert_true(bytes_equal(record.key, key_name(NULL, i % 3)));
        assert_true(record.time_ms == 1700000000000 - 7 * (int64_t)i);
        assert_int_equal(record.quality, i / 20);
        for (uint32_t field = 0; field < 5; field++) {
            assert_true(same(&record.values[field], &rows[i][field]));
        }
    }

    // and no truncation of it is one, nor does a flipped bit hurt
    for (size_t size = 0; size < out.size; size++) {
        assert_int_not_equal(wire_read(reader, bytes_from(room, size), &schema, NULL), OK);
    }
    for (size_t bit = 0; bit < 8 * out.size; bit++) {
        room[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)wire_read(reader, buffer_bytes(&out), &schema, NULL);
        room[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    block_builder_close(builder);
    wire_blocks_close(wire);
    wire_reader_close(reader);
}

static void keys_that_the_contract_lists_travel_by_place(void **state)
{
    (void)state;
    // given a list that has two of three keys, and says them in its own order
    struct block_builder *builder = block_builder_open();
    struct wire_blocks *wire = wire_blocks_open();
    struct wire_reader *reader = wire_reader_open();
    struct key_list *listed = key_list_open();
    static struct value rows[60][5];
    static uint8_t room[65536];
    struct schema schema = schema_of_all_types();
    fill(builder, &schema, rows);
    assert_int_equal(key_list_add(listed, bytes_text("oven-2")), OK);
    assert_int_equal(key_list_add(listed, bytes_text("never seen")), OK);
    assert_int_equal(key_list_add(listed, bytes_text("oven-0")), OK);
    assert_int_equal(key_list_add(listed, bytes_text("oven-2")), OK);
    assert_int_equal(listed->count, 3);

    // when a record is written with it
    struct buffer out = buffer_over(room, sizeof room);
    const struct wire_source source = {
        .gateway = "gw-7", .epoch = "00ff", .key = key_name, .listed = listed};
    wire_blocks_put(wire, builder, &source, &out);

    // then who has the list reads all keys, and who has none or another is told so
    assert_int_equal(wire_read(reader, buffer_bytes(&out), &schema, listed), OK);
    for (uint32_t i = 0; i < 60; i++) {
        struct record record;
        wire_row(reader, i, &record);
        assert_true(bytes_equal(record.key, key_name(NULL, i % 3)));
        assert_true(same(&record.values[1], &rows[i][1]));
    }
    assert_null(memmem(room, out.size, "oven-0", 6));
    assert_int_equal(wire_read(reader, buffer_bytes(&out), &schema, NULL), ERR_VERSION);
    assert_int_equal(key_list_add(listed, bytes_text("oven-1")), OK);
    assert_int_equal(wire_read(reader, buffer_bytes(&out), &schema, listed), ERR_VERSION);
    key_list_close(listed);
    block_builder_close(builder);
    wire_blocks_close(wire);
    wire_reader_close(reader);
}

static void a_list_has_a_bound(void **state)
{
    (void)state;
    struct key_list *listed = key_list_open();
    char name[RECORD_KEY_MAX + 2];
    memset(name, 'x', sizeof name);
    assert_int_equal(key_list_add(listed, bytes_from(name, RECORD_KEY_MAX + 1)), ERR_LIMIT);
    for (uint32_t i = 0; i < KEY_LIST_MAX; i++) {
        int size = snprintf(name, sizeof name, "%u", i * 7919 % KEY_LIST_MAX);
        assert_int_equal(key_list_add(listed, bytes_from(name, (size_t)size)), OK);
        assert_int_equal(key_list_find(listed, bytes_from(name, (size_t)size)), i);
    }
    assert_int_equal(key_list_add(listed, bytes_text("one more")), ERR_LIMIT);
    assert_int_equal(key_list_find(listed, bytes_text("one more")), KEY_LIST_NONE);
    key_list_close(listed);
}

static void a_record_tells_what_was_lost(void **state)
{
    (void)state;
    // given a row, and two losses before it
    struct block_builder *builder = block_builder_open();
    struct wire_blocks *wire = wire_blocks_open();
    struct wire_reader *reader = wire_reader_open();
    static uint8_t room[4096];
    struct schema schema = {.id = 1};
    const struct wire_loss losses[] = {{1, 900, 900, bytes_text("full")},
                                       {950, 950, 17, bytes_text("thinned")}};
    block_reset(builder, &schema, 1000, RECORD_CLOCK_DEVICE, NULL);
    assert_int_equal(block_add(builder, 3, 5, 0, NULL), OK);

    // when a record tells them
    struct buffer out = buffer_over(room, sizeof room);
    const struct wire_source source = {
        .gateway = "g", .epoch = "e", .key = key_name, .losses = losses, .loss_count = 2};
    wire_blocks_put(wire, builder, &source, &out);

    // then its reader finds them
    assert_int_equal(wire_read(reader, buffer_bytes(&out), &schema, NULL), OK);
    assert_int_equal(wire_reader_info(reader)->loss_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct wire_loss loss = wire_loss_at(reader, i);
        assert_int_equal(loss.from, losses[i].from);
        assert_int_equal(loss.to, losses[i].to);
        assert_int_equal(loss.count, losses[i].count);
        assert_true(bytes_equal(loss.cause, losses[i].cause));
    }
    block_builder_close(builder);
    wire_blocks_close(wire);
    wire_reader_close(reader);
}

static void the_schema_names_fields_and_listed_keys(void **state)
{
    (void)state;
    static uint8_t room[16384];
    struct schema schema = schema_of_all_types();
    struct key_list *listed = key_list_open();
    assert_int_equal(key_list_add(listed, bytes_text("hall \"A\"")), OK);
    struct buffer out = buffer_over(room, sizeof room);
    assert_int_equal(wire_blocks_schema(&schema, listed, &out), OK);
    static const char front[] = "{\"type\":\"record\",\"name\":\"Block\",\"namespace\":\"weir\","
                                "\"columns\":[\"on\",\"count\",\"level\",\"state\",\"since\"],"
                                "\"keys\":[\"hall \\\"A\\\"\"],\"list\":";
    assert_memory_equal(room, front, sizeof front - 1);
    out = buffer_over(room, 500);
    assert_int_equal(wire_blocks_schema(&schema, listed, &out), ERR_LIMIT);
    key_list_close(listed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_of_columns_gives_back_its_rows),
        cmocka_unit_test(keys_that_the_contract_lists_travel_by_place),
        cmocka_unit_test(a_list_has_a_bound),
        cmocka_unit_test(a_record_tells_what_was_lost),
        cmocka_unit_test(the_schema_names_fields_and_listed_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
