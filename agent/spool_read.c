#include "agent/spool_inner.h"

// The block of a seq: in the main ring by segment and frame headers, else in the pack, else among
// the held ones. Rows that were durable and are nowhere any more are damage: they are declared lost
// here, in the order a reader meets them, so that at the cursor they join the first settled range.

struct find {
    struct place place;
    struct frame frame;
    uint32_t offset;
    const struct packed *packed; // in the pack
    uint32_t held;               // among the held ones, else held_count
};

// --- the main ring

static const struct hint *hint_for(const struct spool *spool, uint64_t id, uint64_t seq)
{
    const struct hint *best = NULL;
    for (int i = 0; i < SPOOL_HINTS; i++) {
        const struct hint *hint = &spool->hints[i];
        bool fits = hint->id == id && hint->seq <= seq;
        best = fits && (best == NULL || hint->seq > best->seq) ? hint : best;
    }
    return best;
}

static void hint_keep(struct spool *spool, const struct hint *hint)
{
    struct hint *place = NULL;
    for (int i = 0; i < SPOOL_HINTS; i++) { // a reader that moves on takes its hint along
        struct hint *old = &spool->hints[i];
        bool same = old->id == hint->id && old->offset <= hint->offset &&
                    hint->offset - old->offset < SPOOL_READ_AHEAD;
        place = same ? old : place;
    }
    if (place == NULL) {
        place = &spool->hints[spool->hint_next];
        spool->hint_next = (spool->hint_next + 1) % SPOOL_HINTS;
    }
    *place = *hint;
}

// The first dense block of the segment that ends at or after `seq`.
static enum err find_in_segment(struct spool *spool, uint32_t index, uint64_t seq,
                                struct find *find)
{
    const struct segment *segment = &spool->segments[index];
    const struct ring *ring = &spool->rings[DISK_MAIN];
    uint32_t end = segment->id == ring->id ? ring->end : segment->end;
    find->place = spool_place(spool, DISK_MAIN, segment->id, end);
    const struct hint *hint = hint_for(spool, segment->id, seq);
    struct hint at = {.offset = FRAME_PAGE_SIZE, .commit_no = 0};
    at = hint != NULL ? *hint : at;
    while (at.offset < find->place.end) {
        struct frame *frame = &find->frame;
        enum err err = spool_frame(spool, &find->place, at.offset, frame);
        bool next =
            err == OK && frame->frame_no == at.frame_no + 1 && frame->commit_no - at.commit_no <= 1;
        if (!next &&
            spool_resync(spool, &find->place, &at.offset, at.commit_no, at.frame_no, frame) != OK) {
            return ERR_NOT_FOUND;
        }
        // One beyond dense_end holds rows that damage has unmade since.
        uint64_t last = frame->first_seq + frame->count - 1;
        if (frame->kind == FRAME_DENSE && last >= seq && last <= spool->dense_end) {
            find->offset = at.offset;
            return OK;
        }
        at.frame_no = frame->frame_no;
        at.commit_no = frame->commit_no;
        at.offset += frame_size(frame->size);
        at.offset = frame->kind == FRAME_STATE ? frame_page_up(at.offset) : at.offset;
    }
    return ERR_NOT_FOUND;
}

static enum err find_in_main(struct spool *spool, uint64_t seq, struct find *find)
{
    if (seq > spool->dense_end) {
        return ERR_NOT_FOUND;
    }
    uint32_t low = 0;
    uint32_t high = spool->segment_count;
    while (low < high) { // the first segment that begins after seq
        uint32_t middle = low + (high - low) / 2;
        if (spool->segments[middle].first_seq <= seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (uint32_t i = low > 0 ? low - 1 : 0; i < spool->segment_count; i++) {
        if (find_in_segment(spool, i, seq, find) == OK) {
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

// --- beside it

static bool better_held(const struct held *held, const struct held *than)
{
    return held->dense != than->dense ? held->dense : held->stamp > than->stamp;
}

// The block beside the main ring that holds `seq` (> dense_end); ERR_NOT_FOUND: none does, and
// `*next` is the first seq after it that one holds (0: none).
static enum err find_beside(const struct spool *spool, uint64_t seq, struct find *find,
                            uint64_t *next)
{
    *next = 0;
    find->packed = NULL;
    find->held = spool->held_count;
    const struct packed *packed;
    for (uint32_t at = 0; (packed = spool_pack_next(spool, &at)) != NULL;) {
        if (packed->first_seq <= seq && seq < packed->first_seq + packed->count) {
            find->packed = packed;
            return OK;
        }
        bool nearer = packed->first_seq > seq && (*next == 0 || packed->first_seq < *next);
        *next = nearer ? packed->first_seq : *next;
    }
    for (uint32_t i = 0; i < spool->held_count; i++) {
        const struct held *held = &spool->held[i];
        if (held->first_seq <= seq && seq < held->first_seq + held->count) {
            bool better =
                find->held == spool->held_count || better_held(held, &spool->held[find->held]);
            find->held = better ? i : find->held;
        }
        bool nearer = held->first_seq > seq && (*next == 0 || held->first_seq < *next);
        *next = nearer ? held->first_seq : *next;
    }
    return find->held < spool->held_count ? OK : ERR_NOT_FOUND;
}

// --- reading what was found

// Whether the device still answers at all: if not, nothing is lost, only out of reach.
static bool device_answers(struct spool *spool)
{
    const struct disk *disk = spool->disk;
    const struct ring *ring = &spool->rings[DISK_MAIN];
    for (uint32_t slot = 0; slot < ring->slot_count && slot < 4; slot++) {
        if (disk->read(disk->context, DISK_MAIN, slot, 0, spool->writer.at, FRAME_PAGE_SIZE) ==
            OK) {
            return true;
        }
    }
    return false;
}

// Declare what of from..to has not ended yet lost.
static enum err declare(struct spool *spool, uint64_t from, uint64_t to, int64_t until_ms)
{
    if (spool->readonly) {
        return OK;
    }
    if (!device_answers(spool)) {
        return ERR_IO;
    }
    int64_t since_ms = spool->read_end + 1 == from ? spool->read_ms : until_ms;
    return spool_lose(spool, from, to, SETTLED_LOST_CORRUPT, since_ms, until_ms);
}

static void tell(struct spool *spool, const struct frame *frame, struct bytes payload,
                 struct spool_block *block)
{
    *block = (struct spool_block){.first_seq = frame->first_seq,
                                  .count = frame->count,
                                  .dense = frame->kind == FRAME_DENSE,
                                  .time_first_ms = frame->time_first_ms,
                                  .time_last_ms = frame->time_last_ms,
                                  .payload = payload};
    spool->read_end = frame->first_seq + frame->count - 1;
    spool->read_ms = frame->time_last_ms;
    uint64_t front = settled_next(&spool->settled, 1);
    if (frame->first_seq <= front && front <= spool->read_end) {
        spool->front_seq = frame->first_seq;
        spool->front_end = spool->read_end;
        spool->front_ms = frame->time_first_ms;
    }
}

static enum err read_main(struct spool *spool, struct find *find, struct spool_block *block)
{
    struct bytes payload;
    const struct frame *frame = &find->frame;
    if (spool_payload(spool, &find->place, find->offset, frame, true, &payload) != OK) {
        spool->stat.corrupt_bytes += frame->size;
        return ERR_CORRUPT;
    }
    struct hint hint = {.id = find->place.id,
                        .seq = frame->first_seq + frame->count,
                        .offset = find->offset + frame_size(frame->size),
                        .commit_no = frame->commit_no,
                        .frame_no = frame->frame_no};
    hint_keep(spool, &hint);
    tell(spool, frame, payload, block);
    return OK;
}

static enum err read_beside(struct spool *spool, struct find *find, struct spool_block *block)
{
    if (find->packed != NULL) {
        const struct packed *packed = find->packed;
        struct frame frame = {.kind = FRAME_DENSE,
                              .first_seq = packed->first_seq,
                              .count = packed->count,
                              .time_first_ms = packed->time_first_ms,
                              .time_last_ms = packed->time_last_ms};
        tell(spool, &frame, bytes_from(packed + 1, packed->size), block);
        return OK;
    }
    struct held *held = &spool->held[find->held];
    struct place place = spool_tail_place(spool, held->ring);
    struct bytes payload;
    bool good = spool_frame(spool, &place, held->offset, &find->frame) == OK &&
                find->frame.first_seq == held->first_seq && find->frame.count == held->count &&
                spool_payload(spool, &place, held->offset, &find->frame, true, &payload) == OK;
    if (good) {
        tell(spool, &find->frame, payload, block);
        block->dense = held->dense;
        return OK;
    }
    if (!device_answers(spool)) {
        return ERR_IO;
    }
    spool->stat.corrupt_bytes += held->size;
    *held = spool->held[--spool->held_count]; // another may hold the same rows
    return ERR_CORRUPT;
}

// One step of spool_read at `*seq`. ERR_CORRUPT: nothing there; `*seq` has moved or damage was
// forgotten, try again.
static enum err read_step(struct spool *spool, uint64_t *seq, struct spool_block *block)
{
    struct find find;
    if (find_in_main(spool, *seq, &find) == OK) {
        uint64_t first = find.frame.first_seq;
        if (first > *seq) {
            enum err err = declare(spool, *seq, first - 1, find.frame.time_first_ms);
            *seq = err == OK ? first : *seq;
            return err == OK ? ERR_CORRUPT : err;
        }
        enum err err = read_main(spool, &find, block);
        if (err != OK) {
            uint64_t last = first + find.frame.count - 1;
            enum err told = declare(spool, *seq, last, find.frame.time_last_ms);
            *seq = told == OK ? last + 1 : *seq;
            return told == OK ? ERR_CORRUPT : told;
        }
        return OK;
    }
    uint64_t next;
    uint64_t from = *seq > spool->dense_end ? *seq : spool->dense_end + 1;
    bool found = find_beside(spool, from, &find, &next) == OK;
    if (found && from == *seq) {
        return read_beside(spool, &find, block);
    }
    next = found ? from : next;
    next = next == 0 ? spool->next_seq : next;
    enum err err = declare(spool, *seq, next - 1, spool->read_ms);
    *seq = err == OK ? next : *seq;
    return err == OK ? ERR_CORRUPT : err;
}

enum err spool_read(struct spool *spool, uint64_t seq, struct spool_block *block)
{
    seq = seq == 0 ? 1 : seq;
    while (seq < spool->next_seq) { // each step moves seq on, or forgets a held block
        enum err err = read_step(spool, &seq, block);
        if (err != ERR_CORRUPT) {
            return err;
        }
    }
    return ERR_AGAIN;
}
