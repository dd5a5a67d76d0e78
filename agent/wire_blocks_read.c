// Every count is checked against the bounds of a block before use; a read past the end gives zeros
// and marks the cursor bad, which ends the record.
#include "agent/wire_blocks_read.h"
#include "agent/block_layout.h"
#include <assert.h>
#include <stdlib.h>

struct wire_reader {
    struct wire_info info;
    uint32_t field_count;
    enum column_type types[SCHEMA_COLUMNS_MAX];
    struct cursor in;
    struct block_axis axis;
    struct bytes keys[BLOCK_KEYS_MAX];
    int64_t time_ms[BLOCK_READINGS_MAX];
    uint8_t quality[BLOCK_READINGS_MAX];
    struct value values[BLOCK_CELLS_MAX];

    // One array at a time.
    int64_t longs[2 * BLOCK_READINGS_MAX];
    uint32_t long_count;

    // One column at a time.
    uint8_t present[BLOCK_READINGS_MAX]; // key after key
    int64_t numbers[BLOCK_READINGS_MAX];
    uint32_t number_count;
    int64_t scales[BLOCK_KEYS_MAX];
    uint32_t scale_count;
    struct bytes items[BLOCK_READINGS_MAX]; // texts, or doubles of eight bytes
    uint32_t item_count;
};

struct wire_reader *wire_reader_open(void)
{
    return calloc(1, sizeof(struct wire_reader));
}

void wire_reader_close(struct wire_reader *reader)
{
    free(reader);
}

// ---- Avro ----

static int64_t get_long(struct cursor *in)
{
    return unzigzag(get_varint(in));
}

static struct bytes get_string(struct cursor *in)
{
    int64_t size = get_long(in);
    if (size < 0 || (uint64_t)size > cursor_left(in)) {
        in->bad = true;
        return bytes_from(in->at, 0);
    }
    return bytes_from(get_raw(in, (size_t)size), (size_t)size);
}

// How many items the next chunk of an array has; 0: the array ends. Chunks of which `limit` has
// less room than items mark the cursor bad.
static uint32_t get_chunk(struct cursor *in, uint32_t limit)
{
    int64_t count = get_long(in);
    if (count < 0 && count != INT64_MIN) { // its size in bytes follows
        count = -count;
        (void)get_long(in);
    }
    if (in->bad || count < 0 || count > limit) {
        in->bad = true;
        return 0;
    }
    return (uint32_t)count;
}

static uint32_t get_longs(struct cursor *in, int64_t *longs, uint32_t limit)
{
    uint32_t count = 0;
    for (uint32_t chunk; (chunk = get_chunk(in, limit - count)) > 0;) {
        for (; chunk > 0; chunk--) {
            longs[count++] = get_long(in);
        }
    }
    return count;
}

static uint32_t get_strings(struct cursor *in, struct bytes *strings, uint32_t limit)
{
    uint32_t count = 0;
    for (uint32_t chunk; (chunk = get_chunk(in, limit - count)) > 0;) {
        for (; chunk > 0; chunk--) {
            strings[count++] = get_string(in);
        }
    }
    return count;
}

static uint32_t get_doubles(struct cursor *in, struct bytes *doubles, uint32_t limit)
{
    uint32_t count = 0;
    for (uint32_t chunk; (chunk = get_chunk(in, limit - count)) > 0;) {
        for (; chunk > 0; chunk--) {
            doubles[count++] = bytes_from(get_raw(in, 8), 8);
        }
    }
    return count;
}

// ---- the rows ----

// `longs` has which key each row has (none: there is one key); the count of rows comes with times.
static bool take_order(struct wire_reader *reader, uint32_t order_count)
{
    struct block_axis *axis = &reader->axis;
    if (order_count == 0) {
        memset(axis->key_of_row, 0, sizeof axis->key_of_row);
        return axis->key_count == 1;
    }
    for (uint32_t row = 0; row < order_count; row++) {
        if ((uint64_t)reader->longs[row] >= axis->key_count) {
            return false;
        }
        axis->key_of_row[row] = (uint16_t)reader->longs[row];
    }
    return true;
}

static bool get_times(struct wire_reader *reader, uint32_t order_count)
{
    struct block_axis *axis = &reader->axis;
    axis->row_count = get_longs(&reader->in, reader->longs, BLOCK_READINGS_MAX);
    if (axis->row_count == 0 || (order_count > 0 && order_count != axis->row_count)) {
        return false;
    }
    block_axis_sort(axis);
    uint64_t first = 0;
    for (uint32_t key = 0; key < axis->key_count; key++) {
        uint64_t time = first;
        for (uint32_t i = axis->start_of_key[key]; i < axis->start_of_key[key + 1]; i++) {
            time += (uint64_t)reader->longs[i];
            reader->time_ms[axis->rows[i]] = (int64_t)time;
            first = i == axis->start_of_key[key] ? time : first;
        }
    }
    return true;
}

static bool get_qualities(struct wire_reader *reader)
{
    const struct block_axis *axis = &reader->axis;
    uint32_t count = get_longs(&reader->in, reader->longs, 2 * BLOCK_READINGS_MAX);
    uint32_t at = 0;
    memset(reader->quality, QUALITY_GOOD, axis->row_count);
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        uint64_t run = (uint64_t)reader->longs[i + 1];
        if (run > axis->row_count - at) {
            return false;
        }
        for (; run > 0; run--) {
            reader->quality[axis->rows[at++]] = (uint8_t)reader->longs[i];
        }
    }
    return count == 0 || at == axis->row_count;
}

// ---- columns ----

// Mark the rows of the keys that a column lists; of all where it lists none.
static bool get_own_rows(struct wire_reader *reader)
{
    const struct block_axis *axis = &reader->axis;
    uint32_t count = get_longs(&reader->in, reader->longs, BLOCK_KEYS_MAX);
    memset(reader->present, count == 0, axis->row_count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t key = (uint64_t)reader->longs[i];
        if (key >= axis->key_count) {
            return false;
        }
        memset(reader->present + axis->start_of_key[key], 1,
               (size_t)axis->start_of_key[key + 1] - axis->start_of_key[key]);
    }
    return true;
}

// Of these, the runs with and without a value.
static bool get_presence(struct wire_reader *reader)
{
    if (!get_own_rows(reader)) {
        return false;
    }
    uint32_t count = get_longs(&reader->in, reader->longs, BLOCK_READINGS_MAX + 1);
    uint32_t run = 0;
    for (uint32_t at = 0; at < reader->axis.row_count && count > 0; at++) {
        if (!reader->present[at]) {
            continue;
        }
        while (run < count && reader->longs[run] == 0) {
            run++;
        }
        if (run == count || reader->longs[run] < 0) {
            return false;
        }
        reader->present[at] = run % 2 == 0;
        reader->longs[run]--;
    }
    return count == 0 || (run == count - 1 && reader->longs[run] == 0);
}

// Where the next number, scale, double stand.
struct places {
    uint32_t number;
    uint32_t scale;
    uint32_t item;
};

static bool next_number(const struct wire_reader *reader, struct places *places, uint64_t *number)
{
    if (places->number == reader->number_count) {
        return false;
    }
    *number += (uint64_t)reader->numbers[places->number++];
    return true;
}

static bool set_double(const struct wire_reader *reader, struct places *places, int64_t scale,
                       uint64_t *number, struct value *value)
{
    value->kind = VALUE_NUMBER;
    if (scale == -1) {
        if (places->item == reader->item_count) {
            return false;
        }
        value->number = bits_double(get_u64(reader->items[places->item++].at));
        return true;
    }
    if (!next_number(reader, places, number)) {
        return false;
    }
    value->number = decimal_double((int64_t)*number, block_power_of_ten[scale % 32], scale >= 32);
    return true;
}

static bool set_value(const struct wire_reader *reader, struct places *places,
                      enum column_type type, uint64_t *number, struct value *value)
{
    if (!next_number(reader, places, number)) {
        return false;
    }
    switch (type) {
    case COLUMN_BOOLEAN:
        *value = (struct value){.kind = VALUE_BOOLEAN, .boolean = *number != 0};
        return true;
    case COLUMN_STRING:
        if (*number >= reader->item_count) {
            return false;
        }
        *value = (struct value){.kind = VALUE_TEXT, .text = reader->items[*number]};
        return true;
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
    case COLUMN_NUMBER:
        break;
    }
    *value = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)*number};
    return true;
}

static bool scale_is_known(int64_t scale)
{
    return scale == -1 || (scale >= 0 && scale % 32 <= BLOCK_DECIMALS_MAX && scale < 64);
}

// The values of one key.
static bool set_key(struct wire_reader *reader, struct places *places, enum column_type type,
                    uint32_t key, uint32_t field)
{
    const struct block_axis *axis = &reader->axis;
    uint64_t number = 0;
    bool is_first = true;
    int64_t scale = 0;
    for (uint32_t i = axis->start_of_key[key]; i < axis->start_of_key[key + 1]; i++) {
        struct value *value = &reader->values[axis->rows[i] * reader->field_count + field];
        value->kind = VALUE_NULL;
        if (!reader->present[i]) {
            continue;
        }
        if (is_first && type == COLUMN_NUMBER) {
            if (reader->scale_count == 0) {
                return false;
            }
            scale = reader->scales[places->scale];
            places->scale += places->scale + 1 < reader->scale_count;
        }
        is_first = false;
        if (!(type == COLUMN_NUMBER
                  ? scale_is_known(scale) && set_double(reader, places, scale, &number, value)
                  : set_value(reader, places, type, &number, value))) {
            return false;
        }
    }
    return true;
}

static bool get_column(struct wire_reader *reader, uint32_t field)
{
    struct cursor *in = &reader->in;
    enum column_type type = reader->types[field];
    if (!get_presence(reader)) {
        return false;
    }
    reader->number_count = get_longs(in, reader->numbers, BLOCK_READINGS_MAX);
    reader->item_count = 0;
    if (type == COLUMN_NUMBER) {
        reader->scale_count = get_longs(in, reader->scales, BLOCK_KEYS_MAX);
        reader->item_count = get_doubles(in, reader->items, BLOCK_READINGS_MAX);
    } else if (type == COLUMN_STRING) {
        reader->item_count = get_strings(in, reader->items, BLOCK_READINGS_MAX);
    }
    struct places places = {0, 0, 0};
    for (uint32_t key = 0; key < reader->axis.key_count && !in->bad; key++) {
        if (!set_key(reader, &places, type, key, field)) {
            return false;
        }
    }
    return !in->bad && places.number == reader->number_count;
}

enum err wire_read(struct wire_reader *reader, struct bytes in, const struct schema *schema)
{
    reader->in = cursor_over(in);
    reader->info = (struct wire_info){.row_count = 0};
    reader->field_count = schema->field_count;
    block_field_types(schema, reader->types);
    struct wire_info info = {.gateway = get_string(&reader->in), .epoch = get_string(&reader->in)};
    info.first_seq = (uint64_t)get_long(&reader->in);
    int64_t clock = get_long(&reader->in);
    reader->axis.key_count = get_strings(&reader->in, reader->keys, BLOCK_KEYS_MAX);
    uint32_t order_count = get_longs(&reader->in, reader->longs, BLOCK_READINGS_MAX);
    if (reader->in.bad || clock < 0 || clock > 1 || !take_order(reader, order_count) ||
        !get_times(reader, order_count)) {
        return ERR_CORRUPT;
    }
    if (reader->axis.row_count * reader->field_count > BLOCK_CELLS_MAX) {
        return ERR_LIMIT;
    }
    if (!get_qualities(reader)) {
        return ERR_CORRUPT;
    }
    for (uint32_t field = 0; field < reader->field_count; field++) {
        if (!get_column(reader, field)) {
            return ERR_CORRUPT;
        }
    }
    if (reader->in.bad || cursor_left(&reader->in) > 0) {
        return ERR_CORRUPT;
    }
    info.clock = clock == 0 ? RECORD_CLOCK_DEVICE : RECORD_CLOCK_WALL;
    info.row_count = reader->axis.row_count;
    reader->info = info;
    return OK;
}

const struct wire_info *wire_reader_info(const struct wire_reader *reader)
{
    return &reader->info;
}

void wire_row(const struct wire_reader *reader, uint32_t index, struct record *record)
{
    assert(index < reader->info.row_count);
    *record = (struct record){
        .key = reader->keys[reader->axis.key_of_row[index]],
        .time_ms = reader->time_ms[index],
        .clock = reader->info.clock,
        .quality = reader->quality[index],
        .seq = reader->info.first_seq + index,
        .values = reader->values + index * reader->field_count,
    };
}
