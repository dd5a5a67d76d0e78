#include "agent/spool_inner.h"

// The payload of a state frame (frame.first_seq = next seq, frame.count = pairs):
//
//   settled_size u16 | settled set | loss count u8 | losses | pairs
//   loss   from u64 | to u64 | how u8 | time_first_ms i64 | time_last_ms i64
//   pair   name size u8 | name | value size u16 | value (empty: removed)

static const struct spool_state *changed(const struct spool_commit *commit, const char *name)
{
    for (size_t i = 0; i < commit->state_count; i++) {
        if (strcmp(commit->states[i].name, name) == 0) {
            return &commit->states[i];
        }
    }
    return NULL;
}

// Calls for each pair that the frame will hold: a whole state has what is there and not changed,
// then what is changed and not removed.
static bool keeps(const struct spool_commit *commit, const struct state_pair *pair)
{
    return changed(commit, pair->name) == NULL;
}

static bool says(const struct spool_state *state, bool whole)
{
    return !whole || state->value.size > 0;
}

static uint32_t pair_size(size_t name_size, size_t value_size)
{
    return (uint32_t)(1 + name_size + 2 + value_size);
}

static uint32_t losses_waiting(const struct spool *spool)
{
    return MUTANT(FORGET_LOSSES) ? 0 : spool->loss_count - spool->loss_taken;
}

uint32_t spool_state_size(const struct spool *spool, const struct spool_commit *commit, bool whole)
{
    uint32_t size = 2 + 1 + 16 * spool->settled.count + 1;
    size += SPOOL_LOSS_SIZE * losses_waiting(spool);
    for (uint32_t i = 0; whole && i < spool->state_count; i++) {
        const struct state_pair *pair = &spool->states[i];
        size += keeps(commit, pair) ? pair_size(strlen(pair->name), pair->size) : 0;
    }
    for (size_t i = 0; i < commit->state_count; i++) {
        const struct spool_state *state = &commit->states[i];
        size += says(state, whole) ? pair_size(strlen(state->name), state->value.size) : 0;
    }
    return size;
}

uint32_t spool_state_pairs(const struct spool *spool, const struct spool_commit *commit, bool whole)
{
    uint32_t count = 0;
    for (uint32_t i = 0; whole && i < spool->state_count; i++) {
        count += keeps(commit, &spool->states[i]) ? 1 : 0;
    }
    for (size_t i = 0; i < commit->state_count; i++) {
        count += says(&commit->states[i], whole) ? 1 : 0;
    }
    return count;
}

static void put_loss(struct buffer *out, const struct spool_loss *loss)
{
    uint8_t *at = buffer_room(out, SPOOL_LOSS_SIZE);
    assert(at != NULL);
    put_u64(at, loss->from);
    put_u64(at + 8, loss->to);
    at[16] = (uint8_t)loss->how;
    put_u64(at + 17, (uint64_t)loss->time_first_ms);
    put_u64(at + 25, (uint64_t)loss->time_last_ms);
}

static void put_pair(struct buffer *out, const char *name, const void *value, size_t size)
{
    uint8_t two[2];
    buffer_put_byte(out, (uint8_t)strlen(name));
    buffer_put_text(out, name);
    put_u16(two, (uint16_t)size);
    buffer_put(out, two, sizeof two);
    buffer_put(out, value, size);
}

void spool_state_put(const struct spool *spool, const struct spool_commit *commit, bool whole,
                     struct buffer *out)
{
    uint8_t two[2];
    put_u16(two, (uint16_t)(1 + 16 * spool->settled.count));
    buffer_put(out, two, sizeof two);
    settled_put(&spool->settled, out);
    uint32_t losses = losses_waiting(spool);
    buffer_put_byte(out, (uint8_t)losses);
    for (uint32_t i = 0; i < losses; i++) {
        put_loss(out, &spool->losses[spool->loss_taken + i]);
    }
    for (uint32_t i = 0; whole && i < spool->state_count; i++) {
        const struct state_pair *pair = &spool->states[i];
        if (keeps(commit, pair)) {
            put_pair(out, pair->name, pair->value, pair->size);
        }
    }
    for (size_t i = 0; i < commit->state_count; i++) {
        const struct spool_state *state = &commit->states[i];
        if (says(state, whole)) {
            put_pair(out, state->name, state->value.at, state->value.size);
        }
    }
    assert(!out->overflow);
}

static struct state_pair *find_pair(const struct spool *spool, const char *name)
{
    for (uint32_t i = 0; i < spool->state_count; i++) {
        if (strcmp(spool->states[i].name, name) == 0) {
            return &spool->states[i];
        }
    }
    return NULL;
}

enum err spool_state_check(const struct spool *spool, const struct spool_commit *commit)
{
    uint32_t added = 0;
    for (size_t i = 0; i < commit->state_count; i++) {
        const struct spool_state *state = &commit->states[i];
        size_t name_size = strlen(state->name);
        if (name_size == 0 || name_size >= SPOOL_STATE_NAME_MAX ||
            state->value.size > SPOOL_STATE_VALUE_MAX) {
            return ERR_LIMIT;
        }
        bool is_new = state->value.size > 0 && find_pair(spool, state->name) == NULL;
        added += is_new ? 1 : 0;
    }
    return spool->state_count + added <= SPOOL_STATES_MAX ? OK : ERR_LIMIT;
}

static void set_pair(struct spool *spool, const char *name, struct bytes value, uint64_t stamp)
{
    struct state_pair *pair = find_pair(spool, name);
    if (pair == NULL) {
        assert(spool->state_count < SPOOL_PAIRS_MAX);
        pair = &spool->states[spool->state_count++];
        size_t size = strlen(name);
        assert(size < sizeof pair->name);
        memcpy(pair->name, name, size + 1);
    }
    pair->stamp = stamp;
    pair->size = (uint16_t)value.size;
    if (value.size > 0) {
        memcpy(pair->value, value.at, value.size);
    }
}

static void remove_pair(struct spool *spool, uint32_t index)
{
    spool->state_count--;
    if (index < spool->state_count) {
        spool->states[index] = spool->states[spool->state_count];
    }
}

void spool_state_apply(struct spool *spool, const struct spool_commit *commit)
{
    for (size_t i = 0; i < commit->state_count; i++) {
        const struct spool_state *state = &commit->states[i];
        struct state_pair *pair = find_pair(spool, state->name);
        if (state->value.size > 0) {
            set_pair(spool, state->name, state->value, spool->stamp);
        } else if (pair != NULL) {
            remove_pair(spool, (uint32_t)(pair - spool->states));
        }
    }
    spool->durable = spool->settled;
    uint32_t waiting = spool->loss_count - spool->loss_taken;
    memmove(spool->losses, spool->losses + spool->loss_taken, waiting * sizeof *spool->losses);
    spool->loss_count = waiting;
    spool->loss_taken = 0;
}

// --- reading it back: the commits of both rings come in any order, the highest stamp wins

static bool losses_are_sound(struct bytes in)
{
    for (size_t at = 0; at < in.size; at += SPOOL_LOSS_SIZE) {
        uint64_t from = get_u64(in.at + at);
        uint64_t to = get_u64(in.at + at + 8);
        if (from < 1 || to < from || to == UINT64_MAX || in.at[at + 16] > SETTLED_LATE) {
            return false;
        }
    }
    return true;
}

static void get_losses(struct spool *spool, struct bytes in)
{
    spool->loss_count = (uint32_t)(in.size / SPOOL_LOSS_SIZE);
    spool->loss_taken = 0;
    for (uint32_t i = 0; i < spool->loss_count; i++) {
        const uint8_t *at = in.at + (size_t)i * SPOOL_LOSS_SIZE;
        spool->losses[i] = (struct spool_loss){
            .from = get_u64(at),
            .to = get_u64(at + 8),
            .how = (enum settled_how)at[16],
            .time_first_ms = (int64_t)get_u64(at + 17),
            .time_last_ms = (int64_t)get_u64(at + 25),
        };
    }
}

static enum err get_pair(struct bytes *in, char name[SPOOL_STATE_NAME_MAX], struct bytes *value)
{
    if (in->size < 1 || in->at[0] == 0 || in->at[0] >= SPOOL_STATE_NAME_MAX ||
        in->size < 3U + in->at[0]) {
        return ERR_CORRUPT;
    }
    size_t name_size = in->at[0];
    size_t value_size = get_u16(in->at + 1 + name_size);
    size_t size = 1 + name_size + 2 + value_size;
    if (value_size > SPOOL_STATE_VALUE_MAX || in->size < size ||
        memchr(in->at + 1, 0, name_size) != NULL) {
        return ERR_CORRUPT;
    }
    memcpy(name, in->at + 1, name_size);
    name[name_size] = 0;
    *value = bytes_from(in->at + 3 + name_size, value_size);
    *in = bytes_from(in->at + size, in->size - size);
    return OK;
}

static bool is_newer(const struct spool *spool, const char *name, uint64_t stamp)
{
    const struct state_pair *pair = find_pair(spool, name);
    bool newer = stamp >= spool->state_stamp && (pair == NULL || stamp >= pair->stamp);
    return newer || MUTANT(STATE_BY_PLACE);
}

// Forget the pairs older than a whole state: it does not have them, or has them anew.
static void forget_older(struct spool *spool, uint64_t stamp)
{
    for (uint32_t i = spool->state_count; i-- > 0;) {
        if (spool->states[i].stamp < stamp) {
            remove_pair(spool, i);
        }
    }
    spool->state_stamp = stamp;
}

// Room for one more: where the table is full, the oldest removed name has been remembered long
// enough.
static bool make_room(struct spool *spool)
{
    uint32_t oldest = spool->state_count;
    for (uint32_t i = 0; i < spool->state_count; i++) {
        bool older =
            oldest == spool->state_count || spool->states[i].stamp < spool->states[oldest].stamp;
        oldest = spool->states[i].size == 0 && older ? i : oldest;
    }
    if (spool->state_count == SPOOL_PAIRS_MAX && oldest < spool->state_count) {
        remove_pair(spool, oldest);
    }
    return spool->state_count < SPOOL_PAIRS_MAX;
}

static bool is_zero(struct bytes in)
{
    return in.size == 0 || (in.at[0] == 0 && memcmp(in.at, in.at + 1, in.size - 1) == 0);
}

static enum err get_pairs(struct spool *spool, const struct frame *frame, struct bytes in)
{
    if ((frame->flags & FRAME_WHOLE) && frame->stamp > spool->state_stamp) {
        forget_older(spool, frame->stamp);
    }
    for (uint32_t i = 0; i < frame->count; i++) {
        char name[SPOOL_STATE_NAME_MAX];
        struct bytes value;
        if (get_pair(&in, name, &value) != OK) {
            return ERR_CORRUPT;
        }
        bool room = find_pair(spool, name) != NULL || make_room(spool);
        if (room && is_newer(spool, name, frame->stamp)) {
            set_pair(spool, name, value, frame->stamp);
        }
    }
    return is_zero(in) ? OK : ERR_CORRUPT; // filled up to the page
}

enum err spool_state_get(struct spool *spool, const struct frame *frame, struct bytes in)
{
    if (in.size < 2) {
        return ERR_CORRUPT;
    }
    size_t settled_size = get_u16(in.at);
    struct settled settled;
    if (in.size < 2 + settled_size + 1 ||
        settled_get(&settled, bytes_from(in.at + 2, settled_size)) != OK) {
        return ERR_CORRUPT;
    }
    uint32_t losses = in.at[2 + settled_size];
    size_t front = 2 + settled_size + 1 + (size_t)losses * SPOOL_LOSS_SIZE;
    if (losses > SPOOL_LOSSES_MAX || in.size < front) {
        return ERR_CORRUPT;
    }
    struct bytes told = bytes_from(in.at + 2 + settled_size + 1, front - 3 - settled_size);
    if (!losses_are_sound(told)) {
        return ERR_CORRUPT;
    }
    if (frame->stamp >= spool->settled_stamp || MUTANT(STATE_BY_PLACE)) {
        spool->settled_stamp = frame->stamp;
        spool->settled = settled;
        get_losses(spool, told);
    }
    spool->next_seq = frame->first_seq > spool->next_seq ? frame->first_seq : spool->next_seq;
    return get_pairs(spool, frame, bytes_from(in.at + front, in.size - front));
}

void spool_state_recovered(struct spool *spool)
{
    for (uint32_t i = spool->state_count; i-- > 0;) {
        if (spool->states[i].size == 0) {
            remove_pair(spool, i);
        }
    }
    spool->durable = spool->settled;
}

// --- names of series

struct bytes spool_key_at(const struct spool *spool, uint32_t id)
{
    uint32_t start = id == 0 ? 0 : spool->key_ends[id - 1];
    return bytes_from(spool->key_bytes + start, spool->key_ends[id] - start);
}

bool spool_key_add(struct spool *spool, struct bytes key)
{
    uint32_t start = spool->key_count == 0 ? 0 : spool->key_ends[spool->key_count - 1];
    if (spool->key_count == SPOOL_KEYS_MAX || SPOOL_KEYS_BYTES - start < key.size) {
        return false;
    }
    if (key.size > 0) {
        memcpy(spool->key_bytes + start, key.at, key.size);
    }
    spool->key_ends[spool->key_count++] = start + (uint32_t)key.size;
    return true;
}

// A name whose frame was damaged keeps its place, so that the ids after it stay true. False: no
// room.
static bool add_lost_key(struct spool *spool)
{
    uint8_t name[16] = "lost-key-00000";
    uint32_t id = spool->key_count;
    for (int digit = 13; digit >= 9; digit--, id /= 10) {
        name[digit] = (uint8_t)('0' + id % 10);
    }
    return spool_key_add(spool, bytes_from(name, 14));
}

// frame.count names from id frame.first_seq on: size u8, bytes.
enum err spool_keys_get(struct spool *spool, const struct frame *frame, struct bytes in)
{
    if (frame->first_seq > SPOOL_KEYS_MAX || frame->count > SPOOL_KEYS_MAX) {
        return ERR_CORRUPT;
    }
    while (spool->key_count < frame->first_seq) {
        if (!add_lost_key(spool)) {
            return ERR_CORRUPT;
        }
    }
    for (uint32_t i = 0; i < frame->count; i++) {
        if (in.size < 1 || in.size < 1U + in.at[0]) {
            return ERR_CORRUPT;
        }
        struct bytes key = bytes_from(in.at + 1, in.at[0]);
        if (frame->first_seq + i >= spool->key_count && !spool_key_add(spool, key)) {
            return ERR_CORRUPT;
        }
        in = bytes_from(in.at + 1 + key.size, in.size - 1 - key.size);
    }
    return OK;
}

// --- losses

static bool joins(const struct spool *spool, const struct spool_loss *last, uint64_t from,
                  enum settled_how how)
{
    bool waits = spool->loss_count > spool->loss_taken;
    return waits && last->how == how && last->to + 1 == from;
}

static enum err lose_run(struct spool *spool, uint64_t from, uint64_t to, enum settled_how how,
                         int64_t time_first_ms, int64_t time_last_ms)
{
    struct spool_loss *last =
        spool->loss_count > 0 ? &spool->losses[spool->loss_count - 1] : &spool->losses[0];
    bool joined = joins(spool, last, from, how);
    if (!joined && spool->loss_count == SPOOL_LOSSES_MAX) {
        return ERR_FULL;
    }
    enum err err = settled_add(&spool->settled, from, to);
    if (err != OK) {
        return err;
    }
    if (joined) {
        last->to = to;
        last->time_last_ms = time_last_ms > last->time_last_ms ? time_last_ms : last->time_last_ms;
        return OK;
    }
    spool->losses[spool->loss_count++] = (struct spool_loss){.from = from,
                                                             .to = to,
                                                             .how = how,
                                                             .time_first_ms = time_first_ms,
                                                             .time_last_ms = time_last_ms};
    return OK;
}

enum err spool_lose(struct spool *spool, uint64_t from, uint64_t to, enum settled_how how,
                    int64_t time_first_ms, int64_t time_last_ms)
{
    uint64_t seq = settled_next(&spool->settled, from);
    while (seq <= to) {
        uint64_t end = settled_gap_end(&spool->settled, seq, to);
        enum err err = lose_run(spool, seq, end, how, time_first_ms, time_last_ms);
        if (err != OK) {
            return err;
        }
        seq = settled_next(&spool->settled, end + 1);
    }
    return OK;
}

enum err spool_loss_next(struct spool *spool, struct spool_loss *loss)
{
    if (spool->loss_taken == spool->loss_count) {
        return ERR_AGAIN;
    }
    *loss = spool->losses[spool->loss_taken++];
    return OK;
}
