// The service levels of a product as they are: measured from what the broker acknowledged, over a
// window of at most 24 hours that moves by the hour, held against the contract's promises
// (slaProperties) and the library metrics of its rules.
//
// Completeness is of what was due: records that were taken, refused, or that a scheduled poll
// should have brought (a sensor that was due and not read is missing). What waits in the spool is
// neither: it shows in freshness.
//
//     completeness = delivered / (delivered + lost + quarantined + dropped + thinned + refused +
//                                 missed)
//     conformity   = 1 - records that broke the contract / records taken
//     availability = looks that found Kafka reachable / looks
//     errors       = (refused + missed + lost) / due
//
// What cannot be known is unknown, and never failed: freshness and latency while the clock is not
// synchronised, a ratio of nothing.
//
// Floor: flow.
#ifndef WEIR_AGENT_SLO_H
#define WEIR_AGENT_SLO_H

#include "agent/arrivals.h"
#include "agent/report.h"

enum {
    SLO_HOURS = 24,
    SLO_RULES_MAX = 32, // library metrics of one product that are told
    SLO_RESULTS_MAX = 16 + SLO_RULES_MAX,
};

// Below it a product is not complete, where the contract promises nothing (percent).
#define SLO_COMPLETENESS_DEFAULT 99.9

// Totals since the agent started.
struct slo_totals {
    uint64_t taken, breaking;
    uint64_t delivered, lost, quarantined, dropped, thinned, refused, missed;
    uint64_t looks, looks_up;
    uint64_t wire_bytes, flash_bytes;
    struct {
        uint64_t rows, breaches;
    } rules[SLO_RULES_MAX];
};

enum slo_status { SLO_PASS, SLO_FAIL, SLO_WARN, SLO_UNKNOWN };

struct slo_result {
    const char *id;        // "completeness"
    const char *name;      // what it is, in words
    const char *dimension; // of ODCS; NULL: none
    const char *metric;    // how it was measured: "age", "p99", "ratio", ...
    const char *unit;
    enum slo_status status;
    double value;      // NAN: not known
    const char *bound; // of the threshold, as ODCS has it; NULL: nothing was promised
    double threshold, threshold_to;
    uint64_t rows, failed_rows;      // both 0: does not apply
    const struct quality_rule *rule; // of a library metric; NULL: else
};

struct slo {
    int64_t window_ms; // that the results cover, as of the last look
    struct slo_totals now;
    uint32_t hour_count;                // of those below that are used
    struct slo_totals hours[SLO_HOURS]; // totals at the start of each hour, a ring
    int64_t hour_started_ms[SLO_HOURS];
    uint32_t newest_hour;
    uint64_t wire_seen;   // bytes of the gateway at the last look
    struct arrivals told; // as of the last results, for the latencies since
};

void slo_init(struct slo *slo);

// Take in what the report tells of product `index`; call at least each minute.
void slo_look(struct slo *slo, const struct report *report, uint32_t index, int64_t now_boot_ms);

// The results as they are now. `clock_is_synced`: can ages be known? Returns how many.
uint32_t slo_judge(const struct slo *slo, const struct report_product *product,
                   bool clock_is_synced, int64_t now_wall_ms,
                   struct slo_result results[SLO_RESULTS_MAX]);

// Of them all: fail where one fails, else warn where one warns, else unknown where none is known.
enum slo_status slo_status_of(const struct slo_result *results, uint32_t count);

// The results were told: latencies count from here.
void slo_told(struct slo *slo, const struct report_product *product);

const char *slo_status_name(enum slo_status status); // "pass", "fail", "warn", "unknown"

#endif
