#include "agent/stage.h"

#include <assert.h>

void stage_clear(struct stage *stage)
{
    stage->count = 0;
    stage->dense_bytes = 0;
    stage->bytes.size = 0;
    stage->bytes.overflow = false;
}

bool stage_has_room(const struct stage *stage)
{
    return stage->count + 3 <= STAGE_BLOCKS_MAX &&
           stage->bytes.limit - stage->bytes.size >= (size_t)3 * BLOCK_BYTES_MAX;
}

bool stage_has_room_for(const struct stage *stage, size_t bytes)
{
    return stage->count + 3 + 4 <= STAGE_BLOCKS_MAX &&
           stage->bytes.limit - stage->bytes.size >= (size_t)3 * BLOCK_BYTES_MAX + bytes;
}

void stage_add(struct stage *stage, struct block_codec *codec, const struct block_builder *builder,
               uint32_t from, uint32_t to, bool dense)
{
    assert(stage->count < STAGE_BLOCKS_MAX);
    assert(stage->bytes.limit - stage->bytes.size >= BLOCK_BYTES_MAX);
    size_t start = stage->bytes.size;
    block_encode(codec, builder, from, to, &stage->bytes);
    assert(!stage->bytes.overflow);
    struct bytes payload = bytes_from(stage->bytes.at + start, stage->bytes.size - start);
    struct block_info info;
    enum err err = block_look(payload, &info);
    assert(err == OK);
    stage->blocks[stage->count++] = (struct spool_block){
        .first_seq = block_first_seq(builder) + from,
        .count = to - from,
        .dense = dense,
        .time_first_ms = info.time_first_ms,
        .time_last_ms = info.time_last_ms,
        .payload = payload,
    };
    stage->dense_bytes += dense ? payload.size : 0;
}
