#include "agent/wire_avro.h"

#include "agent/avro.h"
#include "agent/wire_value.h"

static void put_value(struct buffer *out, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        break; // takes no bytes
    case VALUE_BOOLEAN:
        avro_put_boolean(out, value->boolean);
        break;
    case VALUE_INTEGER:
        avro_put_long(out, value->integer);
        break;
    case VALUE_NUMBER:
        avro_put_double(out, value->number);
        break;
    case VALUE_TEXT:
        avro_put_string(out, value->text);
        break;
    }
}

enum err wire_avro_put(const struct schema *schema, const struct record *record,
                       const char *gateway, const char *epoch, struct buffer *out)
{
    const struct wire_row row = {schema, record, gateway, epoch};
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        struct value value;
        if (column->role == ROLE_REJECTED) {
            continue;
        }
        wire_value(&row, column, &value);
        if (!column->required) {
            avro_put_long(out, value.kind != VALUE_NULL); // which of ["null", T]
        } else if (value.kind == VALUE_NULL) {
            return ERR_INVALID;
        }
        put_value(out, &value);
    }
    return OK;
}
