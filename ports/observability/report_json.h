// The parts of a report as JSON, as heartbeat and status share them. Names, units and meaning are
// those of heartbeat.schema.json; what is not known is null, never 0.
//
// Floor: edges.
#ifndef WEIR_PORTS_OBSERVABILITY_REPORT_JSON_H
#define WEIR_PORTS_OBSERVABILITY_REPORT_JSON_H

#include "agent/report.h"

#include <cjson/cJSON.h>

// The counters of a report at one moment; two of them tell what happened between.
struct report_counters {
    uint64_t in_records, out_records, lost_records;
    uint64_t sent_bytes, received_bytes;
    uint64_t warnings, errors; // lines of the log
    uint64_t port_ok[SETTINGS_INPUTS_MAX], port_bad[SETTINGS_INPUTS_MAX];
};

void report_count(const struct report *report, struct report_counters *counters);

const char *report_status_name(enum report_status status); // "ok", "warn", "fail"

// Each returns an object or array that the caller owns; NULL only where memory is out. `detail`
// adds what a person at the gateway asks for and the wire should not pay for.
cJSON *report_reasons_json(const struct report *report);
// `interface` NULL: not asked for.
cJSON *report_link_json(const struct report *report, const char *interface,
                        const struct report_counters *now, const struct report_counters *since);
cJSON *report_buffer_json(const struct report *report);
cJSON *report_streams_json(const struct report *report, bool detail);
cJSON *report_ports_json(const struct report *report, const struct report_counters *now,
                         const struct report_counters *since, bool detail);

// Members whose value may be unknown: negative, NAN, or NULL and "".
void json_add_count(cJSON *object, const char *name, int64_t value);
void json_add_measure(cJSON *object, const char *name, double value); // to 3 decimals
void json_add_text(cJSON *object, const char *name, const char *value);

// `root` as text on one line, to be freed by the caller; NULL: no memory. Bytes that are no UTF-8
// (a device's, in a sentence of trouble) become '?', so that every reader takes it.
char *json_print(const cJSON *root);

#endif
