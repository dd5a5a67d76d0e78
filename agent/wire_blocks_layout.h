// What the writer and the reader of layout `blocks` share, and the writer's workspace;
// agent/BLOCKS-WIRE.md draws the record. Internal to them: others use agent/wire_blocks.h.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_BLOCKS_LAYOUT_H
#define WEIR_AGENT_WIRE_BLOCKS_LAYOUT_H

#include "agent/block_layout.h"

enum {
    WIRE_READINGS_MAX = BLOCK_WIDE * BLOCK_READINGS_MAX,
    WIRE_CELLS_MAX = BLOCK_WIDE * BLOCK_CELLS_MAX,
};

// What the numbers of a series (one field of one key) stand for.
enum wire_scale {
    SCALE_DECIMAL = 0, // + k: number / 10^k in double division
    SCALE_FLOAT = 16,  // + k: that, made a float
    SCALE_DOUBLE = 32, // a place in `doubles`
    SCALE_TEXT = 33,   // a place in `texts`
    SCALE_BOOLEAN = 34,
    SCALE_INTEGER = 35, // itself; a time in ms
    SCALE_KIND = 63,
    SCALE_GOES_ON = 64, // added: the first number is a step from the last one before in the column
};

enum { WIRE_RUNS_MAX = 2 * WIRE_READINGS_MAX + 2 }; // each second one holds a value at least

// The places 0 .. count - 1 in order of their times, equal ones as they are; in one of `room`.
const uint16_t *wire_sort_by_time(const int64_t *times, uint32_t count,
                                  uint16_t room[2][WIRE_READINGS_MAX]);

// The writer's workspace.
struct wire_blocks {
    uint32_t row_count;
    uint32_t key_count;
    uint32_t key_ids[BLOCK_KEYS_MAX]; // in order of their names
    uint16_t key_of_row[WIRE_READINGS_MAX];
    uint16_t start_of_key[BLOCK_KEYS_MAX + 1]; // into `rows`
    uint16_t rows[WIRE_READINGS_MAX];          // rows of key 0, of key 1, ...
    int64_t times[WIRE_READINGS_MAX];          // theirs
    uint16_t by_time[2][WIRE_READINGS_MAX];    // to sort them
    uint16_t next_place[WIRE_READINGS_MAX];    // of the rows that begin a time
    uint16_t places[WIRE_READINGS_MAX];        // of rows in order of seq, in order of time

    // One field at a time, key after key.
    uint32_t count;                   // values that are there
    uint64_t bits[WIRE_READINGS_MAX]; // theirs
    uint32_t series_count;            // keys that have values
    uint16_t ends[BLOCK_KEYS_MAX];    // of each series' values in `bits`
    uint8_t scales[BLOCK_KEYS_MAX];

    // All fields.
    uint32_t runs[WIRE_RUNS_MAX]; // of rows with a value, without, with, ...
    uint32_t run_count;
    struct scale_run {
        uint8_t scale;
        uint32_t count;
    } scale_runs[WIRE_READINGS_MAX];
    uint32_t scale_run_count;
    int64_t numbers[WIRE_READINGS_MAX];
    uint32_t number_count;
    uint64_t doubles[WIRE_READINGS_MAX]; // their bits
    uint32_t double_count;
    uint64_t texts[WIRE_READINGS_MAX]; // distinct ones: place in the builder's text << 32 | size
    uint32_t text_count;
    uint16_t slots[2 * WIRE_READINGS_MAX]; // hash -> place in `texts`, plus one
};

// Add the values of `field`, and which rows have one, to the workspace.
void wire_add_column(struct wire_blocks *wire, const struct block_builder *builder, uint32_t field);

// Write the values of all fields.
void wire_put_values(const struct wire_blocks *wire, const struct block_builder *builder,
                     struct buffer *out);

#endif
