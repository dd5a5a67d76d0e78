#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/avro_compat.h"
#include "agent/avro_schema.h"
#include "agent/contract_change.h"
#include "agent/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHANGES_LEAST = 30, TEXT_SIZE = 8192 };

static const char head[] = "apiVersion: v3.1.0\n"
                           "kind: DataContract\n"
                           "id: one\n"
                           "version: 1.0.0\n"
                           "status: active\n"
                           "domain: plant7\n"
                           "team: {name: us}\n"
                           "support: [{channel: chat}]\n"
                           "schema:\n"
                           "  - name: reading\n"
                           "    physicalName: plant7.oven.readings.v1\n"
                           "    customProperties:\n"
                           "      - {property: weir.layout, value: %s}\n%s"
                           "    properties:\n"
                           "      - {name: sensor, logicalType: string, required: true, "
                           "primaryKey: true}\n"
                           "      - {name: ts, logicalType: timestamp, required: true}\n";

// "[blocks ]a:number b:string!" as a contract; `custom` are lines of customProperties.
static struct contract *contract_of(const char *columns, const char *custom)
{
    static char text[TEXT_SIZE];
    bool blocks = strncmp(columns, "blocks ", 7) == 0;
    size_t used = (size_t)snprintf(text, sizeof text, head, blocks ? "blocks" : "records", custom);
    const char *at = columns + (blocks ? 7 : 0);
    while (*at != '\0') {
        size_t size = strcspn(at, " ");
        size_t name = strcspn(at, ":");
        bool required = at[size - 1] == '!';
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "      - {name: %.*s, logicalType: %.*s, required: %s}\n",
                                 (int)name, at, (int)(size - name - 1 - required), at + name + 1,
                                 required ? "true" : "false");
        at += size + (at[size] == ' ');
    }
    struct problems problems = {.count = 0};
    struct contract *contract = contract_parse("/c/oven.odcs.yaml", bytes_text(text), &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    assert_non_null(contract);
    return contract;
}

static struct bytes schema_of(const char *columns, char out[TEXT_SIZE])
{
    struct contract *contract = contract_of(columns, "");
    struct buffer text = buffer_over(out, TEXT_SIZE);
    assert_int_equal(
        avro_schema_put(contract, &contract->ports[0], &contract->ports[0].schema, &text), OK);
    contract_free(contract);
    return buffer_bytes(&text);
}

static void judge_row(const char *name, const char *before, const char *after, bool backward,
                      bool forward)
{
    static char old_room[TEXT_SIZE], new_room[TEXT_SIZE];
    static const enum compatibility rules[] = {COMPATIBILITY_BACKWARD, COMPATIBILITY_FORWARD,
                                               COMPATIBILITY_FULL, COMPATIBILITY_NONE};
    const bool wanted[] = {backward, forward, backward && forward, true};
    struct bytes old = schema_of(before, old_room);
    struct bytes new = schema_of(after, new_room);
    for (size_t i = 0; i < 4; i++) {
        char why[AVRO_COMPAT_WHY_SIZE];
        bool follows;
        assert_int_equal(avro_compat_follows(rules[i], old, new, &follows, why), OK);
        if (follows != wanted[i]) {
            fail_msg("%s, rule %zu: %s", name, i, why);
        }
        assert_true(follows == (why[0] == '\0'));
    }
}

static void each_change_of_the_table_gets_the_verdict_of_avro(void **state)
{
    (void)state;
    char *text;
    size_t size;
    unsigned count = 0;
    assert_int_equal(file_read(TEST_DIR "/vectors/compatibility.tsv", 1 << 16, &text, &size), OK);
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        char *fields[5];
        if (*line == '#' || *line == '\0') {
            continue;
        }
        for (int i = 0; i < 5; i++) {
            fields[i] = strsep(&line, "\t");
            assert_non_null(fields[i]);
        }
        judge_row(fields[0], fields[1], fields[2], strcmp(fields[3], "yes") == 0,
                  strcmp(fields[4], "yes") == 0);
        count++;
    }
    free(text);
    assert_true(count >= CHANGES_LEAST);
}

static void other_types_of_avro_are_judged_too(void **state)
{
    (void)state;
    static const struct {
        const char *reader, *writer;
        bool reads;
    } rows[] = {
        {"\"bytes\"", "\"string\"", true},
        {"\"string\"", "\"bytes\"", true},
        {"\"float\"", "\"long\"", true},
        {"\"int\"", "\"long\"", false},
        {"[\"null\",\"string\"]", "\"string\"", true},
        {"\"string\"", "[\"null\",\"string\"]", false},
        {"\"string\"", "[\"string\"]", true},
        {"{\"type\":\"array\",\"items\":\"double\"}", "{\"type\":\"array\",\"items\":\"int\"}",
         true},
        {"{\"type\":\"map\",\"values\":\"int\"}", "{\"type\":\"map\",\"values\":\"double\"}",
         false},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\"]}",
         "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\",\"b\"]}", false},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\",\"b\"]}",
         "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\"]}", true},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}",
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":5}", false},
        {"{\"type\":\"record\",\"name\":\"A\",\"fields\":[]}",
         "{\"type\":\"record\",\"name\":\"B\",\"fields\":[]}", false},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "\"long\"", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[AVRO_COMPAT_WHY_SIZE];
        bool reads;
        enum err err =
            avro_compat_reads(bytes_text(rows[i].reader), bytes_text(rows[i].writer), &reads, why);
        assert_int_equal(err, OK);
        if (reads != rows[i].reads) {
            fail_msg("%s reads %s: %s", rows[i].reader, rows[i].writer, why);
        }
    }
}

static void what_is_no_schema_is_invalid(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{}",
                                        "7",
                                        "\"money\"",
                                        "{\"type\":\"record\"}",
                                        "{\"type\":{\"type\":{}}}",
                                        "[[[[\"x\"]]]]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char why[AVRO_COMPAT_WHY_SIZE];
        bool reads;
        assert_int_equal(avro_compat_reads(bytes_text(texts[i]), bytes_text(texts[i]), &reads, why),
                         ERR_INVALID);
        assert_false(reads);
    }
    // As deep as a text can be: an end, not a crash.
    static char deep[2000];
    memset(deep, '[', sizeof deep - 1);
    char why[AVRO_COMPAT_WHY_SIZE];
    bool reads;
    assert_int_equal(avro_compat_reads(bytes_text(deep), bytes_text(deep), &reads, why),
                     ERR_INVALID);
}

// ---- what Avro does not see ----

static void change(const char *before, const char *before_custom, const char *after,
                   const char *after_custom, const char *sentence)
{
    struct contract *old = contract_of(before, before_custom);
    struct contract *new = contract_of(after, after_custom);
    char why[AVRO_COMPAT_WHY_SIZE];
    bool follows;
    enum err err =
        contract_change_judge((struct contract_face){old, &old->ports[0]},
                              (struct contract_face){new, &new->ports[0]}, &follows, why);
    assert_int_equal(err, OK);
    assert_string_equal(why, sentence);
    assert_true(follows == (sentence[0] == '\0'));
    contract_free(old);
    contract_free(new);
}

static void a_change_that_breaks_readers_is_told_by_its_field(void **state)
{
    (void)state;
    change("a:number", "", "a:number b:string", "", "");
    change("a:number", "", "a:string", "",
           "field a: written as null or double, and read as null or string");
    change("a:number!", "", "b:number!", "", "field b: a reader needs it, and it is not written");
    change("a:timestamp", "", "a:integer", "", "field a: was a timestamp, is an integer");
    change("blocks a:number", "", "blocks a:string", "",
           "field a: written as null or double, and read as null or string");
    change("a:number", "", "blocks a:number", "", "the layout was records, is blocks");
    change("a:number", "", "a:number", "      - {property: weir.format, value: avro}\n",
           "the format was json, is avro");
}

static void the_contract_chooses_the_rule(void **state)
{
    (void)state;
#define RULE(name) "      - {property: weir.compatibility, value: " name "}\n"
    change("a:integer!", "", "a:number!", RULE("backward"), "");
    change("a:integer!", "", "a:number!", RULE("forward"),
           "field a: written as double, and read as long");
    change("a:integer!", "", "a:string!", RULE("none"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_of_the_table_gets_the_verdict_of_avro),
        cmocka_unit_test(other_types_of_avro_are_judged_too),
        cmocka_unit_test(what_is_no_schema_is_invalid),
        cmocka_unit_test(a_change_that_breaks_readers_is_told_by_its_field),
        cmocka_unit_test(the_contract_chooses_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
