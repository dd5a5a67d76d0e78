// A record of layout `blocks`: what its rows share. agent/wire_blocks_column.c has their values.
#include "agent/wire_blocks.h"
#include "agent/avro.h"
#include "agent/wire_blocks_layout.h"
#include <assert.h>
#include <stdlib.h>

struct wire_blocks *wire_blocks_open(void)
{
    return calloc(1, sizeof(struct wire_blocks));
}

void wire_blocks_close(struct wire_blocks *wire)
{
    free(wire);
}

size_t wire_blocks_size(const struct wire_blocks *wire)
{
    return sizeof *wire;
}

// ---- keys: those that are listed, by place; then the others by name, as neighbours share much
// ----

struct key_name {
    uint32_t place; // in the list; KEY_LIST_NONE: not listed
    size_t size;
    uint8_t bytes[RECORD_KEY_MAX];
};

// A copy: a source lends a name until the next.
static void copy_name(const struct wire_source *source, uint32_t key_id, struct key_name *name)
{
    struct bytes key = source->key(source->context, key_id);
    assert(key.size <= sizeof name->bytes);
    name->place = key_list_find(source->listed, key);
    name->size = key.size;
    if (key.size > 0) {
        memcpy(name->bytes, key.at, key.size);
    }
}

static bool name_is_before(const struct key_name *a, const struct key_name *b)
{
    if (a->place != b->place) {
        return a->place < b->place;
    }
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->bytes, b->bytes, size);
    return order < 0 || (order == 0 && a->size < b->size);
}

// The place of `name` among the first `count` of `key_ids`.
static uint32_t find_place(const struct wire_blocks *wire, const struct wire_source *source,
                           uint32_t count, const struct key_name *name)
{
    uint32_t from = 0;
    for (uint32_t to = count; from < to;) {
        uint32_t middle = (from + to) / 2;
        struct key_name there;
        copy_name(source, wire->key_ids[middle], &there);
        if (name_is_before(&there, name)) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static void order_keys(struct wire_blocks *wire, const struct block_builder *builder,
                       const struct wire_source *source)
{
    uint16_t builders[BLOCK_KEYS_MAX];     // the builder's number of each key
    uint16_t places[BLOCK_KEYS_MAX] = {0}; // of the builder's keys
    for (uint32_t key = 0; key < builder->key_count; key++) {
        struct key_name name;
        copy_name(source, builder->key_ids[key], &name);
        uint32_t place = find_place(wire, source, key, &name);
        memmove(wire->key_ids + place + 1, wire->key_ids + place,
                (key - place) * sizeof wire->key_ids[0]);
        memmove(builders + place + 1, builders + place, (key - place) * sizeof builders[0]);
        wire->key_ids[place] = builder->key_ids[key];
        builders[place] = (uint16_t)key;
    }
    for (uint32_t place = 0; place < builder->key_count; place++) {
        places[builders[place]] = (uint16_t)place;
    }
    wire->row_count = builder->row_count;
    wire->key_count = builder->key_count;
    for (uint32_t row = 0; row < builder->row_count; row++) {
        wire->key_of_row[row] = places[builder->key_of_row[row]];
    }
    block_rows_sort(wire->key_of_row, wire->row_count, wire->key_count, wire->start_of_key,
                    wire->rows);
}

// (place, keys)*: runs of the list. How many keys that is.
static uint32_t put_listed(const struct wire_blocks *wire, const struct wire_source *source,
                           struct buffer *out)
{
    uint32_t runs[BLOCK_KEYS_MAX][2];
    uint32_t run_count = 0;
    uint32_t key = 0;
    for (; key < wire->key_count; key++) {
        struct key_name name;
        copy_name(source, wire->key_ids[key], &name);
        if (name.place == KEY_LIST_NONE) {
            break; // the others neither
        }
        if (run_count == 0 || name.place != runs[run_count - 1][0] + runs[run_count - 1][1]) {
            runs[run_count][0] = name.place;
            runs[run_count++][1] = 0;
        }
        runs[run_count - 1][1]++;
    }
    avro_put_long(out, key == 0 ? 0 : source->listed->id);
    avro_array_begin(out, 2 * (size_t)run_count);
    for (uint32_t i = 0; i < run_count; i++) {
        avro_put_long(out, runs[i][0]);
        avro_put_long(out, runs[i][1]);
    }
    avro_array_end(out);
    return key;
}

// How many ASCII characters (which every language counts alike) two names begin with.
static size_t shared_size(const struct key_name *a, const struct key_name *b)
{
    size_t size = 0;
    while (size < a->size && size < b->size && a->bytes[size] == b->bytes[size] &&
           a->bytes[size] < 0x80) {
        size++;
    }
    return size;
}

static void put_keys(const struct wire_blocks *wire, const struct wire_source *source,
                     struct buffer *out)
{
    uint8_t shared[BLOCK_KEYS_MAX];
    struct key_name before = {.size = 0};
    uint32_t first = put_listed(wire, source, out);
    avro_array_begin(out, wire->key_count - first);
    for (uint32_t key = first; key < wire->key_count; key++) {
        struct key_name name;
        copy_name(source, wire->key_ids[key], &name);
        shared[key] = (uint8_t)shared_size(&before, &name);
        avro_put_string(out, bytes_from(name.bytes + shared[key], name.size - shared[key]));
        before = name;
    }
    avro_array_end(out);
    avro_array_begin(out, wire->key_count - first);
    for (uint32_t key = first; key < wire->key_count; key++) {
        avro_put_long(out, shared[key]);
    }
    avro_array_end(out);
}

// ---- times ----

static uint32_t rows_of_key(const struct wire_blocks *wire, uint32_t key)
{
    return (uint32_t)wire->start_of_key[key + 1] - wire->start_of_key[key];
}

// Has `key` the times of the key before it?
static bool shares_times(const struct wire_blocks *wire, const int64_t *times, uint32_t key)
{
    if (key == 0 || rows_of_key(wire, key) != rows_of_key(wire, key - 1)) {
        return false;
    }
    const uint16_t *rows = wire->rows + wire->start_of_key[key];
    const uint16_t *before = wire->rows + wire->start_of_key[key - 1];
    for (uint32_t i = 0; i < rows_of_key(wire, key); i++) {
        if (times[rows[i]] != times[before[i]]) {
            return false;
        }
    }
    return true;
}

// Keys that come together have the same times. An axis is how many such keys follow each other, and
// the steps of their times, the first one from where the axis before begins.
static void put_times(const struct wire_blocks *wire, const int64_t *times, struct buffer *out)
{
    bool starts[BLOCK_KEYS_MAX + 1]; // an axis
    uint32_t axis_count = 0;
    for (uint32_t key = 0; key < wire->key_count; key++) {
        starts[key] = !shares_times(wire, times, key);
        axis_count += starts[key];
    }
    starts[wire->key_count] = true;
    uint64_t first = 0;
    avro_array_begin(out, axis_count);
    for (uint32_t key = 0, keys = 1; key < wire->key_count; key++, keys++) {
        if (!starts[key + 1]) {
            continue;
        }
        const uint16_t *rows = wire->rows + wire->start_of_key[key];
        uint64_t before = first;
        first = (uint64_t)times[rows[0]];
        avro_put_long(out, keys);
        avro_array_begin(out, rows_of_key(wire, key));
        for (uint32_t i = 0; i < rows_of_key(wire, key); i++) {
            avro_put_long(out, (int64_t)((uint64_t)times[rows[i]] - before));
            before = (uint64_t)times[rows[i]];
        }
        avro_array_end(out);
        keys = 0;
    }
    avro_array_end(out);
}

// Where rows came in order of time, those of one time are neighbours, and have its places, key
// after key. False: they did not.
static bool place_in_groups(struct wire_blocks *wire, const int64_t *times)
{
    uint16_t *group = wire->places; // of each row at first, the first row of its time
    for (uint32_t row = 0; row < wire->row_count; row++) {
        if (row > 0 && times[row] < times[row - 1]) {
            return false;
        }
        bool same = row > 0 && times[row] == times[row - 1];
        group[row] = same ? group[row - 1] : (uint16_t)row;
        wire->next_place[row] = (uint16_t)row;
    }
    for (uint32_t i = 0; i < wire->row_count; i++) {
        uint16_t row = wire->rows[i];
        wire->places[row] = wire->next_place[group[row]]++;
    }
    return true;
}

static void place_by_sorting(struct wire_blocks *wire, const int64_t *times)
{
    for (uint32_t i = 0; i < wire->row_count; i++) {
        wire->times[i] = times[wire->rows[i]];
    }
    const uint16_t *by_time = wire_sort_by_time(wire->times, wire->row_count, wire->by_time);
    for (uint32_t place = 0; place < wire->row_count; place++) {
        wire->places[wire->rows[by_time[place]]] = (uint16_t)place;
    }
}

// Of each row, its place in order of time less its place; empty where they are the same.
static void put_order(struct wire_blocks *wire, const int64_t *times, struct buffer *out)
{
    if (!place_in_groups(wire, times)) {
        place_by_sorting(wire, times);
    }
    bool moved = false;
    for (uint32_t row = 0; row < wire->row_count; row++) {
        moved = moved || wire->places[row] != row;
    }
    uint32_t count = moved ? wire->row_count : 0;
    avro_array_begin(out, count);
    for (uint32_t row = 0; row < count; row++) {
        avro_put_long(out, (int64_t)wire->places[row] - (int64_t)row);
    }
    avro_array_end(out);
}

// ---- qualities ----

// (quality, rows)*, key after key.
static void put_qualities(const struct wire_blocks *wire, const uint8_t *qualities,
                          struct buffer *out)
{
    const uint16_t *rows = wire->rows;
    uint32_t run_count = 0;
    for (uint32_t i = 0; i < wire->row_count; i++) {
        run_count += i == 0 || qualities[rows[i]] != qualities[rows[i - 1]];
    }
    avro_array_begin(out, 2 * (size_t)run_count);
    for (uint32_t i = 0; i < wire->row_count;) {
        uint8_t quality = qualities[rows[i]];
        uint32_t start = i;
        while (i < wire->row_count && qualities[rows[i]] == quality) {
            i++;
        }
        avro_put_long(out, quality);
        avro_put_long(out, i - start);
    }
    avro_array_end(out);
}

// ---- the record ----

static void put_losses(const struct wire_source *source, struct buffer *out)
{
    avro_array_begin(out, source->loss_count);
    for (uint32_t i = 0; i < source->loss_count; i++) {
        const struct wire_loss *loss = &source->losses[i];
        avro_put_long(out, (int64_t)loss->from);
        avro_put_long(out, (int64_t)loss->to);
        avro_put_long(out, (int64_t)loss->count);
        avro_put_string(out, loss->cause);
    }
    avro_array_end(out);
}

void wire_blocks_put(struct wire_blocks *wire, const struct block_builder *builder,
                     const struct wire_source *source, struct buffer *out)
{
    assert(builder->row_count > 0 && builder->clock != RECORD_CLOCK_BOOT);
    order_keys(wire, builder, source);
    avro_put_string(out, bytes_text(source->gateway));
    avro_put_string(out, bytes_text(source->epoch));
    avro_put_long(out, (int64_t)builder->first_seq);
    avro_put_long(out, builder->clock == RECORD_CLOCK_WALL); // a symbol's place
    put_losses(source, out);
    put_keys(wire, source, out);
    put_times(wire, builder->time_ms, out);
    put_order(wire, builder->time_ms, out);
    put_qualities(wire, builder->quality, out);
    wire->run_count = 0;
    wire->scale_run_count = 0;
    wire->number_count = 0;
    wire->double_count = 0;
    wire->text_count = 0;
    if (builder->has_text) {
        memset(wire->slots, 0, sizeof wire->slots);
    }
    for (uint32_t field = 0; field < builder->schema->field_count; field++) {
        wire_add_column(wire, builder, field);
    }
    wire_put_values(wire, builder, out);
}
