// Payloads whose sums are right and whose content is not, as a forged card or a bug would leave
// them: they are refused or bounded, and never hang or stop the agent.
#include "agent/disk_memory.h"
#include "agent/spool_inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAME_SIZE = 255, NAMES_A_FRAME = 256, HANG_SECONDS = 20 };

static struct spool *open_on(struct disk_memory *memory)
{
    struct spool_options options = {.size_bytes = 8 * 64 * 1024,
                                    .segment_bytes = 64 * 1024,
                                    .nursery_bytes = 32 * 1024,
                                    .pack_bytes = 12 * 1024};
    struct spool *spool;
    assert_int_equal(spool_open(&spool, disk_memory_disk(memory), &options), OK);
    return spool;
}

static int begin(void **state)
{
    struct disk_memory *memory = disk_memory_open(16 * 1024 * 1024);
    assert_non_null(memory);
    *state = memory;
    (void)alarm(HANG_SECONDS);
    return 0;
}

static int end(void **state)
{
    (void)alarm(0);
    disk_memory_close(*state);
    return 0;
}

static void names_far_behind_a_full_table_are_refused(void **state)
{
    struct spool *spool = open_on(*state);
    static uint8_t names[NAMES_A_FRAME * (1 + NAME_SIZE)];
    memset(names, NAME_SIZE, sizeof names);
    struct frame frame = {.kind = FRAME_KEYS, .count = NAMES_A_FRAME};
    while (spool_keys_get(spool, &frame, bytes_from(names, sizeof names)) == OK) {
        frame.first_seq += NAMES_A_FRAME;
    }

    struct frame far = {.kind = FRAME_KEYS, .count = 1, .first_seq = SPOOL_KEYS_MAX - 1};
    assert_int_equal(spool_keys_get(spool, &far, bytes_from(names, 1 + NAME_SIZE)), ERR_CORRUPT);
    spool_close(spool);
}

static void a_loss_of_any_length_is_declared_at_once(void **state)
{
    struct spool *spool = open_on(*state);
    uint64_t last = UINT64_C(1) << 62;
    assert_int_equal(settled_add(&spool->settled, 100, 199), OK);
    assert_int_equal(spool_lose(spool, 1, last, SETTLED_LOST_CORRUPT, 0, 0), OK);

    struct spool_loss loss;
    assert_int_equal(spool_loss_next(spool, &loss), OK);
    assert_true(loss.from == 1 && loss.to == 99);
    assert_int_equal(spool_loss_next(spool, &loss), OK);
    assert_true(loss.from == 200 && loss.to == last);
    spool_close(spool);
}

static enum err read_loss(struct spool *spool, uint64_t from, uint64_t to, uint8_t how)
{
    uint8_t payload[2 + 1 + 1 + SPOOL_LOSS_SIZE] = {1, 0, 0, 1}; // nothing settled, one loss
    put_u64(payload + 4, from);
    put_u64(payload + 12, to);
    payload[20] = how;
    struct frame frame = {.kind = FRAME_STATE, .stamp = 1, .first_seq = 1};
    return spool_state_get(spool, &frame, bytes_from(payload, sizeof payload));
}

static void losses_that_cannot_be_are_refused(void **state)
{
    struct spool *spool = open_on(*state);
    assert_int_equal(read_loss(spool, 0, 5, SETTLED_LOST_FULL), ERR_CORRUPT);
    assert_int_equal(read_loss(spool, 6, 5, SETTLED_LOST_FULL), ERR_CORRUPT);
    assert_int_equal(read_loss(spool, 1, UINT64_MAX, SETTLED_LOST_FULL), ERR_CORRUPT);
    assert_int_equal(read_loss(spool, 1, 5, 200), ERR_CORRUPT);
    assert_int_equal(read_loss(spool, 1, 5, SETTLED_LOST_FULL), OK);
    spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_far_behind_a_full_table_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_loss_of_any_length_is_declared_at_once, begin, end),
        cmocka_unit_test_setup_teardown(losses_that_cannot_be_are_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
