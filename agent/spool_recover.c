#include "agent/spool_inner.h"

#include <stdlib.h>

// From the bytes of a disk to a spool (agent/SPOOL.md, "Recovery"):
//
//   1. both headers of every slot; the newer one of the two names the segment
//   2. the main ring: the highest id with a first commit is the tail; its header says what else
//      of the ring counts: the rest are attempts that were given up
//   3. the tail, commit by commit; where one does not fit, a later commit proves damage, none
//      a tear
//   4. the nursery likewise, after the main ring
//   5. what is read may not be durable yet (a process died, no power was cut): one sync of each
//      tail
//
// State carries the stamp of its commit, so the order of reading does not matter.

struct scan {
    bool began;   // its first commit is there, or was
    bool damaged; // the first commit or a later one is not whole any more
    bool first_damaged;
    bool doubtful; // something lies at `end`: a torn commit, or what the device does not give
    uint32_t end;
    uint32_t commit_no;
    uint32_t frame_no;
};

// --- frames

static void hold(struct spool *spool, enum disk_ring ring, uint32_t offset,
                 const struct frame *frame)
{
    if (spool->held_count == SPOOL_HELD_MAX) {
        return; // more than any commit allows; the rows are told as lost when they are missed
    }
    uint32_t tag = frame_is_sealed(frame) ? FRAME_TAG_SIZE : 0;
    spool->held[spool->held_count++] = (struct held){
        .first_seq = frame->first_seq,
        .stamp = frame->stamp,
        .time_first_ms = frame->time_first_ms,
        .count = frame->count,
        .size = frame->size < tag ? 0 : frame->size - tag,
        .offset = offset,
        .ring = ring,
        .dense = frame->kind == FRAME_DENSE,
    };
}

static enum err take_frame(struct spool *spool, const struct place *place, uint32_t offset,
                           const struct frame *frame, struct bytes payload)
{
    uint64_t last = frame->first_seq + frame->count - 1;
    spool->stamp = frame->stamp > spool->stamp ? frame->stamp : spool->stamp;
    if (place->ring == DISK_NURSERY && frame->stamp < spool->nursery_from) {
        return OK; // void: the main ring says so
    }
    switch (frame->kind) {
    case FRAME_HEADER:
        return OK;
    case FRAME_KEYS:
        return spool_keys_get(spool, frame, payload);
    case FRAME_STATE:
        return spool_state_get(spool, frame, payload);
    case FRAME_DENSE:
        if (place->ring == DISK_MAIN) {
            if (last > spool->dense_end) {
                spool->dense_end = last;
                spool->dense_ms = frame->time_last_ms;
            }
            break;
        }
        hold(spool, place->ring, offset, frame);
        break;
    case FRAME_YOUNG:
        hold(spool, place->ring, offset, frame);
        break;
    }
    spool->next_seq = last >= spool->next_seq ? last + 1 : spool->next_seq;
    return OK;
}

static enum err read_and_take(struct spool *spool, const struct place *place, uint32_t offset,
                              const struct frame *frame)
{
    struct bytes payload;
    bool clear = frame->kind == FRAME_KEYS || frame->kind == FRAME_STATE;
    if (clear && spool->seal == NULL && frame_is_sealed(frame) && spool->readonly) {
        return OK; // looked at without the key: names and state stay unknown
    }
    enum err err = spool_payload(spool, place, offset, frame, clear, &payload);
    return err != OK ? err : take_frame(spool, place, offset, frame, payload);
}

// --- commits

static bool continues(const struct frame *frame, const struct frame *before, bool first)
{
    if (first) {
        return true;
    }
    bool same =
        frame->stamp == before->stamp && memcmp(frame->salt, before->salt, FRAME_SALT_SIZE) == 0;
    return same || MUTANT(MIX_COMMITS); // a torn attempt of an earlier start may lie behind
}

// One commit at `*offset`, to behind its state frame. ERR_CORRUPT: it is not whole. ERR_IO.
static enum err scan_commit(struct spool *spool, const struct place *place, uint32_t *offset,
                            uint32_t commit_no, uint32_t *frame_no)
{
    struct frame before = {.kind = FRAME_HEADER};
    for (bool first = true;; first = false) {
        struct frame frame;
        enum err err = spool_frame(spool, place, *offset, &frame);
        if (err == OK && (frame.commit_no != commit_no || frame.frame_no != *frame_no + 1 ||
                          !continues(&frame, &before, first))) {
            err = ERR_CORRUPT;
        }
        err = err == OK ? read_and_take(spool, place, *offset, &frame) : err;
        if (err != OK) {
            return err;
        }
        before = frame;
        *frame_no = frame.frame_no;
        *offset += frame_size(frame.size);
        if (frame.kind == FRAME_STATE) {
            return OK;
        }
    }
}

// A frame on a page at or after `offset` of a commit after `commit_no`: it proves that the commits
// before it were durable once.
static bool find_later(struct spool *spool, const struct place *place, uint32_t *offset,
                       uint32_t commit_no, struct frame *frame)
{
    for (uint32_t at = *offset; at < place->end && !MUTANT(STOP_AT_BAD_FRAME);
         at += FRAME_PAGE_SIZE) {
        if (spool_frame(spool, place, at, frame) == OK && frame->commit_no > commit_no) {
            *offset = at;
            return true;
        }
    }
    return false;
}

// Frames between `from` and place->end of commits that were durable: each good one counts.
static void salvage(struct spool *spool, const struct place *place, uint32_t from,
                    uint32_t commit_no, uint32_t frame_no)
{
    struct frame frame;
    while (spool_resync(spool, place, &from, commit_no, frame_no, &frame) == OK) {
        if (read_and_take(spool, place, from, &frame) == OK) {
            frame_no = frame.frame_no;
            commit_no = frame.commit_no;
            from += frame_size(frame.size);
        } else {
            from += FRAME_ALIGN;
        }
    }
}

struct mark {
    uint32_t held_count;
    uint32_t key_count;
    uint64_t dense_end;
    int64_t dense_ms;
    uint64_t next_seq;
};

static struct mark mark_of(const struct spool *spool)
{
    return (struct mark){spool->held_count, spool->key_count, spool->dense_end, spool->dense_ms,
                         spool->next_seq};
}

static void back_to(struct spool *spool, struct mark mark)
{
    if (!MUTANT(TAKE_HALF_COMMIT)) {
        spool->held_count = mark.held_count;
        spool->key_count = mark.key_count;
        spool->dense_end = mark.dense_end;
        spool->dense_ms = mark.dense_ms;
        spool->next_seq = mark.next_seq;
    }
}

static struct scan scan_segment(struct spool *spool, enum disk_ring ring, uint64_t id)
{
    struct place place = spool_place(spool, ring, id, spool->rings[ring].slot_size);
    struct scan scan = {.end = FRAME_PAGE_SIZE};
    for (;;) {
        if (spool->held_count > SPOOL_HELD_MAX / 2) {
            spool_held_prune(spool);
        }
        struct mark mark = mark_of(spool);
        uint32_t offset = scan.end;
        uint32_t frame_no = scan.frame_no;
        enum err err = scan_commit(spool, &place, &offset, scan.commit_no + 1, &frame_no);
        if (err == OK) {
            scan.began = true;
            scan.end = frame_page_up(offset);
            scan.commit_no++;
            scan.frame_no = frame_no;
            continue;
        }
        back_to(spool, mark);
        struct frame later;
        uint32_t proof = scan.end;
        if (!find_later(spool, &place, &proof, scan.commit_no + 1, &later)) {
            bool torn = spool_frame(spool, &place, scan.end, &later) == OK;
            spool->stat.torn_commits += torn ? 1 : 0;
            scan.doubtful = (torn && !MUTANT(MIX_COMMITS)) || err == ERR_IO;
            return scan;
        }
        struct place between = spool_place(spool, ring, id, proof);
        salvage(spool, &between, scan.end, scan.commit_no + 1, scan.frame_no);
        spool->stat.corrupt_bytes += proof - scan.end;
        scan.first_damaged = scan.first_damaged || scan.commit_no == 0;
        scan.began = true;
        scan.damaged = true;
        scan.end = proof;
        scan.commit_no = later.commit_no - 1;
        scan.frame_no = later.frame_no - 1;
    }
}

// --- headers

static bool header_fits(const struct spool *spool, enum disk_ring ring, uint32_t slot,
                        const struct segment_header *header)
{
    const struct ring *shape = &spool->rings[ring];
    return header->ring == (uint8_t)ring && header->slot_count == shape->slot_count &&
           header->slot_size == shape->slot_size && header->segment_id % shape->slot_count == slot;
}

// The second header: the payload of the frame on page 1.
static enum err second_header(struct spool *spool, uint8_t *page, struct segment_header *header)
{
    struct frame frame;
    if (MUTANT(NO_SECOND_HEADER) || frame_get(&frame, page) != OK || frame.kind != FRAME_HEADER ||
        frame.size < SEGMENT_HEADER_SIZE || frame.size > FRAME_PAGE_SIZE - FRAME_HEADER_SIZE ||
        bytes_crc32c(0, bytes_from(page + FRAME_HEADER_SIZE, frame.size)) != frame.payload_sum) {
        return ERR_CORRUPT;
    }
    uint8_t *payload = page + FRAME_HEADER_SIZE;
    if (!frame_is_sealed(&frame)) {
        frame_whiten(&frame, payload, frame.size);
    } else if (spool->seal == NULL || seal_open(spool->seal, &frame, page, payload) != OK) {
        return ERR_CORRUPT;
    }
    enum err err = segment_header_get(header, bytes_from(payload, frame.size));
    return err == OK && header->segment_id != frame.segment_id ? ERR_CORRUPT : err;
}

// Both pages, or whichever can be read; what cannot is left as zeros.
static void read_pages(struct spool *spool, enum disk_ring ring, uint32_t slot, uint8_t *pages)
{
    const struct disk *disk = spool->disk;
    spool->read_bytes += 2 * FRAME_PAGE_SIZE;
    if (disk->read(disk->context, ring, slot, 0, pages, 2 * FRAME_PAGE_SIZE) == OK) {
        return;
    }
    for (uint32_t page = 0; page < 2; page++) {
        uint8_t *at = pages + page * FRAME_PAGE_SIZE;
        uint32_t offset = page * FRAME_PAGE_SIZE;
        if (disk->read(disk->context, ring, slot, offset, at, FRAME_PAGE_SIZE) != OK) {
            memset(at, 0, FRAME_PAGE_SIZE);
        }
    }
}

static enum err check_key(const struct spool *spool, const struct segment_header *header)
{
    if (header->key_check == 0 || (spool->readonly && spool->seal == NULL)) {
        return OK;
    }
    bool ours =
        spool->seal != NULL && header->key_check == seal_key_check(spool->seal, header->epoch);
    return ours ? OK : ERR_KEY;
}

// The newer of the two headers in a slot; `*second_only`: only page 1 has it. ERR_NOT_FOUND:
// nothing in this slot. ERR_VERSION, ERR_KEY: do not touch.
static enum err look_at_header(struct spool *spool, enum disk_ring ring, uint32_t slot,
                               struct segment_header *best, bool *second_only)
{
    uint8_t *pages = spool->window.at;
    spool_window_drop(spool);
    read_pages(spool, ring, slot, pages);
    struct segment_header second;
    enum err one = segment_header_get(best, bytes_from(pages, FRAME_PAGE_SIZE));
    enum err two = second_header(spool, pages + FRAME_PAGE_SIZE, &second);
    if (one == ERR_VERSION || two == ERR_VERSION) {
        return ERR_VERSION;
    }
    bool good = one == OK && header_fits(spool, ring, slot, best);
    bool second_good = two == OK && header_fits(spool, ring, slot, &second);
    if (!good && !second_good) {
        return ERR_NOT_FOUND;
    }
    bool newer = good && second_good && second.segment_id > best->segment_id;
    *second_only = !good || (newer && !MUTANT(FIRST_HEADER_WINS));
    if (*second_only) {
        *best = second;
    }
    return check_key(spool, best);
}

static enum err look_at_slot(struct spool *spool, enum disk_ring ring, uint32_t slot,
                             struct segment *segment)
{
    struct segment_header header;
    bool second_only;
    enum err err = look_at_header(spool, ring, slot, &header, &second_only);
    if (err == OK) {
        *segment = (struct segment){.id = header.segment_id,
                                    .first_seq = header.first_seq,
                                    .time_first_ms = header.time_first_ms,
                                    .time_before_ms = header.time_before_ms,
                                    .stamp = header.stamp,
                                    .epoch = header.epoch,
                                    .nursery_from = header.nursery_from,
                                    .second_only = second_only};
    }
    return err;
}

static int by_id(const void *a, const void *b)
{
    const struct segment *left = a;
    const struct segment *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

static enum err look_at_ring(struct spool *spool, enum disk_ring ring, struct segment *segments,
                             uint32_t *count)
{
    *count = 0;
    for (uint32_t slot = 0; slot < spool->rings[ring].slot_count; slot++) {
        enum err err = look_at_slot(spool, ring, slot, &segments[*count]);
        if (err == OK) {
            (*count)++;
        } else if (err != ERR_NOT_FOUND) {
            return err;
        }
    }
    qsort(segments, *count, sizeof *segments, by_id);
    if (*count > 0) {
        spool->rings[ring].last_id = segments[*count - 1].id;
    }
    return OK;
}

// The epoch of the newest segment; others (of a spool that lay here before) are nobody's.
static void settle_epoch(struct spool *spool, const struct segment *segments, uint32_t count,
                         uint64_t *stamp)
{
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].stamp >= *stamp) {
            *stamp = segments[i].stamp;
            spool->epoch = segments[i].epoch;
        }
        spool->stamp = segments[i].stamp > spool->stamp ? segments[i].stamp : spool->stamp;
    }
}

static uint32_t keep_epoch(const struct spool *spool, struct segment *segments, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].epoch == spool->epoch) {
            segments[kept++] = segments[i];
        }
    }
    return kept;
}

// --- rings

// Names and state from the segment before one whose own copy of them is damaged.
static struct scan scan_with_older(struct spool *spool, enum disk_ring ring,
                                   const struct segment *segments, uint32_t index)
{
    struct mark mark = mark_of(spool);
    const struct segment *tail = &segments[index];
    struct scan scan = scan_segment(spool, ring, tail->id);
    if (scan.first_damaged && index > 0) {
        back_to(spool, mark);
        uint64_t dense_end = spool->dense_end;
        scan_segment(spool, ring, segments[index - 1].id);
        spool->held_count = mark.held_count; // what was still needed was carried to the tail
        spool->dense_end = dense_end > spool->dense_end ? dense_end : spool->dense_end;
        scan = scan_segment(spool, ring, tail->id);
    }
    spool->stat.repaired_segments += scan.damaged ? 1 : 0;
    return scan;
}

// Returns how many segments are left once attempts that never began are taken off the end.
static uint32_t find_tail(struct spool *spool, enum disk_ring ring, struct segment *segments,
                          uint32_t count)
{
    struct ring *shape = &spool->rings[ring];
    while (count > 0) {
        const struct segment *tail = &segments[count - 1];
        uint64_t dense_before = spool->dense_end;
        if (ring == DISK_MAIN) {
            spool->dense_end = tail->first_seq - 1;
            spool->dense_ms = tail->time_before_ms;
        }
        struct scan scan = scan_with_older(spool, ring, segments, count - 1);
        if (scan.began) {
            shape->id = tail->id;
            spool->nursery_from = ring == DISK_MAIN ? tail->nursery_from : spool->nursery_from;
            shape->end = scan.end;
            shape->commit_no = scan.commit_no;
            shape->frame_no = scan.frame_no;
            // Its last header must not stand alone for long; and what is not whole, or cannot be
            // read, a later write in its place might make whole.
            shape->open = !tail->second_only && !scan.doubtful;
            return count;
        }
        spool->dense_end = dense_before;
        count--;
    }
    return 0;
}

// Segments that count: the tail's header says which slots, and how much of each.
static enum err keep_named(struct spool *spool)
{
    if (spool->segment_count == 0) {
        return OK;
    }
    struct segment *segments = spool->segments;
    uint32_t slot_count = spool->rings[DISK_MAIN].slot_count;
    struct segment tail = segments[spool->segment_count - 1];
    struct segment_header header;
    bool second_only;
    enum err err =
        look_at_header(spool, DISK_MAIN, (uint32_t)(tail.id % slot_count), &header, &second_only);
    if (err != OK) {
        return err; // it was there a moment ago
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i + 1 < spool->segment_count; i++) {
        uint32_t pages = header.pages[segments[i].id % slot_count];
        if (pages != 0) {
            segments[kept] = segments[i];
            segments[kept++].end = pages * FRAME_PAGE_SIZE;
        }
    }
    segments[kept++] = tail;
    spool->segment_count = kept;
    return OK;
}

static void sync_tail(struct spool *spool, enum disk_ring ring)
{
    struct ring *shape = &spool->rings[ring];
    const struct disk *disk = spool->disk;
    if (spool->readonly || shape->id == 0) {
        return;
    }
    disk->random(disk->context, shape->salt, FRAME_SALT_SIZE); // new for each start
    if (MUTANT(FIXED_SALT)) {
        memset(shape->salt, 7, FRAME_SALT_SIZE);
    }
    spool->stat.syncs++;
    enum err err = disk->sync(disk->context, ring, (uint32_t)(shape->id % shape->slot_count));
    if (err != OK) {
        shape->open = false; // I6
        spool->stat.abandoned_segments++;
        spool->stat.last_error = err;
        spool->stat.health = SPOOL_DEGRADED;
    }
}

enum err spool_recover(struct spool *spool)
{
    struct segment young[2];
    uint32_t young_count;
    enum err err = look_at_ring(spool, DISK_MAIN, spool->segments, &spool->segment_count);
    err = err != OK ? err : look_at_ring(spool, DISK_NURSERY, young, &young_count);
    if (err != OK) {
        return err;
    }
    uint64_t newest = 0;
    settle_epoch(spool, spool->segments, spool->segment_count, &newest);
    settle_epoch(spool, young, young_count, &newest);
    spool->segment_count = keep_epoch(spool, spool->segments, spool->segment_count);
    young_count = keep_epoch(spool, young, young_count);

    spool->segment_count = find_tail(spool, DISK_MAIN, spool->segments, spool->segment_count);
    err = keep_named(spool);
    if (err != OK) {
        return err;
    }
    spool->keys_in_main = spool->key_count;
    if (!MUTANT(NURSERY_UNREAD)) {
        find_tail(spool, DISK_NURSERY, young, young_count);
    }
    uint64_t settled_end =
        spool->settled.count > 0 ? spool->settled.ranges[spool->settled.count - 1].to : 0;
    uint64_t known = settled_end > spool->dense_end ? settled_end : spool->dense_end;
    spool->next_seq = spool->next_seq > known ? spool->next_seq : known + 1;
    spool_state_recovered(spool);
    if (!spool->readonly) { // who only looks is shown what has ended too
        spool_held_prune(spool);
    }
    sync_tail(spool, DISK_MAIN);
    sync_tail(spool, DISK_NURSERY);
    return OK;
}
