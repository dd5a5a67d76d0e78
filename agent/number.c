// Most numbers of sensors are m / 10^k with m below 2^53 and k up to 22. Both are then exact as
// doubles, so one IEEE division gives the nearest double (Clinger, "How to read floating point
// numbers accurately", 1990), and the same division, tried for k = 0, 1, 2 ..., finds the shortest
// text of a double. What does not fit goes through the C library, without a decimal point in the
// text, because that is where a locale would show.
#include "agent/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// The division must round once, to double: no x87.
static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles");

enum {
    EXACT_POWER_MAX = 22, // 10^22 = 5^22 * 2^22, and 5^22 < 2^53
    EXPONENT_MAX = 99999, // far beyond any double; keeps the sums small
    DIGITS_MAX = 800,     // significant digits kept: 767 decide between two doubles
    DIGITS_IN_WORD = 19,  // decimal digits that always fit 64 bits
    ORDINARY_MAX = 17,    // bytes of a sign, a point and 15 digits, which 2^53 is above
};

static const uint64_t mantissa_max = UINT64_C(1) << 53;

static const double powers_of_ten[EXACT_POWER_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

// ---- reading ----

// What the scanner found. The digits of `text` (the point left out) are the number's, times
// 10^exponent.
struct decimal {
    struct bytes text; // mantissa: digits and at most one point
    bool negative;
    bool whole;        // neither point nor exponent
    bool json;         // as RFC 8259 has it
    uint32_t digits;   // from the first that is not zero
    uint64_t mantissa; // value of the digits; exact for up to DIGITS_IN_WORD
    int32_t exponent;
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// Add a run of digits to `decimal`; returns how many there are.
static size_t scan_digits(const uint8_t *at, const uint8_t *end, struct decimal *decimal)
{
    const uint8_t *start = at;
    uint64_t mantissa = decimal->mantissa;
    uint32_t digits = decimal->digits;
    for (; at < end && is_digit(*at); at++) {
        mantissa = mantissa * 10 + (uint64_t)(*at - '0'); // wraps harmlessly beyond 19 digits
        digits += digits > 0 || *at != '0';
    }
    decimal->mantissa = mantissa;
    decimal->digits = digits;
    return (size_t)(at - start);
}

// "e-12"; returns the bytes it takes, 0 where no exponent stands here.
static size_t scan_exponent(const uint8_t *at, const uint8_t *end, int32_t *exponent)
{
    const uint8_t *start = at;
    if (at == end || (*at | 0x20) != 'e') {
        return 0;
    }
    at++;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (at == end || !is_digit(*at)) {
        return 0;
    }
    int32_t value = 0;
    for (; at < end && is_digit(*at); at++) {
        value = value > EXPONENT_MAX ? value : value * 10 + (*at - '0');
    }
    *exponent += negative ? -value : value;
    return (size_t)(at - start);
}

// Returns the bytes of the number at the front of `in`, 0 where there is none.
static size_t scan(struct bytes in, struct decimal *decimal)
{
    const uint8_t *at = in.at;
    const uint8_t *end = in.at + in.size;
    *decimal = (struct decimal){.whole = true, .json = true};
    if (at < end && (*at == '-' || *at == '+')) {
        decimal->negative = *at == '-';
        decimal->json = decimal->negative;
        at++;
    }
    decimal->text.at = at;
    size_t before = scan_digits(at, end, decimal);
    decimal->json = decimal->json && before > 0 && (before == 1 || *at != '0');
    at += before;
    size_t after = 0;
    if (at < end && *at == '.') {
        after = scan_digits(at + 1, end, decimal);
        decimal->json = decimal->json && after > 0;
        decimal->whole = false;
        at += 1 + after;
    }
    if (before + after == 0 || after > EXPONENT_MAX) {
        return 0;
    }
    decimal->text.size = (size_t)(at - decimal->text.at);
    decimal->exponent = -(int32_t)after;
    size_t tail = scan_exponent(at, end, &decimal->exponent);
    decimal->whole = decimal->whole && tail == 0;
    return (size_t)(at - in.at) + tail;
}

// The nearest double by strtod, from a text without a point: "12345e-3". Digits beyond DIGITS_MAX
// can only say "a little more than this", and one that is not zero says so.
static double nearest_by_library(const struct decimal *decimal)
{
    char text[DIGITS_MAX + 16];
    size_t size = 0;
    int64_t exponent = decimal->exponent;
    bool more = false;
    for (size_t i = 0; i < decimal->text.size; i++) {
        uint8_t byte = decimal->text.at[i];
        if (byte == '.' || (size == 0 && byte == '0')) {
            continue;
        }
        if (size < DIGITS_MAX) {
            text[size++] = (char)byte;
        } else {
            more = more || byte != '0';
            exponent++;
        }
    }
    if (more) {
        text[size - 1] = (char)(text[size - 1] == '0' ? '1' : text[size - 1]);
    }
    (void)snprintf(text + size, sizeof text - size, "e%lld", (long long)exponent);
    return size == 0 ? 0.0 : strtod(text, NULL);
}

static double nearest(const struct decimal *decimal)
{
    if (decimal->digits == 0) {
        return 0.0;
    }
    bool exact = decimal->digits <= DIGITS_IN_WORD && decimal->mantissa <= mantissa_max;
    if (exact && decimal->exponent <= 0 && decimal->exponent >= -EXACT_POWER_MAX) {
        return (double)decimal->mantissa / powers_of_ten[-decimal->exponent];
    }
    if (exact && decimal->exponent > 0 && decimal->exponent <= EXACT_POWER_MAX) {
        return (double)decimal->mantissa * powers_of_ten[decimal->exponent];
    }
    return nearest_by_library(decimal);
}

// Eight digits at once: a byte is a digit where its high half is 3, and stays so with 6 added.
static bool is_eight_digits(uint64_t word)
{
    const uint64_t high_halves = UINT64_C(0xF0F0F0F0F0F0F0F0);
    const uint64_t threes = UINT64_C(0x3030303030303030);
    return (word & high_halves) == threes &&
           ((word + UINT64_C(0x0606060606060606)) & high_halves) == threes;
}

// Their value: pairs of digits, then pairs of pairs, then both halves, each by one multiplication.
static uint64_t eight_digits(uint64_t word)
{
    word = (word & UINT64_C(0x0F0F0F0F0F0F0F0F)) * (10 * 256 + 1) >> 8;
    word = (word & UINT64_C(0x00FF00FF00FF00FF)) * (100 * 65536 + 1) >> 16;
    return (word & UINT64_C(0x0000FFFF0000FFFF)) * ((UINT64_C(10000) << 32) + 1) >> 32;
}

// The ordinary number, "-21.57": at most 15 digits, no exponent, as RFC 8259 has it. Returns 0 for
// all others, which take the long way.
static size_t take_ordinary(struct bytes in, struct number *number)
{
    const uint8_t *at = in.at;
    const uint8_t *end = in.at + (in.size < ORDINARY_MAX ? in.size : ORDINARY_MAX);
    bool negative = at < end && *at == '-';
    at += negative;
    const uint8_t *digits = at;
    uint64_t mantissa = 0;
    if (end - at >= 8 && is_eight_digits(get_u64(at))) {
        mantissa = eight_digits(get_u64(at));
        at += 8;
    }
    while (at < end && is_digit(*at)) {
        mantissa = mantissa * 10 + (uint64_t)(*at++ - '0');
    }
    size_t before = (size_t)(at - digits);
    if (at == end ? in.size >= ORDINARY_MAX : (*at | 0x20) == 'e') {
        return 0;
    }
    if (before == 0 || (before > 1 && *digits == '0')) {
        return 0;
    }
    size_t after = 0;
    if (at < end && *at == '.') {
        const uint8_t *point = at++;
        while (at < end && is_digit(*at)) {
            mantissa = mantissa * 10 + (uint64_t)(*at++ - '0');
        }
        after = (size_t)(at - point) - 1;
        if (after == 0 || (at == end ? in.size >= ORDINARY_MAX : (*at | 0x20) == 'e')) {
            return 0;
        }
        double magnitude = (double)mantissa / powers_of_ten[after];
        number->kind = NUMBER_FRACTION;
        number->number = negative ? -magnitude : magnitude;
    } else {
        number->kind = NUMBER_INTEGER;
        number->integer = negative ? -(int64_t)mantissa : (int64_t)mantissa;
        number->number = negative ? -(double)mantissa : (double)mantissa;
    }
    number->json = true;
    return (size_t)(at - in.at);
}

size_t number_take(struct bytes in, struct number *number)
{
    size_t ordinary = take_ordinary(in, number);
    if (ordinary > 0) {
        return ordinary;
    }
    *number = (struct number){.kind = NUMBER_NONE};
    struct decimal decimal;
    size_t used = scan(in, &decimal);
    if (used == 0) {
        return 0;
    }
    number->json = decimal.json;
    double magnitude = nearest(&decimal);
    number->number = decimal.negative ? -magnitude : magnitude;
    if (isinf(magnitude)) {
        return used;
    }
    number->kind = NUMBER_FRACTION;
    uint64_t limit = (uint64_t)INT64_MAX + decimal.negative;
    if (decimal.whole && decimal.digits <= DIGITS_IN_WORD && decimal.mantissa <= limit) {
        number->kind = NUMBER_INTEGER;
        number->integer =
            (int64_t)(decimal.negative ? UINT64_C(0) - decimal.mantissa : decimal.mantissa);
    }
    return used;
}

enum number_kind number_parse(struct bytes text, struct number *number)
{
    if (number_take(text, number) != text.size || text.size == 0) {
        *number = (struct number){.kind = NUMBER_NONE};
    }
    return number->kind;
}

// ---- writing ----

static const char digit_pairs[] = "0001020304050607080910111213141516171819"
                                  "2021222324252627282930313233343536373839"
                                  "4041424344454647484950515253545556575859"
                                  "6061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

// Write `value` so that it ends before `end`; returns where it starts.
static char *put_backwards(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + value * 2, 2);
        return end;
    }
    *--end = (char)('0' + value);
    return end;
}

static size_t put_magnitude(bool negative, uint64_t magnitude, char *out)
{
    char text[24];
    char *end = text + sizeof text;
    char *start = put_backwards(end, magnitude);
    if (negative) {
        *--start = '-';
    }
    size_t size = (size_t)(end - start);
    memcpy(out, start, size);
    out[size] = 0;
    return size;
}

size_t number_format_integer(int64_t number, char out[NUMBER_TEXT_SIZE])
{
    bool negative = number < 0;
    return put_magnitude(negative, negative ? 0 - (uint64_t)number : (uint64_t)number, out);
}

// "-0.05" from 5 and 2 places: the digits, padded to one more than `places`, with a point let in.
static size_t put_fixed(bool negative, uint64_t mantissa, unsigned places, char *out)
{
    char text[NUMBER_TEXT_SIZE + EXACT_POWER_MAX];
    char *end = text + sizeof text;
    char *start = put_backwards(end, mantissa);
    while ((size_t)(end - start) <= places) {
        *--start = '0';
    }
    size_t whole = (size_t)(end - start) - places;
    char *at = out;
    if (negative) {
        *at++ = '-';
    }
    memcpy(at, start, whole);
    at += whole;
    *at++ = '.';
    memcpy(at, start + whole, places);
    at += places;
    *at = 0;
    return (size_t)(at - out);
}

// Digits d.ddd times 10^exponent, as a plain number where that is short, else with an exponent.
static size_t put_scientific(bool negative, const char *digits, size_t count, int exponent,
                             char *out)
{
    char *at = out;
    if (negative) {
        *at++ = '-';
    }
    if (exponent >= (int)count - 1 && exponent <= 16) { // an integer: digits and zeros
        memcpy(at, digits, count);
        memset(at + count, '0', (size_t)exponent + 1 - count);
        at += exponent + 1;
    } else if (exponent >= 0 && exponent <= 16) { // a point among the digits
        memcpy(at, digits, (size_t)exponent + 1);
        at[exponent + 1] = '.';
        memcpy(at + exponent + 2, digits + exponent + 1, count - (size_t)exponent - 1);
        at += count + 1;
    } else if (exponent < 0 && exponent >= -5) { // zeros before them
        memcpy(at, "0.00000", 7);
        memcpy(at + 1 - exponent, digits, count);
        at += 1 - exponent + (int)count;
    } else {
        *at++ = digits[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, count - 1);
            at += count - 1;
        }
        at += snprintf(at, 8, "e%+d", exponent);
    }
    *at = 0;
    return (size_t)(at - out);
}

// Through the C library: the fewest digits whose correctly rounded form reads back equal. 15 always
// suffice to tell decimals apart and 17 to tell doubles apart; only subnormals need fewer.
static size_t format_by_library(bool negative, double magnitude, char *out)
{
    char digits[20] = "0";
    int exponent = 0;
    size_t count = 0;
    for (int wanted = magnitude < DBL_MIN ? 1 : 15; wanted <= 17; wanted++) {
        char text[40];
        (void)snprintf(text, sizeof text, "%.*e", wanted - 1, magnitude);
        count = 0;
        const char *at = text;
        for (; *at != 'e' && *at != 0; at++) {
            if (is_digit((uint8_t)*at)) { // whatever the locale's point is, it is left out
                digits[count++] = *at;
            }
        }
        exponent = (int)strtol(at + 1, NULL, 10);
        struct decimal decimal = {
            .text = bytes_from(digits, count),
            .digits = DIGITS_IN_WORD + 1, // straight to the library
            .exponent = exponent - (int)count + 1,
        };
        if (nearest(&decimal) == magnitude) {
            break;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    return put_scientific(negative, digits, count, exponent, out);
}

size_t number_format(double number, char out[NUMBER_TEXT_SIZE])
{
    const double mantissa_limit = 1e15; // below, v * 10^k rounds to the right integer
    bool negative = signbit(number) != 0;
    double magnitude = negative ? -number : number;
    if (magnitude == 0) {
        memcpy(out, negative ? "-0.0" : "0", negative ? 5 : 2);
        return negative ? 4 : 1;
    }
    if (magnitude < mantissa_limit && magnitude >= 1e-5) {
        uint64_t mantissa = (uint64_t)magnitude;
        if ((double)mantissa == magnitude) {
            return put_magnitude(negative, mantissa, out);
        }
        double scaled = magnitude * 10;
        for (unsigned places = 1; scaled < mantissa_limit; places++) {
            mantissa = (uint64_t)(scaled + 0.5);
            if ((double)mantissa / powers_of_ten[places] == magnitude) {
                return put_fixed(negative, mantissa, places, out);
            }
            scaled = magnitude * powers_of_ten[places + 1];
        }
    }
    if (!isfinite(number)) {
        memcpy(out, "null", 5);
        return 4;
    }
    return format_by_library(negative, magnitude, out);
}
