// What is known of a product's acknowledged records: how new the newest is, and how long each took
// from its own time to its acknowledgement, as a histogram of fixed size.
//
// Floor: flow.
#ifndef WEIR_AGENT_ARRIVALS_H
#define WEIR_AGENT_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ARRIVALS_STEPS = 8, // buckets of each octave: a quantile is at most 1/8 too high
    ARRIVALS_BITS = 4,  // of numbers below two of them
    ARRIVALS_BUCKETS = 32 * ARRIVALS_STEPS,
};

struct arrivals {
    uint64_t count;
    int64_t newest_ms; // the latest time of an acknowledged record; INT64_MIN: none
    uint64_t latency[ARRIVALS_BUCKETS];
};

void arrivals_init(struct arrivals *arrivals);

// A record of `time_ms` was acknowledged at `now_ms`. One from the future took no time.
void arrivals_add(struct arrivals *arrivals, int64_t time_ms, int64_t now_ms);

// The latency in ms that the fraction `quantile` of the records between `since` and `now` did not
// exceed, rounded up to the end of its bucket; -1: there were none.
int64_t arrivals_latency_ms(const struct arrivals *now, const struct arrivals *since,
                            double quantile);

#endif
