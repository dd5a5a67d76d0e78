#include "tests/sim/seals.h"

#include "agent/frame.h"
#include "tests/sim/count.h"
#include "tests/sim/random.h"

#include <stdlib.h>

enum { SLOTS = 1 << 18, BEGIN_SIZE = 16 };

struct seal_seen {
    uint64_t what;
    uint32_t round; // of which history
};

struct seals {
    uint32_t round;
    uint32_t count;
    struct seal_seen seen[SLOTS];
};

struct seals *seals_open(void)
{
    return calloc(1, sizeof(struct seals));
}

void seals_close(struct seals *seals)
{
    free(seals);
}

void seals_reset(struct seals *seals)
{
    seals->round++;
    seals->count = 0;
}

// False where it was there already. A full table remembers nothing new.
static bool remember(struct seals *seals, uint64_t what)
{
    uint32_t at = (uint32_t)(sim_mix(what) % SLOTS);
    while (seals->seen[at].round == seals->round) {
        if (seals->seen[at].what == what) {
            return false;
        }
        at = (at + 1) % SLOTS;
    }
    if (seals->count < SLOTS / 2) {
        seals->seen[at] = (struct seal_seen){what, seals->round};
        seals->count++;
    }
    return true;
}

static bool frame_is_fresh(struct seals *seals, const struct frame *frame, const uint8_t *payload)
{
    sim_counts[CHECKED_SEAL]++;
    uint64_t salt = get_u64(frame->salt) ^ sim_mix(get_u64(frame->salt + 8));
    uint64_t nonce = sim_mix(salt + frame->segment_id) + frame->frame_no;
    if (!remember(seals, sim_mix(nonce))) {
        return false;
    }
    if (!frame_is_block(frame->kind) || frame->size < BEGIN_SIZE) {
        return true;
    }
    return remember(seals, get_u64(payload) ^ sim_mix(get_u64(payload + 8)));
}

bool seals_are_fresh(struct seals *seals, struct bytes written)
{
    size_t offset = 0;
    while (offset + FRAME_HEADER_SIZE <= written.size) {
        struct frame frame;
        const uint8_t *at = written.at + offset;
        if (frame_get(&frame, at) != OK) {
            offset = (offset / FRAME_PAGE_SIZE + 1) * FRAME_PAGE_SIZE; // padding, or a header page
            continue;
        }
        if (frame_is_sealed(&frame) && !frame_is_fresh(seals, &frame, at + FRAME_HEADER_SIZE)) {
            return false;
        }
        offset += frame_size(frame.size);
    }
    return true;
}
