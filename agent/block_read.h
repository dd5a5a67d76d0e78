// The reader of blocks, as its parts share it. Internal to the block codec.
//
// Floor: forms.
#ifndef WEIR_AGENT_BLOCK_READ_H
#define WEIR_AGENT_BLOCK_READ_H

#include "agent/block_coder.h"
#include "agent/block_layout.h"
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

static inline uint64_t block_get_number(struct block_reader *reader, enum subject subject)
{
    return decode_number(&reader->decoder, &reader->model, subject);
}

// Read the columns of all fields into `values`. False: they are none.
bool block_get_columns(struct block_reader *reader);

#endif
