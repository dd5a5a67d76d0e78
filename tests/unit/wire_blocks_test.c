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
    const struct wire_source source = {"gw-7", "00ff", key_name, NULL};
    fill(builder, &schema, rows);

    // when they are written as one record and read
    struct buffer out = buffer_over(room, sizeof room);
    wire_blocks_put(wire, builder, &source, &out);
    assert_false(out.overflow);
    assert_int_equal(wire_read(reader, buffer_bytes(&out), &schema), OK);

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
        assert_int_not_equal(wire_read(reader, bytes_from(room, size), &schema), OK);
    }
    for (size_t bit = 0; bit < 8 * out.size; bit++) {
        room[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)wire_read(reader, buffer_bytes(&out), &schema);
        room[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    block_builder_close(builder);
    wire_blocks_close(wire);
    wire_reader_close(reader);
}

static void a_name_that_avro_does_not_allow_is_refused(void **state)
{
    (void)state;
    static uint8_t room[16384];
    struct schema schema = schema_of_all_types();
    struct buffer out = buffer_over(room, sizeof room);
    assert_int_equal(wire_blocks_schema(&schema, &out), OK);

    out = buffer_over(room, sizeof room);
    (void)snprintf(schema.columns[2].name, SCHEMA_NAME_SIZE, "CO(GT)");
    assert_int_equal(wire_blocks_schema(&schema, &out), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_of_columns_gives_back_its_rows),
        cmocka_unit_test(a_name_that_avro_does_not_allow_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
