// The services beside the flow, and the report that they tell.
#include "agent/agent_core.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sysexits.h>

enum { FILL_WARN_PCT = 80 };

static void ready(void *context, int fd, uint32_t events)
{
    struct service_core *core = context;
    core->service->ready(&core->port, fd, events);
}

static void due(void *context)
{
    struct service_core *core = context;
    core->service->due(&core->port);
}

int agent_open_services(struct agent *agent)
{
    for (uint32_t i = 0; services[i] != NULL; i++) {
        assert(i < SERVICES_MAX);
        struct service_core *core = &agent->services[i];
        core->agent = agent;
        core->service = services[i];
        core->port = (struct service_port){.settings = agent->settings, .core = core};
        core->timer = (struct loop_timer){.due = due, .context = core};
        loop_timer_add(agent->loop, &core->timer);
        if (core->service->open(&core->port) != OK) {
            return EX_UNAVAILABLE; // the sentence was logged
        }
        agent->service_count++;
    }
    return EX_OK;
}

void agent_close_services(struct agent *agent, int wait_ms)
{
    for (uint32_t i = 0; i < agent->service_count; i++) {
        agent->services[i].service->close(&agent->services[i].port, wait_ms);
        loop_timer_set(&agent->services[i].timer, -1);
    }
    agent->service_count = 0;
}

// ---- what services call ----

enum err service_watch(struct service_port *port, int fd, uint32_t events)
{
    struct service_core *core = port->core;
    if (events == 0) {
        loop_unwatch(core->agent->loop, fd);
        return OK;
    }
    return loop_watch(core->agent->loop, fd, events, ready, core);
}

void service_due_in(struct service_port *port, int64_t delay_ms)
{
    struct service_core *core = port->core;
    loop_timer_set(&core->timer, delay_ms);
}

void service_report(struct service_port *port, struct report *report)
{
    struct service_core *core = port->core;
    agent_report(core->agent, report);
}

void service_levels(struct service_port *port, uint32_t index, const struct slo_result *levels,
                    uint32_t count)
{
    struct service_core *core = port->core;
    assert(index < SETTINGS_PRODUCTS_MAX);
    core->agent->levels[index] = (struct agent_levels){.list = levels, .count = count};
}

void service_contract(struct service_port *port, uint32_t index, const struct followed *followed)
{
    struct service_core *core = port->core;
    assert(index < SETTINGS_PRODUCTS_MAX);
    core->agent->followed[index] = followed;
}

void service_start_anew(struct service_port *port)
{
    struct service_core *core = port->core;
    core->agent->starts_anew = true;
    loop_stop(core->agent->loop);
}

// The gateway's own state rides with the first product's.
static void state_name(const char *name, char out[SPOOL_STATE_NAME_MAX])
{
    (void)snprintf(out, SPOOL_STATE_NAME_MAX, "gateway.%s", name);
}

struct bytes service_recall(struct service_port *port, const char *name)
{
    struct service_core *core = port->core;
    char full[SPOOL_STATE_NAME_MAX];
    state_name(name, full);
    return product_recall(&core->agent->products[0], full);
}

void service_keep(struct service_port *port, const char *name, struct bytes value)
{
    struct service_core *core = port->core;
    char full[SPOOL_STATE_NAME_MAX];
    state_name(name, full);
    enum err err = product_keep(&core->agent->products[0], full, value);
    assert(err == OK); // few names, small values
}

// ---- the report ----

static void add_reason(struct report *report, enum report_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_reason(struct report *report, enum report_status status, const char *format, ...)
{
    if (status > report->status) {
        report->status = status;
    }
    if (report->reason_count == REPORT_REASONS_MAX) {
        return;
    }
    va_list list;
    va_start(list, format);
    (void)vsnprintf(report->reasons[report->reason_count++], REPORT_REASON_SIZE, format, list);
    va_end(list);
}

static void judge_product(struct report *report, const struct report_product *product,
                          const struct product *core)
{
    const struct spool_stat *spool = &product->spool;
    if (product->in_memory) {
        add_reason(report, REPORT_STATUS_FAIL, "store.memory:%s", product->name);
    }
    if (core->commit_failed) {
        add_reason(report, REPORT_STATUS_FAIL,
                   core->commit->result == ERR_FULL ? "buffer.full:%s" : "store.failed:%s",
                   product->name);
    }
    if (spool->health == SPOOL_DEGRADED) {
        add_reason(report, REPORT_STATUS_WARN, "store.degraded:%s", product->name);
    } else if (spool->health == SPOOL_BROKEN && !core->commit_failed) {
        add_reason(report, REPORT_STATUS_FAIL, "store.failed:%s", product->name);
    }
    if (product->losses_untold > 0) {
        add_reason(report, REPORT_STATUS_WARN, "losses.untold:%s", product->name);
    }
    if (spool->size_bytes > 0 && spool->used_bytes * 100 / spool->size_bytes >= FILL_WARN_PCT) {
        add_reason(report, REPORT_STATUS_WARN, "buffer.filling:%s", product->name);
    }
    if (product->thin_level > 0) {
        add_reason(report, REPORT_STATUS_WARN, "buffer.thinning:%s", product->name);
    }
    if (product->followed != NULL && product->followed->newer[0] != '\0') {
        add_reason(report, REPORT_STATUS_WARN, "contract.refused:%s", product->name);
    }
    if (product->lacks_schema) {
        add_reason(report, REPORT_STATUS_WARN, "schema.unknown:%s", product->name);
    }
    if (core->restored) {
        add_reason(report, REPORT_STATUS_FAIL, "spool.restored:%s", product->name);
    }
    if (core->outlet.setting_aside && !core->quarantine_busy) {
        add_reason(report, REPORT_STATUS_FAIL, "quarantine.full:%s", product->name);
    } else if (product->quarantined_records > 0) {
        add_reason(report, REPORT_STATUS_WARN, "record.quarantined:%s", product->name);
    }
}

static void judge(const struct agent *agent, struct report *report)
{
    report->status = REPORT_STATUS_OK;
    if (report->link.reason_code[0] != 0) {
        add_reason(report, REPORT_STATUS_WARN, "%s", report->link.reason_code);
    }
    if (budget_stage(&agent->budget) != BUDGET_ALL) {
        add_reason(report, REPORT_STATUS_WARN, "budget.%s", budget_tight(&agent->budget));
    }
    if (agent->store_stalled) {
        add_reason(report, REPORT_STATUS_FAIL, "store.stalled");
    }
    for (uint32_t i = 0; i < report->product_count; i++) {
        judge_product(report, &report->products[i], &agent->products[i]);
    }
    for (uint32_t i = 0; i < report->input_count; i++) {
        const struct report_input *input = &report->inputs[i];
        if (input->state == PORT_DOWN || input->state == PORT_DEGRADED) {
            add_reason(report, REPORT_STATUS_WARN, "port.%s:%s",
                       input->state == PORT_DOWN ? "down" : "degraded", input->name);
        }
    }
}

void agent_report(struct agent *agent, struct report *report)
{
    memset(report, 0, sizeof *report);
    report->settings = agent->settings;
    report->version = WEIR_VERSION;
    report->started_boot_ms = agent->started_boot_ms;
    agent->driver->stat(&agent->output, &report->link);
    report->budget = agent->budget;
    report->product_count = agent->product_count;
    for (uint32_t i = 0; i < agent->product_count; i++) {
        product_report(&agent->products[i], &report->products[i]);
        report->products[i].in_memory = agent->memories[i] != NULL;
        report->products[i].levels = agent->levels[i].list;
        report->products[i].level_count = agent->levels[i].count;
        report->products[i].followed = agent->followed[i];
        report->products[i].follow = settings_follow_of(agent->settings, i);
    }
    report->input_count = agent->input_count;
    for (uint32_t i = 0; i < agent->input_count; i++) {
        input_core_report(&agent->inputs[i], &report->inputs[i]);
    }
    struct statvfs free_space;
    report->state_free_bytes = UINT64_MAX;
    if (statvfs(agent->settings->state_dir, &free_space) == 0) {
        report->state_free_bytes = (uint64_t)free_space.f_bavail * free_space.f_frsize;
    }
    judge(agent, report);
}

static bool same_status(const struct report *a, const struct report *b)
{
    if (a->status != b->status || a->reason_count != b->reason_count ||
        a->link.link != b->link.link) {
        return false;
    }
    for (uint32_t i = 0; i < a->reason_count; i++) {
        if (strcmp(a->reasons[i], b->reasons[i]) != 0) {
            return false;
        }
    }
    return true;
}

void agent_watch_status(struct agent *agent)
{
    static struct report now; // large for the stack; the loop is the only caller
    agent_report(agent, &now);
    bool same = same_status(&now, &agent->last);
    agent->last = now;
    if (same) {
        return;
    }
    for (uint32_t i = 0; i < agent->service_count; i++) {
        if (agent->services[i].service->changed != NULL) {
            agent->services[i].service->changed(&agent->services[i].port);
        }
    }
}
