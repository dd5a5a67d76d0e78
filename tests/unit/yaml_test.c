#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/yaml.h"

#include <stdlib.h>

static void expect(const char *text, const char *sentence)
{
    struct problems problems = {.count = 0};
    struct yaml *yaml = yaml_parse("w.yaml", bytes_text(text), &problems);
    assert_null(yaml);
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.lines[0], sentence);
    problems_free(&problems);
}

static void a_tree_knows_its_lines_and_paths(void **state)
{
    (void)state;
    const char *text = "gateway: gw-1 # who\n"
                       "inputs:\n"
                       "  - name: oven\n"
                       "    every: 500 ms\n"
                       "  - name: \"null\"\n"
                       "    every:\n";
    struct problems problems = {.count = 0};

    struct yaml *yaml = yaml_parse("w.yaml", bytes_text(text), &problems);

    assert_non_null(yaml);
    const struct yaml_node *root = yaml_root(yaml);
    assert_int_equal(root->count, 2);
    assert_string_equal(yaml_get(root, "gateway")->text, "gw-1");
    const struct yaml_node *second = yaml_get(root, "inputs")->first->next;
    assert_int_equal(second->line, 5);
    const struct yaml_node *every = yaml_get(second, "every");
    assert_int_equal(every->line, 6);
    char path[YAML_PATH_SIZE];
    yaml_path(every, NULL, path);
    assert_string_equal(path, "inputs[1].every");
    yaml_path(second, "driver", path);
    assert_string_equal(path, "inputs[1].driver");
    assert_true(yaml_is_null(every));
    assert_false(yaml_is_null(yaml_get(second, "name")));
    assert_null(yaml_get(root, "missing"));
    yaml_tree_free(yaml);
    problems_free(&problems);
}

static void a_byte_order_mark_is_stepped_over(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};
    struct yaml *yaml =
        yaml_parse("w.yaml", bytes_text("\xEF\xBB\xBFgateway: gw-1\r\n"), &problems);
    assert_non_null(yaml);
    assert_string_equal(yaml_get(yaml_root(yaml), "gateway")->text, "gw-1");
    assert_int_equal(yaml_get(yaml_root(yaml), "gateway")->line, 1);
    yaml_tree_free(yaml);
}

static void json_is_read_as_it_stands(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};

    struct yaml *yaml =
        yaml_parse("w.json", bytes_text("{\"a\": [1, true, {\"b\": \"x\\u00e9\"}]}"), &problems);

    assert_non_null(yaml);
    const struct yaml_node *list = yaml_get(yaml_root(yaml), "a");
    assert_int_equal(list->count, 3);
    assert_string_equal(yaml_get(list->first->next->next, "b")->text, "x\xc3\xa9");
    yaml_tree_free(yaml);
}

static void each_thing_that_is_not_taken_gets_its_sentence(void **state)
{
    (void)state;
    expect("", "w.yaml:1: the file is empty");
    expect("# only a remark\n", "w.yaml:1: the file is empty");
    expect("a: 1\nb: 2\na: 3\n", "w.yaml:3: a: stands twice in this mapping; keep one");
    expect("a: &x 1\nb: *x\n", "w.yaml:2: an alias (*...) is not read here; write the value out");
    expect("a: !!int 1\n", "w.yaml:1: a tag (!...) is not read here; write the plain value");
    expect("a: !x [1]\n", "w.yaml:1: a tag (!...) is not read here; write the plain value");
    expect("? [a]\n: 1\n", "w.yaml:1: a list or mapping stands where a key is expected");
    expect("a: 1\n---\nb: 1\n",
           "w.yaml:2: a second document (---) begins here; one file holds one document");
    expect("a: \"x\\0y\"\n", "w.yaml:1: a text has a NUL character in it; take it out");
    expect("a:\n\tb: 1\n", "w.yaml:2: not YAML: while scanning for the next token, found "
                           "character that cannot start any token (a tab? indent with spaces)");
    expect("a: [1, 2\nb: 3\n",
           "w.yaml:2: not YAML: while parsing a flow sequence, did not find expected ',' or ']'");
    expect("a: \xff\n", "w.yaml:1: not YAML: invalid leading UTF-8 octet");
}

static void what_is_nested_too_deep_is_refused(void **state)
{
    (void)state;
    char deep[YAML_DEPTH_MAX + 2];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';

    expect(deep, "w.yaml:1: lists and mappings are nested too deep");
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    size_t size = YAML_SIZE_MAX + 1;
    char *large = malloc(size + 1);
    assert_non_null(large);
    memset(large, '#', size);
    large[size] = '\0';
    expect(large, "w.yaml: the file is larger than 1 MiB; split it");

    large[0] = '[';
    for (size_t i = 1; i < size; i++) {
        large[i] = i % 2 == 0 ? ',' : '1';
    }
    large[YAML_SIZE_MAX] = '\0';
    expect(large, "w.yaml:1: the file has too many values for one file; split it");
    free(large);
}

static void every_truncation_is_read_or_told(void **state)
{
    (void)state;
    const char *text =
        "a: {b: [1, 'x', \"y\\n\"], c: |\n    many\n    lines\n  }\nd: [&z {e: f}]\n";
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct problems problems = {.count = 0};
        struct yaml *yaml = yaml_parse("w.yaml", bytes_from(text, cut), &problems);
        assert_true((yaml == NULL) == (problems.error_count == 1));
        yaml_tree_free(yaml);
        problems_free(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_knows_its_lines_and_paths),
        cmocka_unit_test(a_byte_order_mark_is_stepped_over),
        cmocka_unit_test(json_is_read_as_it_stands),
        cmocka_unit_test(each_thing_that_is_not_taken_gets_its_sentence),
        cmocka_unit_test(what_is_nested_too_deep_is_refused),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(every_truncation_is_read_or_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
