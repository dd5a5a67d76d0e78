// The settled set of a product: which seqs have ended their life, as at most 32 disjoint ranges
// that only grow (I4). The cursor is the end of the first range when that starts at seq 1:
// everything up to the cursor is settled.
//
// Floor: keeping.
#ifndef WEIR_AGENT_SETTLED_H
#define WEIR_AGENT_SETTLED_H

#include "agent/bytes.h"
#include "agent/err.h"

enum { SETTLED_RANGES_MAX = 32 };

// How a record ended. Written to flash and to the losses topic: values never change.
enum settled_how {
    SETTLED_DELIVERED = 1,
    SETTLED_QUARANTINED = 2,  // set aside, readable elsewhere
    SETTLED_DROPPED = 3,      // by the contract's own rule
    SETTLED_LOST_FULL = 4,    // the spool was full
    SETTLED_LOST_EXPIRED = 5, // older than `keep`
    SETTLED_LOST_CORRUPT = 6, // damage on the device
    SETTLED_LOST_REFUSED = 7, // the broker will never take it
    SETTLED_THINNED = 8,      // settles nothing: rows that got no seq, told beside those that did
    SETTLED_LATE = 16,        // not an end, but told like one: promised on the late topic
};

const char *
settled_how_name(enum settled_how how); // "delivered", "full", "expired", "corrupt", ...
static inline bool settled_how_is_loss(enum settled_how how)
{
    return how >= SETTLED_LOST_FULL && how <= SETTLED_LOST_REFUSED;
}

struct seq_range {
    uint64_t from;
    uint64_t to; // inclusive
};

struct settled {
    uint32_t count;
    struct seq_range ranges[SETTLED_RANGES_MAX]; // ascending, disjoint, not touching
};

void settled_init(struct settled *settled);

// Add `from`..`to` (1 <= from <= to). ERR_FULL: it would need a 33rd range; nothing changed.
enum err settled_add(struct settled *settled, uint64_t from, uint64_t to);

uint64_t settled_cursor(const struct settled *settled); // 0 where seq 1 is not settled
bool settled_has(const struct settled *settled, uint64_t seq);

// The first seq >= `seq` that is not settled.
uint64_t settled_next(const struct settled *settled, uint64_t seq);

// The last seq up to `to` before the next range; `seq` itself is not settled, `seq` <= `to`.
uint64_t settled_gap_end(const struct settled *settled, uint64_t seq, uint64_t to);

// True where all of `from`..`to` is settled.
bool settled_covers(const struct settled *settled, uint64_t from, uint64_t to);

// count u8, then from u64 and to u64 of each range: 1 + 16 bytes a range.
void settled_put(const struct settled *settled, struct buffer *out);
enum err settled_get(struct settled *settled, struct bytes in); // ERR_CORRUPT

#endif
