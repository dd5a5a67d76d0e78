#include "agent/spool_job.h"

// The main ring as a ring: which slot may be overwritten, what is given up for it, and where a
// commit goes after an error (rules 2 and 3 of spool_commit.c).

uint64_t spool_segment_last(const struct spool *spool, uint32_t index)
{
    bool is_tail = index + 1 == spool->segment_count;
    return is_tail ? spool->dense_end : spool->segments[index + 1].first_seq - 1;
}

static bool is_released(const struct spool *spool, uint32_t index, const struct settled *settled)
{
    uint64_t first = spool->segments[index].first_seq;
    uint64_t last = spool_segment_last(spool, index);
    bool is_tail = index + 1 == spool->segment_count;
    return !is_tail && (first > last || settled_covers(settled, first, last));
}

// The segment that lies in `slot`, or segment_count.
static uint32_t segment_in(const struct spool *spool, uint32_t slot)
{
    uint32_t slot_count = spool->rings[DISK_MAIN].slot_count;
    uint32_t i = 0;
    while (i < spool->segment_count && spool->segments[i].id % slot_count != slot) {
        i++;
    }
    return i;
}

static bool slot_is_free(const struct spool *spool, uint32_t slot, const struct settled *settled)
{
    uint32_t index = segment_in(spool, slot);
    return index == spool->segment_count || is_released(spool, index, settled);
}

// The next id whose slot may be overwritten now (2.); 0: there is none.
static uint64_t next_id(const struct spool *spool, const struct ring *ring)
{
    for (uint64_t id = ring->last_id + 1; id <= ring->last_id + ring->slot_count; id++) {
        uint32_t slot = (uint32_t)(id % ring->slot_count);
        const struct settled *settled =
            MUTANT(REUSE_BEFORE_RELEASE) ? &spool->settled : &spool->durable;
        if (slot_is_free(spool, slot, settled)) {
            return id;
        }
    }
    return 0;
}

static uint32_t free_beside(const struct spool *spool, uint64_t id)
{
    const struct ring *ring = &spool->rings[DISK_MAIN];
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < ring->slot_count; slot++) {
        bool other = slot != id % ring->slot_count;
        count += other && slot_is_free(spool, slot, &spool->settled) ? 1 : 0;
    }
    return count;
}

// Declare what is not settled in the oldest segment that has such rows lost. Rows before the first
// segment are nowhere any more (damage): told here they join the first settled range, so that there
// is always room for the loss.
static enum err drop_oldest(struct spool *spool)
{
    for (uint32_t i = 0; i + 1 < spool->segment_count; i++) {
        const struct segment *segment = &spool->segments[i];
        if (is_released(spool, i, &spool->settled)) {
            continue;
        }
        int64_t first_ms = spool_segment_ms(segment);
        enum err err = i > 0 ? OK
                             : spool_lose(spool, 1, segment->first_seq - 1, SETTLED_LOST_CORRUPT,
                                          first_ms, first_ms);
        return err != OK ? err
                         : spool_lose(spool, segment->first_seq, spool_segment_last(spool, i),
                                      SETTLED_LOST_FULL, first_ms, segment[1].time_before_ms);
    }
    return ERR_FULL;
}

static enum err make_spares(struct spool *spool, uint64_t id)
{
    while (free_beside(spool, id) < SPOOL_SPARES) {
        enum err err = spool->when_full == SPOOL_REFUSE ? ERR_FULL : drop_oldest(spool);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

bool spool_main_is_stuck(const struct spool *spool)
{
    return next_id(spool, &spool->rings[DISK_MAIN]) == 0;
}

enum err spool_main_release(struct spool *spool)
{
    return make_spares(spool, spool->rings[DISK_MAIN].id); // the tail's own slot is never one
}

static void forget_slot(struct spool *spool, uint64_t id)
{
    uint32_t slot_count = spool->rings[DISK_MAIN].slot_count;
    uint32_t index = segment_in(spool, (uint32_t)(id % slot_count));
    if (index < spool->segment_count) {
        spool->segment_count--;
        memmove(&spool->segments[index], &spool->segments[index + 1],
                (spool->segment_count - index) * sizeof *spool->segments);
    }
}

enum err spool_open_main(struct spool *spool, struct job *job)
{
    struct ring *ring = job->ring;
    job->fresh = true;
    job->keys_from = 0;
    if (spool_job_size(spool, job) > ring->slot_size) {
        return ERR_LIMIT;
    }
    enum err err = ERR_FULL;
    for (int attempt = 0; attempt <= SPOOL_SPARES; attempt++) {
        uint64_t id = next_id(spool, ring);
        enum err room = id == 0 ? ERR_FULL : make_spares(spool, id);
        if (room != OK) {
            return attempt == 0 ? room : err;
        }
        if (spool_job_size(spool, job) > ring->slot_size) { // losses were added
            return ERR_LIMIT;
        }
        forget_slot(spool, id);
        ring->last_id = id;
        err = spool_job_write(spool, job, id);
        if (err == OK) {
            return OK;
        }
    }
    return err;
}

enum err spool_commit_to_main(struct spool *spool, const struct spool_commit *commit,
                              bool empty_nursery)
{
    struct ring *ring = &spool->rings[DISK_MAIN];
    struct job job = {.commit = commit,
                      .ring = ring,
                      .empty_nursery = empty_nursery,
                      .keys_from = spool->keys_in_main};
    if (ring->open && spool_job_size(spool, &job) <= ring->slot_size - ring->end) {
        enum err err = spool_job_write(spool, &job, ring->id);
        if (err != OK && MUTANT(FAILED_PLACE_AGAIN)) {
            err = spool_job_write(spool, &job, ring->id);
        }
        if (err == OK) {
            return OK;
        }
    }
    return spool_open_main(spool, &job);
}
