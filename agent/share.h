// One link, many lanes: who may send how much. Weighted fair queueing by bytes: each lane has a
// weight, and while several wait for the link, each gets at least its weight's part of it, so that
// none starves. What the others do not use is free for all.
//
//     virtual time of a lane = bytes sent / weight
//     a lane may run ahead of the slowest one that waits by SHARE_SLACK a unit of weight, not more
//
// A lane that waits for something of its own (its topic is in trouble) holds nobody back: only
// lanes that had an acknowledgement lately count.
//
// Floor: flow.
#ifndef WEIR_AGENT_SHARE_H
#define WEIR_AGENT_SHARE_H

#include "agent/settings.h"

enum {
    SHARE_LANES_MAX = 2 * SETTINGS_PRODUCTS_MAX,
    SHARE_SLACK = 4096,     // bytes a unit of weight
    SHARE_STILL_MS = 10000, // without an acknowledgement a lane does not count
    SHARE_LIVE = 9,         // of a product's weight: nine parts for live rows,
    SHARE_LATE = 1,         // and one for late ones
};

struct share_lane {
    uint32_t weight;
    uint64_t virtual_bytes;
    bool waits;       // it has more to send
    int64_t moved_ms; // the last acknowledgement; INT64_MIN: none yet
};

struct share {
    uint32_t count;
    struct share_lane lanes[SHARE_LANES_MAX];
};

// A new lane.
uint32_t share_join(struct share *share, uint32_t weight);

// Bytes that it may send now; 0: others are due. A message that is larger may go all the same.
uint64_t share_room(const struct share *share, uint32_t lane, int64_t now_ms);

void share_sent(struct share *share, uint32_t lane, uint64_t bytes, int64_t now_ms);
void share_waits(struct share *share, uint32_t lane, bool waits);
void share_acknowledged(struct share *share, uint32_t lane, int64_t now_ms);

#endif
