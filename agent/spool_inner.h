// The inside of the spool, shared by the files spool*.c and nobody else. agent/SPOOL.md says what
// the bytes mean; spool.h what a caller may rely on.
//
//   spool.c          open, close, what is known
//   spool_scan.c     frames out of a segment: window, sums, seals
//   spool_recover.c  from the bytes of a disk to a spool
//   spool_write.c    one commit into one segment: frames, padding, one sync
//   spool_job.c      what of a commit that is, and what is true afterwards
//   spool_main.c     the main ring: release, turnover, errors
//   spool_commit.c   which ring a commit goes to; the nursery
//   spool_read.c     the block of a seq; what is gone is declared lost
//   spool_look.c     segments and frames, for who only looks
//   spool_state.c    settled set, losses, state and names, as payloads
//
// Floor: keeping.
#ifndef WEIR_AGENT_SPOOL_INNER_H
#define WEIR_AGENT_SPOOL_INNER_H

#include "agent/frame.h"
#include "agent/mutant.h"
#include "agent/seal.h"
#include "agent/spool.h"

#include <assert.h>

enum {
    SPOOL_SLOTS_MAX = SEGMENT_SLOTS_MAX,
    SPOOL_SLOTS_CHOSEN = 256,   // at most, where the segment's size is ours to choose
    SPOOL_SLOTS_MIN = 5,        // the tail, two spares, and something to keep
    SPOOL_SLOT_MIN = 16 * 1024, // bytes
    SPOOL_SLOT_MAX = UINT16_MAX / 256 * 1024 * 1024, // pages fit 16 bits
    SPOOL_SPARES = 2,       // released slots beyond the tail: where a failed write goes next
    SPOOL_HELD_MAX = 768,   // blocks that lie young, or dense in the nursery
    SPOOL_LOSSES_MAX = 64,  // waiting to be told
    SPOOL_KEY_MAX = 255,    // bytes of one name
    SPOOL_KEYS_MAX = 16384, // names (SERIES_COUNT_MAX)
    SPOOL_KEYS_BYTES = 512 * 1024,
    SPOOL_KEYS_CHUNK = 16 * 1024, // payload bytes of one keys frame
    SPOOL_HINTS = 4,
    SPOOL_READ_AHEAD = 64 * 1024, // where a reader goes on in order ...
    SPOOL_READ_FIRST = 16 * 1024, // ... and where it begins
    // One frame of any size, not aligned, in whole pages.
    SPOOL_BUFFER_SIZE = 34 * FRAME_PAGE_SIZE,
    SPOOL_LOSS_SIZE = 33,                   // bytes of a loss in a state payload
    SPOOL_PAIRS_MAX = SPOOL_STATES_MAX + 8, // removed ones too, while recovering
};

// A segment of the main ring that counts, ascending by id. Its dense blocks cover first_seq .. the
// next one's first_seq - 1.
struct segment {
    uint64_t id;
    uint64_t first_seq;
    int64_t time_first_ms;  // of its first dense block; INT64_MIN: not known
    int64_t time_before_ms; // of the last one before it
    uint32_t end;           // bytes that count
    uint64_t stamp;         // of its first commit
    uint64_t epoch;         // while recovering
    uint64_t nursery_from;  // while recovering: see struct segment_header
    bool second_only;       // only its second header is good
};

// A ring and its tail, the segment that is appended to.
struct ring {
    enum disk_ring which;
    uint32_t slot_count;
    uint32_t slot_size;
    uint64_t last_id; // highest id ever used, failed attempts too
    uint64_t id;      // of the tail; 0: none yet
    uint32_t end;     // where the next commit goes
    uint32_t commit_no;
    uint32_t frame_no; // of the last commit and frame
    bool open;         // false: never append again (full of doubt, I6), open the next one
    bool failed;       // the last attempt to write here failed
    uint8_t salt[FRAME_SALT_SIZE];
};

// Where frames of one segment are read.
struct place {
    enum disk_ring ring;
    uint32_t slot;
    uint64_t id;
    uint32_t end; // bytes that count
};

// A block that no dense block of the main ring covers. All of a ring lie in its tail.
struct held {
    uint64_t first_seq;
    uint64_t stamp; // a later one wins where two hold the same row
    int64_t time_first_ms;
    uint32_t count;
    uint32_t size; // of the payload
    uint32_t offset;
    uint32_t next_offset; // in the segment being written; 0: not carried there
    enum disk_ring ring;
    bool dense;
};

struct packed {
    uint64_t first_seq;
    int64_t time_first_ms;
    int64_t time_last_ms;
    uint32_t count;
    uint32_t size;
};

struct state_pair {
    char name[SPOOL_STATE_NAME_MAX];
    uint64_t stamp; // while recovering: of the commit that wrote it
    uint16_t size;  // 0 while recovering: removed
    uint8_t value[SPOOL_STATE_VALUE_MAX];
};

// Where a reader left off: the frame at `offset` is the next after the block that ended at seq - 1.
struct hint {
    uint64_t id;
    uint64_t seq;
    uint32_t offset;
    uint32_t commit_no; // of the frame before
    uint32_t frame_no;
};

struct window {
    uint8_t *at;
    uint32_t limit;
    enum disk_ring ring;
    uint32_t slot;
    uint32_t offset; // of at[0] in the slot
    uint32_t start;  // first byte still as stored: bytes before were decrypted in place
    uint32_t size;   // 0: empty
};

struct writer {
    uint8_t *at;
    uint32_t limit;
    uint32_t fill;   // bytes in `at` not yet written
    uint32_t offset; // of at[0] in the slot
    enum disk_ring ring;
    uint32_t slot;
    struct frame frame; // ids and salt of the last frame
    bool counting;      // only add up `total`
    uint32_t total;
    enum err err; // the first one
};

struct spool {
    const struct disk *disk;
    bool readonly;
    enum spool_when_full when_full;
    uint32_t pack_bytes;
    struct seal *seal; // NULL: in clear
    uint64_t epoch;
    uint64_t stamp; // of the last commit or attempt
    uint64_t next_seq;
    uint64_t dense_end;
    uint64_t nursery_from; // commits of the nursery before this stamp do not count
    bool in_doubt;         // a commit failed and may lie on the device all the same
    int64_t dense_ms;      // where that block ends in time; INT64_MIN: there is none

    struct ring rings[2];
    struct segment *segments;
    uint32_t segment_count;
    struct held *held;
    uint32_t held_count;

    uint8_t *pack;       // struct packed and payload, each rounded up to 8
    uint32_t pack_limit; // bytes there are
    uint32_t pack_fill;
    uint32_t pack_weight; // bytes it takes as frames
    uint64_t pack_end;    // last seq in it; 0: empty

    struct settled settled;
    struct settled durable; // as of the last commit
    struct spool_loss losses[SPOOL_LOSSES_MAX];
    uint32_t loss_count;
    uint32_t loss_taken; // of those, handed out since the last commit

    struct state_pair *states;
    uint32_t state_count;
    uint64_t state_stamp; // of the newest whole state while recovering
    uint64_t settled_stamp;
    uint8_t *key_bytes;
    uint32_t *key_ends; // key i is key_bytes[key_ends[i - 1] .. key_ends[i])
    uint32_t key_count;
    uint32_t keys_in_main; // durable there

    struct window window;
    struct writer writer;
    struct hint hints[SPOOL_HINTS];
    uint32_t hint_next;
    uint64_t front_seq; // the block last read that held the cursor's next row ...
    uint64_t front_end;
    int64_t front_ms;  // ... and how old it is
    uint64_t read_end; // last seq of the block last read, and its time
    int64_t read_ms;
    uint64_t read_bytes;

    struct spool_stat stat; // the counters
    size_t memory;
};

// spool_scan.c
struct place spool_place(const struct spool *spool, enum disk_ring ring, uint64_t id, uint32_t end);
struct place spool_tail_place(const struct spool *spool, enum disk_ring ring);
void spool_window_drop(struct spool *spool);
// `size` bytes at `offset`, borrowed until the next call; NULL: the device does not give them.
const uint8_t *spool_window(struct spool *spool, const struct place *place, uint32_t offset,
                            uint32_t size);
// The header at `offset`. ERR_CORRUPT: none of this segment. ERR_IO.
enum err spool_frame(struct spool *spool, const struct place *place, uint32_t offset,
                     struct frame *frame);
// Its payload: checked, decrypted where `clear` is asked for. Borrowed until the next call.
enum err spool_payload(struct spool *spool, const struct place *place, uint32_t offset,
                       const struct frame *frame, bool clear, struct bytes *payload);
// The next good frame at or after `offset` with commit_no >= and frame_no > those given.
// ERR_NOT_FOUND: none before the place's end.
enum err spool_resync(struct spool *spool, const struct place *place, uint32_t *offset,
                      uint32_t commit_no, uint32_t frame_no, struct frame *frame);

// spool_recover.c
enum err spool_recover(struct spool *spool);

// spool_write.c
void spool_write_begin(struct spool *spool, struct ring *ring, uint64_t id, bool fresh,
                       bool counting);
// Room for a payload of `size` bytes; NULL where it is only counted or nothing can be written.
uint8_t *spool_frame_begin(struct spool *spool, uint32_t size);
// Bytes of a payload that ends with its page, if that is the least to hold `size` bytes.
uint32_t spool_frame_fill(const struct spool *spool, uint32_t size);
// Seal or whiten it. `frame` says kind, first_seq, count and times. Returns its offset in the
// segment.
uint32_t spool_frame_end(struct spool *spool, const struct frame *frame, uint32_t size);
enum err spool_write_end(struct spool *spool, struct ring *ring);

// spool_state.c
uint32_t spool_state_size(const struct spool *spool, const struct spool_commit *commit, bool whole);
uint32_t spool_state_pairs(const struct spool *spool, const struct spool_commit *commit,
                           bool whole);
void spool_state_put(const struct spool *spool, const struct spool_commit *commit, bool whole,
                     struct buffer *out);
enum err spool_state_get(struct spool *spool, const struct frame *frame, struct bytes in);
enum err spool_state_check(const struct spool *spool, const struct spool_commit *commit);
void spool_state_apply(struct spool *spool, const struct spool_commit *commit);
void spool_state_recovered(struct spool *spool);
struct bytes spool_key_at(const struct spool *spool, uint32_t id);
bool spool_key_add(struct spool *spool, struct bytes key); // false: no room
enum err spool_keys_get(struct spool *spool, const struct frame *frame, struct bytes in);
// Settle what of from..to has not ended as `how` and remember to tell it. ERR_FULL: no room for the
// loss or its range.
enum err spool_lose(struct spool *spool, uint64_t from, uint64_t to, enum settled_how how,
                    int64_t time_first_ms, int64_t time_last_ms);

// spool_job.c
static inline uint32_t spool_stored_size(const struct spool *spool, size_t payload_size)
{
    return (uint32_t)payload_size + (spool->seal != NULL ? FRAME_TAG_SIZE : 0);
}
void spool_held_prune(struct spool *spool);
// spool_commit.c
bool spool_wants_whole(const struct spool *spool);

// spool_main.c
uint64_t spool_segment_last(const struct spool *spool, uint32_t index); // its last dense seq
static inline int64_t spool_segment_ms(const struct segment *segment)   // not after its first row
{
    bool known = segment->time_first_ms != INT64_MIN;
    return known ? segment->time_first_ms : segment->time_before_ms;
}

// The packed block at `*at` of the pack, and `*at` moves on; NULL at the end.
const struct packed *spool_pack_next(const struct spool *spool, uint32_t *at);

#endif
