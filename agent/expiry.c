#include "agent/expiry.h"

#include "agent/boots.h"

enum {
    MARKS_A_KEEP = 48, // fewer than EXPIRY_MARKS_MAX: the oldest goes before the list is full
    HEAD_BYTES = 16 + 8,
    MARK_BYTES = 8 + 8,
    FULL_BYTES = HEAD_BYTES + EXPIRY_MARKS_MAX * MARK_BYTES,
};
_Static_assert((int)FULL_BYTES <= (int)SPOOL_STATE_VALUE_MAX, "the marks fit one state");

static bool is_set(int64_t wall_ms)
{
    return wall_ms >= BOOTS_CLOCK_FLOOR_MS;
}

// Boot id, every_ms, then seq and time of each mark. A time before the clock's floor is boot time.
static void save(const struct expiry *expiry, struct states *states)
{
    uint8_t bytes[FULL_BYTES];
    memcpy(bytes, expiry->boot_id, 16);
    put_u64(bytes + 16, (uint64_t)expiry->slack_ms);
    size_t size = HEAD_BYTES;
    for (uint32_t i = 0; i < expiry->count; i++) {
        const struct expiry_mark *mark = &expiry->list[i];
        bool wall = mark->wall_ms != INT64_MIN;
        put_u64(bytes + size, mark->seq);
        put_u64(bytes + size + 8, (uint64_t)(wall ? mark->wall_ms : mark->boot_ms));
        size += MARK_BYTES;
    }
    (void)states_set(states, "expiry", bytes_from(bytes, size)); // one name, bounded
}

static void load(struct expiry *expiry, struct bytes value)
{
    if (value.size < HEAD_BYTES) {
        return;
    }
    bool same_boot = memcmp(value.at, expiry->boot_id, 16) == 0;
    int64_t slack_ms = (int64_t)get_u64(value.at + 16);
    expiry->slack_ms = slack_ms > expiry->slack_ms ? slack_ms : expiry->slack_ms;
    for (size_t at = HEAD_BYTES; at + MARK_BYTES <= value.size && expiry->count < EXPIRY_MARKS_MAX;
         at += MARK_BYTES) {
        int64_t time_ms = (int64_t)get_u64(value.at + at + 8);
        bool wall = is_set(time_ms);
        expiry->list[expiry->count++] = (struct expiry_mark){.seq = get_u64(value.at + at),
                                                             .wall_ms = wall ? time_ms : INT64_MIN,
                                                             .boot_ms = wall        ? INT64_MIN
                                                                        : same_boot ? time_ms
                                                                                    : 0};
    }
}

static void insert(struct expiry *expiry, uint32_t at, uint64_t seq, struct expiry_now now)
{
    if (expiry->count == EXPIRY_MARKS_MAX) { // the oldest rows then live until the next ones go
        expiry->list[1].seq = expiry->list[0].seq;
        expiry->count--;
        memmove(expiry->list, expiry->list + 1, expiry->count * sizeof expiry->list[0]);
        at = at > 0 ? at - 1 : 0;
    }
    memmove(expiry->list + at + 1, expiry->list + at,
            (expiry->count - at) * sizeof expiry->list[0]);
    expiry->list[at] =
        (struct expiry_mark){.seq = seq,
                             .wall_ms = is_set(now.wall_ms) ? now.wall_ms : INT64_MIN,
                             .boot_ms = now.boot_ms};
    expiry->count++;
}

static void forget_settled(struct expiry *expiry, uint64_t first_seq)
{
    uint32_t gone = 0;
    while (gone + 1 < expiry->count && expiry->list[gone + 1].seq <= first_seq) {
        gone++;
    }
    expiry->count -= gone;
    memmove(expiry->list, expiry->list + gone, expiry->count * sizeof expiry->list[0]);
}

void expiry_restore(struct expiry *expiry, int64_t keep_ms, const uint8_t boot_id[16],
                    uint64_t first_seq, uint64_t next_seq, struct expiry_now now,
                    struct states *states, const struct spool *spool)
{
    *expiry = (struct expiry){.keep_ms = keep_ms, .every_ms = keep_ms / MARKS_A_KEEP};
    expiry->slack_ms = expiry->every_ms;
    memcpy(expiry->boot_id, boot_id, 16);
    struct bytes value = states_get(states, spool, "expiry");
    if (keep_ms == 0) { // marks that nobody goes on with would tell a wrong age later
        if (value.size > 0) {
            (void)states_set(states, "expiry", (struct bytes){0});
        }
        return;
    }
    load(expiry, value);
    forget_settled(expiry, first_seq);
    uint64_t known = expiry->count > 0 ? expiry->list[0].seq : next_seq;
    if (first_seq < known) {
        insert(expiry, 0, first_seq, now);
        save(expiry, states);
    }
}

void expiry_mark(struct expiry *expiry, uint64_t seq, uint64_t first_seq, struct expiry_now now,
                 struct states *states)
{
    if (expiry->keep_ms == 0) {
        return;
    }
    const struct expiry_mark *last = expiry->marked ? &expiry->list[expiry->count - 1] : NULL;
    if (last != NULL && now.boot_ms - last->boot_ms < expiry->every_ms) {
        return;
    }
    forget_settled(expiry, first_seq);
    if (expiry->count > 0 && expiry->list[expiry->count - 1].seq >= seq) {
        expiry->count--; // nothing came since that mark
    }
    insert(expiry, expiry->count, seq, now);
    expiry->marked = true;
    save(expiry, states);
}

// How long ago; -1: not known.
static int64_t age_ms(const struct expiry_mark *mark, struct expiry_now now)
{
    if (mark->boot_ms != INT64_MIN) {
        return now.boot_ms - mark->boot_ms;
    }
    return is_set(now.wall_ms) && mark->wall_ms != INT64_MIN ? now.wall_ms - mark->wall_ms : -1;
}

static int64_t wall_ms(const struct expiry_mark *mark, struct expiry_now now)
{
    bool derived = mark->wall_ms == INT64_MIN && is_set(now.wall_ms);
    return derived ? now.wall_ms - (now.boot_ms - mark->boot_ms) : mark->wall_ms;
}

// The youngest record under the mark was taken before the next mark, and before a new mark was due.
static bool is_over(const struct expiry *expiry, uint32_t index, struct expiry_now now)
{
    const struct expiry_mark *mark = &expiry->list[index];
    if (age_ms(mark, now) - expiry->slack_ms >= expiry->keep_ms) {
        return true;
    }
    return index + 1 < expiry->count && age_ms(mark + 1, now) >= expiry->keep_ms;
}

uint64_t expiry_last(const struct expiry *expiry, uint64_t first_seq, uint64_t next_seq,
                     struct expiry_now now, int64_t *since_ms, int64_t *until_ms)
{
    uint64_t last = 0;
    *since_ms = INT64_MIN;
    for (uint32_t i = 0; i < expiry->count && is_over(expiry, i, now); i++) {
        const struct expiry_mark *mark = &expiry->list[i];
        uint64_t end = i + 1 < expiry->count ? mark[1].seq - 1 : next_seq - 1;
        int64_t at_ms = wall_ms(mark, now);
        if (end >= first_seq && *since_ms == INT64_MIN) {
            *since_ms = at_ms;
        }
        *until_ms = at_ms == INT64_MIN ? INT64_MIN : at_ms + expiry->slack_ms;
        last = end;
    }
    return last >= first_seq ? last : 0;
}
