// Any bytes as a block: they are refused or read, within the reader's memory; what is read can be
// written and read again, and is the same.
#include "agent/block.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

// The first byte chooses the schema, so that every type of column is met.
static struct schema schema_for(uint8_t choice)
{
    static const enum column_type types[] = {COLUMN_NUMBER, COLUMN_STRING, COLUMN_BOOLEAN,
                                             COLUMN_INTEGER, COLUMN_TIMESTAMP};
    struct schema schema = {.id = 0x12345678};
    schema.column_count = (uint16_t)(choice % 4 + 1);
    schema.field_count = schema.column_count;
    for (uint16_t i = 0; i < schema.column_count; i++) {
        schema.columns[i].role = ROLE_FIELD;
        schema.columns[i].field = i;
        schema.columns[i].type = types[(choice / 4 + i) % 5];
    }
    return schema;
}

static bool same(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOLEAN:
        return a->boolean == b->boolean;
    case VALUE_INTEGER:
        return a->integer == b->integer;
    case VALUE_NUMBER:
        return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    case VALUE_TEXT:
        return bytes_equal(a->text, b->text);
    }
    return false;
}

static void write_again(const struct schema *schema, const struct block_reader *reader)
{
    static struct block_codec *codec;
    static struct block_builder *builder;
    static struct block_reader *again;
    static uint8_t room[BLOCK_BYTES_MAX];
    if (codec == NULL) {
        codec = block_codec_open(true);
        builder = block_builder_open();
        again = block_reader_open();
        require(codec != NULL && builder != NULL && again != NULL);
    }
    const struct block_info *info = block_reader_info(reader);
    block_reset(builder, schema, info->first_seq, info->clock,
                info->clock == RECORD_CLOCK_BOOT ? info->boot_id : NULL);
    struct block_row row;
    uint32_t count = 0;
    for (enum err err = OK; err == OK && count < info->row_count;) {
        block_row(reader, count, &row);
        err = block_add(builder, row.key_id, row.time_ms, row.quality, row.values);
        count += err == OK;
    }
    if (count == 0) {
        return; // texts that stand for more than a builder takes
    }
    struct buffer out = buffer_over(room, sizeof room);
    block_encode(codec, builder, 0, count, &out);
    require(block_read(again, buffer_bytes(&out), schema) == OK);
    for (uint32_t i = 0; i < count; i++) {
        struct block_row back;
        block_row(reader, i, &row);
        block_row(again, i, &back);
        require(row.seq == back.seq && row.key_id == back.key_id && row.time_ms == back.time_ms &&
                row.quality == back.quality);
        for (uint16_t field = 0; field < schema->field_count; field++) {
            require(same(&row.values[field], &back.values[field]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct block_reader *reader;
    if (reader == NULL) {
        reader = block_reader_open();
        require(reader != NULL);
    }
    if (size == 0) {
        return 0;
    }
    struct schema schema = schema_for(data[0]);
    struct bytes block = bytes_from(data + 1, size - 1);
    struct block_info info;
    (void)block_look(block, &info);
    if (block_read(reader, block, &schema) == OK) {
        write_again(&schema, reader);
    }
    return 0;
}
