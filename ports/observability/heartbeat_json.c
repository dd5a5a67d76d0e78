#include "ports/observability/heartbeat_json.h"

#include <math.h>
#include <stdio.h>

enum { MISSED_BEATS = 3, DEAD_SLACK_S = 30 };

static const char *const kind_names[] = {"birth", "beat", "event", "bye"};

int64_t heartbeat_dead_after_s(int64_t interval_ms)
{
    return (MISSED_BEATS * interval_ms + 999) / 1000 + DEAD_SLACK_S;
}

enum clock_state heartbeat_clock_state(const struct machine *machine, bool was_synced,
                                       int64_t wall_ms, int64_t floor_ms)
{
    if (machine->clock_synced) {
        return CLOCK_SYNCED;
    }
    if (wall_ms < floor_ms) {
        return CLOCK_UNSET;
    }
    return was_synced || machine->has_rtc ? CLOCK_HOLDOVER : CLOCK_FLOOR;
}

static void add_identity(cJSON *root, const struct heartbeat *beat)
{
    const struct settings *settings = beat->report->settings;
    const struct contract *contract =
        settings->product_count > 0 ? settings->products[0].contract : NULL;
    json_add_text(root, "schema", "weir.heartbeat/1");
    json_add_text(root, "kind", kind_names[beat->kind]);
    json_add_text(root, "gw", settings->gateway);
    json_add_text(root, "domain", contract == NULL ? NULL : contract->domain);
    json_add_text(root, "agent", beat->report->version);
}

static void add_order(cJSON *root, const struct heartbeat *beat)
{
    int64_t agent_ms = beat->now_boot_ms - beat->report->started_boot_ms;
    int64_t interval_ms = beat->report->settings->heartbeat_ms;
    json_add_text(root, "boot_id", beat->memory->boot_id);
    json_add_count(root, "boot_count", beat->memory->boot_count);
    json_add_count(root, "run_id", beat->memory->run_id);
    json_add_count(root, "seq", (int64_t)beat->seq);
    json_add_count(root, "mono_ms", beat->now_boot_ms);
    json_add_count(root, "uptime_s", beat->machine->uptime_s);
    json_add_count(root, "agent_uptime_s", agent_ms / 1000);
    json_add_count(root, "sent_ms", beat->now_wall_ms);
    json_add_count(root, "interval_s", (interval_ms + 999) / 1000);
    json_add_count(root, "dead_after_s", heartbeat_dead_after_s(interval_ms));
}

static cJSON *since_json(const struct heartbeat *beat)
{
    const struct report_counters *now = beat->counters;
    const struct report_counters *acked = beat->acked;
    cJSON *since = cJSON_CreateObject();
    json_add_count(since, "seq", beat->acked_seq);
    json_add_count(since, "s", (beat->now_boot_ms - beat->acked_boot_ms + 500) / 1000);
    json_add_count(since, "in_records", (int64_t)(now->in_records - acked->in_records));
    json_add_count(since, "out_records", (int64_t)(now->out_records - acked->out_records));
    json_add_count(since, "dropped_records", (int64_t)(now->lost_records - acked->lost_records));
    json_add_count(since, "log_warn", (int64_t)(now->warnings - acked->warnings));
    json_add_count(since, "log_error", (int64_t)(now->errors - acked->errors));
    return since;
}

static cJSON *clock_json(const struct heartbeat *beat)
{
    static const char *const states[] = {"unset", "floor", "holdover", "synced"};
    cJSON *clock = cJSON_CreateObject();
    json_add_text(clock, "state", states[beat->clock]);
    json_add_text(clock, "src", NULL); // the kernel does not say who disciplines it
    json_add_measure(clock, "offset_ms", beat->machine->clock_offset_ms);
    json_add_measure(clock, "max_error_ms", beat->machine->clock_max_error_ms);
    json_add_count(clock, "sync_age_s", -1);
    json_add_count(clock, "steps", (int64_t)beat->clock_steps);
    (void)cJSON_AddBoolToObject(clock, "rtc", beat->machine->has_rtc);
    return clock;
}

static cJSON *config_json(const struct heartbeat *beat)
{
    char hash[8 + 64];
    int used = snprintf(hash, sizeof hash, "sha256:");
    for (size_t i = 0; i < sizeof beat->report->settings->digest; i++) {
        used += snprintf(hash + used, sizeof hash - (size_t)used, "%02x",
                         beat->report->settings->digest[i]);
    }
    cJSON *config = cJSON_CreateObject();
    json_add_text(config, "version", NULL);
    json_add_text(config, "hash", hash);
    json_add_text(config, "state", "applied"); // the agent runs, so these were read whole
    json_add_count(config, "applied_ms", beat->memory->settings_since_ms);
    json_add_count(config, "pending_confirm_s", -1);
    json_add_text(config, "last_error", NULL);
    return config;
}

static void add_answer(cJSON *object, const char *name, enum machine_answer answer)
{
    if (answer == MACHINE_UNKNOWN) {
        (void)cJSON_AddNullToObject(object, name);
    } else {
        (void)cJSON_AddBoolToObject(object, name, answer == MACHINE_YES);
    }
}

static cJSON *store_json(const struct heartbeat *beat)
{
    uint64_t free_bytes = beat->report->state_free_bytes;
    cJSON *store = cJSON_CreateObject();
    json_add_count(store, "free_bytes", free_bytes == UINT64_MAX ? -1 : (int64_t)free_bytes);
    json_add_count(store, "life_used_pct", beat->machine->wear_pct);
    json_add_text(store, "pre_eol", beat->machine->wear_end);
    json_add_count(store, "written_bytes_day", -1);
    json_add_count(store, "life_left_days", -1);
    add_answer(store, "ro", beat->machine->read_only);
    return store;
}

static cJSON *host_json(const struct heartbeat *beat)
{
    cJSON *host = cJSON_CreateObject();
    json_add_measure(host, "cpu_pct", round(beat->cpu_pct * 10.0) / 10.0);
    json_add_count(host, "mem_free_bytes", beat->machine->memory_free_bytes);
    json_add_count(host, "rss_bytes", beat->machine->resident_bytes);
    json_add_measure(host, "temp_c", beat->machine->hottest_c);
    (void)cJSON_AddNullToObject(host, "undervolt");
    return host;
}

static void add_birth(cJSON *root, const struct heartbeat *beat)
{
    bool bitten = beat->machine->watchdog_reset == MACHINE_YES;
    cJSON *reset = cJSON_AddObjectToObject(root, "reset");
    json_add_text(reset, "reason", bitten ? "watchdog" : "unknown");
    add_answer(reset, "watchdog", beat->machine->watchdog_reset);
    json_add_count(reset, "unexpected", beat->memory->unexpected);

    cJSON *firmware = cJSON_AddObjectToObject(root, "fw"); // boards with slots know more
    json_add_text(firmware, "slot", NULL);
    json_add_text(firmware, "version", NULL);
    json_add_text(firmware, "state", "unknown");
    json_add_count(firmware, "tries_left", -1);

    cJSON *certificate = cJSON_AddObjectToObject(root, "cert");
    json_add_text(certificate, "serial", NULL);
    json_add_count(certificate, "not_after_ms", -1);
    (void)cJSON_AddNullToObject(certificate, "left_days");
    json_add_text(certificate, "renew", NULL);
}

static void add_bye(cJSON *root, const struct heartbeat *beat)
{
    cJSON *bye = cJSON_AddObjectToObject(root, "bye");
    json_add_text(bye, "why", beat->bye_why);
    json_add_count(bye, "expect_back_s", -1);
}

char *heartbeat_json(const struct heartbeat *beat)
{
    const struct report *report = beat->report;
    cJSON *root = cJSON_CreateObject();
    add_identity(root, beat);
    add_order(root, beat);
    json_add_text(root, "status", report_status_name(report->status));
    (void)cJSON_AddItemToObject(root, "reasons", report_reasons_json(report));
    (void)cJSON_AddItemToObject(root, "since", since_json(beat));
    (void)cJSON_AddItemToObject(root, "clock", clock_json(beat));
    (void)cJSON_AddItemToObject(root, "config", config_json(beat));
    (void)cJSON_AddItemToObject(
        root, "link",
        report_link_json(report, beat->machine->interface, beat->counters, beat->acked));
    (void)cJSON_AddItemToObject(root, "buffer", report_buffer_json(report));
    (void)cJSON_AddItemToObject(root, "streams", report_streams_json(report, false));
    (void)cJSON_AddItemToObject(root, "ports",
                                report_ports_json(report, beat->counters, beat->acked, false));
    (void)cJSON_AddItemToObject(root, "store", store_json(beat));
    (void)cJSON_AddItemToObject(root, "host", host_json(beat));
    if (beat->kind == HEARTBEAT_BIRTH) {
        add_birth(root, beat);
    }
    if (beat->kind == HEARTBEAT_BYE) {
        add_bye(root, beat);
    }
    char *text = json_print(root);
    cJSON_Delete(root);
    return text;
}
