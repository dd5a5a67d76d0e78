// When the records of a product were taken, coarsely, so that those older than `spool: {keep: ..}`
// can end as expired. One mark says: this seq and those after it, up to the next mark, were made
// durable from then on. A mark a 48th of `keep` is enough: a record lives at least `keep`, and at
// most a 48th (and one commit) longer.
//
// What was taken in this run is aged by boot time, which no step of the wall clock moves; what an
// earlier run took, by wall time. Nothing ages while that is not known: a gateway without a battery
// waits for its clock. Marks of a boot that ended before its clock was set count from when this one
// began, at the latest. Marks are a state of the product, so that they survive a power cut.
//
// Floor: flow.
#ifndef WEIR_AGENT_EXPIRY_H
#define WEIR_AGENT_EXPIRY_H

#include "agent/states.h"

enum { EXPIRY_MARKS_MAX = 60 };

struct expiry {
    int64_t keep_ms;  // 0: records live until they are delivered
    int64_t every_ms; // between two marks
    int64_t slack_ms; // the same of any run that a mark is of
    uint8_t boot_id[16];
    bool marked; // in this run
    uint32_t count;
    struct expiry_mark {
        uint64_t seq;
        int64_t wall_ms; // INT64_MIN: the clock was not set
        int64_t boot_ms; // INT64_MIN: of an earlier run
    } list[EXPIRY_MARKS_MAX];
};

// The clocks of one look.
struct expiry_now {
    int64_t boot_ms;
    int64_t wall_ms;
};

// Read what earlier runs marked. Seqs from `first_seq` (not settled) to `next_seq` - 1 of which
// nothing is known count from now. Where `keep_ms` is 0 the state is removed.
void expiry_restore(struct expiry *expiry, int64_t keep_ms, const uint8_t boot_id[16],
                    uint64_t first_seq, uint64_t next_seq, struct expiry_now now,
                    struct states *states, const struct spool *spool);

// Records from `seq` on go to the disk now; everything before `first_seq` is settled.
void expiry_mark(struct expiry *expiry, uint64_t seq, uint64_t first_seq, struct expiry_now now,
                 struct states *states);

// The last seq below `next_seq` that is older than `keep`; 0: none. `*since_ms`, `*until_ms`: in
// which wall time those from `first_seq` on were taken (INT64_MIN: not known).
uint64_t expiry_last(const struct expiry *expiry, uint64_t first_seq, uint64_t next_seq,
                     struct expiry_now now, int64_t *since_ms, int64_t *until_ms);

#endif
