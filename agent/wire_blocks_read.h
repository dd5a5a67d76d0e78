// Reads what wire_blocks_put wrote: one Avro record of columns, back into rows.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_BLOCKS_READ_H
#define WEIR_AGENT_WIRE_BLOCKS_READ_H

#include "agent/block.h"

struct wire_reader; // one decoded record; opaque, memory fixed
struct wire_reader *wire_reader_open(void);
void wire_reader_close(struct wire_reader *reader);

struct wire_info {
    struct bytes gateway;
    struct bytes epoch;
    uint64_t first_seq;
    uint32_t row_count;
    enum record_clock clock;
};

// Decode `in`, a record written for `schema`, whole; `in` is borrowed as long as rows are read.
// ERR_CORRUPT: it is none, or of another schema. ERR_LIMIT: it holds more than a wide builder.
enum err wire_read(struct wire_reader *reader, struct bytes in, const struct schema *schema);

const struct wire_info *wire_reader_info(const struct wire_reader *reader);

// Row `index` in seq order. Its key, values and texts borrow from the reader and from `in`.
void wire_row(const struct wire_reader *reader, uint32_t index, struct record *record);

#endif
