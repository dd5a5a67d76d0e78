// The rules of a contract's schema entry, compiled for agent/quality.h. A part of contract_read.
//
// Floor: forms.
#ifndef WEIR_AGENT_QUALITY_READ_H
#define WEIR_AGENT_QUALITY_READ_H

#include "agent/quality.h"
#include "agent/yaml.h"

// Compile the rules of `entry` for the columns of `schema` (sealed; borrowed as long as the rules
// live). What is wrong is added; what cannot be judged here is a warning. NULL: no memory left, or
// (told) more rules than QUALITY_RULES_MAX.
struct quality_rules *quality_read(const struct yaml_node *entry, const struct schema *schema,
                                   struct problems *problems);

#endif
