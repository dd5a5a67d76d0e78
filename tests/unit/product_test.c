// The flow of a product: what it sends, keeps, gives up and tells.
#include "tests/unit/product_bench.h"

// ---- an allocation counter: nothing of ours allocates per record ----

static unsigned long allocations;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *at, size_t size)
{
    allocations++;
    return __libc_realloc(at, size);
}
#endif

// ---- tests ----

static void only_durable_records_are_sent_and_in_order(void **context)
{
    (void)context;
    take_and_turn(1, 100);
    (void)product_turn(&it.product, 1000);
    assert_int_equal(wire.count, 0); // not a second old yet

    commit_and_send();

    assert_int_equal(wire.count, 100);
    assert_sent(0, 100, 1);
    char identity[64];
    (void)snprintf(identity, sizeof identity, "gw-1/%016llx/100",
                   (unsigned long long)it.product.stat.epoch);
    assert_string_equal(wire.last_identity, identity);
}

static void what_was_not_acknowledged_is_sent_again_after_a_kill(void **context)
{
    (void)context;
    take_and_turn(1, 1000);
    commit_and_send();
    uint64_t epoch = it.product.stat.epoch;
    answer(0, 400, DELIVERED_OK);
    take_and_turn(1001, 1010);
    commit_and_send(); // the cursor rides along

    restart();
    commit_and_send();

    assert_int_equal(it.product.stat.epoch, epoch);
    assert_int_equal(wire.count, 610);
    assert_sent(0, 610, 401);
    take_and_turn(1011, 1020);
    commit_and_send();
    assert_sent(610, 620, 1011);
}

static void records_that_no_commit_had_are_all_that_a_kill_costs(void **context)
{
    (void)context;
    take_and_turn(1, 50);
    commit_and_send();
    take_and_turn(51, 60);

    restart();
    commit_and_send();

    assert_int_equal(it.product.next_seq, 51);
    assert_int_equal(wire.count, 50);
}

static void many_small_commits_become_dense_blocks_across_restarts(void **context)
{
    (void)context;
    uint64_t seq = 0;
    for (int commit = 0; commit < 1200; commit++) {
        take_and_turn(seq + 1, seq + 250);
        seq += 250;
        product_commit_now(&it.product);
        (void)product_turn(&it.product, 0);
        if (commit % 113 == 112) {
            restart();
            assert_int_equal(it.product.next_seq, seq + 1);
        }
    }
    assert_true(it.product.stat.dense_end > seq - 60 * 4096);
    assert_true(it.product.stat.dense_end > 0);

    // All of it is read back, once, in order, in windows.
    uint64_t next = 1;
    while (next <= seq) {
        wire.count = 0;
        wire.room = SENT_MAX;
        commit_and_send();
        assert_true(wire.count > 0 && wire.count <= OUTLET_WINDOW);
        assert_sent(0, wire.count, next);
        next += wire.count;
        answer(0, wire.count, DELIVERED_OK);
    }
    assert_true(product_is_drained(&it.product));
}

static void what_came_back_is_sent_again_in_order(void **context)
{
    (void)context;
    take_and_turn(1, 20);
    commit_and_send();
    assert_int_equal(wire.count, 20);

    answer(0, 5, DELIVERED_OK);
    answer(5, 19, DELIVERED_AGAIN);
    commit_and_send();
    assert_int_equal(wire.count, 20); // one is still on its way
    answer(19, 20, DELIVERED_OK);
    commit_and_send();

    assert_int_equal(wire.count, 34); // 6..19 once more, 20 not
    assert_sent(20, 34, 6);
    answer(20, 34, DELIVERED_OK);
    assert_true(product_is_drained(&it.product));
}

static void a_full_window_waits_and_goes_on(void **context)
{
    (void)context;
    wire.room = 7;
    take_and_turn(1, 20);
    commit_and_send();
    assert_int_equal(wire.count, 7);

    wire.room = SENT_MAX;
    commit_and_send();

    assert_sent(0, 20, 1);
    assert_int_equal(wire.count, 20);
}

static void never_more_than_a_window_may_repeat(void **context)
{
    (void)context;
    take_and_turn(1, OUTLET_WINDOW + 5000);
    commit_and_send();
    assert_int_equal(wire.count, OUTLET_WINDOW);

    answer(0, 6000, DELIVERED_OK);
    commit_and_send();
    assert_int_equal(wire.count, OUTLET_WINDOW + 5000);
    assert_true(it.product.durable_cursor >= 5000);

    restart();
    commit_and_send();
    assert_true(wire.list[0].seq == 6001);
}

static void a_refused_batch_takes_only_the_guilty_record(void **context)
{
    (void)context;
    take_and_turn(1, 10);
    commit_and_send();

    answer(0, 10, DELIVERED_REFUSED);
    take_and_turn(11, 12); // they must not go beside the last one that goes alone
    for (uint64_t seq = 1; seq <= 10; seq++) {
        commit_and_send();
        struct sent *sent = &wire.list[wire.count - 1];
        assert_int_equal(sent->seq, seq); // alone
        bool guilty = seq == 4 || seq == 10;
        answer(wire.count - 1, wire.count, guilty ? DELIVERED_REFUSED : DELIVERED_OK);
    }
    commit_and_send();
    answer(wire.count - 2, wire.count, DELIVERED_OK);

    assert_true(product_is_drained(&it.product));
    assert_int_equal(it.product.quarantined_records, 2);
    assert_int_equal(it.product.out_records, 10);
    assert_int_equal(wire.told_count, 2);
    assert_non_null(
        strstr(wire.told[0], "\"from_seq\":4,\"to_seq\":4,\"count\":1,\"cause\":\"quarantined\""));
    char path[128];
    (void)snprintf(path, sizeof path, "%s/quarantine.jsonl", it.directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[512];
    assert_non_null(fgets(line, sizeof line, file));
    assert_non_null(strstr(line, "\"record\":{\"sensor\":\"s4\""));
    assert_non_null(fgets(line, sizeof line, file));
    assert_non_null(strstr(line, "\"record\":{\"sensor\":\"s0\""));
    assert_null(fgets(line, sizeof line, file));
    (void)fclose(file);
}

static void a_record_too_large_for_the_link_is_set_aside_and_the_rest_goes_on(void **context)
{
    (void)context;
    wire.value_max = 10;
    take_and_turn(1, 1);
    commit_and_send();
    wire.value_max = 0;
    take_and_turn(2, 3);
    commit_and_send();

    assert_int_equal(wire.count, 2);
    assert_sent(0, 2, 2);
    assert_int_equal(it.product.quarantined_records, 1);
}

static void without_a_disk_a_refused_record_is_lost_and_told_and_the_rest_goes_on(void **context)
{
    (void)context;
    kill_it();
    it.in_memory = true;
    start();
    wire.value_max = 10;
    take_and_turn(1, 1);
    commit_and_send();
    wire.value_max = 0;
    take_and_turn(2, 3);
    commit_and_send();

    assert_sent(0, 2, 2);
    assert_int_equal(it.product.quarantined_records, 0);
    assert_int_equal(it.product.lost_records, 1);
    assert_non_null(
        strstr(wire.told[0], "\"from_seq\":1,\"to_seq\":1,\"count\":1,\"cause\":\"refused\""));
}

static void losses_are_told_until_the_broker_has_them(void **context)
{
    (void)context;
    wire.value_max = 10;
    take_and_turn(1, 1);
    commit_and_send();
    assert_int_equal(wire.told_count, 1);
    product_told(&it.product, wire.tokens[0] & 0xffffffff, DELIVERED_AGAIN);

    wire.value_max = 0;
    restart();
    commit_and_send();
    assert_int_equal(wire.told_count, 2);
    product_told(&it.product, wire.tokens[1] & 0xffffffff, DELIVERED_OK);
    commit_and_send();

    restart();
    commit_and_send();
    assert_int_equal(wire.told_count, 2);
    assert_int_equal(it.product.quarantined_records, 1); // totals are durable
}

static void old_rows_keep_the_schema_they_were_taken_under(void **context)
{
    (void)context;
    take_and_turn(1, 10);
    commit_and_send();

    kill_it();
    make_schema(&it.port.schema, true);
    start();
    struct value values[2] = {{.kind = VALUE_NUMBER, .number = 1},
                              {.kind = VALUE_TEXT, .text = bytes_text("new")}};
    struct record record = {.key = bytes_text("s1"), .time_ms = 1, .values = values};
    assert_int_equal(product_take(&it.product, &record), OK);
    wire.room = 10;
    commit_and_send();
    assert_int_equal(wire.count, 10);
    assert_sent(0, 10, 1);
    assert_null(strstr(wire.last_value, "note"));

    wire.room = 1;
    commit_and_send();
    assert_int_equal(wire.list[10].seq, 11);
    assert_non_null(strstr(wire.last_value, "\"note\":\"new\""));
}

static void a_full_spool_drops_the_oldest_and_declares_it(void **context)
{
    (void)context;
    uint64_t seq = 0;
    wire.room = 0; // nothing leaves
    uint64_t noise = 1;
    while (it.product.lost_records == 0) {
        for (int i = 0; i < 4096; i++) {
            noise = noise * 6364136223846793005U + 1442695040888963407U;
            double number;
            memcpy(&number, &noise, sizeof number);
            struct value values[2] = {{.kind = VALUE_NUMBER, .number = number}};
            struct record record = {
                .key = bytes_text("s"), .time_ms = (int64_t)noise, .values = values};
            while (product_take(&it.product, &record) != OK) {
                (void)product_turn(&it.product, 0);
            }
            seq++;
        }
        product_commit_now(&it.product);
        (void)product_turn(&it.product, 0);
        assert_true(seq < 4000000);
    }
    uint64_t lost = it.product.lost_records;
    commit_and_send();

    assert_true(wire.told_count > 0);
    assert_non_null(strstr(wire.told[0], "\"from_seq\":1,"));
    assert_non_null(strstr(wire.told[0], "\"cause\":\"full\""));
    wire.room = SENT_MAX;
    commit_and_send();
    assert_int_equal(wire.list[0].seq,
                     lost + 1); // nothing is both lost and sent, nothing is neither
}

static void a_full_spool_that_refuses_holds_its_inputs_and_goes_on_when_drained(void **context)
{
    (void)context;
    kill_it();
    it.settings.when_full = SPOOL_REFUSE;
    start();
    uint64_t noise = 1;
    uint64_t taken = 0;
    int idle = 0;
    while (idle < 50) {
        noise = noise * 6364136223846793005U + 1442695040888963407U;
        double number;
        memcpy(&number, &noise, sizeof number);
        struct value values[2] = {{.kind = VALUE_NUMBER, .number = number}};
        struct record record = {
            .key = bytes_text("s"), .time_ms = (int64_t)noise, .values = values};
        if (product_take(&it.product, &record) == OK) {
            taken++;
            idle = 0;
            continue;
        }
        idle++;
        product_commit_now(&it.product);
        (void)product_turn(&it.product, 0);
        assert_true(taken < 4000000);
    }
    assert_int_equal(it.product.lost_records, 0);

    uint64_t got = 0;
    for (int round = 0; round < 1000 && got < taken; round++) {
        wire.count = 0;
        wire.room = SENT_MAX;
        commit_and_send();
        for (size_t i = 0; i < wire.count; i++) {
            assert_int_equal(wire.list[i].seq, got + 1 + i);
        }
        got += wire.count;
        answer(0, wire.count, DELIVERED_OK);
    }
    assert_int_equal(got, taken);
    assert_true(product_has_room(&it.product));
}

// As many bytes as come when the disk is slow and the rows do not compress.
static void a_burst_larger_than_a_segment_of_a_small_ring_goes_in_parts(void **context)
{
    (void)context;
    kill_it();
    make_schema(&it.port.schema, true);
    // Less than the settings allow; a new folder, for a ring keeps its size.
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s/*", it.directory);
    assert_int_equal(system(command), 0);
    it.settings.spool_size_bytes = 1 << 20;
    it.segment_bytes = 128 * 1024;
    start();
    uint64_t taken = 0;
    uint64_t noise = 1;
    for (int round = 0; round < 20; round++) {
        // Fill the stage as far as it goes, then let the disk have all of it at once.
        for (;;) {
            char note[40];
            noise = noise * 6364136223846793005U + 1442695040888963407U;
            (void)snprintf(note, sizeof note, "%016llx%016llx", (unsigned long long)noise,
                           (unsigned long long)(noise * 0x9e3779b97f4a7c15U));
            struct value values[2] = {{.kind = VALUE_NUMBER, .number = (double)noise},
                                      {.kind = VALUE_TEXT, .text = bytes_text(note)}};
            struct record record = {
                .key = bytes_text("s"), .time_ms = (int64_t)taken, .values = values};
            if (product_take(&it.product, &record) != OK) {
                break;
            }
            taken++;
        }
        product_commit_now(&it.product);
        (void)product_turn(&it.product, 0);
        assert_int_equal(it.product.durable_seq, taken);
        wire.count = 0;
        wire.room = SENT_MAX;
        commit_and_send();
        answer(0, wire.count, DELIVERED_OK);
        wire.count = 0;
        commit_and_send();
        answer(0, wire.count, DELIVERED_OK);
    }
    assert_true(product_is_drained(&it.product));
    assert_int_equal(it.product.lost_records, 0);
}

static void small_state_comes_back_with_the_records_it_belongs_to(void **context)
{
    (void)context;
    take_and_turn(1, 10);
    assert_int_equal(product_keep(&it.product, "input.replay", bytes_text("10")), OK);
    commit_and_send();
    take_and_turn(11, 20);
    assert_int_equal(product_keep(&it.product, "input.replay", bytes_text("20")), OK);

    restart();

    assert_int_equal(it.product.next_seq, 11);
    assert_true(bytes_equal(product_recall(&it.product, "input.replay"), bytes_text("10")));
}

static void nothing_allocates_per_record(void **context)
{
    (void)context;
    take_and_turn(1, 5000);
    commit_and_send();
    answer(0, wire.count, DELIVERED_OK);
    unsigned long before = allocations;

    for (uint64_t round = 0; round < 5; round++) {
        wire.count = 0;
        take_and_turn(5001 + round * 9000, 14000 + round * 9000);
        commit_and_send();
        answer(0, wire.count, DELIVERED_OK);
    }

    assert_true(product_is_drained(&it.product));
    assert_int_equal(allocations - before, 0);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(only_durable_records_are_sent_and_in_order),
        test(what_was_not_acknowledged_is_sent_again_after_a_kill),
        test(records_that_no_commit_had_are_all_that_a_kill_costs),
        test(many_small_commits_become_dense_blocks_across_restarts),
        test(what_came_back_is_sent_again_in_order),
        test(a_full_window_waits_and_goes_on),
        test(never_more_than_a_window_may_repeat),
        test(a_refused_batch_takes_only_the_guilty_record),
        test(a_record_too_large_for_the_link_is_set_aside_and_the_rest_goes_on),
        test(without_a_disk_a_refused_record_is_lost_and_told_and_the_rest_goes_on),
        test(losses_are_told_until_the_broker_has_them),
        test(old_rows_keep_the_schema_they_were_taken_under),
        test(a_full_spool_drops_the_oldest_and_declares_it),
        test(a_full_spool_that_refuses_holds_its_inputs_and_goes_on_when_drained),
        test(a_burst_larger_than_a_segment_of_a_small_ring_goes_in_parts),
        test(small_state_comes_back_with_the_records_it_belongs_to),
        test(nothing_allocates_per_record),
    };
    return cmocka_run_group_tests_name("product", tests, NULL, NULL);
}
