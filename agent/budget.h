// How many bytes may go over the link a day and a month (UTC), for a SIM card that costs. What is
// counted is what the client sees on the wire, both ways. As a budget runs out, less and less goes,
// the least urgent first:
//
//     up to 80 %      everything
//     80 to 90 %      the backlog waits: what comes late (agent/lanes.h)
//     90 to 100 %     products of `priority: low` wait too
//     from 100 %      only products of `priority: high` go, and heartbeats
//
// The counts survive a restart. A clock that was not set, or that goes back, begins no new day.
//
// Floor: flow.
#ifndef WEIR_AGENT_BUDGET_H
#define WEIR_AGENT_BUDGET_H

#include "agent/bytes.h"
#include "agent/err.h"
#include "agent/settings.h"

enum { BUDGET_SIZE = 32 }; // bytes of its state

enum budget_stage {
    BUDGET_ALL,
    BUDGET_NO_BACKLOG,
    BUDGET_NO_LOW,
    BUDGET_HIGH_ONLY,
};

struct budget_span {
    uint64_t limit; // bytes; 0: none
    uint64_t used;
    int64_t number; // of the day since 1970, or the month since year 0; 0: none yet
};

struct budget {
    struct budget_span day, month;
    uint64_t total; // what the client had counted, last time
};

// 0: no limit. Restores what an earlier run counted from its state (empty: nothing).
void budget_open(struct budget *budget, uint64_t day_limit, uint64_t month_limit,
                 struct bytes state);

// The client has counted `total` bytes since the start. Below `clock_floor_ms` the clock is not
// set.
void budget_count(struct budget *budget, uint64_t total, int64_t wall_ms, int64_t clock_floor_ms);

enum budget_stage budget_stage(const struct budget *budget);

// The span that decides: "day" or "month".
const char *budget_tight(const struct budget *budget);

// Percent used; -1: no limit.
double budget_used_pct(const struct budget_span *span);

// May a product of this priority send, its live rows or its late ones?
bool budget_allows(const struct budget *budget, enum priority priority, bool late);

void budget_put(const struct budget *budget, uint8_t out[BUDGET_SIZE]);

#endif
