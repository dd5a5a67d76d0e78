#include "agent/sequence_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPACE = 200000 }; // three pages and a piece

static void add_all(struct sequence_set *set, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++) {
        bool was_in;
        assert_int_equal(sequence_set_add(set, number, &was_in), OK);
        assert_false(was_in);
    }
}

static void a_number_is_in_after_it_was_added_and_the_second_time_says_so(void **state)
{
    (void)state;
    struct sequence_set set = {0};
    bool was_in = true;

    assert_int_equal(sequence_set_add(&set, 17, &was_in), OK);
    assert_false(was_in);
    assert_int_equal(sequence_set_add(&set, 17, &was_in), OK);
    assert_true(was_in);

    assert_true(sequence_set_has(&set, 17));
    assert_false(sequence_set_has(&set, 16));
    assert_int_equal(set.count, 1);
    sequence_set_free(&set);
}

static void a_random_set_agrees_with_a_plain_table(void **state)
{
    (void)state;
    static bool table[SPACE + 2];
    struct sequence_set set = {0};
    const unsigned seed = 4711;
    srandom(seed);
    memset(table, 0, sizeof table);

    uint64_t count = 0;
    for (int i = 0; i < 300000; i++) {
        uint64_t number = 1 + (uint64_t)random() % SPACE;
        bool was_in;
        assert_int_equal(sequence_set_add(&set, number, &was_in), OK);
        assert_int_equal(was_in, table[number]);
        count += !table[number];
        table[number] = true;
    }

    assert_int_equal(set.count, count);
    uint64_t between = 0;
    for (uint64_t number = 1000; number <= 150000; number++) {
        between += table[number];
    }
    assert_int_equal(sequence_set_count_between(&set, 1000, 150000), between);
    uint64_t next_in = UINT64_MAX;
    uint64_t next_out = SPACE + 1;
    for (uint64_t number = SPACE; number >= 1; number--) {
        next_in = table[number] ? number : next_in;
        next_out = table[number] ? next_out : number;
        assert_int_equal(sequence_set_next_in(&set, number), next_in);
        assert_int_equal(sequence_set_next_out(&set, number), next_out);
    }
    sequence_set_free(&set);
}

static void a_complete_stream_gives_its_pages_back(void **state)
{
    (void)state;
    struct sequence_set set = {0};

    add_all(&set, 1, 10 * SEQUENCE_PAGE_BITS - 1);
    add_all(&set, 10 * SEQUENCE_PAGE_BITS, 20 * SEQUENCE_PAGE_BITS - 1);

    assert_int_equal(set.page_count, 20);
    assert_int_equal(set.partial_count, 1); // number 0 is no seq
    assert_int_equal(sequence_set_next_out(&set, 1), 20 * SEQUENCE_PAGE_BITS);
    assert_int_equal(sequence_set_count_between(&set, 1, UINT64_MAX), 20 * SEQUENCE_PAGE_BITS - 1);
    sequence_set_free(&set);
}

static void numbers_spread_too_wide_are_refused_at_the_bound(void **state)
{
    (void)state;
    struct sequence_set set = {0};
    bool was_in;

    for (uint64_t i = 0; i < SEQUENCE_PARTIAL_MAX; i++) {
        assert_int_equal(sequence_set_add(&set, 1 + i * SEQUENCE_PAGE_BITS, &was_in), OK);
    }
    uint64_t next = 1 + (uint64_t)SEQUENCE_PARTIAL_MAX * SEQUENCE_PAGE_BITS;

    assert_int_equal(sequence_set_add(&set, next, &was_in), ERR_FULL);
    assert_int_equal(set.count, SEQUENCE_PARTIAL_MAX);
    assert_int_equal(sequence_set_add(&set, 2, &was_in), OK); // an open page still takes more
    sequence_set_free(&set);
}

static void the_highest_numbers_are_no_special_case(void **state)
{
    (void)state;
    struct sequence_set set = {0};
    bool was_in;

    assert_int_equal(sequence_set_add(&set, UINT64_MAX - 1, &was_in), OK);

    assert_int_equal(sequence_set_next_in(&set, 1), UINT64_MAX - 1);
    assert_int_equal(sequence_set_next_out(&set, UINT64_MAX - 1), UINT64_MAX);
    assert_int_equal(set.last, UINT64_MAX - 1);
    sequence_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_in_after_it_was_added_and_the_second_time_says_so),
        cmocka_unit_test(a_random_set_agrees_with_a_plain_table),
        cmocka_unit_test(a_complete_stream_gives_its_pages_back),
        cmocka_unit_test(numbers_spread_too_wide_are_refused_at_the_bound),
        cmocka_unit_test(the_highest_numbers_are_no_special_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
