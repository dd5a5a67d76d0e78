#include "ports/input/kafka_position.h"

#include <assert.h>

enum { VERSION = 1, FRONT_SIZE = 19 };

uint64_t kafka_position_hash(const char *name)
{
    uint64_t hash = 14695981039346656037U; // FNV-1a, 64 bits
    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint8_t)*name) * 1099511628211U;
    }
    return hash;
}

size_t kafka_position_put(const struct kafka_position *position, uint8_t out[KAFKA_POSITION_MAX])
{
    assert(position->count <= KAFKA_POSITION_PARTITIONS_MAX);
    out[0] = VERSION;
    put_u64(out + 1, position->cluster);
    put_u64(out + 9, position->topic);
    put_u16(out + 17, position->count);
    for (uint32_t i = 0; i < position->count; i++) {
        put_u64(out + FRONT_SIZE + 8 * (size_t)i, (uint64_t)position->next[i]);
    }
    return FRONT_SIZE + 8 * (size_t)position->count;
}

enum err kafka_position_get(struct kafka_position *position, struct bytes in)
{
    *position = (struct kafka_position){.count = 0};
    if (in.size < FRONT_SIZE || in.at[0] != VERSION) {
        return ERR_CORRUPT;
    }
    uint16_t count = get_u16(in.at + 17);
    if (count > KAFKA_POSITION_PARTITIONS_MAX || in.size != FRONT_SIZE + 8 * (size_t)count) {
        return ERR_CORRUPT;
    }
    position->cluster = get_u64(in.at + 1);
    position->topic = get_u64(in.at + 9);
    position->count = count;
    for (uint32_t i = 0; i < count; i++) {
        position->next[i] = (int64_t)get_u64(in.at + FRONT_SIZE + 8 * (size_t)i);
    }
    return OK;
}
