#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/option.h"

#include <stdlib.h>
#include <sysexits.h>

static const struct option rows[] = {
    {.key = "name", .type = OPTION_TEXT, .initial = "nobody", .help = "who"},
    {.key = "path", .type = OPTION_PATH, .required = true, .help = "the file to read"},
    {.key = "follow", .type = OPTION_BOOLEAN, .initial = "true"},
    {.key = "unit id", .type = OPTION_INTEGER, .initial = "1", .low = 1, .high = 247},
    {.key = "scale", .type = OPTION_NUMBER, .initial = "1"},
    {.key = "every",
     .type = OPTION_DURATION,
     .initial = "1 s",
     .low = 100,
     .high = 3600000,
     .help = "how often"},
    {.key = "room", .type = OPTION_SIZE, .initial = "64 KiB", .low = 1024, .high = 0},
    {.key = "format", .type = OPTION_CHOICE, .choices = "json|csv|line", .initial = "json"},
    {.key = "fields", .type = OPTION_LIST, .initial = "a, b"},
    {.key = "columns", .type = OPTION_MAP},
    {.key = "tls.ca", .type = OPTION_PATH},
    {.key = "tls.server name", .type = OPTION_TEXT},
    {.key = NULL},
};

struct fixture {
    struct option_set set;
    struct problems problems;
};

static bool read_rows(struct fixture *fixture, const char *text)
{
    *fixture = (struct fixture){.problems = {.count = 0}};
    return option_read_text(&fixture->set, rows, "/etc/weir/weir.yaml", text, &fixture->problems);
}

static void done(struct fixture *fixture)
{
    option_set_free(&fixture->set);
    problems_free(&fixture->problems);
}

// The one sentence that `text` gets.
static void expect(const char *text, const char *sentence)
{
    struct fixture fixture;
    assert_false(read_rows(&fixture, text));
    assert_int_equal(fixture.problems.count, 1);
    assert_string_equal(fixture.problems.lines[0], sentence);
    done(&fixture);
}

static void given_values_are_read_with_their_units(void **state)
{
    (void)state;
    struct fixture fixture;

    assert_true(read_rows(&fixture, "path: data/a.csv\n"
                                    "unit id: 17\n"
                                    "scale: 0.5\n"
                                    "every: 1.5 min\n"
                                    "room: 2MiB\n"
                                    "format: csv\n"
                                    "follow: false\n"
                                    "fields: [x, \"y z\"]\n"
                                    "columns: {a: 1, b: two}\n"
                                    "tls: {ca: /ca.pem, server name: k1}\n"));

    const struct option_set *set = &fixture.set;
    assert_string_equal(option_text(set, "path"), "/etc/weir/data/a.csv");
    assert_int_equal(option_line(set, "path"), 1);
    assert_int_equal(option_integer(set, "unit id"), 17);
    assert_true(option_number(set, "scale") == 0.5);
    assert_int_equal(option_duration_ms(set, "every"), 90000);
    assert_int_equal(option_size_bytes(set, "room"), 2 * 1024 * 1024);
    assert_int_equal(option_choice(set, "format"), 1);
    assert_false(option_boolean(set, "follow"));
    uint32_t count = 0;
    const struct option_pair *pairs = option_pairs(set, "fields", &count);
    assert_int_equal(count, 2);
    assert_string_equal(pairs[1].value, "y z");
    pairs = option_pairs(set, "columns", &count);
    assert_int_equal(count, 2);
    assert_string_equal(pairs[1].name, "b");
    assert_string_equal(pairs[1].value, "two");
    assert_string_equal(option_text(set, "tls.ca"), "/ca.pem");
    assert_string_equal(option_text(set, "tls.server name"), "k1");
    done(&fixture);
}

static void what_is_not_given_stands_by_default(void **state)
{
    (void)state;
    struct fixture fixture;

    assert_true(read_rows(&fixture, "path: /a\n"));

    const struct option_set *set = &fixture.set;
    assert_string_equal(option_text(set, "name"), "nobody");
    assert_int_equal(option_line(set, "name"), 0);
    assert_int_equal(option_duration_ms(set, "every"), 1000);
    assert_int_equal(option_size_bytes(set, "room"), 65536);
    assert_true(option_boolean(set, "follow"));
    uint32_t count = 0;
    assert_non_null(option_pairs(set, "fields", &count));
    assert_int_equal(count, 2);
    assert_null(option_pairs(set, "columns", &count));
    assert_int_equal(count, 0);
    assert_false(option_is_set(set, "tls.ca"));
    assert_null(option_text(set, "tls.ca"));
    done(&fixture);
}

static void each_wrong_value_gets_its_sentence(void **state)
{
    (void)state;
#define AT "/etc/weir/weir.yaml:2: "
    expect("path: /a\nevery: 500", AT "every: \"500\" has no unit; write e.g. 500 ms or 2 s");
    expect("path: /a\nroom: 500", AT "room: \"500\" has no unit; write e.g. 500 KiB or 2 MiB");
    expect("path: /a\nevery: 5 sec",
           AT "every: \"5 sec\": \"sec\" is not a unit here; write ms, s, min, h or d");
    expect("path: /a\nroom: 5 mb", AT "room: \"5 mb\": \"mb\" is not a unit here; write B, KiB, "
                                      "MiB, GiB, kB, MB or GB");
    expect("path: /a\nevery: soon",
           AT "every: \"soon\" is not a number with a unit; write e.g. 500 ms or 2 s");
    expect("path: /a\nevery: 5 ms", AT "every: \"5 ms\" is not within 100 ms to 1 h");
    expect("path: /a\nevery: -1 s", AT "every: \"-1 s\" is less than nothing");
    expect("path: /a\nevery: 0.2 ms", AT "every: \"0.2 ms\" is finer than 1 ms");
    expect("path: /a\nevery: 1e300 s", AT "every: \"1e300 s\" is too large");
    expect("path: /a\nroom: 1 B", AT "room: \"1 B\" is less than 1 KiB");
    expect("path: /a\nunit id: 248", AT "unit id: \"248\" is not within 1 to 247");
    expect("path: /a\nunit id: 1.5", AT "unit id: \"1.5\" is not an integer");
    expect("path: /a\nscale: big", AT "scale: \"big\" is not a number");
    expect("path: /a\nfollow: yes", AT "follow: \"yes\" is neither true nor false");
    expect("path: /a\nformat: xml", AT "format: \"xml\" is none of: json, csv, line");
    expect("path: /a\nfields: x", AT "fields: is a text; write a list: [a, b]");
    expect("path: /a\nfields: [[x]]", AT "fields: holds a list; only texts can stand there");
    expect("path: /a\ncolumns: [x]", AT "columns: is a list; write a mapping: {a: b}");
    expect("path: /a\nname: [x]", AT "name: is a list; write one value");
    expect("path: /a\nname:", AT "name: has no value; write one, or take the key out");
    expect("path: /a\ntls: ca.pem", AT "tls: is a text; write a mapping: {key: value}");
    expect("name: x", "/etc/weir/weir.yaml:1: path: is missing: the file to read");
    expect("path: ''", "/etc/weir/weir.yaml:1: path: is empty; write a path");
    expect("[a]", "/etc/weir/weir.yaml:1: is a list; write a mapping: key: value");
}

static void an_unknown_key_is_told_with_the_one_that_was_meant(void **state)
{
    (void)state;
    expect("path: /a\nevry: 1 s", AT "evry: unknown key; did you mean \"every\"?");
    expect("path: /a\nunit_id: 1", AT "unit_id: unknown key; did you mean \"unit id\"?");
    expect("path: /a\ntls: {caa: x}", AT "tls.caa: unknown key; did you mean \"ca\"?");
    expect("path: /a\ntls: {zzzzzz: x}", AT "tls.zzzzzz: unknown key; known here: ca, server name");
}

static void a_default_for_what_depends_on_others_yields_to_what_is_given(void **state)
{
    (void)state;
    struct fixture fixture;
    assert_true(read_rows(&fixture, "path: /a\ntls: {ca: /given}\n"));

    option_default_text(&fixture.set, "tls.ca", "/late");
    option_default_text(&fixture.set, "tls.server name", "late");

    assert_string_equal(option_text(&fixture.set, "tls.ca"), "/given");
    assert_string_equal(option_text(&fixture.set, "tls.server name"), "late");
    done(&fixture);
}

static void durations_and_sizes_are_written_in_the_largest_unit_that_is_exact(void **state)
{
    (void)state;
    char text[OPTION_TEXT_SIZE];

    option_format_duration(1500, text);
    assert_string_equal(text, "1500 ms");
    option_format_duration(7200000, text);
    assert_string_equal(text, "2 h");
    option_format_duration(0, text);
    assert_string_equal(text, "0 ms");
    option_format_size(64 << 20, text);
    assert_string_equal(text, "64 MiB");
    option_format_size(1025, text);
    assert_string_equal(text, "1025 B");
}

static void problems_beyond_the_room_are_counted_and_still_decide(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};

    for (unsigned i = 0; i < PROBLEMS_MAX; i++) {
        problem_warn(&problems, "f", 1, "k", "small");
    }
    assert_int_equal(problems_exit_code(&problems), EX_OK);
    problem_add(&problems, "f", 1, "k", "large");

    assert_int_equal(problems.count, PROBLEMS_MAX);
    assert_int_equal(problems.left_out, 1);
    assert_int_equal(problems_exit_code(&problems), EX_CONFIG);
    assert_string_equal(problems.lines[0], "f:1: k: warning: small");
    problems_free(&problems);
}

static void a_problem_is_one_line_whatever_it_quotes(void **state)
{
    (void)state;
    expect("path: /a\nfollow: \"a\\nb\\e[31m\"",
           AT "follow: \"a?b?[31m\" is neither true nor false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_values_are_read_with_their_units),
        cmocka_unit_test(what_is_not_given_stands_by_default),
        cmocka_unit_test(each_wrong_value_gets_its_sentence),
        cmocka_unit_test(an_unknown_key_is_told_with_the_one_that_was_meant),
        cmocka_unit_test(a_default_for_what_depends_on_others_yields_to_what_is_given),
        cmocka_unit_test(durations_and_sizes_are_written_in_the_largest_unit_that_is_exact),
        cmocka_unit_test(a_problem_is_one_line_whatever_it_quotes),
        cmocka_unit_test(problems_beyond_the_room_are_counted_and_still_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
