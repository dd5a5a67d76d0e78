// Marks of when records were taken, and what is older than `keep` by them.
#include "agent/boots.h"
#include "agent/expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { KEEP_MS = 480000, EVERY_MS = 10000 };

static const int64_t wall_0 = BOOTS_CLOCK_FLOOR_MS + 1000000;
static const uint8_t this_boot[16] = {1};
static const uint8_t next_boot[16] = {2};

static struct states states;
static struct expiry expiry;

static struct expiry_now at(int64_t boot_ms)
{
    return (struct expiry_now){.boot_ms = boot_ms, .wall_ms = wall_0 + boot_ms};
}

static struct expiry_now without_clock(int64_t boot_ms)
{
    return (struct expiry_now){.boot_ms = boot_ms, .wall_ms = boot_ms}; // 1970
}

static void start(const uint8_t boot[16], uint64_t first_seq, uint64_t next_seq,
                  struct expiry_now now)
{
    // The states of the run before are read like those of the disk: newest wins.
    expiry_restore(&expiry, KEEP_MS, boot, first_seq, next_seq, now, &states, NULL);
}

static int set_up(void **context)
{
    (void)context;
    memset(&states, 0, sizeof states);
    start(this_boot, 1, 1, at(0));
    return 0;
}

static uint64_t last(uint64_t first_seq, uint64_t next_seq, struct expiry_now now)
{
    int64_t since_ms;
    int64_t until_ms;
    return expiry_last(&expiry, first_seq, next_seq, now, &since_ms, &until_ms);
}

static void a_record_lives_at_least_keep_and_at_most_a_48th_longer(void **context)
{
    (void)context;
    uint64_t gone = 0;
    for (uint64_t second = 0; second < 1000; second++) { // 10 records a second, a commit each
        struct expiry_now now = at((int64_t)second * 1000);
        uint64_t next_seq = 1 + second * 10;
        uint64_t more = last(gone + 1, next_seq, now);
        gone = more > 0 ? more : gone;
        uint64_t must = second > 490 ? (second - 490) * 10 : 0; // taken 490 s ago or longer
        uint64_t may = second > 480 ? (second - 480) * 10 : 0;

        assert_true(gone >= must);
        assert_true(gone <= may);

        expiry_mark(&expiry, next_seq, gone + 1, now, &states);
    }
}

static void the_times_told_are_those_between_which_the_records_were_taken(void **context)
{
    (void)context;
    expiry_mark(&expiry, 1, 1, at(5000), &states);
    expiry_mark(&expiry, 100, 1, at(105000), &states);
    int64_t since_ms;
    int64_t until_ms;

    uint64_t gone =
        expiry_last(&expiry, 1, 200, at(5000 + KEEP_MS + EVERY_MS), &since_ms, &until_ms);

    assert_int_equal(gone, 99);
    assert_true(since_ms == wall_0 + 5000);
    assert_true(until_ms == wall_0 + 5000 + EVERY_MS);
}

static void a_pause_does_not_lengthen_the_life_of_what_came_before_it(void **context)
{
    (void)context;
    expiry_mark(&expiry, 1, 1, at(0), &states);
    expiry_mark(&expiry, 50, 1, at(400000), &states); // nothing came for long

    assert_int_equal(last(1, 60, at(KEEP_MS + EVERY_MS - 1)), 0);
    assert_int_equal(last(1, 60, at(KEEP_MS + EVERY_MS)), 49);
}

static void steps_of_the_wall_clock_end_nothing_that_this_run_took(void **context)
{
    (void)context;
    expiry_mark(&expiry, 1, 1, at(0), &states);
    struct expiry_now stepped = at(1000);
    stepped.wall_ms += 10 * (int64_t)KEEP_MS;

    assert_int_equal(last(1, 10, stepped), 0);
    stepped.wall_ms = wall_0;
    stepped.boot_ms = KEEP_MS + EVERY_MS;
    assert_int_equal(last(1, 10, stepped), 9);
}

static void a_long_time_without_power_counts(void **context)
{
    (void)context;
    expiry_mark(&expiry, 1, 1, at(0), &states);

    start(next_boot, 1, 10, without_clock(500));
    assert_int_equal(last(1, 10, without_clock(1000)), 0); // nothing is known yet
    struct expiry_now now = {.boot_ms = 2000, .wall_ms = wall_0 + KEEP_MS + EVERY_MS};
    assert_int_equal(last(1, 10, now), 9);
}

static void what_was_taken_without_a_clock_ages_from_the_start_of_the_next_boot(void **context)
{
    (void)context;
    expiry_mark(&expiry, 1, 1, without_clock(7000), &states);

    start(this_boot, 1, 10, without_clock(8000)); // the agent alone was started again
    assert_int_equal(last(1, 10, without_clock(7000 + KEEP_MS + EVERY_MS)), 9);
    start(next_boot, 1, 10, without_clock(100));
    assert_int_equal(last(1, 10, without_clock(KEEP_MS + EVERY_MS - 1)), 0);
    assert_int_equal(last(1, 10, without_clock(KEEP_MS + EVERY_MS)), 9);
}

static void records_of_a_time_without_keep_count_from_the_first_start_with_it(void **context)
{
    (void)context;
    expiry_mark(&expiry, 1, 1, at(0), &states);
    expiry_restore(&expiry, 0, this_boot, 1, 10, at(1000), &states, NULL);
    assert_int_equal(last(1, 10, at(10 * (int64_t)KEEP_MS)), 0);

    start(this_boot, 1, 10, at(2000));

    assert_int_equal(last(1, 10, at(1999 + KEEP_MS + EVERY_MS)), 0);
    assert_int_equal(last(1, 10, at(2000 + KEEP_MS + EVERY_MS)), 9);
}

static void a_list_that_is_full_lets_the_oldest_live_longer_and_never_shorter(void **context)
{
    (void)context;
    for (uint64_t i = 0; i < 10 * EXPIRY_MARKS_MAX; i++) {
        // As with a clock that is not known: nothing is ever over, and nothing is settled.
        expiry_mark(&expiry, 1 + i, 1, at((int64_t)i * EVERY_MS), &states);
        assert_true(expiry.count <= EXPIRY_MARKS_MAX);
        assert_true(expiry.list[0].seq == 1);
    }
    int64_t oldest_ms = (10 * EXPIRY_MARKS_MAX - EXPIRY_MARKS_MAX) * (int64_t)EVERY_MS;
    assert_int_equal(last(1, 600, at(oldest_ms + KEEP_MS - 1)), 0);
    assert_true(last(1, 600, at(oldest_ms + KEEP_MS + EVERY_MS)) > 0);
}

static void a_damaged_state_is_read_as_far_as_it_goes(void **context)
{
    (void)context;
    uint8_t bytes[SPOOL_STATE_VALUE_MAX];
    memset(bytes, 0xff, sizeof bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        memset(&states, 0, sizeof states);
        assert_int_equal(states_set(&states, "expiry", bytes_from(bytes, size)), OK);
        start(this_boot, 1, 10, at(0));
        assert_true(expiry.count <= EXPIRY_MARKS_MAX);
        (void)last(1, 10, at(0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_record_lives_at_least_keep_and_at_most_a_48th_longer, set_up),
        cmocka_unit_test_setup(the_times_told_are_those_between_which_the_records_were_taken,
                               set_up),
        cmocka_unit_test_setup(a_pause_does_not_lengthen_the_life_of_what_came_before_it, set_up),
        cmocka_unit_test_setup(steps_of_the_wall_clock_end_nothing_that_this_run_took, set_up),
        cmocka_unit_test_setup(a_long_time_without_power_counts, set_up),
        cmocka_unit_test_setup(what_was_taken_without_a_clock_ages_from_the_start_of_the_next_boot,
                               set_up),
        cmocka_unit_test_setup(records_of_a_time_without_keep_count_from_the_first_start_with_it,
                               set_up),
        cmocka_unit_test_setup(a_list_that_is_full_lets_the_oldest_live_longer_and_never_shorter,
                               set_up),
        cmocka_unit_test_setup(a_damaged_state_is_read_as_far_as_it_goes, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
