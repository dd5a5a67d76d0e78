// Losses that are declared and not yet acknowledged on `<data topic>.losses`: kept in the product's
// state until then (I3). Neighbours of one cause become one, so a long drop is one record. What is
// promised to come late (SETTLED_LATE) is told there too.
//
// A product of layout `blocks` has a second list: of losses that no acknowledged block has told
// yet.
//
// Floor: flow.
#ifndef WEIR_AGENT_LOSSES_H
#define WEIR_AGENT_LOSSES_H

#include "agent/states.h"
#include "agent/wire_blocks.h"

//
// Thinning (agent/thin.h) is told here too, with the cause "thinned": of what became the seqs
// from..to, `count` more records came and were not kept. It settles nothing.
enum { LOSSES_MAX = 96, LOSSES_THINNED_MAX = 8 /* of these */ };

struct loss {
    uint64_t id; // of this run, for the acknowledgement
    uint64_t from;
    uint64_t to;
    uint64_t count; // of records: to - from + 1, but for SETTLED_THINNED
    enum settled_how how;
    int64_t time_first_ms; // of the records lost; INT64_MIN: not known
    int64_t time_last_ms;
    int64_t declared_ms; // wall time
    bool going;          // in a commit that is on its way
    bool stored;         // a commit holds it: it may be told
    bool sent;
    bool failed;    // sent, and came back
    uint64_t block; // with the block that ends with it
};

struct losses {
    const char *name; // of its states: NAME.0, NAME.1, ...; set before losses_restore
    uint32_t count;
    uint64_t next_id;
    uint64_t made;        // since the start
    uint32_t state_count; // states that hold them
    struct loss list[LOSSES_MAX];
};

void losses_restore(struct losses *losses, const struct states *states, const struct spool *spool);

// Declare one. ERR_FULL: 96 others wait and none touches it; it then widens the newest one, so that
// nothing lost goes untold, and the count says too much rather than too little.
void losses_add(struct losses *losses, uint64_t from, uint64_t to, enum settled_how how,
                int64_t time_first_ms, int64_t time_last_ms);
// `count` records were thinned away among those that became `from`..`to`.
void losses_add_thinned(struct losses *losses, uint64_t from, uint64_t to, uint64_t count,
                        int64_t time_first_ms, int64_t time_last_ms);

// Write them into the states, to go with the next commit.
void losses_keep(struct losses *losses, struct states *states);

// A commit takes them all; then it is durable (or not).
void losses_going(struct losses *losses);
void losses_stored(struct losses *losses, bool durable);

// The next one that is stored and not sent; NULL: none.
struct loss *losses_next(struct losses *losses);

// Of those that end a seq.
bool losses_all_stored(const struct losses *losses);

// The broker has it. False: no such id.
bool losses_told(struct losses *losses, uint64_t id);

// It did not arrive; losses_again makes it the next one once more.
void losses_failed(struct losses *losses, uint64_t id);
void losses_again(struct losses *losses);

// Those that are stored and not sent go with the block that ends with `block`: how many, in
// `*out`, borrowed until the list changes.
uint32_t losses_go_with(struct losses *losses, uint64_t block, struct wire_loss out[LOSSES_MAX]);

// That block arrived, or never will: then they are to go with another. True: the list is shorter.
bool losses_went(struct losses *losses, uint64_t block, bool arrived);

// The record for the losses topic, one JSON object.
void losses_put_json(const struct loss *loss, const char *gateway, const char *product,
                     const char *epoch, struct buffer *out);

#endif
