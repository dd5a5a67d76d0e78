#include "agent/wire_blocks.h"
#include "agent/avro.h"
#include "agent/block_layout.h"
#include <assert.h>
#include <stdlib.h>

enum { SCALE_DOUBLE = -1, SCALE_FLOAT = 32 };

struct wire_blocks {
    struct block_axis axis;
    uint32_t key_ids[BLOCK_KEYS_MAX];

    // One field at a time, key after key.
    uint32_t count;                      // values that are there
    uint64_t bits[BLOCK_READINGS_MAX];   // theirs
    int64_t numbers[BLOCK_READINGS_MAX]; // deltas
    uint32_t number_count;
    double doubles[BLOCK_READINGS_MAX];
    uint32_t double_count;
    int32_t runs[BLOCK_READINGS_MAX + 1]; // of presence, or of quality
    uint32_t run_count;
    int32_t keys[BLOCK_KEYS_MAX]; // that have values
    uint32_t own_count;
    int32_t scales[BLOCK_KEYS_MAX];
    uint32_t scale_count;
    uint16_t ends[BLOCK_KEYS_MAX];      // of each key's values in `bits`
    uint64_t texts[BLOCK_READINGS_MAX]; // distinct ones: place in the builder's text << 32 | size
    uint32_t text_count;
    uint16_t slots[2 * BLOCK_READINGS_MAX]; // hash -> place in `texts`, plus one
};

struct wire_blocks *wire_blocks_open(void)
{
    return calloc(1, sizeof(struct wire_blocks));
}

void wire_blocks_close(struct wire_blocks *wire)
{
    free(wire);
}

// ---- the schema ----

static const char *const column_names[] = {
    [COLUMN_BOOLEAN] = "BooleanColumn", [COLUMN_INTEGER] = "IntegerColumn",
    [COLUMN_NUMBER] = "NumberColumn",   [COLUMN_STRING] = "TextColumn",
    [COLUMN_TIMESTAMP] = "TimeColumn",
};

static void put_array(struct buffer *out, const char *name, const char *items)
{
    buffer_put_text(out, "{\"name\":\"");
    buffer_put_text(out, name);
    buffer_put_text(out, "\",\"type\":{\"type\":\"array\",\"items\":\"");
    buffer_put_text(out, items);
    buffer_put_text(out, "\"}}");
}

// A type is told where it is used first, and by its name from then on.
static void put_column_type(struct buffer *out, enum column_type type, bool is_first)
{
    if (!is_first) {
        buffer_put_byte(out, '"');
        buffer_put_text(out, column_names[type]);
        buffer_put_byte(out, '"');
        return;
    }
    buffer_put_text(out, "{\"type\":\"record\",\"name\":\"");
    buffer_put_text(out, column_names[type]);
    buffer_put_text(out, "\",\"fields\":[");
    put_array(out, "keys", "int");
    buffer_put_byte(out, ',');
    put_array(out, "present", "int");
    buffer_put_byte(out, ',');
    put_array(out, "numbers", "long");
    if (type == COLUMN_NUMBER) {
        buffer_put_byte(out, ',');
        put_array(out, "scales", "int");
        buffer_put_byte(out, ',');
        put_array(out, "doubles", "double");
    } else if (type == COLUMN_STRING) {
        buffer_put_byte(out, ',');
        put_array(out, "texts", "string");
    }
    buffer_put_text(out, "]}");
}

static bool name_is_avro(const char *name)
{
    size_t size = strlen(name);
    const char *const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    bool first = size > 0 && strchr(letters, name[0]) != NULL;
    return first &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") == size;
}

enum err wire_blocks_schema(const struct schema *schema, struct buffer *out)
{
    bool told[COLUMN_TIMESTAMP + 1] = {false};
    buffer_put_text(out,
                    "{\"type\":\"record\",\"name\":\"Block\",\"namespace\":\"weir\",\"fields\":["
                    "{\"name\":\"gateway\",\"type\":\"string\"},"
                    "{\"name\":\"epoch\",\"type\":\"string\"},"
                    "{\"name\":\"seq\",\"type\":\"long\"},"
                    "{\"name\":\"clock\",\"type\":{\"type\":\"enum\",\"name\":\"Clock\","
                    "\"symbols\":[\"device\",\"wall\"]}},");
    put_array(out, "keys", "string");
    buffer_put_byte(out, ',');
    put_array(out, "order", "int");
    buffer_put_byte(out, ',');
    put_array(out, "times", "long");
    buffer_put_byte(out, ',');
    put_array(out, "qualities", "int");
    buffer_put_text(out,
                    ",{\"name\":\"columns\",\"type\":{\"type\":\"record\",\"name\":\"Columns\","
                    "\"fields\":[");
    uint32_t field_count = 0;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->role != ROLE_FIELD) {
            continue;
        }
        if (!name_is_avro(column->name)) {
            return ERR_INVALID;
        }
        buffer_put_text(out, field_count++ == 0 ? "{\"name\":\"" : ",{\"name\":\"");
        buffer_put_text(out, column->name);
        buffer_put_text(out, "\",\"type\":");
        put_column_type(out, column->type, !told[column->type]);
        told[column->type] = true;
        buffer_put_byte(out, '}');
    }
    buffer_put_text(out, "]}}]}");
    return out->overflow ? ERR_LIMIT : OK;
}

// ---- the rows ----

static void number_keys(struct wire_blocks *wire, const struct block_builder *builder)
{
    // The builder numbers keys by first appearance already.
    wire->axis.row_count = builder->row_count;
    wire->axis.key_count = builder->key_count;
    memcpy(wire->axis.key_of_row, builder->key_of_row,
           builder->row_count * sizeof builder->key_of_row[0]);
    block_axis_sort(&wire->axis);
}

static void put_ints(struct buffer *out, const int32_t *ints, uint32_t count)
{
    avro_array_begin(out, count);
    for (uint32_t i = 0; i < count; i++) {
        avro_put_long(out, ints[i]);
    }
    avro_array_end(out);
}

// Which key each row has; empty where there is one key.
static void put_order(const struct wire_blocks *wire, struct buffer *out)
{
    uint32_t count = wire->axis.key_count == 1 ? 0 : wire->axis.row_count;
    avro_array_begin(out, count);
    for (uint32_t row = 0; row < count; row++) {
        avro_put_long(out, wire->axis.key_of_row[row]);
    }
    avro_array_end(out);
}

// Key after key: its first time, less the first time of the key before; then the steps.
static void put_times(const struct wire_blocks *wire, const int64_t *times, struct buffer *out)
{
    const struct block_axis *axis = &wire->axis;
    uint64_t first = 0;
    avro_array_begin(out, axis->row_count);
    for (uint32_t key = 0; key < axis->key_count; key++) {
        uint64_t before = first;
        first = (uint64_t)times[axis->rows[axis->start_of_key[key]]];
        for (uint32_t i = axis->start_of_key[key]; i < axis->start_of_key[key + 1]; i++) {
            uint64_t time = (uint64_t)times[axis->rows[i]];
            avro_put_long(out, (int64_t)(time - before));
            before = time;
        }
    }
    avro_array_end(out);
}

// (quality, rows)*, key after key; empty where all are good.
static void put_qualities(struct wire_blocks *wire, const uint8_t *qualities, struct buffer *out)
{
    const struct block_axis *axis = &wire->axis;
    uint32_t run_count = 0;
    for (uint32_t i = 0; i < axis->row_count; i++) {
        run_count += i == 0 || qualities[axis->rows[i]] != qualities[axis->rows[i - 1]];
    }
    if (run_count == 1 && qualities[axis->rows[0]] == QUALITY_GOOD) {
        run_count = 0;
    }
    avro_array_begin(out, 2 * (size_t)run_count);
    for (uint32_t i = 0; i < axis->row_count && run_count > 0;) {
        uint8_t quality = qualities[axis->rows[i]];
        uint32_t start = i;
        while (i < axis->row_count && qualities[axis->rows[i]] == quality) {
            i++;
        }
        avro_put_long(out, quality);
        avro_put_long(out, i - start);
    }
    avro_array_end(out);
}

// ---- columns ----

static bool key_has(const struct wire_blocks *wire, const struct block_builder *builder,
                    uint32_t key, uint32_t field)
{
    const struct block_axis *axis = &wire->axis;
    bool has = false;
    for (uint32_t i = axis->start_of_key[key]; i < axis->start_of_key[key + 1] && !has; i++) {
        has = builder->present[axis->rows[i] * builder->schema->field_count + field];
    }
    return has;
}

// Note which keys have values of a field; none where all have, or none has.
static void find_keys(struct wire_blocks *wire, const struct block_builder *builder, uint32_t field)
{
    wire->own_count = 0;
    for (uint32_t key = 0; key < wire->axis.key_count; key++) {
        if (key_has(wire, builder, key, field)) {
            wire->keys[wire->own_count++] = (int32_t)key;
        }
    }
    wire->own_count = wire->own_count == wire->axis.key_count ? 0 : wire->own_count;
}

// Collect a field's values, and the runs of rows (of the keys that have any) with and without.
static void collect(struct wire_blocks *wire, const struct block_builder *builder, uint32_t field)
{
    const struct block_axis *axis = &wire->axis;
    const uint32_t stride = builder->schema->field_count;
    bool current = true;
    find_keys(wire, builder, field);
    wire->count = 0;
    wire->run_count = 0;
    wire->runs[0] = 0;
    for (uint32_t key = 0, own = 0; key < axis->key_count; key++) {
        bool listed = own < wire->own_count && wire->keys[own] == (int32_t)key;
        own += listed;
        wire->ends[key] = (uint16_t)wire->count;
        if (wire->own_count > 0 && !listed) {
            continue;
        }
        for (uint32_t i = axis->start_of_key[key]; i < axis->start_of_key[key + 1]; i++) {
            uint32_t at = axis->rows[i] * stride + field;
            bool here = builder->present[at];
            if (here != current) {
                wire->runs[++wire->run_count] = 0;
                current = here;
            }
            wire->runs[wire->run_count]++;
            if (here) {
                wire->bits[wire->count++] = builder->bits[at];
            }
        }
        wire->ends[key] = (uint16_t)wire->count;
    }
    wire->run_count = wire->run_count == 0 ? 0 : wire->run_count + 1;
}

static void add_delta(struct wire_blocks *wire, int64_t number, int64_t before)
{
    wire->numbers[wire->number_count++] = (int64_t)((uint64_t)number - (uint64_t)before);
}

// The scale with which all of a key's numbers are integers; SCALE_DOUBLE: none.
static int32_t choose_scale(const uint64_t *bits, uint32_t count)
{
    for (int is_float = 0; is_float < 2; is_float++) {
        int64_t m;
        unsigned digits = 0;
        for (uint32_t i = 0; i < count && digits <= BLOCK_DECIMALS_MAX; i++) {
            digits = block_digits(bits[i], digits, is_float != 0, &m);
        }
        bool all = digits <= BLOCK_DECIMALS_MAX;
        for (uint32_t i = 0; i < count && all; i++) { // more digits may be too many for others
            all = block_digits(bits[i], digits, is_float != 0, &m) == digits;
        }
        if (all) {
            return (int32_t)digits + (is_float ? SCALE_FLOAT : 0);
        }
    }
    return SCALE_DOUBLE;
}

// One scale for all keys instead of one for each, where the digits that this adds cost less (10/3
// bits each) than the scales (about a byte).
static void share_scale(struct wire_blocks *wire, const uint32_t *counts)
{
    int32_t most = 0;
    uint64_t added = 0;
    for (uint32_t i = 0; i < wire->scale_count; i++) {
        if (wire->scales[i] < 0 || wire->scales[i] >= SCALE_FLOAT) {
            return;
        }
        most = wire->scales[i] > most ? wire->scales[i] : most;
    }
    for (uint32_t i = 0; i < wire->scale_count; i++) {
        added += counts[i] * (uint64_t)(most - wire->scales[i]);
    }
    if (added * 10 / 3 > 8 * (uint64_t)wire->scale_count) {
        return;
    }
    int64_t m;
    for (uint32_t i = 0; i < wire->count; i++) { // more digits may be too many
        if (block_digits(wire->bits[i], (unsigned)most, false, &m) != (unsigned)most) {
            return;
        }
    }
    for (uint32_t i = 0; i < wire->scale_count; i++) {
        wire->scales[i] = most;
    }
}

static void choose_scales(struct wire_blocks *wire)
{
    uint32_t counts[BLOCK_KEYS_MAX];
    for (uint32_t key = 0, i = 0; key < wire->axis.key_count; key++) {
        uint32_t end = wire->ends[key];
        if (i < end) { // no value, no scale
            counts[wire->scale_count] = end - i;
            wire->scales[wire->scale_count++] = choose_scale(wire->bits + i, end - i);
        }
        i = end;
    }
    share_scale(wire, counts);
}

// A scale a key, and deltas of the integers or the doubles as they are.
static void make_numbers(struct wire_blocks *wire)
{
    choose_scales(wire);
    for (uint32_t key = 0, i = 0, next = 0; key < wire->axis.key_count; key++) {
        uint32_t end = wire->ends[key];
        int32_t scale = i < end ? wire->scales[next++] : 0;
        for (int64_t before = 0; i < end; i++) {
            int64_t m;
            if (scale == SCALE_DOUBLE) {
                wire->doubles[wire->double_count++] = bits_double(wire->bits[i]);
                continue;
            }
            (void)block_digits(wire->bits[i], (unsigned)scale % SCALE_FLOAT, scale >= SCALE_FLOAT,
                               &m);
            add_delta(wire, m, before);
            before = m;
        }
    }
    while (wire->scale_count > 1 &&
           wire->scales[wire->scale_count - 1] == wire->scales[wire->scale_count - 2]) {
        wire->scale_count--; // the last one holds for all that follow
    }
}

static struct bytes text_at(const struct block_builder *builder, uint64_t bits)
{
    return bytes_from(builder->text + (bits >> 32), (uint32_t)bits);
}

static uint32_t text_place(struct wire_blocks *wire, const struct block_builder *builder,
                           uint64_t bits)
{
    const uint32_t mask = 2 * BLOCK_READINGS_MAX - 1;
    struct bytes here = text_at(builder, bits);
    uint32_t slot = bytes_murmur2(here) & mask;
    while (wire->slots[slot] != 0 &&
           !bytes_equal(text_at(builder, wire->texts[wire->slots[slot] - 1]), here)) {
        slot = (slot + 1) & mask;
    }
    if (wire->slots[slot] == 0) {
        wire->texts[wire->text_count++] = bits;
        wire->slots[slot] = (uint16_t)wire->text_count;
    }
    return wire->slots[slot] - 1U;
}

static void make_integers(struct wire_blocks *wire, const struct block_builder *builder,
                          enum column_type type)
{
    if (type == COLUMN_STRING) {
        memset(wire->slots, 0, sizeof wire->slots);
    }
    for (uint32_t key = 0, i = 0; key < wire->axis.key_count; key++) {
        for (int64_t before = 0; i < wire->ends[key]; i++) {
            int64_t number = type == COLUMN_STRING ? text_place(wire, builder, wire->bits[i])
                                                   : (int64_t)wire->bits[i];
            add_delta(wire, number, before);
            before = number;
        }
    }
}

static void put_column(struct wire_blocks *wire, const struct block_builder *builder,
                       enum column_type type, struct buffer *out)
{
    wire->number_count = 0;
    wire->double_count = 0;
    wire->scale_count = 0;
    wire->text_count = 0;
    if (type == COLUMN_NUMBER) {
        make_numbers(wire);
    } else {
        make_integers(wire, builder, type);
    }
    put_ints(out, wire->keys, wire->own_count);
    put_ints(out, wire->runs, wire->run_count);
    avro_array_begin(out, wire->number_count);
    for (uint32_t i = 0; i < wire->number_count; i++) {
        avro_put_long(out, wire->numbers[i]);
    }
    avro_array_end(out);
    if (type == COLUMN_NUMBER) {
        put_ints(out, wire->scales, wire->scale_count);
        avro_array_begin(out, wire->double_count);
        for (uint32_t i = 0; i < wire->double_count; i++) {
            avro_put_double(out, wire->doubles[i]);
        }
        avro_array_end(out);
    } else if (type == COLUMN_STRING) {
        avro_array_begin(out, wire->text_count);
        for (uint32_t i = 0; i < wire->text_count; i++) {
            avro_put_string(out, text_at(builder, wire->texts[i]));
        }
        avro_array_end(out);
    }
}

void wire_blocks_put(struct wire_blocks *wire, const struct block_builder *builder,
                     const struct wire_source *source, struct buffer *out)
{
    assert(builder->row_count > 0 && builder->clock != RECORD_CLOCK_BOOT);
    number_keys(wire, builder);
    avro_put_string(out, bytes_text(source->gateway));
    avro_put_string(out, bytes_text(source->epoch));
    avro_put_long(out, (int64_t)builder->first_seq);
    avro_put_long(out, builder->clock == RECORD_CLOCK_WALL); // a symbol's place
    avro_array_begin(out, builder->key_count);
    for (uint32_t key = 0; key < builder->key_count; key++) {
        avro_put_string(out, source->key(source->context, builder->key_ids[key]));
    }
    avro_array_end(out);
    put_order(wire, out);
    put_times(wire, builder->time_ms, out);
    put_qualities(wire, builder->quality, out);
    for (uint32_t field = 0; field < builder->schema->field_count; field++) {
        collect(wire, builder, field);
        put_column(wire, builder, builder->types[field], out);
    }
}
