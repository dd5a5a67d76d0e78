#include "agent/wire_json.h"

#include "agent/clock.h"
#include "agent/json_text.h"
#include "agent/number.h"
#include "agent/wire_value.h"

#include <assert.h>

void wire_json_plan(struct wire_json *plan, const struct schema *schema)
{
    plan->schema = schema;
    struct buffer out = buffer_over(plan->bytes, sizeof plan->bytes);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        size_t start = out.size;
        buffer_put_byte(&out, i == 0 ? '{' : ',');
        json_put_string(&out, bytes_text(schema->columns[i].name));
        buffer_put_byte(&out, ':');
        plan->names[i] = bytes_from(out.at + start, out.size - start);
    }
    assert(!out.overflow); // names are letters, digits and underscores
}

static void put_quoted(struct buffer *out, const char *text, size_t size)
{
    buffer_put_byte(out, '"');
    buffer_put(out, text, size);
    buffer_put_byte(out, '"');
}

static void put_time(struct buffer *out, int64_t time_ms)
{
    char text[25];
    size_t size = clock_format(time_ms, text);
    put_quoted(out, text, size);
}

static void put_integer(struct buffer *out, const struct column *column, int64_t integer)
{
    char text[NUMBER_TEXT_SIZE];
    size_t size = number_format_integer(integer, text);
    if (column->as_text) {
        put_quoted(out, text, size);
    } else {
        buffer_put(out, text, size);
    }
}

static void put_value(struct buffer *out, const struct column *column, const struct value *value)
{
    char text[NUMBER_TEXT_SIZE];
    switch (value->kind) {
    case VALUE_NULL:
        buffer_put(out, "null", 4);
        break;
    case VALUE_BOOLEAN:
        buffer_put_text(out, value->boolean ? "true" : "false");
        break;
    case VALUE_INTEGER:
        if (column->type == COLUMN_TIMESTAMP) {
            put_time(out, value->integer);
        } else {
            put_integer(out, column, value->integer);
        }
        break;
    case VALUE_NUMBER:
        buffer_put(out, text, number_format(value->number, text));
        break;
    case VALUE_TEXT:
        json_put_string(out, value->text);
        break;
    }
}

void wire_json_put(const struct wire_json *plan, const struct record *record, const char *gateway,
                   const char *epoch, struct buffer *out)
{
    const struct schema *schema = plan->schema;
    const struct wire_row row = {schema, record, gateway, epoch};
    uint16_t count = (uint16_t)(schema->column_count - (schema_rejected_field(schema) >= 0));
    for (uint16_t i = 0; i < count; i++) {
        struct value value;
        wire_value(&row, &schema->columns[i], &value);
        buffer_put(out, plan->names[i].at, plan->names[i].size);
        put_value(out, &schema->columns[i], &value);
    }
    if (count == 0) {
        buffer_put_byte(out, '{');
    }
    buffer_put_byte(out, '}');
}
