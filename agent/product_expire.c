// Records that wait longer than `spool: {keep: ..}` end here. What the output holds is left to it:
// it may be delivered, and comes back if it was not.
#include "agent/clock.h"
#include "agent/product_core.h"

enum { RUNS_A_TURN = 8 }; // what may be settled at once, so that a turn stays short

struct expiry_now product_now(void)
{
    return (struct expiry_now){.boot_ms = clock_boot_ms(), .wall_ms = clock_wall_ms()};
}

// The first record of a lane that nobody may have delivered yet.
static uint64_t first_waiting(const struct product *product, const struct outlet *outlet)
{
    uint64_t from = outlet_waiting_from(outlet);
    from = product->doubt_end >= from ? product->doubt_end + 1 : from;
    return settled_next(&product->settled, from);
}

static bool has_range_for(const struct product *product, uint64_t from, uint64_t to)
{
    struct settled trial = product->settled;
    return settled_add(&trial, from, to) == OK; // I4
}

// Of the lane that ends with `lane_end`.
static void expire(struct product *product, const struct outlet *outlet, uint64_t lane_end)
{
    uint64_t seq = first_waiting(product, outlet);
    int64_t since_ms;
    int64_t until_ms;
    uint64_t last =
        expiry_last(&product->expiry, seq, lane_end + 1, product_now(), &since_ms, &until_ms);
    for (int i = 0; i < RUNS_A_TURN && seq <= last; i++) {
        bool acked;
        uint64_t end = settled_gap_end(&product->settled, seq, last);
        end = outlet_acked_run(outlet, seq, end, &acked);
        if (product->settle_count >= STORE_SETTLES_MAX / 2 || !has_range_for(product, seq, end)) {
            break; // the next commit, and what is delivered, make room
        }
        product_settle(product, seq, end, acked ? SETTLED_DELIVERED : SETTLED_LOST_EXPIRED);
        if (!acked) {
            product_declare(product, seq, end, SETTLED_LOST_EXPIRED, since_ms, until_ms);
        }
        seq = settled_next(&product->settled, end);
    }
}

void product_expire(struct product *product)
{
    uint64_t late_to = product->lanes.late_to;
    if (late_to > 0) {
        expire(product, &product->late, late_to);
    }
    if (late_to == 0 || product->doubt_end == 0) {
        expire(product, &product->outlet, product->durable_seq);
    }
    product_lanes_skip(product);
}
