// `when full: thin`: while the spool is fuller than 70 %, records wait in a bucket (agent/thin.h)
// before they get a seq, and what the bucket does not keep is counted and told.
//
//     input ──record──▶ bucket ──emit──▶ open block ──▶ ...
//       └────position──▶ waits with it ──┘
//
// 1. A bucket is emitted whole, between two turns of the inputs: a commit has all of it and the
//    positions of the inputs after it, or nothing. So a file is read again from where it was before
//    the bucket, and no record of it is lost or doubled by a cut. A record that ends a bucket is
//    therefore not taken at once: its driver, in the midst of a run whose position comes at its
//    end, first says where it stands, as whenever there is no room. (Emitting at once was tried:
//    the position in that commit was of an earlier record, and kill -9 counted 70 lines twice.)
// 2. What waits is not durable: a power cut costs an input that cannot go back up to a bucket.
// 3. A bucket is over when a key's time leaves it, when it is full, after its length by the clock,
//    at a change of the level, and at the stop.
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/product_core.h"

#include <assert.h>

bool product_thin_waits(const struct product *product)
{
    return product->thin != NULL && thin_count(product->thin) > 0;
}

static void emit_rows(struct product *product)
{
    static const enum record_clock clocks[] = {RECORD_CLOCK_DEVICE, RECORD_CLOCK_WALL,
                                               RECORD_CLOCK_BOOT};
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) { // a block has one clock
        uint16_t row = THIN_END;
        while ((row = thin_next(product->thin, row, clocks[i])) != THIN_END) {
            struct record record;
            uint32_t key_id;
            thin_row(product->thin, row, &key_id, &record);
            enum err err = product_add(product, &record, key_id);
            assert(err == OK); // smaller than a block, and there is room: product_has_room
        }
    }
}

static void emit_positions(struct product *product)
{
    struct states *held = product->thin_states;
    for (uint32_t i = 0; i < held->count; i++) {
        const struct state *state = &held->list[i];
        enum err err = product_keep(product, state->name, bytes_from(state->value, state->size));
        assert(err == OK); // names and their number are bounded by weir check
    }
    held->count = 0;
}

static void emit(struct product *product)
{
    uint64_t from = product->next_seq;
    struct thin_gone gone = thin_gone(product->thin);
    emit_rows(product);
    thin_clear(product->thin);
    if (gone.count > 0) {
        product_declare_thinned(product, from, product->next_seq - 1, gone.count,
                                gone.time_first_ms, gone.time_last_ms);
    }
    emit_positions(product);
}

enum err product_thin_take(struct product *product, const struct record *record, uint32_t key_id)
{
    bool waits = product_thin_waits(product);
    int reason = schema_rejected_field(product->stored);
    bool rejected = reason >= 0 && record->values[reason].kind == VALUE_TEXT;
    enum err err =
        rejected ? ERR_LIMIT // what the contract rejects is no reading to be reduced
                 : thin_add(product->thin, key_id, record, thin_bucket_ms(product->thin_level));
    if (err == OK) {
        product->thin_opened_ms = waits ? product->thin_opened_ms : clock_boot_ms();
        return OK;
    }
    if (waits) {
        product->thin_now = true;
        return ERR_AGAIN; // 1.
    }
    assert(err == ERR_LIMIT); // an empty bucket is never full
    return product_add(product, record, key_id);
}

enum err product_position(struct product *product, const char *name, struct bytes value)
{
    return product_thin_waits(product) ? states_set(product->thin_states, name, value)
                                       : product_keep(product, name, value);
}

int64_t product_thin_due_ms(const struct product *product)
{
    return product_thin_waits(product)
               ? product->thin_opened_ms + thin_bucket_ms(product->thin_level)
               : INT64_MAX;
}

static void follow(struct product *product, unsigned level)
{
    log_warn("spool.thin", "product=%s level=%u fill=%u%%: %s", product->settings->name, level,
             product->stat.fill_percent,
             level > 0 ? "new records are reduced until more are delivered"
                       : "records are stored as they come");
    product->thin_level = level;
}

void product_thin_turn(struct product *product, int64_t now_ms)
{
    if (product->thin == NULL) {
        return;
    }
    unsigned level = thin_level(product->thin_level, product->stat.fill_percent);
    bool over =
        product->thin_now || level != product->thin_level || product_thin_due_ms(product) <= now_ms;
    if (product_thin_waits(product) && over && product_has_room(product)) {
        emit(product);
    }
    if (!product_thin_waits(product)) {
        product->thin_now = false;
        if (level != product->thin_level) {
            follow(product, level);
        }
    }
}
