#include "agent/share.h"

#include <assert.h>

enum { SCALE = 1024 }; // of virtual time, for what division would cut off

uint32_t share_join(struct share *share, uint32_t weight)
{
    assert(share->count < SHARE_LANES_MAX && weight > 0);
    share->lanes[share->count] = (struct share_lane){.weight = weight, .moved_ms = INT64_MIN};
    return share->count++;
}

static bool counts(const struct share_lane *lane, int64_t now_ms)
{
    return lane->waits && lane->moved_ms != INT64_MIN && now_ms - lane->moved_ms < SHARE_STILL_MS;
}

// The least virtual time among the others that wait; UINT64_MAX: none does.
static uint64_t slowest(const struct share *share, uint32_t but, int64_t now_ms)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < share->count; i++) {
        const struct share_lane *lane = &share->lanes[i];
        if (i != but && counts(lane, now_ms) && lane->virtual_bytes < least) {
            least = lane->virtual_bytes;
        }
    }
    return least;
}

uint64_t share_room(const struct share *share, uint32_t index, int64_t now_ms)
{
    assert(index < share->count);
    const struct share_lane *lane = &share->lanes[index];
    uint64_t least = slowest(share, index, now_ms);
    if (least == UINT64_MAX) {
        return UINT64_MAX;
    }
    uint64_t limit = least + (uint64_t)SHARE_SLACK * SCALE;
    return limit > lane->virtual_bytes ? (limit - lane->virtual_bytes) * lane->weight / SCALE : 0;
}

void share_sent(struct share *share, uint32_t index, uint64_t bytes, int64_t now_ms)
{
    assert(index < share->count);
    struct share_lane *lane = &share->lanes[index];
    uint64_t least = slowest(share, index, now_ms);
    if (!lane->waits && least != UINT64_MAX && lane->virtual_bytes < least) {
        lane->virtual_bytes = least; // what it did not use in the past is no claim
    }
    lane->virtual_bytes += bytes * SCALE / lane->weight;
}

void share_waits(struct share *share, uint32_t index, bool waits)
{
    assert(index < share->count);
    share->lanes[index].waits = waits;
}

void share_acknowledged(struct share *share, uint32_t index, int64_t now_ms)
{
    assert(index < share->count);
    share->lanes[index].moved_ms = now_ms;
}
