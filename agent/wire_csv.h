// A record as a line of CSV (RFC 4180): the columns of one or more schemas, values as on the wire
// of the mesh, but texts as they are. What is missing, null or no finite number is empty; an empty
// text is "". Lines end with CR LF.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_CSV_H
#define WEIR_AGENT_WIRE_CSV_H

#include "agent/record.h"

enum { WIRE_CSV_COLUMNS_MAX = 4 * SCHEMA_COLUMNS_MAX };

struct wire_csv {
    uint32_t count;
    const char *names[WIRE_CSV_COLUMNS_MAX]; // borrowed from the schemas
};

// Add the columns of `schema` that are not there yet. At most four schemas fit.
void wire_csv_add(struct wire_csv *csv, const struct schema *schema);

// Append the names, or the values of `record` under `schema`; no line end, a comma between.
void wire_csv_put_names(const struct wire_csv *csv, struct buffer *out);
void wire_csv_put(const struct wire_csv *csv, const struct schema *schema,
                  const struct record *record, const char *gateway, const char *epoch,
                  struct buffer *out);

// Append one text as a field, quoted where it must be.
void wire_csv_put_text(struct buffer *out, struct bytes text);

#endif
