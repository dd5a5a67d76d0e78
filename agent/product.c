#include "agent/product.h"

#include "agent/clock.h"
#include "agent/json_text.h"
#include "agent/log.h"
#include "agent/number.h"
#include "agent/product_core.h"

#include <assert.h>
#include <stdio.h>

enum {
    CURSOR_LAG_MAX =
        OUTLET_WINDOW / 2,  // settled and not durable: then a commit of the cursor alone
    CURSOR_IDLE_MS = 60000, // else the cursor waits so long for a commit to ride on
    RETRY_FIRST_MS = 1000,
    RETRY_LAST_MS = 30000,
    PACK_BYTES = 60 * 1024, // staged so much, a commit is worth the main ring
};

// ---- intake ----

bool product_has_room(const struct product *product)
{
    bool room = product->thin_level > 0 ? stage_has_room_for(product->filling, THIN_BYTES_MAX)
                                        : stage_has_room(product->filling);
    return room && series_count(product->series) - product->keys_given < STORE_KEYS_MAX;
}

void product_seal(struct product *product)
{
    struct block_builder *builder = product->builder;
    uint32_t rows = block_row_count(builder);
    if (rows == 0) {
        return;
    }
    if (product->rows_given > 0 && product->rows_given < rows) {
        stage_add(product->filling, product->codec, builder, product->rows_given, rows, false);
    }
    stage_add(product->filling, product->codec, builder, 0, rows, true);
    product->rows_given = 0;
}

void product_begin_block(struct product *product, const struct schema *schema, uint64_t first_seq,
                         enum record_clock clock, const uint8_t *boot_id)
{
    product_seal(product);
    block_reset(product->builder, schema, first_seq, clock,
                clock == RECORD_CLOCK_BOOT ? boot_id : NULL);
    product->rows_given = 0;
}

void product_changed(struct product *product)
{
    if (product->changed_at_ms < 0) {
        product->changed_at_ms = clock_boot_ms();
    }
}

static enum err add_row(struct product *product, const struct record *record, uint32_t key_id)
{
    const struct schema *schema = product->schemas.list[0];
    if (block_row_count(product->builder) == 0 || block_clock(product->builder) != record->clock) {
        product_begin_block(product, schema, product->next_seq, record->clock, product->boot_id);
    }
    enum err err =
        block_add(product->builder, key_id, record->time_ms, record->quality, record->values);
    if (err != ERR_FULL) {
        return err;
    }
    product_begin_block(product, schema, product->next_seq, record->clock, product->boot_id);
    return block_add(product->builder, key_id, record->time_ms, record->quality, record->values);
}

enum err product_add(struct product *product, const struct record *record, uint32_t key_id)
{
    enum err err = add_row(product, record, key_id);
    if (err == OK) {
        product->next_seq++;
        product_changed(product);
    }
    return err;
}

enum err product_take(struct product *product, const struct record *given)
{
    if (!product_has_room(product)) {
        return ERR_AGAIN;
    }
    struct record stamped = *given;
    const struct record *record = &stamped;
    struct value values[SCHEMA_COLUMNS_MAX];
    struct aside aside;
    if (stamped.clock == RECORD_CLOCK_WALL && stamped.time_ms < BOOTS_CLOCK_FLOOR_MS) {
        stamped.clock = RECORD_CLOCK_BOOT; // our own clock is not set
        stamped.time_ms = clock_boot_ms();
    }
    product_judge(product, &stamped, values, &aside);
    uint32_t key_id;
    bool added;
    enum err err = series_id(product->series, record->key, &key_id, &added);
    if (err == OK) {
        err = product->thin_level > 0 ? product_thin_take(product, record, key_id)
                                      : product_add(product, record, key_id);
    }
    product->in_records += err == OK ? 1 : 0;
    return err;
}

enum err product_keep(struct product *product, const char *name, struct bytes value)
{
    enum err err = states_set(&product->states, name, value);
    if (err == OK && states_changed(&product->states)) {
        product_changed(product);
    }
    return err;
}

struct bytes product_recall(const struct product *product, const char *name)
{
    return states_get(&product->states, product->spool_at_start, name);
}

// ---- how records end ----

static void queue_settle(struct product *product, uint64_t from, uint64_t to, enum settled_how how)
{
    struct store_settle *last =
        product->settle_count == 0 ? NULL : &product->settles[product->settle_count - 1];
    if (last != NULL && last->how == how && last->to + 1 == from) {
        last->to = to;
        return;
    }
    assert(product->settle_count < STORE_SETTLES_MAX); // product_turn stops sending before
    product->settles[product->settle_count++] =
        (struct store_settle){.from = from, .to = to, .how = how};
}

void product_keep_totals(struct product *product)
{
    uint8_t bytes[32];
    put_u64(bytes, product->lost_records);
    put_u64(bytes + 8, product->quarantined_records);
    put_u64(bytes + 16, product->expired_records);
    put_u64(bytes + 24, product->thinned_records);
    (void)product_keep(product, "totals", bytes_from(bytes, sizeof bytes));
}

void product_declare(struct product *product, uint64_t from, uint64_t to, enum settled_how how,
                     int64_t time_first_ms, int64_t time_last_ms)
{
    uint64_t count = to - from + 1;
    product->lost_records += settled_how_is_loss(how) ? count : 0;
    product->expired_records += how == SETTLED_LOST_EXPIRED ? count : 0;
    product->quarantined_records += how == SETTLED_QUARANTINED ? count : 0;
    losses_add(&product->losses, from, to, how, time_first_ms, time_last_ms);
    losses_keep(&product->losses, &product->states);
    if (product->settings->port->layout == LAYOUT_BLOCKS) {
        losses_add(&product->block_losses, from, to, how, time_first_ms, time_last_ms);
        losses_keep(&product->block_losses, &product->states);
    }
    product_keep_totals(product);
    product_changed(product);
    log_warn("records.lost", "product=%s from=%llu to=%llu count=%llu cause=%s",
             product->settings->name, (unsigned long long)from, (unsigned long long)to,
             (unsigned long long)count, settled_how_name(how));
}

void product_declare_thinned(struct product *product, uint64_t from, uint64_t to, uint64_t count,
                             int64_t time_first_ms, int64_t time_last_ms)
{
    product->thinned_records += count;
    losses_add_thinned(&product->losses, from, to, count, time_first_ms, time_last_ms);
    losses_keep(&product->losses, &product->states);
    if (product->settings->port->layout == LAYOUT_BLOCKS) {
        losses_add_thinned(&product->block_losses, from, to, count, time_first_ms, time_last_ms);
        losses_keep(&product->block_losses, &product->states);
    }
    product_keep_totals(product);
}

uint32_t product_losses_go(void *owner, uint64_t to, struct wire_loss losses[LOSSES_MAX])
{
    struct product *product = owner;
    return losses_go_with(&product->block_losses, to, losses);
}

void product_losses_went(void *owner, uint64_t to, bool arrived)
{
    struct product *product = owner;
    if (losses_went(&product->block_losses, to, arrived)) {
        losses_keep(&product->block_losses, &product->states);
        product_changed(product);
    }
}

void product_settle(void *owner, uint64_t from, uint64_t to, enum settled_how how)
{
    struct product *product = owner;
    enum err err = settled_add(&product->settled, from, to);
    assert(err == OK); // I4: each lane settles at its front only (L3 of lanes.h)
    queue_settle(product, from, to, how);
    product->out_records += how == SETTLED_DELIVERED ? to - from + 1 : 0;
    if (product->settled_at_ms < 0) {
        product->settled_at_ms = clock_boot_ms();
    }
}

void product_lost_on_disk(struct product *product, const struct spool_loss *loss)
{
    if (settled_add(&product->settled, loss->from, loss->to) != OK) {
        log_error("settled.full", "product=%s from=%llu", product->settings->name,
                  (unsigned long long)loss->from);
    }
    product_declare(product, loss->from, loss->to, loss->how, loss->time_first_ms,
                    loss->time_last_ms);
    product_lanes_skip(product);
}

void product_corrupt(void *owner, uint64_t from, uint64_t to)
{
    struct product *product = owner;
    uint64_t seq = settled_next(&product->settled, from);
    while (seq <= to) {
        uint64_t end = seq;
        while (end < to && !settled_has(&product->settled, end + 1)) {
            end++;
        }
        if (settled_add(&product->settled, seq, end) != OK ||
            product->settle_count == STORE_SETTLES_MAX) {
            product->outlet.read_failed = true; // I4: wait until a front has moved
            product->late.read_failed = true;
            return;
        }
        queue_settle(product, seq, end, SETTLED_LOST_CORRUPT);
        product_declare(product, seq, end, SETTLED_LOST_CORRUPT, INT64_MIN, INT64_MIN);
        seq = settled_next(&product->settled, end);
    }
    product_lanes_skip(product);
}

// ---- quarantine ----

static void end_refused(struct product *product, uint64_t seq, enum settled_how how)
{
    product_settle(product, seq, seq, how);
    product_declare(product, seq, seq, how, INT64_MIN, INT64_MIN);
    outlet_set_aside(product_lane_of(product, seq), true);
    product_lanes_skip(product);
}

void product_quarantine_done(struct job *job)
{
    struct product *product = ((struct store_quarantine *)job)->owner;
    struct store_quarantine *work = &product->quarantine;
    product->quarantine_busy = false;
    if (work->result != OK) {
        product->quarantine_retry_ms = clock_boot_ms() + RETRY_LAST_MS;
        log_error(
            "quarantine.failed",
            "product=%s file=%s error=%s: the record waits, and those after it; make room there",
            product->settings->name, work->path, err_name(work->result));
        return;
    }
    log_warn("record.quarantined", "product=%s seq=%llu file=%s: it will not be taken: %s",
             product->settings->name, (unsigned long long)work->seq, work->path,
             product->quarantine_reason);
    end_refused(product, work->seq, SETTLED_QUARANTINED);
}

static void put_number(struct buffer *out, const char *name, uint64_t number)
{
    char text[NUMBER_TEXT_SIZE];
    buffer_put_text(out, name);
    buffer_put(out, text, number_format_integer((int64_t)number, text));
}

void product_refused(void *owner, uint64_t seq, struct bytes key, struct bytes json,
                     const char *why)
{
    struct product *product = owner;
    struct output_stat stat;
    if (product->quarantine_busy) { // with one of the other lane
        outlet_set_aside(product_lane_of(product, seq), false);
        return;
    }
    product->driver->stat(product->output, &stat);
    if (!product->reason_is_set) {
        (void)snprintf(product->quarantine_reason, sizeof product->quarantine_reason, "%s",
                       why != NULL            ? why
                       : stat.refusal[0] == 0 ? "refused"
                                              : stat.refusal);
    }
    product->reason_is_set = false;
    if (product->quarantine_path == NULL) { // it could wait for a disk that may never come
        log_error("record.lost",
                  "product=%s seq=%llu: the broker will not take it (%s), and there is no disk to "
                  "set it aside on",
                  product->settings->name, (unsigned long long)seq, product->quarantine_reason);
        end_refused(product, seq, SETTLED_LOST_REFUSED);
        return;
    }
    struct store_quarantine *work = &product->quarantine;
    struct buffer *line = &work->line;
    line->size = 0;
    line->overflow = false;
    put_number(line, "{\"seq\":", seq);
    buffer_put_text(line, ",\"epoch\":\"");
    buffer_put_text(line, product->outlet.epoch);
    buffer_put_text(line, "\",\"reason\":");
    json_put_string(line, bytes_text(product->quarantine_reason));
    buffer_put_text(line, ",\"key\":");
    json_put_string(line, key);
    buffer_put_text(line, ",\"record\":");
    buffer_put(line, json.at, json.size);
    buffer_put_text(line, "}\n");
    assert(!line->overflow); // its room is OUTLET_VALUE_MAX and more than the rest
    work->seq = seq;
    product->quarantine_busy = true;
    product->store.give(product->store.context, &work->job);
}

// ---- commits ----

static void commit_give(struct product *product)
{
    struct store_commit *commit = product->commit;
    uint32_t room = STORE_SETTLES_MAX - commit->settle_count;
    uint32_t taken = product->settle_count < room ? product->settle_count : room;
    memcpy(commit->settles + commit->settle_count, product->settles,
           taken * sizeof product->settles[0]);
    commit->settle_count += taken;
    product->settle_count -= taken;
    memmove(product->settles, product->settles + taken,
            product->settle_count * sizeof product->settles[0]);
    product->settled_at_ms = -1;
    product_lanes_given(product);
    product->commit_busy = true;
    product->store.give(product->store.context, &commit->job);
}

static void commit_begin(struct product *product)
{
    struct store_commit *commit = product->commit;
    if (product->next_seq - 1 > product->given_end) {
        expiry_mark(&product->expiry, product->given_end + 1, settled_next(&product->settled, 1),
                    product_now(), &product->states);
    }
    uint32_t rows = block_row_count(product->builder);
    if (rows > product->rows_given || (rows > 0 && product->stat.wants_whole)) {
        uint32_t from = product->stat.wants_whole ? 0 : product->rows_given;
        stage_add(product->filling, product->codec, product->builder, from, rows, false);
        product->rows_given = rows;
    }
    commit->stage = product->filling;
    for (uint32_t i = 0; i < commit->stage->count; i++) {
        product->staged_bytes += commit->stage->blocks[i].payload.size;
    }
    product->filling = &product->stages[product->filling == &product->stages[0] ? 1 : 0];
    uint32_t key_count = series_count(product->series) - product->keys_given;
    for (uint32_t i = 0; i < key_count; i++) {
        enum err err = series_key(product->series, product->keys_given + i, &commit->keys[i]);
        assert(err == OK);
    }
    product->keys_given += key_count;
    commit->commit = (struct spool_commit){
        .blocks = commit->stage->blocks,
        .block_count = commit->stage->count,
        .keys = commit->keys,
        .key_count = key_count,
        .states = commit->state_list,
        .state_count = states_take(&product->states, &commit->states, commit->state_list),
    };
    losses_going(&product->losses);
    losses_going(&product->block_losses);
    product->lanes.given_to = product->lanes.late_to;
    if (product->next_seq - 1 > product->given_end) {
        ages_mark(&product->ages, product->given_end + 1, product->changed_at_ms);
    }
    product->given_end = product->next_seq - 1;
    product->changed_at_ms = -1;
    product->commit_now = false;
    commit_give(product);
}

static void commit_came_back(struct product *product, enum err result)
{
    const char *name = product->settings->name;
    if (result == ERR_FULL) {
        log_warn("spool.full", "product=%s: it refuses new records until some are delivered", name);
        product->retry_wait_ms = RETRY_FIRST_MS;
        // What was settled cannot be stored either, until a whole segment is settled. Sending goes
        // on all the same: after a cut these records may go twice, but waiting would be for ever
        // where a segment holds more records than the window.
        product->durable_cursor = product->stat.cursor;
        product->lanes.durable_live = product->lanes.given_live;
    } else {
        log_error("spool.commit", "product=%s error=%s: the records wait in memory", name,
                  err_name(result));
        product->retry_wait_ms = product->retry_wait_ms == 0 ? RETRY_FIRST_MS
                                 : product->retry_wait_ms * 2 > RETRY_LAST_MS
                                     ? RETRY_LAST_MS
                                     : product->retry_wait_ms * 2;
    }
    product->commit_failed = true;
    product->retry_at_ms = clock_boot_ms() + product->retry_wait_ms;
}

void product_commit_done(struct job *job)
{
    struct store_commit *commit = (struct store_commit *)job;
    struct product *product = commit->owner;
    product->commit_busy = false;
    product->stat = commit->stat;
    for (uint32_t i = 0; i < commit->loss_count; i++) {
        product_lost_on_disk(product, &commit->losses[i]);
    }
    if (commit->result != OK) {
        commit_came_back(product, commit->result);
        return;
    }
    if (product->commit_failed) {
        log_info("spool.well", "product=%s: commits go on", product->settings->name);
    }
    product->commit_failed = false;
    product->retry_wait_ms = 0;
    product->durable_seq = product->given_end;
    product->durable_cursor = commit->stat.cursor;
    product_lanes_stored(product);
    losses_stored(&product->losses, true);
    losses_stored(&product->block_losses, true);
    stage_clear(commit->stage);
}

static bool has_changes(const struct product *product)
{
    return block_row_count(product->builder) > product->rows_given || product->filling->count > 0 ||
           product->settle_count > 0 || states_changed(&product->states) ||
           series_count(product->series) > product->keys_given; // of rows that wait to be thinned
}

// When the next commit is due, in boot time; INT64_MAX: nothing to commit.
static int64_t commit_due_ms(const struct product *product)
{
    if (product->commit_failed) {
        return product->retry_at_ms;
    }
    if (!has_changes(product)) {
        return INT64_MAX;
    }
    uint64_t lag = product_lanes_lag(product);
    if (product->commit_now || !product_has_room(product) ||
        product->filling->dense_bytes >= PACK_BYTES || lag >= CURSOR_LAG_MAX ||
        product->settle_count >= STORE_SETTLES_MAX / 2) {
        return 0;
    }
    int64_t due = INT64_MAX;
    if (product->changed_at_ms >= 0) {
        due = product->changed_at_ms + product->settings->commit_ms;
    }
    if (product->settled_at_ms >= 0 && product->settled_at_ms + CURSOR_IDLE_MS < due) {
        due = product->settled_at_ms + CURSOR_IDLE_MS;
    }
    return due;
}

// ---- the turn ----

static void tell_losses(struct product *product)
{
    struct loss *loss;
    while ((loss = losses_next(&product->losses)) != NULL) {
        uint8_t bytes[1024];
        struct buffer out = buffer_over(bytes, sizeof bytes);
        losses_put_json(loss, product->gateway, product->settings->name, product->outlet.epoch,
                        &out);
        assert(!out.overflow);
        if (product->driver->tell(product->output, product->losses_topic,
                                  bytes_text(product->gateway), buffer_bytes(&out),
                                  (uint64_t)product->index << 48 | loss->id) != OK) {
            return;
        }
        loss->sent = true;
    }
}

static void tick(struct product *product, int64_t now)
{
    product->tick_at_ms = now + 1000;
    if (boots_learn(&product->boots, clock_wall_ms(), clock_boot_ms(), &product->states)) {
        product_changed(product);
    }
    product_expire(product);
    product_lanes_retry(product);
    losses_again(&product->losses);
    rates_sample(&product->rates, now, product->staged_bytes,
                 product->staged_bytes - product->stat.stored_bytes);
    struct outlet *waiting = product->outlet.setting_aside ? &product->outlet : &product->late;
    if (waiting->setting_aside && !product->quarantine_busy &&
        now >= product->quarantine_retry_ms) {
        outlet_set_aside(waiting, false);
    }
}

// With exactly-once a cursor in Kafka covers what was lost before it too; so a loss is durable
// before anything behind it is sent, or a power cut could leave it undeclared.
static bool may_send(struct product *product)
{
    if (product->restored) {
        return false;
    }
    if (product->output->exactly_once && !losses_all_stored(&product->losses)) {
        product->commit_now = true;
        return false;
    }
    return product->settle_count < STORE_SETTLES_MAX / 2; // the commit that takes them wakes us
}

bool product_turn(struct product *product, uint32_t budget)
{
    int64_t now = clock_boot_ms();
    if (now >= product->tick_at_ms) {
        tick(product, now);
    }
    product_thin_turn(product, now);
    if (!product->commit_busy && commit_due_ms(product) <= now) {
        if (product->commit_failed) {
            commit_give(product);
        } else {
            commit_begin(product);
        }
    }
    tell_losses(product);
    if (!may_send(product)) {
        return false;
    }
    return product_lanes_send(product, budget, now);
}

int64_t product_due_in_ms(const struct product *product)
{
    int64_t due = product->commit_busy ? INT64_MAX : commit_due_ms(product);
    int64_t live_ms = outlet_due_ms(&product->outlet);
    int64_t late_ms = outlet_due_ms(&product->late);
    due = live_ms < due ? live_ms : due;
    due = late_ms < due ? late_ms : due;
    bool ages = product->expiry.keep_ms > 0 && !product_is_drained(product);
    bool ticks = product_lanes_tick(product) || product->losses.count > 0 || ages;
    if (ticks && product->tick_at_ms < due) {
        due = product->tick_at_ms;
    }
    int64_t bucket_due = product_thin_due_ms(product);
    due = bucket_due < due ? bucket_due : due;
    if (due == INT64_MAX) {
        return -1;
    }
    int64_t left = due - clock_boot_ms();
    return left > 0 ? left : 0;
}

void product_commit_now(struct product *product)
{
    product->commit_now = true;
    product->thin_now = true;
    product->retry_at_ms = 0;
}

void product_hurry(struct product *product)
{
    product_commit_now(product);
    outlet_hurry(&product->outlet);
    outlet_hurry(&product->late);
}

bool product_is_stored(const struct product *product)
{
    return !product->commit_busy && !product->commit_failed && !has_changes(product) &&
           !product_thin_waits(product);
}

bool product_is_drained(const struct product *product)
{
    return settled_cursor(&product->settled) + 1 == product->next_seq &&
           !product_thin_waits(product);
}

void product_delivered(struct product *product, uint64_t seq, enum delivered how)
{
    struct outlet *outlet = product_lane_of(product, seq);
    if (product->share != NULL) {
        share_acknowledged(product->share, outlet->late ? product->lanes.late : product->lanes.live,
                           clock_boot_ms());
    }
    outlet_delivered(outlet, seq, how);
}

void product_known_delivered(struct product *product, bool late, uint64_t next_seq)
{
    const char *name = product->settings->name;
    product->doubt_end = 0;
    uint64_t sent_next = product->outlet.sent_end + 1;
    uint64_t known = sent_next > product->opened_next_seq ? sent_next : product->opened_next_seq;
    if (next_seq > known) {
        product->restored = true;
        log_error("spool.restored",
                  "product=%s epoch=%s next=%llu kafka=%llu: Kafka has records of this spool that "
                  "it does not hold; was it restored from an older copy? Nothing is sent, since "
                  "the same seqs would stand for other records; stop weir, move the spool's folder "
                  "aside and start, for a new epoch",
                  name, product->outlet.epoch, (unsigned long long)known,
                  (unsigned long long)next_seq);
        return;
    }
    uint64_t late_to = product->lanes.late_to;
    uint64_t from = settled_next(&product->settled, late ? 1 : late_to + 1);
    next_seq = late && next_seq > late_to + 1 ? late_to + 1 : next_seq;
    log_info(late ? "cursor.known_late" : "cursor.known", "product=%s local=%llu kafka=%llu", name,
             (unsigned long long)from, (unsigned long long)next_seq);
    if (from < next_seq) {
        product_settle(product, from, next_seq - 1, SETTLED_DELIVERED);
        product_lanes_skip(product);
    }
}

void product_told(struct product *product, uint64_t id, enum delivered how)
{
    if ((id & ASIDE_TOKEN) != 0) {
        uint64_t seq = id & ~ASIDE_TOKEN;
        outlet_delivered(product_lane_of(product, seq), seq, how);
        return;
    }
    if (how != DELIVERED_OK) {
        losses_failed(&product->losses, id);
        return;
    }
    if (losses_told(&product->losses, id)) {
        losses_keep(&product->losses, &product->states);
        product_changed(product);
    }
}
