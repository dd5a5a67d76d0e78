// The wire layout `blocks`: many rows as one Avro record of columns, one Kafka record. Stock Avro
// libraries decode it, from any record on: it names its keys and says its first seq. What its
// arrays mean is in agent/BLOCKS-WIRE.md, with a reader of 30 lines.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_BLOCKS_H
#define WEIR_AGENT_WIRE_BLOCKS_H

#include "agent/block.h"

struct wire_blocks;                         // workspace; opaque
struct wire_blocks *wire_blocks_open(void); // memory is taken here, once; NULL where there is none
void wire_blocks_close(struct wire_blocks *wire);
size_t wire_blocks_size(const struct wire_blocks *wire); // bytes it holds

// The Avro schema for rows of `schema`, as JSON. ERR_INVALID: the name of a field is none that Avro
// allows ([A-Za-z_][A-Za-z0-9_]*). ERR_LIMIT: no room in `out`.
enum err wire_blocks_schema(const struct schema *schema, struct buffer *out);

// Who says the rows, and how keys are called.
struct wire_source {
    const char *gateway;
    const char *epoch;
    struct bytes (*key)(const void *context, uint32_t key_id); // borrowed until the next call
    const void *context;
};

// Append the rows that `builder`, a wide one or not, holds (at least one; their clock is not
// RECORD_CLOCK_BOOT: that was made wall time) as one Avro record. A record of more rows takes less
// a reading. `out->overflow` tells that it did not fit.
void wire_blocks_put(struct wire_blocks *wire, const struct block_builder *builder,
                     const struct wire_source *source, struct buffer *out);

#endif
