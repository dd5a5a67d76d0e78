// A record that its contract rejects keeps its place in the stream: it is stored as a row like any
// other, with the reason in a column of its own (schema_add_rejected), and when its turn to be sent
// comes it is told elsewhere instead. So the accounting has no second path (I3):
//
//     quarantined   one record on `<topic>.quarantine`, key = its key, value = JSON
//     dropped       one on `<topic>.losses`, key = the gateway; its values are not stored
//
// Both values begin as a record of `<topic>.losses` does, with `cause` "quarantined" or "dropped";
// `reason` says what is wrong. Of a quarantined one `key`, `time` and `record` follow, the record
// as it would stand on the data topic, and `misfits`: what came for a column and is not of its type
// (in `record` that is null).
//
// The text of the column: 'Q' or 'D', the reason, and where there are misfits a line feed and they
// as a JSON object.
//
// Floor: flow.
#ifndef WEIR_AGENT_ASIDE_H
#define WEIR_AGENT_ASIDE_H

#include "agent/quality.h"
#include "agent/settled.h"

// In a token of the output's `tell`: what follows is a seq of a rejected record.
#define ASIDE_TOKEN (UINT64_C(1) << 47)

struct aside {
    size_t size;
    uint8_t text[RECORD_TEXT_MAX];
};

// The text for `record`, rejected as `action` (quarantine or drop) for `reason`.
void aside_write(struct aside *aside, enum quality_action action, const char *reason,
                 const struct schema *schema, const struct record *record);

// Does a block take the value in this column?
bool aside_value_fits(const struct column *column, const struct value *value);

struct aside_read {
    enum settled_how how; // SETTLED_QUARANTINED or SETTLED_DROPPED
    struct bytes reason;
    struct bytes misfits; // a JSON object; empty: none
};

// ERR_CORRUPT: it is no such text.
enum err aside_read(struct bytes text, struct aside_read *read);

// The value for its topic. `row` is the record as JSON.
void aside_put_json(const struct aside_read *read, const struct record *record, struct bytes row,
                    const char *gateway, const char *product, const char *epoch,
                    struct buffer *out);

#endif
