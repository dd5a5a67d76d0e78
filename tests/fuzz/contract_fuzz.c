// Any bytes as a contract: read whole or refused with a sentence; never both, never neither.
#include "agent/contract.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problems problems = {.count = 0};
    struct contract *contract = contract_parse("/c/a.odcs.yaml", bytes_from(data, size), &problems);
    if ((contract == NULL) != (problems.error_count > 0)) {
        abort();
    }
    for (uint32_t i = 0; contract != NULL && i < contract->port_count; i++) {
        const struct contract_port *port = &contract->ports[i];
        static uint8_t room[SCHEMA_COLUMNS_MAX * (SCHEMA_NAME_SIZE + 8)];
        static struct schema copy;
        struct buffer out = buffer_over(room, sizeof room);
        if (contract_port(contract, port->topic) == NULL || schema_put(&port->schema, &out) != OK ||
            schema_get(&copy, buffer_bytes(&out)) != OK) {
            abort();
        }
    }
    contract_free(contract);
    problems_free(&problems);
    return 0;
}
