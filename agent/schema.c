#include "agent/schema.h"

#include <assert.h>

// As bytes, little-endian:
//
//     id u32 | column_count u16 | column_count x { type u8 | role u8 | flags u8 | size u8 | name }
//
// flags: bit 0 required, bit 1 as_text.
enum { FLAG_REQUIRED = 1, FLAG_AS_TEXT = 2 };

static uint32_t fingerprint(const struct schema *schema)
{
    uint32_t crc = 0;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        uint8_t kind[2] = {(uint8_t)column->type, (uint8_t)column->role};
        // The NUL goes in: "ab","c" and "a","bc" differ.
        crc = bytes_crc32c(crc, bytes_from(column->name, strlen(column->name) + 1));
        crc = bytes_crc32c(crc, bytes_from(kind, sizeof kind));
    }
    return crc;
}

void schema_seal(struct schema *schema)
{
    assert(schema->column_count <= SCHEMA_COLUMNS_MAX);
    uint16_t fields = 0;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        struct column *column = &schema->columns[i];
        bool is_field = column->role == ROLE_FIELD || column->role == ROLE_REJECTED;
        column->field = is_field ? fields++ : 0;
    }
    schema->field_count = fields;
    schema->id = fingerprint(schema);
}

void schema_add_rejected(struct schema *out, const struct schema *port)
{
    assert(port->column_count < SCHEMA_COLUMNS_MAX);
    *out = *port;
    out->columns[out->column_count++] = (struct column){
        .name = "weir.rejected", // no name of a contract has a point
        .type = COLUMN_STRING,
        .role = ROLE_REJECTED,
    };
    schema_seal(out);
}

const struct column *schema_find(const struct schema *schema, struct bytes name)
{
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (bytes_equal(bytes_text(schema->columns[i].name), name)) {
            return &schema->columns[i];
        }
    }
    return NULL;
}

const struct column *schema_field(const struct schema *schema, uint16_t field)
{
    assert(field < schema->field_count);
    uint16_t i = field; // its column stands there or later
    while ((schema->columns[i].role != ROLE_FIELD && schema->columns[i].role != ROLE_REJECTED) ||
           schema->columns[i].field != field) {
        i++;
        assert(i < schema->column_count);
    }
    return &schema->columns[i];
}

enum err schema_put(const struct schema *schema, struct buffer *out)
{
    uint8_t *head = buffer_room(out, 6);
    if (head != NULL) {
        put_u32(head, schema->id);
        put_u16(head + 4, schema->column_count);
    }
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        int flags = (column->required ? FLAG_REQUIRED : 0) | (column->as_text ? FLAG_AS_TEXT : 0);
        buffer_put_byte(out, (uint8_t)column->type);
        buffer_put_byte(out, (uint8_t)column->role);
        buffer_put_byte(out, (uint8_t)flags);
        buffer_put_byte(out, (uint8_t)strlen(column->name));
        buffer_put_text(out, column->name);
    }
    return out->overflow ? ERR_LIMIT : OK;
}

// One column from the front of `in`; the bytes it takes, 0 where it is none.
static size_t get_column(struct column *column, struct bytes in)
{
    if (in.size < 4) {
        return 0;
    }
    uint8_t type = in.at[0];
    uint8_t role = in.at[1];
    uint8_t flags = in.at[2];
    uint8_t size = in.at[3];
    bool fits = type <= COLUMN_TIMESTAMP && role <= ROLE_REJECTED &&
                flags <= (FLAG_REQUIRED | FLAG_AS_TEXT) && size > 0 && size < SCHEMA_NAME_SIZE &&
                in.size - 4 >= size && memchr(in.at + 4, '\0', size) == NULL;
    if (!fits) {
        return 0;
    }
    *column = (struct column){
        .type = (enum column_type)type,
        .role = (enum column_role)role,
        .required = (flags & FLAG_REQUIRED) != 0,
        .as_text = (flags & FLAG_AS_TEXT) != 0,
    };
    memcpy(column->name, in.at + 4, size);
    return 4u + size;
}

enum err schema_get(struct schema *schema, struct bytes in)
{
    if (in.size < 6) {
        return ERR_CORRUPT;
    }
    uint32_t id = get_u32(in.at);
    uint16_t count = get_u16(in.at + 4);
    if (count > SCHEMA_COLUMNS_MAX) {
        return ERR_CORRUPT;
    }
    size_t at = 6;
    for (uint16_t i = 0; i < count; i++) {
        size_t used = get_column(&schema->columns[i], bytes_from(in.at + at, in.size - at));
        if (used == 0) {
            return ERR_CORRUPT;
        }
        at += used;
    }
    schema->column_count = count;
    schema_seal(schema);
    return at == in.size && schema->id == id ? OK : ERR_CORRUPT;
}
