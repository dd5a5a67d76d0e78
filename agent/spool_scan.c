#include "agent/spool_inner.h"

struct place spool_place(const struct spool *spool, enum disk_ring ring, uint64_t id, uint32_t end)
{
    uint32_t slot_count = spool->rings[ring].slot_count;
    return (struct place){.ring = ring, .slot = (uint32_t)(id % slot_count), .id = id, .end = end};
}

struct place spool_tail_place(const struct spool *spool, enum disk_ring ring)
{
    return spool_place(spool, ring, spool->rings[ring].id, spool->rings[ring].end);
}

void spool_window_drop(struct spool *spool)
{
    spool->window.size = 0;
}

static bool window_has(const struct window *window, const struct place *place, uint32_t offset,
                       uint32_t size)
{
    return window->ring == place->ring && window->slot == place->slot && offset >= window->start &&
           offset + size <= window->offset + window->size;
}

// Whether a reader of the window comes to its end, and goes on.
static bool window_ends_in(const struct window *window, const struct place *place, uint32_t offset)
{
    return window->size > 0 && window->ring == place->ring && window->slot == place->slot &&
           offset >= window->start && offset <= window->offset + window->size;
}

const uint8_t *spool_window(struct spool *spool, const struct place *place, uint32_t offset,
                            uint32_t size)
{
    struct window *window = &spool->window;
    uint32_t slot_size = spool->rings[place->ring].slot_size;
    if (offset > slot_size || size > slot_size - offset) {
        return NULL;
    }
    if (window->size > 0 && window_has(window, place, offset, size)) {
        return window->at + (offset - window->offset);
    }
    uint32_t from = offset / FRAME_PAGE_SIZE * FRAME_PAGE_SIZE;
    uint32_t need = frame_page_up(offset + size) - from;
    uint32_t ahead = window_ends_in(window, place, offset) ? SPOOL_READ_AHEAD : SPOOL_READ_FIRST;
    uint32_t take = need < ahead ? ahead : need;
    uint32_t room = slot_size - from < window->limit ? slot_size - from : window->limit;
    take = take < room ? take : room;
    assert(need <= take);
    *window = (struct window){.at = window->at, .limit = window->limit};
    const struct disk *disk = spool->disk;
    enum err err = disk->read(disk->context, place->ring, place->slot, from, window->at, take);
    if (err != OK && take > need) { // perhaps only what lies beyond is bad
        take = need;
        err = disk->read(disk->context, place->ring, place->slot, from, window->at, take);
    }
    if (err != OK) {
        return NULL;
    }
    spool->read_bytes += take;
    *window = (struct window){.at = window->at,
                              .limit = window->limit,
                              .ring = place->ring,
                              .slot = place->slot,
                              .offset = from,
                              .start = from,
                              .size = take};
    return window->at + (offset - from);
}

enum err spool_frame(struct spool *spool, const struct place *place, uint32_t offset,
                     struct frame *frame)
{
    if (offset % FRAME_ALIGN != 0 || offset > place->end ||
        place->end - offset < FRAME_HEADER_SIZE) {
        return ERR_CORRUPT;
    }
    const uint8_t *at = spool_window(spool, place, offset, FRAME_HEADER_SIZE);
    if (at == NULL) {
        return ERR_IO;
    }
    if (frame_get(frame, at) != OK) {
        return ERR_CORRUPT;
    }
    bool ours = frame->segment_id == place->id || MUTANT(NO_IDENTITY);
    bool fits = frame->size <= place->end - offset - FRAME_HEADER_SIZE &&
                frame->size + FRAME_HEADER_SIZE <= spool->window.limit - FRAME_PAGE_SIZE;
    return ours && fits ? OK : ERR_CORRUPT;
}

enum err spool_payload(struct spool *spool, const struct place *place, uint32_t offset,
                       const struct frame *frame, bool clear, struct bytes *payload)
{
    const uint8_t *header = spool_window(spool, place, offset, FRAME_HEADER_SIZE + frame->size);
    if (header == NULL) {
        return ERR_IO;
    }
    uint8_t *at = spool->window.at + (offset - spool->window.offset) + FRAME_HEADER_SIZE;
    uint32_t sum = bytes_crc32c(0, bytes_from(at, frame->size));
    if (sum != frame->payload_sum && !MUTANT(NO_PAYLOAD_SUM)) {
        return ERR_CORRUPT;
    }
    *payload = bytes_from(at, frame->size);
    if (!clear) {
        return OK;
    }
    spool->window.start = offset + FRAME_HEADER_SIZE + frame->size; // the rest is as stored
    if (!frame_is_sealed(frame)) {
        frame_whiten(frame, at, frame->size);
        return OK;
    }
    if (spool->seal == NULL) {
        return ERR_CORRUPT;
    }
    if (seal_open(spool->seal, frame, header, at) != OK) {
        return ERR_CORRUPT;
    }
    payload->size -= FRAME_TAG_SIZE;
    return OK;
}

// Damage costs what it hit and nothing else (I7): after it, every frame that proves itself counts.
enum err spool_resync(struct spool *spool, const struct place *place, uint32_t *offset,
                      uint32_t commit_no, uint32_t frame_no, struct frame *frame)
{
    uint32_t at = (*offset + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
    while (at + FRAME_HEADER_SIZE <= place->end) {
        enum err err = spool_frame(spool, place, at, frame);
        if (err == OK && frame->commit_no >= commit_no && frame->frame_no > frame_no) {
            *offset = at;
            return OK;
        }
        // An unreadable page is left whole.
        at = err == ERR_IO ? frame_page_up(at + 1) : at + FRAME_ALIGN;
    }
    return ERR_NOT_FOUND;
}
