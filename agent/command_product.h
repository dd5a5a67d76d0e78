// `weir product`: what the files command_product*.c share.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_PRODUCT_H
#define WEIR_AGENT_COMMAND_PRODUCT_H

#include "agent/access.h"
#include "agent/command_kafka.h"
#include "agent/contract.h"
#include "agent/dsse.h"
#include "agent/product_document.h"
#include "ports/discovery/mesh.h"
#include "ports/discovery/registry.h"

enum { PRODUCT_PLAN_CHANGES = 2, PRODUCT_REFUSED = 1 }; // exit codes

struct product_request {
    const char *verb;
    struct command_kafka kafka;
    struct argument_list words; // contracts
    const char *sign;           // "KEY,CERT"
    const char *trust;
    const char *emit;
    const char *replication;
    const char *tenant;
    const char *registry_url;   // before the one of --config
    const char *end_of_support; // retire
    const char *force_reason;   // retire: overrule who still reads
    const char *canary;         // apply: "5%"
    struct access_principals principals;
    bool json;
    // What is made of them.
    struct dsse_signer *signer;
    struct dsse_trust *believed;
    struct contract *contracts[PRODUCT_CONTRACTS_MAX];
    uint32_t contract_count;
    struct option_set registry_options;
    struct registry *registry; // NULL: none was named
};

// Read all contracts that were named; EX_OK, or the exit code after sentences on stderr.
int product_read_contracts(struct product_request *request);

// Read --sign and --trust; EX_OK, or as above. Every contract's domain must be the signer's.
int product_read_keys(struct product_request *request);

// The registry of --registry, or of the section `registry` of --config (the cluster is open
// already); EX_OK, or as above.
int product_open_registry(struct product_request *request);

int product_plan(struct product_request *request); // plan and apply
int product_retire(struct product_request *request);

#endif
