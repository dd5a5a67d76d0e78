// A hash table of ids over one arena of names. Names are never moved or changed, so a pointer to
// one may be handed to the store worker.
#include "agent/series.h"

#include <assert.h>
#include <stdlib.h>

enum { BUCKET_COUNT = 2 * SERIES_COUNT_MAX };
static const uint32_t NO_ID = UINT32_MAX;

struct series {
    uint32_t count;
    uint32_t bytes_used;
    uint32_t last_id; // of the last look-up: keys come in runs
    uint32_t starts[SERIES_COUNT_MAX + 1];
    uint32_t buckets[BUCKET_COUNT]; // id + 1; 0 is empty
    uint8_t bytes[SERIES_BYTES_MAX];
};

struct series *series_open(void)
{
    struct series *series = calloc(1, sizeof *series);
    if (series != NULL) {
        series->last_id = NO_ID;
    }
    return series;
}

void series_close(struct series *series)
{
    free(series);
}

static struct bytes name_of(const struct series *series, uint32_t id)
{
    uint32_t start = series->starts[id];
    return bytes_from(series->bytes + start, series->starts[id + 1] - start);
}

// The bucket of `key`, or the empty one where it belongs. The table is at most half full.
static uint32_t bucket_of(const struct series *series, struct bytes key)
{
    uint32_t bucket = bytes_crc32c(0, key) % BUCKET_COUNT;
    while (series->buckets[bucket] != 0 &&
           !bytes_equal(name_of(series, series->buckets[bucket] - 1), key)) {
        bucket = (bucket + 1) % BUCKET_COUNT;
    }
    return bucket;
}

static enum err add(struct series *series, uint32_t bucket, struct bytes key, uint32_t *id)
{
    if (series->count == SERIES_COUNT_MAX || SERIES_BYTES_MAX - series->bytes_used < key.size) {
        return ERR_FULL;
    }
    *id = series->count;
    if (key.size > 0) {
        memcpy(series->bytes + series->bytes_used, key.at, key.size);
    }
    series->bytes_used += (uint32_t)key.size;
    series->count++;
    series->starts[series->count] = series->bytes_used;
    series->buckets[bucket] = *id + 1;
    return OK;
}

enum err series_id(struct series *series, struct bytes key, uint32_t *id, bool *added)
{
    *added = false;
    // Devices are read in turn: the key after the last one is the likeliest.
    for (uint32_t guess = 0; guess < 2 && series->last_id != NO_ID; guess++) {
        uint32_t likely = series->last_id + guess;
        if (likely < series->count && bytes_equal(name_of(series, likely), key)) {
            series->last_id = likely;
            *id = likely;
            return OK;
        }
    }
    uint32_t bucket = bucket_of(series, key);
    if (series->buckets[bucket] != 0) {
        *id = series->buckets[bucket] - 1;
        series->last_id = *id;
        return OK;
    }
    enum err err = add(series, bucket, key, id);
    *added = err == OK;
    return err;
}

enum err series_key(const struct series *series, uint32_t id, struct bytes *key)
{
    if (id >= series->count) {
        return ERR_NOT_FOUND;
    }
    *key = name_of(series, id);
    return OK;
}

uint32_t series_count(const struct series *series)
{
    return series->count;
}
