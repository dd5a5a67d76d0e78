#include "agent/intake.h"
#include "agent/wire_json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct schema schema;

static void add_column(const char *name, enum column_type type, enum column_role role,
                       bool required)
{
    struct column *column = &schema.columns[schema.column_count++];
    *column = (struct column){.type = type, .role = role, .required = required};
    (void)snprintf(column->name, sizeof column->name, "%s", name);
    if (role == ROLE_FIELD) {
        column->field = schema.field_count++;
    }
}

static int set_up(void **context)
{
    (void)context;
    add_column("sensor", COLUMN_STRING, ROLE_KEY, true);
    add_column("ts", COLUMN_TIMESTAMP, ROLE_TIME, true);
    add_column("value", COLUMN_NUMBER, ROLE_FIELD, true);
    add_column("unit", COLUMN_STRING, ROLE_FIELD, false);
    add_column("count", COLUMN_INTEGER, ROLE_FIELD, false);
    add_column("on", COLUMN_BOOLEAN, ROLE_FIELD, false);
    add_column("quality", COLUMN_STRING, ROLE_QUALITY, false);
    add_column("gw", COLUMN_STRING, ROLE_GATEWAY, false);
    add_column("epoch", COLUMN_STRING, ROLE_EPOCH, false);
    add_column("seq", COLUMN_INTEGER, ROLE_SEQ, false);
    return 0;
}

static struct value values[4];

static struct record good_record(void)
{
    values[0] = (struct value){.kind = VALUE_NUMBER, .number = 21.5};
    values[1] = (struct value){.kind = VALUE_TEXT, .text = bytes_text("Cel")};
    values[2] = (struct value){.kind = VALUE_INTEGER, .integer = -7};
    values[3] = (struct value){.kind = VALUE_BOOLEAN, .boolean = true};
    return (struct record){
        .key = bytes_text("oven-3"), .time_ms = 1700000000123, .seq = 42, .values = values};
}

static const char *refusal(const struct record *record)
{
    static char sentence[INTAKE_SENTENCE_SIZE];
    sentence[0] = 0;
    return intake_check(&schema, record, sentence) == OK ? NULL : sentence;
}

static void a_record_that_keeps_the_contract_passes(void **context)
{
    (void)context;
    struct record record = good_record();
    assert_null(refusal(&record));
    values[1] = values[2] = values[3] = (struct value){.kind = VALUE_NULL};
    assert_null(refusal(&record));
}

static void each_breach_has_its_sentence(void **context)
{
    (void)context;
    struct record record = good_record();
    record.key = bytes_text("");
    assert_string_equal(refusal(&record), "the record has no key");

    record = good_record();
    values[0].kind = VALUE_NULL;
    assert_string_equal(refusal(&record), "column 'value' is required by the contract and missing");

    record = good_record();
    values[0] = values[1];
    assert_string_equal(refusal(&record), "column 'value' must be a number and is text");

    record = good_record();
    values[0].number = NAN;
    assert_non_null(refusal(&record));

    record = good_record();
    static uint8_t text[RECORD_TEXT_MAX + 1];
    values[1].text = bytes_from(text, sizeof text);
    assert_non_null(refusal(&record));
    values[1].text.size--;
    assert_null(refusal(&record));

    record = good_record();
    record.key = bytes_from(text, RECORD_KEY_MAX + 1);
    assert_non_null(refusal(&record));
}

static const char *encoded(const struct record *record)
{
    static struct wire_json plan;
    static char text[1024];
    struct buffer out = buffer_over(text, sizeof text - 1);
    wire_json_plan(&plan, &schema);
    wire_json_put(&plan, record, "gw-1", "00000000000000ab", &out);
    assert_false(out.overflow);
    text[out.size] = 0;
    return text;
}

static void a_record_becomes_the_json_that_the_mesh_decided(void **context)
{
    (void)context;
    struct record record = good_record();
    assert_string_equal(encoded(&record), "{\"sensor\":\"oven-3\",\"ts\":\"2023-11-14T22:13:20."
                                          "123Z\",\"value\":21.5,\"unit\":\"Cel\","
                                          "\"count\":-7,\"on\":true,\"quality\":\"good\",\"gw\":"
                                          "\"gw-1\",\"epoch\":\"00000000000000ab\","
                                          "\"seq\":42}");
}

static void what_json_cannot_say_is_null_and_bad(void **context)
{
    (void)context;
    struct record record = good_record();
    values[0].number = INFINITY;
    values[1] = values[2] = values[3] = (struct value){.kind = VALUE_NULL};
    record.quality = QUALITY_UNCERTAIN;
    assert_string_equal(
        encoded(&record),
        "{\"sensor\":\"oven-3\",\"ts\":\"2023-11-14T22:13:20.123Z\",\"value\":null,\"unit\":null,"
        "\"count\":null,\"on\":null,\"quality\":\"bad\",\"gw\":\"gw-1\",\"epoch\":"
        "\"00000000000000ab\","
        "\"seq\":42}");
}

static void an_integer_may_travel_as_text(void **context)
{
    (void)context;
    struct record record = good_record();
    schema.columns[4].as_text = true;
    values[2].integer = INT64_MIN;
    assert_non_null(strstr(encoded(&record), "\"count\":\"-9223372036854775808\","));
    schema.columns[4].as_text = false;
}

static void a_record_that_does_not_fit_is_never_cut(void **context)
{
    (void)context;
    struct record record = good_record();
    static struct wire_json plan;
    wire_json_plan(&plan, &schema);
    size_t whole = strlen(encoded(&record));
    for (size_t limit = 0; limit <= whole; limit++) {
        uint8_t bytes[1024];
        struct buffer out = buffer_over(bytes, limit);
        wire_json_put(&plan, &record, "gw-1", "00000000000000ab", &out);
        assert_int_equal(out.overflow, limit < whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_keeps_the_contract_passes),
        cmocka_unit_test(each_breach_has_its_sentence),
        cmocka_unit_test(a_record_becomes_the_json_that_the_mesh_decided),
        cmocka_unit_test(what_json_cannot_say_is_null_and_bad),
        cmocka_unit_test(an_integer_may_travel_as_text),
        cmocka_unit_test(a_record_that_does_not_fit_is_never_cut),
    };
    return cmocka_run_group_tests_name("intake and JSON", tests, set_up, NULL);
}
