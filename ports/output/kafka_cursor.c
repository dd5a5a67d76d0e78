#include "ports/output/kafka_cursor.h"

#include <stdio.h>

bool kafka_cursor_names(const char *domain, const char *gateway, char group[KAFKA_CURSOR_NAME_SIZE],
                        char topic[KAFKA_CURSOR_NAME_SIZE])
{
    int a = snprintf(group, KAFKA_CURSOR_NAME_SIZE, "%s.weir.%s", domain, gateway);
    int b = snprintf(topic, KAFKA_CURSOR_NAME_SIZE, "%s.weir-cursors", domain);
    return a > 0 && a < KAFKA_CURSOR_NAME_SIZE && b > 0 && b < KAFKA_CURSOR_NAME_SIZE;
}

enum { EPOCH_DIGITS = 16 };

static const char late_mark[] = ".late";

void kafka_cursor_put(const struct kafka_cursor *cursor, char out[KAFKA_CURSOR_TEXT_SIZE])
{
    (void)snprintf(out, KAFKA_CURSOR_TEXT_SIZE, "%016llx%s", (unsigned long long)cursor->epoch,
                   cursor->late ? late_mark : "");
}

static int digit_of(uint8_t byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                                        : -1;
}

struct kafka_cursor kafka_cursor_of(int64_t offset, struct bytes metadata)
{
    struct kafka_cursor cursor = {0};
    if (offset <= 0 || metadata.size < EPOCH_DIGITS) {
        return cursor;
    }
    struct bytes rest = bytes_from(metadata.at + EPOCH_DIGITS, metadata.size - EPOCH_DIGITS);
    cursor.late = rest.size > 0;
    if (cursor.late && !bytes_equal(rest, bytes_text(late_mark))) {
        return (struct kafka_cursor){0};
    }
    for (size_t i = 0; i < EPOCH_DIGITS; i++) {
        int digit = digit_of(metadata.at[i]);
        if (digit < 0) {
            return (struct kafka_cursor){0};
        }
        cursor.epoch = cursor.epoch << 4 | (uint64_t)digit;
    }
    cursor.next_seq = (uint64_t)offset;
    return cursor;
}

uint64_t kafka_cursor_unite(const struct kafka_cursor lanes[KAFKA_CURSOR_LANES], uint64_t epoch,
                            bool late)
{
    uint64_t next_seq = 0;
    for (uint32_t i = 0; i < KAFKA_CURSOR_LANES; i++) {
        if (lanes[i].epoch == epoch && lanes[i].late == late && lanes[i].next_seq > next_seq) {
            next_seq = lanes[i].next_seq;
        }
    }
    return next_seq;
}
