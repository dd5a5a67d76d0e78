// Blocks: rows of one schema packed into columns and deflated. What a block says is exact for every
// IEEE bit pattern. A block decodes alone, given its schema and the series table that names its
// keys.
//
// The builder collects rows in fixed memory. Any run of its rows can be encoded at any time, any
// number of times: a commit encodes the young rows since the last commit, and sealing encodes all
// of them once more as one dense block. The codec (workspace of deflate and columns, at most 1 MiB)
// is shared by all products of a gateway and holds no state between calls.
//
// Floor: forms.
#ifndef WEIR_AGENT_BLOCK_H
#define WEIR_AGENT_BLOCK_H

#include "agent/record.h"

enum {
    BLOCK_READINGS_MAX = 4096, // values that are there (not null), and rows
    BLOCK_CELLS_MAX = 24576,   // rows x fields of the schema, nulls and all
    BLOCK_KEYS_MAX = 1024,     // distinct keys
    BLOCK_TEXT_MAX = 65536,    // bytes of all strings of a block
    BLOCK_BYTES_MAX = 131072,  // bytes of an encoded block, whatever is in it
    BLOCK_WIDE = 4,            // what a wide builder takes, in blocks (of keys: no more)
};

struct block_builder; // rows being collected; opaque, one a product
struct block_codec;   // workspace; opaque, one a gateway

// Memory is taken here, once; NULL where there is none. `small` uses 64 KiB of deflate state.
struct block_codec *block_codec_open(bool small);
void block_codec_close(struct block_codec *codec);
size_t block_codec_size(const struct block_codec *codec); // bytes it holds

struct block_builder *block_builder_open(void);
// One that takes BLOCK_WIDE times as much, for the wire: no block_encode.
struct block_builder *block_builder_open_wide(void);
void block_builder_close(struct block_builder *builder);
size_t block_builder_size(const struct block_builder *builder);

// Empty the builder for rows of `schema` (borrowed until the next reset), seqs from `first_seq` on,
// stamped by `clock` (with RECORD_CLOCK_BOOT, of the boot `boot_id`, 16 bytes; else NULL).
void block_reset(struct block_builder *builder, const struct schema *schema, uint64_t first_seq,
                 enum record_clock clock, const uint8_t *boot_id);

uint32_t block_row_count(const struct block_builder *builder);
uint64_t block_first_seq(const struct block_builder *builder);
enum record_clock block_clock(const struct block_builder *builder);

// Add a row; copies all it needs. `key_id` is the key's id in the series table. Each value is null
// or of its column's kind.
// ERR_FULL: it does not fit beside the rows that are there (seal, and try again).
// ERR_LIMIT: it would not fit into an empty block either.
enum err block_add(struct block_builder *builder, uint32_t key_id, int64_t time_ms, uint8_t quality,
                   const struct value *values);

// Encode rows `from` .. `to`-1 (0-based, from < to <= row count) as one block that stands alone.
// `out` needs BLOCK_BYTES_MAX bytes of room; cannot fail otherwise.
void block_encode(struct block_codec *codec, const struct block_builder *builder, uint32_t from,
                  uint32_t to, struct buffer *out);

// What the front of an encoded block says without inflating it.
struct block_info {
    uint32_t schema_id;
    uint64_t first_seq;
    uint32_t row_count;
    int64_t time_first_ms; // of the earliest row
    int64_t time_last_ms;  // of the latest row
    enum record_clock clock;
    uint8_t boot_id[16]; // zero unless RECORD_CLOCK_BOOT
};
// ERR_CORRUPT: not a block. ERR_VERSION: a newer version wrote it.
enum err block_look(struct bytes in, struct block_info *info);

// One decoded row. `values` and their texts borrow from the reader until it is opened again.
struct block_row {
    uint64_t seq;
    uint32_t key_id;
    int64_t time_ms;
    uint8_t quality;
    const struct value *values; // schema.field_count
};

struct block_reader; // one decoded block; opaque, memory fixed
struct block_reader *block_reader_open(void);
void block_reader_close(struct block_reader *reader);

size_t block_reader_size(const struct block_reader *reader);

// Decode `in`, which was written under `schema` (borrowed as long as rows are read), whole.
// ERR_CORRUPT: not a block, not of this schema, or sizes that do not fit; ERR_VERSION: a newer
// version wrote it; nothing is then readable. Time and memory are bounded for any input.
enum err block_read(struct block_reader *reader, struct bytes in, const struct schema *schema);

const struct block_info *block_reader_info(const struct block_reader *reader);

// Row `index` (0-based, < row_count) in seq order.
void block_row(const struct block_reader *reader, uint32_t index, struct block_row *row);

#endif
