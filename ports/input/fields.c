#include "ports/input/fields_inner.h"

#include "agent/clock.h"
#include "agent/json_text.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

// ---- sentences ----

const char *fields_shown(struct bytes text, char out[64])
{
    size_t size = 0;
    while (size < text.size && size < 40) {
        uint8_t byte = text.at[size];
        out[size++] = (char)(byte < 0x20 || byte == 0x7F ? '?' : byte);
    }
    if (size < text.size) {
        while (size > 0 && (text.at[size] & 0xC0) == 0x80) { // do not cut a character in two
            size--;
        }
        memcpy(out + size, "...", 4);
    } else {
        out[size] = 0;
    }
    return out;
}

void fields_blame(struct fields *fields, const char *format, ...)
{
    if (fields->blamed) {
        return;
    }
    fields->blamed = true;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fields->sentence, sizeof fields->sentence, format, arguments);
    va_end(arguments);
}

const char *fields_sentence(const struct fields *fields)
{
    return fields->sentence;
}

static void blame_value(struct fields *fields, const struct fields_slot *slot, struct bytes text,
                        const char *wanted)
{
    char name[64];
    char shown[64];
    fields_blame(fields, "%s is \"%s\", where %s is wanted", fields_shown(slot->name, name),
                 fields_shown(text, shown), wanted);
}

// ---- values ----

static const char *wanted_by(enum column_type type)
{
    static const char *const wanted[] = {
        [COLUMN_BOOLEAN] = "true or false",
        [COLUMN_INTEGER] = "an integer of 64 bits",
        [COLUMN_NUMBER] = "a number",
        [COLUMN_STRING] = "a text of at most 4096 bytes of UTF-8",
        [COLUMN_TIMESTAMP] = "a time",
    };
    return wanted[type];
}

// A value that the column does not take goes along as a text, for the contract to judge.
static void store_misfit(struct fields *fields, const struct fields_slot *slot, struct bytes text)
{
    assert(slot->type != COLUMN_STRING);
    if (text.size > RECORD_TEXT_MAX || !json_is_utf8(text)) {
        blame_value(fields, slot, text, wanted_by(slot->type));
    }
    fields->values[slot->field] = (struct value){.kind = VALUE_TEXT, .text = text};
}

static void put_key(struct fields *fields, const struct fields_slot *slot, struct bytes text)
{
    if (text.size == 0 || text.size > RECORD_KEY_MAX || !json_is_utf8(text)) {
        blame_value(fields, slot, text, "a key of 1 to 255 bytes of UTF-8");
        return;
    }
    fields->record.key = text;
    fields->has_key = true;
}

static const int64_t time_lowest_ms = -62167219200000;  // year 0000
static const int64_t time_highest_ms = 253402300799999; // year 9999

static bool time_from_integer(enum fields_unit unit, int64_t ticks, int64_t *ms)
{
    static const int64_t ticks_a_ms[] = {[UNIT_MS] = 1, [UNIT_US] = 1000, [UNIT_NS] = 1000000};
    if (unit == UNIT_S) {
        return !__builtin_mul_overflow(ticks, 1000, ms);
    }
    int64_t divisor = ticks_a_ms[unit];
    *ms = ticks / divisor - (ticks % divisor < 0); // downwards
    return true;
}

static bool time_from_double(enum fields_unit unit, double ticks, int64_t *ms)
{
    static const double ms_a_tick[] = {
        [UNIT_S] = 1e3, [UNIT_MS] = 1, [UNIT_US] = 1e-3, [UNIT_NS] = 1e-6};
    double rounded = floor(ticks * ms_a_tick[unit] + 0.5);
    if (!(fabs(rounded) < 1e18)) {
        return false;
    }
    *ms = (int64_t)rounded;
    return true;
}

static bool time_from_number(const struct fields *fields, const struct number *number, int64_t *ms)
{
    bool fits = number->kind == NUMBER_INTEGER
                    ? time_from_integer(fields->unit, number->integer, ms)
                    : time_from_double(fields->unit, number->number, ms);
    return fits && *ms >= time_lowest_ms && *ms <= time_highest_ms;
}

static bool time_from_text(const struct fields *fields, struct bytes text, int64_t *ms)
{
    struct number number;
    if (!fields->strict && number_parse(text, &number) != NUMBER_NONE) {
        return time_from_number(fields, &number, ms);
    }
    return clock_parse((const char *)text.at, text.size, ms) == 0;
}

static void blame_time(struct fields *fields, const struct fields_slot *slot, struct bytes text)
{
    static const char *const wanted[] = {
        [UNIT_S] = "RFC 3339 or Unix seconds, of the years 0 to 9999,",
        [UNIT_MS] = "RFC 3339 or Unix milliseconds, of the years 0 to 9999,",
        [UNIT_US] = "RFC 3339 or Unix microseconds, of the years 0 to 9999,",
        [UNIT_NS] = "RFC 3339 or Unix nanoseconds, of the years 0 to 9999,",
    };
    blame_value(fields, slot, text, wanted[fields->unit]);
}

static void put_quality(struct fields *fields, const struct fields_slot *slot, struct bytes text)
{
    static const char *const words[] = {"good", "uncertain", "bad"};
    struct number number;
    if (number_parse(text, &number) == NUMBER_INTEGER && number.integer >= 0 &&
        number.integer <= UINT8_MAX) {
        fields->record.quality = (uint8_t)number.integer;
        return;
    }
    for (uint8_t i = 0; i < 3; i++) {
        if (strlen(words[i]) == text.size &&
            strncasecmp(words[i], (const char *)text.at, text.size) == 0) {
            fields->record.quality = i;
            return;
        }
    }
    blame_value(fields, slot, text, "good, uncertain, bad or 0 to 255");
}

static void put_time(struct fields *fields, bool fits, int64_t ms, const struct fields_slot *slot,
                     struct bytes text)
{
    if (!fits) {
        blame_time(fields, slot, text);
        return;
    }
    fields->record.time_ms = ms;
    fields->has_time = true;
}

static void store_text(struct fields *fields, const struct fields_slot *slot, struct bytes text)
{
    if (text.size > RECORD_TEXT_MAX || !json_is_utf8(text)) {
        blame_value(fields, slot, text, wanted_by(COLUMN_STRING));
        return;
    }
    fields->values[slot->field] = (struct value){.kind = VALUE_TEXT, .text = text};
}

static void store_time(struct fields *fields, bool fits, int64_t ms, const struct fields_slot *slot,
                       struct bytes text)
{
    if (!fits) {
        store_misfit(fields, slot, text);
        return;
    }
    fields->values[slot->field] = (struct value){.kind = VALUE_INTEGER, .integer = ms};
}

// An integer column takes 5, and 5.0 or 5e0 as far as doubles hold every integer.
static void store_integer(struct fields *fields, const struct fields_slot *slot,
                          const struct number *number, struct bytes text)
{
    const double exact_max = 9007199254740992.0; // 2^53
    struct value *value = &fields->values[slot->field];
    if (number->kind == NUMBER_INTEGER) {
        *value = (struct value){.kind = VALUE_INTEGER, .integer = number->integer};
    } else if (fabs(number->number) <= exact_max && floor(number->number) == number->number) {
        *value = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)number->number};
    } else {
        store_misfit(fields, slot, text);
    }
}

static void store_boolean(struct fields *fields, const struct fields_slot *slot, bool boolean)
{
    fields->values[slot->field] = (struct value){.kind = VALUE_BOOLEAN, .boolean = boolean};
}

static void store_number(struct fields *fields, const struct fields_slot *slot,
                         const struct number *number, struct bytes text)
{
    int64_t ms = 0;
    bool fits = false;
    switch (slot->type) {
    case COLUMN_NUMBER:
        fields->values[slot->field] =
            (struct value){.kind = VALUE_NUMBER, .number = number->number};
        break;
    case COLUMN_INTEGER:
        store_integer(fields, slot, number, text);
        break;
    case COLUMN_TIMESTAMP:
        fits = time_from_number(fields, number, &ms);
        store_time(fields, fits, ms, slot, text);
        break;
    case COLUMN_STRING:
        store_text(fields, slot, text);
        break;
    case COLUMN_BOOLEAN:
        if (number->kind == NUMBER_INTEGER && (number->integer | 1) == 1) {
            store_boolean(fields, slot, number->integer == 1);
        } else {
            store_misfit(fields, slot, text);
        }
        break;
    }
}

void fields_put_number(struct fields *fields, int index, const struct number *number,
                       struct bytes text)
{
    assert(index >= 0 && (uint32_t)index < fields->slot_count);
    const struct fields_slot *slot = &fields->slots[index];
    int64_t ms = 0;
    if (fields->strict && (slot->role == STANDS_FOR_KEY || slot->role == STANDS_FOR_TIME)) {
        blame_value(fields, slot, text, "a text");
    } else if (slot->role == STANDS_FOR_KEY) {
        put_key(fields, slot, text);
    } else if (slot->role == STANDS_FOR_TIME) {
        bool fits = time_from_number(fields, number, &ms);
        put_time(fields, fits, ms, slot, text);
    } else if (slot->role == STANDS_FOR_QUALITY) {
        put_quality(fields, slot, text);
    }
    bool converts = (slot->type != COLUMN_NUMBER && slot->type != COLUMN_INTEGER) || slot->as_text;
    if (slot->is_field && fields->strict && converts) {
        fields->values[slot->field] =
            (struct value){.kind = VALUE_NUMBER, .number = number->number};
    } else if (slot->is_field) {
        store_number(fields, slot, number, text);
    }
}

void fields_put_stamp(struct fields *fields, const struct number *number, struct bytes text)
{
    const struct fields_slot stamp = {.name = bytes_text("the time stamp")};
    int64_t ms = 0;
    if (!fields->has_time) {
        bool fits = time_from_number(fields, number, &ms);
        put_time(fields, fits, ms, &stamp, text);
    }
}

// What every text can stand for, wherever it comes from. False: it is for a column that does not
// take every text.
static bool put_text(struct fields *fields, const struct fields_slot *slot, struct bytes text)
{
    int64_t ms = 0;
    if (slot->role == STANDS_FOR_KEY) {
        put_key(fields, slot, text);
    } else if (slot->role == STANDS_FOR_TIME) {
        bool fits = time_from_text(fields, text, &ms);
        put_time(fields, fits, ms, slot, text);
    } else if (slot->role == STANDS_FOR_QUALITY) {
        put_quality(fields, slot, text);
    }
    if (!slot->is_field) {
        return true;
    }
    if (slot->type == COLUMN_STRING) {
        store_text(fields, slot, text);
        return true;
    }
    if (slot->type == COLUMN_TIMESTAMP) {
        bool fits = time_from_text(fields, text, &ms);
        store_time(fields, fits, ms, slot, text);
        return true;
    }
    struct number number;
    if (slot->as_text && number_parse(text, &number) != NUMBER_NONE) {
        store_number(fields, slot, &number, text);
        return true;
    }
    return false;
}

void fields_put_text(struct fields *fields, int index, struct bytes text)
{
    assert(index >= 0 && (uint32_t)index < fields->slot_count);
    const struct fields_slot *slot = &fields->slots[index];
    if (!put_text(fields, slot, text)) {
        store_misfit(fields, slot, text);
    }
}

static bool boolean_from_text(struct bytes text, bool *boolean)
{
    static const char *const words[] = {"false", "true", "0", "1"};
    for (int i = 0; i < 4; i++) {
        if (strlen(words[i]) == text.size &&
            strncasecmp(words[i], (const char *)text.at, text.size) == 0) {
            *boolean = i % 2 == 1;
            return true;
        }
    }
    return false;
}

void fields_put_cell(struct fields *fields, int index, struct bytes text)
{
    assert(index >= 0 && (uint32_t)index < fields->slot_count);
    const struct fields_slot *slot = &fields->slots[index];
    bool boolean = false;
    struct number number;
    if (text.size == 0 || put_text(fields, slot, text)) {
        return;
    }
    if (slot->type == COLUMN_BOOLEAN && boolean_from_text(text, &boolean)) {
        store_boolean(fields, slot, boolean);
    } else if (slot->type != COLUMN_BOOLEAN && number_parse(text, &number) != NUMBER_NONE) {
        store_number(fields, slot, &number, text);
    } else {
        store_misfit(fields, slot, text);
    }
}

void fields_put_boolean(struct fields *fields, int index, bool boolean)
{
    assert(index >= 0 && (uint32_t)index < fields->slot_count);
    const struct fields_slot *slot = &fields->slots[index];
    struct bytes text = bytes_text(boolean ? "true" : "false");
    if (slot->role != STANDS_FOR_FIELD) {
        blame_value(fields, slot, text, "a text or a number");
    } else if (slot->type == COLUMN_STRING && !fields->strict) {
        store_text(fields, slot, text);
    } else { // where the column is of another type, the contract judges it
        store_boolean(fields, slot, boolean);
    }
}

// A null says what the absence of the name says.
void fields_put_null(struct fields *fields, int index)
{
    assert(index >= 0 && (uint32_t)index < fields->slot_count);
    const struct fields_slot *slot = &fields->slots[index];
    if (slot->is_field) {
        fields->values[slot->field].kind = VALUE_NULL;
    }
}

void fields_put_other(struct fields *fields, int index, const char *what)
{
    assert(index >= 0 && (uint32_t)index < fields->slot_count);
    const struct fields_slot *slot = &fields->slots[index];
    char name[64];
    if (slot->role == STANDS_FOR_FIELD && slot->type != COLUMN_STRING) {
        store_misfit(fields, slot, bytes_text(what));
        return;
    }
    fields_blame(fields, "%s is %s, where %s is wanted", fields_shown(slot->name, name), what,
                 slot->is_field ? wanted_by(slot->type) : "a text or a number");
}

uint8_t *fields_scratch(struct fields *fields, size_t size)
{
    return buffer_room(&fields->scratch, size);
}

// ---- a line ----

void fields_begin(struct fields *fields)
{
    fields->place = 0;
    fields->has_key = false;
    fields->has_time = false;
    fields->blamed = false;
    fields->scratch = buffer_over(fields->scratch_bytes, sizeof fields->scratch_bytes);
    fields->record = (struct record){.values = fields->values};
    for (uint16_t i = 0; i < fields->schema->field_count; i++) {
        fields->values[i].kind = VALUE_NULL;
    }
}

const struct record *fields_end(struct fields *fields)
{
    char name[64];
    if (fields->key_wanted && !fields->has_key) {
        fields_blame(fields, "there is no \"%s\", which is the key",
                     fields_shown(fields->key_name, name));
    }
    if (fields->time_wanted && !fields->has_time) {
        fields_blame(fields, "there is no \"%s\", which is the time",
                     fields_shown(fields->time_name, name));
    }
    if (fields->blamed) {
        return NULL;
    }
    fields->record.clock = fields->has_time ? RECORD_CLOCK_DEVICE : RECORD_CLOCK_WALL;
    if (!fields->has_time) {
        fields->record.time_ms = clock_wall_ms();
    }
    return &fields->record;
}
