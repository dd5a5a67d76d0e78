#include "agent/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *human_bytes(int64_t bytes, char out[HUMAN_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    if (bytes < 0) {
        (void)snprintf(out, HUMAN_SIZE, "-");
        return out;
    }
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024.0;
        unit++;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : 1;
    (void)snprintf(out, HUMAN_SIZE, "%.*f %s", decimals, value, units[unit]);
    return out;
}

const char *human_count(int64_t count, char out[HUMAN_SIZE])
{
    char digits[HUMAN_SIZE];
    int length = snprintf(digits, sizeof digits, "%" PRId64, count);
    if (count < 0) {
        (void)snprintf(out, HUMAN_SIZE, "-");
        return out;
    }
    char *to = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = 0;
    return out;
}

const char *human_seconds(int64_t seconds, char out[HUMAN_SIZE])
{
    if (seconds < 0) {
        (void)snprintf(out, HUMAN_SIZE, "-");
    } else if (seconds < 120) {
        (void)snprintf(out, HUMAN_SIZE, "%" PRId64 " s", seconds);
    } else if (seconds < 7200) {
        (void)snprintf(out, HUMAN_SIZE, "%" PRId64 " min", seconds / 60);
    } else if (seconds < 172800) {
        (void)snprintf(out, HUMAN_SIZE, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
                       seconds / 60 % 60);
    } else {
        (void)snprintf(out, HUMAN_SIZE, "%" PRId64 " d %" PRId64 " h", seconds / 86400,
                       seconds / 3600 % 24);
    }
    return out;
}

int64_t human_duration_ms(const char *text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},    {"m", 60000},
                 {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    const int64_t longest_ms = 366LL * 86400000;
    if (text[0] < '0' || text[0] > '9') {
        return -1;
    }
    char *end;
    long long number = strtoll(text, &end, 10);
    end += *end == ' ' ? 1 : 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].name) == 0) {
            return number <= longest_ms / units[i].ms ? number * units[i].ms : -1;
        }
    }
    return -1;
}
