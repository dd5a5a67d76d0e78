// A record of layout `blocks`: one field of all keys, and the values of all fields.
#include "agent/avro.h"
#include "agent/block_coder.h"
#include "agent/wire_blocks_layout.h"

// ---- which rows have a value ----

// A run that ends here: the next one is of rows with a value, if the last one was not.
static void add_run(struct wire_blocks *wire, bool here)
{
    if (wire->run_count == 0) {
        wire->runs[wire->run_count++] = 0;
    }
    if (here != (wire->run_count % 2 == 1)) {
        wire->runs[wire->run_count++] = 0;
    }
    wire->runs[wire->run_count - 1]++;
}

// Collect a field's values, and the runs of rows with and without.
static void collect(struct wire_blocks *wire, const struct block_builder *builder, uint32_t field)
{
    const uint32_t stride = builder->schema->field_count;
    wire->count = 0;
    wire->series_count = 0;
    for (uint32_t key = 0; key < wire->key_count; key++) {
        uint32_t start = wire->count;
        for (uint32_t i = wire->start_of_key[key]; i < wire->start_of_key[key + 1]; i++) {
            uint32_t at = wire->rows[i] * stride + field;
            add_run(wire, builder->present[at]);
            if (builder->present[at]) {
                wire->bits[wire->count++] = builder->bits[at];
            }
        }
        if (wire->count > start) {
            wire->ends[wire->series_count++] = (uint16_t)wire->count;
        }
    }
}

// ---- scales: how few digits say all numbers ----

// The scale with which all of a series' numbers are integers; SCALE_DOUBLE: none.
static uint8_t choose_scale(const uint64_t *bits, uint32_t count)
{
    for (int is_float = 0; is_float < 2; is_float++) {
        int64_t m;
        unsigned digits = 0;
        uint32_t last = 0; // one that took more digits
        for (uint32_t i = 0; i < count && digits <= BLOCK_DECIMALS_MAX; i++) {
            unsigned more = block_digits(bits[i], digits, is_float != 0, &m);
            last = more > digits ? i : last;
            digits = more;
        }
        bool all = digits <= BLOCK_DECIMALS_MAX;
        for (uint32_t i = 0; i < last && all; i++) { // they may be too many for those before
            all = block_digits(bits[i], digits, is_float != 0, &m) == digits;
        }
        if (all) {
            return (uint8_t)(digits + (is_float ? SCALE_FLOAT : SCALE_DECIMAL));
        }
    }
    return SCALE_DOUBLE;
}

// One scale for all series instead of one for each, where the digits that this adds cost less (10/3
// bits each) than the scales (about a byte).
static void share_scale(struct wire_blocks *wire)
{
    uint8_t most = 0;
    uint64_t added = 0;
    for (uint32_t i = 0; i < wire->series_count; i++) {
        if (wire->scales[i] >= SCALE_FLOAT) {
            return;
        }
        most = wire->scales[i] > most ? wire->scales[i] : most;
    }
    for (uint32_t i = 0, start = 0; i < wire->series_count; start = wire->ends[i++]) {
        added += (wire->ends[i] - start) * (uint64_t)(most - wire->scales[i]);
    }
    if (added * 10 / 3 > 8 * (uint64_t)wire->series_count) {
        return;
    }
    int64_t m;
    for (uint32_t i = 0; i < wire->count; i++) { // more digits may be too many
        if (block_digits(wire->bits[i], most, false, &m) != most) {
            return;
        }
    }
    memset(wire->scales, most, wire->series_count);
}

static void choose_scales(struct wire_blocks *wire, enum column_type type)
{
    if (type != COLUMN_NUMBER) {
        uint8_t scale = type == COLUMN_STRING    ? SCALE_TEXT
                        : type == COLUMN_BOOLEAN ? SCALE_BOOLEAN
                                                 : SCALE_INTEGER;
        memset(wire->scales, scale, wire->series_count);
        return;
    }
    for (uint32_t i = 0, start = 0; i < wire->series_count; start = wire->ends[i++]) {
        wire->scales[i] = choose_scale(wire->bits + start, wire->ends[i] - start);
    }
    share_scale(wire);
}

static void add_scales(struct wire_blocks *wire, uint8_t flag)
{
    for (uint32_t i = 0; i < wire->series_count; i++) {
        uint8_t scale = wire->scales[i] | flag;
        if (wire->scale_run_count == 0 ||
            wire->scale_runs[wire->scale_run_count - 1].scale != scale) {
            wire->scale_runs[wire->scale_run_count++] = (struct scale_run){scale, 0};
        }
        wire->scale_runs[wire->scale_run_count - 1].count++;
    }
}

// ---- numbers ----

static struct bytes text_at(const struct block_builder *builder, uint64_t bits)
{
    return bytes_from(builder->text + (bits >> 32), (uint32_t)bits);
}

static uint32_t text_place(struct wire_blocks *wire, const struct block_builder *builder,
                           uint64_t bits)
{
    const uint32_t mask = 2 * WIRE_READINGS_MAX - 1;
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

// Doubles that no decimal says seldom come again, but at once.
static uint32_t double_place(struct wire_blocks *wire, uint64_t bits)
{
    if (wire->double_count == 0 || wire->doubles[wire->double_count - 1] != bits) {
        wire->doubles[wire->double_count++] = bits;
    }
    return wire->double_count - 1;
}

static int64_t number_of(struct wire_blocks *wire, const struct block_builder *builder,
                         uint8_t scale, uint64_t bits)
{
    int64_t m = (int64_t)bits;
    if (scale < SCALE_DOUBLE) {
        (void)block_digits(bits, scale % SCALE_FLOAT, scale >= SCALE_FLOAT, &m);
    } else if (scale == SCALE_TEXT) {
        m = text_place(wire, builder, bits);
    } else if (scale == SCALE_DOUBLE) {
        m = double_place(wire, bits);
    }
    return m;
}

// Add the numbers of each series, its first and then the steps. Each first is a step from the
// number before in the column where that is shorter for all of them; is it?
static bool add_numbers(struct wire_blocks *wire, const struct block_builder *builder)
{
    uint32_t firsts[BLOCK_KEYS_MAX]; // where they stand
    int64_t steps[BLOCK_KEYS_MAX];   // to them
    unsigned alone = 0;              // bits
    unsigned going_on = 0;
    int64_t before = 0;
    for (uint32_t i = 0, at = 0; i < wire->series_count; i++) {
        firsts[i] = wire->number_count;
        for (uint32_t start = at; at < wire->ends[i]; at++) {
            int64_t number = number_of(wire, builder, wire->scales[i], wire->bits[at]);
            int64_t step = difference(number, before);
            steps[i] = at == start ? step : steps[i];
            wire->numbers[wire->number_count++] = at == start ? number : step;
            before = number;
        }
        alone += bit_length(zigzag(wire->numbers[firsts[i]]));
        going_on += bit_length(zigzag(steps[i]));
    }
    for (uint32_t i = 0; i < wire->series_count && going_on < alone; i++) {
        wire->numbers[firsts[i]] = steps[i];
    }
    return going_on < alone;
}

void wire_add_column(struct wire_blocks *wire, const struct block_builder *builder, uint32_t field)
{
    collect(wire, builder, field);
    choose_scales(wire, builder->types[field]);
    add_scales(wire, add_numbers(wire, builder) ? SCALE_GOES_ON : 0);
}

// ---- all fields ----

void wire_put_values(const struct wire_blocks *wire, const struct block_builder *builder,
                     struct buffer *out)
{
    avro_array_begin(out, wire->run_count);
    for (uint32_t i = 0; i < wire->run_count; i++) {
        avro_put_long(out, wire->runs[i]);
    }
    avro_array_end(out);
    avro_array_begin(out, 2 * (size_t)wire->scale_run_count);
    for (uint32_t i = 0; i < wire->scale_run_count; i++) {
        avro_put_long(out, wire->scale_runs[i].scale);
        avro_put_long(out, wire->scale_runs[i].count);
    }
    avro_array_end(out);
    avro_array_begin(out, wire->number_count);
    for (uint32_t i = 0; i < wire->number_count; i++) {
        avro_put_long(out, wire->numbers[i]);
    }
    avro_array_end(out);
    avro_array_begin(out, wire->double_count);
    for (uint32_t i = 0; i < wire->double_count; i++) {
        avro_put_double(out, bits_double(wire->doubles[i]));
    }
    avro_array_end(out);
    avro_array_begin(out, wire->text_count);
    for (uint32_t i = 0; i < wire->text_count; i++) {
        avro_put_string(out, text_at(builder, wire->texts[i]));
    }
    avro_array_end(out);
}
