// Encoded blocks, in order, that wait for a commit. Two stages a product: one is filled while the
// other is on its way to the disk, so that a stalled card does not stop the inputs.
//
// Floor: flow.
#ifndef WEIR_AGENT_STAGE_H
#define WEIR_AGENT_STAGE_H

#include "agent/block.h"
#include "agent/spool.h"

enum {
    STAGE_BLOCKS_MAX = 64,
    STAGE_BYTES = 4 * BLOCK_BYTES_MAX,
};

struct stage {
    uint32_t count;
    size_t dense_bytes;
    struct spool_block blocks[STAGE_BLOCKS_MAX]; // payloads lie in `bytes`
    struct buffer bytes;                         // over memory taken at start
};

void stage_clear(struct stage *stage);

// Room for what sealing a block and a commit may need: the young tail, the dense block, and the
// young rows after it, whatever is in them.
bool stage_has_room(const struct stage *stage);
// The same where rows that take `bytes`, in up to 4 blocks, come at once.
bool stage_has_room_for(const struct stage *stage, size_t bytes);

// Encode rows `from`..`to`-1 of the builder as the next block. There must be room.
void stage_add(struct stage *stage, struct block_codec *codec, const struct block_builder *builder,
               uint32_t from, uint32_t to, bool dense);

#endif
