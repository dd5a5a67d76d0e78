// The entropy coder of blocks: a range coder (G. N. N. Martin, 1979) over an alphabet of 16, whose
// models learn from each symbol, and on top of it whole numbers. The length of a number in bits is
// coded by what was seen of such numbers before; the bits below its leading one are noise in sensor
// data and go, uncoded, to a stream of their own.
//
//   symbol 0 .. 13  the length of the number (0: it is 0); then the rest raw
//   symbol 14       longer; the next symbol has the length: 14 .. 28, or (15) 29 and more: then the
//                   third has the length - 29 by four, and two raw bits what is over; then the rest
//                   raw
//   symbol 15       of values only: one seen before, its slot of the cache in two symbols
//
// Internal to the block codec.
//
// Floor: forms.
#ifndef WEIR_AGENT_BLOCK_CODER_H
#define WEIR_AGENT_BLOCK_CODER_H

#include "agent/bytes.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    SYMBOL_COUNT = 16,
    SYMBOL_LONG = 14,
    SYMBOL_CACHED = 15,
    LENGTH_LONG = 14,   // bits of a number from which on it is SYMBOL_LONG
    LENGTH_LONGER = 29, // from which on a third symbol tells its length
    NOISE_MAX = 40,
    LENGTH_CACHED = 12, // from which on a value is kept in the cache: shorter is cheaper told
    CACHE_SLOTS = 256,
    CHANCE_BITS = 15,  // all chances of a model sum up to 2^15
    CHANCE_LEAST = 8,  // towards which those of symbols not seen fall
    RATE_FIRST = 2,    // a model moves by 1/2^rate towards what it sees: the first times by a
    RATE_LAST = 5,     // quarter, at last by 1/32
    HISTORY_COUNT = 7, // of the value before: see value_history
};

// What a number is about: numbers of one subject share what was learned of them.
enum subject {
    ABOUT_KEY,
    ABOUT_HITS,
    ABOUT_MISS,
    ABOUT_ZEROS,
    ABOUT_TIME,
    ABOUT_RUN,
    ABOUT_QUALITY,
    ABOUT_PRESENCE,
    ABOUT_COUNT,
    ABOUT_PLACE,
    ABOUT_ULPS,
    ABOUT_RAW,
    ABOUT_DICTIONARY,
    ABOUT_FIRST,
    ABOUT_NOISE,
    SUBJECT_COUNT,
};

// Eight numbers at a time, where the processor can (GCC and Clang make loops of it where not).
typedef int16_t eight __attribute__((vector_size(16)));
enum { EIGHTS = SYMBOL_COUNT / 8 };

// The chance of symbol s is start[s + 1] - start[s], of 2^15.
struct symbol_model {
    union {
        uint16_t start[SYMBOL_COUNT + 8]; // start[16] is 2^15; those after it only fill
        eight eights[EIGHTS];
    };
    uint16_t tries;
};

struct coder_model {
    struct symbol_model numbers[SUBJECT_COUNT];
    struct symbol_model values[HISTORY_COUNT];
    struct symbol_model lengths[2]; // of long numbers, of long values
    struct symbol_model longer[2];
    struct symbol_model slot_upper;
    struct symbol_model slot_lower[CACHE_SLOTS / SYMBOL_COUNT];
    struct symbol_model kind[8];  // of a column, by the kind of the one before
    struct symbol_model order[8]; // of a column, by its kind
    struct symbol_model digits;
    uint64_t cache[CACHE_SLOTS]; // long values seen lately, by hash
};

void coder_model_reset(struct coder_model *model);

// What each symbol pulls the starts to.
extern const eight symbol_pull[SYMBOL_COUNT][EIGHTS];

static inline unsigned bit_length(uint64_t value)
{
    return value == 0 ? 0 : 64U - (unsigned)__builtin_clzll(value);
}

static inline uint64_t *cache_slot(struct coder_model *model, uint64_t value)
{
    return &model->cache[value * 0x9e3779b97f4a7c15ULL >> 56];
}

// Values come in calm and in wild stretches: how long the one before was tells what to expect.
static inline unsigned value_history(unsigned length)
{
    static const uint8_t histories[17] = {0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6};
    return histories[length < 16 ? length : 16];
}

static inline void model_learn(struct symbol_model *model, unsigned symbol)
{
    const eight *pull = symbol_pull[symbol];
    int16_t rate = RATE_LAST;
    if (model->tries < 2 * (RATE_LAST - RATE_FIRST)) {
        rate = (int16_t)(RATE_FIRST + model->tries++ / 2);
    }
    model->eights[0] += (pull[0] - model->eights[0]) >> rate;
    model->eights[1] += (pull[1] - model->eights[1]) >> rate;
}

// The symbol whose part of 2^15 `at` falls into. In any C, and where the processor can count at
// once: 15 less how many starts are above `at`.
static inline unsigned model_find_plainly(const struct symbol_model *model, uint32_t at)
{
    const int16_t limit = (int16_t)(at < (1U << CHANCE_BITS) ? at : (1U << CHANCE_BITS) - 1);
    eight above = -((model->eights[0] > limit) + (model->eights[1] > limit));
    uint64_t halves[2];
    memcpy(halves, &above, sizeof halves);
    // Eight small numbers of 16 bits; the product sums four of them up in its top 16.
    return SYMBOL_COUNT - 1 - (unsigned)((halves[0] + halves[1]) * 0x0001000100010001ULL >> 48);
}

static inline unsigned model_find(const struct symbol_model *model, uint32_t at)
{
#ifdef __SSE2__
    __m128i whole = _mm_set1_epi32((int)at);
    __m128i limit = _mm_packs_epi32(whole, whole); // at most 2^15 - 1
    __m128i above = _mm_packs_epi16(_mm_cmpgt_epi16((__m128i)model->eights[0], limit),
                                    _mm_cmpgt_epi16((__m128i)model->eights[1], limit));
    // The starts rise: the first that is above is that of the next symbol.
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(above) | 1U << SYMBOL_COUNT) - 1;
#else
    return model_find_plainly(model, at);
#endif
}

// ---- encoder ----

// Both streams have a hard end; what does not fit is dropped and `overflow` set.
struct encoder {
    uint32_t low;
    uint32_t range;
    struct buffer coded;
    struct buffer raw;
    uint64_t bits; // of `raw`, not yet a byte
    unsigned bit_count;
};

static inline struct encoder encoder_over(struct buffer coded, struct buffer raw)
{
    return (struct encoder){.range = UINT32_MAX, .coded = coded, .raw = raw};
}

// `low` overflowed: add one to what was written. There is always a byte that takes it.
void encoder_carry(struct encoder *encoder);

// End both streams, with as few bytes as tell them apart from any other end.
void encoder_finish(struct encoder *encoder);

static inline void encode_symbol(struct encoder *encoder, struct symbol_model *model,
                                 unsigned symbol)
{
    uint32_t unit = encoder->range >> CHANCE_BITS;
    uint32_t start = model->start[symbol];
    uint32_t low = encoder->low + unit * start;
    encoder->range = unit * (model->start[symbol + 1] - start);
    if (low < encoder->low) {
        encoder_carry(encoder);
    }
    encoder->low = low;
    while (encoder->range < 1U << 24) {
        buffer_put_byte(&encoder->coded, (uint8_t)(encoder->low >> 24));
        encoder->low <<= 8;
        encoder->range <<= 8;
    }
    model_learn(model, symbol);
}

// The lower `count` <= 56 bits, least first.
static inline void encode_raw_few(struct encoder *encoder, uint64_t bits, unsigned count)
{
    struct buffer *raw = &encoder->raw;
    encoder->bits |= (bits & ((1ULL << count) - 1)) << encoder->bit_count;
    encoder->bit_count += count;
    if (raw->limit - raw->size < 8) {
        raw->overflow = true;
        return;
    }
    put_u64(raw->at + raw->size, encoder->bits);
    unsigned whole = encoder->bit_count & 0x38;
    raw->size += whole / 8;
    encoder->bits >>= whole; // at most 56
    encoder->bit_count &= 7;
}

static inline void encode_raw(struct encoder *encoder, uint64_t bits, unsigned count)
{
    if (count > 32) {
        encode_raw_few(encoder, bits, 32);
        bits >>= 32;
        count -= 32;
    }
    encode_raw_few(encoder, bits, count);
}

// A number of `length` >= LENGTH_LONG, after its first symbol; `which`: 0 a number, 1 a value.
void encode_long(struct encoder *encoder, struct coder_model *model, unsigned which,
                 uint64_t number, unsigned length);

void encode_number(struct encoder *encoder, struct coder_model *model, enum subject subject,
                   uint64_t number);

// A value of a column; `*history` is that of the one before it, and becomes that of this one.
static inline void encode_value(struct encoder *encoder, struct coder_model *model,
                                unsigned *history, uint64_t value)
{
    struct symbol_model *symbols = &model->values[*history];
    unsigned length = bit_length(value);
    *history = value_history(length);
    if (length >= LENGTH_CACHED) {
        uint64_t *slot = cache_slot(model, value);
        if (*slot == value) {
            unsigned place = (unsigned)(slot - model->cache);
            encode_symbol(encoder, symbols, SYMBOL_CACHED);
            encode_symbol(encoder, &model->slot_upper, place / SYMBOL_COUNT);
            encode_symbol(encoder, &model->slot_lower[place / SYMBOL_COUNT], place % SYMBOL_COUNT);
            return;
        }
        *slot = value;
    }
    if (length >= LENGTH_LONG) {
        encode_symbol(encoder, symbols, SYMBOL_LONG);
        encode_long(encoder, model, 1, value, length);
        return;
    }
    encode_symbol(encoder, symbols, length);
    if (length > 1) {
        encode_raw_few(encoder, value, length - 1);
    }
}

// A value of a column whose lower `noise` bits (at most NOISE_MAX) are raw, whatever the rest is.
static inline void encode_noisy(struct encoder *encoder, struct coder_model *model,
                                unsigned *history, uint64_t value, unsigned noise)
{
    uint64_t upper = value >> noise;
    unsigned length = bit_length(upper);
    struct symbol_model *symbols = &model->values[*history];
    *history = value_history(length);
    if (length >= LENGTH_LONG) {
        encode_symbol(encoder, symbols, SYMBOL_LONG);
        encode_long(encoder, model, 1, upper, length);
        encode_raw_few(encoder, value, noise);
        return;
    }
    encode_symbol(encoder, symbols, length);
    encode_raw_few(encoder, value, length == 0 ? noise : noise + length - 1);
}

// ---- decoder ----

// Bytes beyond the end read as zero, and are counted: more than four of them are no block.
struct decoder {
    uint32_t code;
    uint32_t range;
    const uint8_t *at;
    const uint8_t *end;
    unsigned beyond;
    struct bytes raw;
    size_t raw_bit;  // the next one
    size_t raw_fast; // before this one, eight bytes are there to be read at once
};

struct decoder decoder_over(struct bytes coded, struct bytes raw);

// Was all of both streams used, and nothing beyond?
bool decoder_is_done(const struct decoder *decoder);

static inline uint32_t decoder_byte(struct decoder *decoder)
{
    if (decoder->at < decoder->end) {
        return *decoder->at++;
    }
    decoder->beyond++;
    return 0;
}

static inline unsigned decode_symbol(struct decoder *decoder, struct symbol_model *model)
{
    uint32_t unit = decoder->range >> CHANCE_BITS;
    uint32_t at = decoder->code / unit;
    unsigned symbol = model_find(model, at);
    uint32_t start = model->start[symbol];
    decoder->code -= unit * start;
    decoder->range = unit * (model->start[symbol + 1] - start);
    while (decoder->range < 1U << 24) {
        decoder->code = decoder->code << 8 | decoder_byte(decoder);
        decoder->range <<= 8;
    }
    model_learn(model, symbol);
    return symbol;
}

uint64_t decode_raw_slow(struct decoder *decoder, unsigned count);

// `count` <= 56 bits where raw_bit is before raw_fast.
static inline uint64_t decode_raw_few(struct decoder *decoder, unsigned count)
{
    uint64_t bits = get_u64(decoder->raw.at + decoder->raw_bit / 8) >> (decoder->raw_bit & 7);
    decoder->raw_bit += count;
    return bits & ((1ULL << count) - 1);
}

static inline uint64_t decode_raw(struct decoder *decoder, unsigned count)
{
    if (count > 56 || decoder->raw_bit >= decoder->raw_fast) {
        return decode_raw_slow(decoder, count);
    }
    return decode_raw_few(decoder, count);
}

// The number of `length` bits, 1 to 64.
static inline uint64_t decode_rest(struct decoder *decoder, unsigned length)
{
    return 1ULL << (length - 1) | decode_raw(decoder, length - 1);
}

// A number of LENGTH_LONG or more bits, after its first symbol.
uint64_t decode_long(struct decoder *decoder, struct coder_model *model, unsigned which);

uint64_t decode_number(struct decoder *decoder, struct coder_model *model, enum subject subject);

static inline uint64_t decode_noisy(struct decoder *decoder, struct coder_model *model,
                                    unsigned *history, unsigned noise)
{
    unsigned symbol = decode_symbol(decoder, &model->values[*history]);
    if (symbol >= SYMBOL_LONG) {
        uint64_t upper = decode_long(decoder, model, 1);
        *history = value_history(bit_length(upper));
        return upper << noise | decode_raw(decoder, noise);
    }
    *history = value_history(symbol);
    if (symbol == 0) {
        return decode_raw(decoder, noise);
    }
    noise += symbol - 1;
    return 1ULL << noise | decode_raw(decoder, noise);
}

#endif
