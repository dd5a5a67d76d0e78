// The columns of a block from outside. R1 and R2 are those of agent/block_read.c.
#include "agent/block_read.h"

struct column_in {
    unsigned mode;
    unsigned digits;      // of KIND_DECIMAL, KIND_FLOAT
    uint32_t row_count;   // of its key
    uint32_t count;       // values that are there
    const uint16_t *rows; // of its key
    struct value *values; // of its field in the first row
    uint32_t stride;      // from row to row of `values`
};

// Which rows have a value: fills `present` and `count`.
static bool get_presence(struct block_reader *reader, struct column_in *column)
{
    uint32_t at = 0;
    bool is_first = true;
    column->count = 0;
    for (bool here = true; at < column->row_count; here = !here) {
        uint64_t run = block_get_number(reader, ABOUT_PRESENCE);
        if (run > column->row_count - at || (run == 0 && !is_first)) {
            return false; // R2
        }
        is_first = false;
        memset(reader->present + at, here, (size_t)run);
        at += (uint32_t)run;
        column->count += here ? (uint32_t)run : 0;
    }
    return column->count > 0;
}

// The size of the dictionary that is read; 0 where it is none.
static uint32_t get_dictionary(struct block_reader *reader)
{
    uint64_t size = block_get_number(reader, ABOUT_COUNT);
    if (size >= BLOCK_DICTIONARY_MAX) {
        return 0;
    }
    uint64_t number = (uint64_t)unzigzag(block_get_number(reader, ABOUT_FIRST));
    reader->dictionary[0] = (int64_t)number;
    for (uint32_t place = 1; place <= size; place++) {
        number += block_get_number(reader, ABOUT_DICTIONARY);
        reader->dictionary[place] = (int64_t)number;
    }
    return (uint32_t)size + 1;
}

// A value after its first symbol: any but 0 and 1. Those of LENGTH_CACHED bits and more are kept.
static uint64_t get_far_value(struct block_reader *reader, unsigned symbol)
{
    struct coder_model *model = &reader->model;
    struct decoder *decoder = &reader->decoder;
    if (symbol == SYMBOL_CACHED) {
        unsigned upper = decode_symbol(decoder, &model->slot_upper);
        unsigned lower = decode_symbol(decoder, &model->slot_lower[upper]);
        return model->cache[upper * SYMBOL_COUNT + lower];
    }
    uint64_t value =
        symbol == SYMBOL_LONG ? decode_long(decoder, model, 1) : decode_rest(decoder, symbol);
    if (bit_length(value) >= LENGTH_CACHED) {
        *cache_slot(model, value) = value;
    }
    return value;
}

// Read `count` values. The decoder is a copy whose address nobody takes: it lives in registers, of
// which there are enough as long as this loop is alone in a function.
__attribute__((noinline)) static void get_values(struct block_reader *reader, int64_t *numbers,
                                                 uint32_t count)
{
    struct decoder decoder = reader->decoder;
    struct symbol_model *const models = reader->model.values;
    struct symbol_model *model = models;
    for (uint32_t i = 0; i < count; i++) {
        unsigned symbol = decode_symbol(&decoder, model);
        uint64_t value = symbol;
        if (symbol > 1 && symbol < LENGTH_CACHED && decoder.raw_bit < decoder.raw_fast) {
            value = 1ULL << (symbol - 1) | decode_raw_few(&decoder, symbol - 1);
            model = &models[value_history(symbol)];
        } else if (symbol > 1) {
            reader->decoder = decoder;
            value = get_far_value(reader, symbol);
            decoder = reader->decoder;
            model = &models[value_history(bit_length(value))];
        } else {
            model = &models[value_history(symbol)];
        }
        numbers[i] = (int64_t)value;
    }
    reader->decoder = decoder;
}

// The same where the lower `noise` bits of each are raw.
static void get_noisy_values(struct block_reader *reader, int64_t *numbers, uint32_t count,
                             unsigned noise)
{
    struct decoder decoder = reader->decoder;
    unsigned history = 0;
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = (int64_t)decode_noisy(&decoder, &reader->model, &history, noise);
    }
    reader->decoder = decoder;
}

// Read residuals to `numbers`: all of them, or (where the first number stands for itself) from the
// second on.
static bool get_residuals(struct block_reader *reader, uint32_t from, uint32_t count)
{
    if (from == count) {
        return true;
    }
    uint64_t noise = block_get_number(reader, ABOUT_NOISE);
    if (noise > NOISE_MAX) {
        return false;
    }
    if (noise == 0) {
        get_values(reader, reader->numbers + from, count - from);
    } else {
        get_noisy_values(reader, reader->numbers + from, count - from, (unsigned)noise);
    }
    return true;
}

// Turn residuals into numbers; wraps modulo 2^64.
static void add_up(int64_t *numbers, uint32_t count, enum column_order order, uint64_t first)
{
    uint64_t number = first;
    uint64_t step = 0;
    switch (order) {
    case ORDER_OFFSET:
        for (uint32_t i = 0; i < count; i++) {
            numbers[i] = (int64_t)(number + (uint64_t)numbers[i]);
        }
        return;
    case ORDER_DELTA:
        numbers[0] = (int64_t)number;
        for (uint32_t i = 1; i < count; i++) {
            number += (uint64_t)unzigzag((uint64_t)numbers[i]);
            numbers[i] = (int64_t)number;
        }
        return;
    case ORDER_SLOPE:
        numbers[0] = (int64_t)number;
        for (uint32_t i = 1; i < count; i++) {
            step += (uint64_t)unzigzag((uint64_t)numbers[i]);
            number += step;
            numbers[i] = (int64_t)number;
        }
        return;
    case ORDER_CONSTANT:
        for (uint32_t i = 0; i < count; i++) {
            numbers[i] = (int64_t)number;
        }
        return;
    }
}

// The integers of a column, before they become what they stand for.
static bool get_numbers(struct block_reader *reader, const struct column_in *column)
{
    uint32_t size = 0;
    if (column->mode & MODE_DICTIONARY) {
        size = get_dictionary(reader);
        if (size == 0) {
            return false;
        }
    }
    enum column_order order = (enum column_order)((column->mode & MODE_ORDER) >> MODE_ORDER_SHIFT);
    uint64_t first = (uint64_t)unzigzag(block_get_number(reader, ABOUT_FIRST));
    if (order != ORDER_CONSTANT &&
        !get_residuals(reader, order == ORDER_OFFSET ? 0 : 1, column->count)) {
        return false;
    }
    add_up(reader->numbers, column->count, order, first);
    for (uint32_t i = 0; i < column->count && size > 0; i++) {
        uint64_t place = (uint64_t)reader->numbers[i];
        if (place >= size) {
            return false;
        }
        reader->numbers[i] = reader->dictionary[place];
    }
    return true;
}

// Turn integers into the doubles that they stand for.
static void make_doubles(const struct column_in *column, const int64_t *numbers, double *doubles)
{
    const double power = block_power_of_ten[column->digits];
    const uint32_t count = column->count;
    switch (column->mode & MODE_KIND) {
    case KIND_DECIMAL:
        for (uint32_t i = 0; i < count; i++) {
            doubles[i] = decimal_double(numbers[i], power, false);
        }
        return;
    case KIND_FLOAT:
        for (uint32_t i = 0; i < count; i++) {
            doubles[i] = decimal_double(numbers[i], power, true);
        }
        return;
    case KIND_SINGLE:
        for (uint32_t i = 0; i < count; i++) {
            doubles[i] = (double)bits_float((uint32_t)fold_float((uint32_t)numbers[i]));
        }
        return;
    default:
        for (uint32_t i = 0; i < count; i++) {
            doubles[i] = bits_double((uint64_t)fold_double((uint64_t)numbers[i]));
        }
        return;
    }
}

static bool get_exceptions(struct block_reader *reader, const struct column_in *column,
                           double *doubles)
{
    uint64_t count = block_get_number(reader, ABOUT_COUNT);
    uint64_t at = 0;
    if (count >= column->count) {
        return false;
    }
    for (uint64_t i = 0; i <= count; i++) {
        uint64_t step = block_get_number(reader, ABOUT_PLACE);
        uint64_t change = block_get_number(reader, ABOUT_ULPS);
        if (step >= column->count || at + step >= column->count) {
            return false;
        }
        at += step;
        uint64_t bits = change & 1 ? block_get_number(reader, ABOUT_RAW)
                                   : double_bits(doubles[at]) + (uint64_t)unzigzag(change >> 1);
        doubles[at] = bits_double(bits);
    }
    return true;
}

// The kind of values in a column of `type`.
static enum value_kind value_kind(enum column_type type)
{
    switch (type) {
    case COLUMN_BOOLEAN:
        return VALUE_BOOLEAN;
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        return VALUE_INTEGER;
    case COLUMN_NUMBER:
        return VALUE_NUMBER;
    case COLUMN_STRING:
        return VALUE_TEXT;
    }
    return VALUE_NULL;
}

// The value of a column in one of its rows.
static inline struct value *value_at(const struct column_in *column, uint32_t i)
{
    return &column->values[column->rows[i] * column->stride];
}

// Put decimals as they are read to all rows.
static void fill_decimals(const struct column_in *column, const int64_t *numbers)
{
    const struct column_in in = *column;
    const double power = block_power_of_ten[in.digits];
    for (uint32_t i = 0; i < in.row_count; i++) {
        struct value *value = value_at(&in, i);
        value->kind = VALUE_NUMBER;
        value->number = decimal_double(numbers[i], power, false);
    }
}

// Put the values from the `next`th on to the rows from .. to - 1.
static void fill_values(const struct block_reader *reader, const struct column_in *column,
                        enum column_type type, const double *doubles, uint32_t from, uint32_t to,
                        uint32_t next)
{
    const enum value_kind kind = value_kind(type);
    const struct column_in in = *column;
    for (uint32_t i = from; i < to; i++, next++) {
        struct value *value = value_at(&in, i);
        value->kind = kind;
        if (kind == VALUE_NUMBER) {
            value->number = doubles[next];
        } else if (kind == VALUE_INTEGER) {
            value->integer = reader->numbers[next];
        } else if (kind == VALUE_BOOLEAN) {
            value->boolean = reader->numbers[next] != 0;
        } else {
            value->text = reader->texts[reader->numbers[next]];
        }
    }
}

// Fill a column's rows, run by run of presence; they are null before.
static void fill_column(const struct block_reader *reader, const struct column_in *column,
                        enum column_type type, const double *doubles)
{
    if ((column->mode & MODE_NULLS) == 0) {
        fill_values(reader, column, type, doubles, 0, column->row_count, 0);
        return;
    }
    uint32_t next = 0;
    for (uint32_t from = 0, to = 0; from < column->row_count; from = to) {
        bool here = reader->present[from];
        while (to < column->row_count && reader->present[to] == here) {
            to++;
        }
        if (here) {
            fill_values(reader, column, type, doubles, from, to, next);
            next += to - from;
        }
    }
}

// Does the mode, which is from outside, say something about a column of `type`?
static bool mode_fits(unsigned mode, enum column_type type)
{
    unsigned kind = mode & MODE_KIND;
    switch (type) {
    case COLUMN_BOOLEAN:
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        return kind == KIND_INTEGER && (mode & MODE_EXCEPTIONS) == 0;
    case COLUMN_NUMBER:
        return kind >= KIND_DECIMAL && kind <= KIND_SINGLE;
    case COLUMN_STRING:
        return kind == KIND_TEXT && (mode & MODE_EXCEPTIONS) == 0;
    }
    return false;
}

static bool get_mode(struct block_reader *reader, struct column_in *column)
{
    struct decoder *decoder = &reader->decoder;
    column->mode = decode_symbol(decoder, &reader->model.kind[reader->kind_before]);
    reader->kind_before = column->mode & MODE_KIND;
    if (column->mode != KIND_ABSENT) {
        column->mode |=
            SYMBOL_COUNT * decode_symbol(decoder, &reader->model.order[reader->kind_before]);
    }
    column->count = column->row_count;
    if ((column->mode & MODE_NULLS) && !get_presence(reader, column)) {
        return false;
    }
    unsigned kind = column->mode & MODE_KIND;
    if (kind == KIND_DECIMAL || kind == KIND_FLOAT) {
        column->digits = decode_symbol(decoder, &reader->model.digits);
    }
    return column->digits <= BLOCK_DECIMALS_MAX;
}

static bool all_below(const int64_t *numbers, uint32_t count, uint32_t limit)
{
    for (uint32_t i = 0; i < count; i++) {
        if ((uint64_t)numbers[i] >= limit) {
            return false;
        }
    }
    return true;
}

static bool get_column(struct block_reader *reader, uint32_t key, uint32_t field)
{
    const uint16_t *starts = reader->axis.start_of_key;
    enum column_type type = reader->types[field];
    double doubles[BLOCK_READINGS_MAX];
    struct column_in column = {
        .rows = reader->axis.rows + starts[key],
        .row_count = (uint32_t)starts[key + 1] - starts[key],
        .values = reader->values + field,
        .stride = reader->field_count,
    };
    if (!get_mode(reader, &column)) {
        return false;
    }
    if (column.mode == KIND_ABSENT) {
        return true;
    }
    if (!mode_fits(column.mode, type) || !get_numbers(reader, &column)) {
        return false;
    }
    if (type == COLUMN_STRING && !all_below(reader->numbers, column.count, reader->text_count)) {
        return false;
    }
    if ((column.mode & (MODE_KIND | MODE_EXCEPTIONS | MODE_NULLS)) == KIND_DECIMAL) {
        fill_decimals(&column, reader->numbers); // by far the most
        return true;
    }
    if (type == COLUMN_NUMBER) {
        make_doubles(&column, reader->numbers, doubles);
        if ((column.mode & MODE_EXCEPTIONS) && !get_exceptions(reader, &column, doubles)) {
            return false;
        }
    }
    fill_column(reader, &column, type, doubles);
    return true;
}

// All rows begin as rows of nulls. (Small pieces: what memset does with a large one is slower on
// some machines than what it does with these.)
static void fill_nulls(struct value *values, uint32_t count)
{
    enum { PIECE = 64 };
    _Static_assert(VALUE_NULL == 0, "a null is zeros");
    for (uint32_t i = 0; i < count; i += PIECE) {
        uint32_t here = count - i < PIECE ? count - i : PIECE;
        memset(values + i, 0, here * sizeof values[0]);
    }
}

bool block_get_columns(struct block_reader *reader)
{
    const uint32_t field_count = reader->field_count;
    reader->kind_before = 0;
    fill_nulls(reader->values, reader->info.row_count * field_count);
    for (uint32_t field = 0; field < field_count; field++) {
        for (uint32_t key = 0; key < reader->axis.key_count; key++) {
            if (!get_column(reader, key, field)) {
                return false;
            }
        }
    }
    return true;
}
