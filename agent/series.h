// The series table: a small number for each key that the product has seen. Ids start at 0, grow by
// one, and are never reused in an epoch, so a block may say 17 and mean oven-3 for ever. The loop
// owns one table a product; the spool keeps its own durable copy and hands it back at the start.
//
// Floor: keeping.
#ifndef WEIR_AGENT_SERIES_H
#define WEIR_AGENT_SERIES_H

#include "agent/bytes.h"
#include "agent/err.h"

enum {
    SERIES_COUNT_MAX = 16384,      // keys of a product
    SERIES_BYTES_MAX = 512 * 1024, // of all keys together
};

struct series; // opaque

struct series *series_open(void); // memory is taken here, once
void series_close(struct series *series);

// The id of `key`, adding it where it is new (`*added`). ERR_FULL: the table is full.
enum err series_id(struct series *series, struct bytes key, uint32_t *id, bool *added);

// The key of `id`, borrowed. ERR_NOT_FOUND: no such id.
enum err series_key(const struct series *series, uint32_t id, struct bytes *key);

uint32_t series_count(const struct series *series);

#endif
