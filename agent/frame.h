// What lies in a segment, byte for byte (agent/SPOOL.md): one segment header, then commits, each a
// run of frames that ends with a state frame. Only bytes here, no device.
//
// Floor: forms.
#ifndef WEIR_AGENT_FRAME_H
#define WEIR_AGENT_FRAME_H

#include "agent/bytes.h"
#include "agent/err.h"

enum {
    FRAME_PAGE_SIZE = 4096, // commits begin and end on pages
    FRAME_ALIGN = 8,        // frames begin on it
    FRAME_HEADER_SIZE = 88,
    FRAME_SEALED_SIZE = 80, // bytes of the header that the AEAD tag covers: all but the sums
    FRAME_SALT_SIZE = 16,
    FRAME_TAG_SIZE = 16,
    FRAME_PAYLOAD_MAX = 131072 + FRAME_TAG_SIZE,
    SEGMENT_SLOTS_MAX = 1024,
    SEGMENT_HEADER_SIZE = 128, // and 2 bytes for each slot of the ring
    SEGMENT_HEADER_MAX = SEGMENT_HEADER_SIZE + 2 * SEGMENT_SLOTS_MAX,
    SEGMENT_VERSION = 1,
};

enum frame_kind {
    FRAME_HEADER = 1, // the segment header once more: first frame of a segment
    FRAME_KEYS = 2,   // names of series
    FRAME_DENSE = 3,  // a dense block
    FRAME_YOUNG = 4,  // a young block
    FRAME_STATE = 5,  // settled set, losses, state; ends its commit
};

enum frame_flag {
    FRAME_SEALED_CHACHA = 1, // ChaCha20-Poly1305
    FRAME_SEALED_GCM = 2,    // AES-256-GCM
    FRAME_WHOLE = 4,         // a state that does not build on an older one
};

struct frame {
    uint32_t size; // bytes of the stored payload, tag included
    uint64_t segment_id;
    uint64_t stamp;     // of the commit; grows over both rings
    uint64_t first_seq; // blocks: of the first row. keys: the first id. state: the next seq
    uint32_t count;     // rows, names, or state pairs
    uint32_t commit_no; // from 1 in each segment
    uint32_t frame_no;  // from 1 in each segment
    enum frame_kind kind;
    uint8_t flags;
    int64_t time_first_ms;
    int64_t time_last_ms;
    uint8_t salt[FRAME_SALT_SIZE]; // new for each segment, start and retry
    uint32_t payload_sum;          // CRC-32C of the stored payload
};

// Write the header of `frame` with its sum.
void frame_put(const struct frame *frame, uint8_t at[FRAME_HEADER_SIZE]);

// ERR_CORRUPT: no frame header, or one that fails its sum.
enum err frame_get(struct frame *frame, const uint8_t at[FRAME_HEADER_SIZE]);

// Bytes that a frame with `payload_size` stored bytes takes, header and alignment included.
static inline uint32_t frame_size(uint32_t payload_size)
{
    return (FRAME_HEADER_SIZE + payload_size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

// Turn the clear payload of `frame` into what is stored, and back: `size` bytes at `at`, each XORed
// with a stream that hangs on the frame's salt and number. No secret; but so no sector of a torn
// attempt is ever found in another write, or in one of zeros (agent/SPOOL.md, "Whitened").
void frame_whiten(const struct frame *frame, uint8_t *at, uint32_t size);

static inline uint32_t frame_page_up(uint32_t offset)
{
    return (offset + FRAME_PAGE_SIZE - 1) / FRAME_PAGE_SIZE * FRAME_PAGE_SIZE;
}

static inline bool frame_is_block(enum frame_kind kind)
{
    return kind == FRAME_DENSE || kind == FRAME_YOUNG;
}

static inline bool frame_is_sealed(const struct frame *frame)
{
    return (frame->flags & (FRAME_SEALED_CHACHA | FRAME_SEALED_GCM)) != 0;
}

struct segment_header {
    uint16_t version;
    uint8_t ring;
    uint64_t epoch;
    uint64_t segment_id; // > 0, only grows
    uint64_t first_seq;  // main ring: of the first dense block that it will hold
    uint32_t slot_count;
    uint32_t slot_size;
    int64_t time_first_ms;  // of its first dense block; INT64_MIN: it began without one
    int64_t time_before_ms; // where the dense blocks before it end; INT64_MIN: there are none
    uint8_t salt[FRAME_SALT_SIZE];
    uint64_t key_check;    // 0: in clear; else tells a wrong key from damage
    uint64_t stamp;        // of its first commit
    uint64_t nursery_from; // main ring: commits of the nursery before this stamp do not count
    // For each slot how many pages count of the older segment in it; 0: none, whatever lies there
    // (an attempt that was given up, or a segment that has ended).
    uint16_t pages[SEGMENT_SLOTS_MAX];
};

static inline uint32_t segment_header_size(uint32_t slot_count)
{
    return SEGMENT_HEADER_SIZE + 2 * slot_count;
}

// Write segment_header_size(header->slot_count) bytes.
void segment_header_put(const struct segment_header *header, uint8_t *at);

// ERR_CORRUPT: no segment header, or one that fails its sum. ERR_VERSION: a newer one.
enum err segment_header_get(struct segment_header *header, struct bytes in);

#endif
