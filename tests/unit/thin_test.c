// What thinning keeps of a bucket, held against a model that remembers everything.
#include "agent/thin.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FIELDS = 4, NUMBER = 0, INTEGER = 1, TEXT = 2, BOOLEAN = 3, BUCKET_MS = 10000 };

static struct schema schema;
static struct thin *thin;

static void add_column(const char *name, enum column_type type, enum column_role role)
{
    struct column *column = &schema.columns[schema.column_count++];
    *column = (struct column){.type = type, .role = role};
    (void)snprintf(column->name, sizeof column->name, "%s", name);
}

static int set_up(void **context)
{
    (void)context;
    memset(&schema, 0, sizeof schema);
    add_column("sensor", COLUMN_STRING, ROLE_KEY);
    add_column("ts", COLUMN_TIMESTAMP, ROLE_TIME);
    add_column("number", COLUMN_NUMBER, ROLE_FIELD);
    add_column("integer", COLUMN_INTEGER, ROLE_FIELD);
    add_column("text", COLUMN_STRING, ROLE_FIELD);
    add_column("boolean", COLUMN_BOOLEAN, ROLE_FIELD);
    schema_seal(&schema);
    thin = thin_open(&schema);
    assert_non_null(thin);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    thin_close(thin);
    return 0;
}

struct sample {
    uint32_t key;
    int64_t time_ms;
    enum record_clock clock;
    uint8_t quality;
    struct value values[FIELDS];
    char text[64];
};

static struct sample number_at(uint32_t key, int64_t time_ms, double number)
{
    return (struct sample){.key = key,
                           .time_ms = time_ms,
                           .values = {[NUMBER] = {.kind = VALUE_NUMBER, .number = number}}};
}

static enum err put(const struct sample *sample)
{
    struct record record = {.time_ms = sample->time_ms,
                            .clock = sample->clock,
                            .quality = sample->quality,
                            .values = sample->values};
    return thin_add(thin, sample->key, &record, BUCKET_MS);
}

static void put_number(uint32_t key, int64_t time_ms, double number)
{
    struct sample sample = number_at(key, time_ms, number);
    assert_int_equal(put(&sample), OK);
}

static size_t rows_of(enum record_clock clock, struct record *rows, uint32_t *keys, size_t limit)
{
    size_t count = 0;
    uint16_t at = THIN_END;
    while ((at = thin_next(thin, at, clock)) != THIN_END) {
        assert_true(count < limit);
        thin_row(thin, at, &keys[count], &rows[count]);
        count++;
    }
    return count;
}

static void assert_numbers(const double *expected, size_t count)
{
    struct record rows[16];
    uint32_t keys[16];
    assert_int_equal(rows_of(RECORD_CLOCK_DEVICE, rows, keys, 16), count);
    for (size_t i = 0; i < count; i++) {
        double number = rows[i].values[NUMBER].number;
        assert_memory_equal(&number, &expected[i], sizeof number);
    }
}

// ---- tests ----

static void levels_rise_at_70_85_95_and_fall_five_below(void **context)
{
    (void)context;
    assert_int_equal(thin_level(0, 70), 0);
    assert_int_equal(thin_level(0, 71), 1);
    assert_int_equal(thin_level(1, 65), 1);
    assert_int_equal(thin_level(1, 64), 0);
    assert_int_equal(thin_level(1, 86), 2);
    assert_int_equal(thin_level(2, 80), 2);
    assert_int_equal(thin_level(2, 79), 1);
    assert_int_equal(thin_level(2, 96), 3);
    assert_int_equal(thin_level(3, 90), 3);
    assert_int_equal(thin_level(3, 89), 2);
    assert_int_equal(thin_level(0, 100), 3); // a start on a full spool
    assert_int_equal(thin_level(3, 0), 0);   // and a spool that was drained at once
    assert_true(thin_bucket_ms(1) < thin_bucket_ms(2) && thin_bucket_ms(2) < thin_bucket_ms(3));
}

static void a_bucket_keeps_least_greatest_and_last_in_the_order_they_came(void **context)
{
    (void)context;
    static const double numbers[] = {5, 9, 3, 9, 3, 4, 6};
    for (size_t i = 0; i < 7; i++) {
        put_number(1, 1000 + (int64_t)i, numbers[i]);
    }

    assert_numbers((const double[]){9, 3, 6}, 3); // of equal ones the first
    struct thin_gone gone = thin_gone(thin);
    assert_int_equal(gone.count, 4);
    assert_int_equal(gone.time_first_ms, 1000);
    assert_int_equal(gone.time_last_ms, 1005);
}

static void a_constant_keeps_its_first_and_last_row(void **context)
{
    (void)context;
    for (int64_t i = 0; i < 100; i++) {
        put_number(1, i, 20.5);
    }
    struct record rows[16];
    uint32_t keys[16];
    assert_int_equal(rows_of(RECORD_CLOCK_DEVICE, rows, keys, 16), 2);
    assert_int_equal(rows[0].time_ms, 0);
    assert_int_equal(rows[1].time_ms, 99);
}

static void a_bucket_ends_when_a_key_leaves_it_in_time_either_way(void **context)
{
    (void)context;
    put_number(1, 100000, 1);
    put_number(2, 500000, 1); // its clock is another
    struct sample late = number_at(1, 109999, 2);
    struct sample beyond = number_at(1, 110000, 2);
    struct sample before = number_at(1, 90000, 2);
    struct sample jump = number_at(1, INT64_MIN, 2);
    struct sample far = number_at(1, INT64_MAX, 2);
    struct sample other_clock = number_at(1, 100001, 2);
    other_clock.clock = RECORD_CLOCK_BOOT;

    assert_int_equal(put(&late), OK);
    assert_int_equal(put(&beyond), ERR_FULL);
    assert_int_equal(put(&before), ERR_FULL);
    assert_int_equal(put(&jump), ERR_FULL);
    assert_int_equal(put(&far), ERR_FULL);
    assert_int_equal(put(&other_clock), ERR_FULL);
    assert_int_equal(thin_count(thin), 3);
    thin_clear(thin);
    assert_int_equal(put(&beyond), OK);
    assert_int_equal(thin_gone(thin).count, 0);
}

static void what_is_no_number_is_kept_as_the_last_only(void **context)
{
    (void)context;
    struct sample first = {.key = 1, .values = {[BOOLEAN] = {VALUE_BOOLEAN, {.boolean = true}}}};
    struct sample none = {.key = 1, .time_ms = 1};
    struct sample nan = number_at(1, 2, (double)NAN);
    struct sample last = {.key = 1, .time_ms = 3};
    last.values[TEXT] = (struct value){.kind = VALUE_TEXT, .text = bytes_text("open")};

    assert_int_equal(put(&first), OK);
    assert_int_equal(put(&none), OK);
    assert_int_equal(put(&nan), OK);
    assert_int_equal(put(&last), OK);

    struct record rows[16];
    uint32_t keys[16];
    assert_int_equal(rows_of(RECORD_CLOCK_DEVICE, rows, keys, 16), 1);
    assert_true(bytes_equal(rows[0].values[TEXT].text, bytes_text("open")));
    assert_int_equal(thin_gone(thin).count, 3);
}

static void a_row_of_bad_quality_hides_no_extreme_and_is_kept_as_the_last(void **context)
{
    (void)context;
    put_number(1, 1, 5);
    struct sample bad = number_at(1, 2, 9999);
    bad.quality = QUALITY_BAD;
    assert_int_equal(put(&bad), OK);
    assert_numbers((const double[]){5, 9999}, 2);
    put_number(1, 3, 6);
    assert_numbers((const double[]){5, 6}, 2);
}

static void rows_of_different_clocks_are_told_apart(void **context)
{
    (void)context;
    put_number(1, 1, 5);
    struct sample wall = number_at(2, 2, 6);
    wall.clock = RECORD_CLOCK_WALL;
    assert_int_equal(put(&wall), OK);

    struct record rows[16];
    uint32_t keys[16];
    assert_int_equal(rows_of(RECORD_CLOCK_DEVICE, rows, keys, 16), 1);
    assert_int_equal(keys[0], 1);
    assert_int_equal(rows_of(RECORD_CLOCK_WALL, rows, keys, 16), 1);
    assert_int_equal(keys[0], 2);
    assert_int_equal(rows_of(RECORD_CLOCK_BOOT, rows, keys, 16), 0);
}

static void memory_that_is_full_ends_the_bucket_and_loses_nothing(void **context)
{
    (void)context;
    uint32_t key = 0;
    while (put(&(struct sample){.key = key}) == OK) {
        key++;
        assert_true(key <= THIN_ROWS_MAX);
    }
    assert_int_equal(key, THIN_CELLS_MAX / FIELDS);
    assert_int_equal(thin_count(thin), key);
    assert_int_equal(thin_gone(thin).count, 0);

    thin_clear(thin);
    static uint8_t text[THIN_TEXT_MAX + 1];
    struct sample large = {.key = 1};
    large.values[TEXT] = (struct value){.kind = VALUE_TEXT, .text = {text, THIN_TEXT_MAX}};
    assert_int_equal(put(&large), OK);
    large.key = 2;
    assert_int_equal(put(&large), ERR_FULL);
    large.values[TEXT].text.size = THIN_TEXT_MAX + 1;
    assert_int_equal(put(&large), ERR_LIMIT);
    assert_int_equal(thin_count(thin), 1);
}

// ---- a model that keeps everything and decides at the end ----

enum { MODEL_MAX = 3000, MODEL_KEYS = 7 };

static struct {
    struct sample list[MODEL_MAX];
    bool kept[MODEL_MAX];
    size_t count;
} model;

static bool is_number(const struct sample *sample, int field)
{
    const struct value *value = &sample->values[field];
    return sample->quality == QUALITY_GOOD &&
           (value->kind == VALUE_INTEGER || (value->kind == VALUE_NUMBER && !isnan(value->number)));
}

static double number_of(const struct sample *sample, int field)
{
    const struct value *value = &sample->values[field];
    return value->kind == VALUE_INTEGER ? (double)value->integer : value->number;
}

static void keep_extreme(uint32_t key, int field, double sign)
{
    size_t best = MODEL_MAX;
    for (size_t i = 0; i < model.count; i++) {
        const struct sample *sample = &model.list[i];
        bool better = sample->key == key && is_number(sample, field) &&
                      (best == MODEL_MAX || sign * number_of(sample, field) <
                                                sign * number_of(&model.list[best], field));
        best = better ? i : best;
    }
    if (best < MODEL_MAX) {
        model.kept[best] = true;
    }
}

static size_t model_decide(void)
{
    memset(model.kept, 0, sizeof model.kept);
    for (uint32_t key = 0; key < MODEL_KEYS; key++) {
        for (int field = NUMBER; field <= INTEGER; field++) {
            keep_extreme(key, field, 1);
            keep_extreme(key, field, -1);
        }
        size_t last = MODEL_MAX;
        for (size_t i = 0; i < model.count; i++) {
            last = model.list[i].key == key ? i : last;
        }
        if (last < MODEL_MAX) {
            model.kept[last] = true;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < model.count; i++) {
        kept += model.kept[i] ? 1 : 0;
    }
    return kept;
}

static uint64_t noise = 20261125;
static unsigned any(unsigned limit)
{
    noise = noise * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(noise >> 33) % limit;
}

static void make_sample(struct sample *sample, int64_t time_ms)
{
    *sample = (struct sample){.key = any(MODEL_KEYS),
                              .time_ms = time_ms,
                              .quality = any(8) == 0 ? QUALITY_BAD : QUALITY_GOOD};
    if (any(5) > 0) {
        double number = any(9) == 0 ? (double)NAN : (double)any(50) - 25;
        sample->values[NUMBER] = (struct value){.kind = VALUE_NUMBER, .number = number};
    }
    if (any(5) > 0) {
        sample->values[INTEGER] = (struct value){.kind = VALUE_INTEGER, .integer = any(1000)};
    }
    (void)snprintf(sample->text, sizeof sample->text, "%0*llu", (int)any(40),
                   (unsigned long long)time_ms);
    sample->values[TEXT] = (struct value){.kind = VALUE_TEXT, .text = bytes_text(sample->text)};
}

static void assert_as_the_model(void)
{
    size_t kept = model_decide();
    assert_int_equal(thin_count(thin), kept);
    assert_int_equal(thin_gone(thin).count, model.count - kept);
    uint16_t at = THIN_END;
    for (size_t i = 0; i < model.count; i++) {
        if (!model.kept[i]) {
            continue;
        }
        struct record row;
        uint32_t key;
        at = thin_next(thin, at, RECORD_CLOCK_DEVICE);
        assert_true(at != THIN_END);
        thin_row(thin, at, &key, &row);
        const struct sample *sample = &model.list[i];
        assert_int_equal(key, sample->key);
        assert_int_equal(row.time_ms, sample->time_ms);
        assert_int_equal(row.quality, sample->quality);
        for (int field = NUMBER; field <= INTEGER; field++) { // bits, NaN and all
            assert_int_equal(row.values[field].kind, sample->values[field].kind);
            assert_int_equal(row.values[field].integer, sample->values[field].integer);
        }
        assert_true(bytes_equal(row.values[TEXT].text, bytes_text(sample->text)));
    }
    assert_int_equal(thin_next(thin, at, RECORD_CLOCK_DEVICE), THIN_END);
}

static void random_buckets_keep_what_a_model_keeps(void **context)
{
    (void)context;
    for (int round = 0; round < 300; round++) {
        model.count = 0;
        thin_clear(thin);
        size_t size = 1 + any(MODEL_MAX);
        for (size_t i = 0; i < size; i++) { // more text than the arena holds: it is compacted
            struct sample *sample = &model.list[model.count];
            make_sample(sample, (int64_t)i);
            assert_int_equal(put(sample), OK);
            model.count++;
        }
        assert_as_the_model();
    }
}

int main(void)
{
#define thinned(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_rise_at_70_85_95_and_fall_five_below),
        thinned(a_bucket_keeps_least_greatest_and_last_in_the_order_they_came),
        thinned(a_constant_keeps_its_first_and_last_row),
        thinned(a_bucket_ends_when_a_key_leaves_it_in_time_either_way),
        thinned(what_is_no_number_is_kept_as_the_last_only),
        thinned(a_row_of_bad_quality_hides_no_extreme_and_is_kept_as_the_last),
        thinned(rows_of_different_clocks_are_told_apart),
        thinned(memory_that_is_full_ends_the_bucket_and_loses_nothing),
        thinned(random_buckets_keep_what_a_model_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
