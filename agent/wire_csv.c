#include "agent/wire_csv.h"

#include "agent/clock.h"
#include "agent/number.h"
#include "agent/wire_value.h"

#include <assert.h>

void wire_csv_add(struct wire_csv *csv, const struct schema *schema)
{
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const char *name = schema->columns[i].name;
        bool is_new = true;
        for (uint32_t k = 0; k < csv->count && is_new; k++) {
            is_new = strcmp(csv->names[k], name) != 0;
        }
        if (is_new) {
            assert(csv->count < WIRE_CSV_COLUMNS_MAX);
            csv->names[csv->count++] = name;
        }
    }
}

void wire_csv_put_text(struct buffer *out, struct bytes text)
{
    bool plain = text.size > 0;
    for (size_t i = 0; i < text.size && plain; i++) {
        plain = strchr("\",\r\n", text.at[i]) == NULL;
    }
    if (plain) {
        buffer_put(out, text.at, text.size);
        return;
    }
    buffer_put_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '"') {
            buffer_put_byte(out, '"');
        }
        buffer_put_byte(out, text.at[i]);
    }
    buffer_put_byte(out, '"');
}

void wire_csv_put_names(const struct wire_csv *csv, struct buffer *out)
{
    for (uint32_t i = 0; i < csv->count; i++) {
        if (i > 0) {
            buffer_put_byte(out, ',');
        }
        wire_csv_put_text(out, bytes_text(csv->names[i]));
    }
}

static void put_time(struct buffer *out, int64_t time_ms)
{
    char text[25];
    buffer_put(out, text, clock_format(time_ms, text));
}

static void put_integer(struct buffer *out, int64_t integer)
{
    char text[NUMBER_TEXT_SIZE];
    buffer_put(out, text, number_format_integer(integer, text));
}

static void put_value(struct buffer *out, const struct column *column, const struct value *value)
{
    char text[NUMBER_TEXT_SIZE];
    switch (value->kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOLEAN:
        buffer_put_text(out, value->boolean ? "true" : "false");
        break;
    case VALUE_INTEGER:
        if (column->type == COLUMN_TIMESTAMP) {
            put_time(out, value->integer);
        } else {
            put_integer(out, value->integer);
        }
        break;
    case VALUE_NUMBER:
        buffer_put(out, text, number_format(value->number, text));
        break;
    case VALUE_TEXT:
        wire_csv_put_text(out, value->text);
        break;
    }
}

void wire_csv_put(const struct wire_csv *csv, const struct schema *schema,
                  const struct record *record, const char *gateway, const char *epoch,
                  struct buffer *out)
{
    const struct wire_row row = {schema, record, gateway, epoch};
    for (uint32_t i = 0; i < csv->count; i++) {
        if (i > 0) {
            buffer_put_byte(out, ',');
        }
        const struct column *column = schema_find(schema, bytes_text(csv->names[i]));
        if (column != NULL) {
            struct value value;
            wire_value(&row, column, &value);
            put_value(out, column, &value);
        }
    }
}
