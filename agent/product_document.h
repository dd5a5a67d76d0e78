// The document of a data product, ODPS v1.0.0 as JSON: what stands on `mesh.products`. It is made
// from the product's contracts alone, so the same contracts make the same bytes everywhere.
//
// Ports that an older document had and these contracts do not name stay, while their contract is in
// force: a breaking change has a new major topic, and both run until the old one is retired.
//
// Floor: forms.
#ifndef WEIR_AGENT_PRODUCT_DOCUMENT_H
#define WEIR_AGENT_PRODUCT_DOCUMENT_H

#include "agent/contract.h"

#define PRODUCTS_TOPIC  "mesh.products"
#define CONTRACTS_TOPIC "mesh.contracts"
#define NODES_TOPIC     "mesh.nodes"
#define PRODUCT_TYPE    "application/odps+json"
#define CONTRACT_TYPE   "application/odcs+json"

enum { PRODUCT_CONTRACTS_MAX = 16 };

// `contracts` (1 to PRODUCT_CONTRACTS_MAX) are all of one product. `before` is the document that
// the mesh has; empty: none. The text is freed by cJSON_free; NULL: no memory.
char *product_document(const struct contract *const *contracts, uint32_t count,
                       struct bytes before);

// The document without the ports of the contract; where none is left, the product's status is
// `deprecated`. NULL: it is no JSON object.
char *product_document_without(struct bytes document, const char *contract_id,
                               const char *contract_version);

// Compare versions by their numbers: 1.10.0 is after 1.9.0. As strcmp.
int version_compare(const char *a, const char *b);

#endif
