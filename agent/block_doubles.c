// A column of doubles as integers: decimals where they are, else the doubles' own places.
#include "agent/block_encode.h"

// ---- doubles: decimals, where they are ----

// 1.5 x 2^52: added to a double below 2^51 it leaves the nearest integer in the low bits.
#define ROUNDER       6755399441055744.0
#define DECIMAL_LIMIT 2251799813685248.0 // 2^51

struct decimal {
    uint8_t digits;
    bool is_float;
    double power;
};

static struct decimal decimal_of(unsigned digits, bool is_float)
{
    return (struct decimal){(uint8_t)digits, is_float, block_power_of_ten[digits]};
}

static int64_t decimal_nearest(double value, double power)
{
    return (int64_t)(double_bits(value * power + ROUNDER) - double_bits(ROUNDER));
}

static bool decimal_in_range(double value, double power)
{
    double scaled = value * power; // NaN is in no range
    return scaled < DECIMAL_LIMIT && scaled > -DECIMAL_LIMIT;
}

// Is the value exactly m / 10^k? The bits are compared: -0.0 is no 0.
static bool decimal_fits(uint64_t bits, const struct decimal *decimal, int64_t *m)
{
    double value = bits_double(bits);
    if (!decimal_in_range(value, decimal->power)) {
        return false;
    }
    *m = decimal_nearest(value, decimal->power);
    return double_bits(decimal_double(*m, decimal->power, decimal->is_float)) == bits;
}

unsigned block_digits(uint64_t bits, unsigned from, bool is_float, int64_t *m)
{
    for (unsigned digits = from; digits <= BLOCK_DECIMALS_MAX; digits++) {
        struct decimal decimal = decimal_of(digits, is_float);
        if (decimal_fits(bits, &decimal, m)) {
            return digits;
        }
    }
    return BLOCK_DECIMALS_MAX + 1;
}

// How many of some values need so many digits; the last place counts those that no digits say.
struct digits_census {
    uint16_t counts[BLOCK_DECIMALS_MAX + 2];
    uint8_t most; // digits that any needs
};

static void census_count(struct digits_census *census, unsigned digits, uint32_t count)
{
    census->counts[digits] = (uint16_t)(census->counts[digits] + count);
    census->most = (uint8_t)(digits > census->most ? digits : census->most);
}

// The digits that cost least: each digit costs every value 10/3 bits; a value that needs more is
// an exception, cheap where it is a decimal missed by a few units in the last place (such need 13
// digits or more), else the dearer for being told beside what others share.
static unsigned choose_digits(const struct digits_census *census, uint32_t count, uint64_t *cost)
{
    enum { NEAR_BITS = 24, FAR_BITS = 160, NEAR_DIGITS = 13 };
    unsigned best = 0;
    uint64_t best_cost = UINT64_MAX;
    uint64_t beyond = 0;
    for (unsigned digits = census->most + 1U; digits-- > 0;) {
        uint32_t here = census->counts[digits];
        if (here == 0) {
            continue;
        }
        if (digits <= BLOCK_DECIMALS_MAX && beyond + count * digits * 10 / 3 <= best_cost) {
            best = digits;
            best_cost = beyond + count * digits * 10 / 3;
        }
        beyond += (uint64_t)here * (digits >= NEAR_DIGITS ? NEAR_BITS : FAR_BITS);
    }
    *cost = best_cost < beyond ? best_cost : beyond;
    return best;
}

static unsigned sample_digits(const struct block_codec *codec, uint32_t count, bool is_float,
                              uint64_t *cost)
{
    enum { SAMPLES = 16 };
    struct digits_census census = {.most = 0};
    uint32_t samples = count < SAMPLES ? count : SAMPLES;
    for (uint32_t i = 0; i < samples; i++) {
        int64_t m;
        uint64_t bits = codec->bits[(uint64_t)i * count / samples];
        census_count(&census, block_digits(bits, 0, is_float, &m), 1);
    }
    unsigned digits = choose_digits(&census, samples, cost);
    *cost = *cost * count / samples;
    return digits;
}

// Turn the column into integers; where a value is no such decimal, note its place.
static uint32_t decimals_from(struct block_codec *codec, uint32_t count, unsigned digits,
                              bool is_float)
{
    const struct decimal decimal = decimal_of(digits, is_float);
    uint32_t exception_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!decimal_fits(codec->bits[i], &decimal, &codec->numbers[i])) {
            codec->exceptions[exception_count++] = (uint16_t)i;
        }
    }
    return exception_count;
}

// With the exceptions known, would other digits be cheaper?
static unsigned digits_again(const struct block_codec *codec, uint32_t count, unsigned digits,
                             bool is_float, uint32_t exception_count)
{
    struct digits_census census = {.most = 0};
    census_count(&census, digits, count - exception_count);
    for (uint32_t i = 0; i < exception_count; i++) {
        int64_t m;
        uint64_t bits = codec->bits[codec->exceptions[i]];
        census_count(&census, block_digits(bits, digits + 1, is_float, &m), 1);
    }
    uint64_t cost;
    return choose_digits(&census, count, &cost);
}

// The distance of a value from the decimal beside it, in units in the last place; false where it
// is not near.
static bool ulps_from_decimal(uint64_t bits, const struct decimal *decimal, int64_t *m,
                              int64_t *ulps)
{
    enum { NEAR = 1 << 20 };
    double value = bits_double(bits);
    if (!decimal_in_range(value, decimal->power)) {
        return false;
    }
    *m = decimal_nearest(value, decimal->power);
    *ulps = difference((int64_t)bits,
                       (int64_t)double_bits(decimal_double(*m, decimal->power, decimal->is_float)));
    return *ulps > -NEAR && *ulps < NEAR;
}

// Give each exception an integer that costs little: the decimal beside it, or the number before.
static void soothe_exceptions(struct block_codec *codec, const struct decimal *decimal,
                              uint32_t exception_count)
{
    for (uint32_t i = 0; i < exception_count; i++) {
        uint32_t at = codec->exceptions[i];
        int64_t ulps;
        if (!ulps_from_decimal(codec->bits[at], decimal, &codec->numbers[at], &ulps)) {
            codec->numbers[at] = at > 0 ? codec->numbers[at - 1] : 0;
        }
    }
}

static void lay_exceptions(struct block_codec *codec, const struct decimal *decimal,
                           uint32_t exception_count)
{
    uint32_t previous = 0;
    encode_number(&codec->encoder, &codec->model, ABOUT_COUNT, exception_count - 1);
    for (uint32_t i = 0; i < exception_count; i++) {
        uint32_t at = codec->exceptions[i];
        int64_t m;
        int64_t ulps;
        encode_number(&codec->encoder, &codec->model, ABOUT_PLACE, at - previous);
        previous = at;
        if (ulps_from_decimal(codec->bits[at], decimal, &m, &ulps)) {
            encode_number(&codec->encoder, &codec->model, ABOUT_ULPS, zigzag(ulps) << 1);
        } else {
            encode_number(&codec->encoder, &codec->model, ABOUT_ULPS, 1);
            encode_number(&codec->encoder, &codec->model, ABOUT_RAW, codec->bits[at]);
        }
    }
}

// ---- doubles as they are ----

static bool all_singles(const struct block_codec *codec, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        double value = bits_double(codec->bits[i]);
        // A NaN's payload may not survive the way to a float: such a column keeps its doubles.
        if (!(value >= -(double)FLT_MAX && value <= (double)FLT_MAX) ||
            double_bits((double)(float)value) != codec->bits[i]) {
            return false;
        }
    }
    return true;
}

static void lay_raw(struct block_codec *codec, const struct column_out *column)
{
    bool singles = all_singles(codec, column->count);
    for (uint32_t i = 0; i < column->count; i++) {
        double value = bits_double(codec->bits[i]);
        codec->numbers[i] =
            singles ? fold_float(float_bits((float)value)) : fold_double(codec->bits[i]);
    }
    block_lay_numbers(codec, column, singles ? KIND_SINGLE : KIND_DOUBLE, 0, -1);
}

// How a column of doubles becomes integers, and what that costs.
struct decimal_choice {
    unsigned digits;
    bool is_float;
    uint64_t cost;
};

static struct decimal_choice choose_decimal(const struct block_codec *codec, uint32_t count)
{
    enum { DEAR = 24 }; // bits a value: worth a look at floats
    struct decimal_choice choice = {.is_float = false};
    choice.digits = sample_digits(codec, count, false, &choice.cost);
    if (choice.cost > DEAR * (uint64_t)count && all_singles(codec, count)) {
        struct decimal_choice floats = {.is_float = true};
        floats.digits = sample_digits(codec, count, true, &floats.cost);
        if (floats.cost < choice.cost) {
            return floats;
        }
    }
    return choice;
}

void block_lay_doubles(struct block_codec *codec, const struct column_out *column)
{
    uint32_t count = column->count;
    struct decimal_choice choice = choose_decimal(codec, count);
    bool is_float = choice.is_float;
    uint32_t exception_count = decimals_from(codec, count, choice.digits, is_float);
    if (exception_count > 0) {
        unsigned again = digits_again(codec, count, choice.digits, is_float, exception_count);
        if (again != choice.digits) {
            choice.digits = again;
            exception_count = decimals_from(codec, count, again, is_float);
        }
    }
    if (exception_count > count / 4) {
        lay_raw(codec, column);
        return;
    }
    const struct decimal decimal = decimal_of(choice.digits, is_float);
    soothe_exceptions(codec, &decimal, exception_count);
    block_lay_numbers(codec, column, is_float ? KIND_FLOAT : KIND_DECIMAL,
                      exception_count > 0 ? MODE_EXCEPTIONS : 0, (int)choice.digits);
    if (exception_count > 0) {
        lay_exceptions(codec, &decimal, exception_count);
    }
}
