// A spool copied under another key: what waits comes along byte for byte, what has ended does not.
#include "agent/disk_memory.h"
#include "agent/spool_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIZE = 1 << 20, ROWS = 100 /* of a block */ };

static const uint8_t old_key[32] = {1};
static const uint8_t new_key[32] = {2};
static const struct spool_copy_progress silent;

static struct {
    struct disk_memory *old_memory;
    struct disk_memory *new_memory;
    struct spool *old;
    struct spool *copy;
    uint64_t noise;
} it;

static struct spool *open_on(struct disk_memory *memory, const uint8_t *key)
{
    const struct spool_options options = {
        .size_bytes = SIZE, .segment_bytes = 128 * 1024, .when_full = SPOOL_REFUSE, .key = key};
    struct spool *spool;
    assert_int_equal(spool_open(&spool, disk_memory_disk(memory), &options), OK);
    return spool;
}

static int set_up(void **context)
{
    (void)context;
    memset(&it, 0, sizeof it);
    it.old_memory = disk_memory_open(3 * SIZE);
    it.new_memory = disk_memory_open(3 * SIZE);
    it.noise = 7;
    return it.old_memory == NULL || it.new_memory == NULL;
}

static int tear_down(void **context)
{
    (void)context;
    spool_close(it.old);
    spool_close(it.copy);
    disk_memory_close(it.old_memory);
    disk_memory_close(it.new_memory);
    return 0;
}

static struct spool_block make_block(uint64_t first_seq, uint32_t count, bool dense, size_t size)
{
    static uint8_t bytes[SPOOL_BLOCK_MAX];
    for (size_t i = 0; i < size; i++) {
        it.noise = it.noise * 6364136223846793005U + 1442695040888963407U;
        bytes[i] = (uint8_t)(it.noise >> 56);
    }
    return (struct spool_block){.first_seq = first_seq,
                                .count = count,
                                .dense = dense,
                                .time_first_ms = (int64_t)first_seq,
                                .time_last_ms = (int64_t)(first_seq + count - 1),
                                .payload = bytes_from(bytes, size)};
}

static enum err put(const struct spool_block *block, const struct spool_state *state)
{
    struct spool_commit commit = {.blocks = block,
                                  .block_count = block == NULL ? 0 : 1,
                                  .states = state,
                                  .state_count = state == NULL ? 0 : 1};
    return spool_commit(it.old, &commit);
}

// Blocks of ROWS rows up to `rows`, dense, then 10 young rows.
static void fill(uint64_t rows)
{
    struct bytes keys[3] = {bytes_text("oven-1"), bytes_text("oven-2"), bytes_text("oven-3")};
    struct spool_commit names = {.keys = keys, .key_count = 3};
    assert_int_equal(spool_commit(it.old, &names), OK);
    for (uint64_t seq = 1; seq <= rows; seq += ROWS) {
        struct spool_block block = make_block(seq, ROWS, true, 3000);
        assert_int_equal(put(&block, NULL), OK);
    }
    struct spool_block young = make_block(rows + 1, 10, false, 300);
    struct spool_state state = {.name = "input.replay", .value = bytes_text("line 4711")};
    assert_int_equal(put(&young, &state), OK);
}

static void settle(uint64_t from, uint64_t to)
{
    assert_int_equal(spool_settle(it.old, from, to, SETTLED_DELIVERED), OK);
    assert_int_equal(put(NULL, NULL), OK);
}

static void copy_and_reopen(const uint8_t *from_key, const uint8_t *to_key)
{
    spool_close(it.old);
    it.old = open_on(it.old_memory, from_key);
    assert_int_equal(spool_copy(it.old, disk_memory_disk(it.new_memory), to_key, 0, silent), OK);
    it.copy = open_on(it.new_memory, to_key);
    assert_int_equal(spool_copy_check(it.old, it.copy), OK);
}

static void what_waits_comes_along_whatever_the_two_keys_are(void **context)
{
    (void)context;
    const uint8_t *const keys[][2] = {
        {NULL, new_key}, {old_key, new_key}, {old_key, NULL}, {NULL, NULL}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        (void)tear_down(NULL);
        (void)set_up(NULL);
        it.old = open_on(it.old_memory, keys[i][0]);
        fill(10000);
        settle(1, 4242);
        settle(6001, 6100); // ahead of the cursor

        copy_and_reopen(keys[i][0], keys[i][1]);

        struct spool_stat old;
        struct spool_stat copy;
        spool_stat(it.old, &old);
        spool_stat(it.copy, &copy);
        assert_true(old.epoch == copy.epoch);
        assert_int_equal(copy.next_seq, 10011);
        assert_int_equal(copy.cursor, 4242);
        assert_true(copy.used_bytes <= old.used_bytes);
        struct bytes value;
        assert_int_equal(spool_state(it.copy, "input.replay", &value), OK);
        assert_true(bytes_equal(value, bytes_text("line 4711")));
        assert_int_equal(spool_key_count(it.copy), 3);
        // and is told by its key
        struct spool *other;
        const struct spool_options wrong = {.size_bytes = SIZE, .key = old_key};
        if (keys[i][1] != NULL) {
            assert_int_equal(spool_open(&other, disk_memory_disk(it.new_memory), &wrong), ERR_KEY);
        }
    }
}

static void the_copy_goes_on_as_the_spool_would(void **context)
{
    (void)context;
    it.old = open_on(it.old_memory, NULL);
    fill(5000);
    settle(1, 5000);
    copy_and_reopen(NULL, new_key);

    struct spool_block dense = make_block(5001, 60, true, 70000);
    struct spool_commit commit = {.blocks = &dense, .block_count = 1};
    assert_int_equal(spool_commit(it.copy, &commit), OK);
    assert_int_equal(spool_settle(it.copy, 5001, 5030, SETTLED_DELIVERED), OK);
    assert_int_equal(spool_commit(it.copy, &(struct spool_commit){0}), OK);
    spool_close(it.copy);
    it.copy = open_on(it.new_memory, new_key);

    struct spool_block block;
    assert_int_equal(spool_read(it.copy, 5031, &block), OK);
    assert_int_equal(block.first_seq, 5001);
    assert_int_equal(block.payload.size, 70000);
    struct spool_stat stat;
    spool_stat(it.copy, &stat);
    assert_int_equal(stat.next_seq, 5061);
    assert_int_equal(stat.cursor, 5030);
}

static void an_empty_spool_and_one_where_all_has_ended_are_copied_too(void **context)
{
    (void)context;
    it.old = open_on(it.old_memory, NULL);
    assert_int_equal(put(NULL, NULL), OK);
    copy_and_reopen(NULL, new_key);
    (void)tear_down(NULL);

    (void)set_up(NULL);
    it.old = open_on(it.old_memory, NULL);
    fill(1000);
    settle(1, 1010);
    copy_and_reopen(NULL, new_key);
    struct spool_stat stat;
    spool_stat(it.copy, &stat);
    assert_int_equal(stat.next_seq, 1011);
    assert_int_equal(stat.cursor, 1010);
}

static void a_spool_that_is_full_in_clear_can_be_sealed(void **context)
{
    (void)context;
    it.old = open_on(it.old_memory, NULL);
    uint64_t seq = 1;
    struct spool_block block = make_block(seq, 1, true, 100); // small ones: the tags weigh most
    while (put(&block, NULL) == OK) {
        seq++;
        block = make_block(seq, 1, true, 100);
    }
    spool_close(it.old);
    it.old = open_on(it.old_memory, NULL);

    assert_int_equal(spool_copy(it.old, disk_memory_disk(it.new_memory), NULL, -1, silent),
                     ERR_FULL);
    assert_int_equal(spool_copy(it.old, disk_memory_disk(it.new_memory), NULL, -99, silent),
                     ERR_INVALID);

    enum err err = ERR_FULL;
    for (int32_t more = 0; more <= 2 && err == ERR_FULL; more++) { // as `weir spool rekey` does
        disk_memory_close(it.new_memory);
        it.new_memory = disk_memory_open(3 * SIZE);
        err = spool_copy(it.old, disk_memory_disk(it.new_memory), new_key, more, silent);
    }
    assert_int_equal(err, OK);
    it.copy = open_on(it.new_memory, new_key);
    assert_int_equal(spool_copy_check(it.old, it.copy), OK);
}

static void losses_that_nobody_took_and_damage_found_on_the_way_are_declared(void **context)
{
    (void)context;
    it.old = open_on(it.old_memory, NULL);
    fill(3000);
    const struct disk *disk = disk_memory_disk(it.old_memory);
    uint8_t page[4096];
    for (uint32_t slot = 0; slot < 3; slot++) { // in each segment a page of blocks
        assert_int_equal(disk->read(disk->context, DISK_MAIN, slot, 20480, page, sizeof page), OK);
        page[100] ^= 1;
        assert_int_equal(disk->write(disk->context, DISK_MAIN, slot, 20480, page, sizeof page), OK);
    }
    copy_and_reopen(NULL, new_key);

    struct spool_loss loss;
    uint64_t lost = 0;
    while (spool_loss_next(it.copy, &loss) == OK) {
        assert_int_equal(loss.how, SETTLED_LOST_CORRUPT);
        lost += loss.to - loss.from + 1;
    }
    assert_true(lost > 0);
    struct spool_stat stat;
    spool_stat(it.copy, &stat);
    assert_int_equal(stat.next_seq, 3011);
}

int main(void)
{
#define copied(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        copied(what_waits_comes_along_whatever_the_two_keys_are),
        copied(the_copy_goes_on_as_the_spool_would),
        copied(an_empty_spool_and_one_where_all_has_ended_are_copied_too),
        copied(a_spool_that_is_full_in_clear_can_be_sealed),
        copied(losses_that_nobody_took_and_damage_found_on_the_way_are_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
