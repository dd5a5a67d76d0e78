// The `properties` of one schema of a contract, as columns with roles. A part of contract_read.
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_COLUMNS_H
#define WEIR_AGENT_CONTRACT_COLUMNS_H

#include "agent/schema.h"
#include "agent/yaml.h"

// Fill and seal `schema` (zeroed) from the `properties` of `entry`, adding what is wrong.
void contract_columns_read(const struct yaml_node *entry, struct schema *schema,
                           struct problems *problems);

#endif
