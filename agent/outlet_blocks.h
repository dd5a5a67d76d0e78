// Layout `blocks` in the outlet: rows become one Kafka record of columns (agent/BLOCKS-WIRE.md),
// cut by size and by how long they may wait, not by how they lie on flash.
//
// B1  A block holds rows of one schema and one clock whose seqs follow each other, all durable,
// none
//     settled. Its message is named by its last seq.
// B2  Rows wait for company at most `hold_ms`; a backlog leaves in full blocks.
// B3  A block that was refused is sent again alone, then in halves, until what is refused is one
//     row: that one is set aside. So a row that the broker will not take costs itself, and a block
//     that is too large for it goes in parts.
// B4  A loss is told by the next block that is encoded once it is durable, and by others until one
//     of them has arrived.
//
// Floor: flow.
#ifndef WEIR_AGENT_OUTLET_BLOCKS_H
#define WEIR_AGENT_OUTLET_BLOCKS_H

#include "agent/settled.h"
#include "agent/wire_blocks.h"

enum { OUTLET_SPANS_MAX = 64 /* blocks on their way */ };

struct outlet;

struct outlet_span {
    uint64_t from;
    uint64_t to; // 0: free
};

struct outlet_blocks {
    struct block_builder *builder;
    struct wire_blocks *wire;
    int64_t hold_ms;
    bool hurry;        // do not wait
    int64_t since_ms;  // boot time since which the first row waits; < 0: none does
    bool waiting;      // for company, and for nothing else
    uint32_t rows_max; // of the next block
    // The block that is being filled; `from` 0: none.
    struct outlet_span filling;
    const struct schema *schema; // that its rows were stored under
    struct schema told;          // the same without what is never sent
    uint64_t fill_end;           // not beyond
    int64_t time_ms;             // of the latest row
    bool encoded;                // it lies in the outlet's value and waits for the output
    struct outlet_span sent[OUTLET_SPANS_MAX];
    uint32_t sent_count;
};

// Memory is taken here; NULL where there is none. Each row may wait `hold_ms` for company.
struct outlet_blocks *outlet_blocks_open(int64_t hold_ms);
void outlet_blocks_close(struct outlet_blocks *blocks); // NULL is nothing

// As outlet_pump, a block counting as one.
bool outlet_blocks_pump(struct outlet *outlet, const struct settled *settled, uint64_t durable_seq,
                        uint64_t durable_cursor, uint32_t budget);

// Forget the block that is being filled; what it was to tell of losses, another tells.
void outlet_blocks_drop(struct outlet *outlet);

// The block whose last seq is `to` came back: its first seq.
uint64_t outlet_blocks_take(struct outlet_blocks *blocks, uint64_t to);
void outlet_blocks_taken(struct outlet_blocks *blocks);
// It was refused while it was alone (B3). False: it is one row, to be set aside.
bool outlet_blocks_halve(struct outlet_blocks *blocks, uint64_t from, uint64_t to);

// When a waiting block is due, in boot time; INT64_MAX: none waits.
int64_t outlet_blocks_due_ms(const struct outlet_blocks *blocks);

#endif
