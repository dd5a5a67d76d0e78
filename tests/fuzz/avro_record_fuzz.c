// Any bytes as an Avro record of a product that is read: refused, or read and, written again, read
// to the same.
#include "agent/wire_avro.h"
#include "agent/wire_avro_read.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The first byte chooses the columns, so that every type and role is met.
static struct schema schema_for(uint8_t choice)
{
    static const enum column_role roles[] = {ROLE_FIELD, ROLE_KEY,   ROLE_FIELD,
                                             ROLE_TIME,  ROLE_FIELD, ROLE_QUALITY};
    static const enum column_type types[] = {COLUMN_NUMBER,    COLUMN_STRING, COLUMN_BOOLEAN,
                                             COLUMN_TIMESTAMP, COLUMN_STRING, COLUMN_STRING};
    struct schema schema = {.column_count = (uint16_t)(choice % 6 + 1)};
    for (uint16_t i = 0; i < schema.column_count; i++) {
        schema.columns[i] = (struct column){.name = "c",
                                            .type = types[i],
                                            .role = roles[i],
                                            .required = (choice >> (i % 3 + 3) & 1) != 0};
    }
    schema_seal(&schema);
    return schema;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[1 << 17];
    struct value values[SCHEMA_COLUMNS_MAX];
    struct record record;
    char why[WIRE_AVRO_SENTENCE_SIZE];
    if (size == 0 || size > sizeof room / 2) {
        return 0;
    }
    struct schema schema = schema_for(data[0]);
    if (wire_avro_get(&schema, bytes_from(data + 1, size - 1), &record, values, why) != OK) {
        return 0;
    }
    struct buffer out = buffer_over(room, sizeof room);
    struct value again[SCHEMA_COLUMNS_MAX];
    struct record second;
    if (wire_avro_put(&schema, &record, "gw", "00", &out) == OK &&
        wire_avro_get(&schema, buffer_bytes(&out), &second, again, why) != OK) {
        abort();
    }
    return 0;
}
