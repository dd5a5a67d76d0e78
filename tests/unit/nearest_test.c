#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/nearest.h"

#include <string.h>

static const char *nearest_of(const char *word)
{
    static const char *const words[] = {"gateway", "every", "logicalType", "when full", "id", NULL};
    struct nearest nearest = nearest_begin(word);
    for (size_t i = 0; words[i] != NULL; i++) {
        nearest_offer(&nearest, words[i]);
    }
    return nearest.best;
}

static void the_distance_counts_letters_to_change(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("", ""), 0);
    assert_int_equal(nearest_distance("abc", ""), 3);
    assert_int_equal(nearest_distance("every", "evry"), 1);
    assert_int_equal(nearest_distance("every", "evrey"), 1);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(nearest_distance("When_Full", "when full"), 0);
}

static void the_word_that_was_meant_is_found(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("gatway"), "gateway");
    assert_string_equal(nearest_of("logicalTyp"), "logicalType");
    assert_string_equal(nearest_of("when-full"), "when full");
    assert_string_equal(nearest_of("evrey"), "every");
}

static void a_word_that_is_near_to_nothing_finds_nothing(void **state)
{
    (void)state;
    char long_word[200];
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';

    assert_null(nearest_of("xyzzy"));
    assert_null(nearest_of("ix"));
    assert_null(nearest_of(""));
    assert_null(nearest_of(long_word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_distance_counts_letters_to_change),
        cmocka_unit_test(the_word_that_was_meant_is_found),
        cmocka_unit_test(a_word_that_is_near_to_nothing_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
