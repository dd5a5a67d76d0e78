#include "agent/spool_look.h"

#include "agent/spool_inner.h"

static struct place place_of(const struct spool *spool, uint32_t index)
{
    if (index == spool->segment_count) {
        return spool_tail_place(spool, DISK_NURSERY);
    }
    assert(index < spool->segment_count);
    const struct segment *segment = &spool->segments[index];
    const struct ring *ring = &spool->rings[DISK_MAIN];
    uint32_t end = segment->id == ring->id ? ring->end : segment->end;
    return spool_place(spool, DISK_MAIN, segment->id, end);
}

// --- headers

static bool first_header(struct spool *spool, const struct place *place,
                         struct segment_header *header)
{
    const uint8_t *at = spool_window(spool, place, 0, FRAME_PAGE_SIZE);
    return at != NULL && segment_header_get(header, bytes_from(at, FRAME_PAGE_SIZE)) == OK &&
           header->segment_id == place->id;
}

static bool second_header(struct spool *spool, const struct place *place,
                          struct segment_header *header)
{
    struct frame frame;
    struct bytes payload;
    if (spool_frame(spool, place, FRAME_PAGE_SIZE, &frame) != OK || frame.kind != FRAME_HEADER) {
        return false;
    }
    bool clear = spool->seal != NULL || !frame_is_sealed(&frame);
    if (spool_payload(spool, place, FRAME_PAGE_SIZE, &frame, clear, &payload) != OK) {
        return false;
    }
    return !clear || (segment_header_get(header, payload) == OK && header->segment_id == place->id);
}

void spool_look_segment(struct spool *spool, uint32_t index, struct spool_segment *segment)
{
    struct place place = place_of(spool, index);
    struct segment_header header;
    *segment = (struct spool_segment){
        .ring = place.ring,
        .id = place.id,
        .slot = place.slot,
        .bytes = place.end,
        .is_tail = place.id == spool->rings[place.ring].id,
        .first_header = first_header(spool, &place, &header),
        .second_header = second_header(spool, &place, &header),
    };
}

static bool tail_header(struct spool *spool, enum disk_ring ring, struct segment_header *header)
{
    struct place place = spool_tail_place(spool, ring);
    return place.id != 0 && (first_header(spool, &place, header) ||
                             (spool->seal != NULL && second_header(spool, &place, header)));
}

void spool_look_shape(struct spool *spool, struct spool_shape *shape)
{
    const struct ring *rings = spool->rings;
    bool young = rings[DISK_NURSERY].id != 0;
    struct segment_header header;
    *shape = (struct spool_shape){
        .slot_count = {rings[0].slot_count, rings[1].slot_count},
        .slot_size = {rings[0].slot_size, rings[1].slot_size},
        .stamp = spool->stamp,
        .segment_count = spool->segment_count + (young ? 1 : 0),
        .is_empty = spool->segment_count == 0 && !young,
    };
    for (int ring = 0; ring < 2; ring++) {
        bool known = tail_header(spool, (enum disk_ring)ring, &header);
        shape->is_sealed = shape->is_sealed || (known && header.key_check != 0);
    }
}

bool spool_look_is_part(struct spool *spool, enum disk_ring ring, uint32_t *slot_count,
                        uint32_t *slot_size)
{
    const struct ring *shape = &spool->rings[ring];
    for (uint32_t slot = 0; slot < shape->slot_count; slot++) {
        struct place place = {.ring = ring, .slot = slot};
        const uint8_t *at = spool_window(spool, &place, 0, FRAME_PAGE_SIZE);
        struct segment_header header;
        if (at == NULL || segment_header_get(&header, bytes_from(at, FRAME_PAGE_SIZE)) != OK) {
            continue;
        }
        if (header.slot_count != shape->slot_count || header.slot_size != shape->slot_size) {
            *slot_count = header.slot_count;
            *slot_size = header.slot_size;
            return true;
        }
    }
    return false;
}

bool spool_look_is_missing(struct spool *spool, uint32_t slot)
{
    struct segment_header header;
    if (!tail_header(spool, DISK_MAIN, &header) || header.pages[slot] == 0) {
        return false;
    }
    for (uint32_t i = 0; i < spool->segment_count; i++) {
        if (spool->segments[i].id % spool->rings[DISK_MAIN].slot_count == slot) {
            return false;
        }
    }
    return true;
}

const char *spool_look_slot(struct spool *spool, enum disk_ring ring, uint32_t slot)
{
    struct place place = {.ring = ring, .slot = slot};
    uint32_t size = spool->rings[ring].slot_size;
    if (spool_window(spool, &place, size - FRAME_PAGE_SIZE, FRAME_PAGE_SIZE) == NULL) {
        return "the file is missing, cut short, or cannot be read";
    }
    const uint8_t *page = spool_window(spool, &place, 0, 2 * FRAME_PAGE_SIZE);
    struct segment_header header;
    struct frame frame;
    if (page == NULL) {
        return "its first pages cannot be read";
    }
    bool used = false;
    for (uint32_t i = 0; i < 2 * FRAME_PAGE_SIZE && !used; i++) {
        used = page[i] != 0;
    }
    bool good = segment_header_get(&header, bytes_from(page, FRAME_PAGE_SIZE)) == OK ||
                frame_get(&frame, page + FRAME_PAGE_SIZE) == OK;
    return used && !good ? "neither of its two headers is good" : NULL;
}

// --- frames

static void describe(const struct frame *frame, uint32_t offset, struct spool_found *found)
{
    *found = (struct spool_found){
        .kind = frame_is_block(frame->kind) ? SPOOL_FOUND_BLOCK : SPOOL_FOUND_OTHER,
        .offset = offset,
        .bytes = frame_size(frame->size),
    };
    if (found->kind == SPOOL_FOUND_BLOCK) {
        found->first_seq = frame->first_seq;
        found->count = frame->count;
        found->dense = frame->kind == FRAME_DENSE;
        found->time_first_ms = frame->time_first_ms;
        found->time_last_ms = frame->time_last_ms;
    }
}

// The frame is one of an attempt that the main ring calls void.
static bool is_void(const struct spool *spool, const struct place *place, const struct frame *frame)
{
    return place->ring == DISK_NURSERY && frame->stamp < spool->nursery_from;
}

void spool_walk_next(struct spool *spool, struct spool_walk *walk, bool read,
                     struct spool_found *found)
{
    struct place place = place_of(spool, walk->index);
    walk->offset = walk->offset == 0 ? FRAME_PAGE_SIZE : walk->offset;
    if (walk->offset >= place.end) {
        *found = (struct spool_found){.kind = SPOOL_FOUND_END};
        return;
    }
    struct frame frame;
    bool good = spool_frame(spool, &place, walk->offset, &frame) == OK &&
                frame.frame_no == walk->frame_no + 1 && frame.commit_no - walk->commit_no <= 1;
    if (!good) {
        uint32_t from = walk->offset;
        bool more = spool_resync(spool, &place, &walk->offset, walk->commit_no, walk->frame_no,
                                 &frame) == OK;
        walk->offset = more ? walk->offset : place.end;
        walk->frame_no = more ? frame.frame_no - 1 : walk->frame_no;
        walk->commit_no = more ? frame.commit_no : walk->commit_no;
        *found = (struct spool_found){
            .kind = SPOOL_FOUND_DAMAGE, .offset = from, .bytes = walk->offset - from};
        return;
    }
    describe(&frame, walk->offset, found);
    bool clear = spool->seal != NULL || !frame_is_sealed(&frame);
    if (read && spool_payload(spool, &place, walk->offset, &frame, clear, &found->payload) != OK) {
        found->kind = SPOOL_FOUND_DAMAGE;
    } else if (is_void(spool, &place, &frame)) {
        found->kind = SPOOL_FOUND_OTHER;
    }
    walk->frame_no = frame.frame_no;
    walk->commit_no = frame.commit_no;
    walk->offset += frame_size(frame.size);
    walk->offset = frame.kind == FRAME_STATE ? frame_page_up(walk->offset) : walk->offset;
}

// --- state

bool spool_look_state(const struct spool *spool, uint32_t index, const char **name,
                      struct bytes *value)
{
    if (index >= spool->state_count) {
        return false;
    }
    const struct state_pair *pair = &spool->states[index];
    *name = pair->name;
    *value = bytes_from(pair->value, pair->size);
    return true;
}
