// The text formats of the inputs: JSON lines, CSV and line protocol become records, exactly, or a
// sentence.
#include "ports/input/json_lines.h"
#include "ports/input/line_protocol.h"
#include "ports/input/text_format.h"
#include "tests/unit/support/columns.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

// The fields of the schema below, in its order.
enum { TEMPERATURE, COUNT, RUNNING, NOTE, SINCE };

static struct schema schema;

static int set_up(void **state)
{
    schema = (struct schema){.id = 1};
    columns_add(&schema, "sensor", COLUMN_STRING, ROLE_KEY);
    columns_add(&schema, "ts", COLUMN_TIMESTAMP, ROLE_TIME);
    columns_add(&schema, "temperature", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&schema, "count", COLUMN_INTEGER, ROLE_FIELD);
    columns_add(&schema, "running", COLUMN_BOOLEAN, ROLE_FIELD);
    columns_add(&schema, "note", COLUMN_STRING, ROLE_FIELD);
    columns_add(&schema, "since", COLUMN_TIMESTAMP, ROLE_FIELD);
    columns_add(&schema, "quality", COLUMN_STRING, ROLE_QUALITY);
    struct fields_names names = {.unit = UNIT_MS};
    *state = fields_open("test", &schema, &names);
    return *state == NULL;
}

static int tear_down(void **state)
{
    fields_close(*state);
    return 0;
}

static struct fields *fields_with(enum fields_unit unit, const char *key, const char *time)
{
    struct fields_names names = {.unit = unit, .key = key, .time = time};
    struct fields *fields = fields_open("test", &schema, &names);
    assert_non_null(fields);
    return fields;
}

static const struct record *json(struct fields *fields, const char *line)
{
    return json_line_read(fields, bytes_text(line));
}

static struct option_pair pair(const char *name, const char *value)
{
    return (struct option_pair){(char *)(uintptr_t)name, (char *)(uintptr_t)value};
}

static void assert_sentence(const struct record *record, const struct fields *fields,
                            const char *sentence)
{
    assert_null(record);
    assert_string_equal(fields_sentence(fields), sentence);
}

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes_equal(bytes, bytes_text(text));
}

// ---- JSON ----

static void a_json_line_becomes_a_record(void **state)
{
    // Given a line with a member for each column
    const struct record *record =
        json(*state, "{\"sensor\":\"oven-3\",\"ts\":1700000000123,\"temperature\":21.5,"
                     "\"count\":9007199254740993,\"running\":true,\"note\":\"a b\","
                     "\"since\":\"2026-11-24T18:00:00Z\",\"quality\":\"bad\"}\r\n");
    // Then each stands where the contract has it
    assert_non_null(record);
    assert_true(is_text(record->key, "oven-3"));
    assert_true(record->time_ms == 1700000000123);
    assert_int_equal(record->clock, RECORD_CLOCK_DEVICE);
    assert_int_equal(record->quality, QUALITY_BAD);
    assert_true(record->values[TEMPERATURE].number == 21.5);
    assert_true(record->values[COUNT].integer == 9007199254740993);
    assert_true(record->values[RUNNING].boolean);
    assert_true(is_text(record->values[NOTE].text, "a b"));
    assert_true(record->values[SINCE].integer == 1795543200000);
}

static void what_a_line_does_not_say_is_null_and_not_what_the_last_one_said(void **state)
{
    assert_non_null(json(*state, "{\"sensor\":\"a\",\"ts\":1,\"temperature\":1,\"note\":\"x\"}"));
    const struct record *record = json(*state, "{\"sensor\":\"b\",\"temperature\":null}");
    assert_non_null(record);
    for (int i = 0; i < schema.field_count; i++) {
        assert_int_equal(record->values[i].kind, VALUE_NULL);
    }
    assert_int_equal(record->quality, QUALITY_GOOD);
    assert_int_equal(record->clock, RECORD_CLOCK_WALL);
    assert_true(record->time_ms > 1700000000000);
}

static void the_order_of_members_may_change_from_line_to_line(void **state)
{
    for (int i = 0; i < 3; i++) {
        const struct record *record =
            json(*state, "{\"sensor\":\"a\",\"temperature\":1.5,\"count\":7}");
        assert_true(record->values[TEMPERATURE].number == 1.5);
        assert_true(record->values[COUNT].integer == 7);
        record = json(*state, "{\"count\":8,\"what\":[1,{\"a\":\"]\"}],\"sensor\":\"a\","
                              "\"temperature\":2.5}");
        assert_true(record->values[TEMPERATURE].number == 2.5);
        assert_true(record->values[COUNT].integer == 8);
    }
}

static void escapes_and_surrogates_become_utf8(void **state)
{
    const struct record *record =
        json(*state, "{\"sensor\":\"\\u00e9\\\"\\\\\\/\",\"note\":\"\\b\\f\\n\\r\\t\\uD83C\\uDF21"
                     "\\ud83c!\\udf21\\u65e5\"}");
    assert_non_null(record);
    assert_true(is_text(record->key, "\xC3\xA9\"\\/"));
    assert_true(is_text(record->values[NOTE].text,
                        "\b\f\n\r\t\xF0\x9F\x8C\xA1\xEF\xBF\xBD!\xEF\xBF\xBD\xE6\x97\xA5"));
    // And a name may be escaped too
    record = json(*state, "{\"s\\u0065nsor\":\"a\"}");
    assert_true(is_text(record->key, "a"));
}

static void members_of_inner_objects_have_names_with_points(void **state)
{
    (void)state;
    struct option_pair renames[] = {pair("data.t.air", "temperature"), pair("data.n", "count")};
    struct fields_names names = {
        .unit = UNIT_MS, .key = "meta.id", .renames = renames, .rename_count = 2};
    struct fields *fields = fields_open("test", &schema, &names);
    const struct record *record =
        json(fields, "{\"meta\":{\"id\":\"k\",\"e\":{}},\"data\":{\"t\":{\"air\":4.5,\"x\":{}},"
                     "\"n\":3}, \"n\":9}");
    assert_non_null(record);
    assert_true(is_text(record->key, "k"));
    assert_true(record->values[TEMPERATURE].number == 4.5);
    assert_true(record->values[COUNT].integer == 3);
    fields_close(fields);
}

static void a_timestamp_of_the_contract_may_be_a_number(void **state)
{
    const struct record *record =
        json(*state, "{\"sensor\":\"a\",\"ts\":1,\"since\":1700000000123}");
    assert_non_null(record);
    assert_true(record->values[SINCE].kind == VALUE_INTEGER);
    assert_true(record->values[SINCE].integer == 1700000000123);
}

static void a_value_that_does_not_fit_its_column_is_left_to_the_contract(void **state)
{
    static const struct {
        const char *member;
        int field;
        enum value_kind kind;
        const char *text;
    } cases[] = {
        {"\"temperature\":\"n/a\"", TEMPERATURE, VALUE_TEXT, "n/a"},
        {"\"temperature\":true", TEMPERATURE, VALUE_BOOLEAN, NULL},
        {"\"temperature\":[1]", TEMPERATURE, VALUE_TEXT, "an array"},
        {"\"temperature\":{\"a\":1}", TEMPERATURE, VALUE_TEXT, "an object"},
        {"\"count\":2.5", COUNT, VALUE_TEXT, "2.5"},
        {"\"count\":9223372036854775808", COUNT, VALUE_TEXT, "9223372036854775808"},
        {"\"running\":2", RUNNING, VALUE_TEXT, "2"},
        {"\"since\":\"yesterday\"", SINCE, VALUE_TEXT, "yesterday"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        // Given a line with a value that its column does not take
        char line[200];
        (void)snprintf(line, sizeof line, "{\"sensor\":\"a\",%s}", cases[i].member);
        // When it is read
        const struct record *record = json(*state, line);
        // Then the record has the value as it came, which no block would take
        assert_non_null(record);
        assert_int_equal(record->values[cases[i].field].kind, cases[i].kind);
        if (cases[i].text != NULL) {
            assert_true(is_text(record->values[cases[i].field].text, cases[i].text));
        }
    }
}

static void a_strict_reader_converts_no_types(void **state)
{
    (void)state;
    struct fields *fields =
        fields_open("test", &schema, &(struct fields_names){.unit = UNIT_MS, .strict = true});
    // Given values that a lenient reader would take as they are meant
    const struct record *record =
        json(fields, "{\"sensor\":\"a\",\"note\":5,\"running\":1,\"since\":1700000000000,"
                     "\"count\":7,\"temperature\":1}");
    // Then what JSON has another type for keeps its own
    assert_non_null(record);
    assert_int_equal(record->values[NOTE].kind, VALUE_NUMBER);
    assert_int_equal(record->values[RUNNING].kind, VALUE_NUMBER);
    assert_int_equal(record->values[SINCE].kind, VALUE_NUMBER);
    assert_int_equal(record->values[COUNT].kind, VALUE_INTEGER);
    assert_int_equal(record->values[TEMPERATURE].kind, VALUE_NUMBER);
    fields_close(fields);
}

static void a_value_that_makes_no_record_gets_a_sentence(void **state)
{
    static const struct {
        const char *member;
        const char *sentence;
    } cases[] = {
        {"\"note\":[1]", "note is an array, where a text of at most 4096 bytes of UTF-8 is wanted"},
        {"\"ts\":253402300800000",
         "ts is \"253402300800000\", where RFC 3339 or Unix milliseconds, of the years 0 to 9999, "
         "is wanted"},
        {"\"quality\":\"so so\"",
         "quality is \"so so\", where good, uncertain, bad or 0 to 255 is wanted"},
        {"\"note\":\"\xff\"",
         "note is \"\xff\", where a text of at most 4096 bytes of UTF-8 is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200];
        (void)snprintf(line, sizeof line, "{\"sensor\":\"a\",%s}", cases[i].member);
        assert_sentence(json(*state, line), *state, cases[i].sentence);
    }
    // And numbers that fit by value are taken as they are meant
    const struct record *record =
        json(*state, "{\"sensor\":7,\"count\":5e0,\"note\":1.50,\"running\":1}");
    assert_non_null(record);
    assert_true(is_text(record->key, "7"));
    assert_true(record->values[COUNT].integer == 5);
    assert_true(is_text(record->values[NOTE].text, "1.50"));
    assert_true(record->values[RUNNING].boolean);
}

static void what_is_not_json_gets_a_sentence_with_its_column(void **state)
{
    static const struct {
        const char *line;
        const char *sentence;
    } cases[] = {
        {"hello", "column 1 has \"hello\", where an object, {\"name\": value, ...}, is wanted"},
        {"{\"sensor\":\"a\"",
         "the line ends at column 14, where a comma or a closing brace is wanted"},
        {"{\"sensor\":\"a\",}",
         "column 15 has \"}\", where a member's name in quotation marks is wanted"},
        {"{\"sensor\":\"a\", }",
         "column 16 has \"}\", where a member's name in quotation marks is wanted"},
        {"{\"sensor\" \"a\"}", "column 11 has \"\"a\"}\", where a colon is wanted"},
        {"{\"count\":007}",
         "column 10 has \"007}\", where a number of JSON that a double holds is wanted"},
        {"{\"count\":1e999}",
         "column 10 has \"1e999}\", where a number of JSON that a double holds is wanted"},
        {"{\"count\":NaN}", "column 10 has \"NaN}\", where a value is wanted"},
        {"{\"note\":\"a\\x\"}",
         "column 12 has \"x\"}\", where one of \"\\/bfnrtu after a backslash is wanted"},
        {"{} {}", "column 4 has \"{}\", where the end of the line is wanted"},
        {"{}", "there is no \"sensor\", which is the key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_sentence(json(*state, cases[i].line), *state, cases[i].sentence);
    }
}

static void objects_inside_each_other_are_bounded(void **state)
{
    char line[400] = "{\"sensor\":\"a\"";
    for (int depth = 1; depth < 40; depth++) {
        (void)snprintf(line + strlen(line), sizeof line - strlen(line), ",\"a\":{\"b\":1");
    }
    assert_null(json(*state, line));
    assert_non_null(strstr(fields_sentence(*state), "no more than 16 objects inside each other"));
    // And arrays of any depth are stepped over
    char deep[4000] = "{\"sensor\":\"a\",\"x\":";
    size_t size = strlen(deep);
    memset(deep + size, '[', 1000);
    memset(deep + size + 1000, ']', 1000);
    memcpy(deep + size + 2000, "}", 2);
    assert_non_null(json(*state, deep));
}

static void every_cut_of_a_json_line_is_refused(void **state)
{
    static const char line[] =
        "{\"sensor\":\"\\u00e9x\",\"ts\":1700000000123,\"temperature\":-21.5e1,\"what\":{\"a\":[1,"
        "\"]\"]},\"running\":false,\"note\":\"\\ud83c\\udf21\",\"count\":null}";
    for (size_t cut = 0; cut < sizeof line - 1; cut++) {
        uint8_t *copy = malloc(cut + 1); // of exact size, for the sanitizer
        memcpy(copy, line, cut);
        assert_null(json_line_read(*state, bytes_from(copy, cut)));
        assert_true(strlen(fields_sentence(*state)) > 0);
        free(copy);
    }
    assert_non_null(json(*state, line));
}

static void times_are_read_in_their_unit(void **state)
{
    (void)state;
    static const struct {
        enum fields_unit unit;
        const char *time;
        int64_t ms;
    } cases[] = {
        {UNIT_S, "1700000000", 1700000000000},
        {UNIT_S, "1700000000.123", 1700000000123},
        {UNIT_S, "\"1700000000\"", 1700000000000},
        {UNIT_MS, "1700000000123", 1700000000123},
        {UNIT_MS, "-1", -1},
        {UNIT_US, "1700000000123456", 1700000000123},
        {UNIT_NS, "1700000000123456789", 1700000000123},
        {UNIT_NS, "-1", -1},
        {UNIT_NS, "\"1970-01-01T01:00:00.5+01:00\"", 500},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fields *fields = fields_with(cases[i].unit, "k", "t");
        char line[100];
        (void)snprintf(line, sizeof line, "{\"k\":\"a\",\"t\":%s}", cases[i].time);
        const struct record *record = json(fields, line);
        assert_non_null(record);
        assert_true(record->time_ms == cases[i].ms);
        fields_close(fields);
    }
    // And a time that the settings name must be there
    struct fields *fields = fields_with(UNIT_MS, "k", "t");
    assert_sentence(json(fields, "{\"k\":\"a\"}"), fields, "there is no \"t\", which is the time");
    fields_close(fields);
}

static void more_unknown_names_than_are_remembered_do_no_harm(void **state)
{
    for (int i = 0; i < 1000; i++) {
        char line[300];
        (void)snprintf(line, sizeof line,
                       "{\"unknown %d\":1,\"sensor\":\"a\",\"count\":%d,\"%0200d\":1}", i, i, i);
        const struct record *record = json(*state, line);
        assert_non_null(record);
        assert_true(record->values[COUNT].integer == i);
    }
}

static void names_in_the_settings_that_are_no_properties_are_problems(void **state)
{
    (void)state;
    // Given a misspelt property, and two names for one
    struct option_pair renames[] = {pair("t", "temprature"), pair("a", "count"),
                                    pair("b", "count")};
    struct fields_names names = {.renames = renames, .rename_count = 3};
    // Then both are told, with what would do
    struct problems problems = {0};
    fields_check(&names, &schema, "weir.yaml", 7, "fields", &problems);
    assert_int_equal(problems.count, 2);
    assert_string_equal(problems.lines[0],
                        "weir.yaml:7: fields: \"t: temprature\": the contract has no property "
                        "\"temprature\"; write NAME IN THE INPUT: PROPERTY");
    assert_string_equal(problems.lines[1],
                        "weir.yaml:7: fields: both \"a\" and \"b\" would be \"count\"");
    problems_free(&problems);
}

// ---- CSV ----

static const struct record *csv(struct fields *fields, const char *header, const char *line)
{
    static struct csv table;
    csv_init(&table, ',');
    assert_true(csv_read_header(&table, fields, bytes_text(header)));
    return csv_line_read(&table, fields, bytes_text(line));
}

static void a_csv_line_becomes_a_record_by_its_header(void **state)
{
    const struct record *record =
        csv(*state, "\xEF\xBB\xBFsensor, ts ,\"temperature\",nothing,note,running,count\r\n",
            "oven-3,1700000000123, 21.5 ,x,\"a, \"\"b\"\"\nc\",TRUE,\r\n");
    assert_non_null(record);
    assert_true(is_text(record->key, "oven-3"));
    assert_true(record->time_ms == 1700000000123);
    assert_true(record->values[TEMPERATURE].number == 21.5);
    assert_true(is_text(record->values[NOTE].text, "a, \"b\"\nc"));
    assert_true(record->values[RUNNING].boolean);
    assert_int_equal(record->values[COUNT].kind, VALUE_NULL);
}

static void a_csv_line_that_does_not_fit_gets_a_sentence(void **state)
{
    assert_sentence(csv(*state, "sensor,count", "a"), *state,
                    "the line has 1 cells, where 2 columns are wanted");
    assert_sentence(csv(*state, "sensor,count", "a,1,2"), *state,
                    "the line has 3 cells, where 2 columns are wanted");
    assert_sentence(csv(*state, "sensor,note", "a,\"b\"c"), *state,
                    "\"c\" follows a closing quotation mark, where ',' is wanted");
    assert_sentence(csv(*state, "sensor,note", "a,\"b"), *state, "a quotation mark is not closed");
}

static void a_csv_line_ends_outside_quotation_marks(void **state)
{
    (void)state;
    struct csv table;
    csv_init(&table, ';');
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"a;b\nc", 4},
        {"a;\"b\nc\"\nd", 8},
        {"a;\"b\"\"\n\"\nd", 9},
        {"a;b\"c\nd", 6},
        {"a;\"b\nc", 0},
        {"", 0},
        {"a;b", 0},
        {"\n", 1},
        {"\"a\";\"\"\n", 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(csv_line_size(&table, bytes_text(cases[i].text)), cases[i].size);
    }
}

// ---- line protocol ----

static const struct record *line(struct fields *fields, const char *text)
{
    return line_protocol_read(fields, bytes_text(text));
}

static void a_line_of_line_protocol_becomes_a_record(void **state)
{
    (void)state;
    struct fields *fields = fields_with(UNIT_NS, "host", NULL);
    const struct record *record =
        line(fields, "weather,host=gw\\ 1,room=a\\,b temperature=21.5,count=7i,running=t,"
                     "note=\"say \\\"x\\\", \\\\ ok\" 1465839830100400200\n");
    assert_non_null(record);
    assert_true(is_text(record->key, "gw 1"));
    assert_true(record->time_ms == 1465839830100);
    assert_true(record->values[TEMPERATURE].number == 21.5);
    assert_true(record->values[COUNT].integer == 7);
    assert_true(record->values[RUNNING].boolean);
    assert_true(is_text(record->values[NOTE].text, "say \"x\", \\ ok"));
    // And without a time stamp it has the time of now
    record = line(fields, "weather,host=b count=18446744073709551u");
    assert_non_null(record);
    assert_int_equal(record->clock, RECORD_CLOCK_WALL);
    fields_close(fields);
}

static void the_measurement_can_be_the_key(void **state)
{
    (void)state;
    struct fields *fields = fields_with(UNIT_MS, "measurement", NULL);
    const struct record *record = line(fields, "oven\\ 3 temperature=1,note=\"\" 5");
    assert_non_null(record);
    assert_true(is_text(record->key, "oven 3"));
    assert_true(record->time_ms == 5);
    assert_int_equal(record->values[NOTE].kind, VALUE_TEXT);
    fields_close(fields);
}

static void what_is_not_line_protocol_gets_a_sentence(void **state)
{
    (void)state;
    struct fields *fields = fields_with(UNIT_NS, "measurement", NULL);
    static const struct {
        const char *line;
        const char *sentence;
    } cases[] = {
        {"m", "the line ends where a space and the fields is wanted"},
        {"m ", "the line ends where a space and the fields is wanted"},
        {"m,t x=1", "\" x=1\" stands where an equals sign after a tag's name is wanted"},
        {"m x", "the line ends where an equals sign after a field's name is wanted"},
        {"m x=", "the line ends where a field's value is wanted"},
        {"m x=abc",
         "\"abc\" stands where a field's value (21.5, 7i, 7u, t, f or \"text\") is wanted"},
        {"m x=1.5i",
         "\"1.5i\" stands where a field's value (21.5, 7i, 7u, t, f or \"text\") is wanted"},
        {"m x=nan",
         "\"nan\" stands where a field's value (21.5, 7i, 7u, t, f or \"text\") is wanted"},
        {"m x=\"a", "the line ends where the end of a text is wanted"},
        {"m x=1 now", "\"now\" stands where an integer, the time stamp, is wanted"},
        {",t=1 x=1", "\",t=1 x=1\" stands where a measurement is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_sentence(line(fields, cases[i].line), fields, cases[i].sentence);
    }
    fields_close(fields);
}

static void every_cut_of_a_table_or_a_line_is_read_within_its_bytes(void **state)
{
    static const char text[] =
        "a\\ b,host=\"x\",y=\\,z temperature=21.5,note=\"a,\\\"\n\",count=7i 5";
    struct csv table;
    csv_init(&table, ',');
    assert_true(csv_read_header(&table, *state, bytes_text("sensor,note,count")));
    for (size_t cut = 0; cut < sizeof text; cut++) {
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, text, cut);
        (void)line_protocol_read(*state, bytes_from(copy, cut));
        (void)csv_line_read(&table, *state, bytes_from(copy, cut));
        (void)csv_line_size(&table, bytes_from(copy, cut));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_line_becomes_a_record),
        cmocka_unit_test(what_a_line_does_not_say_is_null_and_not_what_the_last_one_said),
        cmocka_unit_test(the_order_of_members_may_change_from_line_to_line),
        cmocka_unit_test(escapes_and_surrogates_become_utf8),
        cmocka_unit_test(members_of_inner_objects_have_names_with_points),
        cmocka_unit_test(a_timestamp_of_the_contract_may_be_a_number),
        cmocka_unit_test(a_value_that_does_not_fit_its_column_is_left_to_the_contract),
        cmocka_unit_test(a_strict_reader_converts_no_types),
        cmocka_unit_test(a_value_that_makes_no_record_gets_a_sentence),
        cmocka_unit_test(what_is_not_json_gets_a_sentence_with_its_column),
        cmocka_unit_test(objects_inside_each_other_are_bounded),
        cmocka_unit_test(every_cut_of_a_json_line_is_refused),
        cmocka_unit_test(times_are_read_in_their_unit),
        cmocka_unit_test(more_unknown_names_than_are_remembered_do_no_harm),
        cmocka_unit_test(names_in_the_settings_that_are_no_properties_are_problems),
        cmocka_unit_test(a_csv_line_becomes_a_record_by_its_header),
        cmocka_unit_test(a_csv_line_that_does_not_fit_gets_a_sentence),
        cmocka_unit_test(a_csv_line_ends_outside_quotation_marks),
        cmocka_unit_test(a_line_of_line_protocol_becomes_a_record),
        cmocka_unit_test(the_measurement_can_be_the_key),
        cmocka_unit_test(what_is_not_line_protocol_gets_a_sentence),
        cmocka_unit_test(every_cut_of_a_table_or_a_line_is_read_within_its_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
