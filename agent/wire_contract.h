// The contract of a topic of layout `blocks` as it lies on the wire: an ODCS v3.1 document whose
// schema is weir.Block (agent/BLOCKS-WIRE.md), made from the contract of its rows. It names that
// contract, and holds the Avro schema, so that a consumer without a registry reads the topic.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_CONTRACT_H
#define WEIR_AGENT_WIRE_CONTRACT_H

#include "agent/contract.h"

enum { WIRE_CONTRACT_ID_SIZE = 300 };

// ID:PORT:wire, of a port with layout blocks.
void wire_contract_id(const struct contract *contract, const struct contract_port *port,
                      char out[WIRE_CONTRACT_ID_SIZE]);

// Its key on mesh.contracts: that and /VERSION.
void wire_contract_key(const struct contract *contract, const struct contract_port *port,
                       char out[WIRE_CONTRACT_ID_SIZE]);

// The document, version and status as the contract's; freed by cJSON_free. NULL: no memory, or the
// Avro schema is over its bound.
char *wire_contract_document(const struct contract *contract, const struct contract_port *port);

#endif
