// The product's way to the output: one lane, or two (L1 to L4 of agent/lanes.h).
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/product_core.h"

#include <assert.h>

enum { STEP = 32 }; // records between two looks at the link's share

static const char state_name[] = "late";

// ---- the start ----

static void restore(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    struct bytes value = states_get(&product->states, product->spool, state_name);
    uint64_t to = value.size == 8 ? get_u64(value.at) : 0;
    lanes->late_to = to > settled_cursor(&product->settled) ? to : 0;
    lanes->given_to = lanes->late_to;
    lanes->durable_to = lanes->late_to;
}

enum err product_lanes_open(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    const struct contract_port *port = product->settings->port;
    *lanes = (struct lanes){.wanted = port->late == LATE_TOPIC,
                            .after_ms = port->late_after_ms,
                            .window = OUTLET_WINDOW,
                            .outage = true,
                            .front_ms = INT64_MIN};
    restore(product);
    if (lanes->late_to > 0 && !lanes->wanted) {
        log_error("contract.changed",
                  "product=%s: the contract said `weir.late: topic`, and records up to %llu still "
                  "wait for the late topic; start with it until they are delivered",
                  product->settings->name, (unsigned long long)lanes->late_to);
        return ERR_FULL;
    }
    uint64_t live = settled_next(&product->settled, lanes->late_to + 1) - 1;
    lanes->given_live = live;
    lanes->durable_live = live;
    enum err err = product_outlet_open(product, &product->outlet, live);
    if (err == OK && lanes->wanted) {
        product->late.late = true;
        err = product_outlet_open(product, &product->late, settled_cursor(&product->settled));
    }
    if (product->share != NULL) {
        uint32_t weight = product->settings->weight;
        lanes->live = share_join(product->share, SHARE_LIVE * weight);
        lanes->late = share_join(product->share, SHARE_LATE * weight);
    }
    return err;
}

void product_lanes_close(struct product *product)
{
    outlet_close(&product->outlet);
    if (product->lanes.wanted) {
        outlet_close(&product->late);
    }
}

// Of rows of an earlier run nothing is known but their own time.
void product_lanes_look(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    struct block_info info;
    struct block_row row;
    struct spool_block block;
    const struct schema *schema;
    const struct wire_json *plan;
    struct block_reader *reader = product->outlet.reader;
    uint64_t first = product->outlet.first_seq;
    bool sure;
    lanes->ready = lanes->wanted;
    if (!lanes->wanted || first >= product->next_seq ||
        spool_read(product->spool, first, &block) != OK || block.first_seq > first ||
        block_look(block.payload, &info) != OK ||
        schemas_find(&product->schemas, info.schema_id, &schema, &plan) != OK ||
        block_read(reader, block.payload, schema) != OK ||
        first - info.first_seq >= info.row_count) {
        return;
    }
    block_row(reader, (uint32_t)(first - info.first_seq), &row);
    if (info.clock != RECORD_CLOCK_BOOT) {
        lanes->front_ms = row.time_ms;
    } else if (boots_wall(&product->boots, info.boot_id, row.time_ms, info.time_last_ms,
                          &lanes->front_ms, &sure) != OK) {
        lanes->front_ms = INT64_MIN;
    }
}

// ---- what the rest of the product asks ----

struct outlet *product_lane_of(struct product *product, uint64_t seq)
{
    uint64_t late_to = product->lanes.late_to;
    return late_to > 0 && seq <= late_to ? &product->late : &product->outlet;
}

void product_lanes_skip(struct product *product)
{
    outlet_skip(&product->outlet, &product->settled);
    if (product->lanes.late_to > 0) {
        outlet_skip(&product->late, &product->settled);
    }
}

void product_lanes_retry(struct product *product)
{
    outlet_retry(&product->outlet);
    outlet_retry(&product->late);
}

void product_lanes_given(struct product *product)
{
    if (product->settle_count == 0) { // the commit has them all
        product->lanes.given_live = product->outlet.first_seq - 1;
    }
}

void product_lanes_stored(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    lanes->durable_to = lanes->given_to;
    if (product->commit->settle_count == 0) {
        lanes->durable_live = lanes->given_live;
    }
}

// What of the live lane is durably settled ends here.
static uint64_t durable_front(const struct product *product)
{
    const struct lanes *lanes = &product->lanes;
    if (lanes->late_to == 0) {
        return product->durable_cursor;
    }
    return lanes->durable_live > lanes->late_to ? lanes->durable_live : lanes->late_to;
}

uint64_t product_lanes_lag(const struct product *product)
{
    uint64_t lag = settled_cursor(&product->settled) - product->durable_cursor;
    if (product->lanes.late_to == 0) {
        return lag;
    }
    uint64_t live = product->outlet.first_seq - 1;
    uint64_t durable = durable_front(product);
    uint64_t live_lag = live > durable ? live - durable : 0;
    return 2 * (live_lag > lag ? live_lag : lag); // each has half of the window
}

bool product_lanes_tick(const struct product *product)
{
    const struct outlet *live = &product->outlet;
    const struct outlet *late = &product->late;
    return live->read_failed || live->setting_aside || late->read_failed || late->setting_aside ||
           product->lanes.held;
}

// ---- a late lane opens and closes ----

static int64_t front_age_ms(const struct product *product)
{
    int64_t at_ms;
    uint64_t first = product->outlet.first_seq;
    if (first > product->durable_seq) {
        return -1;
    }
    if (ages_get(&product->ages, first, &at_ms)) {
        return clock_boot_ms() - at_ms;
    }
    return product->lanes.front_ms == INT64_MIN ? 0 : clock_wall_ms() - product->lanes.front_ms;
}

static void keep(struct product *product)
{
    uint8_t bytes[8];
    put_u64(bytes, product->lanes.late_to);
    size_t size = product->lanes.late_to > 0 ? sizeof bytes : 0;
    enum err err = product_keep(product, state_name, bytes_from(bytes, size));
    assert(err == OK); // one name, eight bytes
}

// L1. All that is settled goes into the same commit, so that after a kill nobody takes for late
// what was delivered live. False: try again.
static bool open_late(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    uint64_t from = product->outlet.first_seq;
    uint64_t to = product->durable_seq;
    if (product->commit_busy ||
        product->commit->settle_count + product->settle_count > STORE_SETTLES_MAX) {
        return false;
    }
    if (from > to || product->commit_failed) { // a spool that takes nothing keeps no promise
        return true;
    }
    if (lanes->late_to == 0) {
        outlet_jump(&product->late, settled_next(&product->settled, 1));
    }
    lanes->late_to = to;
    outlet_jump(&product->outlet, to + 1);
    keep(product);
    losses_add(&product->losses, from, to, SETTLED_LATE, INT64_MIN, INT64_MIN);
    losses_keep(&product->losses, &product->states);
    product_changed(product);
    product->commit_now = true;
    log_info("late.opened", "product=%s from=%llu to=%llu: they go to %s.late, new records first",
             product->settings->name, (unsigned long long)from, (unsigned long long)to,
             product->settings->port->topic);
    return true;
}

static void close_late(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    if (lanes->late_to == 0 || settled_next(&product->settled, 1) <= lanes->late_to ||
        !outlet_is_quiet(&product->late)) {
        return;
    }
    log_info("late.done", "product=%s to=%llu", product->settings->name,
             (unsigned long long)lanes->late_to);
    lanes->late_to = 0;
    keep(product);
}

static void watch_link(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    const struct output_driver *driver = product->driver;
    bool answers = driver->answers == NULL || driver->answers(product->output);
    if (answers && lanes->outage) {
        lanes->deciding = true;
        lanes->old = front_age_ms(product) > lanes->after_ms;
    }
    lanes->deciding = lanes->deciding && answers;
    lanes->outage = !answers;
}

static void decide(struct product *product)
{
    struct lanes *lanes = &product->lanes;
    if (!outlet_is_quiet(&product->outlet)) {
        return;
    }
    if (lanes->deciding) {
        lanes->deciding = lanes->old && !open_late(product);
        return;
    }
    // Somebody must knock, and better the late lane. With exactly-once the client does so by
    // itself, and what Kafka knows of the rows is heard first.
    if (lanes->outage && !product->output->exactly_once &&
        front_age_ms(product) > lanes->after_ms) {
        (void)open_late(product);
    }
}

// ---- sending ----

static bool is_affordable(const struct product *product, bool late)
{
    return product->budget == NULL ||
           budget_allows(product->budget, product->settings->priority, late);
}

// How many live records may go now.
static uint32_t live_budget(const struct product *product, uint32_t budget)
{
    const struct lanes *lanes = &product->lanes;
    uint64_t first = product->outlet.first_seq;
    if (!is_affordable(product, false)) {
        return 0;
    }
    if (!lanes->ready) {
        return budget;
    }
    if (lanes->deciding || lanes->late_to > lanes->durable_to) { // L2
        return 0;
    }
    if (lanes->outage) { // L4
        return product->outlet.in_flight == 0 && budget > 0 ? 1 : 0;
    }
    bool needs_range = first > 1 && !settled_has(&product->settled, first - 1);
    bool scarce = product->settled.count > SETTLED_RANGES_MAX - LANES_RANGES_SPARE;
    return needs_range && scarce ? 0 : budget; // L3
}

struct lane {
    struct outlet *outlet;
    uint32_t share;
    uint64_t last_seq; // what may be sent
    uint64_t durable_front;
};

static bool pump(struct product *product, const struct lane *lane, uint32_t budget, int64_t now_ms)
{
    struct outlet *outlet = lane->outlet;
    struct share *share = product->share;
    bool more = true;
    while (budget > 0 && more) {
        uint64_t room = share == NULL ? UINT64_MAX : share_room(share, lane->share, now_ms);
        if (room == 0) {
            product->lanes.held = true;
            return false;
        }
        uint32_t step = room == UINT64_MAX || budget < STEP ? budget : STEP;
        uint64_t before = outlet->sent_bytes;
        more = outlet_pump(outlet, &product->settled, lane->last_seq, lane->durable_front, step);
        if (share != NULL) {
            share_sent(share, lane->share, outlet->sent_bytes - before, now_ms);
        }
        budget -= step;
    }
    return more && budget == 0;
}

static bool pump_lane(struct product *product, const struct lane *lane, uint32_t budget,
                      int64_t now_ms)
{
    bool more = budget > 0 && pump(product, lane, budget, now_ms);
    if (product->share != NULL) {
        bool waits = budget > 0 && lane->outlet->next_seq <= lane->last_seq;
        share_waits(product->share, lane->share, waits);
    }
    return more;
}

static bool send_late(struct product *product, uint32_t budget, int64_t now_ms)
{
    struct lanes *lanes = &product->lanes;
    if (settled_has(&product->settled, product->late.first_seq)) {
        outlet_skip(&product->late, &product->settled); // past what was delivered live
    }
    product->late.window = lanes->window / 2;
    // Where the spool is full, only what is sent makes room for the commit that is waited for.
    bool may = is_affordable(product, true) &&
               (lanes->late_to <= lanes->durable_to || product->commit_failed);
    const struct lane lane = {&product->late, lanes->late, lanes->late_to, product->durable_cursor};
    return pump_lane(product, &lane, may ? budget : 0, now_ms);
}

bool product_lanes_send(struct product *product, uint32_t budget, int64_t now_ms)
{
    struct lanes *lanes = &product->lanes;
    lanes->held = false;
    if (lanes->ready) {
        close_late(product);
        watch_link(product);
        decide(product);
    }
    bool both = lanes->late_to > 0;
    product->outlet.window = both ? lanes->window / 2 : lanes->window;
    const struct lane live = {&product->outlet, lanes->live, product->durable_seq,
                              durable_front(product)};
    uint32_t allowed = live_budget(product, budget);
    bool more = pump_lane(product, &live, allowed, now_ms) && allowed == budget;
    if (both) {
        more |= send_late(product, budget, now_ms);
    } else if (product->share != NULL) {
        share_waits(product->share, lanes->late, false);
    }
    return more;
}
