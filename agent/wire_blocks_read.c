// Every count is checked against the bounds of a block before use; a read past the end gives zeros
// and marks the cursor bad, which ends the record.
#include "agent/wire_blocks_read.h"
#include "agent/wire_blocks_layout.h"
#include <assert.h>
#include <stdlib.h>

enum { WIRE_LOSSES_MAX = 128 };

struct wire_reader {
    struct wire_info info;
    uint32_t field_count;
    enum column_type types[SCHEMA_COLUMNS_MAX];
    struct cursor in;
    uint32_t row_count;
    uint32_t key_count;
    struct wire_loss losses[WIRE_LOSSES_MAX];
    struct bytes keys[BLOCK_KEYS_MAX];
    uint8_t names[BLOCK_KEYS_MAX][RECORD_KEY_MAX]; // of the keys, whole

    // Rows, key after key: where each key's begin, and the times and places of the rows.
    uint32_t start_of_key[BLOCK_KEYS_MAX + 1];
    int64_t times[WIRE_READINGS_MAX];
    uint16_t rows[WIRE_READINGS_MAX];
    uint16_t by_time[2][WIRE_READINGS_MAX]; // to sort them

    // Rows in order of seq.
    uint16_t key_of_row[WIRE_READINGS_MAX];
    int64_t time_ms[WIRE_READINGS_MAX];
    uint8_t quality[WIRE_READINGS_MAX];
    struct value values[WIRE_CELLS_MAX];

    // One array at a time.
    int64_t longs[2 * WIRE_READINGS_MAX];

    // Of all columns.
    int64_t runs[WIRE_RUNS_MAX];
    uint32_t run_count;
    int64_t scales[2 * WIRE_READINGS_MAX];
    uint32_t scale_count;
    int64_t numbers[WIRE_READINGS_MAX];
    uint32_t number_count;
    struct bytes doubles[WIRE_READINGS_MAX]; // of eight bytes
    uint32_t double_count;
    struct bytes texts[WIRE_READINGS_MAX];
    uint32_t text_count;

    // One column at a time.
    uint8_t present[WIRE_READINGS_MAX]; // key after key
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

static bool get_losses(struct wire_reader *reader, struct wire_info *info)
{
    struct cursor *in = &reader->in;
    uint32_t count = 0;
    for (uint32_t chunk; (chunk = get_chunk(in, WIRE_LOSSES_MAX - count)) > 0;) {
        for (; chunk > 0; chunk--) {
            struct wire_loss *loss = &reader->losses[count++];
            loss->from = (uint64_t)get_long(in);
            loss->to = (uint64_t)get_long(in);
            loss->count = (uint64_t)get_long(in);
            loss->cause = get_string(in);
        }
    }
    info->loss_count = count;
    return !in->bad;
}

// (place, keys)*: the keys that the list names.
static enum err get_listed(struct wire_reader *reader, const struct key_list *listed)
{
    int64_t id = get_long(&reader->in);
    uint32_t count = get_longs(&reader->in, reader->longs, 2 * BLOCK_KEYS_MAX);
    if (reader->in.bad || count % 2 != 0) {
        return ERR_CORRUPT;
    }
    if (count > 0 && (listed == NULL || id != listed->id)) {
        return ERR_VERSION;
    }
    for (uint32_t i = 0; i < count; i += 2) {
        uint64_t place = (uint64_t)reader->longs[i];
        uint64_t keys = (uint64_t)reader->longs[i + 1];
        if (place > listed->count || keys > listed->count - place ||
            keys > BLOCK_KEYS_MAX - reader->key_count) {
            return ERR_CORRUPT;
        }
        for (; keys > 0; keys--) {
            reader->keys[reader->key_count++] = listed->names[place++];
        }
    }
    return OK;
}

// The other names: each begins with the first `shared` bytes of the one before.
static bool get_keys(struct wire_reader *reader)
{
    uint32_t key = reader->key_count;
    const struct bytes *rests = reader->keys + key;
    uint32_t count = get_strings(&reader->in, reader->keys + key, BLOCK_KEYS_MAX - key);
    uint32_t shared_count = get_longs(&reader->in, reader->longs, BLOCK_KEYS_MAX);
    size_t before = 0;
    if (reader->in.bad || shared_count != count) {
        return false;
    }
    reader->key_count += count;
    for (uint32_t i = 0; i < count; i++, key++) {
        struct bytes rest = rests[i];
        size_t shared = (size_t)reader->longs[i];
        if (shared > before || rest.size > RECORD_KEY_MAX - shared) {
            return false;
        }
        uint8_t *name = reader->names[key];
        if (shared > 0) {
            memcpy(name, reader->names[key - 1], shared);
        }
        if (rest.size > 0) {
            memcpy(name + shared, rest.at, rest.size);
        }
        before = shared + rest.size;
        reader->keys[key] = bytes_from(name, before);
    }
    return true;
}

// The rows of `keys` keys from `key` on, which have the `count` times of reader->longs.
static bool add_axis(struct wire_reader *reader, uint32_t key, uint64_t keys, uint32_t count,
                     uint64_t first)
{
    if (keys == 0 || keys > reader->key_count - key || count == 0 ||
        keys * count > WIRE_READINGS_MAX - reader->row_count) {
        return false;
    }
    for (uint64_t end = key + keys; key < end; key++) {
        uint64_t time = first;
        reader->start_of_key[key] = reader->row_count;
        for (uint32_t i = 0; i < count; i++) {
            time += (uint64_t)reader->longs[i];
            reader->times[reader->row_count++] = (int64_t)time;
        }
    }
    return true;
}

// Axes, each how many keys have its times; fills start_of_key, row_count and times.
static bool get_axes(struct wire_reader *reader)
{
    uint32_t key = 0;
    uint64_t first = 0;
    reader->row_count = 0;
    for (uint32_t chunk; (chunk = get_chunk(&reader->in, reader->key_count - key)) > 0;) {
        for (; chunk > 0; chunk--) {
            uint64_t keys = (uint64_t)get_long(&reader->in);
            uint32_t count = get_longs(&reader->in, reader->longs, WIRE_READINGS_MAX);
            if (reader->in.bad || !add_axis(reader, key, keys, count, first)) {
                return false;
            }
            key += (uint32_t)keys;
            first += (uint64_t)reader->longs[0];
        }
    }
    reader->start_of_key[key] = reader->row_count;
    return !reader->in.bad && key == reader->key_count && key > 0;
}

// Which row each place in order of time is; as each is taken once, the rows are all of them.
static bool get_order(struct wire_reader *reader)
{
    uint32_t count = get_longs(&reader->in, reader->longs, WIRE_READINGS_MAX);
    if (count != 0 && count != reader->row_count) {
        return false;
    }
    const uint16_t *by_time = wire_sort_by_time(reader->times, reader->row_count, reader->by_time);
    memset(reader->present, 0, reader->row_count);
    for (uint32_t row = 0; row < reader->row_count; row++) {
        uint64_t place = row + (count == 0 ? 0 : (uint64_t)reader->longs[row]);
        if (place >= reader->row_count || reader->present[place]) {
            return false;
        }
        reader->present[place] = 1;
        reader->rows[by_time[place]] = (uint16_t)row;
    }
    for (uint32_t key = 0; key < reader->key_count; key++) {
        for (uint32_t i = reader->start_of_key[key]; i < reader->start_of_key[key + 1]; i++) {
            reader->key_of_row[reader->rows[i]] = (uint16_t)key;
            reader->time_ms[reader->rows[i]] = reader->times[i];
        }
    }
    return true;
}

static bool get_qualities(struct wire_reader *reader)
{
    uint32_t count = get_longs(&reader->in, reader->longs, 2 * WIRE_READINGS_MAX);
    uint32_t at = 0;
    memset(reader->quality, QUALITY_GOOD, reader->row_count);
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        uint64_t run = (uint64_t)reader->longs[i + 1];
        if (run > reader->row_count - at) {
            return false;
        }
        for (; run > 0; run--) {
            reader->quality[reader->rows[at++]] = (uint8_t)reader->longs[i];
        }
    }
    return count % 2 == 0 && at == reader->row_count;
}

// ---- columns ----

// Where the next run, scale and number stand.
struct places {
    uint32_t run;     // the present one
    int64_t run_left; // rows of it
    uint32_t scale;
    int64_t scale_left; // series that the one before `scale` has
    uint32_t number;
    uint64_t last; // number before in the column
};

// Which rows have a value of the next column: runs of those that have, have not, have, ...
static bool get_presence(struct wire_reader *reader, struct places *places)
{
    for (uint32_t at = 0; at < reader->row_count;) {
        while (places->run_left == 0 && places->run < reader->run_count) {
            places->run_left = reader->runs[places->run++];
        }
        uint32_t left = reader->row_count - at;
        if (places->run_left <= 0) {
            return false;
        }
        uint32_t count = places->run_left < left ? (uint32_t)places->run_left : left;
        memset(reader->present + at, places->run % 2 == 1, count);
        places->run_left -= count;
        at += count;
    }
    return true;
}

// The scale of the next series; -1: there is none.
static int64_t next_scale(const struct wire_reader *reader, struct places *places)
{
    while (places->scale_left == 0) {
        if (places->scale + 1 >= reader->scale_count) {
            return -1;
        }
        places->scale_left = reader->scales[places->scale + 1];
        places->scale += 2;
    }
    places->scale_left--;
    return reader->scales[places->scale - 2];
}

static bool scale_fits(int64_t scale, enum column_type type)
{
    int64_t kind = scale & SCALE_KIND;
    if (scale < 0 || scale > (SCALE_KIND | SCALE_GOES_ON)) {
        return false;
    }
    switch (type) {
    case COLUMN_BOOLEAN:
        return kind == SCALE_BOOLEAN;
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        return kind == SCALE_INTEGER;
    case COLUMN_NUMBER:
        return kind <= SCALE_DOUBLE;
    case COLUMN_STRING:
        return kind == SCALE_TEXT;
    }
    return false;
}

static bool set_number(const struct wire_reader *reader, int64_t kind, uint64_t number,
                       struct value *value)
{
    if (kind == SCALE_TEXT) {
        if (number >= reader->text_count) {
            return false;
        }
        *value = (struct value){.kind = VALUE_TEXT, .text = reader->texts[number]};
    } else if (kind == SCALE_DOUBLE) {
        if (number >= reader->double_count) {
            return false;
        }
        value->kind = VALUE_NUMBER;
        value->number = bits_double(get_u64(reader->doubles[number].at));
    } else if (kind == SCALE_BOOLEAN) {
        *value = (struct value){.kind = VALUE_BOOLEAN, .boolean = number != 0};
    } else if (kind == SCALE_INTEGER) {
        *value = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)number};
    } else {
        double power = block_power_of_ten[kind % SCALE_FLOAT];
        value->kind = VALUE_NUMBER;
        value->number = decimal_double((int64_t)number, power, kind >= SCALE_FLOAT);
    }
    return true;
}

// The values of one key, from row `from` (key after key) on, where `present[from]` is the first.
static bool set_series(struct wire_reader *reader, struct places *places, uint32_t field,
                       uint32_t from, uint32_t to)
{
    int64_t scale = next_scale(reader, places);
    uint64_t number = scale & SCALE_GOES_ON ? places->last : 0;
    if (!scale_fits(scale, reader->types[field])) {
        return false;
    }
    for (uint32_t i = from; i < to; i++) {
        struct value *value = &reader->values[reader->rows[i] * reader->field_count + field];
        if (!reader->present[i]) {
            continue;
        }
        if (places->number == reader->number_count) {
            return false;
        }
        number += (uint64_t)reader->numbers[places->number++];
        if (!set_number(reader, scale & SCALE_KIND, number, value)) {
            return false;
        }
    }
    places->last = number;
    return true;
}

static bool get_column(struct wire_reader *reader, struct places *places, uint32_t field)
{
    if (!get_presence(reader, places)) {
        return false;
    }
    for (uint32_t i = 0; i < reader->row_count; i++) {
        reader->values[reader->rows[i] * reader->field_count + field].kind = VALUE_NULL;
    }
    places->last = 0;
    for (uint32_t key = 0; key < reader->key_count; key++) {
        uint32_t from = reader->start_of_key[key];
        uint32_t to = reader->start_of_key[key + 1];
        const void *first = memchr(reader->present + from, 1, to - from);
        if (first != NULL && !set_series(reader, places, field, from, to)) {
            return false;
        }
    }
    return true;
}

static bool get_columns(struct wire_reader *reader)
{
    struct cursor *in = &reader->in;
    reader->run_count = get_longs(in, reader->runs, WIRE_RUNS_MAX);
    reader->scale_count = get_longs(in, reader->scales, 2 * WIRE_READINGS_MAX);
    reader->number_count = get_longs(in, reader->numbers, WIRE_READINGS_MAX);
    reader->double_count = get_doubles(in, reader->doubles, WIRE_READINGS_MAX);
    reader->text_count = get_strings(in, reader->texts, WIRE_READINGS_MAX);
    struct places places = {.scale = 0};
    if (in->bad || cursor_left(in) > 0) {
        return false;
    }
    for (uint32_t field = 0; field < reader->field_count; field++) {
        if (!get_column(reader, &places, field)) {
            return false;
        }
    }
    return places.number == reader->number_count && places.scale == reader->scale_count &&
           places.scale_left == 0 && places.run == reader->run_count && places.run_left == 0;
}

// ---- the record ----

// What stands before the columns.
static enum err get_rows(struct wire_reader *reader, struct wire_info *info,
                         const struct key_list *listed)
{
    struct cursor *in = &reader->in;
    info->gateway = get_string(in);
    info->epoch = get_string(in);
    info->first_seq = (uint64_t)get_long(in);
    int64_t clock = get_long(in);
    info->clock = clock == 0 ? RECORD_CLOCK_DEVICE : RECORD_CLOCK_WALL;
    if (clock < 0 || clock > 1 || !get_losses(reader, info)) {
        return ERR_CORRUPT;
    }
    reader->key_count = 0;
    enum err err = get_listed(reader, listed);
    if (err != OK) {
        return err;
    }
    bool good = get_keys(reader) && get_axes(reader) && get_order(reader) && get_qualities(reader);
    info->row_count = reader->row_count;
    return good ? OK : ERR_CORRUPT;
}

enum err wire_read(struct wire_reader *reader, struct bytes in, const struct schema *schema,
                   const struct key_list *listed)
{
    struct wire_info info = {.row_count = 0};
    reader->in = cursor_over(in);
    reader->info = info;
    reader->field_count = schema->field_count;
    block_field_types(schema, reader->types);
    enum err err = get_rows(reader, &info, listed);
    if (err != OK) {
        return err;
    }
    if (reader->row_count * reader->field_count > WIRE_CELLS_MAX) {
        return ERR_LIMIT;
    }
    if (!get_columns(reader)) {
        return ERR_CORRUPT;
    }
    reader->info = info;
    return OK;
}

struct wire_loss wire_loss_at(const struct wire_reader *reader, uint32_t index)
{
    assert(index < reader->info.loss_count);
    return reader->losses[index];
}

const struct wire_info *wire_reader_info(const struct wire_reader *reader)
{
    return &reader->info;
}

void wire_row(const struct wire_reader *reader, uint32_t index, struct record *record)
{
    assert(index < reader->info.row_count);
    *record = (struct record){
        .key = reader->keys[reader->key_of_row[index]],
        .time_ms = reader->time_ms[index],
        .clock = reader->info.clock,
        .quality = reader->quality[index],
        .seq = reader->info.first_seq + index,
        .values = reader->values + index * reader->field_count,
    };
}
