// A link of so many bytes a turn, shared by lanes that always have more to send, or sometimes.
#include "agent/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LANES_MAX = 6, MESSAGE = 150, WINDOW = 64 * 1024 };

static struct {
    struct share share;
    uint32_t count;
    uint64_t in_flight[LANES_MAX], delivered[LANES_MAX], offered[LANES_MAX];
    int64_t now_ms;
} link_;

static void lane(uint32_t weight, uint64_t offered)
{
    uint32_t index = share_join(&link_.share, weight);
    link_.offered[index] = offered;
    link_.count++;
}

static int set_up(void **state)
{
    (void)state;
    memset(&link_, 0, sizeof link_);
    return 0;
}

static void send_all(uint32_t index)
{
    while (link_.offered[index] >= MESSAGE && link_.in_flight[index] + MESSAGE <= WINDOW &&
           share_room(&link_.share, index, link_.now_ms) > 0) {
        link_.offered[index] -= MESSAGE;
        link_.in_flight[index] += MESSAGE;
        share_sent(&link_.share, index, MESSAGE, link_.now_ms);
    }
    share_waits(&link_.share, index, link_.offered[index] >= MESSAGE);
}

// The link carries the same of each lane that has something on its way, as librdkafka does.
static void carry(uint64_t bytes)
{
    for (uint32_t i = 0; bytes >= MESSAGE && i < 10000; i++) {
        uint32_t index = i % link_.count;
        if (link_.in_flight[index] > 0) {
            link_.in_flight[index] -= MESSAGE;
            link_.delivered[index] += MESSAGE;
            bytes -= MESSAGE;
            share_acknowledged(&link_.share, index, link_.now_ms);
        }
    }
}

static void run(int turns, uint64_t bytes_a_turn)
{
    for (int i = 0; i < turns; i++) {
        for (uint32_t index = 0; index < link_.count; index++) {
            send_all(index);
        }
        link_.now_ms += 100;
        carry(bytes_a_turn);
    }
}

static double part(uint32_t index)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < link_.count; i++) {
        sum += link_.delivered[i];
    }
    return (double)link_.delivered[index] / (double)sum;
}

static void assert_near(double value, double wanted)
{
    assert_true(value > wanted - 0.02 && value < wanted + 0.02);
}

static void lanes_that_always_wait_share_by_weight_and_the_lowest_does_not_starve(void **state)
{
    (void)state;
    lane(6, UINT64_MAX / 2);
    lane(3, UINT64_MAX / 2);
    lane(1, UINT64_MAX / 2);

    run(20000, 3000);

    assert_near(part(0), 0.6);
    assert_near(part(1), 0.3);
    assert_near(part(2), 0.1);
}

static void a_backlog_beside_live_rows_gets_a_tenth_and_all_when_nothing_new_waits(void **state)
{
    (void)state;
    lane(SHARE_LIVE * 3, UINT64_MAX / 2);
    lane(SHARE_LATE * 3, UINT64_MAX / 2);
    run(20000, 3000);
    assert_near(part(1), 0.1);

    link_.offered[0] = 0;
    run(100, 3000); // what is on its way
    uint64_t before = link_.delivered[1];
    run(1000, 3000);

    assert_true(link_.delivered[1] - before > 2900 * 1000);
}

static void who_sends_little_is_not_held_back_by_a_backlog_of_another(void **state)
{
    (void)state;
    lane(1, 0);
    lane(6, UINT64_MAX / 2);
    run(1000, 3000);

    for (int i = 0; i < 1000; i++) { // a tenth of the link is more than it needs
        link_.offered[0] += MESSAGE;
        run(1, 3000);
        assert_true(link_.offered[0] == 0); // it goes at once
    }
}

static void what_was_not_used_is_no_claim_on_the_future(void **state)
{
    (void)state;
    lane(1, UINT64_MAX / 2);
    lane(1, 0);
    run(10000, 3000);
    uint64_t before = link_.delivered[0];

    link_.offered[1] = UINT64_MAX / 2;
    run(1000, 3000);

    assert_true(link_.delivered[0] - before > 1400 * 1000); // half, from the start
}

static void a_lane_in_trouble_holds_nobody_back_for_long(void **state)
{
    (void)state;
    lane(6, UINT64_MAX / 2);
    lane(1, UINT64_MAX / 2);
    run(1000, 3000);
    link_.in_flight[0] = WINDOW; // nothing of it comes back any more, and it waits
    uint64_t before = link_.delivered[1];

    for (int i = 0; i < 1000; i++) {
        link_.in_flight[0] = WINDOW;
        send_all(0);
        send_all(1);
        link_.now_ms += 100;
        uint64_t carried = link_.in_flight[1];
        link_.delivered[1] += carried;
        link_.in_flight[1] = 0;
        share_acknowledged(&link_.share, 1, link_.now_ms);
    }

    assert_true(link_.delivered[1] - before > 10 * WINDOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            lanes_that_always_wait_share_by_weight_and_the_lowest_does_not_starve, set_up),
        cmocka_unit_test_setup(
            a_backlog_beside_live_rows_gets_a_tenth_and_all_when_nothing_new_waits, set_up),
        cmocka_unit_test_setup(who_sends_little_is_not_held_back_by_a_backlog_of_another, set_up),
        cmocka_unit_test_setup(what_was_not_used_is_no_claim_on_the_future, set_up),
        cmocka_unit_test_setup(a_lane_in_trouble_holds_nobody_back_for_long, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
