// The time stamp of a record in Kafka: the observed time. Where the topic refuses it as too old or
// too far ahead (message.timestamp.before.max.ms, after.max.ms), the time of sending; the observed
// time is in the value all the same. What the topic takes is found by trying: with each refusal
// half as much, since the broker says neither which record it was nor what its limits are.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_STAMP_H
#define WEIR_PORTS_OUTPUT_KAFKA_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct kafka_stamp {
    int64_t past_ms, ahead_ms; // farther from now, it is not tried
    int64_t shift_ms;          // before our own now, where that is refused too: our clock is fast
    int64_t worst_past_ms, worst_ahead_ms; // of the batch that is coming back
};

void kafka_stamp_init(struct kafka_stamp *stamp);

// Takes it any time, so that kafka_stamp_of changes none?
bool kafka_stamp_is_free(const struct kafka_stamp *stamp);

// The stamp for a record that was observed at `time_ms`.
int64_t kafka_stamp_of(const struct kafka_stamp *stamp, int64_t time_ms, int64_t wall_ms);

// A record of this time came back with a batch that was refused for a time stamp.
void kafka_stamp_refused(struct kafka_stamp *stamp, int64_t time_ms, int64_t wall_ms);

// All of them are back: try less. False: everything was tried.
bool kafka_stamp_narrow(struct kafka_stamp *stamp);

#endif
