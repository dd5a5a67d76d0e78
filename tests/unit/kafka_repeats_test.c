#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/input/kafka_repeats.h"

#include <inttypes.h>
#include <stdio.h>

static int set_up(void **state)
{
    *state = kafka_repeats_open();
    return *state == NULL;
}

static int tear_down(void **state)
{
    kafka_repeats_close(*state);
    return 0;
}

static struct bytes identity(const char *gateway, uint64_t seq)
{
    static char text[128];
    (void)snprintf(text, sizeof text, "%s/00112233445566aa/%" PRIu64, gateway, seq);
    return bytes_text(text);
}

static bool has(void **state, uint64_t seq)
{
    return kafka_repeats_has(*state, 0, identity("gw", seq));
}

static void add(void **state, uint64_t seq)
{
    kafka_repeats_add(*state, 0, identity("gw", seq));
}

static void a_record_is_known_once_it_was_read(void **state)
{
    assert_false(has(state, 7));
    add(state, 7);
    assert_true(has(state, 7));
    assert_false(has(state, 6)); // a gap may still be filled
    add(state, 6);
    assert_true(has(state, 6));
}

static void all_that_can_be_sent_again_is_known(void **state)
{
    for (uint64_t seq = 1; seq <= 50000; seq++) {
        assert_false(has(state, seq));
        add(state, seq);
    }
    for (uint64_t seq = 50001 - 10000; seq <= 50000; seq++) {
        assert_true(has(state, seq));
    }
    assert_false(has(state, 50000 - KAFKA_REPEATS_WINDOW)); // better twice than lost
}

static void a_leap_forgets_what_it_passes(void **state)
{
    add(state, 1);
    add(state, 1 + KAFKA_REPEATS_WINDOW * 3);
    assert_false(has(state, 1));
    assert_false(has(state, 1 + KAFKA_REPEATS_WINDOW * 2 + 5));
    add(state, 1 + KAFKA_REPEATS_WINDOW * 3 + 100);
    assert_false(has(state, 1 + KAFKA_REPEATS_WINDOW * 3 + 50));
    assert_true(has(state, 1 + KAFKA_REPEATS_WINDOW * 3));
}

static void gateways_and_partitions_are_apart(void **state)
{
    add(state, 5);
    assert_false(kafka_repeats_has(*state, 1, identity("gw", 5)));
    assert_false(kafka_repeats_has(*state, 0, identity("gx", 5)));
}

static void the_most_silent_stream_is_forgotten_where_there_are_too_many(void **state)
{
    for (int32_t i = 0; i <= KAFKA_REPEATS_STREAMS_MAX; i++) {
        kafka_repeats_add(*state, i, identity("gw", 3));
    }
    assert_false(kafka_repeats_has(*state, 0, identity("gw", 3)));
    assert_true(kafka_repeats_has(*state, 1, identity("gw", 3)));
}

static void what_is_no_identity_is_never_a_repeat(void **state)
{
    static const char *const bad[] = {
        "", "/", "gw", "gw/aa/", "gw/aa/x", "gw/aa/0", "gw/aa/-1", "gw/aa/99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kafka_repeats_add(*state, 0, bytes_text(bad[i]));
        assert_false(kafka_repeats_has(*state, 0, bytes_text(bad[i])));
    }
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        A_TEST(a_record_is_known_once_it_was_read),
        A_TEST(all_that_can_be_sent_again_is_known),
        A_TEST(a_leap_forgets_what_it_passes),
        A_TEST(gateways_and_partitions_are_apart),
        A_TEST(the_most_silent_stream_is_forgotten_where_there_are_too_many),
        A_TEST(what_is_no_identity_is_never_a_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
