#include "agent/wire_avro_read.h"

#include "agent/json_text.h"

#include <stdio.h>

struct cursor {
    struct bytes in;
    size_t at;
};

// A long: zigzag, 7 bits a byte, least first, at most 10 bytes.
static bool get_long(struct cursor *cursor, int64_t *value)
{
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 70 && cursor->at < cursor->in.size; shift += 7) {
        uint8_t byte = cursor->in.at[cursor->at++];
        if (shift == 63 && byte > 1) {
            return false;
        }
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
            return true;
        }
    }
    return false;
}

static bool get_raw(struct cursor *cursor, size_t size, const uint8_t **at)
{
    if (cursor->in.size - cursor->at < size) {
        return false;
    }
    *at = cursor->in.at + cursor->at;
    cursor->at += size;
    return true;
}

static bool get_text(struct cursor *cursor, struct value *value)
{
    int64_t size;
    const uint8_t *at;
    if (!get_long(cursor, &size) || size < 0 || (uint64_t)size > cursor->in.size ||
        !get_raw(cursor, (size_t)size, &at)) {
        return false;
    }
    *value = (struct value){.kind = VALUE_TEXT, .text = bytes_from(at, (size_t)size)};
    return json_is_utf8(value->text);
}

static bool get_typed(struct cursor *cursor, enum column_type type, struct value *value)
{
    const uint8_t *at;
    switch (type) {
    case COLUMN_BOOLEAN:
        *value = (struct value){.kind = VALUE_BOOLEAN};
        if (!get_raw(cursor, 1, &at) || *at > 1) {
            return false;
        }
        value->boolean = *at == 1;
        return true;
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        *value = (struct value){.kind = VALUE_INTEGER};
        return get_long(cursor, &value->integer);
    case COLUMN_NUMBER:
        *value = (struct value){.kind = VALUE_NUMBER};
        if (!get_raw(cursor, 8, &at)) {
            return false;
        }
        uint64_t bits = get_u64(at);
        memcpy(&value->number, &bits, sizeof bits);
        return true;
    case COLUMN_STRING:
        return get_text(cursor, value);
    }
    return false;
}

static bool get_value(struct cursor *cursor, const struct column *column, struct value *value)
{
    int64_t branch = 1; // of ["null", T]
    *value = (struct value){.kind = VALUE_NULL};
    if (!column->required && (!get_long(cursor, &branch) || (branch | 1) != 1)) {
        return false;
    }
    return branch == 0 || get_typed(cursor, column->type, value);
}

// What the value says of its record, by the role of its column.
static bool take(struct record *record, const struct column *column, const struct value *value)
{
    static const char *const words[] = {"good", "uncertain", "bad"};
    if (column->role == ROLE_KEY && value->kind == VALUE_TEXT) {
        record->key = value->text;
    } else if (column->role == ROLE_TIME && value->kind == VALUE_INTEGER) {
        record->time_ms = value->integer;
        record->clock = RECORD_CLOCK_DEVICE;
    } else if (column->role == ROLE_QUALITY && value->kind == VALUE_TEXT) {
        uint8_t word = 0;
        while (word < 3 && !bytes_equal(value->text, bytes_text(words[word]))) {
            word++;
        }
        record->quality = word;
        return word < 3;
    }
    return true;
}

enum err wire_avro_get(const struct schema *schema, struct bytes in, struct record *record,
                       struct value *values, char why[WIRE_AVRO_SENTENCE_SIZE])
{
    struct cursor cursor = {.in = in};
    *record = (struct record){.clock = RECORD_CLOCK_WALL, .values = values};
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        struct value value;
        if (column->role == ROLE_REJECTED) {
            continue; // of the spool alone
        }
        if (!get_value(&cursor, column, &value) || !take(record, column, &value)) {
            (void)snprintf(why, WIRE_AVRO_SENTENCE_SIZE,
                           "it is no Avro of its contract: byte %zu is no value of column '%s'",
                           cursor.at, column->name);
            return ERR_CORRUPT;
        }
        if (column->role == ROLE_FIELD) {
            values[column->field] = value;
        }
    }
    if (cursor.at < in.size) {
        (void)snprintf(why, WIRE_AVRO_SENTENCE_SIZE,
                       "it is no Avro of its contract: %zu bytes follow the last column",
                       in.size - cursor.at);
        return ERR_CORRUPT;
    }
    return OK;
}
