// A block from outside back into rows. Every size is checked before use: time and memory are
// bounded by BLOCK_READINGS_MAX and BLOCK_CELLS_MAX whatever the bytes say. The bounds:
//   R1  a decoder never leaves its streams; beyond their ends it reads zeros, which is noticed
//   last; R2  every loop runs over rows, keys or fields that the front and the schema bound, or
//   over runs
//       that each cover at least one row.
#include "agent/block_coder.h"
#include "agent/block_layout.h"
#include <assert.h>
#include <stdlib.h>
#define ZLIB_CONST // next_in is const
#include <zlib.h>

struct block_reader {
    struct block_info info;
    bool has_quality;
    uint32_t field_count;
    const struct schema *schema;
    enum column_type types[SCHEMA_COLUMNS_MAX]; // of its fields
    z_stream inflate;

    struct coder_model model;
    struct decoder decoder;
    struct block_axis axis;
    unsigned kind_before; // of the column before

    // One column at a time.
    uint8_t present[BLOCK_READINGS_MAX];
    int64_t numbers[BLOCK_READINGS_MAX];
    int64_t dictionary[BLOCK_DICTIONARY_MAX];

    // The rows.
    uint32_t key_ids[BLOCK_KEYS_MAX];
    int64_t time_ms[BLOCK_READINGS_MAX];
    uint8_t quality[BLOCK_READINGS_MAX];
    struct value values[BLOCK_CELLS_MAX];
    struct bytes texts[BLOCK_READINGS_MAX];
    uint32_t text_count;
    uint8_t text[BLOCK_TEXTS_SIZE];
};

struct block_reader *block_reader_open(void)
{
    struct block_reader *reader = calloc(1, sizeof *reader);
    if (reader != NULL && inflateInit2(&reader->inflate, -15) != Z_OK) {
        free(reader);
        return NULL;
    }
    return reader;
}

void block_reader_close(struct block_reader *reader)
{
    if (reader != NULL) {
        (void)inflateEnd(&reader->inflate);
        free(reader);
    }
}

// ---- the front ----

// Read the front; `*cursor` then stands at the sizes of the streams.
static enum err get_front(struct cursor *cursor, struct block_info *info, bool *has_quality)
{
    uint8_t first = get_byte(cursor);
    if ((first & 0x0f) > BLOCK_VERSION) {
        return ERR_VERSION;
    }
    const uint8_t *schema_id = get_raw(cursor, 4);
    if ((first & 0x0f) != BLOCK_VERSION || (first >> 4 & 3) > RECORD_CLOCK_BOOT ||
        first >> 7 != 0 || schema_id == NULL) {
        return ERR_CORRUPT;
    }
    *info = (struct block_info){.schema_id = get_u32(schema_id)};
    info->clock = (enum record_clock)(first >> 4 & 3);
    *has_quality = (first >> 6 & 1) != 0;
    info->first_seq = get_varint(cursor);
    uint64_t row_count = get_varint(cursor);
    info->time_first_ms = unzigzag(get_varint(cursor));
    uint64_t span = get_varint(cursor);
    info->time_last_ms = (int64_t)((uint64_t)info->time_first_ms + span);
    if (info->clock == RECORD_CLOCK_BOOT) {
        const uint8_t *boot_id = get_raw(cursor, sizeof info->boot_id);
        if (boot_id != NULL) {
            memcpy(info->boot_id, boot_id, sizeof info->boot_id);
        }
    }
    if (cursor->bad || row_count == 0 || row_count > BLOCK_READINGS_MAX ||
        info->first_seq > UINT64_MAX - row_count || info->time_last_ms < info->time_first_ms) {
        return ERR_CORRUPT;
    }
    info->row_count = (uint32_t)row_count;
    return OK;
}

enum err block_look(struct bytes in, struct block_info *info)
{
    struct cursor cursor = cursor_over(in);
    bool has_quality;
    return get_front(&cursor, info, &has_quality);
}

// ---- the streams ----

static bool inflate_text(struct block_reader *reader, const uint8_t *at, size_t size,
                         size_t text_size)
{
    z_stream *stream = &reader->inflate;
    if (inflateReset(stream) != Z_OK) {
        return false;
    }
    stream->next_in = at;
    stream->avail_in = (uInt)size;
    stream->next_out = reader->text;
    stream->avail_out = (uInt)text_size;
    return inflate(stream, Z_FINISH) == Z_STREAM_END && stream->avail_in == 0 &&
           stream->avail_out == 0;
}

// Fill `text`: stored where its stored size is its size, else deflated.
static bool get_text(struct block_reader *reader, struct cursor *cursor, uint64_t text_size)
{
    const uint8_t *packed = get_raw(cursor, 3);
    if (packed == NULL || text_size > BLOCK_TEXTS_SIZE) {
        return false;
    }
    size_t size = packed[0] | (size_t)packed[1] << 8 | (size_t)packed[2] << 16;
    const uint8_t *at = get_raw(cursor, size);
    if (at == NULL) {
        return false;
    }
    if (size != text_size) {
        return inflate_text(reader, at, size, (size_t)text_size);
    }
    memcpy(reader->text, at, size); // rows borrow from the reader, not from the block
    return true;
}

// Cut the list of strings, each a varint length and bytes.
static bool cut_texts(struct block_reader *reader, size_t size)
{
    struct cursor cursor = cursor_over(bytes_from(reader->text, size));
    reader->text_count = 0;
    while (cursor_left(&cursor) > 0) {
        uint64_t length = get_varint(&cursor);
        if (cursor.bad || length > cursor_left(&cursor) ||
            reader->text_count == BLOCK_READINGS_MAX) {
            return false;
        }
        const uint8_t *at = get_raw(&cursor, (size_t)length);
        reader->texts[reader->text_count++] = bytes_from(at, (size_t)length);
    }
    return true;
}

static bool get_streams(struct block_reader *reader, struct cursor *cursor)
{
    uint64_t coded_size = get_varint(cursor);
    uint64_t text_size = get_varint(cursor);
    if (cursor->bad || (text_size > 0 && !get_text(reader, cursor, text_size)) ||
        !cut_texts(reader, (size_t)text_size) || coded_size > cursor_left(cursor)) {
        return false;
    }
    struct bytes coded = bytes_from(cursor->at, (size_t)coded_size);
    struct bytes raw = bytes_from(cursor->at + coded.size, cursor_left(cursor) - coded.size);
    reader->decoder = decoder_over(coded, raw);
    coder_model_reset(&reader->model);
    return true;
}

static uint64_t get_number(struct block_reader *reader, enum subject subject)
{
    return decode_number(&reader->decoder, &reader->model, subject);
}

// ---- what the rows share ----

static bool get_order(struct block_reader *reader)
{
    struct block_axis *axis = &reader->axis;
    uint16_t successor[BLOCK_KEYS_MAX + 1];
    memset(successor, 0xff, sizeof successor);
    axis->row_count = reader->info.row_count;
    axis->key_count = 0;
    uint16_t key = BLOCK_KEYS_MAX;
    uint64_t hits = get_number(reader, ABOUT_HITS);
    for (uint32_t row = 0; row < axis->row_count; row++) {
        uint64_t next = successor[key];
        if (hits > 0) {
            hits--;
        } else {
            uint64_t miss = get_number(reader, ABOUT_MISS);
            next = miss == 0 ? BLOCK_NO_KEY : miss - 1;
            hits = row + 1 < axis->row_count ? get_number(reader, ABOUT_HITS) : 0;
        }
        if (next >= axis->key_count) { // a new one, or none
            if (next != BLOCK_NO_KEY || axis->key_count == BLOCK_KEYS_MAX) {
                return false;
            }
            next = axis->key_count++;
        }
        successor[key] = (uint16_t)next;
        key = (uint16_t)next;
        axis->key_of_row[row] = key;
    }
    block_axis_sort(axis);
    return hits == 0;
}

static bool get_keys(struct block_reader *reader)
{
    uint64_t expected = 0;
    for (uint32_t key = 0; key < reader->axis.key_count; key++) {
        uint64_t id = expected + (uint64_t)unzigzag(get_number(reader, ABOUT_KEY));
        if (id > UINT32_MAX) {
            return false;
        }
        reader->key_ids[key] = (uint32_t)id;
        expected = (uint32_t)(id + 1);
    }
    return true;
}

// The next of the (zeros, surprise) pairs that tell times; none follows the last row.
static uint64_t get_surprise(struct block_reader *reader, uint64_t *zeros, bool is_last)
{
    if (*zeros > 0) {
        (*zeros)--;
        return 0;
    }
    uint64_t surprise = (uint64_t)unzigzag(get_number(reader, ABOUT_TIME));
    *zeros = is_last ? 0 : get_number(reader, ABOUT_ZEROS);
    return surprise;
}

static bool get_times(struct block_reader *reader)
{
    const struct block_axis *axis = &reader->axis;
    uint64_t key_time[BLOCK_KEYS_MAX];
    uint64_t key_step[BLOCK_KEYS_MAX]; // 0 where the key was not seen
    bool key_seen[BLOCK_KEYS_MAX];
    uint64_t before = (uint64_t)reader->info.time_first_ms;
    uint64_t method = get_number(reader, ABOUT_COUNT);
    uint64_t zeros = get_number(reader, ABOUT_ZEROS);
    memset(key_step, 0, axis->key_count * sizeof key_step[0]);
    memset(key_seen, 0, axis->key_count * sizeof key_seen[0]);
    for (uint32_t row = 0; row < axis->row_count; row++) {
        uint16_t key = axis->key_of_row[row];
        uint64_t step = get_surprise(reader, &zeros, row + 1 == axis->row_count);
        if (method == TIME_GAP) {
            step += key_step[key];
            key_step[key] = step;
            before += step;
        } else if (method == TIME_PERIOD && key_seen[key]) {
            key_step[key] += step;
            before = key_time[key] + key_step[key];
        } else {
            before += step;
        }
        key_time[key] = before;
        key_seen[key] = true;
        reader->time_ms[row] = (int64_t)before;
        if ((int64_t)before < reader->info.time_first_ms ||
            (int64_t)before > reader->info.time_last_ms) {
            return false;
        }
    }
    return zeros == 0 && method < TIME_COUNT;
}

static bool get_quality(struct block_reader *reader)
{
    const struct block_axis *axis = &reader->axis;
    uint8_t quality = QUALITY_GOOD;
    bool is_first = true;
    memset(reader->quality, QUALITY_GOOD, axis->row_count);
    for (uint32_t at = 0; at < axis->row_count && reader->has_quality;) {
        uint64_t run = get_number(reader, ABOUT_RUN);
        if (run > axis->row_count - at || (run == 0 && !is_first)) {
            return false; // R2
        }
        is_first = false;
        uint32_t end = at + (uint32_t)run;
        for (; at < end && quality != QUALITY_GOOD; at++) {
            reader->quality[axis->rows[at]] = quality;
        }
        at = end;
        if (at < axis->row_count) {
            quality = (uint8_t)get_number(reader, ABOUT_QUALITY);
        }
    }
    return true;
}

// ---- columns ----

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
        uint64_t run = get_number(reader, ABOUT_PRESENCE);
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
    uint64_t size = get_number(reader, ABOUT_COUNT);
    if (size >= BLOCK_DICTIONARY_MAX) {
        return 0;
    }
    uint64_t number = (uint64_t)unzigzag(get_number(reader, ABOUT_FIRST));
    reader->dictionary[0] = (int64_t)number;
    for (uint32_t place = 1; place <= size; place++) {
        number += get_number(reader, ABOUT_DICTIONARY);
        reader->dictionary[place] = (int64_t)number;
    }
    return (uint32_t)size + 1;
}

// Read residuals to `numbers`: all of them, or (where the first number stands for itself) from the
// second on.
static bool get_residuals(struct block_reader *reader, uint32_t from, uint32_t count)
{
    if (from == count) {
        return true;
    }
    uint64_t noise = get_number(reader, ABOUT_NOISE);
    if (noise > NOISE_MAX) {
        return false;
    }
    struct decoder decoder = reader->decoder; // a copy: its fields may then live in registers
    struct coder_model *model = &reader->model;
    unsigned history = 0;
    for (uint32_t i = from; i < count && noise == 0; i++) {
        reader->numbers[i] = (int64_t)decode_value(&decoder, model, &history);
    }
    for (uint32_t i = from; i < count && noise > 0; i++) {
        reader->numbers[i] = (int64_t)decode_noisy(&decoder, model, &history, (unsigned)noise);
    }
    reader->decoder = decoder;
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
    uint64_t first = (uint64_t)unzigzag(get_number(reader, ABOUT_FIRST));
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
    uint64_t count = get_number(reader, ABOUT_COUNT);
    uint64_t at = 0;
    if (count >= column->count) {
        return false;
    }
    for (uint64_t i = 0; i <= count; i++) {
        uint64_t step = get_number(reader, ABOUT_PLACE);
        uint64_t change = get_number(reader, ABOUT_ULPS);
        if (step >= column->count || at + step >= column->count) {
            return false;
        }
        at += step;
        uint64_t bits = change & 1 ? get_number(reader, ABOUT_RAW)
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

static void fill_nulls(const struct column_in *column, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        column->values[column->rows[i] * column->stride].kind = VALUE_NULL;
    }
}

// Put the values from the `next`th on to the rows from .. to - 1.
static void fill_values(const struct block_reader *reader, const struct column_in *column,
                        enum column_type type, const double *doubles, uint32_t from, uint32_t to,
                        uint32_t next)
{
    const enum value_kind kind = value_kind(type);
    for (uint32_t i = from; i < to; i++, next++) {
        struct value *value = &column->values[column->rows[i] * column->stride];
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

// Fill a column's rows, run by run of presence.
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
        } else {
            fill_nulls(column, from, to);
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
        fill_nulls(&column, 0, column.row_count);
        return true;
    }
    if (!mode_fits(column.mode, type) || !get_numbers(reader, &column)) {
        return false;
    }
    if (type == COLUMN_STRING && !all_below(reader->numbers, column.count, reader->text_count)) {
        return false;
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

static bool get_columns(struct block_reader *reader)
{
    const uint32_t field_count = reader->field_count;
    reader->kind_before = 0;
    for (uint32_t field = 0; field < field_count; field++) {
        for (uint32_t key = 0; key < reader->axis.key_count; key++) {
            if (!get_column(reader, key, field)) {
                return false;
            }
        }
    }
    return true;
}

// ---- the block ----

enum err block_read(struct block_reader *reader, struct bytes in, const struct schema *schema)
{
    struct cursor cursor = cursor_over(in);
    struct block_info info;
    reader->info.row_count = 0;
    enum err err = get_front(&cursor, &info, &reader->has_quality);
    if (err != OK) {
        return err;
    }
    if (info.schema_id != schema->id ||
        info.row_count * (uint32_t)schema->field_count > BLOCK_CELLS_MAX) {
        return ERR_CORRUPT;
    }
    reader->info = info;
    reader->schema = schema;
    reader->field_count = schema->field_count;
    block_field_types(schema, reader->types);
    if (!get_streams(reader, &cursor) || !get_order(reader) || !get_keys(reader) ||
        !get_times(reader) || !get_quality(reader) || !get_columns(reader) ||
        !decoder_is_done(&reader->decoder)) {
        reader->info.row_count = 0;
        return ERR_CORRUPT;
    }
    return OK;
}

const struct block_info *block_reader_info(const struct block_reader *reader)
{
    return &reader->info;
}

size_t block_reader_size(const struct block_reader *reader)
{
    return sizeof *reader;
}

void block_row(const struct block_reader *reader, uint32_t index, struct block_row *row)
{
    assert(index < reader->info.row_count);
    row->seq = reader->info.first_seq + index;
    row->key_id = reader->key_ids[reader->axis.key_of_row[index]];
    row->time_ms = reader->time_ms[index];
    row->quality = reader->quality[index];
    row->values = reader->values + index * reader->field_count;
}
