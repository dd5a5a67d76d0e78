// The state of the agent at one moment, as heartbeat, status and metrics tell it. Filled by
// `agent_report` on the loop's thread; texts borrow from the agent. What is not known is said to be
// unknown (negative, INT64_MIN, NULL or ""), never 0.
//
// Floor: flow.
#ifndef WEIR_AGENT_REPORT_H
#define WEIR_AGENT_REPORT_H

#include "agent/arrivals.h"
#include "agent/budget.h"
#include "agent/port.h"
#include "agent/settings.h"

enum { REPORT_REASONS_MAX = 16, REPORT_REASON_SIZE = 48 };

enum report_status { REPORT_STATUS_OK, REPORT_STATUS_WARN, REPORT_STATUS_FAIL };

// Counters since the start of the agent; who tells differences keeps the last values.
struct slo_result;

struct report_product {
    const char *name;
    const char *topic;
    uint64_t epoch;
    uint64_t seq;                    // last given
    uint64_t durable;                // last that a commit covered
    uint64_t cursor;                 // everything up to it is settled
    uint64_t in_records;             // accepted
    uint64_t out_records;            // acknowledged by the broker
    uint64_t refused_records;        // never accepted: broke the contract or a bound
    uint64_t lost_records;           // settled as lost, all causes
    uint64_t quarantined_records;    // the broker refused them; in the file beside the spool
    uint64_t aside_records;          // broke the contract; on the quarantine topic
    uint64_t dropped_records;        // broke the contract; dropped, as it says
    uint64_t breaking_records;       // of in_records: broke the contract
    uint64_t expired_records;        // of the lost ones
    uint64_t thinned_records;        // accepted, and reduced to others before they got a seq
    unsigned thin_level;             // 0: records are stored as they come
    uint64_t missed_records;         // due at a scheduled poll, and not read
    const struct arrivals *arrivals; // of the acknowledged ones
    const struct contract *contract;
    const struct follow_settings *follow; // NULL: the contract is a file
    const struct followed *followed;      // how it stands; NULL: not looked yet
    const struct contract_promises *promises;
    const struct quality_rules *rules;
    uint64_t waiting_records;        // not settled
    const struct slo_result *levels; // as last measured (agent/slo.h)
    uint32_t level_count;
    uint64_t losses_untold;        // loss records that the broker has not acknowledged
    uint64_t gaps;                 // loss records made
    int64_t oldest_age_s;          // of the oldest unsettled record, in boot time; -1: none
    int64_t in_bps, out_bps;       // stored bytes per second, mean of up to 5 min; -1: unknown yet
    int64_t full_in_s, drain_in_s; // -1: not filling, not draining, or unknown
    const char *policy;            // "drop oldest", "refuse", "thin"
    struct spool_stat spool;
    bool in_memory;    // the disk was not usable; records lie in RAM
    bool lacks_schema; // the registry has not told the id of its schema; records wait
};

struct report_input {
    const char *name;
    const char *driver;
    const char *product;
    enum port_state state;
    uint64_t ok_records;
    uint64_t refused_records;
    uint64_t missed_records; // due, and gone for want of room or of an answer
    uint64_t troubles;
    int64_t last_ok_age_s;  // -1: never
    const char *last_error; // NULL: none
};

struct report {
    const struct settings *settings;
    const char *version;
    int64_t started_boot_ms;
    enum report_status status;
    uint32_t reason_count;
    char reasons[REPORT_REASONS_MAX]
                [REPORT_REASON_SIZE]; // "kafka.down", "buffer.full", "port.down:oven"
    struct output_stat link;
    struct budget budget;
    uint32_t product_count;
    struct report_product products[SETTINGS_PRODUCTS_MAX];
    uint32_t input_count;
    struct report_input inputs[SETTINGS_INPUTS_MAX];
    uint64_t state_free_bytes; // of the file system of the state directory; UINT64_MAX: unknown
};

#endif
