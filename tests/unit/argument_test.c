#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/argument.h"

#include <sysexits.h>

struct given {
    bool json;
    const char *config;
    const char *word;
    struct argument_list pass;
};

// Words after the command, up to a NULL.
static int read_into(struct given *given, char **words)
{
    char command[] = "command";
    char *argv[2 * ARGUMENT_LIST_MAX + 4] = {command};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        argv[argc] = words[argc - 1];
    }
    const struct argument rows[] = {{.names = "--config|-c", .text = &given->config},
                                    {.names = "--json|-j", .flag = &given->json},
                                    {.names = "-X", .list = &given->pass},
                                    {.names = ARGUMENT_WORD, .text = &given->word},
                                    {.names = NULL}};
    *given = (struct given){.json = false};
    return arguments_read("command", argc, argv, rows, "usage\n");
}

#define READ(given, ...) read_into(given, (char *[]){__VA_ARGS__, NULL})

static void each_way_to_write_a_value_is_read(void **state)
{
    (void)state;
    struct given given;

    assert_int_equal(READ(&given, "--config", "a.yaml", "-j"), ARGUMENTS_GO_ON);
    assert_string_equal(given.config, "a.yaml");
    assert_true(given.json);

    assert_int_equal(READ(&given, "-c", "a.yaml"), ARGUMENTS_GO_ON);
    assert_string_equal(given.config, "a.yaml");

    assert_int_equal(READ(&given, "--config=a=b.yaml"), ARGUMENTS_GO_ON);
    assert_string_equal(given.config, "a=b.yaml");
    assert_false(given.json);
}

static void a_list_takes_each_value_in_order_and_no_more_than_it_holds(void **state)
{
    (void)state;
    struct given given;
    char name[] = "-X";
    char value[] = "a=b";
    char *words[2 * ARGUMENT_LIST_MAX + 3] = {NULL};
    for (int i = 0; i < ARGUMENT_LIST_MAX; i++) {
        words[2 * i] = name;
        words[2 * i + 1] = value;
    }

    assert_int_equal(READ(&given, "-X", "a=1", "-X", "b=2"), ARGUMENTS_GO_ON);
    assert_int_equal(given.pass.count, 2);
    assert_string_equal(given.pass.at[1], "b=2");

    assert_int_equal(read_into(&given, words), ARGUMENTS_GO_ON);
    words[2 * ARGUMENT_LIST_MAX] = name;
    words[2 * ARGUMENT_LIST_MAX + 1] = value;
    assert_int_equal(read_into(&given, words), EX_USAGE);
    assert_int_equal(given.pass.count, ARGUMENT_LIST_MAX);
}

static void words_stand_anywhere_and_two_dashes_make_all_words(void **state)
{
    (void)state;
    struct given given;

    assert_int_equal(READ(&given, "word", "--json"), ARGUMENTS_GO_ON);
    assert_string_equal(given.word, "word");
    assert_true(given.json);

    assert_int_equal(READ(&given, "-"), ARGUMENTS_GO_ON);
    assert_string_equal(given.word, "-");

    assert_int_equal(READ(&given, "--", "--json"), ARGUMENTS_GO_ON);
    assert_string_equal(given.word, "--json");
    assert_false(given.json);
}

static void what_is_not_understood_ends_with_the_code_for_usage(void **state)
{
    (void)state;
    struct given given;

    assert_int_equal(READ(&given, "--nope"), EX_USAGE);
    assert_int_equal(READ(&given, "--confi", "a"), EX_USAGE);
    assert_int_equal(READ(&given, "--config"), EX_USAGE);
    assert_int_equal(READ(&given, "--json=1"), EX_USAGE);
    assert_int_equal(READ(&given, "one", "two"), EX_USAGE);
    assert_int_equal(READ(&given, "--json", "--help"), EX_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_write_a_value_is_read),
        cmocka_unit_test(a_list_takes_each_value_in_order_and_no_more_than_it_holds),
        cmocka_unit_test(words_stand_anywhere_and_two_dashes_make_all_words),
        cmocka_unit_test(what_is_not_understood_ends_with_the_code_for_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
