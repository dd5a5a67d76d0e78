// The workspace of the block encoder, and the parts of the encoder that share it. Internal to the
// block codec.
//
// Floor: forms.
#ifndef WEIR_AGENT_BLOCK_ENCODE_H
#define WEIR_AGENT_BLOCK_ENCODE_H

#include "agent/block_layout.h"
#define ZLIB_CONST // next_in is const
#include <zlib.h>

// The most bytes each section can take, whatever the rows are (n = BLOCK_READINGS_MAX).
enum {
    ROOM_KEYS = 6 * BLOCK_KEYS_MAX,
    ROOM_ORDER = 4 * BLOCK_READINGS_MAX + 8,
    ROOM_TIME = 12 * BLOCK_READINGS_MAX + 16,
    ROOM_QUALITY = 3 * BLOCK_READINGS_MAX + 8,
    ROOM_MODE = BLOCK_CELLS_MAX + BLOCK_READINGS_MAX,
    ROOM_FIRST = 36 * BLOCK_READINGS_MAX,
    ROOM_VALUES = 10 * BLOCK_READINGS_MAX,
    ROOM_RAW = 8 * BLOCK_READINGS_MAX,
    ROOM_TEXT = BLOCK_TEXT_MAX,
    ROOM_ALL = ROOM_KEYS + ROOM_ORDER + ROOM_TIME + ROOM_QUALITY + ROOM_MODE + ROOM_FIRST +
               ROOM_VALUES + ROOM_RAW + ROOM_TEXT,
};

// A section being written. Its room is enough for any rows, so writing asks no questions; the end
// is asserted once a column.
struct section {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
};

struct block_codec {
    z_stream deflate;
    uint8_t *memory; // of zlib, handed out once
    size_t memory_size;
    size_t memory_used;

    struct section sections[SECTION_COUNT];
    struct block_axis axis;
    uint32_t key_ids[BLOCK_KEYS_MAX];
    uint16_t local_keys[BLOCK_KEYS_MAX]; // of the builder's keys

    // One column at a time: its values' bits, the integers in their place, and scratch.
    uint64_t bits[BLOCK_READINGS_MAX];
    int64_t numbers[BLOCK_READINGS_MAX];
    int64_t scratch[BLOCK_READINGS_MAX];
    uint16_t exceptions[BLOCK_READINGS_MAX];
    uint16_t places[BLOCK_READINGS_MAX];
    uint16_t slots[2 * BLOCK_READINGS_MAX];

    int64_t key_time[BLOCK_KEYS_MAX]; // per key, for the prediction of times
    int64_t key_step[BLOCK_KEYS_MAX];

    uint8_t room[ROOM_ALL];
};

static inline uint8_t *lay_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline void section_varint(struct section *section, uint64_t value)
{
    section->at = lay_varint(section->at, value);
}

static inline void section_byte(struct section *section, uint8_t byte)
{
    *section->at++ = byte;
}

// Write one column, `count` > 0 values in `codec->bits`, into the sections; `flags` are those of
// the mode byte that the caller knows. `text` holds the strings.
void block_encode_column(struct block_codec *codec, enum column_type type, uint32_t count,
                         uint8_t flags, const uint8_t *text);

#endif
