#include "agent/budget.h"

#include <time.h>

enum { NO_BACKLOG_PCT = 80, NO_LOW_PCT = 90, HIGH_ONLY_PCT = 100, DAY_MS = 24 * 3600 * 1000 };

static int64_t day_of(int64_t wall_ms)
{
    return wall_ms / DAY_MS;
}

static int64_t month_of(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc = {0};
    (void)gmtime_r(&seconds, &utc);
    return (int64_t)(utc.tm_year + 1900) * 12 + utc.tm_mon;
}

// day and month: used u64, number u64
void budget_put(const struct budget *budget, uint8_t out[BUDGET_SIZE])
{
    put_u64(out, budget->day.used);
    put_u64(out + 8, (uint64_t)budget->day.number);
    put_u64(out + 16, budget->month.used);
    put_u64(out + 24, (uint64_t)budget->month.number);
}

void budget_open(struct budget *budget, uint64_t day_limit, uint64_t month_limit,
                 struct bytes state)
{
    *budget = (struct budget){.day.limit = day_limit, .month.limit = month_limit};
    if (state.size == BUDGET_SIZE) {
        budget->day.used = get_u64(state.at);
        budget->day.number = (int64_t)get_u64(state.at + 8);
        budget->month.used = get_u64(state.at + 16);
        budget->month.number = (int64_t)get_u64(state.at + 24);
    }
}

// A new span begins where the clock says a later one than before. Where it says an earlier one, it
// was wrong then or is now; what was used stays used, and the next span begins in time.
static void roll(struct budget_span *span, int64_t number)
{
    if (number > span->number && span->number != 0) {
        span->used = 0;
    }
    span->number = number;
}

void budget_count(struct budget *budget, uint64_t total, int64_t wall_ms, int64_t clock_floor_ms)
{
    if (wall_ms >= clock_floor_ms) {
        roll(&budget->day, day_of(wall_ms));
        roll(&budget->month, month_of(wall_ms));
    }
    uint64_t more = total > budget->total ? total - budget->total : 0;
    budget->total = total;
    budget->day.used += more;
    budget->month.used += more;
}

double budget_used_pct(const struct budget_span *span)
{
    return span->limit == 0 ? -1 : 100.0 * (double)span->used / (double)span->limit;
}

static const struct budget_span *tight(const struct budget *budget)
{
    return budget_used_pct(&budget->month) >= budget_used_pct(&budget->day) ? &budget->month
                                                                            : &budget->day;
}

const char *budget_tight(const struct budget *budget)
{
    return tight(budget) == &budget->month ? "month" : "day";
}

enum budget_stage budget_stage(const struct budget *budget)
{
    double used = budget_used_pct(tight(budget));
    return used >= HIGH_ONLY_PCT    ? BUDGET_HIGH_ONLY
           : used >= NO_LOW_PCT     ? BUDGET_NO_LOW
           : used >= NO_BACKLOG_PCT ? BUDGET_NO_BACKLOG
                                    : BUDGET_ALL;
}

bool budget_allows(const struct budget *budget, enum priority priority, bool late)
{
    enum budget_stage stage = budget_stage(budget);
    if (late) {
        return stage < BUDGET_NO_BACKLOG;
    }
    return priority == PRIORITY_HIGH || stage < BUDGET_NO_LOW ||
           (priority == PRIORITY_NORMAL && stage < BUDGET_HIGH_ONLY);
}
