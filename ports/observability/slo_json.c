#include "ports/observability/slo_json.h"

#include "agent/clock.h"
#include "ports/observability/report_json.h"

#include <math.h>
#include <stdio.h>

void slo_key(const struct report *report, const struct report_product *product,
             char key[SLO_KEY_SIZE])
{
    (void)snprintf(key, SLO_KEY_SIZE, "%.60s/%.64s", product->contract->product_id,
                   report->settings->gateway);
}

static void add_time(cJSON *object, const char *name, int64_t time_ms)
{
    char text[25];
    (void)clock_format(time_ms, text);
    (void)cJSON_AddStringToObject(object, name, text);
}

static void add_measure(cJSON *object, const struct slo_result *result)
{
    cJSON *measure = cJSON_AddObjectToObject(object, "measure");
    json_add_text(measure, "metric", result->metric);
    json_add_measure(measure, "value", result->value);
    json_add_text(measure, "unit", result->unit);
    if (result->bound != NULL) {
        cJSON *threshold = cJSON_AddObjectToObject(measure, "threshold");
        bool between = result->rule != NULL && result->rule->tolerance.how >= MUST_BE_BETWEEN;
        if (between) {
            const double pair[] = {result->threshold, result->threshold_to};
            (void)cJSON_AddItemToObject(threshold, result->bound, cJSON_CreateDoubleArray(pair, 2));
        } else {
            json_add_measure(threshold, result->bound, result->threshold);
        }
    }
    if (result->rows > 0 || result->rule != NULL) {
        (void)cJSON_AddNumberToObject(measure, "rowCount", (double)result->rows);
        (void)cJSON_AddNumberToObject(measure, "failedRowCount", (double)result->failed_rows);
    }
}

static cJSON *result_json(const struct slo_result *result, const char *topic)
{
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "id", result->id);
    json_add_text(object, "type", result->rule != NULL ? "check" : "metric");
    json_add_text(object, "name", result->name);
    json_add_text(object, "status", slo_status_name(result->status));
    if (result->dimension != NULL) {
        json_add_text(object, "dimension", result->dimension);
    }
    cJSON *target = cJSON_AddObjectToObject(object, "target");
    json_add_text(target, "resourceType", "topic");
    json_add_text(target, "resourceIdentifier", topic);
    if (result->rule != NULL && result->rule->column != NULL) {
        json_add_text(target, "element", result->rule->column->name);
    }
    add_measure(object, result);
    return object;
}

static void add_source(cJSON *root, const struct slo_document *document)
{
    char run[96];
    cJSON *source = cJSON_AddObjectToObject(root, "source");
    (void)snprintf(run, sizeof run, "%.40s/%lld", document->boot_id,
                   (long long)document->report->started_boot_ms);
    json_add_text(source, "process", "weir");
    json_add_text(source, "vendor", "weir");
    json_add_text(source, "version", document->report->version);
    json_add_text(source, "runId", run);
    json_add_text(source, "gateway", document->report->settings->gateway);
}

char *slo_json(const struct slo_document *document)
{
    const struct report_product *product = document->product;
    char id[SLO_KEY_SIZE + 24];
    char epoch[17];
    slo_key(document->report, product, id);
    size_t used = strlen(id);
    (void)snprintf(id + used, sizeof id - used, "/%llu", (unsigned long long)document->seq);
    (void)snprintf(epoch, sizeof epoch, "%016llx", (unsigned long long)product->epoch);
    cJSON *root = cJSON_CreateObject();
    json_add_text(root, "apiVersion", "v0.8.1-draft");
    json_add_text(root, "kind", "ObservabilityResults");
    json_add_text(root, "id", id);
    add_time(root, "observedAt", document->now_wall_ms);
    add_source(root, document);
    cJSON *contract = cJSON_AddObjectToObject(root, "contract");
    json_add_text(contract, "contractID", product->contract->id);
    json_add_text(contract, "standard", "ODCS");
    json_add_text(contract, "version", product->contract->version);
    json_add_text(root, "productId", product->contract->product_id);
    json_add_text(root, "product", product->name);
    json_add_text(root, "epoch", epoch);
    json_add_count(root, "window_s", document->window_ms / 1000);
    json_add_count(root, "interval_s", document->report->settings->heartbeat_ms / 1000);
    (void)cJSON_AddBoolToObject(root, "clockSynced", document->clock_is_synced);
    json_add_text(root, "status",
                  slo_status_name(slo_status_of(document->results, document->count)));
    cJSON *results = cJSON_AddArrayToObject(root, "results");
    for (uint32_t i = 0; i < document->count; i++) {
        (void)cJSON_AddItemToArray(results, result_json(&document->results[i], product->topic));
    }
    char *text = json_print(root);
    cJSON_Delete(root);
    return text;
}

cJSON *slo_summary(const struct slo_result *results, uint32_t count)
{
    cJSON *root = cJSON_CreateObject();
    json_add_text(root, "status", slo_status_name(slo_status_of(results, count)));
    cJSON *list = cJSON_AddArrayToObject(root, "results");
    for (uint32_t i = 0; i < count; i++) {
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, "id", results[i].id);
        json_add_text(object, "status", slo_status_name(results[i].status));
        json_add_measure(object, "value", results[i].value);
        json_add_text(object, "unit", results[i].unit);
        if (results[i].bound != NULL) {
            json_add_measure(object, results[i].bound, results[i].threshold);
        }
        (void)cJSON_AddItemToArray(list, object);
    }
    return root;
}
