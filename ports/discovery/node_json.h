// The record of a gateway on `mesh.nodes`: which contract it runs, by which program. It tells
// nothing that changes by itself, so it is written once.
//
//     key    PRODUCT ID/GATEWAY
//     value  {"kind": "Node", "product": ID, "gateway": NAME, "domain": .., "port": .., "topic":
//     ..,
//             "contract": {"id": .., "version": .., "digest": 64 hex digits,
//                          "track": .., "newer": VERSION, "why_not": SENTENCE},
//             "epoch": 16 hex digits, "agent": {"name": "weir", "version": .., "sbom": 64 hex
//             digits}}
//
// `digest` is that of the contract's content (agent/contract_document.h), `sbom` the SHA-256 of the
// build's sbom.cdx.json. `track` stands where the contract is followed (agent/track.h), `newer` and
// `why_not` where a newer version is known that is not run.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_NODE_JSON_H
#define WEIR_PORTS_DISCOVERY_NODE_JSON_H

#include "agent/report.h"

enum { NODE_KEY_SIZE = UUID_TEXT_SIZE + 1 + 65 };

void node_key(const struct settings *settings, const struct product_settings *product,
              char out[NODE_KEY_SIZE]);

// The record's value, to be freed by cJSON_free; NULL: no memory.
char *node_json(const struct settings *settings, const struct product_settings *product,
                const struct report_product *report);

#endif
