#include "agent/human.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bytes_have_three_figures_and_a_unit(void **state)
{
    (void)state;
    char out[HUMAN_SIZE];
    assert_string_equal(human_bytes(-1, out), "-");
    assert_string_equal(human_bytes(0, out), "0 B");
    assert_string_equal(human_bytes(999, out), "999 B");
    assert_string_equal(human_bytes(1000, out), "1.0 KiB");
    assert_string_equal(human_bytes(41943040, out), "40.0 MiB");
    assert_string_equal(human_bytes(268435456, out), "256 MiB");
    assert_string_equal(human_bytes(INT64_MAX, out), "8388608 TiB");
}

static void counts_have_their_thousands_apart(void **state)
{
    (void)state;
    char out[HUMAN_SIZE];
    assert_string_equal(human_count(-1, out), "-");
    assert_string_equal(human_count(0, out), "0");
    assert_string_equal(human_count(999, out), "999");
    assert_string_equal(human_count(1000, out), "1,000");
    assert_string_equal(human_count(1234567, out), "1,234,567");
    assert_string_equal(human_count(INT64_MAX, out), "9,223,372,036,854,775,807");
}

static void seconds_are_told_in_the_unit_that_fits(void **state)
{
    (void)state;
    char out[HUMAN_SIZE];
    assert_string_equal(human_seconds(-1, out), "-");
    assert_string_equal(human_seconds(119, out), "119 s");
    assert_string_equal(human_seconds(120, out), "2 min");
    assert_string_equal(human_seconds(5320 + 7200, out), "3 h 28 min");
    assert_string_equal(human_seconds(3 * 86400 + 4 * 3600, out), "3 d 4 h");
}

static void durations_need_a_number_and_a_unit(void **state)
{
    (void)state;
    assert_int_equal(human_duration_ms("20s"), 20000);
    assert_int_equal(human_duration_ms("20 s"), 20000);
    assert_int_equal(human_duration_ms("2m"), 120000);
    assert_int_equal(human_duration_ms("2 min"), 120000);
    assert_int_equal(human_duration_ms("500ms"), 500);
    assert_int_equal(human_duration_ms("1h"), 3600000);
    assert_int_equal(human_duration_ms(""), -1);
    assert_int_equal(human_duration_ms("20"), -1);
    assert_int_equal(human_duration_ms("s"), -1);
    assert_int_equal(human_duration_ms("-3 s"), -1);
    assert_int_equal(human_duration_ms("20 sec"), -1);
    assert_int_equal(human_duration_ms("99999999999999999999 d"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_three_figures_and_a_unit),
        cmocka_unit_test(counts_have_their_thousands_apart),
        cmocka_unit_test(seconds_are_told_in_the_unit_that_fits),
        cmocka_unit_test(durations_need_a_number_and_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
