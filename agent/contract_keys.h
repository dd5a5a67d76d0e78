// The keys that a contract lists: the `validValues` of a rule `invalidValues` at the property that
// is the key. A part of contract_read.
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_KEYS_H
#define WEIR_AGENT_CONTRACT_KEYS_H

#include "agent/key_list.h"
#include "agent/yaml.h"

// The list of `entry`, whose columns are `schema`, in the order of the contract; NULL: it lists
// none. What is not read here is told where rules are read (agent/quality_read.h); more names than
// a list holds are a warning, and are told by name.
struct key_list *contract_keys_read(const struct yaml_node *entry, const struct schema *schema,
                                    struct problems *problems);

#endif
