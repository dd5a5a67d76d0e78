// Completing records by the latest values of another product.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/join.h"

#include <stdio.h>

enum { AMBIENT = 1, SITE = 3, FIELDS = 4 };

static const uint16_t fields[] = {AMBIENT, SITE};
static struct value filled[FIELDS];

static struct value number(double is)
{
    return (struct value){.kind = VALUE_NUMBER, .number = is};
}

static struct value text(const char *is)
{
    return (struct value){.kind = VALUE_TEXT, .text = bytes_text(is)};
}

static enum err put(struct join *join, const char *key, double ambient, const char *site,
                    int64_t time_ms)
{
    const struct value values[] = {number(ambient), text(site)};
    return join_put(join, bytes_text(key), values, time_ms);
}

// The values of a record of `key` that has nothing itself.
static const struct value *fill(const struct join *join, const char *key, int64_t time_ms)
{
    const struct record record = {.key = bytes_text(key), .time_ms = time_ms};
    memset(filled, 0, sizeof filled);
    join_fill(join, &record, filled);
    return filled;
}

static void a_record_gets_the_latest_values_of_its_key(void **state)
{
    (void)state;
    const struct join_options options = {.fields = fields, .field_count = 2};
    struct join *join = join_open(&options, NULL);

    assert_int_equal(put(join, "hall-1", 20.5, "north", 1000), OK);
    assert_int_equal(put(join, "hall-2", 11, "south", 1000), OK);
    assert_int_equal(put(join, "hall-1", 21.5, "west", 2000), OK);
    assert_int_equal(put(join, "hall-1", 99, "old", 1500), OK); // came late: changes nothing

    const struct value *values = fill(join, "hall-1", 0);
    assert_true(values[AMBIENT].number == 21.5);
    assert_true(bytes_equal(values[SITE].text, bytes_text("west")));
    assert_int_equal(values[0].kind, VALUE_NULL);
    assert_int_equal(fill(join, "hall-3", 0)[AMBIENT].kind, VALUE_NULL);
    join_close(join);
}

static void what_a_record_has_itself_stays(void **state)
{
    (void)state;
    const struct join_options options = {.fields = fields, .field_count = 2};
    struct join *join = join_open(&options, NULL);
    (void)put(join, "a", 1, "there", 0);
    const struct record record = {.key = bytes_text("a")};
    struct value values[FIELDS] = {{.kind = VALUE_NULL}};
    values[SITE] = text("here");

    join_fill(join, &record, values);

    assert_true(bytes_equal(values[SITE].text, bytes_text("here")));
    assert_true(values[AMBIENT].number == 1);
    join_close(join);
}

static void one_key_can_complete_every_record_and_joins_stand_in_a_chain(void **state)
{
    (void)state;
    const uint16_t first[] = {AMBIENT};
    const uint16_t second[] = {SITE};
    const struct join_options by_key = {.fields = first, .field_count = 1};
    const struct join_options weather = {
        .fields = second, .field_count = 1, .key = bytes_text("station")};
    struct join *behind = join_open(&by_key, NULL);
    struct join *join = join_open(&weather, behind);
    const struct value site = text("roof");
    const struct value ambient = number(7);
    assert_int_equal(join_put(join, bytes_text("station"), &site, 0), OK);
    assert_int_equal(join_put(behind, bytes_text("oven-1"), &ambient, 0), OK);

    const struct value *values = fill(join, "oven-1", 0);

    assert_true(bytes_equal(values[SITE].text, bytes_text("roof")));
    assert_true(values[AMBIENT].number == 7);
    join_close(join);
}

static void a_value_that_is_too_old_is_not_used(void **state)
{
    (void)state;
    const struct join_options options = {.fields = fields, .field_count = 2, .max_age_ms = 100};
    struct join *join = join_open(&options, NULL);
    (void)put(join, "a", 1, "x", 1000);

    assert_int_equal(fill(join, "a", 1100)[AMBIENT].kind, VALUE_NUMBER);
    assert_int_equal(fill(join, "a", 1101)[AMBIENT].kind, VALUE_NULL);
    assert_int_equal(fill(join, "a", 900)[AMBIENT].kind, VALUE_NUMBER);
    assert_int_equal(fill(join, "a", INT64_MIN)[AMBIENT].kind, VALUE_NULL);
    join_close(join);
}

static void its_bounds_are_kept_and_told(void **state)
{
    (void)state;
    const struct join_options options = {.fields = fields, .field_count = 2};
    struct join *join = join_open(&options, NULL);
    char key[32];
    for (int i = 0; i < JOIN_KEYS_MAX; i++) {
        (void)snprintf(key, sizeof key, "key-%d", i);
        assert_int_equal(put(join, key, i, "", 0), OK);
    }
    char longest[JOIN_TEXT_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[JOIN_TEXT_MAX + 1] = '\0';

    assert_int_equal(put(join, "one more", 0, "", 0), ERR_FULL);
    assert_int_equal(put(join, "key-7", 70, longest, 1), ERR_LIMIT);
    assert_true(fill(join, "key-7", 0)[AMBIENT].number == 70);
    assert_int_equal(fill(join, "key-7", 0)[SITE].kind, VALUE_NULL);
    for (int i = 8; i < JOIN_KEYS_MAX; i++) {
        (void)snprintf(key, sizeof key, "key-%d", i);
        assert_true(fill(join, key, 0)[AMBIENT].number == i);
    }
    assert_int_equal(fill(join, "one more", 0)[AMBIENT].kind, VALUE_NULL);
    join_close(join);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_gets_the_latest_values_of_its_key),
        cmocka_unit_test(what_a_record_has_itself_stays),
        cmocka_unit_test(one_key_can_complete_every_record_and_joins_stand_in_a_chain),
        cmocka_unit_test(a_value_that_is_too_old_is_not_used),
        cmocka_unit_test(its_bounds_are_kept_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
