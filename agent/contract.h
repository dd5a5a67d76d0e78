// A contract: the domain team's promise, an ODCS v3.1 file (YAML or JSON) that other tools lint.
// What the agent needs of it, checked.
//
// Roles of columns: customProperties `weir.role` of a property (key, time, gateway, epoch, seq,
// quality). Where none is given, the key is the string property with primaryKeyPosition 1 (or the
// only primaryKey), and the time is the first timestamp property.
//
// A port is one entry of `schema`: its topic is `physicalName` (else `name`), of the form
// DOMAIN.PRODUCT.PORT.vMAJOR; it is chosen by PORT, by the entry's `name`, its `id` or its topic.
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_H
#define WEIR_AGENT_CONTRACT_H

#include "agent/problem.h"
#include "agent/schema.h"

enum { CONTRACT_PORTS_MAX = 8 };

enum wire_layout { LAYOUT_RECORDS, LAYOUT_BLOCKS };
enum wire_format { FORMAT_JSON, FORMAT_AVRO };
enum header_level { HEADERS_MIN /* `weir` */, HEADERS_FULL /* CloudEvents too */ };
enum partition_by { PARTITION_BY_GATEWAY, PARTITION_BY_KEY };

struct contract_port {
    char *name;  // "readings"
    char *topic; // "plant7.thermal.readings.v1"
    int line;
    enum wire_layout layout;
    enum wire_format format;
    enum header_level headers;
    enum partition_by partition_by;
    struct schema schema;
};

struct contract {
    char *file;
    char *id;
    char *version;
    char *name; // may be NULL
    char *status;
    char *tenant;       // may be NULL
    char *domain;       // may be NULL: told as a warning
    char *product;      // dataProduct, or the file's name before ".odcs.yaml"
    char *owner;        // team.name, or the member with role owner; may be NULL
    char *support;      // support[0].url, else .channel; may be NULL
    uint8_t digest[32]; // SHA-256 of the file
    uint32_t port_count;
    struct contract_port ports[CONTRACT_PORTS_MAX];
};

// Read and check the file. NULL where errors were added to `problems`. Free with contract_free.
struct contract *contract_read(const char *path, struct problems *problems);
void contract_free(struct contract *contract);

const struct contract_port *contract_port(const struct contract *contract, const char *name);

#endif
