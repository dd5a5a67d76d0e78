// Below 8 ms a bucket is a millisecond; above, each octave has 8 of equal width.
#include "agent/arrivals.h"

#include <math.h>
#include <string.h>

void arrivals_init(struct arrivals *arrivals)
{
    memset(arrivals, 0, sizeof *arrivals);
    arrivals->newest_ms = INT64_MIN;
}

static unsigned bucket_of(uint64_t ms)
{
    unsigned bits = ms == 0 ? 0 : 64U - (unsigned)__builtin_clzll(ms);
    unsigned octave = bits > ARRIVALS_BITS ? bits - ARRIVALS_BITS : 0;
    unsigned bucket = octave * ARRIVALS_STEPS + (unsigned)(ms >> octave);
    return bucket < ARRIVALS_BUCKETS ? bucket : ARRIVALS_BUCKETS - 1;
}

// The largest value of a bucket.
static int64_t end_of(unsigned bucket)
{
    if (bucket < 2 * ARRIVALS_STEPS) {
        return bucket;
    }
    unsigned octave = bucket / ARRIVALS_STEPS - 1;
    uint64_t step = bucket - octave * ARRIVALS_STEPS;
    return (int64_t)(((step + 1) << octave) - 1);
}

void arrivals_add(struct arrivals *arrivals, int64_t time_ms, int64_t now_ms)
{
    uint64_t ms = now_ms > time_ms ? (uint64_t)now_ms - (uint64_t)time_ms : 0;
    arrivals->count++;
    arrivals->latency[bucket_of(ms)]++;
    if (time_ms > arrivals->newest_ms) {
        arrivals->newest_ms = time_ms;
    }
}

int64_t arrivals_latency_ms(const struct arrivals *now, const struct arrivals *since,
                            double quantile)
{
    uint64_t count = now->count - since->count;
    if (count == 0) {
        return -1;
    }
    uint64_t wanted = (uint64_t)ceil((double)count * quantile);
    uint64_t seen = 0;
    unsigned bucket = 0;
    for (; bucket < ARRIVALS_BUCKETS - 1; bucket++) {
        seen += now->latency[bucket] - since->latency[bucket];
        if (seen >= wanted) {
            break;
        }
    }
    return end_of(bucket);
}
