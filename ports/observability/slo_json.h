// The service levels of a product as JSON, shaped after the draft of OORS (Open Observability
// Results Standard) v0.8.1. It is a draft: `apiVersion` says so, and what the standard becomes
// changes it.
//
// Floor: edges.
#ifndef WEIR_PORTS_OBSERVABILITY_SLO_JSON_H
#define WEIR_PORTS_OBSERVABILITY_SLO_JSON_H

#include "agent/slo.h"

#include <cjson/cJSON.h>

struct slo_document {
    const struct report *report;
    const struct report_product *product;
    const struct slo_result *results;
    uint32_t count;
    int64_t window_ms;
    const char *boot_id;
    uint64_t seq; // of the documents of this run
    int64_t now_wall_ms;
    bool clock_is_synced;
};

// On one line; the caller frees it. NULL: no memory.
char *slo_json(const struct slo_document *document);

// "<product id>/<gateway>", the key of the record.
enum { SLO_KEY_SIZE = 160 };
void slo_key(const struct report *report, const struct report_product *product,
             char key[SLO_KEY_SIZE]);

// Only status and values, for `weir status`.
cJSON *slo_summary(const struct slo_result *results, uint32_t count);

#endif
