// Thinning: what a spool that fills up does to records before they get a seq. Of each key and
// bucket of time only some rows are kept: the last one, and for each numeric field the rows of its
// least and its greatest value. A kept row is a row as it came, never a made-up one; the others are
// counted.
//
//     level   begins above   ends below   bucket
//       1         70 %          65 %        10 s
//       2         85 %          80 %         1 min
//       3         95 %          90 %         5 min
//
// A bucket is open until a key's time leaves it: then all of it is emitted at once, in the order
// the records came, and the next one begins. So there are moments when nothing waits, and the
// positions of the inputs are exact there (agent/product_thin.c).
//
// What counts as an extreme: integers and numbers that are there and are no NaN, of rows of good
// quality; of equal ones the first. Memory is bounded; a bucket that fills it ends early, which
// keeps more rows rather than fewer.
//
// Floor: flow.
#ifndef WEIR_AGENT_THIN_H
#define WEIR_AGENT_THIN_H

#include "agent/record.h"

enum {
    THIN_LEVELS = 3,
    THIN_ROWS_MAX = 1024,   // rows that wait, and so keys of a bucket
    THIN_CELLS_MAX = 4096,  // rows x fields of the schema
    THIN_TEXT_MAX = 16384,  // bytes of all strings that wait
    THIN_BYTES_MAX = 98304, // what an encoded bucket takes at most
};

// The level (0: none) at `fill_percent`, coming from `level`.
unsigned thin_level(unsigned level, unsigned fill_percent);
int64_t thin_bucket_ms(unsigned level); // 1..THIN_LEVELS

struct thin; // the open bucket of a product; opaque

// Memory is taken here; NULL where there is none. `schema` is borrowed.
struct thin *thin_open(const struct schema *schema);
void thin_close(struct thin *thin);

// Add a record of the key `key_id`; copies what it needs. ERR_FULL: the bucket ends before it
// (emit, clear, and add it again). ERR_LIMIT: its texts are more than a bucket holds; it goes as it
// is.
enum err thin_add(struct thin *thin, uint32_t key_id, const struct record *record,
                  int64_t bucket_ms);

// The rows that wait, in the order they came. Those of one clock: a block has one clock.
enum { THIN_END = UINT16_MAX };
uint16_t thin_next(const struct thin *thin, uint16_t row,
                   enum record_clock clock); // THIN_END: first
// `record` has no key and borrows from the bucket until it changes.
void thin_row(const struct thin *thin, uint16_t row, uint32_t *key_id, struct record *record);

uint32_t thin_count(const struct thin *thin); // of rows that wait

// What this bucket did not keep. Times: of the device's or the wall clock; INT64_MIN: of neither.
struct thin_gone {
    uint64_t count;
    int64_t time_first_ms;
    int64_t time_last_ms;
};
struct thin_gone thin_gone(const struct thin *thin);

void thin_clear(struct thin *thin);

#endif
