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
//     weir.headers      min (default) | full (CloudEvents too: agent/cloud_event.h)
//     weir.partitionBy  gateway (default) | key
//     weir.late         fifo (default) | topic: after an outage new rows first, the backlog to
//                       `<topic>.late`
//     weir.lateAfter    how old the oldest row must be for that; default 60 s
//     weir.partitions   of the topic, when it is created; default: the cluster's
//     weir.replication  likewise
//     weir.onViolation  annotate | quarantine | drop | count: see agent/quality.h
//     weir.schemaId     the schema registry's id of the Avro schema; else the gateway looks it up
//     weir.compatibility  full (default) | backward | forward | none: agent/avro_compat.h
//     weir.framing      registry (default) | none; of Avro. `none` only with blocks: a value of
//                       records may begin as one with an id does
//
// Layout blocks tells keys that the contract lists (validValues of a rule invalidValues at the key)
// by their place, not by name.
//
// A contract is owned: it names its domain, its owner (team) and where to ask (support), and its
// topics begin with its domain, so that one grant covers them. `mesh` is nobody's domain.
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_H
#define WEIR_AGENT_CONTRACT_H

#include "agent/avro_compat.h"
#include "agent/key_list.h"
#include "agent/problem.h"
#include "agent/quality.h"
#include "agent/uuid.h"

enum {
    CONTRACT_PORTS_MAX = 8,
    CONTRACT_NAME_MAX = 128, // bytes of tenant, domain, product
};

enum wire_layout { LAYOUT_RECORDS, LAYOUT_BLOCKS };
enum wire_format { FORMAT_JSON, FORMAT_AVRO };
enum header_level { HEADERS_MIN /* `weir` */, HEADERS_FULL /* CloudEvents too */ };
enum partition_by { PARTITION_BY_GATEWAY, PARTITION_BY_KEY };
enum late_rule { LATE_FIFO, LATE_TOPIC /* what waited long goes to `<topic>.late` */ };

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
    enum late_rule late;
    int partitions;  // to be created with; -1: as the cluster does
    int replication; // likewise
    int64_t late_after_ms;
    bool framed;       // values are Avro, and the registry's id of their schema comes with them:
    bool id_in_header; // in the header `__value_schema_id`; else they begin with it
    int64_t schema_id; // < 0: not said
    enum compatibility compatibility; // of the versions of its contract on its topic
    struct schema schema;
    struct quality_rules *quality; // its rules, compiled; owned
    struct key_list *listed;       // of layout blocks: the keys that it lists; NULL: none; owned
};

// What slaProperties promise and weir measures (agent/slo.h); negative: nothing, or in words that
// we cannot read.
struct contract_promises {
    double freshness_ms, latency_ms;
    double completeness_percent, conformity_percent, availability_percent;
    double error_percent;    // errorRate: at most
    double throughput_per_s; // records: at least
};

struct contract {
    char *file;
    char *id;
    char *version;
    char *name; // may be NULL
    char *status;
    char *tenant; // may be NULL
    char *domain;
    char *product; // dataProduct, or the file's name before ".odcs.yaml"
    char *stem;    // the file's name before ".odcs.yaml"
    char *owner;   // team.name, or the member with role owner
    char *support; // support[0].url, else .channel
    char *inputs;  // what it is made of: agent/contract_inputs.h; may be NULL
    // slaProperties of these names; -1: none promised, or in words that we cannot read.
    int64_t latency_ms;
    int64_t retention_ms;
    char product_id[UUID_TEXT_SIZE]; // see contract_identify
    char *document;                  // as it is published: agent/contract_document.h
    uint8_t content_digest[32];      // of the document's content
    struct contract_promises promises;
    uint8_t digest[32]; // SHA-256 of the file
    uint32_t port_count;
    struct contract_port ports[CONTRACT_PORTS_MAX];
};

// Read and check the file. NULL where errors were added to `problems`. Free with contract_free.
struct contract *contract_read(const char *path, struct problems *problems);
// The same from its text; `path` names it.
struct contract *contract_parse(const char *path, struct bytes text, struct problems *problems);
void contract_free(struct contract *contract);

// Set `product_id`, the product's id wherever it is told of: the UUIDv5 of the URN
// urn:weir:product:TENANT:DOMAIN:PRODUCT in the name space of URLs, with each part percent-encoded
// (RFC 3986) and TENANT empty where the contract names none. `tenant` is for a contract that names
// none; NULL: there is none. ERR_INVALID: the contract names another one; it is as it was.
enum err contract_identify(struct contract *contract, const char *tenant);

// Does `name` mean this contract: its dataProduct, its `name`, or its file before ".odcs.yaml"?
bool contract_is_called(const struct contract *contract, const char *name);

// The port called `name`, or NULL.
// `weir.framing` of the port.
const char *contract_framing(const struct contract_port *port);
const struct contract_port *contract_port(const struct contract *contract, const char *name);

#endif
