// What lies in a spool, segment by segment and frame by frame: for the commands that look at one
// that was opened by spool_open_readonly. The flow of records never asks.
//
// Floor: keeping.
#ifndef WEIR_AGENT_SPOOL_LOOK_H
#define WEIR_AGENT_SPOOL_LOOK_H

#include "agent/spool.h"

struct spool_shape {
    uint32_t slot_count[2]; // by enum disk_ring
    uint32_t slot_size[2];
    uint64_t stamp;         // of the last commit seen: unlike an earlier one, somebody writes here
    uint32_t segment_count; // of those that count: the main ring's by id, then the nursery's last
    bool is_sealed;
    bool is_empty; // nothing was ever committed
};
void spool_look_shape(struct spool *spool, struct spool_shape *shape);

// Nothing is found in a ring that files are missing from, because no header fits it. True: `ring`
// is such a one, and was made of `*slot_count` slots of `*slot_size` bytes.
bool spool_look_is_part(struct spool *spool, enum disk_ring ring, uint32_t *slot_count,
                        uint32_t *slot_size);

struct spool_segment {
    enum disk_ring ring;
    uint64_t id;
    uint32_t slot;
    uint32_t bytes;     // that count
    bool is_tail;       // where the next commit goes
    bool first_header;  // which of its
    bool second_header; // two headers is good
};
// `index` < shape.segment_count.
void spool_look_segment(struct spool *spool, uint32_t index, struct spool_segment *segment);

// True: a segment that counts should lie in this slot of the main ring, and neither header is good.
bool spool_look_is_missing(struct spool *spool, uint32_t slot);

// What a slot's file is, whether or not a segment in it counts. NULL: whole, and never used or with
// a good header. Else what is wrong, as words.
const char *spool_look_slot(struct spool *spool, enum disk_ring ring, uint32_t slot);

enum spool_found_kind {
    SPOOL_FOUND_END,    // of the segment
    SPOOL_FOUND_BLOCK,  //
    SPOOL_FOUND_OTHER,  // header, names or state
    SPOOL_FOUND_DAMAGE, // bytes that are no good frame
};
struct spool_found {
    enum spool_found_kind kind;
    uint32_t offset; // in the segment
    uint32_t bytes;  // with the frame's header
    // Blocks, and the damage of one whose header is good (else count is 0).
    uint64_t first_seq;
    uint32_t count;
    bool dense;
    int64_t time_first_ms;
    int64_t time_last_ms;
    struct bytes payload; // blocks, where asked for: in clear, borrowed until the next call
};

// A walk through segment `index` begins as {.index = index}.
struct spool_walk {
    uint32_t index;
    uint32_t offset;
    uint32_t commit_no;
    uint32_t frame_no;
};

// The next frame. `read`: its payload is read and checked too, and deciphered where there is a key.
void spool_walk_next(struct spool *spool, struct spool_walk *walk, bool read,
                     struct spool_found *found);

// State `index`, in no order; false: there are no more.
bool spool_look_state(const struct spool *spool, uint32_t index, const char **name,
                      struct bytes *value);

#endif
