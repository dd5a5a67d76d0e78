#include "agent/spool_inner.h"

#include <stdlib.h>

// --- shapes

static uint32_t choose_segment(uint64_t size_bytes)
{
    const uint32_t mib = 1024 * 1024;
    uint64_t each = size_bytes / 8;
    if (each >= 4 * mib) { // as few slots as the index allows, 4 MiB where it can be
        each = 4 * mib;
        while (size_bytes / each > SPOOL_SLOTS_CHOSEN) {
            each *= 2;
        }
    }
    return (uint32_t)(each / (64 * 1024) * (64 * 1024));
}

static enum err make_rings(const struct disk *disk, const struct spool_options *options)
{
    uint32_t segment =
        options->segment_bytes != 0 ? options->segment_bytes : choose_segment(options->size_bytes);
    uint32_t nursery = options->nursery_bytes != 0 ? options->nursery_bytes : 256 * 1024;
    if (segment < SPOOL_SLOT_MIN || segment > SPOOL_SLOT_MAX || segment % FRAME_PAGE_SIZE != 0 ||
        nursery < SPOOL_SLOT_MIN || nursery % FRAME_PAGE_SIZE != 0 ||
        options->size_bytes / segment < SPOOL_SLOTS_MIN ||
        options->size_bytes / segment > SPOOL_SLOTS_MAX) {
        return ERR_INVALID;
    }
    uint32_t slots, size;
    enum err err = disk->look(disk->context, DISK_NURSERY, &slots, &size);
    if (err == ERR_NOT_FOUND) {
        err = disk->create(disk->context, DISK_NURSERY, 2, nursery);
    }
    if (err != OK) {
        return err;
    }
    err = disk->look(disk->context, DISK_MAIN, &slots, &size);
    if (err == ERR_NOT_FOUND) {
        slots = (uint32_t)(options->size_bytes / segment);
        err = disk->create(disk->context, DISK_MAIN, slots, segment);
    }
    return err;
}

static enum err look_at_shapes(struct spool *spool)
{
    for (int i = 0; i < 2; i++) {
        struct ring *ring = &spool->rings[i];
        ring->which = (enum disk_ring)i;
        enum err err = spool->disk->look(spool->disk->context, ring->which, &ring->slot_count,
                                         &ring->slot_size);
        if (err != OK) {
            return err;
        }
    }
    const struct ring *main_ring = &spool->rings[DISK_MAIN];
    const struct ring *nursery = &spool->rings[DISK_NURSERY];
    bool sound = main_ring->slot_count >= SPOOL_SLOTS_MIN &&
                 main_ring->slot_count <= SPOOL_SLOTS_MAX &&
                 main_ring->slot_size >= SPOOL_SLOT_MIN &&
                 main_ring->slot_size % FRAME_PAGE_SIZE == 0 && nursery->slot_count == 2 &&
                 nursery->slot_size >= SPOOL_SLOT_MIN && nursery->slot_size % FRAME_PAGE_SIZE == 0;
    return sound ? OK : ERR_INVALID;
}

// --- memory: all of it here, once

static void *take(struct spool *spool, size_t size)
{
    size_t whole = (size + FRAME_PAGE_SIZE - 1) / FRAME_PAGE_SIZE * FRAME_PAGE_SIZE;
    spool->memory += whole;
    return aligned_alloc(FRAME_PAGE_SIZE, whole); // pages: O_DIRECT asks for them
}

static enum err take_memory(struct spool *spool, const uint8_t *key)
{
    const struct ring *rings = spool->rings;
    uint32_t slot =
        rings[0].slot_size > rings[1].slot_size ? rings[0].slot_size : rings[1].slot_size;
    uint32_t buffer = slot < SPOOL_BUFFER_SIZE ? slot : SPOOL_BUFFER_SIZE;
    spool->memory = sizeof *spool;
    spool->window.limit = buffer;
    spool->writer.limit = buffer;
    spool->window.at = take(spool, buffer);
    spool->writer.at = take(spool, buffer);
    spool->segments = take(spool, (size_t)rings[0].slot_count * sizeof *spool->segments);
    spool->held = take(spool, SPOOL_HELD_MAX * sizeof *spool->held);
    spool->pack_limit = spool->pack_bytes / 5 * 7; // room to wait for one that fills its pages
    spool->pack = take(spool, spool->pack_limit);
    spool->states = take(spool, SPOOL_PAIRS_MAX * sizeof *spool->states);
    spool->key_bytes = take(spool, SPOOL_KEYS_BYTES);
    spool->key_ends = take(spool, SPOOL_KEYS_MAX * sizeof *spool->key_ends);
    bool sealed = key != NULL;
    spool->seal = sealed ? seal_new(key) : NULL;
    spool->memory += sealed ? seal_memory() : 0;
    bool all = spool->window.at != NULL && spool->writer.at != NULL && spool->segments != NULL &&
               spool->held != NULL && spool->pack != NULL && spool->states != NULL &&
               spool->key_bytes != NULL && spool->key_ends != NULL &&
               (!sealed || spool->seal != NULL);
    return all ? OK : ERR_FAILED;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    seal_free(spool->seal);
    free(spool->window.at);
    free(spool->writer.at);
    free(spool->segments);
    free(spool->held);
    free(spool->pack);
    free(spool->states);
    free(spool->key_bytes);
    free(spool->key_ends);
    free(spool);
}

// --- opening

static void new_epoch(struct spool *spool)
{
    while (spool->epoch == 0) {
        spool->disk->random(spool->disk->context, &spool->epoch, sizeof spool->epoch);
    }
}

static enum err open_on(struct spool *spool, const uint8_t *key)
{
    enum err err = look_at_shapes(spool);
    err = err != OK ? err : take_memory(spool, key);
    err = err != OK ? err : spool_recover(spool);
    if (err == OK) {
        new_epoch(spool);
        spool->stat.opened_read_bytes = spool->read_bytes;
    }
    return err;
}

static enum err open_new(struct spool **spool, const struct spool *with, const uint8_t *key)
{
    struct spool *made = malloc(sizeof *made);
    if (made == NULL) {
        return ERR_FAILED;
    }
    *made = *with;
    enum err err = open_on(made, key);
    if (err != OK) {
        spool_close(made);
        return err;
    }
    *spool = made;
    return OK;
}

enum err spool_open(struct spool **spool, const struct disk *disk,
                    const struct spool_options *options)
{
    enum err err = make_rings(disk, options);
    if (err != OK) {
        return err;
    }
    struct spool with = {
        .disk = disk,
        .when_full = options->when_full,
        .pack_bytes = options->pack_bytes != 0 ? options->pack_bytes : 60 * 1024,
        .next_seq = 1,
        .dense_ms = INT64_MIN,
    };
    return open_new(spool, &with, options->key);
}

enum err spool_open_readonly(struct spool **spool, const struct disk *disk, const uint8_t *key)
{
    struct spool with = {.disk = disk,
                         .readonly = true,
                         .pack_bytes = FRAME_PAGE_SIZE,
                         .next_seq = 1,
                         .dense_ms = INT64_MIN};
    return open_new(spool, &with, key);
}

size_t spool_memory(const struct spool *spool)
{
    return spool->memory;
}

// --- what is known

static uint64_t rows_left(const struct spool *spool, uint64_t first, uint64_t last)
{
    uint64_t left = first > last ? 0 : last - first + 1;
    for (uint32_t i = 0; i < spool->settled.count && left > 0; i++) {
        struct seq_range range = spool->settled.ranges[i];
        uint64_t from = range.from > first ? range.from : first;
        uint64_t to = range.to < last ? range.to : last;
        left -= from <= to ? to - from + 1 : 0;
    }
    return left;
}

static void stat_segments(const struct spool *spool, struct spool_stat *stat)
{
    const struct ring *ring = &spool->rings[DISK_MAIN];
    uint64_t filled = 0;
    for (uint32_t i = 0; i < spool->segment_count; i++) {
        const struct segment *segment = &spool->segments[i];
        uint64_t last = spool_segment_last(spool, i);
        uint64_t left = rows_left(spool, segment->first_seq, last);
        if (left == 0) {
            continue;
        }
        uint32_t end = segment->id == ring->id ? ring->end : segment->end;
        double share = (double)left / (double)(last - segment->first_seq + 1);
        stat->used_bytes += ring->slot_size;
        filled += segment->id == ring->id ? end : ring->slot_size;
        stat->stored_bytes += (uint64_t)(share * end);
        stat->oldest_ms =
            stat->oldest_ms == INT64_MIN ? spool_segment_ms(segment) : stat->oldest_ms;
    }
    uint64_t room = (uint64_t)(ring->slot_count - SPOOL_SPARES) * ring->slot_size;
    stat->fill_percent = (uint32_t)(filled * 100 / room);
}

static void stat_beside(const struct spool *spool, struct spool_stat *stat)
{
    bool any = false;
    for (uint32_t i = 0; i < spool->held_count; i++) {
        const struct held *held = &spool->held[i];
        uint64_t last = held->first_seq + held->count - 1;
        if (last > spool->dense_end && rows_left(spool, held->first_seq, last) > 0) {
            any = true;
            stat->stored_bytes += held->size;
            stat->oldest_ms = stat->oldest_ms == INT64_MIN ? held->time_first_ms : stat->oldest_ms;
        }
    }
    stat->used_bytes += any ? spool->rings[DISK_NURSERY].slot_size : 0;
}

void spool_stat(const struct spool *spool, struct spool_stat *stat)
{
    *stat = spool->stat;
    stat->epoch = spool->epoch;
    stat->next_seq = spool->next_seq;
    stat->cursor = settled_cursor(&spool->settled);
    stat->dense_end = spool->dense_end;
    stat->wants_whole = spool_wants_whole(spool);
    stat->oldest_ms = INT64_MIN;
    for (int i = 0; i < 2; i++) {
        const struct ring *ring = &spool->rings[i];
        stat->size_bytes += (uint64_t)ring->slot_count * ring->slot_size;
    }
    stat_segments(spool, stat);
    stat_beside(spool, stat);
    uint64_t front = settled_next(&spool->settled, 1);
    if (front < spool->next_seq && spool->front_seq <= front && front <= spool->front_end) {
        stat->oldest_ms = spool->front_ms; // a reader has seen its block
    }
}

enum err spool_settle(struct spool *spool, uint64_t from, uint64_t to, enum settled_how how)
{
    (void)how; // the caller tells what it lost; the spool keeps only that it ended
    assert(from >= 1 && from <= to && to < spool->next_seq);
    return settled_add(&spool->settled, from, to);
}

const struct settled *spool_settled(const struct spool *spool)
{
    return &spool->settled;
}

uint32_t spool_key_count(const struct spool *spool)
{
    return spool->key_count;
}

enum err spool_key(const struct spool *spool, uint32_t id, struct bytes *key)
{
    if (id >= spool->key_count) {
        return ERR_NOT_FOUND;
    }
    *key = spool_key_at(spool, id);
    return OK;
}

enum err spool_state(const struct spool *spool, const char *name, struct bytes *value)
{
    for (uint32_t i = 0; i < spool->state_count; i++) {
        const struct state_pair *pair = &spool->states[i];
        if (strcmp(pair->name, name) == 0) {
            *value = bytes_from(pair->value, pair->size);
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}
