#include "agent/block_coder.h"

// Symbol s pulls the starts up to its own down and those above it up; a chance of CHANCE_LEAST each
// stays. (A chance f then moves to more than f + (CHANCE_LEAST - f) / 2^rate - 1: it never reaches
// 0.)
#define PULL(s, i)                                                                                 \
    ((i) > (s) ? (1 << CHANCE_BITS) - (SYMBOL_COUNT - (i)) * CHANCE_LEAST : (i)*CHANCE_LEAST)
#define PULL_EIGHT(s, i)                                                                           \
    PULL(s, i), PULL(s, (i) + 1), PULL(s, (i) + 2), PULL(s, (i) + 3), PULL(s, (i) + 4),            \
        PULL(s, (i) + 5), PULL(s, (i) + 6), PULL(s, (i) + 7)
#define PULLS(s)                                                                                   \
    {                                                                                              \
        {PULL_EIGHT(s, 0)},                                                                        \
        {                                                                                          \
            PULL_EIGHT(s, 8)                                                                       \
        }                                                                                          \
    }
#define PULLS_8(s)                                                                                 \
    PULLS(s), PULLS((s) + 1), PULLS((s) + 2), PULLS((s) + 3), PULLS((s) + 4), PULLS((s) + 5),      \
        PULLS((s) + 6), PULLS((s) + 7)

const eight symbol_pull[SYMBOL_COUNT][EIGHTS] = {PULLS_8(0), PULLS_8(8)};

static void model_even(struct symbol_model *models, size_t count)
{
    for (size_t m = 0; m < count; m++) {
        for (int i = 0; i < SYMBOL_COUNT; i++) {
            models[m].start[i] = (uint16_t)((i << CHANCE_BITS) / SYMBOL_COUNT);
        }
        models[m].start[SYMBOL_COUNT] = 1U << CHANCE_BITS;
        models[m].tries = 0;
    }
}

void coder_model_reset(struct coder_model *model)
{
    memset(model->cache, 0, sizeof model->cache);
    model_even(model->numbers, SUBJECT_COUNT);
    model_even(model->values, HISTORY_COUNT);
    model_even(model->lengths, 2);
    model_even(model->longer, 2);
    model_even(&model->slot_upper, 1);
    model_even(model->slot_lower, CACHE_SLOTS / SYMBOL_COUNT);
    model_even(model->kind, 8);
    model_even(model->order, 8);
    model_even(&model->digits, 1);
}

// ---- encoder ----

void encoder_carry(struct encoder *encoder)
{
    for (size_t at = encoder->coded.size; at-- > 0;) {
        if (++encoder->coded.at[at] != 0) {
            return;
        }
    }
}

void encoder_finish(struct encoder *encoder)
{
    // Any number from low to low + range - 1 will do: the one with most zeros at its end, which
    // the decoder supplies itself.
    for (unsigned keep = 8; keep <= 32; keep += 8) {
        uint32_t mask = keep == 32 ? 0 : UINT32_MAX >> keep;
        uint64_t code = ((uint64_t)encoder->low + mask) & ~(uint64_t)mask;
        if (code - encoder->low >= encoder->range) {
            continue;
        }
        if (code >> 32 != 0) {
            encoder_carry(encoder);
        }
        for (unsigned byte = 0; byte < keep / 8; byte++) {
            buffer_put_byte(&encoder->coded, (uint8_t)(code >> (24 - 8 * byte)));
        }
        break;
    }
    if (encoder->bit_count > 0) {
        buffer_put_byte(&encoder->raw, (uint8_t)encoder->bits);
    }
}

void encode_long(struct encoder *encoder, struct coder_model *model, unsigned which,
                 uint64_t number, unsigned length)
{
    if (length < LENGTH_LONGER) {
        encode_symbol(encoder, &model->lengths[which], length - LENGTH_LONG);
    } else {
        encode_symbol(encoder, &model->lengths[which], SYMBOL_COUNT - 1);
        encode_symbol(encoder, &model->longer[which], (length - LENGTH_LONGER) / 4);
        encode_raw(encoder, (length - LENGTH_LONGER) % 4, 2);
    }
    encode_raw(encoder, number, length - 1);
}

void encode_number(struct encoder *encoder, struct coder_model *model, enum subject subject,
                   uint64_t number)
{
    struct symbol_model *symbols = &model->numbers[subject];
    unsigned length = bit_length(number);
    if (length >= LENGTH_LONG) {
        encode_symbol(encoder, symbols, SYMBOL_LONG);
        encode_long(encoder, model, 0, number, length);
        return;
    }
    encode_symbol(encoder, symbols, length);
    if (length > 1) {
        encode_raw(encoder, number, length - 1);
    }
}

// ---- decoder ----

struct decoder decoder_over(struct bytes coded, struct bytes raw)
{
    struct decoder decoder = {
        .range = UINT32_MAX, .at = coded.at, .end = coded.at + coded.size, .raw = raw};
    decoder.raw_fast = raw.size < 8 ? 0 : 8 * (raw.size - 7);
    for (unsigned i = 0; i < 4; i++) {
        decoder.code = decoder.code << 8 | decoder_byte(&decoder);
    }
    return decoder;
}

bool decoder_is_done(const struct decoder *decoder)
{
    return decoder->at == decoder->end && decoder->beyond <= 4 &&
           (decoder->raw_bit + 7) / 8 == decoder->raw.size;
}

uint64_t decode_raw_slow(struct decoder *decoder, unsigned count)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < count; i++, decoder->raw_bit++) {
        size_t byte = decoder->raw_bit / 8;
        if (byte < decoder->raw.size) {
            bits |= (uint64_t)(decoder->raw.at[byte] >> (decoder->raw_bit & 7) & 1U) << i;
        }
    }
    return bits;
}

uint64_t decode_long(struct decoder *decoder, struct coder_model *model, unsigned which)
{
    unsigned length = LENGTH_LONG + decode_symbol(decoder, &model->lengths[which]);
    if (length == LENGTH_LONGER) {
        length += 4 * decode_symbol(decoder, &model->longer[which]);
        length += (unsigned)decode_raw(decoder, 2);
    }
    return decode_rest(decoder, length < 64 ? length : 64);
}

uint64_t decode_number(struct decoder *decoder, struct coder_model *model, enum subject subject)
{
    unsigned symbol = decode_symbol(decoder, &model->numbers[subject]);
    if (symbol == 0) {
        return 0;
    }
    return symbol < SYMBOL_LONG ? decode_rest(decoder, symbol) : decode_long(decoder, model, 0);
}
