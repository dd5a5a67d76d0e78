#include "agent/outlet_blocks.h"

#include "agent/clock.h"
#include "agent/number.h"
#include "agent/outlet_inner.h"
#include "agent/series.h"

#include <assert.h>
#include <stdlib.h>

enum fill { FILL_CUT, FILL_WAITS, FILL_NOTHING };

struct outlet_blocks *outlet_blocks_open(int64_t hold_ms)
{
    struct outlet_blocks *blocks = calloc(1, sizeof *blocks);
    if (blocks == NULL) {
        return NULL;
    }
    *blocks = (struct outlet_blocks){.builder = block_builder_open(),
                                     .wire = wire_blocks_open(),
                                     .hold_ms = hold_ms,
                                     .since_ms = -1,
                                     .rows_max = BLOCK_READINGS_MAX};
    if (blocks->builder == NULL || blocks->wire == NULL) {
        outlet_blocks_close(blocks);
        return NULL;
    }
    return blocks;
}

void outlet_blocks_close(struct outlet_blocks *blocks)
{
    if (blocks == NULL) {
        return;
    }
    if (blocks->builder != NULL) {
        block_builder_close(blocks->builder);
    }
    if (blocks->wire != NULL) {
        wire_blocks_close(blocks->wire);
    }
    free(blocks);
}

// ---- what is on its way ----

static void sent_add(struct outlet_blocks *blocks, struct outlet_span span)
{
    uint32_t i = 0;
    while (blocks->sent[i].to != 0) {
        i++;
        assert(i < OUTLET_SPANS_MAX); // outlet_blocks_pump has looked
    }
    blocks->sent[i] = span;
    blocks->sent_count++;
}

uint64_t outlet_blocks_take(struct outlet_blocks *blocks, uint64_t to)
{
    uint32_t i = 0;
    while (blocks->sent[i].to != to) {
        i++;
        assert(i < OUTLET_SPANS_MAX); // it was sent
    }
    blocks->sent[i].to = 0;
    blocks->sent_count--;
    return blocks->sent[i].from;
}

void outlet_blocks_taken(struct outlet_blocks *blocks)
{
    if (blocks->rows_max < BLOCK_READINGS_MAX) {
        blocks->rows_max *= 2;
    }
}

bool outlet_blocks_halve(struct outlet_blocks *blocks, uint64_t from, uint64_t to)
{
    if (from == to) {
        return false;
    }
    uint32_t half = 1; // a power of two, so that doubling comes back to the most
    while (2 * (uint64_t)half < to - from + 1) {
        half *= 2;
    }
    blocks->rows_max = half;
    return true;
}

int64_t outlet_blocks_due_ms(const struct outlet_blocks *blocks)
{
    return blocks->waiting ? blocks->since_ms + blocks->hold_ms : INT64_MAX;
}

// ---- filling ----

void outlet_blocks_drop(struct outlet *outlet)
{
    struct outlet_blocks *blocks = outlet->blocks;
    if (blocks->encoded) { // B4
        outlet->owner.losses_went(outlet->owner.owner, blocks->filling.to, false);
    }
    blocks->filling = (struct outlet_span){0};
    blocks->encoded = false;
}

static bool is_due(struct outlet *outlet, uint64_t first)
{
    struct outlet_blocks *blocks = outlet->blocks;
    int64_t now_ms = clock_boot_ms();
    if (blocks->since_ms < 0) {
        blocks->since_ms = now_ms;
    }
    bool due = blocks->hurry || now_ms - blocks->since_ms >= blocks->hold_ms ||
               outlet->alone_until >= first;
    blocks->waiting = !due;
    return due;
}

// Fewer rows never fill a block, so they need not be read yet.
static bool may_be_full(const struct outlet *outlet, uint64_t row_count)
{
    uint16_t field_count = outlet->schemas->list[0]->field_count;
    return row_count * (field_count == 0 ? 1 : field_count) >= BLOCK_READINGS_MAX;
}

// Begin the block of the row `first`, which is at hand.
static void begin(struct outlet *outlet, uint64_t first)
{
    struct outlet_blocks *blocks = outlet->blocks;
    bool device = block_reader_info(outlet->reader)->clock == RECORD_CLOCK_DEVICE;
    if (blocks->schema != outlet->schema) {
        blocks->schema = outlet->schema;
        blocks->told = *outlet->schema;
        if (schema_rejected_field(&blocks->told) >=
            0) { // the last one: the others keep their place
            blocks->told.column_count--;
            schema_seal(&blocks->told);
        }
    }
    blocks->filling = (struct outlet_span){first, first - 1};
    blocks->time_ms = INT64_MIN;
    block_reset(blocks->builder, &blocks->told, first,
                device ? RECORD_CLOCK_DEVICE : RECORD_CLOCK_WALL, NULL);
}

// Does the row at hand belong to the block that is being filled (B1)?
static bool belongs(const struct outlet *outlet)
{
    const struct outlet_blocks *blocks = outlet->blocks;
    bool device = block_reader_info(outlet->reader)->clock == RECORD_CLOCK_DEVICE;
    return outlet->schema == blocks->schema &&
           device == (block_clock(blocks->builder) == RECORD_CLOCK_DEVICE);
}

static bool is_rejected(const struct outlet *outlet, const struct record *record)
{
    int rejected = schema_rejected_field(outlet->schema);
    return rejected >= 0 && record->values[rejected].kind == VALUE_TEXT;
}

// ERR_FULL: the block is cut before it.
static enum err add_row(struct outlet *outlet, uint64_t seq)
{
    struct outlet_blocks *blocks = outlet->blocks;
    struct record record;
    uint32_t key_id;
    enum err err = outlet_record_at(outlet, seq, &record, &key_id);
    if (err != OK) {
        return err;
    }
    if (is_rejected(outlet, &record) ||
        (block_row_count(blocks->builder) > 0 && !belongs(outlet))) {
        return ERR_FULL;
    }
    err = block_add(blocks->builder, key_id, record.time_ms, record.quality, record.values);
    if (err == OK) {
        enum settled_how how;
        (void)outlet_tell_aside(outlet, &record, &how); // it is not rejected: notes its time
        blocks->filling.to = seq;
        blocks->time_ms = record.time_ms > blocks->time_ms ? record.time_ms : blocks->time_ms;
    }
    return err == ERR_LIMIT ? ERR_CORRUPT : err; // it came out of a block
}

// The first row is one that the contract rejected.
static void tell_first(struct outlet *outlet, uint64_t seq)
{
    struct record record;
    uint32_t key_id;
    enum settled_how how;
    enum err err = outlet_record_at(outlet, seq, &record, &key_id);
    assert(err == OK); // add_row has looked
    err = outlet_tell_aside(outlet, &record, &how);
    if (err == OK) {
        sent_add(outlet->blocks, (struct outlet_span){seq, seq});
        outlet_sent(outlet, seq, seq);
    } else if (err == ERR_LIMIT) {
        outlet_give_up(outlet, seq, NULL);
    } else if (err == ERR_CORRUPT) {
        outlet->owner.corrupt(outlet->owner.owner, seq, seq);
    } else {
        outlet->read_failed = true; // until outlet_retry
    }
}

// What to do about a row that could not be added.
static enum fill stop_at(struct outlet *outlet, uint64_t seq, enum err err)
{
    struct outlet_blocks *blocks = outlet->blocks;
    if (block_row_count(blocks->builder) > 0) {
        return FILL_CUT;
    }
    outlet_blocks_drop(outlet);
    if (err == ERR_CORRUPT) {
        outlet->owner.corrupt(outlet->owner.owner, seq, seq);
    } else if (err == ERR_FULL) {
        tell_first(outlet, seq);
    } else {
        outlet->read_failed = true; // this boot's clock is not set yet: until outlet_retry
    }
    return FILL_NOTHING;
}

static enum fill fill(struct outlet *outlet, const struct settled *settled, uint64_t durable_seq)
{
    struct outlet_blocks *blocks = outlet->blocks;
    for (;;) { // each turn adds a row or ends
        uint64_t seq = blocks->filling.to + 1;
        uint32_t rows = block_row_count(blocks->builder);
        if (seq > blocks->fill_end || (rows > 0 && rows >= blocks->rows_max) ||
            settled_has(settled, seq) || outlet_is_acked(outlet, seq)) {
            return FILL_CUT;
        }
        if (seq > durable_seq) {
            return is_due(outlet, blocks->filling.from) ? FILL_CUT : FILL_WAITS;
        }
        if (!outlet_block_has(outlet, seq)) {
            outlet_ask_for(outlet, seq);
            return FILL_WAITS;
        }
        if (rows == 0) {
            begin(outlet, seq);
        }
        enum err err = add_row(outlet, seq);
        if (err != OK) {
            return stop_at(outlet, seq, err);
        }
    }
}

// ---- sending ----

static struct bytes key_name(const void *context, uint32_t key_id)
{
    const struct outlet *outlet = context;
    struct bytes key = {0};
    (void)series_key(outlet->series, key_id, &key); // outlet_record_at has looked
    return key;
}

// ERR_AGAIN: the mark of its schema is not known yet.
static enum err encode(struct outlet *outlet)
{
    struct outlet_blocks *blocks = outlet->blocks;
    struct wire_loss losses[LOSSES_MAX];
    enum err err = outlet_put_mark(outlet, blocks->schema);
    if (err != OK) {
        return err;
    }
    const struct wire_source source = {
        .gateway = outlet->gateway,
        .epoch = outlet->epoch,
        .key = key_name,
        .context = outlet,
        .listed = outlet->marks->port->listed,
        .losses = losses,
        .loss_count = outlet->owner.losses_go(outlet->owner.owner, blocks->filling.to, losses)};
    wire_blocks_put(blocks->wire, blocks->builder, &source, &outlet->value);
    blocks->encoded = !outlet->value.overflow;
    if (!blocks->encoded) {
        outlet->owner.losses_went(outlet->owner.owner, blocks->filling.to, false);
    }
    return blocks->encoded ? OK : ERR_LIMIT;
}

// GATEWAY/EPOCH/FIRST-LAST
static struct bytes identity(struct outlet *outlet)
{
    char *at = outlet->identity + outlet->identity_prefix;
    size_t size = number_format_integer((int64_t)outlet->blocks->filling.from, at);
    at[size++] = '-';
    size += number_format_integer((int64_t)outlet->blocks->filling.to, at + size);
    return bytes_from(outlet->identity, outlet->identity_prefix + size);
}

static enum err send(struct outlet *outlet)
{
    struct outlet_blocks *blocks = outlet->blocks;
    enum err err = blocks->encoded ? OK : encode(outlet);
    outlet->read_failed = err == ERR_AGAIN; // until outlet_retry
    if (err != OK) {
        return err;
    }
    struct message message = {
        .product = outlet->product,
        .partition = -1,
        .key = bytes_text(outlet->gateway),
        .value = buffer_bytes(&outlet->value),
        .identity = identity(outlet),
        .schema_id = outlet->schema_id,
        .time_ms = blocks->time_ms,
        .seq = blocks->filling.to,
        .late = outlet->late,
    };
    outlet_add_event(outlet, &message);
    return outlet->driver->send(outlet->output, &message);
}

// The block is encoded or can be: hand it over. False: not now.
static bool send_block(struct outlet *outlet)
{
    struct outlet_blocks *blocks = outlet->blocks;
    const struct outlet_span span = blocks->filling;
    enum err err = send(outlet);
    if (err == ERR_AGAIN) {
        return false;
    }
    blocks->encoded = blocks->encoded && err != OK; // it is the output's now
    outlet_blocks_drop(outlet);
    blocks->since_ms = -1;
    blocks->waiting = false;
    if (err == OK) {
        sent_add(blocks, span);
        outlet_sent(outlet, span.from, span.to);
        outlet->sent_bytes += outlet->value.size;
        return true;
    }
    // Too large for the link's settings, whatever the broker would say (B3).
    outlet->alone_until = span.to > outlet->alone_until ? span.to : outlet->alone_until;
    if (outlet_blocks_halve(blocks, span.from, span.to)) {
        outlet_rewind_to(outlet, span.from);
    } else {
        outlet_give_up(outlet, span.from, NULL);
    }
    return false;
}

// Where the next block begins, and how far it may reach; false: none may go now.
static bool choose(struct outlet *outlet, const struct settled *settled, uint64_t durable_seq,
                   uint64_t durable_cursor)
{
    struct outlet_blocks *blocks = outlet->blocks;
    if (outlet->rewind_seq != 0 || blocks->filling.from < outlet->first_seq ||
        settled_has(settled, blocks->filling.from)) {
        outlet_blocks_drop(outlet);
    }
    if (blocks->filling.from != 0) {
        return true;
    }
    uint64_t first = outlet_next_to_send(outlet, settled, durable_seq, durable_cursor);
    if (first == 0 || blocks->sent_count == OUTLET_SPANS_MAX) {
        return false;
    }
    // Never cut by the window's end: better a full block when it has moved.
    uint64_t window_end = durable_cursor + outlet->window;
    if (outlet->in_flight > 0 && first + BLOCK_READINGS_MAX - 1 > window_end) {
        return false;
    }
    if (!is_due(outlet, first) && !may_be_full(outlet, durable_seq - first + 1)) {
        return false;
    }
    blocks->filling = (struct outlet_span){first, first - 1};
    blocks->fill_end = outlet->alone_until >= first ? outlet->alone_until : window_end;
    block_reset(blocks->builder, outlet->schemas->list[0], first, RECORD_CLOCK_WALL, NULL);
    return true;
}

bool outlet_blocks_pump(struct outlet *outlet, const struct settled *settled, uint64_t durable_seq,
                        uint64_t durable_cursor, uint32_t budget)
{
    outlet->blocks->waiting = false;
    for (uint32_t i = 0; i < budget; i++) {
        if (outlet->read_busy || outlet->read_failed ||
            !choose(outlet, settled, durable_seq, durable_cursor)) {
            return false;
        }
        enum fill filled = outlet->blocks->encoded ? FILL_CUT : fill(outlet, settled, durable_seq);
        if (filled == FILL_WAITS) {
            return false;
        }
        if (filled == FILL_CUT && block_row_count(outlet->blocks->builder) == 0) {
            outlet_blocks_drop(outlet); // the row was settled meanwhile
        } else if (filled == FILL_CUT && !send_block(outlet)) {
            return false;
        }
    }
    return true;
}
