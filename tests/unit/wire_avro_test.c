// Layout `records` in Avro: the schema that a contract gives, and records as its bytes.
#include "agent/avro_schema.h"
#include "agent/wire_avro.h"
#include "agent/wire_avro_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#define CONTRACT(properties)                                                                       \
    "apiVersion: v3.1.0\nkind: DataContract\nid: one\nversion: 1.0.0\nstatus: active\n"            \
    "domain: plant-7\ndataProduct: oven\nteam: {name: us}\nsupport: [{channel: chat}]\n"           \
    "schema:\n"                                                                                    \
    "  - name: reading\n"                                                                          \
    "    physicalName: plant-7.oven.readings.v1\n"                                                 \
    "    customProperties: [{property: weir.format, value: avro}]\n"                               \
    "    properties:\n" properties

#define ALL_TYPES                                                                                  \
    "      - {name: sensor, logicalType: string, required: true, primaryKey: true}\n"              \
    "      - {name: at, logicalType: timestamp, required: true}\n"                                 \
    "      - {name: level, logicalType: number}\n"                                                 \
    "      - {name: count, logicalType: integer, required: true}\n"                                \
    "      - {name: note, logicalType: string}\n"                                                  \
    "      - {name: on, logicalType: boolean}\n"                                                   \
    "      - {name: seq, logicalType: integer, required: true, customProperties: "                 \
    "[{property: weir.role, value: seq}]}\n"                                                       \
    "      - {name: quality, logicalType: string, required: true, customProperties: "              \
    "[{property: weir.role, value: quality}]}\n"

static struct contract *contract_of(const char *text)
{
    struct problems problems = {.count = 0};
    struct contract *contract = contract_parse("oven.odcs.yaml", bytes_text(text), &problems);
    assert_int_equal(problems.error_count, 0);
    problems_free(&problems);
    return contract;
}

enum { FIELD_LEVEL, FIELD_COUNT, FIELD_NOTE, FIELD_ON, FIELDS };

struct fixture {
    struct contract *contract;
    struct value values[FIELDS];
    struct record record;
    uint8_t room[16384];
    struct buffer out;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->contract = contract_of(CONTRACT(ALL_TYPES));
    fixture->values[FIELD_LEVEL] = (struct value){.kind = VALUE_NUMBER, .number = 1.0};
    fixture->values[FIELD_COUNT] = (struct value){.kind = VALUE_INTEGER, .integer = -3};
    fixture->values[FIELD_NOTE] = (struct value){.kind = VALUE_TEXT, .text = bytes_text("ok")};
    fixture->values[FIELD_ON] = (struct value){.kind = VALUE_BOOLEAN, .boolean = true};
    fixture->record = (struct record){
        .key = bytes_text("k"), .time_ms = 100, .seq = 300, .values = fixture->values};
    fixture->out = buffer_over(fixture->room, sizeof fixture->room);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    contract_free(fixture->contract);
    free(fixture);
    return 0;
}

static enum err put(struct fixture *fixture)
{
    fixture->out.size = 0;
    return wire_avro_put(&fixture->contract->ports[0].schema, &fixture->record, "gw", "00",
                         &fixture->out);
}

#define EXPECT(fixture, bytes)                                                                     \
    do {                                                                                           \
        assert_int_equal((fixture)->out.size, sizeof(bytes) - 1);                                  \
        assert_memory_equal((fixture)->out.at, bytes, sizeof(bytes) - 1);                          \
    } while (0)

static void the_schema_is_that_of_the_contract(void **state)
{
    struct fixture *fixture = *state;

    enum err err = avro_schema_put(fixture->contract, &fixture->contract->ports[0],
                                   &fixture->contract->ports[0].schema, &fixture->out);

    assert_int_equal(err, OK);
    static const char expected[] =
        "{\"type\":\"record\",\"name\":\"readings\",\"namespace\":\"plant_7.oven\","
        "\"fields\":[{\"name\":\"sensor\",\"type\":\"string\"},"
        "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
        "{\"name\":\"level\",\"type\":[\"null\",\"double\"],\"default\":null},"
        "{\"name\":\"count\",\"type\":\"long\"},"
        "{\"name\":\"note\",\"type\":[\"null\",\"string\"],\"default\":null},"
        "{\"name\":\"on\",\"type\":[\"null\",\"boolean\"],\"default\":null},"
        "{\"name\":\"seq\",\"type\":\"long\"},"
        "{\"name\":\"quality\",\"type\":\"string\"}]}";
    EXPECT(fixture, expected);
}

static void a_schema_that_does_not_fit_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    for (size_t limit = 0; limit < 400; limit++) {
        struct buffer out = buffer_over(fixture->room, limit);
        assert_int_equal(avro_schema_put(fixture->contract, &fixture->contract->ports[0],
                                         &fixture->contract->ports[0].schema, &out),
                         ERR_LIMIT);
    }
}

static void a_record_is_its_columns_one_after_the_other(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(put(fixture), OK);

    EXPECT(fixture, "\x02k"                                // sensor: one byte
                    "\xC8\x01"                             // at: 100
                    "\x02\x00\x00\x00\x00\x00\x00\xF0\x3F" // level: the second of the union, 1.0
                    "\x05"                                 // count: -3
                    "\x02\x04ok"                           // note
                    "\x02\x01"                             // on
                    "\xD8\x04"                             // seq: 300
                    "\x08good");
}

static void what_is_missing_and_what_is_no_number_is_null(void **state)
{
    struct fixture *fixture = *state;
    static const double none[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        fixture->values[FIELD_LEVEL] = (struct value){.kind = VALUE_NUMBER, .number = none[i]};
        fixture->values[FIELD_NOTE] = (struct value){.kind = VALUE_NULL};
        fixture->values[FIELD_ON] = (struct value){.kind = VALUE_NULL};

        assert_int_equal(put(fixture), OK);

        EXPECT(fixture, "\x02k\xC8\x01"
                        "\x00"
                        "\x05"
                        "\x00"
                        "\x00\xD8\x04"
                        "\x06"
                        "bad");
    }
}

static void a_required_column_without_a_value_cannot_be_said(void **state)
{
    struct fixture *fixture = *state;
    fixture->values[FIELD_COUNT] = (struct value){.kind = VALUE_NULL};
    assert_int_equal(put(fixture), ERR_INVALID);
}

static void text_that_is_not_utf8_is_mended_as_in_json(void **state)
{
    struct fixture *fixture = *state;
    fixture->values[FIELD_NOTE].text = bytes_from("a\xFF\xC3\xA4\xC3", 5);

    assert_int_equal(put(fixture), OK);

    EXPECT(fixture, "\x02k\xC8\x01\x02\x00\x00\x00\x00\x00\x00\xF0\x3F\x05"
                    "\x02\x12"
                    "a\xEF\xBF\xBD\xC3\xA4\xEF\xBF\xBD"
                    "\x02\x01\xD8\x04\x08good");
}

static void numbers_keep_every_bit(void **state)
{
    struct fixture *fixture = *state;
    static const double numbers[] = {-0.0, 5e-324, 0.1, 1.7976931348623157e308};
    static const int64_t integers[] = {INT64_MIN, INT64_MAX, 0, -1};
    for (int i = 0; i < 4; i++) {
        fixture->values[FIELD_LEVEL].number = numbers[i];
        fixture->values[FIELD_COUNT].integer = integers[i];

        assert_int_equal(put(fixture), OK);

        double number;
        memcpy(&number, fixture->out.at + 5, sizeof number); // this machine is little-endian
        assert_memory_equal(&number, &numbers[i], sizeof number);
        uint64_t bits = 0;
        for (size_t at = 13, shift = 0; shift < 70; at++, shift += 7) {
            bits |= (uint64_t)(fixture->out.at[at] & 0x7F) << shift;
            if (fixture->out.at[at] < 0x80) {
                break;
            }
        }
        assert_true((int64_t)(bits >> 1 ^ (0 - (bits & 1))) == integers[i]);
    }
}

static void without_room_nothing_is_written_outside(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture), OK);
    size_t size = fixture->out.size;
    for (size_t limit = 0; limit < size; limit++) {
        struct buffer out = buffer_over(fixture->room, limit);
        (void)wire_avro_put(&fixture->contract->ports[0].schema, &fixture->record, "gw", "00",
                            &out);
        assert_true(out.overflow);
        assert_true(out.size <= limit);
    }
}

static enum err get(const struct fixture *fixture, size_t size, struct record *record,
                    struct value *values)
{
    char why[WIRE_AVRO_SENTENCE_SIZE];
    return wire_avro_get(&fixture->contract->ports[0].schema, bytes_from(fixture->room, size),
                         record, values, why);
}

static void what_is_written_is_read_back(void **state)
{
    struct fixture *fixture = *state;
    struct record record;
    struct value values[FIELDS];
    fixture->record.quality = QUALITY_UNCERTAIN;
    fixture->values[FIELD_NOTE].kind = VALUE_NULL;
    assert_int_equal(put(fixture), OK);

    assert_int_equal(get(fixture, fixture->out.size, &record, values), OK);

    assert_true(bytes_equal(record.key, bytes_text("k")));
    assert_int_equal(record.time_ms, 100);
    assert_int_equal(record.clock, RECORD_CLOCK_DEVICE);
    assert_int_equal(record.quality, QUALITY_UNCERTAIN);
    assert_true(values[FIELD_LEVEL].number == 1.0);
    assert_int_equal(values[FIELD_COUNT].integer, -3);
    assert_int_equal(values[FIELD_NOTE].kind, VALUE_NULL);
    assert_true(values[FIELD_ON].boolean);
}

static void the_ends_of_integers_are_read_back(void **state)
{
    struct fixture *fixture = *state;
    static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -64, -65, 63, 64, 0, INT64_MAX};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct record record;
        struct value values[FIELDS];
        fixture->values[FIELD_COUNT].integer = ends[i];
        assert_int_equal(put(fixture), OK);
        assert_int_equal(get(fixture, fixture->out.size, &record, values), OK);
        assert_true(values[FIELD_COUNT].integer == ends[i]);
    }
}

static void a_part_of_a_record_or_more_than_one_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct record record;
    struct value values[FIELDS];
    assert_int_equal(put(fixture), OK);
    size_t size = fixture->out.size;

    for (size_t part = 0; part < size; part++) {
        assert_int_equal(get(fixture, part, &record, values), ERR_CORRUPT);
    }
    fixture->room[size] = 0;
    assert_int_equal(get(fixture, size + 1, &record, values), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_ends_of_integers_are_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_part_of_a_record_or_more_than_one_is_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_schema_is_that_of_the_contract, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_schema_that_does_not_fit_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_is_its_columns_one_after_the_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_missing_and_what_is_no_number_is_null, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_required_column_without_a_value_cannot_be_said, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(text_that_is_not_utf8_is_mended_as_in_json, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(numbers_keep_every_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_room_nothing_is_written_outside, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
