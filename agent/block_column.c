// One column of a block, written the cheapest of the ways that give back every bit.
#include "agent/block_encode.h"
#include <assert.h>

// ---- integers: predict, and lay what is left ----

static unsigned bit_length(uint64_t value)
{
    return value == 0 ? 0 : 64U - (unsigned)__builtin_clzll(value);
}

// Differences wrap modulo 2^64: any two integers have one.
static int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

struct order_choice {
    enum column_order order;
    uint64_t bits; // of all residuals, as far as they tell the cost
    int64_t smallest;
};

static struct order_choice choose_order(const int64_t *numbers, uint32_t count)
{
    int64_t smallest = numbers[0];
    int64_t step = 0;
    uint64_t delta_bits = 0;
    uint64_t slope_bits = 0;
    uint64_t changes = 0;
    for (uint32_t i = 1; i < count; i++) {
        int64_t delta = difference(numbers[i], numbers[i - 1]);
        delta_bits += bit_length(zigzag(delta));
        slope_bits += bit_length(zigzag(difference(delta, step)));
        changes |= (uint64_t)delta;
        step = delta;
        smallest = numbers[i] < smallest ? numbers[i] : smallest;
    }
    if (changes == 0) {
        return (struct order_choice){ORDER_CONSTANT, 0, smallest};
    }
    uint64_t offset_bits = 0;
    for (uint32_t i = 0; i < count; i++) {
        offset_bits += bit_length((uint64_t)difference(numbers[i], smallest));
    }
    struct order_choice best = {ORDER_DELTA, delta_bits, smallest};
    if (slope_bits < best.bits) {
        best = (struct order_choice){ORDER_SLOPE, slope_bits, smallest};
    }
    if (offset_bits < best.bits) {
        best = (struct order_choice){ORDER_OFFSET, offset_bits, smallest};
    }
    return best;
}

static void lay_residuals(struct block_codec *codec, const int64_t *numbers, uint32_t count,
                          const struct order_choice *choice)
{
    struct section *values = &codec->sections[SECTION_VALUES];
    bool offset = choice->order == ORDER_OFFSET;
    section_varint(&codec->sections[SECTION_FIRST], zigzag(offset ? choice->smallest : numbers[0]));
    uint8_t *at = values->at;
    switch (choice->order) {
    case ORDER_CONSTANT:
        break;
    case ORDER_OFFSET:
        for (uint32_t i = 0; i < count; i++) {
            at = lay_varint(at, (uint64_t)difference(numbers[i], choice->smallest));
        }
        break;
    case ORDER_DELTA:
        for (uint32_t i = 1; i < count; i++) {
            at = lay_varint(at, zigzag(difference(numbers[i], numbers[i - 1])));
        }
        break;
    case ORDER_SLOPE: {
        int64_t step = 0;
        for (uint32_t i = 1; i < count; i++) {
            int64_t delta = difference(numbers[i], numbers[i - 1]);
            at = lay_varint(at, zigzag(difference(delta, step)));
            step = delta;
        }
        break;
    }
    }
    values->at = at;
}

// ---- a dictionary of few distinct numbers ----

// Shell's sort: at most 255 numbers, no memory (qsort may take some).
static void sort_numbers(int64_t *numbers, uint32_t count)
{
    static const uint32_t gaps[] = {57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            int64_t number = numbers[i];
            uint32_t at = i;
            for (; at >= gaps[g] && numbers[at - gaps[g]] > number; at -= gaps[g]) {
                numbers[at] = numbers[at - gaps[g]];
            }
            numbers[at] = number;
        }
    }
}

static uint32_t number_hash(int64_t number)
{
    return (uint32_t)((uint64_t)number * 0x9e3779b97f4a7c15ULL >> 54); // 10 bits
}

enum { NUMBER_SLOTS = 1024 };

// The slot of `number` among `distinct` (slots hold places plus one), or the free one for it.
static uint16_t *number_slot(uint16_t *slots, const int64_t *distinct, int64_t number)
{
    uint32_t slot = number_hash(number);
    while (slots[slot] != 0 && distinct[slots[slot] - 1] != number) {
        slot = (slot + 1) % NUMBER_SLOTS;
    }
    return &slots[slot];
}

// Collect the distinct numbers, sorted; 0 where they are more than `limit`.
static uint32_t distinct_numbers(struct block_codec *codec, uint32_t count, int64_t *distinct,
                                 uint32_t limit)
{
    memset(codec->slots, 0, NUMBER_SLOTS * sizeof codec->slots[0]);
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *slot = number_slot(codec->slots, distinct, codec->numbers[i]);
        if (*slot == 0) {
            if (found == limit) {
                return 0;
            }
            distinct[found++] = codec->numbers[i];
            *slot = (uint16_t)found;
        }
    }
    sort_numbers(distinct, found);
    memset(codec->slots, 0, NUMBER_SLOTS * sizeof codec->slots[0]);
    for (uint32_t place = 0; place < found; place++) {
        *number_slot(codec->slots, distinct, distinct[place]) = (uint16_t)(place + 1);
    }
    return found;
}

// Put places in a dictionary for the numbers where that is cheaper than `plain`, and say so.
static bool use_dictionary(struct block_codec *codec, uint32_t count, struct order_choice *plain)
{
    enum { FEW = 8 };
    if (count < FEW || plain->bits < 8 * (uint64_t)count) {
        return false;
    }
    int64_t distinct[BLOCK_DICTIONARY_MAX];
    uint32_t limit = count / 2 < BLOCK_DICTIONARY_MAX ? count / 2 : BLOCK_DICTIONARY_MAX;
    uint32_t found = distinct_numbers(codec, count, distinct, limit);
    if (found == 0) {
        return false;
    }
    uint64_t cost = 16;
    for (uint32_t place = 1; place < found; place++) {
        cost += 2 + bit_length((uint64_t)difference(distinct[place], distinct[place - 1]));
    }
    int64_t *places = codec->scratch;
    for (uint32_t i = 0; i < count; i++) {
        places[i] = *number_slot(codec->slots, distinct, codec->numbers[i]) - 1;
    }
    struct order_choice choice = choose_order(places, count);
    if (cost + choice.bits >= plain->bits) {
        return false;
    }
    struct section *first = &codec->sections[SECTION_FIRST];
    section_varint(first, found - 1);
    section_varint(first, zigzag(distinct[0]));
    for (uint32_t place = 1; place < found; place++) {
        section_varint(first, (uint64_t)difference(distinct[place], distinct[place - 1]));
    }
    memcpy(codec->numbers, places, count * sizeof places[0]);
    *plain = choice;
    return true;
}

static void lay_mode(struct block_codec *codec, enum column_kind kind, unsigned order,
                     uint8_t flags)
{
    section_byte(&codec->sections[SECTION_MODE],
                 (uint8_t)((unsigned)kind | order << MODE_ORDER_SHIFT | flags));
}

static void lay_integers(struct block_codec *codec, uint32_t count, uint8_t flags)
{
    memcpy(codec->numbers, codec->bits, count * sizeof codec->bits[0]);
    struct order_choice choice = choose_order(codec->numbers, count);
    if (use_dictionary(codec, count, &choice)) {
        flags |= MODE_DICTIONARY;
    }
    lay_mode(codec, KIND_INTEGER, choice.order, flags);
    lay_residuals(codec, codec->numbers, count, &choice);
}

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

// The fewest digits >= `from` that say the value; BLOCK_DECIMALS_MAX + 1: none do.
static unsigned digits_needed(uint64_t bits, unsigned from, bool is_float)
{
    int64_t m;
    for (unsigned digits = from; digits <= BLOCK_DECIMALS_MAX; digits++) {
        struct decimal decimal = decimal_of(digits, is_float);
        if (decimal_fits(bits, &decimal, &m)) {
            return digits;
        }
    }
    return BLOCK_DECIMALS_MAX + 1;
}

// How many of some values need so many digits; the last place counts those that no digits say.
struct digits_census {
    uint16_t counts[BLOCK_DECIMALS_MAX + 2];
};

// The digits that cost least: each digit costs every value 10/3 bits; a value that needs more is
// an exception, cheap where it is a decimal missed by a few units in the last place (such need 13
// digits or more), else eight bytes and its place.
static unsigned choose_digits(const struct digits_census *census, uint32_t count, uint64_t *cost)
{
    enum { NEAR_BITS = 24, FAR_BITS = 88, NEAR_DIGITS = 13 };
    unsigned best = 0;
    uint64_t best_cost = UINT64_MAX;
    uint64_t beyond = 0;
    for (unsigned digits = BLOCK_DECIMALS_MAX + 1; digits-- > 0;) {
        beyond += (uint64_t)census->counts[digits + 1] *
                  (digits + 1 >= NEAR_DIGITS ? NEAR_BITS : FAR_BITS);
        uint64_t all = beyond + (uint64_t)count * digits * 10 / 3;
        if (all <= best_cost) {
            best = digits;
            best_cost = all;
        }
    }
    *cost = best_cost;
    return best;
}

static unsigned sample_digits(const struct block_codec *codec, uint32_t count, bool is_float,
                              uint64_t *cost)
{
    enum { SAMPLES = 16 };
    struct digits_census census = {{0}};
    uint32_t samples = count < SAMPLES ? count : SAMPLES;
    for (uint32_t i = 0; i < samples; i++) {
        uint64_t bits = codec->bits[(uint64_t)i * count / samples];
        census.counts[digits_needed(bits, 0, is_float)]++;
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
    struct digits_census census = {{0}};
    census.counts[digits] = (uint16_t)(count - exception_count);
    for (uint32_t i = 0; i < exception_count; i++) {
        uint64_t bits = codec->bits[codec->exceptions[i]];
        census.counts[digits_needed(bits, digits + 1, is_float)]++;
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

// Lay the exceptions, and give those that are far from any decimal the number before them.
static void lay_exceptions(struct block_codec *codec, const struct decimal *decimal,
                           uint32_t exception_count)
{
    struct section *first = &codec->sections[SECTION_FIRST];
    struct section *raw = &codec->sections[SECTION_RAW];
    section_varint(first, exception_count - 1);
    uint32_t previous = 0;
    for (uint32_t i = 0; i < exception_count; i++) {
        uint32_t at = codec->exceptions[i];
        int64_t m;
        int64_t ulps;
        section_varint(first, at - previous);
        previous = at;
        if (ulps_from_decimal(codec->bits[at], decimal, &m, &ulps)) {
            codec->numbers[at] = m;
            section_varint(first, zigzag(ulps) << 1);
            continue;
        }
        codec->numbers[at] = at > 0 ? codec->numbers[at - 1] : 0;
        section_varint(first, 1);
        put_u64(raw->at, codec->bits[at]);
        raw->at += 8;
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

// Do more than one in ten values come again? (A look at a window is enough to tell.)
static bool values_recur(const struct block_codec *codec, uint32_t count)
{
    enum { SLOTS = 256 };
    uint64_t seen[SLOTS] = {0};
    uint32_t again = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = codec->bits[i];
        uint64_t *slot = &seen[bits * 0x9e3779b97f4a7c15ULL >> 56];
        again += *slot == bits;
        *slot = bits;
    }
    return again * 10 > count;
}

static void lay_planes(struct section *raw, const uint64_t *bits, uint32_t count, unsigned width)
{
    for (unsigned plane = width; plane-- > 0;) {
        uint8_t previous = 0;
        bool top = plane + 2 >= width; // sign, exponent: these change little
        for (uint32_t i = 0; i < count; i++) {
            uint8_t byte = (uint8_t)(bits[i] >> 8 * plane);
            *raw->at++ = top ? byte ^ previous : byte;
            previous = byte;
        }
    }
}

static void lay_raw(struct block_codec *codec, uint32_t count, uint8_t flags)
{
    struct section *raw = &codec->sections[SECTION_RAW];
    bool singles = all_singles(codec, count);
    enum raw_order order = values_recur(codec, count) ? RAW_PLAIN : RAW_PLANES;
    lay_mode(codec, singles ? KIND_SINGLE : KIND_DOUBLE, order, flags);
    unsigned width = singles ? 4 : 8;
    if (singles) {
        for (uint32_t i = 0; i < count; i++) {
            codec->bits[i] = float_bits((float)bits_double(codec->bits[i]));
        }
    }
    if (order == RAW_PLANES) {
        lay_planes(raw, codec->bits, count, width);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        put_u64(bytes, codec->bits[i]);
        memcpy(raw->at, bytes, width);
        raw->at += width;
    }
}

static void lay_doubles(struct block_codec *codec, uint32_t count, uint8_t flags)
{
    uint64_t cost;
    bool is_float = false;
    unsigned digits = sample_digits(codec, count, false, &cost);
    if (cost > 24 * (uint64_t)count && all_singles(codec, count)) {
        uint64_t float_cost;
        unsigned float_digits = sample_digits(codec, count, true, &float_cost);
        if (float_cost < cost) {
            cost = float_cost;
            digits = float_digits;
            is_float = true;
        }
    }
    uint32_t exception_count = decimals_from(codec, count, digits, is_float);
    if (exception_count > 0) {
        unsigned again = digits_again(codec, count, digits, is_float, exception_count);
        if (again != digits) {
            digits = again;
            exception_count = decimals_from(codec, count, digits, is_float);
        }
    }
    if (exception_count > count / 2) {
        lay_raw(codec, count, flags);
        return;
    }
    const struct decimal decimal = decimal_of(digits, is_float);
    if (exception_count > 0) {
        lay_exceptions(codec, &decimal, exception_count);
        flags |= MODE_EXCEPTIONS;
    }
    struct order_choice choice = choose_order(codec->numbers, count);
    if (use_dictionary(codec, count, &choice)) {
        flags |= MODE_DICTIONARY;
    }
    lay_mode(codec, is_float ? KIND_FLOAT : KIND_DECIMAL, choice.order, flags);
    section_byte(&codec->sections[SECTION_MODE], (uint8_t)digits);
    lay_residuals(codec, codec->numbers, count, &choice);
}

// ---- strings: a dictionary, in order of first appearance ----

static struct bytes text_at(const uint8_t *text, uint64_t bits)
{
    return bytes_from(text + (bits >> 32), (uint32_t)bits);
}

static uint32_t text_hash(struct bytes text)
{
    uint32_t hash = 2166136261U; // FNV-1a
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ text.at[i]) * 16777619U;
    }
    return hash ^ hash >> 15;
}

static void lay_texts(struct block_codec *codec, uint32_t count, uint8_t flags, const uint8_t *text)
{
    struct section *first = &codec->sections[SECTION_FIRST];
    struct section *bytes = &codec->sections[SECTION_TEXT];
    uint32_t slot_count = 16;
    while (slot_count < 2 * count) {
        slot_count *= 2;
    }
    memset(codec->slots, 0, slot_count * sizeof codec->slots[0]);
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct bytes here = text_at(text, codec->bits[i]);
        uint32_t slot = text_hash(here) & (slot_count - 1);
        while (
            codec->slots[slot] != 0 &&
            !bytes_equal(text_at(text, codec->bits[codec->places[codec->slots[slot] - 1]]), here)) {
            slot = (slot + 1) & (slot_count - 1);
        }
        if (codec->slots[slot] == 0) {
            codec->places[found++] = (uint16_t)i;
            codec->slots[slot] = (uint16_t)found;
        }
        codec->numbers[i] = codec->slots[slot] - 1;
    }
    section_varint(first, found - 1);
    for (uint32_t place = 0; place < found; place++) {
        struct bytes here = text_at(text, codec->bits[codec->places[place]]);
        section_varint(first, here.size);
        if (here.size > 0) {
            memcpy(bytes->at, here.at, here.size);
            bytes->at += here.size;
        }
    }
    struct order_choice choice = choose_order(codec->numbers, count);
    lay_mode(codec, KIND_TEXT, choice.order, flags);
    lay_residuals(codec, codec->numbers, count, &choice);
}

void block_encode_column(struct block_codec *codec, enum column_type type, uint32_t count,
                         uint8_t flags, const uint8_t *text)
{
    assert(count > 0 && count <= BLOCK_READINGS_MAX);
    switch (type) {
    case COLUMN_BOOLEAN:
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        lay_integers(codec, count, flags);
        break;
    case COLUMN_NUMBER:
        lay_doubles(codec, count, flags);
        break;
    case COLUMN_STRING:
        lay_texts(codec, count, flags, text);
        break;
    }
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        assert(codec->sections[i].at <= codec->sections[i].end);
    }
}
