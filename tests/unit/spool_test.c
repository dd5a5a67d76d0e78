// The spool on a disk of memory: what was committed is read back, whatever the mixture of young and
// dense blocks, settling, turnovers and restarts. Power cuts and faults are the simulator's.
#include "agent/disk_memory.h"
#include "agent/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROW_SIZE = 8, ROWS_MAX = 2000 };

static uint64_t random_next(uint64_t *state) // xorshift64*
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

// A flow in small: rows are numbers made of their seq, so any block that holds a row can be
// checked.
struct flow {
    struct disk_memory *memory;
    struct spool_options options;
    struct spool *spool;
    uint64_t dense_next; // first seq not yet handed over in a dense block
    uint8_t payloads[4][ROWS_MAX * ROW_SIZE];
};

static struct spool_block make_block(uint8_t *payload, uint64_t first, uint64_t last, bool dense)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        put_u64(payload + (seq - first) * ROW_SIZE, seq * UINT64_C(0x9E3779B97F4A7C15));
    }
    return (struct spool_block){.first_seq = first,
                                .count = (uint32_t)(last - first + 1),
                                .dense = dense,
                                .time_first_ms = (int64_t)first * 10,
                                .time_last_ms = (int64_t)last * 10,
                                .payload = bytes_from(payload, (last - first + 1) * ROW_SIZE)};
}

static void check_block(const struct spool_block *block)
{
    assert_int_equal(block->payload.size, (size_t)block->count * ROW_SIZE);
    for (uint64_t i = 0; i < block->count; i++) {
        assert_true(get_u64(block->payload.at + i * ROW_SIZE) ==
                    (block->first_seq + i) * UINT64_C(0x9E3779B97F4A7C15));
    }
    assert_true(block->time_first_ms == (int64_t)block->first_seq * 10);
}

static uint64_t next_seq(const struct spool *spool)
{
    struct spool_stat stat;
    spool_stat(spool, &stat);
    return stat.next_seq;
}

static void flow_open(struct flow *flow)
{
    assert_int_equal(spool_open(&flow->spool, disk_memory_disk(flow->memory), &flow->options), OK);
    struct spool_stat stat;
    spool_stat(flow->spool, &stat);
    flow->dense_next = stat.dense_end + 1;
}

static struct flow *flow_new(struct spool_options options)
{
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    flow->memory = disk_memory_open(64 * 1024 * 1024);
    flow->options = options;
    flow_open(flow);
    return flow;
}

static void flow_free(struct flow *flow)
{
    spool_close(flow->spool);
    disk_memory_close(flow->memory);
    free(flow);
}

static void flow_restart(struct flow *flow)
{
    spool_close(flow->spool);
    flow_open(flow);
}

// Commit `rows` new rows. Where `dense`, all rows not yet dense are handed over as one dense block
// too (new ones in it alone, or also young).
static enum err flow_commit(struct flow *flow, uint64_t rows, bool dense, bool young_too)
{
    struct spool_block blocks[2];
    size_t count = 0;
    uint64_t next = next_seq(flow->spool);
    if (rows > 0 && (!dense || young_too)) {
        blocks[count++] = make_block(flow->payloads[0], next, next + rows - 1, false);
    }
    if (dense && next + rows > flow->dense_next) {
        blocks[count++] = make_block(flow->payloads[1], flow->dense_next, next + rows - 1, true);
    }
    struct spool_commit commit = {.blocks = blocks, .block_count = count};
    enum err err = spool_commit(flow->spool, &commit);
    if (err == OK && dense && count > 0 && blocks[count - 1].dense) {
        flow->dense_next = next + rows;
    }
    return err;
}

// Everything from `seq` on that is not settled is there, and dense where it is dense.
static void check_all(struct flow *flow)
{
    const struct settled *settled = spool_settled(flow->spool);
    uint64_t end = next_seq(flow->spool);
    uint64_t seq = settled_next(settled, 1);
    while (seq < end) {
        struct spool_block block;
        assert_int_equal(spool_read(flow->spool, seq, &block), OK);
        check_block(&block);
        assert_true(block.first_seq <= seq && seq < block.first_seq + block.count);
        seq = settled_next(settled, block.first_seq + block.count);
    }
    struct spool_block block;
    assert_int_equal(spool_read(flow->spool, end, &block), ERR_AGAIN);
}

static struct spool_options small(void)
{
    return (struct spool_options){.size_bytes = 8 * 64 * 1024,
                                  .segment_bytes = 64 * 1024,
                                  .nursery_bytes = 32 * 1024,
                                  .pack_bytes = 12 * 1024};
}

static void a_new_spool_is_empty_and_keeps_its_epoch_once_something_is_durable(void **state)
{
    (void)state;
    struct flow *flow = flow_new(small());
    struct spool_stat before, after;
    struct spool_block block;
    assert_int_equal(spool_read(flow->spool, 1, &block), ERR_AGAIN);
    spool_stat(flow->spool, &before);
    assert_true(before.next_seq == 1 && before.cursor == 0 && before.epoch != 0);

    assert_int_equal(flow_commit(flow, 3, false, false), OK);
    flow_restart(flow);

    spool_stat(flow->spool, &after);
    assert_true(after.epoch == before.epoch);
    assert_true(after.next_seq == 4);
    check_all(flow);
    flow_free(flow);
}

static void young_blocks_give_way_to_the_dense_one(void **state)
{
    (void)state;
    struct flow *flow = flow_new(small());
    struct spool_block block;
    assert_int_equal(flow_commit(flow, 5, false, false), OK);
    assert_int_equal(flow_commit(flow, 5, false, false), OK);
    assert_int_equal(spool_read(flow->spool, 7, &block), OK);
    assert_true(!block.dense && block.first_seq == 6 && block.count == 5);

    assert_int_equal(flow_commit(flow, 2, true, true), OK);

    assert_int_equal(spool_read(flow->spool, 7, &block), OK);
    assert_true(block.dense && block.first_seq == 1 && block.count == 12);
    check_block(&block);
    flow_free(flow);
}

static void the_pack_reaches_the_main_ring_as_one_commit(void **state)
{
    (void)state;
    struct flow *flow = flow_new(small());
    struct spool_stat stat;
    do { // 300 rows of 8 bytes: five blocks are 12 KiB, seven are more than it waits for
        assert_int_equal(flow_commit(flow, 300, true, false), OK);
        spool_stat(flow->spool, &stat);
    } while (stat.dense_end == 0 && stat.next_seq < 10000);

    assert_in_range(stat.dense_end, 1500, 2100);
    check_all(flow);
    flow_restart(flow);
    check_all(flow);
    flow_free(flow);
}

static void state_and_names_come_back_after_any_restart(void **state)
{
    (void)state;
    struct flow *flow = flow_new(small());
    char names[400][16];
    for (int i = 0; i < 400; i++) {
        int size = snprintf(names[i], sizeof names[i], "oven-%d", i);
        struct bytes key = bytes_from(names[i], (size_t)size);
        struct spool_state states[2] = {{"last", key}, {"gone", i % 2 ? bytes_text("") : key}};
        struct spool_commit commit = {
            .keys = &key, .key_count = 1, .states = states, .state_count = 2};
        assert_int_equal(spool_commit(flow->spool, &commit), OK);
        if (i % 7 == 0) {
            assert_int_equal(flow_commit(flow, 200, true, false), OK);
        }
        if (i % 5 == 0) {
            flow_restart(flow);
        }

        struct bytes value;
        assert_int_equal(spool_state(flow->spool, "last", &value), OK);
        assert_true(bytes_equal(value, key));
        assert_int_equal(spool_state(flow->spool, "gone", &value), i % 2 ? ERR_NOT_FOUND : OK);
        assert_int_equal(spool_key_count(flow->spool), i + 1);
    }
    for (uint32_t i = 0; i < 400; i++) {
        struct bytes key;
        assert_int_equal(spool_key(flow->spool, i, &key), OK);
        assert_true(bytes_equal(key, bytes_text(names[i])));
    }
    flow_free(flow);
}

static void refuse_says_full_and_loses_nothing(void **state)
{
    (void)state;
    struct spool_options options = small();
    options.when_full = SPOOL_REFUSE;
    struct flow *flow = flow_new(options);
    enum err err = OK;
    int commits = 0;
    for (; err == OK && commits < 1000; commits++) {
        err = flow_commit(flow, 500, true, false);
    }
    assert_int_equal(err, ERR_FULL);
    assert_in_range(next_seq(flow->spool) * ROW_SIZE, 7 * 32 * 1024, 8 * 64 * 1024);
    check_all(flow);

    assert_int_equal(spool_settle(flow->spool, 1, next_seq(flow->spool) / 2, SETTLED_DELIVERED),
                     OK);
    struct spool_commit empty = {.block_count = 0};
    assert_int_equal(spool_commit(flow->spool, &empty), OK);

    assert_int_equal(flow_commit(flow, 500, true, false), OK);
    check_all(flow);
    flow_free(flow);
}

static void drop_oldest_declares_what_it_drops_until_that_is_told(void **state)
{
    (void)state;
    struct flow *flow = flow_new(small());
    for (int i = 0; i < 200; i++) {
        assert_int_equal(flow_commit(flow, 500, true, false), OK);
    }
    uint64_t cursor = settled_cursor(spool_settled(flow->spool));
    assert_true(cursor > 0);

    struct spool_loss loss;
    for (int round = 0; round < 2; round++) { // not told by a commit: it comes back
        flow_restart(flow);
        uint64_t next = 1;
        while (spool_loss_next(flow->spool, &loss) == OK) {
            assert_int_equal(loss.how, SETTLED_LOST_FULL);
            assert_true(loss.from == next);
            assert_true(loss.time_first_ms <= (int64_t)loss.from * 10);
            next = loss.to + 1;
        }
        assert_true(next == cursor + 1);
        check_all(flow);
    }
    struct spool_commit empty = {.block_count = 0};
    assert_int_equal(spool_commit(flow->spool, &empty), OK);
    flow_restart(flow);
    assert_int_equal(spool_loss_next(flow->spool, &loss), ERR_AGAIN);
    flow_free(flow);
}

static void settle_some(struct flow *flow, uint64_t *random)
{
    uint64_t next = next_seq(flow->spool);
    uint64_t from = settled_next(spool_settled(flow->spool), 1);
    if (from < next) {
        uint64_t ahead = random_next(random) % 4 == 0 ? random_next(random) % (next - from) : 0;
        uint64_t to = from + ahead + random_next(random) % (next - from - ahead);
        enum err err = spool_settle(flow->spool, from + ahead, to, SETTLED_DELIVERED);
        assert_true(err == OK || err == ERR_FULL);
    }
}

static void random_history(uint64_t seed, const uint8_t *key)
{
    uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15);
    struct spool_options options = small();
    options.key = key;
    struct flow *flow = flow_new(options);
    struct spool_loss loss;
    for (int step = 0; step < 400; step++) {
        uint64_t what = random_next(&random) % 100;
        uint64_t rows = random_next(&random) % (what < 5 ? 1000 : 60);
        bool dense = next_seq(flow->spool) + rows - flow->dense_next > 200;
        if (next_seq(flow->spool) + rows - flow->dense_next >= ROWS_MAX) {
            dense = true;
            rows = 1;
        }
        assert_int_equal(flow_commit(flow, rows, dense, random_next(&random) % 2 == 0), OK);
        if (what % 3 == 0) {
            settle_some(flow, &random);
        }
        if (what % 11 == 0) {
            check_all(flow);
        }
        if (what == 50) {
            struct settled durable = *spool_settled(flow->spool);
            struct spool_commit empty = {.block_count = 0};
            assert_int_equal(spool_commit(flow->spool, &empty), OK);
            uint64_t next = next_seq(flow->spool);
            flow_restart(flow);
            assert_true(next_seq(flow->spool) == next);
            assert_int_equal(spool_settled(flow->spool)->count, durable.count);
            check_all(flow);
        }
        while (spool_loss_next(flow->spool, &loss) == OK) {
            assert_int_equal(loss.how, SETTLED_LOST_FULL);
        }
    }
    flow_free(flow);
}

static void any_history_reads_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        random_history(seed, NULL);
    }
}

static void any_history_reads_back_sealed(void **state)
{
    (void)state;
    uint8_t key[32];
    memset(key, 0x42, sizeof key);
    for (uint64_t seed = 101; seed <= 120; seed++) {
        random_history(seed, key);
    }
}

static void another_key_is_refused_and_touches_nothing(void **state)
{
    (void)state;
    uint8_t key[32] = {1};
    uint8_t other[32] = {2};
    struct spool_options options = small();
    options.key = key;
    struct flow *flow = flow_new(options);
    assert_int_equal(flow_commit(flow, 10, false, false), OK);
    spool_close(flow->spool);

    options.key = other;
    assert_int_equal(spool_open(&flow->spool, disk_memory_disk(flow->memory), &options), ERR_KEY);
    options.key = NULL;
    assert_int_equal(spool_open(&flow->spool, disk_memory_disk(flow->memory), &options), ERR_KEY);

    flow_open(flow);
    check_all(flow);
    flow_free(flow);
}

static void memory_is_at_most_512_kib_beside_the_names(void **state)
{
    (void)state;
    const size_t names = 512 * 1024 + 16384 * sizeof(uint32_t);
    for (uint64_t mib = 4; mib <= 1024; mib *= 4) {
        struct spool_options options = {.size_bytes = mib * 1024 * 1024};
        struct disk_memory *memory = disk_memory_open(UINT64_C(2) << 30);
        struct spool *spool;
        assert_int_equal(spool_open(&spool, disk_memory_disk(memory), &options), OK);

        assert_in_range(spool_memory(spool), names, names + 512 * 1024);

        spool_close(spool);
        disk_memory_close(memory);
    }
}

static void opening_reads_the_headers_and_one_segment(void **state)
{
    (void)state;
    struct spool_options options = {.size_bytes = 16 * 1024 * 1024, .segment_bytes = 512 * 1024};
    struct flow *flow = flow_new(options);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(flow_commit(flow, 1000, true, false), OK);
    }
    assert_true(next_seq(flow->spool) * ROW_SIZE > options.size_bytes);

    flow_restart(flow);

    struct spool_stat stat;
    spool_stat(flow->spool, &stat);
    size_t headers = (32 + 2) * 8 * 1024 + 8 * 1024; // the tail's once more
    size_t segments = 512 * 1024 + 2 * 256 * 1024;   // the tail, and the nursery
    size_t again = 2 * 64 * 1024;                    // frames across the end of a read
    assert_in_range(stat.opened_read_bytes, headers, headers + segments + again);
    check_all(flow);
    flow_free(flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_spool_is_empty_and_keeps_its_epoch_once_something_is_durable),
        cmocka_unit_test(young_blocks_give_way_to_the_dense_one),
        cmocka_unit_test(the_pack_reaches_the_main_ring_as_one_commit),
        cmocka_unit_test(state_and_names_come_back_after_any_restart),
        cmocka_unit_test(refuse_says_full_and_loses_nothing),
        cmocka_unit_test(drop_oldest_declares_what_it_drops_until_that_is_told),
        cmocka_unit_test(any_history_reads_back),
        cmocka_unit_test(any_history_reads_back_sealed),
        cmocka_unit_test(another_key_is_refused_and_touches_nothing),
        cmocka_unit_test(memory_is_at_most_512_kib_beside_the_names),
        cmocka_unit_test(opening_reads_the_headers_and_one_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
