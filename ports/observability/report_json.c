#include "ports/observability/report_json.h"

#include "agent/json_text.h"
#include "agent/log.h"
#include "ports/observability/slo_json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void json_add_count(cJSON *object, const char *name, int64_t value)
{
    if (value < 0) {
        (void)cJSON_AddNullToObject(object, name);
    } else {
        (void)cJSON_AddNumberToObject(object, name, (double)value);
    }
}

static void add_total(cJSON *object, const char *name, uint64_t value)
{
    (void)cJSON_AddNumberToObject(object, name, (double)value);
}

void json_add_measure(cJSON *object, const char *name, double value)
{
    if (!isfinite(value)) {
        (void)cJSON_AddNullToObject(object, name);
    } else {
        (void)cJSON_AddNumberToObject(object, name, round(value * 1000.0) / 1000.0);
    }
}

void json_add_text(cJSON *object, const char *name, const char *value)
{
    if (value == NULL || value[0] == 0) {
        (void)cJSON_AddNullToObject(object, name);
    } else {
        (void)cJSON_AddStringToObject(object, name, value);
    }
}

char *json_print(const cJSON *root)
{
    char *text = cJSON_PrintUnformatted(root);
    size_t left = text == NULL ? 0 : strlen(text);
    for (char *at = text; left > 0;) {
        size_t size = json_utf8_size(bytes_from(at, left));
        if (size == 0) {
            *at = '?';
            size = 1;
        }
        at += size;
        left -= size;
    }
    return text;
}

void report_count(const struct report *report, struct report_counters *counters)
{
    *counters = (struct report_counters){
        .sent_bytes = report->link.wire_bytes,
        .received_bytes = report->link.received_bytes,
        .warnings = log_count(LOG_LEVEL_WARN),
        .errors = log_count(LOG_LEVEL_ERROR),
    };
    for (uint32_t i = 0; i < report->product_count; i++) {
        counters->in_records += report->products[i].in_records;
        counters->out_records += report->products[i].out_records;
        counters->lost_records += report->products[i].lost_records;
    }
    for (uint32_t i = 0; i < report->input_count; i++) {
        counters->port_ok[i] = report->inputs[i].ok_records;
        counters->port_bad[i] = report->inputs[i].refused_records + report->inputs[i].troubles;
    }
}

const char *report_status_name(enum report_status status)
{
    static const char *const names[] = {"ok", "warn", "fail"};
    assert(status <= REPORT_STATUS_FAIL);
    return names[status];
}

cJSON *report_reasons_json(const struct report *report)
{
    cJSON *reasons = cJSON_CreateArray();
    for (uint32_t i = 0; i < report->reason_count; i++) {
        (void)cJSON_AddItemToArray(reasons, cJSON_CreateString(report->reasons[i]));
    }
    return reasons;
}

cJSON *report_link_json(const struct report *report, const char *interface,
                        const struct report_counters *now, const struct report_counters *since)
{
    static const char *const states[] = {"up", "down", "auth_fail", "tls_fail", "dns_fail"};
    static const char *const profiles[] = {"ethernet", "cellular", "satellite"};
    const struct output_stat *link = &report->link;
    bool up = link->link == LINK_UP;
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "kafka", states[link->link]);
    json_add_text(object, "reason", link->reason);
    if (interface != NULL) {
        json_add_text(object, "if", interface);
    }
    json_add_text(object, "profile", profiles[report->settings->link]);
    (void)cJSON_AddBoolToObject(object, "metered", report->settings->link != LINK_ETHERNET);
    json_add_measure(object, "rtt_ms", link->rtt_ms < 0 ? (double)NAN : link->rtt_ms);
    json_add_count(object, "up_s", up ? link->up_s : 0);
    add_total(object, "reconnects", link->reconnects);
    add_total(object, "tx_bytes", now->sent_bytes - since->sent_bytes);
    add_total(object, "rx_bytes", now->received_bytes - since->received_bytes);
    if (report->budget.day.limit > 0) {
        json_add_measure(object, "budget_day_used_pct", budget_used_pct(&report->budget.day));
    }
    if (report->budget.month.limit > 0) {
        json_add_measure(object, "budget_used_pct", budget_used_pct(&report->budget.month));
    }
    return object;
}

// Rates and forecasts of several products as one: what is not known of one is not known of all.
static int64_t add_known(int64_t sum, int64_t value)
{
    return sum < 0 || value < 0 ? -1 : sum + value;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static const char *policy_name(const char *policy)
{
    return strcmp(policy, "refuse") == 0 ? "reject_new"
           : strcmp(policy, "thin") == 0 ? "thin_then_drop_oldest"
                                         : "drop_oldest";
}

// Sums over the products; where their policies differ there is none of the whole.
struct buffer_sum {
    uint64_t used, limit, records, lost, thinned, expired, corrupt, repaired;
    int64_t in_bps, out_bps, oldest_age_s, full_in_s, drain_in_s;
    const char *policy;
};

static uint64_t waiting_records(const struct report_product *product)
{
    return product->waiting_records;
}

static void add_product(struct buffer_sum *sum, const struct report_product *product, bool first)
{
    const char *policy = policy_name(product->policy);
    sum->used += product->spool.used_bytes;
    sum->limit += product->spool.size_bytes;
    sum->records += waiting_records(product);
    sum->lost += product->lost_records;
    sum->thinned += product->thinned_records;
    sum->expired += product->expired_records;
    sum->corrupt += product->spool.corrupt_bytes;
    sum->repaired += product->spool.repaired_segments;
    sum->in_bps = add_known(sum->in_bps, product->in_bps);
    sum->out_bps = add_known(sum->out_bps, product->out_bps);
    sum->full_in_s = earlier(sum->full_in_s, product->full_in_s);
    if (product->oldest_age_s > sum->oldest_age_s) {
        sum->oldest_age_s = product->oldest_age_s;
    }
    if (product->drain_in_s > sum->drain_in_s) {
        sum->drain_in_s = product->drain_in_s;
    }
    sum->policy =
        first || (sum->policy != NULL && strcmp(sum->policy, policy) == 0) ? policy : NULL;
}

static double fill_pct(uint64_t used, uint64_t limit)
{
    double pct = limit == 0 ? 0.0 : 100.0 * (double)used / (double)limit;
    return pct > 100.0 ? 100.0 : round(pct * 10.0) / 10.0;
}

cJSON *report_buffer_json(const struct report *report)
{
    struct buffer_sum sum = {.oldest_age_s = -1, .full_in_s = -1, .drain_in_s = -1};
    for (uint32_t i = 0; i < report->product_count; i++) {
        add_product(&sum, &report->products[i], i == 0);
    }
    cJSON *object = cJSON_CreateObject();
    add_total(object, "bytes", sum.used);
    add_total(object, "cap_bytes", sum.limit);
    json_add_measure(object, "fill_pct", fill_pct(sum.used, sum.limit));
    add_total(object, "records", sum.records);
    json_add_count(object, "oldest_age_s", sum.oldest_age_s);
    json_add_count(object, "in_bps", sum.in_bps);
    json_add_count(object, "out_bps", sum.out_bps);
    json_add_count(object, "full_in_s", sum.full_in_s);
    json_add_count(object, "drain_in_s", sum.records == 0 ? 0 : sum.drain_in_s);
    json_add_text(object, "policy", sum.policy);
    add_total(object, "dropped_records", sum.lost);
    add_total(object, "thinned_records", sum.thinned);
    add_total(object, "expired_records", sum.expired);
    add_total(object, "corrupt_bytes", sum.corrupt);
    add_total(object, "recovered_boot", sum.repaired);
    return object;
}

// Which contract is run, and why not a newer one. A heartbeat says it of one that is followed.
static void add_contract(cJSON *object, const struct report_product *product, bool detail)
{
    const struct followed *followed = product->followed;
    if (product->contract == NULL || (!detail && product->follow == NULL)) {
        return;
    }
    cJSON *contract = cJSON_AddObjectToObject(object, "contract");
    json_add_text(contract, "version", product->contract->version);
    if (product->follow != NULL) {
        json_add_text(contract, "track", product->follow->track_text);
    }
    if (followed != NULL && followed->newer[0] != '\0') {
        json_add_text(contract, "newer", followed->newer);
        json_add_text(contract, "why_not", followed->why);
    }
}

static void add_stream_detail(cJSON *object, const struct report_product *product)
{
    static const char *const healths[] = {"ok", "degraded", "broken"};
    add_total(object, "records", waiting_records(product));
    add_total(object, "in_records", product->in_records);
    add_total(object, "out_records", product->out_records);
    add_total(object, "refused_records", product->refused_records);
    add_total(object, "quarantined_records", product->quarantined_records);
    add_total(object, "aside_records", product->aside_records);
    add_total(object, "dropped_records", product->dropped_records);
    add_total(object, "breaking_records", product->breaking_records);
    if (product->levels != NULL) {
        (void)cJSON_AddItemToObject(object, "levels",
                                    slo_summary(product->levels, product->level_count));
    }
    add_total(object, "expired_records", product->expired_records);
    add_total(object, "thinned_records", product->thinned_records);
    add_total(object, "thin_level", product->thin_level);
    add_total(object, "losses_untold", product->losses_untold);
    add_total(object, "bytes", product->spool.used_bytes);
    add_total(object, "stored_bytes", product->spool.stored_bytes);
    add_total(object, "cap_bytes", product->spool.size_bytes);
    add_total(object, "written_bytes", product->spool.written_bytes);
    add_total(object, "commits", product->spool.commits);
    json_add_count(object, "in_bps", product->in_bps);
    json_add_count(object, "out_bps", product->out_bps);
    json_add_count(object, "full_in_s", product->full_in_s);
    json_add_count(object, "drain_in_s", product->drain_in_s);
    json_add_text(object, "policy", policy_name(product->policy));
    json_add_text(object, "spool", healths[product->spool.health]);
    (void)cJSON_AddBoolToObject(object, "in_memory", product->in_memory);
}

cJSON *report_streams_json(const struct report *report, bool detail)
{
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < report->product_count; i++) {
        const struct report_product *product = &report->products[i];
        char epoch[17];
        (void)snprintf(epoch, sizeof epoch, "%016" PRIx64, product->epoch);
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, "id", product->name);
        json_add_text(object, "topic", product->topic);
        json_add_text(object, "epoch", epoch);
        add_total(object, "seq", product->seq);
        add_total(object, "durable", product->durable);
        add_total(object, "acked", product->cursor);
        json_add_count(object, "oldest_age_s", product->oldest_age_s);
        add_total(object, "lost", product->lost_records);
        add_total(object, "gaps", product->gaps);
        add_contract(object, product, detail);
        if (detail) {
            add_stream_detail(object, product);
        }
        (void)cJSON_AddItemToArray(array, object);
    }
    return array;
}

cJSON *report_ports_json(const struct report *report, const struct report_counters *now,
                         const struct report_counters *since, bool detail)
{
    static const char *const states[] = {"ok", "degraded", "down", "disabled"};
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < report->input_count; i++) {
        const struct report_input *input = &report->inputs[i];
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, "id", input->name);
        json_add_text(object, "kind", input->driver);
        if (detail) {
            json_add_text(object, "product", input->product);
        }
        json_add_text(object, "state", states[input->state]);
        add_total(object, "ok", now->port_ok[i] - since->port_ok[i]);
        add_total(object, "err", now->port_bad[i] - since->port_bad[i]);
        add_total(object, "missed", input->missed_records);
        json_add_count(object, "last_ok_age_s", input->last_ok_age_s);
        json_add_text(object, "last_error", input->last_error);
        (void)cJSON_AddItemToArray(array, object);
    }
    return array;
}
