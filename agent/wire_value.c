#include "agent/wire_value.h"

#include <math.h>

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
