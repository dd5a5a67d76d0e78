#include "agent/spool_job.h"

// Where a commit goes. Always into one segment of one ring, as one write, so that it is whole or
// not there:
//
//   nursery   new young blocks, dense blocks whose rows are not durable yet, new names, state.
//             Dense blocks also enter the pack.
//   main      where the pack, with what this commit brings, is worth a write there: all of the
//             pack, this commit's blocks, names not yet there, state.
//
// 1. A block that is held (young, or dense in the nursery) lies in the tail of its ring. Opening
//    the next segment carries over what is still needed: nothing in a nursery segment left behind
//    is needed, and of a main segment only its dense blocks.
// 2. A slot is opened only where all rows of the segment in it are settled in the last durable
//    commit. The commit that opens it makes SPOOL_SPARES more such slots durable, by declaring
//    the oldest rows lost where the policy is to drop.
// 3. After an error the segment is never written or synced again (I6); the same commit goes into
//    the next one.
// 4. A commit that failed everywhere may be found whole all the same, and what is committed next
//    may differ from it. So that goes into a new segment of the main ring, with all that the
//    nursery holds: its header leaves out what is void, there and (nursery_from) in the nursery.
// 5. Where damage took the settled set, no slot may be released any more as far as what is durable
//    says (2.), and no commit could say so in the main ring. The nursery says it with the next
//    commit, or where that is meant for the main ring, with one of nothing else before it.

// --- what a commit says

// Whether a dense block from `first` on leaves out no row behind `dense` that has not ended: once
// it lies in the main ring, young blocks before it are forgotten.
static bool follows(const struct spool *spool, uint64_t dense, uint64_t first)
{
    return first > dense && settled_next(&spool->settled, dense + 1) >= first;
}

static enum err check_blocks(const struct spool *spool, const struct spool_commit *commit)
{
    uint64_t next = spool->next_seq;
    uint64_t dense = dense_last(spool);
    for (size_t i = 0; i < commit->block_count; i++) {
        const struct spool_block *block = &commit->blocks[i];
        if (block->payload.size > SPOOL_BLOCK_MAX) {
            return ERR_LIMIT;
        }
        assert(block->count > 0 && block->first_seq > 0);
        if (!block_is_new(spool, block)) {
            continue;
        }
        if (block->first_seq > next || (block->dense && !follows(spool, dense, block->first_seq))) {
            return ERR_INVALID;
        }
        dense = block->dense ? last_seq(block) : dense;
        next = last_seq(block) >= next ? last_seq(block) + 1 : next;
    }
    return spool->held_count + commit->block_count <= SPOOL_HELD_MAX ? OK : ERR_LIMIT;
}

static enum err check_keys(const struct spool *spool, const struct spool_commit *commit)
{
    size_t size = spool->key_count == 0 ? 0 : spool->key_ends[spool->key_count - 1];
    for (size_t i = 0; i < commit->key_count; i++) {
        if (commit->keys[i].size > SPOOL_KEY_MAX) {
            return ERR_LIMIT;
        }
        size += commit->keys[i].size;
    }
    bool fits = spool->key_count + commit->key_count <= SPOOL_KEYS_MAX && size <= SPOOL_KEYS_BYTES;
    return fits ? OK : ERR_LIMIT;
}

// --- the nursery

static uint32_t pack_count(const struct spool *spool)
{
    uint32_t count = 0;
    for (uint32_t at = 0; spool_pack_next(spool, &at) != NULL;) {
        count++;
    }
    return count;
}

// What a segment may begin with and still take more; a commit of nothing (5.) may fill it.
static uint32_t most_carried(const struct job *job)
{
    const struct spool_commit *commit = job->commit;
    bool is_nothing = commit->block_count + commit->key_count + commit->state_count == 0;
    return is_nothing ? job->ring->slot_size : job->ring->slot_size / 4 * 3;
}

// ERR_FULL: there is no place for it here.
static enum err open_nursery(struct spool *spool, struct job *job)
{
    struct ring *ring = job->ring;
    job->fresh = true;
    job->keys_from = MUTANT(KEYS_LEFT_BEHIND) ? spool->key_count : spool->keys_in_main;
    size_t held = spool->held_count + pack_count(spool) + job->commit->block_count;
    if (held > SPOOL_HELD_MAX || spool_job_size(spool, job) > most_carried(job)) {
        return ERR_FULL;
    }
    // The one slot that does not hold the tail.
    uint64_t id = ring->last_id + 1;
    id += ring->id != 0 && id % 2 == ring->id % 2 ? 1 : 0;
    ring->last_id = id;
    return spool_job_write(spool, job, id);
}

static enum err commit_to_nursery(struct spool *spool, const struct spool_commit *commit, bool turn,
                                  uint32_t keys_from)
{
    struct ring *ring = &spool->rings[DISK_NURSERY];
    struct job job = {.commit = commit, .ring = ring, .keys_from = keys_from};
    if (ring->open && !turn && spool_job_size(spool, &job) <= ring->slot_size - ring->end) {
        enum err err = spool_job_write(spool, &job, ring->id);
        if (err == OK) {
            return OK;
        }
    }
    return open_nursery(spool, &job);
}

// --- the choice

// Bytes that wait for the main ring, this commit's included.
static size_t main_weight(const struct spool *spool, const struct spool_commit *commit)
{
    size_t weight = spool->pack_weight;
    for (size_t i = 0; i < commit->block_count; i++) {
        const struct spool_block *block = &commit->blocks[i];
        bool counts = block->dense && block_is_new(spool, block);
        weight += counts ? frame_size(spool_stored_size(spool, block->payload.size)) : 0;
    }
    for (uint32_t id = spool->keys_in_main; id < spool->key_count; id++) {
        weight += 1 + spool_key_at(spool, id).size;
    }
    return weight;
}

// Whether the pack is worth its commit now: large enough, and little of the commit is anything but
// dense blocks (zeros up to the page, young rows). A larger pack may fill its pages better.
static bool main_is_worth_it(struct spool *spool, const struct spool_commit *commit)
{
    size_t weight = main_weight(spool, commit);
    if (weight < spool->pack_bytes || weight >= spool->pack_limit) {
        return weight >= spool->pack_bytes;
    }
    struct job job = {
        .commit = commit, .ring = &spool->rings[DISK_MAIN], .keys_from = spool->keys_in_main};
    return (spool_job_size(spool, &job) - weight) * 64 <= weight * 2;
}

// A young block that covers held ones again is the caller's answer to `wants_whole`: turn over now.
static bool brings_whole(const struct spool *spool, const struct spool_commit *commit)
{
    for (size_t i = 0; i < commit->block_count; i++) {
        const struct spool_block *block = &commit->blocks[i];
        if (!block->dense && block->first_seq < spool->next_seq && block_is_new(spool, block)) {
            return true;
        }
    }
    return false;
}

static uint32_t nursery_room(const struct spool *spool)
{
    const struct ring *ring = &spool->rings[DISK_NURSERY];
    return ring->open ? ring->slot_size - ring->end : 0;
}

bool spool_wants_whole(const struct spool *spool)
{
    const struct ring *ring = &spool->rings[DISK_NURSERY];
    bool nearly_full = ring->open && nursery_room(spool) < ring->slot_size / 16;
    return (nearly_full && spool->held_count > 1) || spool->held_count > SPOOL_HELD_MAX / 2;
}

static enum err place_commit(struct spool *spool, const struct spool_commit *commit,
                             uint32_t keys_from)
{
    if (spool->in_doubt) { // 4.
        struct job job = {
            .commit = commit, .ring = &spool->rings[DISK_MAIN], .empty_nursery = true};
        return spool_open_main(spool, &job);
    }
    if (main_is_worth_it(spool, commit)) {
        return spool_commit_to_main(spool, commit, false);
    }
    if (!spool->rings[DISK_NURSERY].failed) {
        bool turn = spool_wants_whole(spool) && brings_whole(spool, commit);
        if (commit_to_nursery(spool, commit, turn, keys_from) == OK) {
            return OK;
        }
    }
    // What the nursery holds stays readable there where it failed, else it moves as well.
    if (!spool->rings[DISK_NURSERY].failed) {
        enum err err = spool_commit_to_main(spool, commit, true);
        if (err != ERR_LIMIT) {
            return err;
        }
    }
    return spool_commit_to_main(spool, commit, false);
}

static enum err try_commit(struct spool *spool, const struct spool_commit *commit)
{
    uint32_t keys_before = spool->key_count;
    for (size_t i = 0; i < commit->key_count; i++) {
        (void)spool_key_add(spool, commit->keys[i]);
    }
    uint64_t stamp_before = spool->stamp;
    enum err err = place_commit(spool, commit, keys_before);
    if (err != OK) {
        spool->key_count = keys_before;
    }
    bool tried = spool->stamp > stamp_before;
    spool->in_doubt = err != OK && (tried || spool->in_doubt);
    return err;
}

// 5. A commit of nothing, which leaves no doubt behind: it says which rows have ended.
static enum err release_by_nursery(struct spool *spool)
{
    if (!spool_main_is_stuck(spool)) {
        return ERR_FULL;
    }
    if (spool->rings[DISK_NURSERY].failed) { // it is the device that refuses, not the policy
        return spool->stat.last_error;
    }
    enum err err = spool_main_release(spool);
    const struct spool_commit nothing = {0};
    return err != OK ? err : commit_to_nursery(spool, &nothing, false, spool->key_count);
}

enum err spool_commit(struct spool *spool, const struct spool_commit *commit)
{
    assert(!spool->readonly);
    spool_window_drop(spool);
    enum err err = check_blocks(spool, commit);
    err = err != OK ? err : check_keys(spool, commit);
    err = err != OK ? err : spool_state_check(spool, commit);
    if (err != OK) {
        return err;
    }
    if (spool_main_is_stuck(spool)) { // 5. While the nursery has room
        (void)spool_main_release(spool);
    }
    err = try_commit(spool, commit);
    if (err == ERR_FULL) {
        err = release_by_nursery(spool);
        err = err == OK ? try_commit(spool, commit) : err;
    }
    if (err != OK && err != ERR_FULL && err != ERR_LIMIT) {
        spool->stat.health = SPOOL_BROKEN;
    } else if (err == OK) {
        spool->stat.health = spool->stat.abandoned_segments > 0 ? SPOOL_DEGRADED : SPOOL_OK;
    }
    return err;
}
