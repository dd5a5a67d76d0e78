#include "agent/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static uint32_t id_of(struct series *series, const char *key, bool expect_added)
{
    uint32_t id = 0;
    bool added = false;
    assert_int_equal(series_id(series, bytes_text(key), &id, &added), OK);
    assert_int_equal(added, expect_added);
    return id;
}

static void keys_get_small_numbers_in_order_and_keep_them(void **context)
{
    (void)context;
    struct series *series = series_open();

    assert_int_equal(id_of(series, "oven-1", true), 0);
    assert_int_equal(id_of(series, "oven-2", true), 1);
    assert_int_equal(id_of(series, "", true), 2);

    assert_int_equal(id_of(series, "oven-2", false), 1);
    assert_int_equal(id_of(series, "oven-1", false), 0);
    assert_int_equal(id_of(series, "", false), 2);
    struct bytes key;
    assert_int_equal(series_key(series, 1, &key), OK);
    assert_true(bytes_equal(key, bytes_text("oven-2")));
    assert_int_equal(series_key(series, 3, &key), ERR_NOT_FOUND);
    series_close(series);
}

static void a_full_table_says_so_and_still_finds_what_it_has(void **context)
{
    (void)context;
    struct series *series = series_open();
    for (uint32_t i = 0; i < SERIES_COUNT_MAX; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "sensor-%u", i * 2654435761U);
        assert_int_equal(id_of(series, key, true), i);
    }

    uint32_t id;
    bool added;
    assert_int_equal(series_id(series, bytes_text("one more"), &id, &added), ERR_FULL);

    assert_int_equal(id_of(series, "sensor-0", false), 0);
    assert_int_equal(series_count(series), SERIES_COUNT_MAX);
    series_close(series);
}

static void long_keys_are_bounded_by_bytes(void **context)
{
    (void)context;
    struct series *series = series_open();
    static uint8_t key[255];
    uint32_t id;
    bool added;
    uint32_t count = 0;
    for (;; count++) {
        put_u32(key, count);
        if (series_id(series, bytes_from(key, sizeof key), &id, &added) != OK) {
            break;
        }
    }
    assert_int_equal(count, SERIES_BYTES_MAX / sizeof key);
    series_close(series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_get_small_numbers_in_order_and_keep_them),
        cmocka_unit_test(a_full_table_says_so_and_still_finds_what_it_has),
        cmocka_unit_test(long_keys_are_bounded_by_bytes),
    };
    return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
