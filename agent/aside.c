#include "agent/aside.h"

#include "agent/clock.h"
#include "agent/json_text.h"
#include "agent/losses.h"
#include "agent/number.h"

#include <assert.h>

enum { MISFITS_MAX = 3072 };

bool aside_value_fits(const struct column *column, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOLEAN:
        return column->type == COLUMN_BOOLEAN;
    case VALUE_INTEGER:
        return column->type == COLUMN_INTEGER || column->type == COLUMN_TIMESTAMP;
    case VALUE_NUMBER:
        return column->type == COLUMN_NUMBER;
    case VALUE_TEXT:
        break;
    }
    return column->type == COLUMN_STRING;
}

static void put_value(struct buffer *out, const struct value *value)
{
    char text[NUMBER_TEXT_SIZE];
    if (value->kind == VALUE_TEXT) {
        json_put_string(out, value->text);
    } else if (value->kind == VALUE_BOOLEAN) {
        buffer_put_text(out, value->boolean ? "true" : "false");
    } else if (value->kind == VALUE_INTEGER) {
        buffer_put(out, text, number_format_integer(value->integer, text));
    } else {
        buffer_put(out, text, number_format(value->number, text));
    }
}

// One misfit; left out where there is no room for it and the closing brace.
static void put_misfit(struct buffer *out, const struct column *column, const struct value *value)
{
    struct buffer rest = buffer_over(out->at + out->size, MISFITS_MAX - 1 - out->size);
    buffer_put_byte(&rest, out->size == 0 ? '{' : ',');
    json_put_string(&rest, bytes_text(column->name));
    buffer_put_byte(&rest, ':');
    put_value(&rest, value);
    out->size += rest.overflow ? 0 : rest.size;
}

void aside_write(struct aside *aside, enum quality_action action, const char *reason,
                 const struct schema *schema, const struct record *record)
{
    uint8_t room[MISFITS_MAX];
    struct buffer misfits = buffer_over(room, sizeof room);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->role == ROLE_FIELD &&
            !aside_value_fits(column, &record->values[column->field])) {
            put_misfit(&misfits, column, &record->values[column->field]);
        }
    }
    struct buffer out = buffer_over(aside->text, sizeof aside->text);
    buffer_put_byte(&out, action == ACTION_DROP ? 'D' : 'Q');
    buffer_put_text(&out, reason);
    if (misfits.size > 0) {
        buffer_put_byte(&misfits, '}');
        buffer_put_byte(&out, '\n');
        buffer_put(&out, misfits.at, misfits.size);
    }
    assert(!out.overflow); // a reason has at most QUALITY_SENTENCE_SIZE bytes
    aside->size = out.size;
}

enum err aside_read(struct bytes text, struct aside_read *read)
{
    if (text.size == 0 || (text.at[0] != 'Q' && text.at[0] != 'D')) {
        return ERR_CORRUPT;
    }
    struct bytes rest = bytes_from(text.at + 1, text.size - 1);
    const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.at, '\n', rest.size);
    size_t size = end == NULL ? rest.size : (size_t)(end - rest.at);
    *read = (struct aside_read){
        .how = text.at[0] == 'D' ? SETTLED_DROPPED : SETTLED_QUARANTINED,
        .reason = bytes_from(rest.at, size),
        .misfits = bytes_from(end == NULL ? NULL : end + 1, end == NULL ? 0 : rest.size - size - 1),
    };
    return OK;
}

void aside_put_json(const struct aside_read *read, const struct record *record, struct bytes row,
                    const char *gateway, const char *product, const char *epoch, struct buffer *out)
{
    const struct loss loss = {.from = record->seq,
                              .to = record->seq,
                              .count = 1,
                              .how = read->how,
                              .time_first_ms = record->time_ms,
                              .time_last_ms = record->time_ms,
                              .declared_ms = clock_wall_ms()};
    losses_put_json(&loss, gateway, product, epoch, out);
    if (out->size > 0) {
        out->size--; // its closing brace
    }
    buffer_put_text(out, ",\"reason\":");
    json_put_string(out, read->reason);
    if (read->how == SETTLED_QUARANTINED) {
        buffer_put_text(out, ",\"key\":");
        json_put_string(out, record->key);
        buffer_put_text(out, ",\"record\":");
        buffer_put(out, row.at, row.size);
        if (read->misfits.size > 0) {
            buffer_put_text(out, ",\"misfits\":");
            buffer_put(out, read->misfits.at, read->misfits.size);
        }
    }
    buffer_put_byte(out, '}');
}
