#include "agent/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

int64_t clock_wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_boot_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_boot_ms(void)
{
    return clock_boot_ns() / 1000000;
}

// Days since 1970-01-01 of a civil date, and back (proleptic Gregorian calendar; years from 0000).
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

static char *put_digits(char *at, unsigned value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

size_t clock_format(int64_t wall_ms, char out[25])
{
    const int64_t lowest = -62167219200000;  // 0000-01-01
    const int64_t highest = 253402300799999; // 9999-12-31T23:59:59.999
    wall_ms = wall_ms < lowest ? lowest : wall_ms > highest ? highest : wall_ms;
    int64_t days = wall_ms / 86400000;
    int64_t rest = wall_ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    int64_t year;
    unsigned month;
    unsigned day;
    civil_from_days(days, &year, &month, &day);
    unsigned ms = (unsigned)rest;
    char *at = put_digits(out, (unsigned)year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, ms / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, ms / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, ms % 1000, 3);
    *at++ = 'Z';
    *at = 0;
    return 24;
}

// Read exactly `digits` digits; -1 where they are not there.
static int take_digits(const char **at, const char *end, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (*at >= end || !isdigit((unsigned char)**at)) {
            return -1;
        }
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool take(const char **at, const char *end, const char *any)
{
    if (*at >= end || strchr(any, **at) == NULL) {
        return false;
    }
    (*at)++;
    return true;
}

// Milliseconds of ".123456", zero where there is no fraction; -1 for a point without digits.
static int take_fraction(const char **at, const char *end)
{
    if (!take(at, end, ".,")) {
        return 0;
    }
    int ms = 0;
    int digits = 0;
    for (; *at < end && isdigit((unsigned char)**at); (*at)++, digits++) {
        if (digits < 3) {
            ms = ms * 10 + (**at - '0');
        }
    }
    for (int i = digits; i < 3; i++) {
        ms *= 10;
    }
    return digits == 0 ? -1 : ms;
}

// Minutes east of UTC of "Z", "+02:00"; false where it is neither.
static bool take_offset(const char **at, const char *end, int *minutes)
{
    *minutes = 0;
    if (take(at, end, "Zz")) {
        return true;
    }
    if (*at >= end || (**at != '+' && **at != '-')) {
        return false;
    }
    int sign = *(*at)++ == '-' ? -1 : 1;
    int hours = take_digits(at, end, 2);
    (void)take(at, end, ":");
    int rest = take_digits(at, end, 2);
    if (hours < 0 || hours > 23 || rest < 0 || rest > 59) {
        return false;
    }
    *minutes = sign * (hours * 60 + rest);
    return true;
}

int clock_parse(const char *text, size_t size, int64_t *wall_ms)
{
    static const int days_in[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *at = text;
    const char *end = text + size;
    int year = take_digits(&at, end, 4);
    bool fits = year >= 0 && take(&at, end, "-");
    int month = fits ? take_digits(&at, end, 2) : -1;
    fits = fits && month >= 1 && month <= 12 && take(&at, end, "-");
    int day = fits ? take_digits(&at, end, 2) : -1;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    fits = fits && day >= 1 && day <= days_in[month - 1] && (month != 2 || day < 29 || leap);
    fits = fits && take(&at, end, "Tt ");
    int hour = fits ? take_digits(&at, end, 2) : -1;
    fits = fits && hour >= 0 && hour <= 23 && take(&at, end, ":");
    int minute = fits ? take_digits(&at, end, 2) : -1;
    fits = fits && minute >= 0 && minute <= 59 && take(&at, end, ":");
    int second = fits ? take_digits(&at, end, 2) : -1;
    fits = fits && second >= 0 && second <= 60; // a leap second is read as the next one
    int ms = fits ? take_fraction(&at, end) : -1;
    int offset = 0;
    if (ms < 0 || !take_offset(&at, end, &offset) || at != end) {
        return -1;
    }
    int64_t seconds = days_from_civil(year, (unsigned)month, (unsigned)day) * 86400 + hour * 3600 +
                      (minute - offset) * 60 + second;
    *wall_ms = seconds * 1000 + ms;
    return 0;
}
