// A contract: the domain team's promise, an ODCS v3.1 file (YAML or JSON) that other tools lint.
// What the agent needs of it, checked.
//
// Roles of columns: customProperties `weir.role` of a property (key, time, gateway, epoch, seq,
// quality). Where none is given, the key is the string property with primaryKeyPosition 1 (or the
// only primaryKey), and the time is the first timestamp property.
//
// A port is one entry of `schema`: its topic is `physicalName` (else `name`), of the form
// DOMAIN.PRODUCT.PORT.vMAJOR; it is chosen by PORT, by the entry's `name`, its `id` or its topic.
// Of a topic that has another form, PORT is the entry's `name`. How it is written is said by
// customProperties of the entry:
//
//     weir.layout       records (default) | blocks
//     weir.format       json | avro; default: `format` of the first kafka server, else json
//     weir.headers      min (default) | full
//     weir.partitionBy  gateway (default) | key
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
    char *name;     // "readings"
    char *topic;    // "plant7.thermal.readings.v1"
    char *entry;    // the `name` of the schema's entry
    char *entry_id; // its `id`; may be NULL
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
    char *tenant;  // may be NULL
    char *domain;  // may be NULL: told as a warning
    char *product; // dataProduct, or the file's name before ".odcs.yaml"
    char *stem;    // the file's name before ".odcs.yaml"
    char *owner;   // team.name, or the member with role owner; may be NULL
    char *support; // support[0].url, else .channel; may be NULL
    int64_t
        latency_ms; // slaProperties `latency`; -1: none promised, or in words that we cannot read
    uint8_t digest[32]; // SHA-256 of the file
    uint32_t port_count;
    struct contract_port ports[CONTRACT_PORTS_MAX];
};

// Read and check the file. NULL where errors were added to `problems`. Free with contract_free.
struct contract *contract_read(const char *path, struct problems *problems);
// The same from its text; `path` names it.
struct contract *contract_parse(const char *path, struct bytes text, struct problems *problems);
void contract_free(struct contract *contract);

// Does `name` mean this contract: its dataProduct, its `name`, or its file before ".odcs.yaml"?
bool contract_is_called(const struct contract *contract, const char *name);

// The port called `name`, or NULL.
const struct contract_port *contract_port(const struct contract *contract, const char *name);

#endif
