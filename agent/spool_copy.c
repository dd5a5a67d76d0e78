#include "agent/spool_copy.h"

#include "agent/spool_inner.h"

#include <stdlib.h>

// Block by block through the ordinary commit, so that the copy is a spool like any other, whatever
// the two keys are. It begins where the first block that is needed begins: all before it has ended.

enum {
    BLOCKS_MAX = 32, // of one commit
    BATCH_BYTES = 64 * 1024,
};

struct copy {
    struct spool *from;
    struct spool *to;
    struct spool_copy_progress progress;
    uint32_t count;
    struct spool_block blocks[BLOCKS_MAX];
    uint8_t *bytes; // of their payloads; BATCH_BYTES and one block
    size_t fill;
    size_t batch; // a commit is made of so much
};

// --- the commits

static enum err commit_blocks(struct copy *copy, uint32_t count)
{
    struct spool_commit commit = {.blocks = copy->blocks, .block_count = count};
    enum err err = spool_commit(copy->to, &commit);
    if (err != ERR_LIMIT || count == 1) {
        return err;
    }
    err = OK;
    for (uint32_t i = 0; i < count && err == OK; i++) { // larger than a segment of a small ring
        commit = (struct spool_commit){.blocks = &copy->blocks[i], .block_count = 1};
        err = spool_commit(copy->to, &commit);
    }
    return err;
}

static enum err flush(struct copy *copy)
{
    if (copy->count == 0) {
        return OK;
    }
    struct spool *to = copy->to;
    to->settled = copy->from->settled;
    uint64_t first = copy->blocks[0].first_seq;
    if (first > to->next_seq) { // what lies between has ended, or was found damaged just now
        assert(settled_covers(&to->settled, to->next_seq, first - 1));
        to->next_seq = first;
    }
    enum err err = commit_blocks(copy, copy->count);
    copy->count = 0;
    copy->fill = 0;
    if (err == OK && copy->progress.tell != NULL) {
        copy->progress.tell(copy->progress.context, to->next_seq - 1, copy->from->next_seq - 1);
    }
    return err;
}

static enum err add(struct copy *copy, const struct spool_block *block)
{
    uint64_t next = copy->to->next_seq;
    if (copy->count > 0) {
        const struct spool_block *last = &copy->blocks[copy->count - 1];
        next = last->first_seq + last->count;
    }
    bool full = copy->count == BLOCKS_MAX || copy->fill >= copy->batch;
    if (full || block->first_seq > next) {
        enum err err = flush(copy);
        if (err != OK) {
            return err;
        }
    }
    struct spool_block *place = &copy->blocks[copy->count++];
    *place = *block;
    place->payload.at = copy->bytes + copy->fill;
    memcpy(copy->bytes + copy->fill, block->payload.at, block->payload.size);
    copy->fill += block->payload.size;
    return OK;
}

// The first block at or after `*seq` with rows that have not ended. ERR_AGAIN: there is none.
static enum err next_needed(struct spool *spool, uint64_t *seq, struct spool_block *block)
{
    *seq = settled_next(&spool->settled, *seq);
    if (*seq >= spool->next_seq) {
        return ERR_AGAIN;
    }
    enum err err = spool_read(spool, *seq, block);
    if (err == OK) {
        *seq = block->first_seq + block->count;
    }
    return err;
}

static enum err copy_blocks(struct copy *copy)
{
    uint64_t seq = 1;
    struct spool_block block;
    enum err err;
    while ((err = next_needed(copy->from, &seq, &block)) == OK) { // each turn moves seq on
        err = add(copy, &block);
        if (err != OK) {
            return err;
        }
    }
    return err == ERR_AGAIN ? flush(copy) : err;
}

// As a spool is of which all before the first block that is needed has ended.
static enum err begin(struct copy *copy)
{
    struct spool *from = copy->from;
    uint64_t seq = 1;
    struct spool_block block;
    enum err err = next_needed(from, &seq, &block);
    uint64_t first = err == OK ? block.first_seq : from->next_seq;
    copy->to->epoch = from->epoch;
    copy->to->settled = from->settled;
    copy->to->next_seq = first;
    copy->to->dense_end = first - 1;
    return err == ERR_AGAIN ? OK : err;
}

// All names with the first commit: blocks name series by id.
static enum err commit_keys(struct copy *copy)
{
    uint32_t count = copy->from->key_count;
    struct bytes *keys = calloc(count + 1, sizeof *keys);
    if (keys == NULL) {
        return ERR_FAILED;
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = spool_key_at(copy->from, i);
    }
    struct spool_commit commit = {.keys = keys, .key_count = count};
    enum err err = spool_commit(copy->to, &commit);
    free(keys);
    return err;
}

// Last, for reading may have added losses.
static enum err commit_state(struct copy *copy)
{
    struct spool *from = copy->from;
    struct spool *to = copy->to;
    struct spool_state states[SPOOL_PAIRS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < from->state_count; i++) {
        states[count++] =
            (struct spool_state){.name = from->states[i].name,
                                 .value = bytes_from(from->states[i].value, from->states[i].size)};
    }
    to->settled = from->settled;
    to->next_seq = from->next_seq;
    memcpy(to->losses, from->losses, sizeof to->losses);
    to->loss_count = from->loss_count;
    struct spool_commit commit = {.states = states, .state_count = count};
    return spool_commit(to, &commit);
}

// --- the whole

static enum err make_rings(const struct spool *from, const struct disk *disk, uint32_t main_slots)
{
    for (int i = 0; i < 2; i++) {
        const struct ring *ring = &from->rings[i];
        uint32_t count = i == DISK_MAIN ? main_slots : ring->slot_count;
        enum err err = disk->create(disk->context, ring->which, count, ring->slot_size);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

enum err spool_copy(struct spool *from, const struct disk *disk, const uint8_t *key,
                    int32_t more_slots, struct spool_copy_progress progress)
{
    int64_t slots = (int64_t)from->rings[DISK_MAIN].slot_count + more_slots;
    if (slots < SPOOL_SLOTS_MIN || slots > SPOOL_SLOTS_MAX) {
        return ERR_INVALID;
    }
    struct copy copy = {.from = from, .progress = progress};
    uint32_t quarter = from->rings[DISK_MAIN].slot_size / 4;
    copy.batch = quarter < BATCH_BYTES ? quarter : BATCH_BYTES;
    const struct spool_options options = {
        .size_bytes = (uint64_t)64 << 20, .when_full = SPOOL_REFUSE, .key = key};
    enum err err = make_rings(from, disk, (uint32_t)slots);
    err = err != OK ? err : spool_open(&copy.to, disk, &options);
    if (err != OK) {
        return err;
    }
    copy.bytes = malloc(BATCH_BYTES + SPOOL_BLOCK_MAX);
    err = copy.bytes != NULL ? begin(&copy) : ERR_FAILED;
    err = err != OK ? err : commit_keys(&copy);
    err = err != OK ? err : copy_blocks(&copy);
    err = err != OK ? err : commit_state(&copy);
    free(copy.bytes);
    spool_close(copy.to);
    return err;
}

// --- the check

static bool same_state(const struct spool *from, const struct spool *copy)
{
    bool same = from->epoch == copy->epoch && from->next_seq == copy->next_seq &&
                from->key_count == copy->key_count && from->state_count == copy->state_count &&
                from->settled.count == copy->settled.count &&
                memcmp(from->settled.ranges, copy->settled.ranges,
                       from->settled.count * sizeof from->settled.ranges[0]) == 0;
    for (uint32_t i = 0; same && i < from->key_count; i++) {
        same = bytes_equal(spool_key_at(from, i), spool_key_at(copy, i));
    }
    for (uint32_t i = 0; same && i < from->state_count; i++) {
        const struct state_pair *pair = &from->states[i];
        struct bytes value;
        same = spool_state(copy, pair->name, &value) == OK &&
               bytes_equal(value, bytes_from(pair->value, pair->size));
    }
    return same;
}

static bool same_block(const struct spool_block *a, const struct spool_block *b)
{
    return a->first_seq == b->first_seq && a->count == b->count && a->dense == b->dense &&
           a->time_first_ms == b->time_first_ms && a->time_last_ms == b->time_last_ms &&
           bytes_equal(a->payload, b->payload);
}

enum err spool_copy_check(struct spool *from, struct spool *copy)
{
    if (!same_state(from, copy)) {
        return ERR_CORRUPT;
    }
    uint64_t seq = 1;
    struct spool_block block;
    enum err err;
    while ((err = next_needed(from, &seq, &block)) == OK) { // each turn moves seq on
        uint64_t needed = settled_next(&from->settled, block.first_seq);
        struct spool_block other;
        if (spool_read(copy, needed, &other) != OK || !same_block(&block, &other)) {
            return ERR_CORRUPT;
        }
    }
    return err == ERR_AGAIN ? OK : err;
}
