#include "agent/avro_schema.h"

#include "agent/wire_blocks.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// One part of a name, between points.
static void put_part(struct buffer *out, const char *text, size_t size)
{
    if (size == 0 || !(is_letter(text[0]) || text[0] < '0' || text[0] > '9')) {
        buffer_put_byte(out, '_');
    }
    for (size_t i = 0; i < size; i++) {
        bool good = is_letter(text[i]) || (text[i] >= '0' && text[i] <= '9');
        buffer_put_byte(out, good ? (uint8_t)text[i] : '_');
    }
}

static void put_namespace(struct buffer *out, const char *text)
{
    while (text != NULL) {
        const char *point = strchr(text, '.');
        put_part(out, text, point != NULL ? (size_t)(point - text) : strlen(text));
        if (point != NULL) {
            buffer_put_byte(out, '.');
        }
        text = point != NULL ? point + 1 : NULL;
    }
}

static const char *type_text(enum column_type type)
{
    switch (type) {
    case COLUMN_BOOLEAN:
        return "\"boolean\"";
    case COLUMN_INTEGER:
        return "\"long\"";
    case COLUMN_NUMBER:
        return "\"double\"";
    case COLUMN_STRING:
        return "\"string\"";
    case COLUMN_TIMESTAMP:
        return "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}";
    }
    return "\"null\"";
}

static void put_field(struct buffer *out, const struct column *column)
{
    buffer_put_text(out, "{\"name\":\"");
    buffer_put_text(out, column->name);
    buffer_put_text(out, column->required ? "\",\"type\":" : "\",\"type\":[\"null\",");
    buffer_put_text(out, type_text(column->type));
    buffer_put_text(out, column->required ? "}" : "],\"default\":null}");
}

static bool is_name(const char *text)
{
    bool good = is_letter(*text);
    for (; good && *text != '\0'; text++) {
        good = is_letter(*text) || (*text >= '0' && *text <= '9');
    }
    return good;
}

static enum err put_records(const struct contract *contract, const struct contract_port *port,
                            const struct schema *schema, struct buffer *out)
{
    buffer_put_text(out, "{\"type\":\"record\",\"name\":\"");
    put_part(out, port->name, strlen(port->name));
    buffer_put_text(out, "\",\"namespace\":\"");
    if (contract->domain != NULL) {
        put_namespace(out, contract->domain);
        buffer_put_byte(out, '.');
    }
    put_namespace(out, contract->product);
    buffer_put_text(out, "\",\"fields\":[");
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].role == ROLE_REJECTED) {
            continue; // the last one, never sent
        }
        if (!is_name(schema->columns[i].name)) {
            return ERR_INVALID;
        }
        if (i > 0) {
            buffer_put_byte(out, ',');
        }
        put_field(out, &schema->columns[i]);
    }
    buffer_put_text(out, "]}");
    return out->overflow ? ERR_LIMIT : OK;
}

enum err avro_schema_put(const struct contract *contract, const struct contract_port *port,
                         const struct schema *schema, struct buffer *out)
{
    if (port->layout == LAYOUT_BLOCKS) {
        return wire_blocks_schema(schema, port->listed, out);
    }
    return put_records(contract, port, schema, out);
}
