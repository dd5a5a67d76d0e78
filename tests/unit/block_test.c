// Blocks give back every row, bit for bit, and refuse what is no block.
#include "agent/block.h"
#include "agent/block_coder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct block_codec *codec;
static struct block_builder *builder;
static struct block_reader *reader;
static uint8_t room[BLOCK_BYTES_MAX];

static int open_all(void **state)
{
    (void)state;
    codec = block_codec_open(false);
    builder = block_builder_open();
    reader = block_reader_open();
    return codec == NULL || builder == NULL || reader == NULL;
}

static int close_all(void **state)
{
    (void)state;
    block_codec_close(codec);
    block_builder_close(builder);
    block_reader_close(reader);
    return 0;
}

// A schema of the given fields: b, i, n, s, t.
static struct schema schema_of(const char *types)
{
    struct schema schema = {.id = 0x12345678};
    for (; *types != '\0'; types++) {
        struct column *column = &schema.columns[schema.column_count++];
        column->role = ROLE_FIELD;
        column->field = schema.field_count++;
        column->type = *types == 'b'   ? COLUMN_BOOLEAN
                       : *types == 'i' ? COLUMN_INTEGER
                       : *types == 'n' ? COLUMN_NUMBER
                       : *types == 's' ? COLUMN_STRING
                                       : COLUMN_TIMESTAMP;
    }
    return schema;
}

static struct value number(double value)
{
    return (struct value){.kind = VALUE_NUMBER, .number = value};
}

static struct value integer(int64_t value)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = value};
}

static struct value text(const char *value)
{
    return (struct value){.kind = VALUE_TEXT, .text = bytes_text(value)};
}

static struct bytes encode(uint32_t from, uint32_t to)
{
    struct buffer out = buffer_over(room, sizeof room);
    block_encode(codec, builder, from, to, &out);
    return buffer_bytes(&out);
}

static uint64_t number_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void expect_numbers(const double *numbers, uint32_t count)
{
    struct schema schema = schema_of("n");
    block_reset(builder, &schema, 1, RECORD_CLOCK_WALL, NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct value value = number(numbers[i]);
        assert_int_equal(block_add(builder, 7, (int64_t)i, QUALITY_GOOD, &value), OK);
    }
    assert_int_equal(block_read(reader, encode(0, count), &schema), OK);
    for (uint32_t i = 0; i < count; i++) {
        struct block_row row;
        block_row(reader, i, &row);
        assert_int_equal(row.values[0].kind, VALUE_NUMBER);
        assert_true(number_bits(row.values[0].number) == number_bits(numbers[i]));
    }
}

static void a_block_gives_back_its_rows_in_order(void **state)
{
    (void)state;
    // given rows of every type, two of them of one key and time, one of them all nulls
    struct schema schema = schema_of("binst");
    struct value rows[4][5] = {
        {{.kind = VALUE_BOOLEAN, .boolean = true},
         integer(INT64_MIN),
         number(21.5),
         text("on"),
         integer(1700000000000)},
        {{.kind = VALUE_NULL}, integer(INT64_MAX), number(-0.0), text(""), {.kind = VALUE_NULL}},
        {{.kind = VALUE_NULL},
         {.kind = VALUE_NULL},
         {.kind = VALUE_NULL},
         {.kind = VALUE_NULL},
         {.kind = VALUE_NULL}},
        {{.kind = VALUE_BOOLEAN, .boolean = false},
         integer(-1),
         {.kind = VALUE_NULL},
         text("on"),
         integer(-5)},
    };
    const uint32_t keys[] = {900, 900, 0, UINT32_MAX};
    const int64_t times[] = {50, 50, 40, -7};
    block_reset(builder, &schema, 41, RECORD_CLOCK_DEVICE, NULL);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(block_add(builder, keys[i], times[i], (uint8_t)i, rows[i]), OK);
    }

    // when they went through a block
    assert_int_equal(block_read(reader, encode(0, 4), &schema), OK);

    // then they are there as they were
    const struct block_info *info = block_reader_info(reader);
    assert_int_equal(info->row_count, 4);
    assert_int_equal(info->first_seq, 41);
    assert_int_equal(info->time_first_ms, -7);
    assert_int_equal(info->time_last_ms, 50);
    for (uint32_t i = 0; i < 4; i++) {
        struct block_row row;
        block_row(reader, i, &row);
        assert_int_equal(row.seq, 41 + i);
        assert_int_equal(row.key_id, keys[i]);
        assert_int_equal(row.time_ms, times[i]);
        assert_int_equal(row.quality, i);
        for (uint32_t field = 0; field < 5; field++) {
            const struct value *was = &rows[i][field];
            const struct value *is = &row.values[field];
            assert_int_equal(is->kind, was->kind);
            if (was->kind == VALUE_BOOLEAN) {
                assert_int_equal(is->boolean, was->boolean);
            } else if (was->kind == VALUE_INTEGER) {
                assert_true(is->integer == was->integer);
            } else if (was->kind == VALUE_NUMBER) {
                assert_true(number_bits(is->number) == number_bits(was->number));
            } else if (was->kind == VALUE_TEXT) {
                assert_true(bytes_equal(is->text, was->text));
            }
        }
    }
}

static void any_run_of_rows_makes_a_block_that_stands_alone(void **state)
{
    (void)state;
    // given twelve rows of three keys
    struct schema schema = schema_of("n");
    block_reset(builder, &schema, 100, RECORD_CLOCK_WALL, NULL);
    for (uint32_t i = 0; i < 12; i++) {
        struct value value = number(i * 0.1);
        assert_int_equal(block_add(builder, i % 3 + 5, (int64_t)i * 1000, 0, &value), OK);
    }

    // when every run is encoded, then each decodes to just its rows
    for (uint32_t from = 0; from < 12; from++) {
        for (uint32_t to = from + 1; to <= 12; to++) {
            assert_int_equal(block_read(reader, encode(from, to), &schema), OK);
            assert_int_equal(block_reader_info(reader)->row_count, to - from);
            for (uint32_t i = from; i < to; i++) {
                struct block_row row;
                block_row(reader, i - from, &row);
                assert_int_equal(row.seq, 100 + i);
                assert_int_equal(row.key_id, i % 3 + 5);
                assert_int_equal(row.time_ms, i * 1000);
                assert_true(number_bits(row.values[0].number) == number_bits(i * 0.1));
            }
        }
    }
}

static void doubles_of_every_sort_keep_their_bits(void **state)
{
    (void)state;
    double numbers[64];
    // decimals missed by a few units in the last place, beside clean ones
    for (uint32_t i = 0; i < 64; i++) {
        numbers[i] = i % 5 == 0 ? 0.1 * 3 * i : (double)i / 1000;
    }
    expect_numbers(numbers, 64);
    // what a float sensor says
    for (uint32_t i = 0; i < 64; i++) {
        numbers[i] = (double)((float)(20 + i) / 10.0F);
    }
    expect_numbers(numbers, 64);
    // floats and doubles that are no decimals
    for (uint32_t i = 0; i < 64; i++) {
        numbers[i] = (double)sinf((float)i);
    }
    expect_numbers(numbers, 64);
    for (uint32_t i = 0; i < 64; i++) {
        numbers[i] = sin(i);
    }
    expect_numbers(numbers, 64);
    // few distinct ones, far apart
    for (uint32_t i = 0; i < 64; i++) {
        numbers[i] = (double)(i * 7 % 4) * 1e7 / 3;
    }
    expect_numbers(numbers, 64);
}

static void the_odd_doubles_keep_their_bits(void **state)
{
    (void)state;
    // given NaNs with payloads, quiet and signalling, both zeros, infinities, denormals, extremes
    const uint64_t odd[] = {0x7ff8000000000000, 0x7ff0000000000001, 0xfff8dead0000beef,
                            0x7ff4000000000000, 0x0000000000000000, 0x8000000000000000,
                            0x7ff0000000000000, 0xfff0000000000000, 0x0000000000000001,
                            0x800fffffffffffff, 0x7fefffffffffffff, 0x0010000000000000,
                            0x43e0000000000000, 0xc3e0000000000000, 0x4330000000000001};
    double numbers[128];

    // when they stand alone, together, or among ordinary values, then their bits come back
    for (size_t i = 0; i < 15; i++) {
        memcpy(&numbers[i], &odd[i], 8);
        expect_numbers(&numbers[i], 1);
    }
    expect_numbers(numbers, 15);
    for (size_t i = 0; i < 128; i++) {
        numbers[i] = 20.0 + (double)(i % 7) / 10;
        if (i % 8 == 0 && i / 8 < 15) {
            memcpy(&numbers[i], &odd[i / 8], 8);
        }
    }
    expect_numbers(numbers, 128);
}

static void a_full_builder_says_so_and_keeps_what_it_has(void **state)
{
    (void)state;
    // given rows of two fields, each of a new key
    struct schema schema = schema_of("ni");
    struct value values[2] = {number(1.5), integer(3)};
    block_reset(builder, &schema, 1, RECORD_CLOCK_WALL, NULL);
    for (uint32_t key = 0; key < BLOCK_KEYS_MAX; key++) {
        assert_int_equal(block_add(builder, key * 2048, key, 0, values), OK);
    }

    // then one key more is too many, but the known ones go on until the readings are too many
    assert_int_equal(block_add(builder, 1, 0, 0, values), ERR_FULL);
    for (uint32_t row = BLOCK_KEYS_MAX; row < BLOCK_READINGS_MAX / 2; row++) {
        assert_int_equal(block_add(builder, row % BLOCK_KEYS_MAX * 2048, row, 0, values), OK);
    }
    assert_int_equal(block_add(builder, 0, 0, 0, values), ERR_FULL);
    assert_int_equal(block_row_count(builder), BLOCK_READINGS_MAX / 2);
    assert_int_equal(block_read(reader, encode(0, BLOCK_READINGS_MAX / 2), &schema), OK);
}

static void text_beyond_a_block_is_told_apart_from_text_beyond_this_one(void **state)
{
    (void)state;
    struct schema schema = schema_of("s");
    static char long_text[BLOCK_TEXT_MAX + 2];
    memset(long_text, 'x', BLOCK_TEXT_MAX + 1);
    struct value value = text(long_text);
    block_reset(builder, &schema, 1, RECORD_CLOCK_WALL, NULL);
    assert_int_equal(block_add(builder, 1, 0, 0, &value), ERR_LIMIT);

    value.text.size = BLOCK_TEXT_MAX;
    assert_int_equal(block_add(builder, 1, 0, 0, &value), OK);
    value.text.size = 1;
    assert_int_equal(block_add(builder, 1, 0, 0, &value), ERR_FULL);
}

static void the_largest_block_fits_its_bound(void **state)
{
    (void)state;
    // given noise in everything that a row has: keys, times, qualities, values
    const char *const schemas[] = {"n", "i", "s", "ns"};
    uint64_t seed = 0x9e3779b97f4a7c15;
    for (size_t s = 0; s < 4; s++) {
        struct schema schema = schema_of(schemas[s]);
        block_reset(builder, &schema, UINT64_MAX / 2, RECORD_CLOCK_WALL, NULL);
        enum err err = OK;
        while (err == OK) {
            uint64_t noise[8];
            for (size_t i = 0; i < 8; i++) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                noise[i] = seed * 0x2545f4914f6cdd1d;
            }
            struct value values[2];
            for (size_t i = 0; i < schema.field_count; i++) {
                if (schemas[s][i] == 's') {
                    values[i] = (struct value){.kind = VALUE_TEXT};
                    values[i].text = bytes_from(&noise[4], 9);
                } else if (schemas[s][i] == 'i') {
                    values[i] = integer((int64_t)noise[2]);
                } else {
                    memcpy(&values[i].number, &noise[2], 8);
                    values[i].kind = VALUE_NUMBER;
                }
            }
            err = block_add(builder, (uint32_t)(noise[0] % BLOCK_KEYS_MAX) * 4194301U,
                            (int64_t)noise[1], (uint8_t)noise[3], values);
        }

        // when it is full, then it fits, and decodes
        assert_int_equal(err, ERR_FULL);
        struct bytes block = encode(0, block_row_count(builder));
        assert_true(block.size <= BLOCK_BYTES_MAX);
        assert_int_equal(block_read(reader, block, &schema), OK);
    }
}

static void a_block_tells_its_front_without_its_schema(void **state)
{
    (void)state;
    struct schema schema = schema_of("b");
    const uint8_t boot_id[16] = "0123456789abcde";
    struct value value = {.kind = VALUE_BOOLEAN, .boolean = true};
    block_reset(builder, &schema, 5, RECORD_CLOCK_BOOT, boot_id);
    assert_int_equal(block_add(builder, 3, 1000, 0, &value), OK);
    assert_int_equal(block_add(builder, 3, 2000, 0, &value), OK);

    struct block_info info;
    assert_int_equal(block_look(encode(1, 2), &info), OK);
    assert_int_equal(info.schema_id, schema.id);
    assert_int_equal(info.first_seq, 6);
    assert_int_equal(info.row_count, 1);
    assert_int_equal(info.time_first_ms, 2000);
    assert_int_equal(info.clock, RECORD_CLOCK_BOOT);
    assert_memory_equal(info.boot_id, boot_id, 16);
}

static void a_block_of_another_schema_or_version_is_refused(void **state)
{
    (void)state;
    struct schema schema = schema_of("n");
    struct value value = number(1);
    block_reset(builder, &schema, 1, RECORD_CLOCK_WALL, NULL);
    assert_int_equal(block_add(builder, 3, 1000, 0, &value), OK);
    struct bytes block = encode(0, 1);

    struct schema other = schema;
    other.id++;
    assert_int_equal(block_read(reader, block, &other), ERR_CORRUPT);
    room[0]++;
    assert_int_equal(block_read(reader, block, &schema), ERR_VERSION);
}

static void every_truncation_is_refused_and_no_flipped_bit_hurts(void **state)
{
    (void)state;
    // given a block of some rows
    struct schema schema = schema_of("nsb");
    block_reset(builder, &schema, 1, RECORD_CLOCK_WALL, NULL);
    for (uint32_t i = 0; i < 40; i++) {
        struct value values[3] = {number(i % 9 * 0.25),
                                  text(i % 2 ? "open" : "shut"),
                                  {.kind = VALUE_BOOLEAN, .boolean = i % 3 == 0}};
        assert_int_equal(block_add(builder, i % 4, 1000 * (int64_t)i, i % 11 == 0, values), OK);
    }
    struct bytes block = encode(0, 40);

    // when its end is cut off, then it is no block
    for (size_t size = 0; size < block.size; size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, block.at, size);
        assert_int_not_equal(block_read(reader, bytes_from(copy, size), &schema), OK);
        free(copy);
    }

    // when a bit of it flips, then it is refused or read, and nothing worse
    for (size_t bit = 0; bit < 8 * block.size; bit++) {
        room[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)block_read(reader, block, &schema);
        room[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(block_read(reader, block, &schema), OK);
}

static void the_codec_keeps_its_memory_promise(void **state)
{
    (void)state;
    struct block_codec *small = block_codec_open(true);
    assert_non_null(small);
    print_message("codec %zu bytes, small %zu, builder %zu, reader %zu\n", block_codec_size(codec),
                  block_codec_size(small), block_builder_size(builder), block_reader_size(reader));
    assert_true(block_codec_size(codec) <= 1024 * 1024);
    assert_true(block_codec_size(small) <= block_codec_size(codec) - 192 * 1024);
    block_codec_close(small);
}

static void a_symbol_is_found_by_any_processor_alike(void **state)
{
    (void)state;
    // given a model that has learned much of a few symbols
    static struct coder_model model;
    coder_model_reset(&model);
    for (unsigned learned = 0; learned < 400; learned++) {
        // when every place is looked for in both ways
        // then they find the same
        struct symbol_model *symbols = &model.values[0];
        for (uint32_t at = 0; at < (1U << CHANCE_BITS) + 2; at += learned % 50 == 0 ? 1 : 97) {
            unsigned symbol = model_find(symbols, at);
            assert_int_equal(symbol, model_find_plainly(symbols, at));
            assert_true(symbol == SYMBOL_COUNT - 1 ||
                        (at >= symbols->start[symbol] && at < symbols->start[symbol + 1]));
        }
        model_learn(symbols, learned * learned % 7 % SYMBOL_COUNT + learned % 3 * 4 % 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_gives_back_its_rows_in_order),
        cmocka_unit_test(any_run_of_rows_makes_a_block_that_stands_alone),
        cmocka_unit_test(doubles_of_every_sort_keep_their_bits),
        cmocka_unit_test(the_odd_doubles_keep_their_bits),
        cmocka_unit_test(a_full_builder_says_so_and_keeps_what_it_has),
        cmocka_unit_test(text_beyond_a_block_is_told_apart_from_text_beyond_this_one),
        cmocka_unit_test(the_largest_block_fits_its_bound),
        cmocka_unit_test(a_block_tells_its_front_without_its_schema),
        cmocka_unit_test(a_block_of_another_schema_or_version_is_refused),
        cmocka_unit_test(every_truncation_is_refused_and_no_flipped_bit_hurts),
        cmocka_unit_test(the_codec_keeps_its_memory_promise),
        cmocka_unit_test(a_symbol_is_found_by_any_processor_alike),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
