// Reads what wire_blocks_put wrote: one Avro record of columns, back into rows.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_BLOCKS_READ_H
#define WEIR_AGENT_WIRE_BLOCKS_READ_H

#include "agent/wire_blocks.h"

struct wire_reader; // one decoded record; opaque, memory fixed
struct wire_reader *wire_reader_open(void);
void wire_reader_close(struct wire_reader *reader);

struct wire_info {
    struct bytes gateway;
    struct bytes epoch;
    uint64_t first_seq;
    uint32_t row_count;
    enum record_clock clock;
    uint32_t loss_count;
};

// Decode `in`, a record written for `schema` and `listed` (NULL: none), whole; `in` and `listed`
// are borrowed as long as rows are read. ERR_CORRUPT: it is none, or of another schema.
// ERR_VERSION: its keys are those of another list. ERR_LIMIT: it holds more than a wide builder.
enum err wire_read(struct wire_reader *reader, struct bytes in, const struct schema *schema,
                   const struct key_list *listed);

const struct wire_info *wire_reader_info(const struct wire_reader *reader);

// Loss `index` of those it tells of. Its cause borrows from `in`.
struct wire_loss wire_loss_at(const struct wire_reader *reader, uint32_t index);

// Row `index` in seq order. Its key, values and texts borrow from the reader and from `in`.
void wire_row(const struct wire_reader *reader, uint32_t index, struct record *record);

#endif
