// One column of a block, written the cheapest of the ways that give back every bit.
#include "agent/block_encode.h"
#include <assert.h>

// ---- integers: predict, and lay what is left ----

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

static void put_number(struct block_codec *codec, enum subject subject, uint64_t number)
{
    encode_number(&codec->encoder, &codec->model, subject, number);
}

// Put the residuals into `codec->residuals`; how many they are.
static uint32_t make_residuals(struct block_codec *codec, uint32_t count,
                               const struct order_choice *choice)
{
    const int64_t *numbers = codec->numbers;
    uint64_t *residuals = codec->residuals;
    int64_t step = 0;
    switch (choice->order) {
    case ORDER_OFFSET:
        for (uint32_t i = 0; i < count; i++) {
            residuals[i] = (uint64_t)difference(numbers[i], choice->smallest);
        }
        return count;
    case ORDER_DELTA:
        for (uint32_t i = 1; i < count; i++) {
            residuals[i - 1] = zigzag(difference(numbers[i], numbers[i - 1]));
        }
        return count - 1;
    case ORDER_SLOPE:
        for (uint32_t i = 1; i < count; i++) {
            int64_t delta = difference(numbers[i], numbers[i - 1]);
            residuals[i - 1] = zigzag(difference(delta, step));
            step = delta;
        }
        return count - 1;
    case ORDER_CONSTANT:
        break;
    }
    return 0;
}

// Do more than one in eight residuals come again (so that the cache finds them)?
static bool residuals_recur(const uint64_t *residuals, uint32_t count)
{
    enum { SLOT_BITS = 6 };
    uint64_t seen[1 << SLOT_BITS] = {0};
    uint32_t again = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *slot = &seen[residuals[i] * 0x9e3779b97f4a7c15ULL >> (64 - SLOT_BITS)];
        again += *slot == residuals[i];
        *slot = residuals[i];
    }
    return again * 8 > count;
}

// How many lower bits of long residuals are noise: as many as leave lengths that one symbol tells.
static unsigned choose_noise(const uint64_t *residuals, uint32_t count,
                             const struct order_choice *choice)
{
    enum { FEW = 8, LENGTH_FROM = 12, LENGTH_LEFT = 8 };
    uint64_t length = count < FEW ? 0 : choice->bits / count;
    if (length < LENGTH_FROM || residuals_recur(residuals, count)) {
        return 0;
    }
    return length - LENGTH_LEFT < NOISE_MAX ? (unsigned)length - LENGTH_LEFT : NOISE_MAX;
}

static void lay_residuals(struct block_codec *codec, uint32_t count,
                          const struct order_choice *choice)
{
    bool offset = choice->order == ORDER_OFFSET;
    put_number(codec, ABOUT_FIRST, zigzag(offset ? choice->smallest : codec->numbers[0]));
    count = make_residuals(codec, count, choice);
    if (count == 0) {
        return;
    }
    struct coder_model *model = &codec->model;
    const uint64_t *residuals = codec->residuals;
    unsigned noise = choose_noise(residuals, count, choice);
    put_number(codec, ABOUT_NOISE, noise);
    struct encoder encoder = codec->encoder; // a copy: its fields may then live in registers
    unsigned history = 0;
    for (uint32_t i = 0; i < count && noise == 0; i++) {
        encode_value(&encoder, model, &history, residuals[i]);
    }
    for (uint32_t i = 0; i < count && noise > 0; i++) {
        encode_noisy(&encoder, model, &history, residuals[i], noise);
    }
    codec->encoder = encoder;
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

// Collect the distinct numbers, sorted, and their places in `slots`; 0 where they are more than
// `limit`.
static uint32_t distinct_numbers(const struct block_codec *codec, uint32_t count, uint32_t limit,
                                 int64_t *distinct, uint16_t *slots)
{
    uint32_t found = 0;
    memset(slots, 0, NUMBER_SLOTS * sizeof slots[0]);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *slot = number_slot(slots, distinct, codec->numbers[i]);
        if (*slot == 0) {
            if (found == limit) {
                return 0;
            }
            distinct[found++] = codec->numbers[i];
            *slot = (uint16_t)found;
        }
    }
    sort_numbers(distinct, found);
    memset(slots, 0, NUMBER_SLOTS * sizeof slots[0]);
    for (uint32_t place = 0; place < found; place++) {
        *number_slot(slots, distinct, distinct[place]) = (uint16_t)(place + 1);
    }
    return found;
}

struct dictionary {
    uint32_t size; // 0: none
    int64_t numbers[BLOCK_DICTIONARY_MAX];
};

// Put places in a dictionary for the numbers where that is cheaper than `plain`.
static void choose_dictionary(struct block_codec *codec, uint32_t count, struct order_choice *plain,
                              struct dictionary *dictionary)
{
    enum { FEW = 8, ENTRY_BITS = 6 };
    uint16_t slots[NUMBER_SLOTS];
    dictionary->size = 0;
    if (count < FEW || plain->bits < 8 * (uint64_t)count) {
        return;
    }
    int64_t *distinct = dictionary->numbers;
    uint32_t limit = count / 2 < BLOCK_DICTIONARY_MAX ? count / 2 : BLOCK_DICTIONARY_MAX;
    uint32_t found = distinct_numbers(codec, count, limit, distinct, slots);
    if (found == 0) {
        return;
    }
    uint64_t cost = 2 * ENTRY_BITS;
    for (uint32_t place = 1; place < found; place++) {
        cost += ENTRY_BITS + bit_length((uint64_t)difference(distinct[place], distinct[place - 1]));
    }
    for (uint32_t i = 0; i < count; i++) {
        codec->places[i] = *number_slot(slots, distinct, codec->numbers[i]) - 1;
    }
    struct order_choice choice = choose_order(codec->places, count);
    if (cost + choice.bits < plain->bits) {
        memcpy(codec->numbers, codec->places, count * sizeof codec->places[0]);
        dictionary->size = found;
        *plain = choice;
    }
}

// ---- a column's front ----

static void put_mode(struct block_codec *codec, unsigned mode)
{
    unsigned kind = mode & MODE_KIND;
    encode_symbol(&codec->encoder, &codec->model.kind[codec->kind_before], mode % SYMBOL_COUNT);
    if (kind != KIND_ABSENT) {
        encode_symbol(&codec->encoder, &codec->model.order[kind], mode / SYMBOL_COUNT);
    }
    codec->kind_before = kind;
}

void block_encode_absent(struct block_codec *codec)
{
    put_mode(codec, KIND_ABSENT);
}

// Runs of presence, beginning with values: how many are there, how many are not, ...
static void lay_presence(struct block_codec *codec, const struct column_out *column)
{
    bool current = true;
    uint32_t run = 0;
    for (uint32_t i = 0; i < column->row_count; i++) {
        if (column->present[column->rows[i] * column->stride] != current) {
            put_number(codec, ABOUT_PRESENCE, run);
            current = !current;
            run = 0;
        }
        run++;
    }
    put_number(codec, ABOUT_PRESENCE, run);
}

static void lay_mode(struct block_codec *codec, const struct column_out *column,
                     enum column_kind kind, enum column_order order, unsigned flags)
{
    bool nulls = column->count < column->row_count;
    unsigned mode = (unsigned)kind | (unsigned)order << MODE_ORDER_SHIFT | flags;
    mode |= nulls ? MODE_NULLS : 0;
    put_mode(codec, mode);
    if (nulls) {
        lay_presence(codec, column);
    }
}

static void lay_dictionary(struct block_codec *codec, const struct dictionary *dictionary)
{
    const int64_t *numbers = dictionary->numbers;
    put_number(codec, ABOUT_COUNT, dictionary->size - 1);
    put_number(codec, ABOUT_FIRST, zigzag(numbers[0]));
    for (uint32_t place = 1; place < dictionary->size; place++) {
        put_number(codec, ABOUT_DICTIONARY,
                   (uint64_t)difference(numbers[place], numbers[place - 1]));
    }
}

void block_lay_numbers(struct block_codec *codec, const struct column_out *column,
                       enum column_kind kind, unsigned flags, int digits)
{
    struct order_choice choice = choose_order(codec->numbers, column->count);
    struct dictionary dictionary;
    choose_dictionary(codec, column->count, &choice, &dictionary);
    lay_mode(codec, column, kind, choice.order,
             flags | (dictionary.size > 0 ? MODE_DICTIONARY : 0U));
    if (digits >= 0) {
        encode_symbol(&codec->encoder, &codec->model.digits, (unsigned)digits);
    }
    if (dictionary.size > 0) {
        lay_dictionary(codec, &dictionary);
    }
    lay_residuals(codec, column->count, &choice);
}

// ---- strings: each distinct one once a block ----

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

// The place of the string that `bits` points to in the block's list, which it joins where new.
static uint32_t text_place(struct block_codec *codec, const uint8_t *text, uint64_t bits)
{
    const uint32_t mask = 2 * BLOCK_READINGS_MAX - 1;
    struct bytes here = text_at(text, bits);
    uint32_t slot = text_hash(here) & mask;
    while (codec->text_slots[slot] != 0 &&
           !bytes_equal(text_at(text, codec->texts[codec->text_slots[slot] - 1]), here)) {
        slot = (slot + 1) & mask;
    }
    if (codec->text_slots[slot] == 0) {
        codec->used_slots[codec->text_count] = (uint16_t)slot;
        codec->texts[codec->text_count++] = bits;
        codec->text_slots[slot] = (uint16_t)codec->text_count;
        put_varint(&codec->text, here.size);
        buffer_put(&codec->text, here.at, here.size);
    }
    return codec->text_slots[slot] - 1U;
}

void block_forget_texts(struct block_codec *codec)
{
    for (uint32_t i = 0; i < codec->text_count; i++) {
        codec->text_slots[codec->used_slots[i]] = 0;
    }
    codec->text_count = 0;
}

void block_encode_column(struct block_codec *codec, const struct column_out *column)
{
    assert(column->count > 0 && column->count <= BLOCK_READINGS_MAX);
    switch (column->type) {
    case COLUMN_BOOLEAN:
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        memcpy(codec->numbers, codec->bits, column->count * sizeof codec->bits[0]);
        block_lay_numbers(codec, column, KIND_INTEGER, 0, -1);
        break;
    case COLUMN_NUMBER:
        block_lay_doubles(codec, column);
        break;
    case COLUMN_STRING:
        for (uint32_t i = 0; i < column->count; i++) {
            codec->numbers[i] = text_place(codec, column->text, codec->bits[i]);
        }
        block_lay_numbers(codec, column, KIND_TEXT, 0, -1);
        break;
    }
}
