#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/track.h"

#include <stdio.h>

static bool has(const char *text, const char *version)
{
    struct track track;
    assert_true(track_read(text, &track));
    return track_has(&track, version);
}

static void a_track_has_the_versions_that_begin_like_it(void **state)
{
    (void)state;
    assert_true(has("1.x", "1.0.0"));
    assert_true(has("1.x", "1.12"));
    assert_true(has("1.4.x", "1.4.2"));
    assert_true(has("1.4.2", "1.4.2"));

    assert_false(has("1.x", "2.0.0"));
    assert_false(has("1.x", "10.0.0"));
    assert_false(has("1.4.x", "1.40.2"));
    assert_false(has("1.4.2", "1.4.3"));
    assert_false(has("1.x", "1.5.0-rc1"));
    assert_false(has("1.x", "1."));
    assert_false(has("1.x", "1.x"));
    assert_false(has("1.x", ""));
}

static void what_is_no_track_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "x",   "1",       "1.4",     "v1.x",         "1.x.x",
                                      "1..x", "1.*", "1.2.3.x", "1.2.3.4", "12345678901.x"};
    struct track track;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(track_read(bad[i], &track));
    }
}

static void a_share_is_written_in_percent(void **state)
{
    (void)state;
    unsigned share;
    assert_true(canary_read("5%", &share) && share == 500);
    assert_true(canary_read("0.5 %", &share) && share == 50);
    assert_true(canary_read("100", &share) && share == CANARY_ALL);
    static const char *const bad[] = {"", "%", "-1%", "101%", "5 percent", "nan", "5%%", "a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(canary_read(bad[i], &share));
    }
}

static void a_share_takes_about_its_part_and_a_larger_one_takes_more(void **state)
{
    (void)state;
    unsigned small = 0, large = 0;
    for (int i = 0; i < 10000; i++) {
        char node[64];
        (void)snprintf(node, sizeof node, "6f1d5c1e-6a55-5b66-9a25-6d3b6f0d7a01/gw-%04d", i);
        bool in_small = canary_has(500, node);
        bool in_large = canary_has(2500, node);
        small += in_small;
        large += in_large;
        assert_true(!in_small || in_large);
        assert_true(canary_has(CANARY_ALL, node));
        assert_false(canary_has(0, node));
    }
    assert_in_range(small, 420, 580);
    assert_in_range(large, 2350, 2650);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_track_has_the_versions_that_begin_like_it),
        cmocka_unit_test(what_is_no_track_is_refused),
        cmocka_unit_test(a_share_is_written_in_percent),
        cmocka_unit_test(a_share_takes_about_its_part_and_a_larger_one_takes_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
