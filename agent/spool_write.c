#include "agent/spool_inner.h"

// One commit: frames one after the other in a buffer, a state frame that ends with its page last,
// one write, one sync. A commit larger than the buffer is several writes one behind the other and
// still one sync; until its state frame is durable, none of it counts.

static void fresh_salt(struct spool *spool, uint8_t salt[FRAME_SALT_SIZE])
{
    spool->disk->random(spool->disk->context, salt, FRAME_SALT_SIZE);
    if (MUTANT(FIXED_SALT)) {
        memset(salt, 7, FRAME_SALT_SIZE);
    }
}

void spool_write_begin(struct spool *spool, struct ring *ring, uint64_t id, bool fresh,
                       bool counting)
{
    struct writer *writer = &spool->writer;
    *writer = (struct writer){
        .at = writer->at,
        .limit = writer->limit,
        .offset = fresh ? 0 : ring->end,
        .ring = ring->which,
        .slot = (uint32_t)(id % ring->slot_count),
        .counting = counting,
    };
    writer->frame = (struct frame){
        .segment_id = id,
        .stamp = spool->stamp,
        .commit_no = fresh ? 1 : ring->commit_no + 1,
        .frame_no = fresh ? 0 : ring->frame_no,
    };
    if (counting) {
        return;
    }
    if (fresh) {
        fresh_salt(spool, ring->salt);
        memset(writer->at, 0, FRAME_PAGE_SIZE); // page 0; the caller puts the header
        writer->fill = FRAME_PAGE_SIZE;
    }
    memcpy(writer->frame.salt, ring->salt, FRAME_SALT_SIZE);
}

// Write `size` bytes (whole pages) from the front of the buffer.
static void write_out(struct spool *spool, uint32_t size)
{
    struct writer *writer = &spool->writer;
    const struct disk *disk = spool->disk;
    if (writer->err == OK) {
        enum err err = disk->write(disk->context, writer->ring, writer->slot, writer->offset,
                                   writer->at, size);
        writer->err = MUTANT(IGNORE_WRITE_ERROR) ? OK : err;
        spool->stat.written_bytes += size;
    }
    memmove(writer->at, writer->at + size, writer->fill - size);
    writer->offset += size;
    writer->fill -= size;
}

uint8_t *spool_frame_begin(struct spool *spool, uint32_t size)
{
    struct writer *writer = &spool->writer;
    uint32_t total = frame_size(spool_stored_size(spool, size));
    writer->total += total;
    if (writer->counting) {
        return NULL;
    }
    if (writer->limit - writer->fill < total) {
        write_out(spool, writer->fill / FRAME_PAGE_SIZE * FRAME_PAGE_SIZE);
    }
    assert(writer->limit - writer->fill >= total);
    return writer->at + writer->fill + FRAME_HEADER_SIZE;
}

uint32_t spool_frame_fill(const struct spool *spool, uint32_t size)
{
    const struct writer *writer = &spool->writer;
    if (writer->counting || MUTANT(FILL_PARTLY_FILLED)) {
        return size;
    }
    uint32_t end = writer->fill + FRAME_HEADER_SIZE + spool_stored_size(spool, size);
    return size + frame_page_up(end) - end;
}

uint32_t spool_frame_end(struct spool *spool, const struct frame *what, uint32_t size)
{
    struct writer *writer = &spool->writer;
    struct frame *frame = &writer->frame;
    frame->frame_no++;
    if (writer->counting) {
        return 0;
    }
    frame->kind = what->kind;
    frame->flags = what->flags;
    frame->first_seq = what->first_seq;
    frame->count = what->count;
    frame->time_first_ms = what->time_first_ms;
    frame->time_last_ms = what->time_last_ms;
    frame->size = spool_stored_size(spool, size);
    uint8_t *header = writer->at + writer->fill;
    uint8_t *payload = header + FRAME_HEADER_SIZE;
    if (spool->seal != NULL) {
        frame->flags |= seal_cipher();
        frame_put(frame, header); // its first bytes are sealed too
        seal_close(spool->seal, frame, header, payload, size);
    } else {
        frame_whiten(frame, payload, size);
    }
    frame->payload_sum = bytes_crc32c(0, bytes_from(payload, frame->size));
    frame_put(frame, header);
    uint32_t offset = writer->offset + writer->fill;
    uint32_t used = FRAME_HEADER_SIZE + frame->size;
    uint32_t total = frame_size(frame->size);
    memset(header + used, 0, total - used);
    writer->fill += total;
    return offset;
}

enum err spool_write_end(struct spool *spool, struct ring *ring)
{
    struct writer *writer = &spool->writer;
    const struct disk *disk = spool->disk;
    uint32_t size = frame_page_up(writer->fill);
    memset(writer->at + writer->fill, 0, size - writer->fill);
    uint32_t end = writer->offset + (MUTANT(FILL_PARTLY_FILLED) ? writer->fill : size);
    writer->fill = size;
    write_out(spool, size);
    if (writer->err == OK && !MUTANT(SAY_DURABLE_BEFORE_SYNC)) {
        spool->stat.syncs++;
        writer->err = disk->sync(disk->context, ring->which, writer->slot);
        if (writer->err != OK && MUTANT(SYNC_AGAIN)) {
            writer->err = disk->sync(disk->context, ring->which, writer->slot);
        }
    }
    if (spool->window.ring == ring->which && spool->window.slot == writer->slot) {
        spool_window_drop(spool);
    }
    if (writer->err != OK) {
        return writer->err;
    }
    ring->id = writer->frame.segment_id;
    ring->end = end;
    ring->commit_no = writer->frame.commit_no;
    ring->frame_no = writer->frame.frame_no;
    ring->open = true;
    ring->failed = false;
    return OK;
}
