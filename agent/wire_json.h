// A record as one JSON object, with the wire types of the mesh: time stamps in RFC 3339, numbers as
// the shortest text that reads back equal, null for what is missing and for NaN and infinities
// (whose quality is then bad).
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_JSON_H
#define WEIR_AGENT_WIRE_JSON_H

#include "agent/record.h"

enum { WIRE_JSON_PLAN_BYTES = SCHEMA_COLUMNS_MAX * (SCHEMA_NAME_SIZE + 4) };

// What is the same for every record of a schema: the names, quoted, with their separators.
struct wire_json {
    const struct schema *schema; // borrowed
    struct bytes names[SCHEMA_COLUMNS_MAX];
    uint8_t bytes[WIRE_JSON_PLAN_BYTES];
};

void wire_json_plan(struct wire_json *plan, const struct schema *schema);

// Append `record`, of `gateway` and `epoch`. `out->overflow` tells that it did not fit.
void wire_json_put(const struct wire_json *plan, const struct record *record, const char *gateway,
                   const char *epoch, struct buffer *out);

#endif
