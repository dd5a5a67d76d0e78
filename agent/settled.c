#include "agent/settled.h"

#include <assert.h>

const char *settled_how_name(enum settled_how how)
{
    switch (how) {
    case SETTLED_DELIVERED:
        return "delivered";
    case SETTLED_QUARANTINED:
        return "quarantined";
    case SETTLED_DROPPED:
        return "dropped";
    case SETTLED_LOST_FULL:
        return "full";
    case SETTLED_LOST_EXPIRED:
        return "expired";
    case SETTLED_LOST_CORRUPT:
        return "corrupt";
    case SETTLED_LOST_REFUSED:
        return "refused";
    case SETTLED_THINNED:
        return "thinned";
    case SETTLED_LATE:
        return "late";
    }
    return "unknown";
}

void settled_init(struct settled *settled)
{
    *settled = (struct settled){.count = 0};
}

// The first range that ends at or after `seq`, or `count`.
static uint32_t settled_find(const struct settled *settled, uint64_t seq)
{
    uint32_t i = 0;
    while (i < settled->count && settled->ranges[i].to < seq) {
        i++;
    }
    return i;
}

enum err settled_add(struct settled *settled, uint64_t from, uint64_t to)
{
    assert(from >= 1 && from <= to && to < UINT64_MAX);
    struct seq_range *ranges = settled->ranges;
    uint32_t first = settled_find(settled, from - 1); // a range that ends at from - 1 touches
    uint32_t last = first;
    while (last < settled->count && ranges[last].from <= to + 1) {
        last++;
    }
    uint32_t joined = last - first; // ranges that become one with the new one
    if (joined == 0 && settled->count == SETTLED_RANGES_MAX) {
        return ERR_FULL; // I4
    }
    if (joined > 0) {
        from = from < ranges[first].from ? from : ranges[first].from;
        to = to > ranges[last - 1].to ? to : ranges[last - 1].to;
    }
    memmove(&ranges[first + 1], &ranges[last], (settled->count - last) * sizeof *ranges);
    ranges[first] = (struct seq_range){.from = from, .to = to};
    settled->count = settled->count - joined + 1;
    return OK;
}

uint64_t settled_cursor(const struct settled *settled)
{
    bool from_one = settled->count > 0 && settled->ranges[0].from == 1;
    return from_one ? settled->ranges[0].to : 0;
}

bool settled_has(const struct settled *settled, uint64_t seq)
{
    return settled_covers(settled, seq, seq);
}

uint64_t settled_next(const struct settled *settled, uint64_t seq)
{
    uint32_t i = settled_find(settled, seq);
    bool inside = i < settled->count && settled->ranges[i].from <= seq;
    return inside ? settled->ranges[i].to + 1 : seq;
}

uint64_t settled_gap_end(const struct settled *settled, uint64_t seq, uint64_t to)
{
    uint32_t i = settled_find(settled, seq);
    assert(i == settled->count || settled->ranges[i].from > seq);
    bool ends = i < settled->count && settled->ranges[i].from <= to;
    return ends ? settled->ranges[i].from - 1 : to;
}

bool settled_covers(const struct settled *settled, uint64_t from, uint64_t to)
{
    uint32_t i = settled_find(settled, from);
    return i < settled->count && settled->ranges[i].from <= from && settled->ranges[i].to >= to;
}

// count u8, then from u64 and to u64 of each range
void settled_put(const struct settled *settled, struct buffer *out)
{
    buffer_put_byte(out, (uint8_t)settled->count);
    for (uint32_t i = 0; i < settled->count; i++) {
        uint8_t range[16];
        put_u64(range, settled->ranges[i].from);
        put_u64(range + 8, settled->ranges[i].to);
        buffer_put(out, range, sizeof range);
    }
}

enum err settled_get(struct settled *settled, struct bytes in)
{
    settled_init(settled);
    if (in.size < 1 || in.at[0] > SETTLED_RANGES_MAX || in.size != 1 + 16 * (size_t)in.at[0]) {
        return ERR_CORRUPT;
    }
    struct settled read = {.count = in.at[0]};
    uint64_t end = 0; // one past the last range; the next must leave a gap
    for (uint32_t i = 0; i < read.count; i++) {
        struct seq_range range = {get_u64(in.at + 1 + 16 * i), get_u64(in.at + 9 + 16 * i)};
        bool apart = i == 0 ? range.from >= 1 : range.from > end;
        if (!apart || range.to < range.from || range.to == UINT64_MAX) {
            return ERR_CORRUPT;
        }
        read.ranges[i] = range;
        end = range.to + 1;
    }
    *settled = read;
    return OK;
}
