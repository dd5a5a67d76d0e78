#include "agent/boots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t first_boot[16] = {1};
static const uint8_t second_boot[16] = {2};
static struct states states;

static void time_of_a_boot_waits_until_its_clock_is_set(void **context)
{
    (void)context;
    struct boots boots;
    states.count = 0;
    boots_restore(&boots, first_boot, &states, NULL);
    int64_t wall;
    bool sure;
    assert_int_equal(boots_wall(&boots, first_boot, 5000, 9000, &wall, &sure), ERR_AGAIN);
    assert_false(boots_learn(&boots, 12345, 6000, &states)); // 1970: not set

    assert_true(boots_learn(&boots, BOOTS_CLOCK_FLOOR_MS + 60000, 60000, &states));

    assert_int_equal(boots_wall(&boots, first_boot, 5000, 9000, &wall, &sure), OK);
    assert_true(sure);
    assert_int_equal(wall, BOOTS_CLOCK_FLOOR_MS + 5000);
    assert_false(boots_learn(&boots, BOOTS_CLOCK_FLOOR_MS + 99999999, 60000, &states)); // once
}

static void an_earlier_boot_is_remembered_or_lies_before_this_one(void **context)
{
    (void)context;
    struct boots boots;
    states.count = 0;
    boots_restore(&boots, first_boot, &states, NULL);
    assert_true(boots_learn(&boots, BOOTS_CLOCK_FLOOR_MS + 60000, 60000, &states));
    boots_restore(&boots, second_boot, &states, NULL);
    assert_true(boots_learn(&boots, BOOTS_CLOCK_FLOOR_MS + 1000000, 1000, &states));

    int64_t wall;
    bool sure;
    assert_int_equal(boots_wall(&boots, first_boot, 7000, 9000, &wall, &sure), OK);
    assert_true(sure);
    assert_int_equal(wall, BOOTS_CLOCK_FLOOR_MS + 7000);
    static const uint8_t unknown_boot[16] = {3};
    assert_int_equal(boots_wall(&boots, unknown_boot, 7000, 9000, &wall, &sure), OK);
    assert_false(sure);
    assert_int_equal(wall, BOOTS_CLOCK_FLOOR_MS + 999000 - 2000); // its last one where this began
}

static void the_oldest_of_many_boots_is_forgotten(void **context)
{
    (void)context;
    struct boots boots;
    states.count = 0;
    for (uint8_t i = 0; i < BOOTS_MAX + 5; i++) {
        uint8_t id[16] = {i};
        boots_restore(&boots, id, &states, NULL);
        assert_true(boots_learn(&boots, BOOTS_CLOCK_FLOOR_MS + i * 1000000, 0, &states));
    }
    assert_int_equal(boots.count, BOOTS_MAX);
    assert_int_equal(boots.list[0].id[0], BOOTS_MAX + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_of_a_boot_waits_until_its_clock_is_set),
        cmocka_unit_test(an_earlier_boot_is_remembered_or_lies_before_this_one),
        cmocka_unit_test(the_oldest_of_many_boots_is_forgotten),
    };
    return cmocka_run_group_tests_name("boots", tests, NULL, NULL);
}
