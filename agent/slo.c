#include "agent/slo.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { HOUR_MS = 3600000 };

const char *slo_status_name(enum slo_status status)
{
    static const char *const names[] = {"pass", "fail", "warn", "unknown"};
    assert(status <= SLO_UNKNOWN);
    return names[status];
}

void slo_init(struct slo *slo)
{
    memset(slo, 0, sizeof *slo);
    arrivals_init(&slo->told);
}

// ---- the window ----

static uint32_t oldest_hour(const struct slo *slo)
{
    return (slo->newest_hour + 1 + SLO_HOURS - slo->hour_count) % SLO_HOURS;
}

static void begin_hour(struct slo *slo, int64_t now_boot_ms)
{
    slo->newest_hour = slo->hour_count == 0 ? 0 : (slo->newest_hour + 1) % SLO_HOURS;
    slo->hour_count += slo->hour_count < SLO_HOURS ? 1 : 0;
    slo->hours[slo->newest_hour] = slo->now;
    slo->hour_started_ms[slo->newest_hour] = now_boot_ms;
}

static void look_at_rules(struct slo_totals *now, const struct quality_rules *rules)
{
    uint32_t told = 0;
    uint32_t count = rules != NULL ? quality_rule_count(rules) : 0;
    for (uint32_t i = 0; i < count && told < SLO_RULES_MAX; i++) {
        const struct quality_rule *rule = quality_rule(rules, i);
        if (rule->kind >= RULE_NULL_VALUES) {
            now->rules[told].rows = rule->rows;
            now->rules[told++].breaches = rule->breaches;
        }
    }
}

// Bytes of the gateway since the last look, shared by its products by what each delivered.
static uint64_t share_of_wire(struct slo *slo, const struct report *report, uint32_t index,
                              uint64_t delivered)
{
    uint64_t bytes = report->link.wire_bytes - slo->wire_seen;
    uint64_t all = 0;
    slo->wire_seen = report->link.wire_bytes;
    for (uint32_t i = 0; i < report->product_count; i++) {
        all += report->products[i].out_records;
    }
    if (all == 0) {
        return index == 0 ? bytes : 0;
    }
    return (uint64_t)((double)bytes * (double)delivered / (double)all);
}

void slo_look(struct slo *slo, const struct report *report, uint32_t index, int64_t now_boot_ms)
{
    const struct report_product *product = &report->products[index];
    struct slo_totals *now = &slo->now;
    now->taken = product->in_records;
    now->breaking = product->breaking_records;
    now->delivered = product->out_records;
    now->lost = product->lost_records;
    now->quarantined = product->quarantined_records + product->aside_records;
    now->dropped = product->dropped_records;
    now->thinned = product->thinned_records;
    now->refused = product->refused_records;
    now->missed = product->missed_records;
    now->flash_bytes = product->spool.written_bytes;
    now->wire_bytes += share_of_wire(slo, report, index, product->out_records);
    look_at_rules(now, product->rules);
    bool first = slo->hour_count == 0;
    if (!first) {
        now->looks++;
        now->looks_up += report->link.link == LINK_UP ? 1 : 0;
    }
    if (first) { // what is counted from the start counts; totals of earlier runs do not
        begin_hour(slo, now_boot_ms);
        slo->hours[0] = (struct slo_totals){.lost = now->lost,
                                            .quarantined = product->quarantined_records,
                                            .thinned = now->thinned};
    } else if (now_boot_ms - slo->hour_started_ms[slo->newest_hour] >= HOUR_MS) {
        begin_hour(slo, now_boot_ms);
    }
    slo->window_ms = now_boot_ms - slo->hour_started_ms[oldest_hour(slo)];
}

// ---- the results ----

struct judging {
    struct slo_totals span; // what happened in the window
    struct slo_result *results;
    uint32_t count;
};

#define SUBTRACT(field) (span->field = now->field - from->field)

static void span_of(const struct slo *slo, struct slo_totals *span)
{
    static const struct slo_totals zeros;
    const struct slo_totals *now = &slo->now;
    const struct slo_totals *from = slo->hour_count > 0 ? &slo->hours[oldest_hour(slo)] : &zeros;
    SUBTRACT(taken);
    SUBTRACT(breaking);
    SUBTRACT(delivered);
    SUBTRACT(lost);
    SUBTRACT(quarantined);
    SUBTRACT(dropped);
    SUBTRACT(thinned);
    SUBTRACT(refused);
    SUBTRACT(missed);
    SUBTRACT(looks);
    SUBTRACT(looks_up);
    SUBTRACT(wire_bytes);
    SUBTRACT(flash_bytes);
    for (uint32_t i = 0; i < SLO_RULES_MAX; i++) {
        SUBTRACT(rules[i].rows);
        SUBTRACT(rules[i].breaches);
    }
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? (double)NAN : 100.0 * (double)part / (double)whole;
}

static struct slo_result *add(struct judging *judging, const struct slo_result *result)
{
    assert(judging->count < SLO_RESULTS_MAX);
    judging->results[judging->count] = *result;
    return &judging->results[judging->count++];
}

// Judge against a bound: at most (or at least) `promise`; negative or NAN: nothing was promised,
// and then what is known passes.
static void add_bounded(struct judging *judging, struct slo_result result, double promise,
                        bool at_most)
{
    bool promised = promise >= 0;
    result.bound = !promised ? NULL : at_most ? "mustBeLessOrEqualTo" : "mustBeGreaterOrEqualTo";
    result.threshold = promised ? promise : (double)NAN;
    bool kept = !promised || (at_most ? result.value <= promise : result.value >= promise);
    result.status = isnan(result.value) ? SLO_UNKNOWN : kept ? SLO_PASS : SLO_FAIL;
    (void)add(judging, &result);
}

static void judge_ages(struct judging *judging, const struct slo *slo,
                       const struct report_product *product, bool clock_is_synced,
                       int64_t now_wall_ms)
{
    const struct arrivals *arrivals = product->arrivals;
    const struct contract_promises *promises = product->promises;
    double age = (double)NAN;
    double p50 = (double)NAN;
    double p99 = (double)NAN;
    if (clock_is_synced && arrivals->newest_ms != INT64_MIN) {
        age = now_wall_ms > arrivals->newest_ms ? (double)(now_wall_ms - arrivals->newest_ms) : 0;
    }
    if (clock_is_synced && arrivals->count > slo->told.count) {
        p50 = (double)arrivals_latency_ms(arrivals, &slo->told, 0.5);
        p99 = (double)arrivals_latency_ms(arrivals, &slo->told, 0.99);
    }
    add_bounded(judging,
                (struct slo_result){.id = "freshness",
                                    .name = "age of the newest acknowledged record",
                                    .dimension = "timeliness",
                                    .metric = "age",
                                    .unit = "seconds",
                                    .value = age / 1000},
                promises->freshness_ms / 1000, true);
    add_bounded(judging,
                (struct slo_result){.id = "latency-p50",
                                    .name = "from a record's time to its acknowledgement, median",
                                    .dimension = "timeliness",
                                    .metric = "p50",
                                    .unit = "seconds",
                                    .value = p50 / 1000,
                                    .rows = arrivals->count - slo->told.count},
                (double)NAN, true);
    add_bounded(judging,
                (struct slo_result){.id = "latency-p99",
                                    .name = "from a record's time to its acknowledgement, 99 %",
                                    .dimension = "timeliness",
                                    .metric = "p99",
                                    .unit = "seconds",
                                    .value = p99 / 1000,
                                    .rows = arrivals->count - slo->told.count},
                promises->latency_ms / 1000, true);
}

static void judge_counts(struct judging *judging, const struct contract_promises *promises)
{
    const struct slo_totals *span = &judging->span;
    uint64_t gone = span->lost + span->quarantined + span->dropped + span->thinned;
    uint64_t due = span->delivered + gone + span->refused + span->missed;
    uint64_t errors = span->refused + span->missed + span->lost;
    double complete = promises->completeness_percent;
    add_bounded(judging,
                (struct slo_result){.id = "completeness",
                                    .name = "acknowledged of what was due",
                                    .dimension = "completeness",
                                    .metric = "ratio",
                                    .unit = "percent",
                                    .value = ratio(span->delivered, due),
                                    .rows = due,
                                    .failed_rows = due - span->delivered},
                complete >= 0 ? complete : SLO_COMPLETENESS_DEFAULT, false);
    add_bounded(judging,
                (struct slo_result){.id = "conformity",
                                    .name = "records that keep the contract, of those taken",
                                    .dimension = "conformity",
                                    .metric = "ratio",
                                    .unit = "percent",
                                    .value = ratio(span->taken - span->breaking, span->taken),
                                    .rows = span->taken,
                                    .failed_rows = span->breaking},
                promises->conformity_percent, false);
    add_bounded(judging,
                (struct slo_result){.id = "availability",
                                    .name = "looks that found Kafka reachable",
                                    .metric = "ratio",
                                    .unit = "percent",
                                    .value = ratio(span->looks_up, span->looks),
                                    .rows = span->looks,
                                    .failed_rows = span->looks - span->looks_up},
                promises->availability_percent, false);
    add_bounded(judging,
                (struct slo_result){.id = "error-rate",
                                    .name = "refused, not read or lost, of what was due",
                                    .metric = "ratio",
                                    .unit = "percent",
                                    .value = ratio(errors, due),
                                    .rows = due,
                                    .failed_rows = errors},
                promises->error_percent, true);
}

static void judge_costs(struct judging *judging, const struct contract_promises *promises,
                        int64_t window_ms)
{
    const struct slo_totals *span = &judging->span;
    double delivered = span->delivered > 0 ? (double)span->delivered : (double)NAN;
    double seconds = window_ms > 0 ? (double)window_ms / 1000 : (double)NAN;
    add_bounded(judging,
                (struct slo_result){.id = "throughput",
                                    .name = "acknowledged records a second",
                                    .metric = "rate",
                                    .unit = "records per second",
                                    .value = (double)span->delivered / seconds,
                                    .rows = span->delivered},
                promises->throughput_per_s, false);
    add_bounded(judging,
                (struct slo_result){.id = "cost-wire",
                                    .name = "bytes sent for an acknowledged record",
                                    .metric = "ratio",
                                    .unit = "bytes per record",
                                    .value = (double)span->wire_bytes / delivered,
                                    .rows = span->delivered},
                (double)NAN, true);
    add_bounded(judging,
                (struct slo_result){.id = "cost-flash",
                                    .name = "bytes written to flash for an acknowledged record",
                                    .metric = "ratio",
                                    .unit = "bytes per record",
                                    .value = (double)span->flash_bytes / delivered,
                                    .rows = span->delivered},
                (double)NAN, true);
}

static void judge_rule(struct judging *judging, const struct quality_rule *rule, uint64_t rows,
                       uint64_t breaches)
{
    static const char *const operators[] = {
        "mustBe",         "mustNotBe",           "mustBeGreaterThan", "mustBeGreaterOrEqualTo",
        "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween",     "mustNotBeBetween"};
    bool percent = rule->tolerance.percent;
    bool counts_rows = rule->kind == RULE_ROW_COUNT;
    double value = counts_rows ? (double)rows : percent ? ratio(breaches, rows) : (double)breaches;
    bool known = counts_rows || rows > 0;
    (void)add(judging, &(struct slo_result){
                           .id = rule->name[0] != 0 ? rule->name : quality_kind_name(rule->kind),
                           .name = quality_kind_name(rule->kind),
                           .dimension = rule->dimension[0] != 0 ? rule->dimension : NULL,
                           .metric = quality_kind_name(rule->kind),
                           .unit = percent ? "percent" : "rows",
                           .status = !known                                          ? SLO_UNKNOWN
                                     : quality_rule_holds(rule, rows, breaches)      ? SLO_PASS
                                     : rule->tolerant || rule->action > ACTION_COUNT ? SLO_FAIL
                                                                                     : SLO_WARN,
                           .value = known ? value : (double)NAN,
                           .bound = operators[rule->tolerance.how],
                           .threshold = rule->tolerance.a,
                           .threshold_to = rule->tolerance.b,
                           .rows = rows,
                           .failed_rows = counts_rows ? 0 : breaches,
                           .rule = rule,
                       });
}

uint32_t slo_judge(const struct slo *slo, const struct report_product *product,
                   bool clock_is_synced, int64_t now_wall_ms,
                   struct slo_result results[SLO_RESULTS_MAX])
{
    struct judging judging = {.results = results};
    span_of(slo, &judging.span);
    judge_ages(&judging, slo, product, clock_is_synced, now_wall_ms);
    judge_counts(&judging, product->promises);
    judge_costs(&judging, product->promises, slo->window_ms);
    uint32_t told = 0;
    uint32_t count = product->rules != NULL ? quality_rule_count(product->rules) : 0;
    for (uint32_t i = 0; i < count && told < SLO_RULES_MAX; i++) {
        const struct quality_rule *rule = quality_rule(product->rules, i);
        if (rule->kind >= RULE_NULL_VALUES) {
            judge_rule(&judging, rule, judging.span.rules[told].rows,
                       judging.span.rules[told].breaches);
            told++;
        }
    }
    return judging.count;
}

enum slo_status slo_status_of(const struct slo_result *results, uint32_t count)
{
    uint32_t seen[SLO_UNKNOWN + 1] = {0};
    for (uint32_t i = 0; i < count; i++) {
        seen[results[i].status]++;
    }
    return seen[SLO_FAIL] > 0   ? SLO_FAIL
           : seen[SLO_WARN] > 0 ? SLO_WARN
           : seen[SLO_PASS] > 0 ? SLO_PASS
                                : SLO_UNKNOWN;
}

void slo_told(struct slo *slo, const struct report_product *product)
{
    slo->told = *product->arrivals;
}
