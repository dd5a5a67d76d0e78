// Bytes of a day and a month: what goes, what waits, and when a new day begins.
#include "agent/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FLOOR INT64_C(1767225600000) // 2026-01-01
#define NOON  INT64_C(1795780800000) // 2026-11-27T12:00:00Z
#define HOUR  INT64_C(3600000)
#define DAY   (24 * HOUR)

static struct budget budget;

static int set_up(void **state)
{
    (void)state;
    budget_open(&budget, 1000, 10000, (struct bytes){0});
    return 0;
}

static void count(uint64_t total, int64_t wall_ms)
{
    budget_count(&budget, total, wall_ms, FLOOR);
}

static void the_backlog_waits_first_then_low_then_normal_and_high_never(void **state)
{
    (void)state;
    const struct {
        uint64_t used;
        bool late, low, normal;
    } steps[] = {
        {799, true, true, true},     {800, false, true, true},    {900, false, false, true},
        {1000, false, false, false}, {5000, false, false, false},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        count(steps[i].used, NOON);

        assert_int_equal(budget_allows(&budget, PRIORITY_HIGH, true), steps[i].late);
        assert_int_equal(budget_allows(&budget, PRIORITY_LOW, false), steps[i].low);
        assert_int_equal(budget_allows(&budget, PRIORITY_NORMAL, false), steps[i].normal);
        assert_true(budget_allows(&budget, PRIORITY_HIGH, false));
    }
    assert_string_equal(budget_tight(&budget), "day");
}

static void a_new_day_begins_at_midnight_utc_and_the_month_goes_on(void **state)
{
    (void)state;
    count(1000, NOON + 12 * HOUR - 1);
    assert_int_equal(budget_stage(&budget), BUDGET_HIGH_ONLY);

    count(1100, NOON + 12 * HOUR);

    assert_int_equal(budget_stage(&budget), BUDGET_ALL);
    assert_int_equal(budget.day.used, 100);
    assert_int_equal(budget.month.used, 1100);
}

static void a_month_ends_by_the_calendar(void **state)
{
    (void)state;
    for (int day = 0; day < 4; day++) { // 27, 28, 29, 30 November
        count((uint64_t)(day + 1) * 2500, NOON + day * DAY);
    }
    assert_string_equal(budget_tight(&budget), "day");
    count(10000, NOON + 3 * DAY + 12 * HOUR - 1);
    assert_true(budget_used_pct(&budget.month) >= 100);

    count(10001, NOON + 3 * DAY + 12 * HOUR); // 1 December

    assert_int_equal(budget.month.used, 1);
    assert_int_equal(budget_stage(&budget), BUDGET_ALL);
}

static void the_month_decides_where_it_is_nearer_to_its_end(void **state)
{
    (void)state;
    budget.month.used = 9500;

    count(10, NOON);

    assert_string_equal(budget_tight(&budget), "month");
    assert_int_equal(budget_stage(&budget), BUDGET_NO_LOW);
}

static void a_restart_forgets_nothing_and_the_client_counts_anew(void **state)
{
    (void)state;
    uint8_t kept[BUDGET_SIZE];
    count(700, NOON);
    budget_put(&budget, kept);

    budget_open(&budget, 1000, 10000, bytes_from(kept, sizeof kept));
    count(100, NOON + HOUR);

    assert_int_equal(budget.day.used, 800);
    assert_int_equal(budget.month.used, 800);
}

static void a_clock_that_is_not_set_or_goes_back_begins_no_new_day(void **state)
{
    (void)state;
    count(900, NOON);
    count(950, 1000); // 1970
    assert_int_equal(budget.day.used, 950);
    count(960, NOON - 3 * DAY); // it goes back,
    count(970, NOON - 3 * DAY);
    assert_int_equal(budget.day.used, 970);

    count(980, NOON - 2 * DAY); // and there a day ends as ever

    assert_int_equal(budget.day.used, 10);
}

static void without_limits_all_goes(void **state)
{
    (void)state;
    budget_open(&budget, 0, 0, (struct bytes){0});

    count(UINT64_MAX / 2, NOON);

    assert_int_equal(budget_stage(&budget), BUDGET_ALL);
    assert_true(budget_used_pct(&budget.day) < 0);
}

static void a_state_of_another_size_is_no_state(void **state)
{
    (void)state;
    uint8_t foreign[8] = {1};

    budget_open(&budget, 1000, 10000, bytes_from(foreign, sizeof foreign));

    assert_int_equal(budget.day.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_backlog_waits_first_then_low_then_normal_and_high_never, set_up),
        cmocka_unit_test_setup(a_new_day_begins_at_midnight_utc_and_the_month_goes_on, set_up),
        cmocka_unit_test_setup(a_month_ends_by_the_calendar, set_up),
        cmocka_unit_test_setup(the_month_decides_where_it_is_nearer_to_its_end, set_up),
        cmocka_unit_test_setup(a_restart_forgets_nothing_and_the_client_counts_anew, set_up),
        cmocka_unit_test_setup(a_clock_that_is_not_set_or_goes_back_begins_no_new_day, set_up),
        cmocka_unit_test_setup(without_limits_all_goes, set_up),
        cmocka_unit_test_setup(a_state_of_another_size_is_no_state, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
