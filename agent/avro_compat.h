// Can what was written under one Avro schema be read under another? By the rules of Apache Avro
// 1.11, "Schema Resolution", as its Java library and the schema registries that rest on it judge
// (names of records are compared without their name space; aliases are not looked at: we write
// none). Schemas are JSON without references to named types, as avro_schema.h makes them.
//
// Floor: forms.
#ifndef WEIR_AGENT_AVRO_COMPAT_H
#define WEIR_AGENT_AVRO_COMPAT_H

#include "agent/bytes.h"
#include "agent/err.h"

enum { AVRO_COMPAT_WHY_SIZE = 160 };

// What a change of a schema must leave possible, over all versions that a topic has records of.
enum compatibility {
    COMPATIBILITY_FULL,     // both of these
    COMPATIBILITY_BACKWARD, // a reader with the new schema reads what was written under the old
    COMPATIBILITY_FORWARD,  // a reader with the old schema reads what is written under the new
    COMPATIBILITY_NONE,
};

// Does `reader` read what `writer` wrote? `*reads`; where not, `why` tells the first place:
// "field note: ...". ERR_INVALID: one of the two is no such schema.
enum err avro_compat_reads(struct bytes reader, struct bytes writer, bool *reads,
                           char why[AVRO_COMPAT_WHY_SIZE]);

// May `after` follow `before`? As above.
enum err avro_compat_follows(enum compatibility rule, struct bytes before, struct bytes after,
                             bool *follows, char why[AVRO_COMPAT_WHY_SIZE]);

#endif
