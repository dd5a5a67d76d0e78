#include "agent/spool_job.h"

// The frames of one commit, and what is true once they are durable. The frames are put twice: once
// only counted, to see whether they fit, once written.

const struct packed *spool_pack_next(const struct spool *spool, uint32_t *at)
{
    if (*at >= spool->pack_fill) {
        return NULL;
    }
    const struct packed *packed = (const void *)(spool->pack + *at);
    *at += (uint32_t)sizeof *packed + (packed->size + 7) / 8 * 8;
    return packed;
}

static bool is_main(const struct job *job)
{
    return job->ring->which == DISK_MAIN;
}

// Whether the job writes the pack, and with it every dense block of the commit.
static bool takes_dense(const struct job *job)
{
    return is_main(job) || (job->fresh && !MUTANT(PACK_LEFT_BEHIND));
}

static uint64_t next_seq_after(const struct spool *spool, const struct spool_commit *commit)
{
    uint64_t next = spool->next_seq;
    for (size_t i = 0; i < commit->block_count; i++) {
        uint64_t end = last_seq(&commit->blocks[i]) + 1;
        next = end > next ? end : next;
    }
    return next;
}

// Whether the rows from..to are all in blocks that `job` writes anyway.
static bool covered_by_job(const struct spool *spool, const struct job *job, uint64_t from,
                           uint64_t to)
{
    uint64_t at = from;
    const struct packed *packed;
    for (uint32_t i = 0; takes_dense(job) && (packed = spool_pack_next(spool, &i)) != NULL;) {
        uint64_t end = packed->first_seq + packed->count;
        at = packed->first_seq <= at && at < end ? end : at;
    }
    for (size_t i = 0; i < job->commit->block_count; i++) {
        const struct spool_block *block = &job->commit->blocks[i];
        bool written = block_is_new(spool, block) && (!block->dense || takes_dense(job));
        at = written && block->first_seq <= at && at <= last_seq(block) ? last_seq(block) + 1 : at;
    }
    return at > to;
}

static bool must_carry(const struct spool *spool, const struct job *job, const struct held *held)
{
    bool left = job->fresh && held->ring == job->ring->which;
    bool emptied = job->empty_nursery && held->ring == DISK_NURSERY;
    if (!left && !emptied) {
        return false;
    }
    if (MUTANT(YOUNG_LEFT_BEHIND) && !is_main(job)) {
        return false;
    }
    if (MUTANT(MAIN_LEFT_BEHIND) && is_main(job)) {
        return false;
    }
    uint64_t last = held->first_seq + held->count - 1;
    uint64_t from = settled_next(&spool->settled, held->first_seq);
    if (MUTANT(PACK_LEFT_BEHIND) && !is_main(job) && last <= spool->pack_end) {
        return false;
    }
    return from <= last && last > spool->dense_end &&
           !covered_by_job(spool, job, held->first_seq, last);
}

// --- the frames of a commit, counted or written

// What of the main ring counts once the segment being written is its tail. A segment whose rows
// have all ended does not: its slot may be written to by attempts that leave it half there.
static void name_segments(const struct spool *spool, struct segment_header *header)
{
    for (uint32_t i = 0; i < spool->segment_count; i++) {
        const struct segment *segment = &spool->segments[i];
        bool is_tail = i + 1 == spool->segment_count;
        uint32_t end = is_tail ? spool->rings[DISK_MAIN].end : segment->end;
        header->pages[segment->id % header->slot_count] = (uint16_t)(end / FRAME_PAGE_SIZE);
    }
}

// Of the first dense block that the job writes.
static int64_t first_time(const struct spool *spool, const struct spool_commit *commit)
{
    uint32_t at = 0;
    const struct packed *packed = spool_pack_next(spool, &at);
    if (packed != NULL) {
        return packed->time_first_ms;
    }
    for (size_t i = 0; i < commit->block_count; i++) {
        if (commit->blocks[i].dense && block_is_new(spool, &commit->blocks[i])) {
            return commit->blocks[i].time_first_ms;
        }
    }
    return INT64_MIN;
}

// Where the dense blocks so far end; before the first one, where the first rows began.
static int64_t time_before(const struct spool *spool, const struct spool_commit *commit)
{
    if (spool->dense_ms != INT64_MIN) {
        return spool->dense_ms;
    }
    int64_t first = first_time(spool, commit);
    first = first == INT64_MIN ? INT64_MAX : first;
    for (uint32_t i = 0; i < spool->held_count; i++) {
        first = spool->held[i].time_first_ms < first ? spool->held[i].time_first_ms : first;
    }
    for (size_t i = 0; i < commit->block_count; i++) {
        first = commit->blocks[i].time_first_ms < first ? commit->blocks[i].time_first_ms : first;
    }
    return first == INT64_MAX ? INT64_MIN : first;
}

static void put_header(struct spool *spool, const struct job *job)
{
    const struct ring *ring = job->ring;
    uint32_t size = segment_header_size(ring->slot_count);
    uint8_t *copy = spool_frame_begin(spool, size);
    if (copy != NULL) {
        struct segment_header header = {
            .version = SEGMENT_VERSION,
            .ring = (uint8_t)ring->which,
            .epoch = spool->epoch,
            .segment_id = spool->writer.frame.segment_id,
            .first_seq = is_main(job) ? spool->dense_end + 1 : 1,
            .slot_count = ring->slot_count,
            .slot_size = ring->slot_size,
            .time_first_ms = first_time(spool, job->commit),
            .time_before_ms = time_before(spool, job->commit),
            .key_check = spool->seal != NULL ? seal_key_check(spool->seal, spool->epoch) : 0,
            .stamp = spool->stamp,
            .nursery_from = job->empty_nursery ? spool->stamp : spool->nursery_from,
        };
        memcpy(header.salt, ring->salt, FRAME_SALT_SIZE);
        if (is_main(job)) {
            name_segments(spool, &header);
        }
        segment_header_put(&header, spool->writer.at); // page 0
        segment_header_put(&header, copy);
    }
    spool_frame_end(spool, &(struct frame){.kind = FRAME_HEADER}, size);
}

static uint32_t keys_fitting(const struct spool *spool, uint32_t from, uint32_t *size)
{
    uint32_t to = from;
    *size = 0;
    while (to < spool->key_count) {
        uint32_t more = 1 + (uint32_t)spool_key_at(spool, to).size;
        if (*size + more > SPOOL_KEYS_CHUNK) {
            break;
        }
        *size += more;
        to++;
    }
    return to;
}

static void put_keys(struct spool *spool, uint32_t from)
{
    while (from < spool->key_count) {
        uint32_t size;
        uint32_t to = keys_fitting(spool, from, &size);
        uint8_t *at = spool_frame_begin(spool, size);
        struct buffer out = buffer_over(at, at == NULL ? 0 : size);
        for (uint32_t id = from; at != NULL && id < to; id++) {
            struct bytes key = spool_key_at(spool, id);
            buffer_put_byte(&out, (uint8_t)key.size);
            buffer_put(&out, key.at, key.size);
        }
        struct frame frame = {.kind = FRAME_KEYS, .first_seq = from, .count = to - from};
        spool_frame_end(spool, &frame, size);
        from = to;
    }
}

static uint32_t put_block(struct spool *spool, const struct spool_block *block)
{
    uint8_t *at = spool_frame_begin(spool, (uint32_t)block->payload.size);
    if (at != NULL && block->payload.size > 0) {
        memcpy(at, block->payload.at, block->payload.size);
    }
    struct frame frame = {.kind = block->dense ? FRAME_DENSE : FRAME_YOUNG,
                          .first_seq = block->first_seq,
                          .count = block->count,
                          .time_first_ms = block->time_first_ms,
                          .time_last_ms = block->time_last_ms};
    return spool_frame_end(spool, &frame, (uint32_t)block->payload.size);
}

static struct spool_block block_of(const struct packed *packed)
{
    return (struct spool_block){.first_seq = packed->first_seq,
                                .count = packed->count,
                                .dense = true,
                                .time_first_ms = packed->time_first_ms,
                                .time_last_ms = packed->time_last_ms,
                                .payload = bytes_from(packed + 1, packed->size)};
}

// A block written behind the held ones; it is one of them once the commit is durable.
static void note_held(struct spool *spool, const struct job *job, uint32_t *fresh_count,
                      const struct spool_block *block, uint32_t offset)
{
    if (spool->writer.counting || (is_main(job) && block->dense)) {
        return;
    }
    assert(spool->held_count + *fresh_count < SPOOL_HELD_MAX);
    spool->held[spool->held_count + (*fresh_count)++] = (struct held){
        .first_seq = block->first_seq,
        .stamp = spool->stamp,
        .time_first_ms = block->time_first_ms,
        .count = block->count,
        .size = (uint32_t)block->payload.size,
        .offset = offset,
        .next_offset = offset,
        .ring = job->ring->which,
        .dense = block->dense,
    };
}

static bool is_settled(const struct spool *spool, const struct spool_block *block)
{
    return settled_covers(&spool->settled, block->first_seq, last_seq(block));
}

static void put_pack(struct spool *spool, const struct job *job, uint32_t *fresh_count)
{
    const struct packed *packed;
    for (uint32_t at = 0; (packed = spool_pack_next(spool, &at)) != NULL;) {
        struct spool_block block = block_of(packed);
        if (is_main(job) || !is_settled(spool, &block)) { // settled rows are kept to be replayed
            note_held(spool, job, fresh_count, &block, put_block(spool, &block));
        }
    }
}

static void put_carried(struct spool *spool, const struct job *job)
{
    for (uint32_t i = 0; i < spool->held_count; i++) {
        struct held *held = &spool->held[i];
        held->next_offset = 0;
        if (!must_carry(spool, job, held)) {
            continue;
        }
        struct spool_block block = {.first_seq = held->first_seq,
                                    .count = held->count,
                                    .dense = held->dense,
                                    .time_first_ms = held->time_first_ms,
                                    .payload = bytes_from(NULL, held->size)};
        if (!spool->writer.counting) {
            struct place place = spool_tail_place(spool, held->ring);
            struct frame frame;
            bool good =
                spool_frame(spool, &place, held->offset, &frame) == OK &&
                frame.first_seq == held->first_seq && frame.count == held->count &&
                spool_payload(spool, &place, held->offset, &frame, true, &block.payload) == OK;
            if (!good) { // found missing, and declared, when it is read
                spool->stat.corrupt_bytes += held->size;
                continue;
            }
            block.time_last_ms = frame.time_last_ms;
        }
        block.dense = held->dense && !is_main(job);
        held->next_offset = put_block(spool, &block);
    }
}

// Young rows that a dense block of the same write holds too.
static bool is_denser_here(const struct spool *spool, const struct job *job,
                           const struct spool_block *young)
{
    for (size_t i = 0; i < job->commit->block_count && takes_dense(job); i++) {
        const struct spool_block *block = &job->commit->blocks[i];
        if (block->dense && block_is_new(spool, block) && block->first_seq <= young->first_seq &&
            last_seq(block) >= last_seq(young)) {
            return true;
        }
    }
    return false;
}

static void put_blocks(struct spool *spool, const struct job *job, uint32_t *fresh_count)
{
    uint64_t next = spool->next_seq;
    for (size_t i = 0; i < job->commit->block_count; i++) {
        const struct spool_block *block = &job->commit->blocks[i];
        if (!block_is_new(spool, block) || (!block->dense && is_denser_here(spool, job, block))) {
            continue;
        }
        // A dense block whose rows no young block made durable has to be durable itself.
        bool alone = last_seq(block) >= next && !MUTANT(DENSE_ONLY_IN_RAM);
        next = last_seq(block) >= next ? last_seq(block) + 1 : next;
        if (!block->dense || takes_dense(job) || alone) {
            note_held(spool, job, fresh_count, block, put_block(spool, block));
        }
    }
}

static void put_state(struct spool *spool, const struct job *job)
{
    uint32_t used = spool_state_size(spool, job->commit, job->fresh);
    uint32_t size = spool_frame_fill(spool, used); // no byte of the commit lies outside its sums
    uint8_t *at = spool_frame_begin(spool, size);
    if (at != NULL) {
        struct buffer out = buffer_over(at, size);
        spool_state_put(spool, job->commit, job->fresh, &out);
        assert(out.size == used);
        memset(at + used, 0, size - used);
    }
    struct frame frame = {.kind = FRAME_STATE,
                          .flags = job->fresh ? FRAME_WHOLE : 0,
                          .first_seq = next_seq_after(spool, job->commit),
                          .count = spool_state_pairs(spool, job->commit, job->fresh)};
    spool_frame_end(spool, &frame, size);
}

// Returns how many blocks are to be held beside the old ones.
static uint32_t put_all(struct spool *spool, const struct job *job)
{
    uint32_t fresh_count = 0;
    if (job->fresh) {
        put_header(spool, job);
    }
    put_keys(spool, job->keys_from);
    if (takes_dense(job)) {
        put_pack(spool, job, &fresh_count);
    }
    put_carried(spool, job);
    put_blocks(spool, job, &fresh_count);
    put_state(spool, job);
    return fresh_count;
}

uint32_t spool_job_size(struct spool *spool, const struct job *job)
{
    spool_write_begin(spool, job->ring, 0, job->fresh, true);
    put_all(spool, job);
    return (job->fresh ? FRAME_PAGE_SIZE : 0) + frame_page_up(spool->writer.total);
}

// --- after it is durable

// `left_at`: where the segment left behind ended.
static void add_segment(struct spool *spool, const struct spool_commit *commit, uint64_t id,
                        uint32_t left_at)
{
    struct segment *segments = spool->segments;
    assert(spool->segment_count < spool->rings[DISK_MAIN].slot_count);
    if (spool->segment_count > 0) {
        segments[spool->segment_count - 1].end = left_at;
    }
    segments[spool->segment_count++] =
        (struct segment){.id = id,
                         .first_seq = spool->dense_end + 1,
                         .time_first_ms = first_time(spool, commit),
                         .time_before_ms = time_before(spool, commit)};
}

static void pack_add(struct spool *spool, const struct spool_block *block)
{
    uint32_t size = (uint32_t)block->payload.size;
    struct packed packed = {.first_seq = block->first_seq,
                            .time_first_ms = block->time_first_ms,
                            .time_last_ms = block->time_last_ms,
                            .count = block->count,
                            .size = size};
    memcpy(spool->pack + spool->pack_fill, &packed, sizeof packed);
    if (size > 0) {
        memcpy(spool->pack + spool->pack_fill + sizeof packed, block->payload.at, size);
    }
    spool->pack_fill += (uint32_t)sizeof packed + (size + 7) / 8 * 8;
    spool->pack_weight += frame_size(spool_stored_size(spool, size));
    spool->pack_end = last_seq(block);
    assert(spool->pack_fill <= spool->pack_limit);
}

static void dense_in_main(struct spool *spool, struct segment *tail,
                          const struct spool_block *block)
{
    bool first = spool->dense_end < tail->first_seq;
    tail->time_first_ms = first ? block->time_first_ms : tail->time_first_ms;
    spool->dense_end = last_seq(block);
    spool->dense_ms = block->time_last_ms;
}

static void dense_is_in_main(struct spool *spool, const struct spool_commit *commit)
{
    struct segment *tail = &spool->segments[spool->segment_count - 1];
    const struct packed *packed;
    for (uint32_t at = 0; (packed = spool_pack_next(spool, &at)) != NULL;) {
        struct spool_block block = block_of(packed);
        dense_in_main(spool, tail, &block);
    }
    for (size_t i = 0; i < commit->block_count; i++) {
        const struct spool_block *block = &commit->blocks[i];
        if (block->dense && last_seq(block) > spool->dense_end) {
            dense_in_main(spool, tail, block);
        }
    }
    spool->pack_fill = 0;
    spool->pack_weight = 0;
    spool->pack_end = 0;
}

// Forget held blocks that dense ones of the main ring, or their end, have made needless.
void spool_held_prune(struct spool *spool)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < spool->held_count; i++) {
        const struct held *held = &spool->held[i];
        uint64_t last = held->first_seq + held->count - 1;
        if (last > spool->dense_end && !settled_covers(&spool->settled, held->first_seq, last)) {
            spool->held[kept++] = *held;
        }
    }
    spool->held_count = kept;
}

// Carried blocks are where they were carried to; others of a segment left behind are gone.
static void move_held(struct spool *spool, const struct job *job, uint32_t fresh_count)
{
    uint32_t kept = 0;
    uint32_t old_count = spool->held_count;
    for (uint32_t i = 0; i < old_count + fresh_count; i++) {
        struct held held = spool->held[i];
        bool left = i < old_count && ((job->fresh && held.ring == job->ring->which) ||
                                      (job->empty_nursery && held.ring == DISK_NURSERY));
        if (left && held.next_offset == 0) {
            continue;
        }
        if (left) {
            held.offset = held.next_offset;
            held.ring = job->ring->which;
            held.dense = held.dense && !is_main(job);
        }
        spool->held[kept++] = held;
    }
    spool->held_count = kept;
}

static void committed(struct spool *spool, const struct job *job, uint32_t fresh_count,
                      uint64_t next_seq)
{
    move_held(spool, job, fresh_count);
    if (is_main(job)) {
        dense_is_in_main(spool, job->commit);
        spool->keys_in_main = spool->key_count;
    } else {
        for (size_t i = 0; i < job->commit->block_count; i++) {
            const struct spool_block *block = &job->commit->blocks[i];
            if (block->dense && block_is_new(spool, block)) {
                pack_add(spool, block);
            }
        }
    }
    if (job->empty_nursery) { // nothing in it is needed: begin the next anew
        spool->rings[DISK_NURSERY].open = false;
        spool->rings[DISK_NURSERY].failed = false;
        spool->nursery_from = job->fresh ? spool->stamp : spool->nursery_from;
    }
    spool->next_seq = next_seq;
    spool_state_apply(spool, job->commit);
    spool_held_prune(spool);
    spool->stat.commits++;
}

// --- one try

static void ring_failed(struct spool *spool, struct ring *ring, enum err err)
{
    ring->open = false;
    ring->failed = true;
    spool->stat.abandoned_segments++;
    spool->stat.last_error = err;
}

enum err spool_job_write(struct spool *spool, const struct job *job, uint64_t id)
{
    struct ring *ring = job->ring;
    spool->stamp++;
    uint64_t next_seq = next_seq_after(spool, job->commit);
    spool_write_begin(spool, ring, id, job->fresh, false);
    uint32_t fresh_count = put_all(spool, job);
    uint32_t left_at = ring->end;
    enum err err = spool_write_end(spool, ring);
    if (err != OK) {
        ring_failed(spool, ring, err);
        return err;
    }
    if (job->fresh && is_main(job)) {
        add_segment(spool, job->commit, id, left_at);
    }
    committed(spool, job, fresh_count, next_seq);
    return OK;
}
