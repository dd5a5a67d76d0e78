// `when full: thin`: what a product does while its spool is nearly full.
#include "tests/unit/product_bench.h"

static int set_up_thinning(void **context)
{
    int failed = set_up(context);
    kill_it();
    it.settings.thin = true;
    start();
    return failed;
}

static uint64_t accepted;

// One record that does not compress. `time_ms`: of its device.
static bool take_noise(const char *key, int64_t time_ms)
{
    static uint64_t noise = 1;
    noise = noise * 6364136223846793005U + 1442695040888963407U;
    struct value values[2] = {{.kind = VALUE_NUMBER, .number = (double)noise}};
    memcpy(&values[0].number, &noise, sizeof noise);
    struct record record = {.key = bytes_text(key), .time_ms = time_ms, .values = values};
    bool taken = product_take(&it.product, &record) == OK;
    accepted += taken ? 1 : 0;
    return taken;
}

static void commit(void)
{
    // By age, not as at a stop: what waits in a bucket goes on waiting.
    it.product.changed_at_ms -= 2000;
    (void)product_turn(&it.product, 0);
}

// Nothing leaves: fill the spool up to a level.
static void fill_to_level(unsigned level)
{
    int64_t time_ms = 1700000000000;
    accepted = 0;
    wire.room = 0;
    for (unsigned i = 0; it.product.thin_level < level; i++) {
        assert_true(i < 3000000);
        if (!take_noise("filler", time_ms)) {
            (void)product_turn(&it.product, 0);
        } else if (i % 4096 == 0) {
            commit();
        }
        time_ms += 20000; // further apart than a bucket of the first levels
    }
}

static void above_70_percent_a_bucket_keeps_its_extremes_and_last_and_tells_the_rest(void **c)
{
    (void)c;
    fill_to_level(1);
    product_commit_now(&it.product);
    (void)product_turn(&it.product, 0);
    assert_true(it.product.stat.fill_percent > 70);
    assert_int_equal(it.product.thinned_records, 0);
    uint64_t next_seq = it.product.next_seq;

    for (int i = 0; i < 1000; i++) {
        double number = i == 400 ? -1e9 : i == 600 ? 1e9 : i;
        struct value values[2] = {{.kind = VALUE_NUMBER, .number = number}};
        struct record record = {
            .key = bytes_text("s"), .time_ms = 1800000000000 + i, .values = values};
        assert_int_equal(product_take(&it.product, &record), OK);
    }
    assert_int_equal(it.product.next_seq, next_seq); // they wait
    assert_false(product_is_stored(&it.product));
    product_commit_now(&it.product);
    (void)product_turn(&it.product, 0);

    assert_int_equal(it.product.next_seq, next_seq + 3);
    assert_int_equal(it.product.thinned_records, 997);
    assert_true(product_is_stored(&it.product));
    (void)product_turn(&it.product, 0);
    char told[128];
    (void)snprintf(told, sizeof told,
                   "\"from_seq\":%llu,\"to_seq\":%llu,\"count\":997,\"cause\":\"thinned\"",
                   (unsigned long long)next_seq, (unsigned long long)next_seq + 2);
    assert_int_equal(wire.told_count, 1);
    assert_non_null(strstr(wire.told[0], told));
    assert_int_equal(it.product.lost_records, 0);
}

static void what_was_accepted_is_stored_lost_or_counted_as_thinned(void **context)
{
    (void)context;
    fill_to_level(1);
    // On to the end, at 100 readings a second of five sensors: reduced, then the oldest dropped.
    int64_t time_ms = 1700000000000;
    unsigned levels = 0;
    for (unsigned i = 0; it.product.lost_records == 0; i++) {
        static const char *const keys[] = {"a", "b", "c", "d", "e"};
        time_ms += 10;
        if (!take_noise(keys[i % 5], time_ms)) {
            (void)product_turn(&it.product, 0);
        } else if (i % 4096 == 0) {
            commit();
        }
        levels |= 1U << it.product.thin_level;
        // Not all night: a spool filled by 15 rows a bucket takes long.
        time_ms += it.product.thin_level == 3 ? thin_bucket_ms(3) : thin_bucket_ms(2);
        assert_true(i < 3000000);
    }
    product_commit_now(&it.product);
    (void)product_turn(&it.product, 0);

    assert_int_equal(levels & 12U, 12U); // it went through 2 and 3
    assert_true(product_is_stored(&it.product));
    assert_int_equal(it.product.next_seq - 1 + it.product.thinned_records, accepted);
    assert_int_equal(it.product.in_records, accepted);
}

static void the_position_of_an_input_waits_with_its_records(void **context)
{
    (void)context;
    fill_to_level(1);
    assert_int_equal(product_position(&it.product, "input.replay", bytes_text("0")), OK);
    product_commit_now(&it.product);
    (void)product_turn(&it.product, 0);
    uint64_t next_seq = it.product.next_seq;

    // given a bucket that is not over, and commits for other reasons
    for (int i = 0; i < 50; i++) {
        assert_true(take_noise("s", 1800000000000 + i));
        assert_int_equal(product_position(&it.product, "input.replay", bytes_text("50")), OK);
    }
    assert_int_equal(product_keep(&it.product, "partitions", bytes_text("12")), OK);
    commit();
    restart();
    // then a cut leaves neither the records nor the position behind them
    assert_int_equal(it.product.next_seq, next_seq);
    assert_true(bytes_equal(product_recall(&it.product, "input.replay"), bytes_text("0")));
    assert_true(bytes_equal(product_recall(&it.product, "partitions"), bytes_text("12")));

    // and a bucket that is over leaves both
    (void)product_turn(&it.product, 0);
    assert_int_equal(it.product.thin_level, 1);
    for (int i = 0; i < 50; i++) {
        assert_true(take_noise("s", 1800000000000 + i));
        assert_int_equal(product_position(&it.product, "input.replay", bytes_text("50")), OK);
    }
    // The record that ends the bucket comes again when its driver has said where it stands.
    assert_false(take_noise("s", 1800000010000));
    assert_int_equal(product_position(&it.product, "input.replay", bytes_text("50")), OK);
    (void)product_turn(&it.product, 0);
    assert_true(take_noise("s", 1800000010000));
    assert_int_equal(product_position(&it.product, "input.replay", bytes_text("51")), OK);
    commit();
    uint64_t stored = it.product.next_seq;
    assert_true(stored > next_seq);
    restart();
    assert_int_equal(it.product.next_seq, stored);
    assert_true(bytes_equal(product_recall(&it.product, "input.replay"), bytes_text("50")));
    assert_true(it.product.thinned_records > 0);
    assert_int_equal(it.product.next_seq - next_seq + it.product.thinned_records, 50);
}

static void a_bucket_of_an_input_that_fell_silent_is_emitted_by_the_clock(void **context)
{
    (void)context;
    fill_to_level(1);
    product_commit_now(&it.product);
    (void)product_turn(&it.product, 0);
    uint64_t next_seq = it.product.next_seq;
    assert_true(take_noise("s", 1800000000000));
    assert_true(product_due_in_ms(&it.product) <= thin_bucket_ms(1));

    it.product.thin_opened_ms -= thin_bucket_ms(1);
    (void)product_turn(&it.product, 0);

    assert_int_equal(it.product.next_seq, next_seq + 1);
    assert_false(product_thin_waits(&it.product));
}

static void a_spool_that_drains_goes_back_to_storing_every_record(void **context)
{
    (void)context;
    fill_to_level(2);
    assert_true(take_noise("s", 1800000000000));
    uint64_t got = 0;
    for (int round = 0; round < 1000 && !product_is_drained(&it.product); round++) {
        wire.count = 0;
        wire.room = SENT_MAX;
        commit_and_send();
        for (size_t i = 0; i < wire.count; i++) {
            assert_int_equal(wire.list[i].seq, got + 1 + i);
        }
        got += wire.count;
        answer(0, wire.count, DELIVERED_OK);
    }
    commit_and_send();

    assert_int_equal(it.product.thin_level, 0);
    uint64_t next_seq = it.product.next_seq;
    assert_true(take_noise("s", 1800000000001));
    assert_int_equal(it.product.next_seq, next_seq + 1);
}

static void more_new_keys_than_a_commit_takes_are_no_dead_end(void **context)
{
    (void)context;
    fill_to_level(1);
    uint64_t before = accepted;
    for (int i = 0; i < 2000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        int tries = 0;
        while (!take_noise(key, 1800000000000 + i)) {
            (void)product_turn(&it.product, 0);
            assert_true(++tries < 100);
        }
    }
    product_commit_now(&it.product);
    (void)product_turn(&it.product, 0);
    (void)product_turn(&it.product, 0);

    assert_int_equal(accepted - before, 2000);
    assert_true(product_is_stored(&it.product));
    assert_int_equal(it.product.next_seq - 1 + it.product.thinned_records, accepted);
}

int main(void)
{
#define thinning(test) cmocka_unit_test_setup_teardown(test, set_up_thinning, tear_down)
    const struct CMUnitTest tests[] = {
        thinning(above_70_percent_a_bucket_keeps_its_extremes_and_last_and_tells_the_rest),
        thinning(what_was_accepted_is_stored_lost_or_counted_as_thinned),
        thinning(the_position_of_an_input_waits_with_its_records),
        thinning(a_bucket_of_an_input_that_fell_silent_is_emitted_by_the_clock),
        thinning(a_spool_that_drains_goes_back_to_storing_every_record),
        thinning(more_new_keys_than_a_commit_takes_are_no_dead_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
