#include "agent/wire_csv.h"

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

static void put_value(struct buffer *out, const struct column *column, const struct value *value)
{
    char room[WIRE_TEXT_SIZE];
    struct bytes text = wire_value_text(column, value, room);
    if (value->kind == VALUE_TEXT) {
        wire_csv_put_text(out, text);
    } else {
        buffer_put(out, text.at, text.size);
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
