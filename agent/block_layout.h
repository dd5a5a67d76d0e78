// The bytes of a block, as its writer and its reader share them; agent/BLOCKS.md draws them.
// Internal to the block codec: others use agent/block.h.
//
// Floor: forms.
#ifndef WEIR_AGENT_BLOCK_LAYOUT_H
#define WEIR_AGENT_BLOCK_LAYOUT_H

#include "agent/block.h"
#include <float.h>

// Decimals are exact only where a double is computed as a double on every machine (not in x87
// registers).
_Static_assert(FLT_EVAL_METHOD == 0, "the block codec needs IEEE doubles without excess precision");

enum {
    BLOCK_VERSION = 1,
    BLOCK_FRONT_MAX = 80,                                       // bytes before the streams
    BLOCK_DECIMALS_MAX = 15,                                    // k of m / 10^k
    BLOCK_DICTIONARY_MAX = 255,                                 // distinct numbers of a dictionary
    BLOCK_TEXTS_SIZE = BLOCK_TEXT_MAX + 3 * BLOCK_READINGS_MAX, // strings and their lengths
    BLOCK_NO_KEY = 0xffff,
};

// A column is one field of one key. Its mode, two symbols: kind and exceptions; order and flags.
enum column_kind {
    KIND_ABSENT,  // nothing but nulls
    KIND_INTEGER, // integers, times, booleans
    KIND_DECIMAL, // double = m / 10^k; k follows the mode
    KIND_FLOAT,   // double = (float)(m / 10^k); k follows the mode
    KIND_DOUBLE,  // doubles as they are, by their place among all doubles
    KIND_SINGLE,  // doubles that are floats, by their place among all floats
    KIND_TEXT,    // strings, by their place in the block's list of strings
};

// What stands in place of the integers m: their residuals to a prediction.
enum column_order {
    ORDER_OFFSET,   // m - smallest, unsigned
    ORDER_DELTA,    // m - the one before
    ORDER_SLOPE,    // m - the line through the two before
    ORDER_CONSTANT, // all are the first
};

enum {
    MODE_KIND = 0x07,
    MODE_EXCEPTIONS = 0x08, // some values are not what m / 10^k says
    MODE_ORDER_SHIFT = 4,
    MODE_ORDER = 0x30,
    MODE_DICTIONARY = 0x40, // m are places in a list of distinct values
    MODE_NULLS = 0x80,      // runs of presence follow
};

// How times are predicted; see BLOCKS.md.
enum time_method {
    TIME_GAP,    // the gap to the row before, as it was at this key's last row
    TIME_PERIOD, // this key's own last period
    TIME_DELTA,  // the row before
    TIME_COUNT,
};

// Which rows each key has.
struct block_axis {
    uint32_t row_count;
    uint32_t key_count;
    uint16_t key_of_row[BLOCK_READINGS_MAX];
    uint16_t start_of_key[BLOCK_KEYS_MAX + 1]; // into `rows`
    uint16_t rows[BLOCK_READINGS_MAX];         // rows of key 0, of key 1, ...
};

// Fill `start_of_key` and `rows` from the rest.
void block_axis_sort(struct block_axis *axis);

// The same for any count of rows: `starts` has key_count + 1 places, `rows` one a row.
void block_rows_sort(const uint16_t *key_of_row, uint32_t row_count, uint32_t key_count,
                     uint16_t *starts, uint16_t *rows);

// The same where `starts` holds how many rows each key has.
void block_rows_place(const uint16_t *key_of_row, uint32_t row_count, uint32_t key_count,
                      uint16_t *starts, uint16_t *rows);

// The types of a schema's fields.
void block_field_types(const struct schema *schema, enum column_type types[SCHEMA_COLUMNS_MAX]);

// 10^0 .. 10^BLOCK_DECIMALS_MAX, exact.
extern const double block_power_of_ten[BLOCK_DECIMALS_MAX + 1];

static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t) - (int64_t)((uint64_t)value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}

// Differences wrap modulo 2^64: any two integers have one.
static inline int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline uint64_t double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double bits_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The fewest digits k >= `from` with which a double is exactly `*m` / 10^k (through a float where
// `is_float`), |m| < 2^51; BLOCK_DECIMALS_MAX + 1: there are none.
unsigned block_digits(uint64_t bits, unsigned from, bool is_float, int64_t *m);

// Doubles and floats in order, as integers: neighbours differ by one. Each undoes itself.
static inline int64_t fold_double(uint64_t bits)
{
    return (int64_t)(bits ^ ((bits >> 63) * (UINT64_MAX >> 1)));
}

static inline int32_t fold_float(uint32_t bits)
{
    return (int32_t)(bits ^ ((bits >> 31) * (UINT32_MAX >> 1)));
}

// The double that KIND_DECIMAL or KIND_FLOAT stores as `m`: |m| <= 2^53.
static inline double decimal_double(int64_t m, double power, bool is_float)
{
    double value = (double)m / power;
    return is_float ? (double)(float)value : value;
}

// ---- varints: LEB128, 7 bits a byte, least first, at most 10 bytes ----

static inline void put_varint(struct buffer *out, uint64_t value)
{
    if (value < 0x80) {
        buffer_put_byte(out, (uint8_t)value);
        return;
    }
    uint8_t bytes[10];
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    buffer_put(out, bytes, size);
}

// A reader of bytes from outside: a read past the end gives zeros and sets `bad`, which stays set.
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct cursor cursor_over(struct bytes bytes)
{
    return (struct cursor){.at = bytes.at, .end = bytes.at + bytes.size, .bad = false};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

uint64_t block_long_varint(struct cursor *cursor); // get_varint, where it is not one byte

static inline uint64_t get_varint(struct cursor *cursor)
{
    if (cursor->at < cursor->end && *cursor->at < 0x80) {
        return *cursor->at++;
    }
    return block_long_varint(cursor);
}

// `size` bytes, or NULL (and `bad`) where there are not so many.
static inline const uint8_t *get_raw(struct cursor *cursor, size_t size)
{
    if (cursor_left(cursor) < size) {
        cursor->bad = true;
        return NULL;
    }
    const uint8_t *at = cursor->at;
    cursor->at += size;
    return at;
}

static inline uint8_t get_byte(struct cursor *cursor)
{
    const uint8_t *at = get_raw(cursor, 1);
    return at == NULL ? 0 : *at;
}

// ---- the builder, as the encoder reads it ----

struct block_builder {
    const struct schema *schema;
    uint64_t first_seq;
    enum record_clock clock;
    uint8_t boot_id[16];
    uint32_t row_count;
    uint32_t key_count;
    uint32_t reading_count;
    uint32_t text_size;
    uint32_t most_bytes;                        // that the rows can take in a block
    uint8_t quality_seen;                       // all qualities or'ed
    enum column_type types[SCHEMA_COLUMNS_MAX]; // of its fields
    bool has_text;                              // one of them is a string

    uint32_t key_ids[BLOCK_KEYS_MAX];
    uint16_t key_slots[2 * BLOCK_KEYS_MAX]; // hash of an id -> its place in key_ids, plus one

    // How much it takes, and where it keeps that: in one piece of memory behind it.
    uint32_t row_max;
    uint32_t cell_max;
    uint32_t text_max;
    uint32_t most_max;
    int64_t *time_ms;
    uint16_t *key_of_row; // into `key_ids`
    uint8_t *quality;

    // Row after row: the bits of each value (of a string: its place in `text` << 32 | its size),
    // and whether there is one.
    uint64_t *bits;
    uint8_t *present;
    uint8_t *text;
};

#endif
