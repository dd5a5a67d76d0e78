// The catalog of the mesh, made of nothing but what lies on its topics: products (ODPS), their
// contracts (ODCS), the gateways behind them, and their measured service levels. Whoever can read
// the topics can make it.
//
//     mesh.products   key PRODUCT            ─┐
//     mesh.contracts  key CONTRACT/VERSION   ─┤   catalog_take ▶ catalog_model: one JSON array,
//     mesh.nodes      key PRODUCT/GATEWAY    ─┤   an object a product, with all that is known
//     mesh.slo        key PRODUCT/GATEWAY    ─┘
//
// Documents are other people's: what is missing or misshapen in one is left out, and never more
// than that one.
//
// Floor: forms.
#ifndef WEIR_AGENT_CATALOG_H
#define WEIR_AGENT_CATALOG_H

#include "agent/bytes.h"
#include "agent/err.h"

#include <cjson/cJSON.h>

enum catalog_kind { CATALOG_PRODUCT, CATALOG_CONTRACT, CATALOG_NODE, CATALOG_LEVELS };

enum {
    CATALOG_RECORDS_MAX = 1000000,
    CATALOG_VALUE_MAX = 1024 * 1024, // bytes of a document
    CATALOG_HISTORY_MAX = 240,       // the latest values of one service level that are kept
};

struct catalog; // opaque

struct catalog *catalog_open(void); // NULL: no memory
void catalog_close(struct catalog *catalog);

// What was found of a document's signature; texts are copied.
struct catalog_signature {
    const char *state;    // "trusted", "unsigned", ...: dsse_state_name
    const char *signer;   // "" where there is none
    const char *sentence; // why it is not trusted; "" where it is
};

// Take one record, in the order of the topic; `value` empty: the key is gone. The newest of a key
// counts (of service levels, all are the history). ERR_INVALID: the value is no JSON object; it is
// counted, and the key is as it was. ERR_LIMIT: a bound.
enum err catalog_take(struct catalog *catalog, enum catalog_kind kind, struct bytes key,
                      struct bytes value, const struct catalog_signature *signature,
                      int64_t time_ms);

// Records that were no documents.
uint64_t catalog_malformed(const struct catalog *catalog);

// All that must hold of a product to be found. Cases do not matter; NULL: not asked.
struct catalog_filter {
    const char *const *words; // each somewhere in its names, texts, tags, fields or topics
    uint32_t word_count;
    const char *domain; // it, or one below it: plant7 finds plant7.ovens
    const char *tag;
    const char *field; // the name of a field of a contract
    const char *unit;  // of a field
    int64_t now_ms;    // wall clock, by which gateways are silent; 0: none is
};

// The products that the filter finds, by name; freed by cJSON_Delete. NULL: no memory. Shape:
//
//     [{"id", "name", "domain", "tenant", "version", "status", "purpose", "usage", "limitations",
//       "tags": [..], "owner", "support": [..], "end_of_support",
//       "signature": {"state", "signer", "sentence"},
//       "ports": [{"name", "topic", "layout", "format", "contract", "version"}],
//       "contracts": [{"id", "version", "status", "signature": {..}, "found": bool,
//                      "fields": [{"name", "type", "required", "unit", "description",
//                                  "classification", "entry"}],
//                      "promises": [{"name", "value", "unit", "element"}]}],
//       "inputs": [{"id", "version"}],
//       "gateways": [{"name", "at", "contract", "version", "epoch", "agent", "silent": bool}],
//       "status_of_levels": "pass" | "warn" | "fail" | "unknown",
//       "levels": [{"gateway", "name", "status", "value", "unit", "threshold", "at",
//                   "history": [[time_ms, value], ..]}],
//       "documents": {"product": {..}, "contracts": [{..}]}}]
cJSON *catalog_find(struct catalog *catalog, const struct catalog_filter *filter);

#endif
