// One fault at a time, by name: what the caller sees and what is true afterwards. Mixtures and
// power cuts are the simulator's.
#include "agent/disk_memory.h"
#include "agent/frame.h"
#include "agent/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SLOT_SIZE = 64 * 1024, BLOCK_SIZE = 3000 };

// A disk of memory with switches.
struct faulty {
    struct disk disk;
    const struct disk *real;
    enum err write_err; // of all writes
    enum err read_err;  // of all reads
    uint32_t syncs_to_fail;
    int64_t bad_slot[2]; // its sync failed, and no segment was begun there since; -1: none
    bool synced_again;
};

static enum err faulty_create(void *context, enum disk_ring ring, uint32_t count, uint32_t size)
{
    struct faulty *faulty = context;
    return faulty->real->create(faulty->real->context, ring, count, size);
}

static enum err faulty_look(void *context, enum disk_ring ring, uint32_t *count, uint32_t *size)
{
    struct faulty *faulty = context;
    return faulty->real->look(faulty->real->context, ring, count, size);
}

static enum err faulty_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                            void *at, uint32_t size)
{
    struct faulty *faulty = context;
    enum err err = faulty->read_err;
    return err != OK ? err
                     : faulty->real->read(faulty->real->context, ring, slot, offset, at, size);
}

static enum err faulty_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                             const void *at, uint32_t size)
{
    struct faulty *faulty = context;
    if (faulty->write_err != OK) {
        return faulty->write_err;
    }
    if (offset == 0 && faulty->bad_slot[ring] == slot) {
        faulty->bad_slot[ring] = -1;
    }
    return faulty->real->write(faulty->real->context, ring, slot, offset, at, size);
}

static enum err faulty_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    struct faulty *faulty = context;
    if (faulty->bad_slot[ring] == slot) {
        faulty->synced_again = true;
    }
    if (faulty->syncs_to_fail > 0) {
        faulty->syncs_to_fail--;
        faulty->bad_slot[ring] = slot;
        return ERR_IO;
    }
    return OK;
}

static void faulty_random(void *context, void *at, size_t size)
{
    struct faulty *faulty = context;
    faulty->real->random(faulty->real->context, at, size);
}

struct fixture {
    struct disk_memory *memory;
    struct faulty faulty;
    struct spool *spool;
    uint64_t next;
    uint8_t payload[BLOCK_SIZE];
};

static const struct spool_options options = {.size_bytes = 8 * SLOT_SIZE,
                                             .segment_bytes = SLOT_SIZE,
                                             .nursery_bytes = SLOT_SIZE,
                                             .pack_bytes = 8192};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->memory = disk_memory_open(16 * SLOT_SIZE);
    fixture->faulty =
        (struct faulty){.real = disk_memory_disk(fixture->memory), .bad_slot = {-1, -1}};
    fixture->faulty.disk = (struct disk){.context = &fixture->faulty,
                                         .create = faulty_create,
                                         .look = faulty_look,
                                         .read = faulty_read,
                                         .write = faulty_write,
                                         .sync = faulty_sync,
                                         .random = faulty_random};
    fixture->next = 1;
    *state = fixture;
    return spool_open(&fixture->spool, &fixture->faulty.disk, &options) != OK;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    spool_close(fixture->spool);
    disk_memory_close(fixture->memory);
    free(fixture);
    return 0;
}

// Ten rows in one block; all bytes of it are its first seq.
static enum err commit_block(struct fixture *fixture, bool dense)
{
    memset(fixture->payload, (int)fixture->next, BLOCK_SIZE);
    struct spool_block block = {.first_seq = fixture->next,
                                .count = 10,
                                .dense = dense,
                                .time_first_ms = (int64_t)fixture->next,
                                .time_last_ms = (int64_t)fixture->next + 9,
                                .payload = bytes_from(fixture->payload, BLOCK_SIZE)};
    struct spool_commit commit = {.blocks = &block, .block_count = 1};
    enum err err = spool_commit(fixture->spool, &commit);
    fixture->next += err == OK ? 10 : 0;
    return err;
}

static void check_all(struct fixture *fixture)
{
    for (uint64_t seq = 1; seq < fixture->next; seq += 10) {
        struct spool_block block;
        assert_int_equal(spool_read(fixture->spool, seq, &block), OK);
        assert_true(block.first_seq == seq && block.payload.size == BLOCK_SIZE);
        assert_int_equal(block.payload.at[BLOCK_SIZE - 1], (uint8_t)seq);
    }
}

static void restart(struct fixture *fixture)
{
    spool_close(fixture->spool);
    assert_int_equal(spool_open(&fixture->spool, &fixture->faulty.disk, &options), OK);
}

static struct spool_stat stat_of(const struct fixture *fixture)
{
    struct spool_stat stat;
    spool_stat(fixture->spool, &stat);
    return stat;
}

static void failed_syncs_go_elsewhere(struct fixture *fixture, bool dense)
{
    for (uint32_t fails = 1; fails <= 3; fails++) { // the nursery twice, then the main ring
        assert_int_equal(commit_block(fixture, dense), OK);
        fixture->faulty.syncs_to_fail = fails;

        assert_int_equal(commit_block(fixture, dense), OK);

        assert_int_equal(stat_of(fixture).health, SPOOL_DEGRADED);
        assert_int_equal(stat_of(fixture).last_error, ERR_IO);
        assert_int_equal(fixture->faulty.syncs_to_fail, 0);
        assert_false(fixture->faulty.synced_again);
        check_all(fixture);
    }
    restart(fixture);
    check_all(fixture);
}

static void a_failed_sync_of_young_rows_is_not_repeated_but_written_elsewhere(void **state)
{
    failed_syncs_go_elsewhere(*state, false);
}

static void a_failed_sync_of_dense_rows_is_not_repeated_but_written_elsewhere(void **state)
{
    failed_syncs_go_elsewhere(*state, true);
}

static void a_dense_block_leaves_out_no_row_that_is_not_settled(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(commit_block(fixture, false), OK);

    assert_int_equal(commit_block(fixture, true), ERR_INVALID);

    assert_int_equal(spool_settle(fixture->spool, 1, 10, SETTLED_DELIVERED), OK);
    assert_int_equal(commit_block(fixture, true), OK);
}

static void a_read_only_device_is_broken_until_it_is_not(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(commit_block(fixture, true), OK);
    fixture->faulty.write_err = ERR_READONLY;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(commit_block(fixture, true), ERR_READONLY);
        assert_int_equal(stat_of(fixture).health, SPOOL_BROKEN);
        check_all(fixture);
    }

    fixture->faulty.write_err = OK;

    assert_int_equal(commit_block(fixture, true), OK);
    assert_int_equal(stat_of(fixture).health, SPOOL_DEGRADED);
    restart(fixture);
    check_all(fixture);
}

static void a_device_that_is_gone_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(commit_block(fixture, true), OK);
    }
    assert_true(stat_of(fixture).dense_end > 20);
    restart(fixture); // so that nothing is left in a buffer
    fixture->faulty.read_err = ERR_IO;
    struct spool_block block;
    struct spool_loss loss;

    assert_int_equal(spool_read(fixture->spool, 11, &block), ERR_IO);

    assert_int_equal(spool_loss_next(fixture->spool, &loss), ERR_AGAIN);
    assert_int_equal(stat_of(fixture).cursor, 0);
    fixture->faulty.read_err = OK;
    check_all(fixture);
}

// Alter one byte of the dense block of `seq` in the main ring.
static void rot(struct fixture *fixture, uint64_t seq)
{
    const struct disk *real = fixture->faulty.real;
    static uint8_t slot[SLOT_SIZE];
    assert_int_equal(real->read(real->context, DISK_MAIN, 1, 0, slot, sizeof slot), OK);
    uint32_t at = 0;
    struct frame frame;
    while (frame_get(&frame, slot + at) != OK || frame.kind != FRAME_DENSE ||
           frame.first_seq != seq) {
        at += FRAME_ALIGN;
        assert_true(at + FRAME_HEADER_SIZE <= sizeof slot);
    }
    slot[at + FRAME_HEADER_SIZE + 100] ^= 0x10;
    assert_int_equal(real->write(real->context, DISK_MAIN, 1, 0, slot, sizeof slot), OK);
}

static void a_rotten_block_costs_itself_and_is_told(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(commit_block(fixture, true), OK);
    }
    rot(fixture, 11);
    restart(fixture);
    struct spool_block block;
    struct spool_loss loss;
    assert_int_equal(spool_read(fixture->spool, 1, &block), OK);

    assert_int_equal(spool_read(fixture->spool, 11, &block), OK);

    assert_true(block.first_seq == 21);
    assert_int_equal(spool_loss_next(fixture->spool, &loss), OK);
    assert_true(loss.from == 11 && loss.to == 20 && loss.how == SETTLED_LOST_CORRUPT);
    assert_true(loss.time_first_ms <= 11 && loss.time_last_ms >= 20);
    assert_true(settled_covers(spool_settled(fixture->spool), 11, 20));
    assert_int_equal(spool_loss_next(fixture->spool, &loss), ERR_AGAIN);
    assert_true(stat_of(fixture).corrupt_bytes >= BLOCK_SIZE);
}

// Damage every state frame of both rings: with them goes what was settled.
static void rot_states(struct fixture *fixture)
{
    const struct disk *real = fixture->faulty.real;
    static uint8_t slot[SLOT_SIZE];
    for (uint32_t i = 0; i < options.size_bytes / SLOT_SIZE + 2; i++) {
        enum disk_ring ring = i < 2 ? DISK_NURSERY : DISK_MAIN;
        uint32_t number = i < 2 ? i : i - 2;
        assert_int_equal(real->read(real->context, ring, number, 0, slot, sizeof slot), OK);
        for (uint32_t at = 0; at + FRAME_HEADER_SIZE <= sizeof slot; at += FRAME_ALIGN) {
            struct frame frame;
            if (frame_get(&frame, slot + at) == OK && frame.kind == FRAME_STATE) {
                slot[at] ^= 1;
            }
        }
        assert_int_equal(real->write(real->context, ring, number, 0, slot, sizeof slot), OK);
    }
}

static void commit_and_take(struct fixture *fixture, int commits)
{
    for (int i = 0; i < commits; i++) {
        struct spool_loss loss;
        assert_int_equal(commit_block(fixture, true), OK);
        while (spool_loss_next(fixture->spool, &loss) == OK) {
        }
    }
}

static void a_full_ring_that_forgot_what_was_settled_still_drops_the_oldest(void **state)
{
    struct fixture *fixture = *state;
    commit_and_take(fixture, 200);
    assert_true(stat_of(fixture).cursor > 500); // it dropped, and no slot is as it was made
    rot_states(fixture);
    restart(fixture);
    fixture->next = stat_of(fixture).dense_end + 1;
    assert_int_equal(stat_of(fixture).cursor, 0);

    commit_and_take(fixture, 200);

    uint64_t cursor = stat_of(fixture).cursor;
    struct spool_block block;
    assert_int_equal(spool_read(fixture->spool, cursor + 1, &block), OK);
    assert_true(block.first_seq <= cursor + 1 && fixture->next - cursor > 500);
}

int main(void)
{
#define on_a_disk(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        on_a_disk(a_failed_sync_of_young_rows_is_not_repeated_but_written_elsewhere),
        on_a_disk(a_failed_sync_of_dense_rows_is_not_repeated_but_written_elsewhere),
        on_a_disk(a_dense_block_leaves_out_no_row_that_is_not_settled),
        on_a_disk(a_read_only_device_is_broken_until_it_is_not),
        on_a_disk(a_device_that_is_gone_loses_nothing),
        on_a_disk(a_rotten_block_costs_itself_and_is_told),
        on_a_disk(a_full_ring_that_forgot_what_was_settled_still_drops_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
