#include "ports/output/kafka_stamp.h"

enum { LEAST_MS = 1000, FIRST_SHIFT_MS = 3600 * 1000 };

static const int64_t last_shift_ms = INT64_C(4096) * FIRST_SHIFT_MS; // half a year

void kafka_stamp_init(struct kafka_stamp *stamp)
{
    *stamp = (struct kafka_stamp){.past_ms = INT64_MAX, .ahead_ms = INT64_MAX};
}

bool kafka_stamp_is_free(const struct kafka_stamp *stamp)
{
    return stamp->shift_ms == 0 && stamp->past_ms == INT64_MAX && stamp->ahead_ms == INT64_MAX;
}

int64_t kafka_stamp_of(const struct kafka_stamp *stamp, int64_t time_ms, int64_t wall_ms)
{
    if (stamp->shift_ms > 0) {
        return wall_ms - stamp->shift_ms;
    }
    bool fits = time_ms <= wall_ms ? wall_ms - time_ms <= stamp->past_ms
                                   : time_ms - wall_ms <= stamp->ahead_ms;
    return fits ? time_ms : wall_ms;
}

void kafka_stamp_refused(struct kafka_stamp *stamp, int64_t time_ms, int64_t wall_ms)
{
    int64_t past_ms = wall_ms - time_ms;
    if (past_ms > stamp->worst_past_ms) {
        stamp->worst_past_ms = past_ms;
    }
    if (-past_ms > stamp->worst_ahead_ms) {
        stamp->worst_ahead_ms = -past_ms;
    }
}

// The worst that was sent as it is.
static int64_t sent_ms(int64_t bound_ms, int64_t worst_ms)
{
    return worst_ms < bound_ms ? worst_ms : bound_ms;
}

bool kafka_stamp_narrow(struct kafka_stamp *stamp)
{
    int64_t past_ms = sent_ms(stamp->past_ms, stamp->worst_past_ms);
    int64_t ahead_ms = sent_ms(stamp->ahead_ms, stamp->worst_ahead_ms);
    stamp->worst_past_ms = 0;
    stamp->worst_ahead_ms = 0;
    if (past_ms > LEAST_MS && past_ms >= ahead_ms) { // the farther one is the likelier cause
        stamp->past_ms = past_ms / 2;
        return true;
    }
    if (ahead_ms > LEAST_MS) {
        stamp->ahead_ms = ahead_ms / 2;
        return true;
    }
    if (stamp->shift_ms >= last_shift_ms) {
        return false;
    }
    stamp->shift_ms = stamp->shift_ms == 0 ? FIRST_SHIFT_MS : stamp->shift_ms * 2;
    return true;
}
