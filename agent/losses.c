#include "agent/losses.h"

#include "agent/clock.h"
#include "agent/json_text.h"
#include "agent/number.h"

#include <stdio.h>

enum {
    LOSS_BYTES = 8 + 8 + 1 + 8 + 8 + 8 + 8,
    LOSSES_A_STATE = SPOOL_STATE_VALUE_MAX / LOSS_BYTES,
    STATE_COUNT = (LOSSES_MAX + LOSSES_A_STATE - 1) / LOSSES_A_STATE,
};

static void state_name(const struct losses *losses, unsigned index, char name[SPOOL_STATE_NAME_MAX])
{
    (void)snprintf(name, SPOOL_STATE_NAME_MAX, "%s.%u", losses->name, index);
}

static void put(const struct loss *loss, uint8_t *at)
{
    put_u64(at, loss->from);
    put_u64(at + 8, loss->to);
    at[16] = (uint8_t)loss->how;
    put_u64(at + 17, (uint64_t)loss->time_first_ms);
    put_u64(at + 25, (uint64_t)loss->time_last_ms);
    put_u64(at + 33, (uint64_t)loss->declared_ms);
    put_u64(at + 41, loss->count);
}

static void get(struct loss *loss, const uint8_t *at)
{
    loss->from = get_u64(at);
    loss->to = get_u64(at + 8);
    loss->how = (enum settled_how)at[16];
    loss->time_first_ms = (int64_t)get_u64(at + 17);
    loss->time_last_ms = (int64_t)get_u64(at + 25);
    loss->declared_ms = (int64_t)get_u64(at + 33);
    loss->count = get_u64(at + 41);
}

void losses_restore(struct losses *losses, const struct states *states, const struct spool *spool)
{
    for (unsigned i = 0; i < STATE_COUNT; i++) {
        char name[SPOOL_STATE_NAME_MAX];
        state_name(losses, i, name);
        struct bytes value = states_get(states, spool, name);
        losses->state_count = value.size > 0 ? i + 1 : losses->state_count;
        for (size_t at = 0; at + LOSS_BYTES <= value.size && losses->count < LOSSES_MAX;
             at += LOSS_BYTES) {
            struct loss *loss = &losses->list[losses->count++];
            get(loss, value.at + at);
            loss->id = ++losses->next_id;
            loss->sent = false;
            loss->stored = true;
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == INT64_MIN || (b != INT64_MIN && b < a) ? b : a;
}

static void widen(struct loss *loss, uint64_t from, uint64_t to, int64_t first_ms, int64_t last_ms)
{
    loss->from = from < loss->from ? from : loss->from;
    loss->to = to > loss->to ? to : loss->to;
    loss->count = loss->how == SETTLED_THINNED ? loss->count : loss->to - loss->from + 1;
    loss->time_first_ms = earlier(loss->time_first_ms, first_ms);
    loss->time_last_ms = last_ms > loss->time_last_ms ? last_ms : loss->time_last_ms;
    loss->stored = false;
    loss->going = false;
}

// One that is told anew, because it says more than what the broker may have by now.
static struct loss *tell_again(struct losses *losses, uint32_t index)
{
    struct loss *loss = &losses->list[index];
    loss->sent = false;
    loss->id = ++losses->next_id;
    return loss;
}

static struct loss *add(struct losses *losses, uint64_t from, uint64_t to, enum settled_how how)
{
    struct loss *loss = &losses->list[losses->count++];
    *loss = (struct loss){
        .id = ++losses->next_id,
        .from = from,
        .to = to,
        .count = to - from + 1,
        .how = how,
        .time_first_ms = INT64_MIN,
        .time_last_ms = INT64_MIN,
        .declared_ms = clock_wall_ms(),
    };
    return loss;
}

// How many there are of those that thinning made, or of the others; `*newest` is the last of them.
static uint32_t count_of(const struct losses *losses, bool thinned, uint32_t *newest)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < losses->count; i++) {
        bool fits = (losses->list[i].how == SETTLED_THINNED) == thinned;
        *newest = fits ? i : *newest;
        count += fits ? 1 : 0;
    }
    return count;
}

// The one that `from`..`to` becomes part of: a neighbour, the newest where there is no room for
// another, or a new one.
static struct loss *place_for(struct losses *losses, uint64_t from, uint64_t to,
                              enum settled_how how)
{
    losses->made += how != SETTLED_THINNED && how != SETTLED_LATE ? 1 : 0;
    for (uint32_t i = 0; i < losses->count; i++) {
        struct loss *loss = &losses->list[i];
        bool touches = from <= loss->to + 1 && to + 1 >= loss->from;
        if (!loss->sent && loss->how == how && touches) {
            return loss;
        }
    }
    bool thinned = how == SETTLED_THINNED;
    uint32_t newest = 0;
    uint32_t limit = thinned ? LOSSES_THINNED_MAX : LOSSES_MAX - LOSSES_THINNED_MAX;
    if (count_of(losses, thinned, &newest) < limit) {
        return add(losses, from, to, how);
    }
    struct loss *loss = tell_again(losses, newest);
    loss->how = loss->how == SETTLED_LATE ? how : loss->how; // no loss goes as late
    return loss;
}

void losses_add(struct losses *losses, uint64_t from, uint64_t to, enum settled_how how,
                int64_t time_first_ms, int64_t time_last_ms)
{
    widen(place_for(losses, from, to, how), from, to, time_first_ms, time_last_ms);
}

void losses_add_thinned(struct losses *losses, uint64_t from, uint64_t to, uint64_t count,
                        int64_t time_first_ms, int64_t time_last_ms)
{
    uint32_t before = losses->count;
    struct loss *loss = place_for(losses, from, to, SETTLED_THINNED);
    loss->count = losses->count > before ? count : loss->count + count;
    widen(loss, from, to, time_first_ms, time_last_ms);
}

void losses_keep(struct losses *losses, struct states *states)
{
    uint32_t needed = (losses->count + LOSSES_A_STATE - 1) / LOSSES_A_STATE;
    uint32_t before = losses->state_count;
    losses->state_count = needed;
    for (unsigned i = 0; i < (needed > before ? needed : before); i++) {
        uint8_t bytes[SPOOL_STATE_VALUE_MAX];
        size_t size = 0;
        for (uint32_t at = i * LOSSES_A_STATE; at < (i + 1) * LOSSES_A_STATE && at < losses->count;
             at++) {
            put(&losses->list[at], bytes + size);
            size += LOSS_BYTES;
        }
        char name[SPOOL_STATE_NAME_MAX];
        state_name(losses, i, name);
        (void)states_set(states, name, bytes_from(bytes, size));
    }
}

void losses_going(struct losses *losses)
{
    for (uint32_t i = 0; i < losses->count; i++) {
        losses->list[i].going = true;
    }
}

void losses_stored(struct losses *losses, bool durable)
{
    for (uint32_t i = 0; i < losses->count; i++) {
        struct loss *loss = &losses->list[i];
        loss->stored = loss->stored || (durable && loss->going);
        loss->going = false;
    }
}

struct loss *losses_next(struct losses *losses)
{
    for (uint32_t i = 0; i < losses->count; i++) {
        if (losses->list[i].stored && !losses->list[i].sent) {
            return &losses->list[i];
        }
    }
    return NULL;
}

bool losses_all_stored(const struct losses *losses)
{
    for (uint32_t i = 0; i < losses->count; i++) {
        if (!losses->list[i].stored && losses->list[i].how != SETTLED_THINNED) {
            return false;
        }
    }
    return true;
}

static void take_out(struct losses *losses, uint32_t index)
{
    losses->count--;
    memmove(&losses->list[index], &losses->list[index + 1],
            (losses->count - index) * sizeof losses->list[0]);
}

bool losses_told(struct losses *losses, uint64_t id)
{
    for (uint32_t i = 0; i < losses->count; i++) {
        if (losses->list[i].id == id) {
            take_out(losses, i);
            return true;
        }
    }
    return false;
}

uint32_t losses_go_with(struct losses *losses, uint64_t block, struct wire_loss out[LOSSES_MAX])
{
    uint32_t count = 0;
    for (struct loss *loss; (loss = losses_next(losses)) != NULL;) {
        loss->sent = true;
        loss->block = block;
        out[count] = (struct wire_loss){.from = loss->from,
                                        .to = loss->to,
                                        .count = loss->count,
                                        .cause = bytes_text(settled_how_name(loss->how))};
        count++;
    }
    return count;
}

bool losses_went(struct losses *losses, uint64_t block, bool arrived)
{
    uint32_t before = losses->count;
    for (uint32_t i = losses->count; i-- > 0;) {
        struct loss *loss = &losses->list[i];
        if (!loss->sent || loss->block != block) {
            continue;
        }
        if (arrived) {
            take_out(losses, i);
        } else {
            loss->sent = false;
        }
    }
    return losses->count < before;
}

void losses_failed(struct losses *losses, uint64_t id)
{
    for (uint32_t i = 0; i < losses->count; i++) {
        if (losses->list[i].id == id) {
            losses->list[i].failed = true;
        }
    }
}

void losses_again(struct losses *losses)
{
    for (uint32_t i = 0; i < losses->count; i++) {
        if (losses->list[i].failed) {
            losses->list[i].failed = false;
            losses->list[i].sent = false;
        }
    }
}

static void put_time_or_null(struct buffer *out, const char *name, int64_t time_ms)
{
    buffer_put_text(out, name);
    if (time_ms == INT64_MIN) {
        buffer_put_text(out, "null");
        return;
    }
    char text[25];
    (void)clock_format(time_ms, text);
    buffer_put_byte(out, '"');
    buffer_put_text(out, text);
    buffer_put_byte(out, '"');
}

void losses_put_json(const struct loss *loss, const char *gateway, const char *product,
                     const char *epoch, struct buffer *out)
{
    buffer_put_text(out, "{\"gateway\":");
    json_put_string(out, bytes_text(gateway));
    buffer_put_text(out, ",\"product\":");
    json_put_string(out, bytes_text(product));
    buffer_put_text(out, ",\"epoch\":");
    json_put_string(out, bytes_text(epoch));
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {",\"from_seq\":", loss->from}, {",\"to_seq\":", loss->to}, {",\"count\":", loss->count}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[NUMBER_TEXT_SIZE];
        buffer_put_text(out, numbers[i].name);
        buffer_put(out, text, number_format_integer((int64_t)numbers[i].value, text));
    }
    buffer_put_text(out, ",\"cause\":");
    json_put_string(out, bytes_text(settled_how_name(loss->how)));
    put_time_or_null(out, ",\"from_time\":", loss->time_first_ms);
    put_time_or_null(out, ",\"to_time\":", loss->time_last_ms);
    put_time_or_null(out, ",\"declared_at\":", loss->declared_ms);
    buffer_put_text(out, "}");
}
