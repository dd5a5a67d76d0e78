// What the readers of rules share: quality_read.c (a property, its options) and quality_metrics.c
// (quality[]). Nobody else includes it.
//
// Floor: forms.
#ifndef WEIR_AGENT_QUALITY_READING_H
#define WEIR_AGENT_QUALITY_READING_H

#include "agent/number.h"
#include "agent/quality_inner.h"
#include "agent/yaml.h"

struct quality_reading {
    struct quality_rules *quality;
    const struct schema *schema;
    struct problems *problems;
    bool is_blocks;
    bool has_quality; // a column of that role
    bool told_many;
};

// What the rules of one place have in common.
struct quality_place {
    const struct yaml_node *node;
    const struct column *column; // NULL: the entry
    enum quality_action action;
};

// weir.onViolation of `element`, else `initial`.
enum quality_action quality_read_action(const struct quality_reading *reading,
                                        const struct yaml_node *element,
                                        enum quality_action initial);

// A new rule; NULL (told): there are too many.
struct rule *quality_add_rule(struct quality_reading *reading, const struct quality_place *place,
                              const struct yaml_node *node, enum quality_kind kind);

// Values of a contract. False, and a problem was added: it is none.
bool quality_read_number(const struct quality_reading *reading, const struct yaml_node *node,
                         struct number *number);
bool quality_read_time(const struct quality_reading *reading, const struct yaml_node *node,
                       int64_t *ms);
void quality_set_pattern(const struct quality_reading *reading, const struct yaml_node *node,
                         struct rule *rule);

// Of a rule about duplicates: one more column to compare; the memory of what was.
void quality_add_key(const struct quality_reading *reading, const struct yaml_node *node,
                     struct rule *rule, const struct column *column);
void quality_add_window(struct rule *rule);

// Does a record bring the column's values, or does weir fill it?
bool quality_is_judged(const struct column *column);

// One rule of type library.
void quality_read_library(struct quality_reading *reading, const struct quality_place *place,
                          const struct yaml_node *item);

#endif
