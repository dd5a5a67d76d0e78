// Read back what wire_avro.h writes: one record, in Avro's binary encoding, under a contract's
// schema. The bytes are other people's: a record is taken whole or not at all.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_AVRO_READ_H
#define WEIR_AGENT_WIRE_AVRO_READ_H

#include "agent/record.h"

enum { WIRE_AVRO_SENTENCE_SIZE = 160 };

// Fill `record` (with its key, time and quality where the schema has such columns) and `values`,
// one a field of `schema`; texts borrow from `in`. `record->clock` is RECORD_CLOCK_DEVICE where it
// has a time, else RECORD_CLOCK_WALL. ERR_CORRUPT: it is no such record, or bytes are left; `why`
// says where.
enum err wire_avro_get(const struct schema *schema, struct bytes in, struct record *record,
                       struct value *values, char why[WIRE_AVRO_SENTENCE_SIZE]);

#endif
