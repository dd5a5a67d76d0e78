// The service levels that a contract promises: its slaProperties, in our units. A part of
// contract_read.
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_PROMISES_H
#define WEIR_AGENT_CONTRACT_PROMISES_H

#include "agent/contract.h"
#include "agent/yaml.h"

// Set `latency_ms`, `retention_ms` and `promises` of the contract whose root is `root`; -1 for what
// is not promised, or in words that we cannot read. Adds what is wrong to `problems`.
void contract_read_promises(struct contract *contract, const struct yaml_node *root,
                            struct problems *problems);

#endif
