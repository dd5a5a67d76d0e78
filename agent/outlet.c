#include "agent/outlet.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/number.h"
#include "agent/outlet_inner.h"
#include "agent/series.h"
#include "agent/wire_avro.h"
#include "agent/wire_value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void read_done(struct job *job);

enum err outlet_open(struct outlet *outlet, uint64_t epoch, uint64_t cursor, int64_t hold_ms)
{
    (void)snprintf(outlet->epoch, sizeof outlet->epoch, "%016llx", (unsigned long long)epoch);
    int prefix = snprintf(outlet->identity, sizeof outlet->identity, "%s/%s/", outlet->gateway,
                          outlet->epoch);
    assert(prefix > 0 && (size_t)prefix + 2 * NUMBER_TEXT_SIZE < sizeof outlet->identity);
    outlet->identity_prefix = (size_t)prefix;
    outlet->window = OUTLET_WINDOW;
    outlet->first_seq = cursor + 1;
    outlet->next_seq = cursor + 1;
    arrivals_init(&outlet->arrivals);
    outlet->reader = block_reader_open();
    outlet->read = calloc(1, sizeof *outlet->read);
    outlet->value_bytes = malloc(OUTLET_VALUE_MAX);
    outlet->blocks = hold_ms < 0 ? NULL : outlet_blocks_open(hold_ms);
    if (outlet->reader == NULL || outlet->read == NULL || outlet->value_bytes == NULL ||
        (hold_ms >= 0 && outlet->blocks == NULL)) {
        return ERR_FAILED;
    }
    outlet->read->job = (struct job){.work = store_read_work, .done = read_done, .name = "read"};
    outlet->read->owner = outlet;
    outlet->read->spool = outlet->spool;
    return OK;
}

void outlet_close(struct outlet *outlet)
{
    block_reader_close(outlet->reader);
    outlet_blocks_close(outlet->blocks);
    free(outlet->read);
    free(outlet->value_bytes);
    free(outlet->event);
}

// ---- the window ----

static bool bit_get(const uint64_t bits[OUTLET_BITS / 64], uint64_t seq)
{
    return (bits[seq % OUTLET_BITS / 64] >> (seq % 64) & 1) != 0;
}

static void bit_set(uint64_t bits[OUTLET_BITS / 64], uint64_t seq, bool to)
{
    uint64_t bit = (uint64_t)1 << (seq % 64);
    uint64_t *word = &bits[seq % OUTLET_BITS / 64];
    *word = to ? *word | bit : *word & ~bit;
}

static bool acked_get(const struct outlet *outlet, uint64_t seq)
{
    return bit_get(outlet->acked, seq);
}

bool outlet_is_acked(const struct outlet *outlet, uint64_t seq)
{
    return seq >= outlet->first_seq && seq <= outlet->sent_end && acked_get(outlet, seq);
}

static void acked_set(struct outlet *outlet, uint64_t seq, bool to)
{
    bit_set(outlet->acked, seq, to);
}

// Settle the run of acknowledged records at the front of the window.
static void advance(struct outlet *outlet)
{
    uint64_t from = outlet->first_seq;
    uint64_t seq = from;
    uint64_t quarantined = 0;
    uint64_t dropped = 0;
    while (seq <= outlet->sent_end && acked_get(outlet, seq)) {
        acked_set(outlet, seq, false);
        quarantined += bit_get(outlet->quarantined, seq);
        dropped += bit_get(outlet->dropped, seq);
        seq++;
    }
    if (seq == from) {
        return;
    }
    outlet->first_seq = seq;
    outlet->owner.settle(outlet->owner.owner, from, seq - 1, SETTLED_DELIVERED);
    if (quarantined + dropped > 0) {
        outlet->owner.aside_ended(outlet->owner.owner, quarantined, dropped);
    }
}

void outlet_rewind_to(struct outlet *outlet, uint64_t seq)
{
    if (outlet->rewind_seq == 0 || seq < outlet->rewind_seq) {
        outlet->rewind_seq = seq;
    }
}

enum err outlet_record_at(const struct outlet *outlet, uint64_t seq, struct record *record,
                          uint32_t *key_id)
{
    struct block_row row;
    const struct block_info *info = block_reader_info(outlet->reader);
    assert(outlet->have_block && seq >= info->first_seq);
    block_row(outlet->reader, (uint32_t)(seq - info->first_seq), &row);
    *record = (struct record){.time_ms = row.time_ms,
                              .clock = info->clock,
                              .quality = row.quality,
                              .seq = seq,
                              .values = row.values};
    *key_id = row.key_id;
    if (series_key(outlet->series, row.key_id, &record->key) != OK) {
        return ERR_CORRUPT;
    }
    bool sure = true;
    if (info->clock == RECORD_CLOCK_BOOT &&
        boots_wall(outlet->boots, info->boot_id, row.time_ms, info->time_last_ms, &record->time_ms,
                   &sure) != OK) {
        return ERR_AGAIN;
    }
    if (!sure && record->quality == QUALITY_GOOD) {
        record->quality = QUALITY_UNCERTAIN;
    }
    return OK;
}

static void encode_json(struct outlet *outlet, const struct record *record)
{
    outlet->value = buffer_over(outlet->value_bytes, OUTLET_VALUE_MAX);
    wire_json_put(outlet->plan, record, outlet->gateway, outlet->epoch, &outlet->value);
}

void outlet_give_up(struct outlet *outlet, uint64_t seq, const char *why)
{
    struct record record;
    uint32_t key_id;
    enum err err = outlet_record_at(outlet, seq, &record, &key_id);
    assert(err == OK); // it was encoded
    encode_json(outlet, &record);
    outlet->alone_seq = seq;
    outlet->next_seq = seq + 1;
    outlet->setting_aside = true;
    outlet->owner.refused(outlet->owner.owner, seq, record.key, buffer_bytes(&outlet->value), why);
}

// `from`..`to` went in one message, which the broker refused.
static void refused(struct outlet *outlet, uint64_t from, uint64_t to)
{
    if (outlet->alone_seq != to) {
        outlet->alone_until = to > outlet->alone_until ? to : outlet->alone_until; // 4.
        outlet_rewind_to(outlet, from);
    } else if (outlet->blocks != NULL && outlet_blocks_halve(outlet->blocks, from, to)) {
        outlet_rewind_to(outlet, from);
    } else {
        outlet_give_up(outlet, to, NULL);
    }
}

static void accepted(struct outlet *outlet, uint64_t from, uint64_t to)
{
    int64_t now_ms = clock_wall_ms();
    for (uint64_t seq = from; seq <= to; seq++) {
        if (!bit_get(outlet->quarantined, seq) && !bit_get(outlet->dropped, seq)) {
            arrivals_add(&outlet->arrivals, outlet->times_ms[seq % OUTLET_BITS], now_ms);
        }
        acked_set(outlet, seq, true);
    }
    if (outlet->blocks != NULL) {
        outlet_blocks_taken(outlet->blocks);
    }
    advance(outlet);
}

void outlet_delivered(struct outlet *outlet, uint64_t seq, enum delivered how)
{
    assert(outlet->in_flight > 0);
    outlet->in_flight--;
    uint64_t from = outlet->blocks == NULL ? seq : outlet_blocks_take(outlet->blocks, seq);
    bool late = seq < outlet->first_seq; // settled otherwise meanwhile
    if (outlet->blocks != NULL) {
        outlet->owner.losses_went(outlet->owner.owner, seq, how == DELIVERED_OK);
    }
    from = from < outlet->first_seq ? outlet->first_seq : from;
    if (how == DELIVERED_OK && !late) {
        accepted(outlet, from, seq);
    } else if (how == DELIVERED_AGAIN && !late) {
        outlet_rewind_to(outlet, from);
    } else if (how == DELIVERED_REFUSED && !late) {
        refused(outlet, from, seq);
    }
    if (outlet->alone_seq == seq && !outlet->setting_aside) {
        outlet->alone_seq = 0;
    }
}

void outlet_hurry(struct outlet *outlet)
{
    if (outlet->blocks != NULL) {
        outlet->blocks->hurry = true;
    }
}

int64_t outlet_due_ms(const struct outlet *outlet)
{
    return outlet->blocks == NULL ? INT64_MAX : outlet_blocks_due_ms(outlet->blocks);
}

void outlet_set_aside(struct outlet *outlet, bool done)
{
    assert(outlet->setting_aside);
    if (!done) {
        outlet_rewind_to(outlet, outlet->alone_seq);
    }
    outlet->setting_aside = false;
    outlet->alone_seq = 0;
}

uint64_t outlet_waiting_from(const struct outlet *outlet)
{
    if (outlet->in_flight == 0 && !outlet->setting_aside) {
        return outlet->first_seq;
    }
    uint64_t last = outlet->sent_end > outlet->alone_seq ? outlet->sent_end : outlet->alone_seq;
    return last < outlet->first_seq ? outlet->first_seq : last + 1;
}

uint64_t outlet_acked_run(const struct outlet *outlet, uint64_t seq, uint64_t to, bool *acked)
{
    *acked = seq <= outlet->sent_end && acked_get(outlet, seq);
    uint64_t end = seq;
    while (end < to && end < outlet->sent_end && acked_get(outlet, end + 1) == *acked) {
        end++; // at most the window
    }
    return *acked || end < outlet->sent_end ? end : to;
}

void outlet_skip(struct outlet *outlet, const struct settled *settled)
{
    uint64_t first = settled_next(settled, outlet->first_seq);
    for (uint64_t seq = outlet->first_seq; seq < first && seq <= outlet->sent_end; seq++) {
        acked_set(outlet, seq, false);
    }
    outlet->first_seq = first;
    if (outlet->next_seq < first) {
        outlet->next_seq = first;
    }
    if (outlet->rewind_seq != 0 && outlet->rewind_seq < first) {
        outlet->rewind_seq = first;
    }
    advance(outlet);
}

bool outlet_is_quiet(const struct outlet *outlet)
{
    return outlet->in_flight == 0 && !outlet->setting_aside;
}

void outlet_jump(struct outlet *outlet, uint64_t seq)
{
    assert(outlet_is_quiet(outlet));
    memset(outlet->acked, 0, sizeof outlet->acked);
    outlet->first_seq = seq;
    outlet->next_seq = seq;
    outlet->sent_end = seq - 1;
    outlet->rewind_seq = 0;
    outlet->alone_until = 0;
    outlet->alone_seq = 0;
    if (outlet->blocks != NULL) {
        outlet_blocks_drop(outlet);
    }
}

// ---- the block at hand ----

static void read_done(struct job *job)
{
    struct outlet *outlet = ((struct store_read *)job)->owner;
    struct store_read *read = outlet->read;
    outlet->read_busy = false;
    outlet->have_block = false;
    if (read->result != OK) { // the device may come back: outlet_retry asks again
        outlet->read_failed = true;
        log_error("spool.read", "seq=%llu error=%s", (unsigned long long)read->seq,
                  err_name(read->result));
        return;
    }
    const struct spool_block *block = &read->block;
    struct block_info info;
    bool readable =
        block_look(block->payload, &info) == OK && info.first_seq == block->first_seq &&
        info.row_count == block->count &&
        schemas_find(outlet->schemas, info.schema_id, &outlet->schema, &outlet->plan) == OK &&
        block_read(outlet->reader, block->payload, outlet->schema) == OK;
    if (!readable) {
        outlet->owner.corrupt(outlet->owner.owner, block->first_seq,
                              block->first_seq + block->count - 1);
        return;
    }
    outlet->have_block = true;
    if (read->seq < block->first_seq) { // what lies between is nowhere any more
        outlet->owner.corrupt(outlet->owner.owner, read->seq, block->first_seq - 1);
    }
}

bool outlet_block_has(const struct outlet *outlet, uint64_t seq)
{
    if (!outlet->have_block) {
        return false;
    }
    const struct block_info *info = block_reader_info(outlet->reader);
    return seq >= info->first_seq && seq - info->first_seq < info->row_count;
}

void outlet_ask_for(struct outlet *outlet, uint64_t seq)
{
    if (outlet->read_busy) {
        return;
    }
    outlet->read_busy = true;
    outlet->have_block = false;
    outlet->read->seq = seq;
    outlet->store.give(outlet->store.context, &outlet->read->job);
}

void outlet_retry(struct outlet *outlet)
{
    outlet->read_failed = false;
}

// ---- sending ----

enum err outlet_put_mark(struct outlet *outlet, const struct schema *schema)
{
    struct bytes mark;
    enum err err = schema_marks_find(outlet->marks, schema, &mark);
    if (err != OK) {
        return err;
    }
    outlet->value = buffer_over(outlet->value_bytes, OUTLET_VALUE_MAX);
    if (mark.size > 0 && outlet->marks->port->id_in_header) {
        outlet->schema_id = mark;
        return OK;
    }
    outlet->schema_id = bytes_from(NULL, 0);
    buffer_put(&outlet->value, mark.at, mark.size);
    return OK;
}

// ERR_AGAIN: its schema's mark is not known yet. ERR_LIMIT: no room. ERR_INVALID: see wire_avro.h.
static enum err encode(struct outlet *outlet, const struct record *record)
{
    if (outlet->format == FORMAT_JSON) {
        encode_json(outlet, record);
        return outlet->value.overflow ? ERR_LIMIT : OK;
    }
    enum err err = outlet_put_mark(outlet, outlet->schema);
    if (err != OK) {
        return err;
    }
    err = wire_avro_put(outlet->schema, record, outlet->gateway, outlet->epoch, &outlet->value);
    return outlet->value.overflow ? ERR_LIMIT : err;
}

enum err outlet_tell_aside(struct outlet *outlet, const struct record *record,
                           enum settled_how *how)
{
    int rejected = schema_rejected_field(outlet->schema);
    *how = SETTLED_DELIVERED;
    if (rejected >= 0 && record->values[rejected].kind == VALUE_TEXT) {
        encode_json(outlet, record);
        enum err err = outlet->value.overflow
                           ? ERR_LIMIT
                           : outlet->owner.aside(outlet->owner.owner, record,
                                                 record->values[rejected].text, how);
        if (err != OK) {
            return err;
        }
    }
    bit_set(outlet->quarantined, record->seq, *how == SETTLED_QUARANTINED);
    bit_set(outlet->dropped, record->seq, *how == SETTLED_DROPPED);
    outlet->times_ms[record->seq % OUTLET_BITS] = record->time_ms;
    return OK;
}

void outlet_add_event(const struct outlet *outlet, struct message *message)
{
    if (outlet->event != NULL) {
        struct bytes seq = bytes_from(message->identity.at + outlet->identity_prefix,
                                      message->identity.size - outlet->identity_prefix);
        message->headers = cloud_event_put(outlet->event, seq, message->key, message->time_ms,
                                           &message->header_count);
    }
}

static enum err send_message(struct outlet *outlet, const struct record *record)
{
    enum err err = encode(outlet, record);
    outlet->read_failed = err == ERR_AGAIN; // until outlet_retry
    if (err != OK) {
        return err;
    }
    size_t digits =
        number_format_integer((int64_t)record->seq, outlet->identity + outlet->identity_prefix);
    uint8_t quality = wire_quality(outlet->schema, record);
    struct message message = {
        .product = outlet->product,
        .late = outlet->late,
        .partition = -1,
        .key = record->key,
        .value = buffer_bytes(&outlet->value),
        .identity = bytes_from(outlet->identity, outlet->identity_prefix + digits),
        .schema_id = outlet->schema_id,
        .quality = quality != QUALITY_GOOD ? quality_name(quality) : NULL,
        .time_ms = record->time_ms,
        .seq = record->seq,
    };
    outlet_add_event(outlet, &message);
    err = outlet->driver->send(outlet->output, &message);
    outlet->sent_bytes += err == OK ? message.key.size + message.value.size : 0;
    return err;
}

static enum err send_record(struct outlet *outlet, uint64_t seq)
{
    struct record record;
    uint32_t key_id;
    enum settled_how how;
    enum err err = outlet_record_at(outlet, seq, &record, &key_id);
    if (err != OK) {
        outlet->read_failed = err == ERR_AGAIN; // this boot's clock is not set yet
        return err;
    }
    err = outlet_tell_aside(outlet, &record, &how);
    return err == OK && how == SETTLED_DELIVERED ? send_message(outlet, &record) : err;
}

uint64_t outlet_next_to_send(struct outlet *outlet, const struct settled *settled,
                             uint64_t durable_seq, uint64_t durable_cursor)
{
    if (outlet->rewind_seq != 0) {
        if (outlet->in_flight > 0 || outlet->setting_aside) {
            return 0; // 3.
        }
        outlet->next_seq = outlet->rewind_seq;
        outlet->rewind_seq = 0;
    }
    uint64_t seq = outlet->next_seq;
    uint64_t last_settled = settled->count == 0 ? 0 : settled->ranges[settled->count - 1].to;
    while (seq <= durable_seq) {
        uint64_t unsettled = seq <= last_settled ? settled_next(settled, seq) : seq;
        bool acked = unsettled < outlet->first_seq + OUTLET_BITS && unsettled <= outlet->sent_end &&
                     acked_get(outlet, unsettled);
        if (unsettled == seq && !acked) {
            break;
        }
        seq = acked ? unsettled + 1 : unsettled;
    }
    outlet->next_seq = seq;
    bool alone = outlet->alone_seq != 0 || (outlet->alone_until >= seq && outlet->in_flight > 0);
    bool may = seq <= durable_seq && seq <= durable_cursor + outlet->window &&
               seq < outlet->first_seq + outlet->window && !alone && !outlet->setting_aside;
    return may ? seq : 0;
}

void outlet_sent(struct outlet *outlet, uint64_t from, uint64_t to)
{
    outlet->in_flight++;
    outlet->next_seq = to + 1;
    outlet->sent_end = to > outlet->sent_end ? to : outlet->sent_end;
    outlet->alone_seq = outlet->alone_until >= from ? to : 0;
}

bool outlet_pump(struct outlet *outlet, const struct settled *settled, uint64_t durable_seq,
                 uint64_t durable_cursor, uint32_t budget)
{
    if (outlet->blocks != NULL) {
        return outlet_blocks_pump(outlet, settled, durable_seq, durable_cursor, budget);
    }
    for (uint32_t i = 0; i < budget; i++) {
        if (outlet->read_busy || outlet->read_failed) {
            return false;
        }
        uint64_t seq = outlet_next_to_send(outlet, settled, durable_seq, durable_cursor);
        if (seq == 0) {
            return false;
        }
        if (!outlet_block_has(outlet, seq)) {
            outlet_ask_for(outlet, seq);
            return false;
        }
        enum err err = send_record(outlet, seq);
        if (err == ERR_AGAIN) {
            return false;
        }
        if (err == ERR_CORRUPT) {
            outlet->owner.corrupt(outlet->owner.owner, seq, seq);
            continue;
        }
        if (err != OK) { // whatever the broker would say
            outlet_give_up(outlet, seq,
                           err == ERR_INVALID ? "a column that the contract requires has no value"
                                              : NULL);
            return false;
        }
        outlet_sent(outlet, seq, seq);
    }
    return true;
}
