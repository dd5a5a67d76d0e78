#include "agent/wire_blocks_layout.h"

// Merge the sorted runs from..middle-1 and middle..to-1; of equal times, the first run's first.
static void merge(const int64_t *times, const uint16_t *in, uint16_t *out, uint32_t from,
                  uint32_t middle, uint32_t to)
{
    uint32_t a = from;
    uint32_t b = middle;
    for (uint32_t i = from; i < to; i++) {
        bool first = a < middle && (b == to || times[in[a]] <= times[in[b]]);
        out[i] = first ? in[a++] : in[b++];
    }
}

const uint16_t *wire_sort_by_time(const int64_t *times, uint32_t count,
                                  uint16_t room[2][WIRE_READINGS_MAX])
{
    uint16_t *in = room[0];
    uint16_t *out = room[1];
    for (uint32_t i = 0; i < count; i++) {
        in[i] = (uint16_t)i;
    }
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t from = 0; from < count; from += 2 * width) {
            uint32_t middle = from + width < count ? from + width : count;
            uint32_t to = middle + width < count ? middle + width : count;
            merge(times, in, out, from, middle, to);
        }
        uint16_t *swap = in;
        in = out;
        out = swap;
    }
    return in;
}
