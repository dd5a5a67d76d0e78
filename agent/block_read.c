// A block from outside back into rows. Every size is checked before use: time and memory are
// bounded by BLOCK_READINGS_MAX and BLOCK_BODY_MAX whatever the bytes say. The bounds:
//   R1  a cursor never leaves its section; a read past its end gives zeros and marks it bad;
//   R2  every loop runs over rows, keys or fields that the front and the schema bound, or over runs
//       that each cover at least one row.
#include "agent/block_layout.h"
#include <assert.h>
#include <stdlib.h>
#define ZLIB_CONST // next_in is const
#include <zlib.h>

struct block_reader {
    struct block_info info;
    const struct schema *schema;
    enum column_type types[SCHEMA_COLUMNS_MAX]; // of its fields
    z_stream inflate;
    struct cursor sections[SECTION_COUNT];
    struct block_axis axis;
    uint32_t key_ids[BLOCK_KEYS_MAX];
    int64_t time_ms[BLOCK_READINGS_MAX];
    uint8_t quality[BLOCK_READINGS_MAX];
    uint8_t present[BLOCK_READINGS_MAX];    // of one column
    int64_t numbers[BLOCK_READINGS_MAX];    // of one column
    uint64_t bits[BLOCK_READINGS_MAX];      // of one column of doubles
    struct bytes texts[BLOCK_READINGS_MAX]; // of one column
    struct value values[BLOCK_CELLS_MAX];
    uint8_t body[BLOCK_BODY_MAX];
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

// Read the front; `*cursor` then stands at the packing byte.
static enum err get_front(struct cursor *cursor, struct block_info *info)
{
    uint8_t first = get_byte(cursor);
    if ((first & 0x0f) > BLOCK_VERSION) {
        return ERR_VERSION;
    }
    const uint8_t *schema_id = get_raw(cursor, 4);
    if ((first & 0x0f) != BLOCK_VERSION || first >> 4 > RECORD_CLOCK_BOOT || schema_id == NULL) {
        return ERR_CORRUPT;
    }
    *info = (struct block_info){.schema_id = get_u32(schema_id)};
    info->clock = (enum record_clock)(first >> 4);
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
    return get_front(&cursor, info);
}

// ---- the body ----

static bool inflate_body(struct block_reader *reader, struct cursor *cursor, size_t body_size)
{
    z_stream *stream = &reader->inflate;
    if (inflateReset(stream) != Z_OK) {
        return false;
    }
    stream->next_in = cursor->at;
    stream->avail_in = (uInt)cursor_left(cursor);
    stream->next_out = reader->body;
    stream->avail_out = (uInt)body_size;
    return inflate(stream, Z_FINISH) == Z_STREAM_END && stream->avail_in == 0 &&
           stream->avail_out == 0;
}

static bool get_body(struct block_reader *reader, struct cursor *cursor, struct bytes *body)
{
    uint8_t packing = get_byte(cursor);
    uint64_t body_size = get_varint(cursor);
    if (cursor->bad || packing >= PACKING_COUNT || body_size > BLOCK_BODY_MAX) {
        return false;
    }
    *body = bytes_from(reader->body, (size_t)body_size);
    if (packing == PACKING_DEFLATE) {
        return inflate_body(reader, cursor, (size_t)body_size);
    }
    if (cursor_left(cursor) != body_size) {
        return false;
    }
    if (body_size > 0) { // copied: rows borrow from the reader, not from `in`
        memcpy(reader->body, cursor->at, (size_t)body_size);
    }
    return true;
}

static bool get_sections(struct block_reader *reader, struct bytes body)
{
    struct cursor cursor = cursor_over(body);
    uint64_t sizes[SECTION_COUNT];
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        sizes[i] = get_varint(&cursor);
    }
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        if (cursor.bad || sizes[i] > cursor_left(&cursor)) {
            return false;
        }
        const uint8_t *at = get_raw(&cursor, (size_t)sizes[i]);
        reader->sections[i] = cursor_over(bytes_from(at, (size_t)sizes[i]));
    }
    return cursor_left(&cursor) == 0;
}

// ---- what the rows share ----

static bool get_order(struct block_reader *reader)
{
    struct block_axis *axis = &reader->axis;
    struct cursor *order = &reader->sections[SECTION_ORDER];
    uint16_t successor[BLOCK_KEYS_MAX + 1];
    memset(successor, 0xff, sizeof successor);
    axis->row_count = reader->info.row_count;
    axis->key_count = 0;
    uint16_t key = BLOCK_KEYS_MAX;
    uint64_t hits = get_varint(order);
    for (uint32_t row = 0; row < axis->row_count; row++) {
        uint64_t next = successor[key] == BLOCK_NO_KEY ? axis->key_count : successor[key];
        if (hits == 0) {
            uint64_t miss = get_varint(order);
            next = miss == 0 ? axis->key_count : miss - 1;
            // The last run may end the rows: then nothing follows it.
            hits = row + 1 < axis->row_count && cursor_left(order) > 0 ? get_varint(order) + 1 : 1;
        }
        hits--;
        if (order->bad || next > axis->key_count || next == BLOCK_KEYS_MAX) {
            return false;
        }
        axis->key_count += next == axis->key_count;
        successor[key] = (uint16_t)next;
        key = (uint16_t)next;
        axis->key_of_row[row] = key;
    }
    block_axis_sort(axis);
    return hits == 0;
}

static bool get_keys(struct block_reader *reader)
{
    struct cursor *keys = &reader->sections[SECTION_KEYS];
    uint64_t expected = 0;
    for (uint32_t key = 0; key < reader->axis.key_count; key++) {
        uint64_t id = expected + (uint64_t)unzigzag(get_varint(keys));
        if (keys->bad || id > UINT32_MAX) {
            return false;
        }
        reader->key_ids[key] = (uint32_t)id;
        expected = (uint32_t)id + 1U;
    }
    return true;
}

// (zeros, surprise) pairs; the last zeros may stand alone.
struct surprises {
    struct cursor *cursor;
    uint64_t zeros;
};

static int64_t next_surprise(struct surprises *surprises)
{
    if (surprises->zeros > 0) {
        surprises->zeros--;
        return 0;
    }
    int64_t surprise = unzigzag(get_varint(surprises->cursor));
    surprises->zeros = cursor_left(surprises->cursor) > 0 ? get_varint(surprises->cursor) : 0;
    return surprise;
}

static bool get_times(struct block_reader *reader)
{
    const struct block_axis *axis = &reader->axis;
    struct cursor *cursor = &reader->sections[SECTION_TIME];
    uint8_t method = get_byte(cursor);
    struct surprises surprises = {cursor, cursor_left(cursor) > 0 ? get_varint(cursor) : 0};
    uint64_t key_time[BLOCK_KEYS_MAX];
    uint64_t key_step[BLOCK_KEYS_MAX];
    uint64_t before = (uint64_t)reader->info.time_first_ms;
    if (method >= TIME_COUNT) {
        return false;
    }
    for (uint32_t row = 0; row < axis->row_count; row++) {
        uint16_t key = axis->key_of_row[row];
        bool seen = axis->rows[axis->start_of_key[key]] != row;
        uint64_t step = (uint64_t)next_surprise(&surprises);
        if (method != TIME_DELTA && seen) {
            step += key_step[key];
        }
        uint64_t base = method == TIME_PERIOD && seen ? key_time[key] : before;
        uint64_t time = base + step;
        key_time[key] = time;
        key_step[key] = method == TIME_PERIOD && !seen ? 0 : step;
        before = time;
        reader->time_ms[row] = (int64_t)time;
        if ((int64_t)time < reader->info.time_first_ms ||
            (int64_t)time > reader->info.time_last_ms) {
            return false;
        }
    }
    return !cursor->bad && surprises.zeros == 0;
}

static bool get_quality(struct block_reader *reader)
{
    const struct block_axis *axis = &reader->axis;
    struct cursor *cursor = &reader->sections[SECTION_QUALITY];
    uint8_t quality = 0;
    uint32_t at = 0;
    while (cursor_left(cursor) > 0) {
        uint64_t run = get_varint(cursor);
        uint8_t next = get_byte(cursor);
        if (cursor->bad || run > axis->row_count - at || (run == 0 && at > 0)) {
            return false; // R2
        }
        for (; run > 0; run--) {
            reader->quality[axis->rows[at++]] = quality;
        }
        quality = next;
    }
    while (at < axis->row_count) {
        reader->quality[axis->rows[at++]] = quality;
    }
    return true;
}

// ---- columns ----

struct column_in {
    uint8_t mode;
    double power;         // of KIND_DECIMAL, KIND_FLOAT
    uint32_t row_count;   // of its key
    uint32_t count;       // values that are there
    const uint16_t *rows; // of its key
};

// Which rows have a value: fills `present` and `count`.
static bool get_presence(struct block_reader *reader, struct column_in *column)
{
    struct cursor *first = &reader->sections[SECTION_FIRST];
    column->count = column->row_count;
    if ((column->mode & MODE_NULLS) == 0) {
        return true;
    }
    uint32_t at = 0;
    column->count = 0;
    for (bool here = true; at < column->row_count; here = !here) {
        uint64_t run = get_varint(first);
        if (first->bad || run > column->row_count - at || (run == 0 && at > 0)) {
            return false; // R2
        }
        memset(reader->present + at, here, (size_t)run);
        at += (uint32_t)run;
        column->count += here ? (uint32_t)run : 0;
    }
    return column->count > 0;
}

static void get_residuals(struct block_reader *reader, const struct column_in *column)
{
    struct cursor *values = &reader->sections[SECTION_VALUES];
    int64_t *numbers = reader->numbers;
    uint64_t number = (uint64_t)unzigzag(get_varint(&reader->sections[SECTION_FIRST]));
    uint64_t step = 0;
    switch ((enum column_order)((column->mode & MODE_ORDER) >> MODE_ORDER_SHIFT)) {
    case ORDER_OFFSET:
        for (uint32_t i = 0; i < column->count; i++) {
            numbers[i] = (int64_t)(number + get_varint(values));
        }
        break;
    case ORDER_DELTA:
        numbers[0] = (int64_t)number;
        for (uint32_t i = 1; i < column->count; i++) {
            number += (uint64_t)unzigzag(get_varint(values));
            numbers[i] = (int64_t)number;
        }
        break;
    case ORDER_SLOPE:
        numbers[0] = (int64_t)number;
        for (uint32_t i = 1; i < column->count; i++) {
            step += (uint64_t)unzigzag(get_varint(values));
            number += step;
            numbers[i] = (int64_t)number;
        }
        break;
    case ORDER_CONSTANT:
        for (uint32_t i = 0; i < column->count; i++) {
            numbers[i] = (int64_t)number;
        }
        break;
    }
}

// Read the dictionary into `dictionary`; its size, or 0 where it is none.
static uint32_t get_dictionary(struct block_reader *reader, int64_t *dictionary)
{
    struct cursor *first = &reader->sections[SECTION_FIRST];
    uint64_t size = get_varint(first) + 1;
    if (size > BLOCK_DICTIONARY_MAX) {
        return 0;
    }
    uint64_t number = (uint64_t)unzigzag(get_varint(first));
    dictionary[0] = (int64_t)number;
    for (uint32_t place = 1; place < size; place++) {
        number += get_varint(first);
        dictionary[place] = (int64_t)number;
    }
    return (uint32_t)size;
}

// The integers of a column, before they become what they stand for.
static bool get_numbers(struct block_reader *reader, const struct column_in *column)
{
    int64_t dictionary[BLOCK_DICTIONARY_MAX];
    uint32_t size = 0;
    if (column->mode & MODE_DICTIONARY) {
        size = get_dictionary(reader, dictionary);
        if (size == 0) {
            return false;
        }
    }
    get_residuals(reader, column);
    for (uint32_t i = 0; i < column->count && size > 0; i++) {
        uint64_t place = (uint64_t)reader->numbers[i];
        if (place >= size) {
            return false;
        }
        reader->numbers[i] = dictionary[place];
    }
    return true;
}

// The place of the next value of a column, row after row.
struct filler {
    struct block_reader *reader;
    const struct column_in *column;
    uint32_t row;
    uint32_t field;
};

static struct value *fill_next(struct filler *filler)
{
    const struct block_reader *reader = filler->reader;
    const struct column_in *column = filler->column;
    if (column->mode & MODE_NULLS) {
        while (!reader->present[filler->row]) {
            filler->row++;
        }
    }
    uint32_t row = column->rows[filler->row++];
    return &filler->reader->values[row * reader->schema->field_count + filler->field];
}

static bool fill_integers(struct block_reader *reader, const struct column_in *column,
                          enum column_type type, struct filler filler)
{
    if (!get_numbers(reader, column)) {
        return false;
    }
    for (uint32_t i = 0; i < column->count; i++) {
        struct value *value = fill_next(&filler);
        if (type == COLUMN_BOOLEAN) {
            value->kind = VALUE_BOOLEAN;
            value->boolean = reader->numbers[i] != 0;
        } else {
            value->kind = VALUE_INTEGER;
            value->integer = reader->numbers[i];
        }
    }
    return true;
}

// Exceptions stand before the numbers: pass over them, leaving `*exceptions` at their start.
static bool pass_exceptions(struct block_reader *reader, const struct column_in *column,
                            struct cursor *exceptions)
{
    struct cursor *first = &reader->sections[SECTION_FIRST];
    *exceptions = *first;
    uint64_t count = get_varint(first) + 1;
    if (count > column->count || count == 0) {
        return false;
    }
    for (uint64_t i = 0; i < 2 * count; i++) {
        (void)get_varint(first);
    }
    return !first->bad;
}

static bool apply_exceptions(struct block_reader *reader, const struct column_in *column,
                             struct cursor exceptions)
{
    uint64_t *bits = reader->bits;
    struct cursor *raw = &reader->sections[SECTION_RAW];
    uint64_t count = get_varint(&exceptions) + 1;
    uint64_t at = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t step = get_varint(&exceptions);
        uint64_t change = get_varint(&exceptions);
        at += step;
        if (step >= column->count || at >= column->count) {
            return false;
        }
        if ((change & 1) == 0) {
            bits[at] += (uint64_t)unzigzag(change >> 1);
            continue;
        }
        const uint8_t *eight = get_raw(raw, 8);
        if (eight == NULL) {
            return false;
        }
        bits[at] = get_u64(eight);
    }
    return true;
}

static bool get_decimals(struct block_reader *reader, const struct column_in *column)
{
    struct cursor exceptions = reader->sections[SECTION_FIRST];
    bool is_float = (column->mode & MODE_KIND) == KIND_FLOAT;
    if ((column->mode & MODE_EXCEPTIONS) && !pass_exceptions(reader, column, &exceptions)) {
        return false;
    }
    if (!get_numbers(reader, column)) {
        return false;
    }
    for (uint32_t i = 0; i < column->count; i++) {
        reader->bits[i] = double_bits(decimal_double(reader->numbers[i], column->power, is_float));
    }
    return (column->mode & MODE_EXCEPTIONS) == 0 || apply_exceptions(reader, column, exceptions);
}

static void get_planes(const uint8_t *raw, uint64_t *bits, uint32_t count, unsigned width)
{
    memset(bits, 0, count * sizeof bits[0]);
    for (unsigned plane = width; plane-- > 0;) {
        uint8_t previous = 0;
        bool top = plane + 2 >= width;
        for (uint32_t i = 0; i < count; i++) {
            uint8_t byte = top ? *raw++ ^ previous : *raw++;
            bits[i] |= (uint64_t)byte << 8 * plane;
            previous = byte;
        }
    }
}

static bool get_plain_doubles(struct block_reader *reader, const struct column_in *column)
{
    bool singles = (column->mode & MODE_KIND) == KIND_SINGLE;
    unsigned width = singles ? 4 : 8;
    const uint8_t *raw = get_raw(&reader->sections[SECTION_RAW], (size_t)width * column->count);
    if (raw == NULL) {
        return false;
    }
    if ((column->mode & MODE_ORDER) >> MODE_ORDER_SHIFT == RAW_PLANES) {
        get_planes(raw, reader->bits, column->count, width);
    } else {
        for (uint32_t i = 0; i < column->count; i++, raw += width) {
            reader->bits[i] = singles ? get_u32(raw) : get_u64(raw);
        }
    }
    for (uint32_t i = 0; i < column->count && singles; i++) {
        reader->bits[i] = double_bits((double)bits_float((uint32_t)reader->bits[i]));
    }
    return true;
}

static bool fill_doubles(struct block_reader *reader, struct column_in *column,
                         struct filler filler)
{
    unsigned kind = column->mode & MODE_KIND;
    if (kind == KIND_DECIMAL || kind == KIND_FLOAT) {
        uint8_t digits = get_byte(&reader->sections[SECTION_MODE]);
        if (digits > BLOCK_DECIMALS_MAX) {
            return false;
        }
        column->power = block_power_of_ten[digits];
        if (!get_decimals(reader, column)) {
            return false;
        }
    } else if (!get_plain_doubles(reader, column)) {
        return false;
    }
    for (uint32_t i = 0; i < column->count; i++) {
        struct value *value = fill_next(&filler);
        value->kind = VALUE_NUMBER;
        value->number = bits_double(reader->bits[i]);
    }
    return true;
}

static bool fill_texts(struct block_reader *reader, const struct column_in *column,
                       struct filler filler)
{
    struct cursor *first = &reader->sections[SECTION_FIRST];
    struct cursor *text = &reader->sections[SECTION_TEXT];
    uint64_t size = get_varint(first) + 1;
    if (size > column->count || size == 0) {
        return false;
    }
    for (uint32_t place = 0; place < size; place++) {
        uint64_t length = get_varint(first);
        const uint8_t *at = length <= cursor_left(text) ? get_raw(text, (size_t)length) : NULL;
        if (first->bad || at == NULL) {
            return false;
        }
        reader->texts[place] = bytes_from(at, (size_t)length);
    }
    get_residuals(reader, column);
    for (uint32_t i = 0; i < column->count; i++) {
        uint64_t place = (uint64_t)reader->numbers[i];
        if (place >= size) {
            return false;
        }
        struct value *value = fill_next(&filler);
        value->kind = VALUE_TEXT;
        value->text = reader->texts[place];
    }
    return true;
}

// Does the mode's kind, which is from outside, say something about a column of `type`?
static bool kind_fits(unsigned kind, enum column_type type)
{
    switch (type) {
    case COLUMN_BOOLEAN:
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        return kind == KIND_INTEGER;
    case COLUMN_NUMBER:
        return kind >= KIND_DECIMAL && kind <= KIND_SINGLE;
    case COLUMN_STRING:
        return kind == KIND_TEXT;
    }
    return false;
}

static bool get_column(struct block_reader *reader, uint32_t key, uint32_t field,
                       enum column_type type)
{
    const struct block_axis *axis = &reader->axis;
    struct column_in column = {.mode = get_byte(&reader->sections[SECTION_MODE])};
    column.rows = axis->rows + axis->start_of_key[key];
    column.row_count = axis->start_of_key[key + 1] - (uint32_t)axis->start_of_key[key];
    if (column.mode == KIND_ABSENT) {
        return !reader->sections[SECTION_MODE].bad;
    }
    if (!kind_fits(column.mode & MODE_KIND, type) || !get_presence(reader, &column)) {
        return false;
    }
    struct filler filler = {reader, &column, 0, field};
    switch (type) {
    case COLUMN_BOOLEAN:
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        return fill_integers(reader, &column, type, filler);
    case COLUMN_NUMBER:
        return fill_doubles(reader, &column, filler);
    case COLUMN_STRING:
        return fill_texts(reader, &column, filler);
    }
    return false;
}

static bool get_columns(struct block_reader *reader)
{
    const struct schema *schema = reader->schema;
    uint32_t value_count = reader->info.row_count * schema->field_count;
    for (uint32_t i = 0; i < value_count; i++) {
        reader->values[i] = (struct value){.kind = VALUE_NULL};
    }
    for (uint16_t field = 0; field < schema->field_count; field++) {
        for (uint32_t key = 0; key < reader->axis.key_count; key++) {
            if (!get_column(reader, key, field, reader->types[field])) {
                return false;
            }
        }
    }
    return true;
}

// Nothing bad was read, and nothing is left.
static bool all_read(const struct block_reader *reader)
{
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        if (reader->sections[i].bad || cursor_left(&reader->sections[i]) > 0) {
            return false;
        }
    }
    return true;
}

enum err block_read(struct block_reader *reader, struct bytes in, const struct schema *schema)
{
    struct cursor cursor = cursor_over(in);
    struct block_info info;
    struct bytes body;
    reader->info.row_count = 0;
    enum err err = get_front(&cursor, &info);
    if (err != OK) {
        return err;
    }
    if (info.schema_id != schema->id ||
        info.row_count * (uint32_t)schema->field_count > BLOCK_CELLS_MAX) {
        return ERR_CORRUPT;
    }
    reader->info = info;
    reader->schema = schema;
    block_field_types(schema, reader->types);
    if (!get_body(reader, &cursor, &body) || !get_sections(reader, body) || !get_order(reader) ||
        !get_keys(reader) || !get_times(reader) || !get_quality(reader) || !get_columns(reader) ||
        !all_read(reader)) {
        reader->info.row_count = 0;
        return ERR_CORRUPT;
    }
    return OK;
}

const struct block_info *block_reader_info(const struct block_reader *reader)
{
    return &reader->info;
}

void block_row(const struct block_reader *reader, uint32_t index, struct block_row *row)
{
    assert(index < reader->info.row_count);
    row->seq = reader->info.first_seq + index;
    row->key_id = reader->key_ids[reader->axis.key_of_row[index]];
    row->time_ms = reader->time_ms[index];
    row->quality = reader->quality[index];
    row->values = &reader->values[index * reader->schema->field_count];
}

size_t block_reader_size(const struct block_reader *reader)
{
    return sizeof *reader;
}
