#include "ports/control/status_json.h"

#include "ports/observability/report_json.h"

char *status_json(const struct report *report, int64_t now_boot_ms)
{
    const struct report_counters start = {0};
    struct report_counters now;
    report_count(report, &now);
    cJSON *root = cJSON_CreateObject();
    json_add_text(root, "schema", "weir.status/1");
    json_add_text(root, "gw", report->settings->gateway);
    json_add_text(root, "agent", report->version);
    json_add_count(root, "agent_uptime_s", (now_boot_ms - report->started_boot_ms) / 1000);
    json_add_text(root, "status", report_status_name(report->status));
    (void)cJSON_AddItemToObject(root, "reasons", report_reasons_json(report));
    (void)cJSON_AddItemToObject(root, "link", report_link_json(report, NULL, &now, &start));
    (void)cJSON_AddItemToObject(root, "buffer", report_buffer_json(report));
    (void)cJSON_AddItemToObject(root, "streams", report_streams_json(report, true));
    (void)cJSON_AddItemToObject(root, "ports", report_ports_json(report, &now, &start, true));
    char *text = json_print(root);
    cJSON_Delete(root);
    return text;
}
