// The columns of a contract, as the flow needs them: which are fields that an input fills, and
// which the agent fills itself (key, time, gateway, epoch, seq, quality). Built from a contract by
// `contract_read`, kept in the spool beside the blocks that were written under it.
//
// Floor: forms.
#ifndef WEIR_AGENT_SCHEMA_H
#define WEIR_AGENT_SCHEMA_H

#include "agent/bytes.h"
#include "agent/err.h"

enum {
    SCHEMA_COLUMNS_MAX = 256, // of one contract
    SCHEMA_NAME_SIZE = 64,    // bytes of a column's name, NUL included
};

enum column_type { COLUMN_BOOLEAN, COLUMN_INTEGER, COLUMN_NUMBER, COLUMN_STRING, COLUMN_TIMESTAMP };

enum column_role {
    ROLE_FIELD, // filled by the input; the only columns that blocks store
    ROLE_KEY,
    ROLE_TIME,
    ROLE_GATEWAY,
    ROLE_EPOCH,
    ROLE_SEQ,
    ROLE_QUALITY,
    ROLE_REJECTED, // of the agent's own schemas: see schema_add_rejected
};

struct column {
    char name[SCHEMA_NAME_SIZE];
    enum column_type type;
    enum column_role role;
    bool required;
    bool as_text;   // an integer that travels as a JSON string (physicalType: string)
    uint16_t field; // for ROLE_FIELD and ROLE_REJECTED: its place among the record's values
};

struct schema {
    uint32_t id; // fingerprint of names, types and roles; stored in every block
    uint16_t column_count;
    uint16_t field_count;                      // columns that have one
    struct column columns[SCHEMA_COLUMNS_MAX]; // in contract order
};

// Number the fields and compute `id`. Call after the columns are set.
void schema_seal(struct schema *schema);

// Make `out` what the spool stores rows of `port` under: the same columns and, behind them, a text
// that blocks store and that no output sends, why the contract rejected the row (agent/aside.h).
// `port` has at most SCHEMA_COLUMNS_MAX - 1 columns.
void schema_add_rejected(struct schema *out, const struct schema *port);

// The number of the field that holds that text; -1: the schema has none.
static inline int schema_rejected_field(const struct schema *schema)
{
    if (schema->column_count == 0) {
        return -1;
    }
    const struct column *last = &schema->columns[schema->column_count - 1];
    return last->role == ROLE_REJECTED ? last->field : -1;
}

// The column called `name`, or NULL.
const struct column *schema_find(const struct schema *schema, struct bytes name);

// The column of field `field`; `field` < field_count.
const struct column *schema_field(const struct schema *schema, uint16_t field);

// Write the schema as bytes that `schema_get` reads back (for the spool's state). ERR_LIMIT: no
// room.
enum err schema_put(const struct schema *schema, struct buffer *out);

// ERR_CORRUPT: `in` is not what schema_put wrote, or its id does not fit.
enum err schema_get(struct schema *schema, struct bytes in);

#endif
