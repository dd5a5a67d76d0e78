// A record as one Avro record (binary encoding), with the wire types of the mesh: time stamps are
// timestamp-millis, integers long, numbers double; a column that is not required is ["null", T].
// NaN and infinities are null, and make the quality bad. The schema is avro_schema.h's.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_AVRO_H
#define WEIR_AGENT_WIRE_AVRO_H

#include "agent/record.h"

// Append `record`, of `gateway` and `epoch`. `out->overflow` tells that it did not fit.
// ERR_INVALID: a required column has no value (the contract was changed over a backlog), which Avro
// cannot say; what was appended is no record.
enum err wire_avro_put(const struct schema *schema, const struct record *record,
                       const char *gateway, const char *epoch, struct buffer *out);

#endif
