// What one commit writes into one segment of one ring; shared by spool_job.c, spool_main.c and
// spool_commit.c.
//
// Floor: keeping.
#ifndef WEIR_AGENT_SPOOL_JOB_H
#define WEIR_AGENT_SPOOL_JOB_H

#include "agent/spool_inner.h"

struct job {
    const struct spool_commit *commit;
    struct ring *ring;
    bool fresh;         // opens a segment
    bool empty_nursery; // main ring only: carries over what the nursery holds
    uint32_t keys_from; // names that go along begin here
};

static inline uint64_t last_seq(const struct spool_block *block)
{
    return block->first_seq + block->count - 1;
}

// The last seq that lies in the main ring or waits in the pack; 0: none.
static inline uint64_t dense_last(const struct spool *spool)
{
    return spool->pack_end > spool->dense_end ? spool->pack_end : spool->dense_end;
}

// Whether the block says anything new; one that was durable before (a commit that is tried again)
// is passed over.
static inline bool block_is_new(const struct spool *spool, const struct spool_block *block)
{
    return block->dense ? last_seq(block) > dense_last(spool) : last_seq(block) >= spool->next_seq;
}

// Bytes the job takes in its segment, page 0 included where it opens one.
uint32_t spool_job_size(struct spool *spool, const struct job *job);

// Write it into segment `id`. On OK it is durable and all that the spool knows says so; after an
// error nothing has changed but that the segment is not appended to any more (I6).
enum err spool_job_write(struct spool *spool, const struct job *job, uint64_t id);

// spool_main.c: into the main ring, opening segments and dropping the oldest as the policy says.
enum err spool_commit_to_main(struct spool *spool, const struct spool_commit *commit,
                              bool empty_nursery);
enum err spool_open_main(struct spool *spool, struct job *job);

// No slot may be opened, as far as what is durable says. Only damage leads here: it took the
// settled set and with it what had been released.
bool spool_main_is_stuck(const struct spool *spool);
// Then: settle, as the policy says, what a commit elsewhere must make durable first. ERR_FULL.
enum err spool_main_release(struct spool *spool);

#endif
