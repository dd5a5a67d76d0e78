#include "agent/wire_value.h"

#include "agent/clock.h"
#include "agent/number.h"

#include <math.h>

_Static_assert((int)NUMBER_TEXT_SIZE <= (int)WIRE_TEXT_SIZE, "a number has room");

const char *quality_name(uint8_t quality)
{
    switch (quality) {
    case QUALITY_GOOD:
        return "good";
    case QUALITY_UNCERTAIN:
        return "uncertain";
    default:
        return "bad";
    }
}

static bool is_no_number(const struct value *value)
{
    return value->kind == VALUE_NUMBER && !isfinite(value->number);
}

uint8_t wire_quality(const struct schema *schema, const struct record *record)
{
    for (uint16_t i = 0; i < schema->field_count; i++) {
        if (is_no_number(&record->values[i])) {
            return QUALITY_BAD;
        }
    }
    return record->quality;
}

void wire_value(const struct wire_row *row, const struct column *column, struct value *value)
{
    const struct record *record = row->record;
    switch (column->role) {
    case ROLE_FIELD:
        *value = record->values[column->field];
        if (is_no_number(value)) {
            value->kind = VALUE_NULL;
        }
        break;
    case ROLE_KEY:
        *value = (struct value){.kind = VALUE_TEXT, .text = record->key};
        break;
    case ROLE_TIME:
        *value = (struct value){.kind = VALUE_INTEGER, .integer = record->time_ms};
        break;
    case ROLE_GATEWAY:
        *value = (struct value){.kind = VALUE_TEXT, .text = bytes_text(row->gateway)};
        break;
    case ROLE_EPOCH:
        *value = (struct value){.kind = VALUE_TEXT, .text = bytes_text(row->epoch)};
        break;
    case ROLE_SEQ:
        *value = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)record->seq};
        break;
    case ROLE_QUALITY:
        *value =
            (struct value){.kind = VALUE_TEXT,
                           .text = bytes_text(quality_name(wire_quality(row->schema, record)))};
        break;
    case ROLE_REJECTED: // never sent
        *value = (struct value){.kind = VALUE_NULL};
        break;
    }
}

struct bytes wire_value_text(const struct column *column, const struct value *value,
                             char room[WIRE_TEXT_SIZE])
{
    switch (value->kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOLEAN:
        return bytes_text(value->boolean ? "true" : "false");
    case VALUE_INTEGER:
        return bytes_from(room, column->type == COLUMN_TIMESTAMP
                                    ? clock_format(value->integer, room)
                                    : number_format_integer(value->integer, room));
    case VALUE_NUMBER:
        return bytes_from(room, number_format(value->number, room));
    case VALUE_TEXT:
        return value->text;
    }
    return bytes_from(room, 0);
}
