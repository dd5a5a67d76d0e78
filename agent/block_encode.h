// The workspace of the block encoder, and the parts of the encoder that share it. Internal to the
// block codec.
//
// Floor: forms.
#ifndef WEIR_AGENT_BLOCK_ENCODE_H
#define WEIR_AGENT_BLOCK_ENCODE_H

#include "agent/block_coder.h"
#include "agent/block_layout.h"
#define ZLIB_CONST // next_in is const
#include <zlib.h>

struct block_codec {
    z_stream deflate;
    uint8_t *memory; // of zlib, handed out once
    size_t memory_size;
    size_t memory_used;

    struct coder_model model;
    struct encoder encoder;
    struct buffer text; // over `text_room`

    struct block_axis axis;
    uint16_t local_keys[BLOCK_KEYS_MAX]; // of the builder's keys
    int64_t key_time[BLOCK_KEYS_MAX];    // per key, for the prediction of times
    int64_t key_step[BLOCK_KEYS_MAX];
    unsigned kind_before; // of the column before

    // One column at a time: its values' bits, the integers in their place, and scratch.
    uint64_t bits[BLOCK_READINGS_MAX];
    int64_t numbers[BLOCK_READINGS_MAX];
    int64_t places[BLOCK_READINGS_MAX];
    uint64_t residuals[BLOCK_READINGS_MAX];
    uint16_t exceptions[BLOCK_READINGS_MAX];

    // The distinct strings of the block: place in the builder's text << 32 | size.
    uint64_t texts[BLOCK_READINGS_MAX];
    uint32_t text_count;
    uint16_t text_slots[2 * BLOCK_READINGS_MAX]; // hash -> place in `texts`, plus one
    uint16_t used_slots[BLOCK_READINGS_MAX];     // those that are not 0

    uint8_t coded_room[BLOCK_BYTES_MAX];
    uint8_t raw_room[BLOCK_BYTES_MAX];
    uint8_t text_room[BLOCK_TEXTS_SIZE];
};

// One field of one key, before it is written.
struct column_out {
    enum column_type type;
    uint32_t row_count;     // of the key
    uint32_t count;         // values that are there, > 0; their bits are in `codec->bits`
    const uint16_t *rows;   // of the key
    const uint8_t *present; // of this field, row after row
    uint32_t stride;        // from row to row of `present`
    const uint8_t *text;    // that the values' bits point into
};

void block_encode_absent(struct block_codec *codec);
void block_encode_column(struct block_codec *codec, const struct column_out *column);

// Write `codec->numbers` as the column's, of `kind`; `digits` < 0: the kind has none.
void block_lay_numbers(struct block_codec *codec, const struct column_out *column,
                       enum column_kind kind, unsigned flags, int digits);

// A column of doubles (block_doubles.c).
void block_lay_doubles(struct block_codec *codec, const struct column_out *column);

// Empty the list of strings, for the next block.
void block_forget_texts(struct block_codec *codec);

#endif
