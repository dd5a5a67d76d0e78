// Records that wait longer than `keep`: ended, told, durable, and never one that may have arrived.
#include "tests/unit/product_bench.h"

enum { KEEP_MS = 7 * 24 * 3600 * 1000, A_48TH_MS = KEEP_MS / 48 };

static int set_up_with_keep(void **context)
{
    int failed = set_up(context);
    kill_it();
    it.settings.keep_ms = KEEP_MS;
    start();
    return failed;
}

// Time passes: all that was marked lies so much longer ago.
static void let_pass(int64_t ms)
{
    for (uint32_t i = 0; i < it.product.expiry.count; i++) {
        struct expiry_mark *mark = &it.product.expiry.list[i];
        mark->boot_ms -= mark->boot_ms == INT64_MIN ? 0 : ms;
        mark->wall_ms -= mark->wall_ms == INT64_MIN ? 0 : ms;
    }
    it.product.tick_at_ms = 0;
}

static void what_waits_longer_than_keep_ends_and_is_told_with_its_range_cause_and_times(void **c)
{
    (void)c;
    wire.room = 0; // the broker is away
    take_and_turn(1, 100);
    commit_and_send();
    let_pass(KEEP_MS / 2);
    take_and_turn(101, 150);
    commit_and_send();

    let_pass(KEEP_MS / 2 + A_48TH_MS - 1000);
    commit_and_send();
    assert_int_equal(it.product.lost_records, 0);
    let_pass(1000);
    commit_and_send();

    assert_int_equal(it.product.lost_records, 100);
    assert_int_equal(settled_cursor(&it.product.settled), 100);
    assert_int_equal(it.product.stat.cursor, 100); // durable
    assert_int_equal(wire.told_count, 1);
    assert_non_null(strstr(wire.told[0], "\"from_seq\":1,\"to_seq\":100,\"count\":100,"));
    assert_non_null(strstr(wire.told[0], "\"cause\":\"expired\",\"from_time\":\"20"));
    assert_non_null(strstr(wire.told[0], "\"to_time\":\"20"));
    wire.room = SENT_MAX;
    commit_and_send();
    assert_sent(0, 50, 101);
    assert_int_equal(wire.count, 50);
}

static void records_expire_at_the_start_after_a_long_time_without_power(void **context)
{
    (void)context;
    wire.room = 0;
    take_and_turn(1, 5000);
    commit_and_send();
    // As the disk holds it after nine days in a drawer.
    let_pass((int64_t)9 * 24 * 3600 * 1000);
    expiry_mark(&it.product.expiry, 5001, 1, product_now(), &it.product.states);
    take_and_turn(5001, 5010);
    commit_and_send();

    restart();
    it.product.tick_at_ms = 0;
    commit_and_send();

    assert_int_equal(it.product.lost_records, 5000);
    assert_sent(0, 10, 5001); // nothing of the old ones was sent first
    assert_int_equal(wire.count, 10);
    restart();
    commit_and_send();
    assert_int_equal(it.product.lost_records, 5000); // told once, and for good
}

static void what_the_output_holds_is_not_called_lost(void **context)
{
    (void)context;
    take_and_turn(1, 40);
    wire.room = 30;
    commit_and_send();
    assert_int_equal(wire.count, 30);

    let_pass(KEEP_MS + A_48TH_MS);
    commit_and_send();
    assert_int_equal(it.product.lost_records, 10); // 31..40

    answer(0, 30, DELIVERED_OK);
    commit_and_send();
    assert_int_equal(it.product.out_records, 30);
    assert_true(product_is_drained(&it.product));
    assert_int_equal(it.product.settled.count, 1);
}

static void what_came_back_expires_but_for_what_was_acknowledged_behind_it(void **context)
{
    (void)context;
    take_and_turn(1, 30);
    commit_and_send();
    answer(0, 5, DELIVERED_OK);
    answer(10, 20, DELIVERED_OK); // 6..10 are still out
    for (size_t i = 5; i < 10; i++) {
        answer(i, i + 1, DELIVERED_AGAIN);
    }
    wire.room = 0;
    answer(20, 30, DELIVERED_AGAIN);

    let_pass(KEEP_MS + A_48TH_MS);
    commit_and_send();

    assert_true(product_is_drained(&it.product));
    assert_int_equal(it.product.lost_records, 15);
    assert_int_equal(it.product.out_records, 15);
    assert_int_equal(wire.told_count, 2);
    assert_non_null(strstr(wire.told[0], "\"from_seq\":6,\"to_seq\":10,"));
    assert_non_null(strstr(wire.told[1], "\"from_seq\":21,\"to_seq\":30,"));
}

static void exactly_once_waits_for_kafkas_cursor_where_it_may_know_more(void **context)
{
    (void)context;
    wire.room = 0;
    take_and_turn(1, 12000);
    commit_and_send();
    kill_it();
    it.output.exactly_once = true;
    start();
    wire.room = 0;

    let_pass(KEEP_MS + A_48TH_MS);
    commit_and_send();
    assert_int_equal(it.product.lost_records, 2000); // a window's worth may have been delivered
    product_known_delivered(&it.product, false, 9001);
    it.product.tick_at_ms = 0;
    commit_and_send();

    assert_int_equal(it.product.lost_records, 3000);
    assert_int_equal(it.product.out_records, 9000);
    assert_true(product_is_drained(&it.product));
}

static void without_keep_nothing_expires(void **context)
{
    (void)context;
    kill_it();
    it.settings.keep_ms = 0;
    start();
    wire.room = 0;
    take_and_turn(1, 10);
    commit_and_send();

    assert_int_equal(it.product.expiry.count, 0);
    assert_int_equal(product_due_in_ms(&it.product), -1); // nor does anything wake for it
}

int main(void)
{
#define WITH_KEEP(test) cmocka_unit_test_setup_teardown(test, set_up_with_keep, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_KEEP(what_waits_longer_than_keep_ends_and_is_told_with_its_range_cause_and_times),
        WITH_KEEP(records_expire_at_the_start_after_a_long_time_without_power),
        WITH_KEEP(what_the_output_holds_is_not_called_lost),
        WITH_KEEP(what_came_back_expires_but_for_what_was_acknowledged_behind_it),
        WITH_KEEP(exactly_once_waits_for_kafkas_cursor_where_it_may_know_more),
        WITH_KEEP(without_keep_nothing_expires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
