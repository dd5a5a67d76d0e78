// The byte budget of the link: counted once a second, kept now and then, told where it bites.
#include "agent/agent_core.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <assert.h>

enum { KEEP_MS = 60000 }; // a power cut forgets at most what went in so long, or a 100th of a day

static const char state_name[] = "gateway.budget";

void agent_budget_open(struct agent *agent)
{
    budget_open(&agent->budget, agent->settings->budget_day_bytes,
                agent->settings->budget_month_bytes,
                product_recall(&agent->products[0], state_name));
    agent->budget_kept_bytes = agent->budget.month.used;
}

static bool has_limit(const struct agent *agent)
{
    return agent->budget.day.limit > 0 || agent->budget.month.limit > 0;
}

void agent_budget_keep(struct agent *agent)
{
    uint8_t bytes[BUDGET_SIZE];
    if (!has_limit(agent) || agent->budget.month.used == agent->budget_kept_bytes) {
        return;
    }
    budget_put(&agent->budget, bytes);
    enum err err = product_keep(&agent->products[0], state_name, bytes_from(bytes, BUDGET_SIZE));
    assert(err == OK); // one name, a few bytes
    agent->budget_kept_bytes = agent->budget.month.used;
    agent->budget_kept_ms = clock_boot_ms();
}

static void tell(struct agent *agent, enum budget_stage stage)
{
    static const char *const sentences[] = {"all goes on", "what comes late waits",
                                            "what comes late and products of low priority wait",
                                            "only products of high priority and heartbeats go on"};
    const struct budget *budget = &agent->budget;
    const struct budget_span *span =
        strcmp(budget_tight(budget), "day") == 0 ? &budget->day : &budget->month;
    log_warn(span == &budget->day ? "budget.day" : "budget.month", "used=%llu of=%llu: %s",
             (unsigned long long)span->used, (unsigned long long)span->limit, sentences[stage]);
}

void agent_budget_second(struct agent *agent)
{
    if (!has_limit(agent)) {
        return;
    }
    const struct output_stat *link = &agent->last.link;
    budget_count(&agent->budget, link->wire_bytes + link->received_bytes, clock_wall_ms(),
                 BOOTS_CLOCK_FLOOR_MS);
    enum budget_stage stage = budget_stage(&agent->budget);
    if (stage != agent->budget_told) {
        tell(agent, stage);
        agent->budget_told = stage;
    }
    uint64_t least = agent->budget.day.limit > 0 ? agent->budget.day.limit / 100
                                                 : agent->budget.month.limit / 3000;
    if (agent->budget.month.used >= agent->budget_kept_bytes + least ||
        clock_boot_ms() - agent->budget_kept_ms >= KEEP_MS) {
        agent_budget_keep(agent);
    }
}
