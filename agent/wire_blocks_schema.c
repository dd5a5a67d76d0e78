// The Avro schema of layout `blocks`.
#include "agent/wire_blocks.h"
#include <string.h>

static void put_name(struct buffer *out, const char *name)
{
    buffer_put_text(out, "{\"name\":\"");
    buffer_put_text(out, name);
    buffer_put_text(out, "\",\"type\":");
}

static void put_array(struct buffer *out, const char *name, const char *items)
{
    put_name(out, name);
    buffer_put_text(out, "{\"type\":\"array\",\"items\":\"");
    buffer_put_text(out, items);
    buffer_put_text(out, "\"}},");
}

static bool name_is_avro(const char *name)
{
    size_t size = strlen(name);
    const char *const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    bool first = size > 0 && strchr(letters, name[0]) != NULL;
    return first &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") == size;
}

// One field for each field of the contract, called as there.
static enum err put_columns(const struct schema *schema, struct buffer *out)
{
    put_name(out, "columns");
    buffer_put_text(out, "{\"type\":\"record\",\"name\":\"Columns\",\"fields\":[");
    uint32_t field_count = 0;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->role != ROLE_FIELD) {
            continue;
        }
        if (!name_is_avro(column->name)) {
            return ERR_INVALID;
        }
        buffer_put_text(out, field_count++ == 0 ? "" : ",");
        put_name(out, column->name);
        buffer_put_text(out, "{\"type\":\"array\",\"items\":\"int\"}}");
    }
    buffer_put_text(out, "]}},");
    return OK;
}

enum err wire_blocks_schema(const struct schema *schema, struct buffer *out)
{
    buffer_put_text(out,
                    "{\"type\":\"record\",\"name\":\"Block\",\"namespace\":\"weir\",\"fields\":["
                    "{\"name\":\"gateway\",\"type\":\"string\"},"
                    "{\"name\":\"epoch\",\"type\":\"string\"},"
                    "{\"name\":\"seq\",\"type\":\"long\"},"
                    "{\"name\":\"clock\",\"type\":{\"type\":\"enum\",\"name\":\"Clock\","
                    "\"symbols\":[\"device\",\"wall\"]}},");
    put_array(out, "keys", "string");
    put_array(out, "shared", "int");
    put_array(out, "axes", "int");
    put_array(out, "times", "long");
    put_array(out, "order", "int");
    put_array(out, "qualities", "int");
    enum err err = put_columns(schema, out);
    if (err != OK) {
        return err;
    }
    put_array(out, "scales", "int");
    put_array(out, "numbers", "long");
    put_array(out, "doubles", "double");
    put_name(out, "texts");
    buffer_put_text(out, "{\"type\":\"array\",\"items\":\"string\"}}]}");
    return out->overflow ? ERR_LIMIT : OK;
}
