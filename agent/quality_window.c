// A ring of the hashes in order, and a table (open addressing, linear probing, at most half full)
// of how often each stands in the ring.
#include "agent/quality_window.h"

#include <assert.h>
#include <stdlib.h>

struct entry {
    uint64_t hash;
    uint32_t count; // 0: free
};

struct quality_window {
    uint32_t size; // of the ring; the table has twice as many
    uint32_t used;
    uint32_t oldest;
    uint64_t *ring;
    struct entry *table;
};

struct quality_window *quality_window_open(uint32_t size)
{
    assert(size > 0 && (size & (size - 1)) == 0);
    struct quality_window *window = calloc(1, sizeof *window);
    if (window == NULL) {
        return NULL;
    }
    window->size = size;
    window->ring = calloc(size, sizeof *window->ring);
    window->table = calloc((size_t)size * 2, sizeof *window->table);
    if (window->ring == NULL || window->table == NULL) {
        quality_window_close(window);
        return NULL;
    }
    return window;
}

void quality_window_close(struct quality_window *window)
{
    if (window == NULL) {
        return;
    }
    free(window->ring);
    free(window->table);
    free(window);
}

static uint32_t place_of(const struct quality_window *window, uint64_t hash)
{
    uint32_t mask = window->size * 2 - 1;
    uint32_t place = (uint32_t)hash & mask;
    while (window->table[place].count > 0 && window->table[place].hash != hash) {
        place = (place + 1) & mask;
    }
    return place;
}

// Free `place`, and move up what was put behind it because it was taken.
static void remove_at(struct quality_window *window, uint32_t place)
{
    uint32_t mask = window->size * 2 - 1;
    uint32_t hole = place;
    uint32_t at = (hole + 1) & mask;
    for (; window->table[at].count > 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)window->table[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) { // it may stand in the hole
            window->table[hole] = window->table[at];
            hole = at;
        }
    }
    window->table[hole].count = 0;
}

static void forget_oldest(struct quality_window *window)
{
    uint32_t place = place_of(window, window->ring[window->oldest]);
    assert(window->table[place].count > 0);
    if (--window->table[place].count == 0) {
        window->table[place].count = 1; // still there while its neighbours are looked at
        remove_at(window, place);
    }
    window->oldest = (window->oldest + 1) & (window->size - 1);
    window->used--;
}

bool quality_window_seen(struct quality_window *window, uint64_t hash)
{
    uint32_t place = place_of(window, hash);
    bool seen = window->table[place].count > 0;
    if (window->used == window->size) {
        forget_oldest(window);
        place = place_of(window, hash); // it may have moved
    }
    window->ring[(window->oldest + window->used++) & (window->size - 1)] = hash;
    window->table[place].hash = hash;
    window->table[place].count++;
    return seen;
}
