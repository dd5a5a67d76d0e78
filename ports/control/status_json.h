// The state of the agent as one JSON document, "weir.status/1": the words of the heartbeat, counted
// since the agent started, with the detail that a person at the gateway asks for.
//
// Floor: edges.
#ifndef WEIR_PORTS_CONTROL_STATUS_JSON_H
#define WEIR_PORTS_CONTROL_STATUS_JSON_H

#include "agent/report.h"

// On one line; the caller frees it. NULL: no memory.
char *status_json(const struct report *report, int64_t now_boot_ms);

#endif
