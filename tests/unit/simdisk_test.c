// The simulated disk, tested with two small writers: one that syncs before it answers, and ones
// that are wrong on purpose. A disk that cannot tell them apart tests nothing.
#include "tests/sim/simdisk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

enum { SLOTS = 2, SLOT_SIZE = 16384, PAGE = SIMDISK_PAGE };

static struct simdisk disk;
static uint8_t page[PAGE];
static uint8_t back[PAGE];

static int make_disk(void **state)
{
    (void)state;
    simdisk_init(&disk);
    return 0;
}

static int free_disk(void **state)
{
    (void)state;
    simdisk_free(&disk);
    return 0;
}

static void begin(uint64_t seed)
{
    simdisk_reset(&disk, seed);
    assert_int_equal(disk.disk.create(&disk, DISK_MAIN, SLOTS, SLOT_SIZE), OK);
}

static enum err write_page(uint32_t slot, uint32_t offset, uint8_t fill)
{
    memset(page, fill, sizeof page);
    return disk.disk.write(&disk, DISK_MAIN, slot, offset, page, PAGE);
}

static enum err sync_slot(uint32_t slot)
{
    return disk.disk.sync(&disk, DISK_MAIN, slot);
}

// All bytes of the page at `offset` are `fill`.
static bool page_is(uint32_t slot, uint32_t offset, uint8_t fill)
{
    memset(page, fill, sizeof page);
    return disk.disk.read(&disk, DISK_MAIN, slot, offset, back, PAGE) == OK &&
           memcmp(page, back, PAGE) == 0;
}

static void a_synced_page_survives_every_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        begin(seed);
        assert_int_equal(write_page(0, 0, 7), OK);
        assert_int_equal(sync_slot(0), OK);
        assert_int_equal(write_page(0, PAGE, 8), OK);

        simdisk_power_cut(&disk);

        assert_true(page_is(0, 0, 7));
    }
}

static void an_unsynced_page_is_lost_kept_and_torn(void **state)
{
    (void)state;
    int lost = 0;
    int kept = 0;
    int torn = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        begin(seed);
        assert_int_equal(write_page(0, 0, 7), OK);

        simdisk_power_cut(&disk);

        if (page_is(0, 0, 7)) {
            kept++;
        } else if (page_is(0, 0, 0)) {
            lost++;
        } else {
            torn++;
        }
    }
    assert_in_range(lost, 50, 450);
    assert_in_range(kept, 50, 450);
    assert_in_range(torn, 50, 450);
}

static void of_two_unsynced_pages_the_second_may_land_alone(void **state)
{
    (void)state;
    int reordered = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        begin(seed);
        assert_int_equal(write_page(0, 0, 7), OK);
        assert_int_equal(write_page(1, 0, 8), OK);

        simdisk_power_cut(&disk);

        reordered += !page_is(0, 0, 7) && page_is(1, 0, 8);
    }
    assert_in_range(reordered, 10, 490);
}

static void syncing_one_slot_saves_no_other(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        begin(seed);
        assert_int_equal(write_page(0, 0, 7), OK);
        assert_int_equal(write_page(1, 0, 8), OK);
        assert_int_equal(sync_slot(1), OK);

        simdisk_power_cut(&disk);

        assert_true(page_is(1, 0, 8));
        lost += !page_is(0, 0, 7);
    }
    assert_in_range(lost, 10, 99);
}

static void a_failed_sync_is_told_once_and_the_page_may_be_gone(void **state)
{
    (void)state;
    int gone = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        begin(seed);
        disk.faults.sync_fails = 1;
        assert_int_equal(write_page(0, 0, 7), OK);
        assert_int_equal(sync_slot(0), ERR_IO);
        disk.faults.sync_fails = 0;
        assert_int_equal(sync_slot(0), OK); // the trap: nothing was saved by this one
        assert_string_not_equal(disk.broken, "");

        simdisk_power_cut(&disk);

        gone += !page_is(0, 0, 7);
    }
    assert_in_range(gone, 50, 199);
}

static void a_process_that_dies_leaves_the_cache_but_not_the_media(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        begin(seed);
        assert_int_equal(write_page(0, 0, 7), OK);

        simdisk_kill(&disk);
        assert_true(page_is(0, 0, 7));
        simdisk_power_cut(&disk);

        lost += !page_is(0, 0, 7);
    }
    assert_in_range(lost, 10, 97); // one cut in seven leaves all
}

static void a_direct_write_needs_no_sync(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        begin(seed);
        disk.direct = true;
        assert_int_equal(write_page(0, 0, 7), OK);

        simdisk_power_cut(&disk);

        assert_true(page_is(0, 0, 7));
    }
}

static void a_lying_sync_saves_nothing(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        begin(seed);
        disk.faults.sync_lies = 1;
        assert_int_equal(write_page(0, 0, 7), OK);
        assert_int_equal(sync_slot(0), OK);

        simdisk_power_cut(&disk);

        lost += !page_is(0, 0, 7);
    }
    assert_in_range(lost, 10, 97); // one cut in seven leaves all
}

static void after_the_cut_nothing_works_until_the_power_is_back(void **state)
{
    (void)state;
    begin(1);
    simdisk_cut_after(&disk, 2, false);
    assert_int_equal(write_page(0, 0, 7), OK);
    assert_int_equal(sync_slot(0), ERR_IO);
    assert_int_equal(write_page(0, PAGE, 7), ERR_IO);
    assert_false(page_is(0, 0, 7));

    simdisk_power_cut(&disk);

    assert_int_equal(write_page(0, PAGE, 9), OK);
    assert_true(page_is(0, PAGE, 9));
}

static void a_read_only_file_system_is_read_until_the_restart(void **state)
{
    (void)state;
    begin(1);
    assert_int_equal(write_page(0, 0, 7), OK);
    assert_int_equal(sync_slot(0), OK);
    disk.faults.readonly = 1;
    assert_int_equal(write_page(0, PAGE, 8), ERR_READONLY);
    disk.faults.readonly = 0;
    assert_int_equal(write_page(0, PAGE, 8), ERR_READONLY);
    assert_true(page_is(0, 0, 7));

    simdisk_power_cut(&disk);

    assert_int_equal(write_page(0, PAGE, 8), OK);
}

static void an_unreadable_sector_is_healed_by_a_write(void **state)
{
    (void)state;
    begin(1);
    assert_int_equal(write_page(0, 0, 7), OK);
    assert_int_equal(sync_slot(0), OK);
    simdisk_rot(&disk, DISK_MAIN, 0, 600, SIMDISK_ROT_UNREADABLE);
    assert_int_equal(disk.disk.read(&disk, DISK_MAIN, 0, 0, back, PAGE), ERR_IO);
    assert_int_equal(disk.disk.read(&disk, DISK_MAIN, 0, PAGE, back, PAGE), OK);

    assert_int_equal(write_page(0, 0, 9), OK);
    assert_int_equal(sync_slot(0), OK);
    simdisk_power_cut(&disk);

    assert_true(page_is(0, 0, 9));
}

static void rules_of_the_interface_are_watched(void **state)
{
    (void)state;
    begin(1);
    assert_int_equal(disk.disk.write(&disk, DISK_MAIN, 0, 512, page, PAGE), ERR_INVALID);
    assert_string_not_equal(disk.broken, "");
    begin(1);
    assert_string_equal(disk.broken, "");
    assert_int_equal(disk.disk.write(&disk, DISK_MAIN, SLOTS, 0, page, PAGE), ERR_INVALID);
    assert_string_not_equal(disk.broken, "");
}

static void one_seed_is_one_disk(void **state)
{
    (void)state;
    static uint8_t first[PAGE];
    for (int turn = 0; turn < 2; turn++) {
        begin(42);
        assert_int_equal(write_page(0, 0, 7), OK);
        simdisk_power_cut(&disk);
        memset(back, 0, sizeof back);
        (void)disk.disk.read(&disk, DISK_MAIN, 0, 0, back, PAGE);
        if (turn == 0) {
            memcpy(first, back, PAGE);
        }
    }
    assert_memory_equal(first, back, PAGE);
}

// A toy log: page 0 of slot 0 holds a number; it is answered when it is durable. `how` is what the
// writer forgets.
enum toy { TOY_RIGHT, TOY_NO_SYNC, TOY_SYNC_AGAIN };

static enum err toy_store(enum toy how, uint32_t at, uint8_t value)
{
    enum err err = write_page(0, at, value);
    if (err != OK || how == TOY_NO_SYNC) {
        return err;
    }
    err = sync_slot(0);
    if (err != OK && how == TOY_SYNC_AGAIN) {
        err = sync_slot(0);
    }
    return err;
}

// Returns how many of 500 histories lost a value that was answered OK.
static int toy_losses(enum toy how, uint32_t sync_fails)
{
    int losses = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        begin(seed);
        disk.faults.sync_fails = sync_fails;
        simdisk_cut_after(&disk, 1 + seed % 7, false);
        uint8_t answered = 0;
        for (uint8_t value = 1; value <= 4; value++) {
            if (toy_store(how, (value - 1U) * PAGE, value) != OK) {
                break;
            }
            answered = value;
        }
        simdisk_power_cut(&disk);
        for (uint8_t value = 1; value <= answered; value++) {
            if (!page_is(0, (value - 1U) * PAGE, value)) {
                losses++;
                break;
            }
        }
    }
    return losses;
}

static void a_right_writer_loses_nothing_and_wrong_ones_are_seen(void **state)
{
    (void)state;
    assert_int_equal(toy_losses(TOY_RIGHT, 0), 0);
    assert_int_equal(toy_losses(TOY_RIGHT, 3), 0);
    assert_in_range(toy_losses(TOY_NO_SYNC, 0), 100, 500);
    assert_in_range(toy_losses(TOY_SYNC_AGAIN, 3), 20, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_synced_page_survives_every_cut),
        cmocka_unit_test(an_unsynced_page_is_lost_kept_and_torn),
        cmocka_unit_test(of_two_unsynced_pages_the_second_may_land_alone),
        cmocka_unit_test(syncing_one_slot_saves_no_other),
        cmocka_unit_test(a_failed_sync_is_told_once_and_the_page_may_be_gone),
        cmocka_unit_test(a_process_that_dies_leaves_the_cache_but_not_the_media),
        cmocka_unit_test(a_direct_write_needs_no_sync),
        cmocka_unit_test(a_lying_sync_saves_nothing),
        cmocka_unit_test(after_the_cut_nothing_works_until_the_power_is_back),
        cmocka_unit_test(a_read_only_file_system_is_read_until_the_restart),
        cmocka_unit_test(an_unreadable_sector_is_healed_by_a_write),
        cmocka_unit_test(rules_of_the_interface_are_watched),
        cmocka_unit_test(one_seed_is_one_disk),
        cmocka_unit_test(a_right_writer_loses_nothing_and_wrong_ones_are_seen),
    };
    return cmocka_run_group_tests(tests, make_disk, free_disk);
}
