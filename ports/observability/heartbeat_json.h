// A heartbeat as JSON, made of what the agent, the machine and the heartbeat's own memory know.
// Pure: the same facts give the same text. heartbeat.schema.json is the law of what it says.
//
// Floor: edges.
#ifndef WEIR_PORTS_OBSERVABILITY_HEARTBEAT_JSON_H
#define WEIR_PORTS_OBSERVABILITY_HEARTBEAT_JSON_H

#include "ports/observability/heartbeat_memory.h"
#include "ports/observability/machine.h"
#include "ports/observability/report_json.h"

enum heartbeat_kind {
    HEARTBEAT_BIRTH, // the first of a run
    HEARTBEAT_BEAT,
    HEARTBEAT_EVENT, // at once, for a change of status or reasons
    HEARTBEAT_BYE,   // a clean stop
};

// How far the wall clock is to be trusted.
enum clock_state {
    CLOCK_UNSET,    // before a time that is known to have passed
    CLOCK_FLOOR,    // not before it, and nothing keeps it right
    CLOCK_HOLDOVER, // was kept right earlier in this run, or a clock chip carries it
    CLOCK_SYNCED,
};

struct heartbeat {
    enum heartbeat_kind kind;
    const struct report *report;
    const struct machine *machine;
    const struct heartbeat_memory *memory;
    double cpu_pct; // NAN: not known
    enum clock_state clock;
    uint64_t clock_steps;
    uint64_t seq;
    int64_t now_boot_ms;
    int64_t now_wall_ms;
    const struct report_counters *counters; // now
    const struct report_counters *acked;    // as told by the last beat the broker took; or zeros
    int64_t acked_seq;                      // -1: none yet
    int64_t acked_boot_ms;                  // when that was built; the agent's start where none
    const char *bye_why;                    // for a bye: "stop", ...
};

// The document on one line; the caller frees it. NULL: no memory.
char *heartbeat_json(const struct heartbeat *heartbeat);

// When a watcher must call a gateway dead that beats each `interval_ms`: after three missed beats
// and some slack.
int64_t heartbeat_dead_after_s(int64_t interval_ms);

enum clock_state heartbeat_clock_state(const struct machine *machine, bool was_synced,
                                       int64_t wall_ms, int64_t floor_ms);

#endif
