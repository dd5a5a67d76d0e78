// The gate: what a record must be before it is stored.
//
// Floor: flow.
#ifndef WEIR_AGENT_INTAKE_H
#define WEIR_AGENT_INTAKE_H

#include "agent/record.h"

enum { INTAKE_SENTENCE_SIZE = 200 };

// Only what no record may be, whatever its contract says: a key or a text over its bound. ERR_LIMIT
// with the sentence.
enum err intake_bounds(const struct schema *schema, const struct record *record,
                       char sentence[INTAKE_SENTENCE_SIZE]);

// OK, or ERR_INVALID / ERR_LIMIT with the sentence that says why: "column 'value' must be a number
// and is text". Values are looked at, never changed.
enum err intake_check(const struct schema *schema, const struct record *record,
                      char sentence[INTAKE_SENTENCE_SIZE]);

#endif
