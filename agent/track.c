#include "agent/track.h"

#include "agent/digest.h"
#include "agent/number.h"

#include <math.h>
#include <stdlib.h>

enum { DIGITS_MAX = 9 };

// Read the numbers of "1.4.2" or "1.4.x". False: something else stands there.
static bool read_numbers(const char *text, struct track *track)
{
    *track = (struct track){0};
    for (;;) {
        size_t size = strspn(text, "0123456789");
        bool is_last = text[size] == '\0';
        if (size == 0) {
            track->is_open = strcmp(text, "x") == 0;
            return track->is_open && track->count > 0 && track->count < TRACK_NUMBERS_MAX;
        }
        if (size > DIGITS_MAX || track->count == TRACK_NUMBERS_MAX ||
            (!is_last && text[size] != '.')) {
            return false;
        }
        track->numbers[track->count++] = strtoul(text, NULL, 10);
        if (is_last) {
            return true;
        }
        text += size + 1;
    }
}

bool track_read(const char *text, struct track *track)
{
    return read_numbers(text, track) && (track->is_open || track->count == TRACK_NUMBERS_MAX);
}

bool track_has(const struct track *track, const char *version)
{
    struct track exact;
    if (!read_numbers(version, &exact) || exact.is_open || exact.count < track->count) {
        return false;
    }
    for (unsigned i = 0; i < track->count; i++) {
        if (exact.numbers[i] != track->numbers[i]) {
            return false;
        }
    }
    return track->is_open || exact.count == track->count;
}

bool canary_read(const char *text, unsigned *share)
{
    struct number number;
    size_t used = number_take(bytes_text(text), &number);
    const char *rest = text + used + strspn(text + used, " ");
    if (used == 0 || number.kind == NUMBER_NONE || (strcmp(rest, "%") != 0 && *rest != '\0') ||
        !(number.number >= 0 && number.number <= 100)) {
        return false;
    }
    *share = (unsigned)lround(number.number * 100);
    return true;
}

bool canary_has(unsigned share, const char *node)
{
    uint8_t sum[DIGEST_SIZE];
    digest_sha256(bytes_text(node), sum);
    uint64_t place =
        (uint64_t)sum[0] << 24 | (uint64_t)sum[1] << 16 | (uint64_t)sum[2] << 8 | sum[3];
    return place * CANARY_ALL < ((uint64_t)share << 32);
}
