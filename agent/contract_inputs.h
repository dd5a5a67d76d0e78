// What a product is made of, its lineage, as its owner declares it: the custom property
// `weir.inputContracts` of the contract's root, "ID/VERSION, ID/VERSION". It is published as
// inputContracts of the product's output ports (ODPS).
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_INPUTS_H
#define WEIR_AGENT_CONTRACT_INPUTS_H

#include "agent/bytes.h"
#include "agent/problem.h"
#include "agent/yaml.h"

// The property's text, borrowed, with what is wrong with it told; NULL: there is none.
const char *contract_inputs_read(const struct yaml_node *root, struct problems *problems);

// The next one, moving `*text` behind it; the first call with the whole. False: there is none, or
// it is none.
bool contract_input_next(const char **text, struct bytes *id, struct bytes *version);

// Is a contract of that id among them? `text` may be NULL.
bool contract_inputs_have(const char *text, const char *id);

#endif
