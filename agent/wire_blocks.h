// The wire layout `blocks`: many rows as one Avro record of columns, one Kafka record. Stock Avro
// libraries decode it, from any record on: it names its keys, or tells the places of those that the
// schema lists, and says its first seq. What its arrays mean is in agent/BLOCKS-WIRE.md, with a
// reader to copy.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_BLOCKS_H
#define WEIR_AGENT_WIRE_BLOCKS_H

#include "agent/block.h"
#include "agent/key_list.h"

struct wire_blocks;                         // workspace; opaque
struct wire_blocks *wire_blocks_open(void); // memory is taken here, once; NULL where there is none
void wire_blocks_close(struct wire_blocks *wire);
size_t wire_blocks_size(const struct wire_blocks *wire); // bytes it holds

// The Avro schema for rows of `schema`, whose `listed` keys (NULL: none) it names, as JSON.
// ERR_LIMIT: no room in `out`.
enum err wire_blocks_schema(const struct schema *schema, const struct key_list *listed,
                            struct buffer *out);

// Seqs that no row will come of, as `<topic>.losses` tells them too.
struct wire_loss {
    uint64_t from;
    uint64_t to;
    uint64_t count; // of rows
    struct bytes cause;
};

// Who says the rows, how keys are called, and what else is to be said.
struct wire_source {
    const char *gateway;
    const char *epoch;
    struct bytes (*key)(const void *context, uint32_t key_id); // borrowed until the next call
    const void *context;
    const struct key_list *listed; // those that the schema names; NULL: none
    const struct wire_loss *losses;
    uint32_t loss_count;
};

// Append the rows that `builder`, a wide one or not, holds (at least one; their clock is not
// RECORD_CLOCK_BOOT: that was made wall time) as one Avro record. A record of more rows takes less
// a reading. `out->overflow` tells that it did not fit.
void wire_blocks_put(struct wire_blocks *wire, const struct block_builder *builder,
                     const struct wire_source *source, struct buffer *out);

#endif
