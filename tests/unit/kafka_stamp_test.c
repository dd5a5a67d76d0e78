// A topic that refuses times, and a producer that finds out what it takes.
#include "ports/output/kafka_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW  INT64_C(1795780800000)
#define HOUR INT64_C(3600000)

static struct kafka_stamp stamp;

// Send a record until a topic with these limits takes it, by a broker whose clock is `skew_ms`
// behind ours. How many tries; 0: never.
static int tries(int64_t time_ms, int64_t before_ms, int64_t after_ms, int64_t skew_ms)
{
    for (int i = 1; i < 60; i++) {
        int64_t sent_ms = kafka_stamp_of(&stamp, time_ms, NOW);
        int64_t broker_ms = NOW - skew_ms;
        if (broker_ms - sent_ms <= before_ms && sent_ms - broker_ms <= after_ms) {
            return i;
        }
        kafka_stamp_refused(&stamp, time_ms, NOW);
        if (!kafka_stamp_narrow(&stamp)) {
            return 0;
        }
    }
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    kafka_stamp_init(&stamp);
    return 0;
}

static void what_the_topic_takes_keeps_its_observed_time(void **state)
{
    (void)state;
    assert_int_equal(tries(NOW - 100000 * HOUR, INT64_MAX, HOUR, 0), 1);
    assert_true(kafka_stamp_of(&stamp, NOW - HOUR, NOW) == NOW - HOUR);
}

static void a_backlog_that_is_too_old_goes_with_the_time_of_sending(void **state)
{
    (void)state;
    assert_in_range(tries(NOW - 30 * 24 * HOUR, HOUR, HOUR, 0), 2, 13);

    assert_true(kafka_stamp_of(&stamp, NOW - 30 * 24 * HOUR, NOW) == NOW);
    assert_true(kafka_stamp_of(&stamp, NOW - HOUR / 4, NOW) == NOW - HOUR / 4); // it may
    assert_int_equal(tries(NOW - 20 * 24 * HOUR, HOUR, HOUR, 0), 1); // the next ones at once
}

static void a_device_clock_far_ahead_does_no_harm(void **state)
{
    (void)state;
    assert_in_range(tries(NOW + 1000 * HOUR, INT64_MAX, HOUR, 0), 2, 13);
    assert_true(kafka_stamp_of(&stamp, NOW + 1000 * HOUR, NOW) == NOW);
    assert_true(kafka_stamp_of(&stamp, NOW - 1000 * HOUR, NOW) == NOW - 1000 * HOUR);
}

static void a_gateway_whose_own_clock_is_fast_finds_a_time_that_is_taken(void **state)
{
    (void)state;
    assert_in_range(tries(NOW, INT64_MAX, HOUR, 5 * HOUR), 2, 20);
    assert_int_equal(tries(NOW + 10, INT64_MAX, HOUR, 5 * HOUR), 1);
}

static void a_topic_that_takes_no_time_at_all_ends_the_search(void **state)
{
    (void)state;
    assert_int_equal(tries(NOW, -1, -1, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_the_topic_takes_keeps_its_observed_time, set_up),
        cmocka_unit_test_setup(a_backlog_that_is_too_old_goes_with_the_time_of_sending, set_up),
        cmocka_unit_test_setup(a_device_clock_far_ahead_does_no_harm, set_up),
        cmocka_unit_test_setup(a_gateway_whose_own_clock_is_fast_finds_a_time_that_is_taken,
                               set_up),
        cmocka_unit_test_setup(a_topic_that_takes_no_time_at_all_ends_the_search, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
