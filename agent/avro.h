// Avro's binary encoding (Apache Avro 1.11 specification, "Data Serialization and
// Deserialization"), as far as we write it. What does not fit sets `out->overflow`.
//
// Floor: forms.
#ifndef WEIR_AGENT_AVRO_H
#define WEIR_AGENT_AVRO_H

#include "agent/bytes.h"

// int and long, and the count of an array's items: zigzag, 7 bits a byte, least first.
void avro_put_long(struct buffer *out, int64_t value);
void avro_put_double(struct buffer *out, double value);
void avro_put_boolean(struct buffer *out, bool value);
// What is not UTF-8 becomes U+FFFD, as in JSON: readers refuse a record with anything else.
void avro_put_string(struct buffer *out, struct bytes text);

// An array of `count` items is: avro_array_begin, the items, avro_array_end.
void avro_array_begin(struct buffer *out, size_t count);
void avro_array_end(struct buffer *out);

#endif
