#include "agent/block_layout.h"
#include <assert.h>
#include <stdlib.h>

// The most bytes of a block, that of its front left out.
enum { MOST_ALL = BLOCK_BYTES_MAX - 4096 };

static size_t builder_size(size_t blocks)
{
    return sizeof(struct block_builder) +
           blocks * (BLOCK_READINGS_MAX * (sizeof(int64_t) + sizeof(uint16_t) + 1) +
                     BLOCK_CELLS_MAX * (sizeof(uint64_t) + 1) + BLOCK_TEXT_MAX);
}

// A builder of so many blocks' rows. Its arrays lie behind it, the wide ones first.
static struct block_builder *builder_open(uint32_t blocks)
{
    struct block_builder *builder = calloc(1, builder_size(blocks));
    if (builder == NULL) {
        return NULL;
    }
    builder->row_max = blocks * BLOCK_READINGS_MAX;
    builder->cell_max = blocks * BLOCK_CELLS_MAX;
    builder->text_max = blocks * BLOCK_TEXT_MAX;
    builder->most_max = blocks * MOST_ALL;
    builder->time_ms = (int64_t *)(builder + 1);
    builder->bits = (uint64_t *)(builder->time_ms + builder->row_max);
    builder->key_of_row = (uint16_t *)(builder->bits + builder->cell_max);
    builder->quality = (uint8_t *)(builder->key_of_row + builder->row_max);
    builder->present = builder->quality + builder->row_max;
    builder->text = builder->present + builder->cell_max;
    return builder;
}

struct block_builder *block_builder_open(void)
{
    return builder_open(1);
}

struct block_builder *block_builder_open_wide(void)
{
    return builder_open(BLOCK_WIDE);
}

void block_builder_close(struct block_builder *builder)
{
    free(builder);
}

size_t block_builder_size(const struct block_builder *builder)
{
    return builder_size(builder->row_max / BLOCK_READINGS_MAX);
}

void block_reset(struct block_builder *builder, const struct schema *schema, uint64_t first_seq,
                 enum record_clock clock, const uint8_t *boot_id)
{
    assert(schema->field_count <= SCHEMA_COLUMNS_MAX);
    assert((clock == RECORD_CLOCK_BOOT) == (boot_id != NULL));
    builder->schema = schema;
    builder->first_seq = first_seq;
    builder->clock = clock;
    memset(builder->boot_id, 0, sizeof builder->boot_id);
    if (boot_id != NULL) {
        memcpy(builder->boot_id, boot_id, sizeof builder->boot_id);
    }
    builder->row_count = 0;
    builder->key_count = 0;
    builder->reading_count = 0;
    builder->text_size = 0;
    builder->most_bytes = 0;
    builder->quality_seen = 0;
    memset(builder->key_slots, 0, sizeof builder->key_slots);
    block_field_types(schema, builder->types);
    builder->has_text = false;
    for (uint16_t field = 0; field < schema->field_count; field++) {
        builder->has_text = builder->has_text || builder->types[field] == COLUMN_STRING;
    }
}

uint32_t block_row_count(const struct block_builder *builder)
{
    return builder->row_count;
}

uint64_t block_first_seq(const struct block_builder *builder)
{
    return builder->first_seq;
}

enum record_clock block_clock(const struct block_builder *builder)
{
    return builder->clock;
}

// The slot of `key_ids` that holds `key_id`, or the free one where it belongs. There is always one:
// the table has twice as many as keys.
static uint16_t *key_slot(struct block_builder *builder, uint32_t key_id)
{
    const uint32_t mask = 2 * BLOCK_KEYS_MAX - 1;
    uint32_t slot = (key_id * 2654435761U >> 16) & mask;
    while (builder->key_slots[slot] != 0 &&
           builder->key_ids[builder->key_slots[slot] - 1] != key_id) {
        slot = (slot + 1) & mask;
    }
    return &builder->key_slots[slot];
}

static bool kind_fits(enum value_kind kind, enum column_type type)
{
    switch (kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOLEAN:
        return type == COLUMN_BOOLEAN;
    case VALUE_INTEGER:
        return type == COLUMN_INTEGER || type == COLUMN_TIMESTAMP;
    case VALUE_NUMBER:
        return type == COLUMN_NUMBER;
    case VALUE_TEXT:
        return type == COLUMN_STRING;
    }
    return false;
}

// The most bytes that parts of a block can take: a number is at most 13 coded decisions (of little
// more than a bit each, see BLOCKS.md) and 61 raw bits.
enum {
    MOST_NUMBER = 11,
    MOST_DOUBLE = 15, // one in four may be an exception
    MOST_KEY = 6,
    MOST_ORDER = 5,
    MOST_QUALITY = 8,  // of a row that is not good: a run begins, and ends
    MOST_COLUMN = 4,   // mode and digits
    MOST_PRESENCE = 4, // of a null: a run begins, and ends
};

// What a row adds to a block.
struct row_load {
    size_t text;
    uint32_t readings;
    size_t most_bytes;
};

static struct row_load row_load(const struct block_builder *builder, int64_t time_ms,
                                uint8_t quality, const struct value *values)
{
    int64_t before = builder->row_count == 0 ? 0 : builder->time_ms[builder->row_count - 1];
    uint64_t step = (uint64_t)time_ms - (uint64_t)before;
    struct row_load load = {0, 0, 0};
    load.most_bytes = MOST_ORDER + (step < 1U << 20 ? 7 : 3 + MOST_NUMBER);
    load.most_bytes += quality == QUALITY_GOOD ? 0 : MOST_QUALITY;
    for (uint16_t field = 0; field < builder->schema->field_count; field++) {
        assert(kind_fits(values[field].kind, builder->types[field]));
        if (values[field].kind == VALUE_NULL) {
            load.most_bytes += MOST_PRESENCE;
            continue;
        }
        load.readings++;
        load.most_bytes += values[field].kind == VALUE_NUMBER ? MOST_DOUBLE : MOST_NUMBER;
        load.text += values[field].kind == VALUE_TEXT ? values[field].text.size : 0;
    }
    load.most_bytes += load.text;
    return load;
}

static uint64_t value_bits(struct block_builder *builder, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        return 0;
    case VALUE_BOOLEAN:
        return value->boolean;
    case VALUE_INTEGER:
        return (uint64_t)value->integer;
    case VALUE_NUMBER:
        return double_bits(value->number);
    case VALUE_TEXT:
        break;
    }
    uint64_t place = builder->text_size;
    if (value->text.size > 0) {
        memcpy(builder->text + place, value->text.at, value->text.size);
        builder->text_size += (uint32_t)value->text.size;
    }
    return place << 32 | value->text.size;
}

enum err block_add(struct block_builder *builder, uint32_t key_id, int64_t time_ms, uint8_t quality,
                   const struct value *values)
{
    uint32_t field_count = builder->schema->field_count;
    struct row_load load = row_load(builder, time_ms, quality, values);
    uint16_t *slot = key_slot(builder, key_id);
    if (*slot == 0) {
        load.most_bytes += MOST_KEY + field_count * MOST_COLUMN;
    }
    if (load.text > builder->text_max || load.most_bytes > builder->most_max) {
        return ERR_LIMIT;
    }
    if (builder->row_count == builder->row_max ||
        (builder->row_count + 1) * field_count > builder->cell_max ||
        builder->reading_count + load.readings > builder->row_max ||
        builder->text_size + load.text > builder->text_max ||
        builder->most_bytes + load.most_bytes > builder->most_max ||
        (*slot == 0 && builder->key_count == BLOCK_KEYS_MAX)) {
        return ERR_FULL;
    }
    if (*slot == 0) {
        builder->key_ids[builder->key_count++] = key_id;
        *slot = (uint16_t)builder->key_count;
    }
    uint32_t row = builder->row_count++;
    builder->reading_count += load.readings;
    builder->most_bytes += (uint32_t)load.most_bytes;
    builder->key_of_row[row] = (uint16_t)(*slot - 1);
    builder->time_ms[row] = time_ms;
    builder->quality[row] = quality;
    builder->quality_seen |= quality;
    for (uint32_t field = 0; field < field_count; field++) {
        builder->present[row * field_count + field] = values[field].kind != VALUE_NULL;
        builder->bits[row * field_count + field] = value_bits(builder, &values[field]);
    }
    return OK;
}
