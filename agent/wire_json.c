#include "agent/wire_json.h"

#include "agent/json_text.h"
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

static void put_value(struct buffer *out, const struct column *column, const struct value *value)
{
    char room[WIRE_TEXT_SIZE];
    struct bytes text = wire_value_text(column, value, room);
    if (value->kind == VALUE_TEXT) {
        json_put_string(out, text);
    } else if (value->kind == VALUE_NULL) {
        buffer_put(out, "null", 4);
    } else if (value->kind == VALUE_INTEGER &&
               (column->type == COLUMN_TIMESTAMP || column->as_text)) {
        buffer_put_byte(out, '"');
        buffer_put(out, text.at, text.size);
        buffer_put_byte(out, '"');
    } else {
        buffer_put(out, text.at, text.size);
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
