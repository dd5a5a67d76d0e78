// A contract as it is published, and what of it never changes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/contract_document.h"
#include "agent/yaml_json.h"

static char *json_of(const char *yaml_text)
{
    struct problems problems = {.count = 0};
    struct yaml *yaml = yaml_parse("a.yaml", bytes_text(yaml_text), &problems);
    assert_non_null(yaml);
    char *text = yaml_json_text(yaml_root(yaml));
    yaml_tree_free(yaml);
    assert_non_null(text);
    return text;
}

static void every_key_and_value_of_yaml_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } rows[] = {
        {"a: 1\nb: two\n", "{\"a\":1,\"b\":\"two\"}"},
        {"z: 1\na: 2\nm: {y: [1, [2, {k: v}], 3], x: {}}\nl: []\n",
         "{\"z\":1,\"a\":2,\"m\":{\"y\":[1,[2,{\"k\":\"v\"}],3],\"x\":{}},\"l\":[]}"},
        {"[true, False, null, ~, '', \"true\", 'null']",
         "[true,false,null,null,\"\",\"true\",\"null\"]"},
        {"[99.90, 12345678901234567890, 1e3, -0, +5, .5, 5., 007]",
         "[99.90,12345678901234567890,1e3,-0,5,0.5,5,7]"},
        {"[1.0.0, 2026-01-01, 2026-01-01T00:00:00Z, 0x1F, 1_000, yes, .inf, 1e999]",
         "[\"1.0.0\",\"2026-01-01\",\"2026-01-01T00:00:00Z\",\"0x1F\",\"1_000\",\"yes\",\".inf\","
         "\"1e999\"]"},
        {"a: |\n  two\n  lines \"quoted\" \\ caf\xc3\xa9\n",
         "{\"a\":\"two\\nlines \\\"quoted\\\" \\\\ caf\xc3\xa9\\n\"}"},
        {"{\"json\": [1, \"1\"]}", "{\"json\":[1,\"1\"]}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = json_of(rows[i].yaml);
        assert_string_equal(text, rows[i].json);
        cJSON_free(text);
    }
}

static void as_deep_as_yaml_may_be_it_is_written(void **state)
{
    (void)state;
    char text[2 * YAML_DEPTH_MAX + 1] = "";
    memset(text, '[', YAML_DEPTH_MAX);
    memset(text + YAML_DEPTH_MAX, ']', YAML_DEPTH_MAX);

    char *json = json_of(text);

    assert_string_equal(json, text);
    cJSON_free(json);
}

static void digest(const char *text, uint8_t out[DIGEST_SIZE])
{
    assert_int_equal(contract_content_digest(bytes_text(text), out), OK);
}

static void marks_of_the_end_are_no_part_of_the_content(void **state)
{
    (void)state;
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    const char *with = "{\"id\":\"a\",\"status\":\"active\",\"slaProperties\":[{\"property\":"
                       "\"latency\",\"value\":1}]}";
    const char *without = "{\"id\":\"a\",\"status\":\"active\"}";

    const char *const documents[] = {with, without};
    for (size_t i = 0; i < 2; i++) {
        char *ended = contract_document_ended(bytes_text(documents[i]), "deprecated", "2027-01-01");
        digest(documents[i], before);
        digest(ended, after);
        assert_memory_equal(before, after, DIGEST_SIZE);
        assert_non_null(strstr(ended, "\"status\":\"deprecated\""));
        assert_non_null(strstr(ended, "\"endOfSupport\",\"value\":\"2027-01-01\""));

        char *again = contract_document_ended(bytes_text(ended), "deprecated", "2027-01-01");
        assert_string_equal(again, ended); // not twice
        cJSON_free(again);
        cJSON_free(ended);
    }

    digest(with, before);
    digest("{\"id\":\"a\",\"status\":\"active\",\"slaProperties\":[{\"property\":\"latency\","
           "\"value\":2}]}",
           after);
    assert_memory_not_equal(before, after, DIGEST_SIZE);
}

static void what_is_no_object_has_no_content(void **state)
{
    (void)state;
    uint8_t sum[DIGEST_SIZE];
    const char *const rows[] = {
        "", "[]", "1", "{", "{\"a\":}", "null", "{\"a\":1,\"b\":2,\"a\":1}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(contract_content_digest(bytes_text(rows[i]), sum), ERR_INVALID);
        assert_null(contract_document_ended(bytes_text(rows[i]), "deprecated", NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_and_value_of_yaml_is_kept),
        cmocka_unit_test(as_deep_as_yaml_may_be_it_is_written),
        cmocka_unit_test(marks_of_the_end_are_no_part_of_the_content),
        cmocka_unit_test(what_is_no_object_has_no_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
