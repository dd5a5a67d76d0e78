// Rates and ages for the heartbeat, in fixed memory.
//
// Floor: flow.
#ifndef WEIR_AGENT_RATES_H
#define WEIR_AGENT_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RATES_SAMPLES = 30, RATES_EVERY_MS = 10000, AGES_MARKS = 128 };

// Two byte counters, sampled every 10 s, over the last 5 minutes.
struct rates {
    uint32_t count;
    int64_t at_ms[RATES_SAMPLES];
    uint64_t in[RATES_SAMPLES];
    uint64_t out[RATES_SAMPLES];
};

void rates_sample(struct rates *rates, int64_t now_ms, uint64_t in, uint64_t out);

// Bytes per second over the samples; false where there are less than two.
bool rates_get(const struct rates *rates, int64_t *in_bps, int64_t *out_bps);

// When, in boot time, records came in: one mark a commit, thinned when full, so that the age of the
// oldest unsettled record is known within a mark and no clock step moves it.
struct ages {
    uint32_t count;
    uint64_t seqs[AGES_MARKS]; // first seq of a commit
    int64_t at_ms[AGES_MARKS];
};

void ages_mark(struct ages *ages, uint64_t seq, int64_t now_ms);

// The mark at or before `seq`; false where there is none (records of an earlier run).
bool ages_get(const struct ages *ages, uint64_t seq, int64_t *at_ms);

#endif
