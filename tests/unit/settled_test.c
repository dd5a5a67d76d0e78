// The settled set against a plain array of flags.
#include "agent/settled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEQS = 200 };

static uint64_t random_next(uint64_t *state) // xorshift64*
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

static uint32_t ranges_of(const bool flags[SEQS + 2])
{
    uint32_t count = 0;
    for (int seq = 1; seq <= SEQS; seq++) {
        count += flags[seq] && !flags[seq - 1] ? 1 : 0;
    }
    return count;
}

static void agrees_with_an_array_of_flags(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed;
        struct settled settled;
        bool flags[SEQS + 2] = {false};
        settled_init(&settled);
        for (int step = 0; step < 150; step++) {
            uint64_t from = 1 + random_next(&random) % SEQS;
            uint64_t to = from + random_next(&random) % 4;
            to = to > SEQS ? SEQS : to;
            bool with[SEQS + 2];
            memcpy(with, flags, sizeof with);
            memset(with + from, 1, to - from + 1);

            enum err err = settled_add(&settled, from, to);

            assert_int_equal(err, ranges_of(with) > SETTLED_RANGES_MAX ? ERR_FULL : OK);
            memcpy(flags, err == OK ? with : flags, sizeof flags);
            assert_int_equal(settled.count, ranges_of(flags));
            for (uint64_t seq = 1; seq <= SEQS; seq++) {
                uint64_t next = seq;
                while (flags[next]) {
                    next++;
                }
                assert_int_equal(settled_has(&settled, seq), flags[seq]);
                assert_int_equal(settled_next(&settled, seq), next);
            }
        }
    }
}

static void is_read_back_as_it_was_written(void **state)
{
    (void)state;
    struct settled settled, back;
    settled_init(&settled);
    uint8_t bytes[1 + 16 * SETTLED_RANGES_MAX];
    for (uint64_t i = 0; i < SETTLED_RANGES_MAX; i++) {
        assert_int_equal(settled_add(&settled, 1 + i * 10, 5 + i * 10), OK);
        struct buffer out = buffer_over(bytes, sizeof bytes);

        settled_put(&settled, &out);

        assert_false(out.overflow);
        assert_int_equal(settled_get(&back, buffer_bytes(&out)), OK);
        assert_memory_equal(&back, &settled,
                            offsetof(struct settled, ranges) +
                                settled.count * sizeof settled.ranges[0]);
    }
    assert_int_equal(settled_add(&settled, 1000, 1000), ERR_FULL);
    assert_int_equal(settled_cursor(&settled), 5);
}

static void refuses_every_cut_and_ranges_that_touch(void **state)
{
    (void)state;
    struct settled settled;
    settled_init(&settled);
    assert_int_equal(settled_add(&settled, 1, 4), OK);
    assert_int_equal(settled_add(&settled, 6, 9), OK);
    uint8_t bytes[64];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    settled_put(&settled, &out);
    for (size_t size = 0; size < out.size; size++) {
        assert_int_equal(settled_get(&settled, bytes_from(bytes, size)), ERR_CORRUPT);
        assert_int_equal(settled.count, 0);
    }

    put_u64(bytes + 17, 5); // the second range now touches the first

    assert_int_equal(settled_get(&settled, bytes_from(bytes, out.size)), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array_of_flags),
        cmocka_unit_test(is_read_back_as_it_was_written),
        cmocka_unit_test(refuses_every_cut_and_ranges_that_touch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
