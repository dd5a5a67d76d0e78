// From a record of another product to values of this one: what is called alike, what `fields`
// renames, and what `derive` computes ("temperature * 1.8 + 32").
//
// Floor: edges.
#ifndef WEIR_PORTS_INPUT_KAFKA_MAP_H
#define WEIR_PORTS_INPUT_KAFKA_MAP_H

#include "agent/option.h"
#include "agent/problem.h"
#include "agent/record.h"

struct kafka_map_rule {
    uint16_t from; // a field of theirs
    uint16_t to;   // a field of ours
    bool is_plain; // the value as it is; else times * it + plus
    bool to_number;
    double times, plus;
};

struct kafka_map {
    uint32_t count;
    struct kafka_map_rule rules[SCHEMA_COLUMNS_MAX];
};

// Read the options `fields` (theirs: ours) and `derive` (ours: expression). Where neither is given,
// all that are called alike. Problems are told at their lines; false where there was one.
bool kafka_map_read(struct kafka_map *map, const struct option_set *options,
                    const struct schema *theirs, const struct schema *ours, const char *file,
                    struct problems *problems);

// Set `values` (by our fields) of what the rules say; the others are null.
void kafka_map_apply(const struct kafka_map *map, const struct value *theirs, struct value *values,
                     uint16_t field_count);

#endif
