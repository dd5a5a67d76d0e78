// A join: the latest values of another product by key, with which records of this product are
// completed before they are checked and stored. What a record has itself is never overwritten.
//
//     other product   ──{key, values, time}──▶  join  ──fields that are null──▶  local record
//
// Nothing here is durable: whoever fills it reads the other product again after a start.
//
// Floor: flow.
#ifndef WEIR_AGENT_JOIN_H
#define WEIR_AGENT_JOIN_H

#include "agent/record.h"

enum {
    JOIN_KEYS_MAX = 1024,
    JOIN_FIELDS_MAX = 16,
    JOIN_TEXT_MAX = 63, // bytes of a text that is joined
};

struct join; // opaque

struct join_options {
    const uint16_t *fields; // of this product's schema, that are completed
    uint32_t field_count;   // 1..JOIN_FIELDS_MAX
    struct bytes key;       // whose values complete every record; empty: those of the record's key
    int64_t max_age_ms;     // a value further from the record's time is not used; 0: any is
};

// Memory is taken here; NULL where there is none. `next` stands behind this one in a chain.
struct join *join_open(const struct join_options *options, struct join *next);
void join_close(struct join *join); // and those behind it

// Keep what the other product says of `key`: `values` in the order of `fields`. What is older than
// what is kept changes nothing. ERR_FULL: no room for more keys. ERR_LIMIT: a text is too long, or
// the key; it was kept without it (the key: not at all).
enum err join_put(struct join *join, struct bytes key, const struct value *values, int64_t time_ms);

// Complete `values` (by field of the schema) of `record` by this join and those behind it. Texts
// are borrowed until the next join_put.
void join_fill(const struct join *join, const struct record *record, struct value *values);

#endif
