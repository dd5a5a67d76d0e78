#include "agent/contract_promises.h"

#include "agent/number.h"
#include "agent/odcs.h"

#include <strings.h>

// "5" and "minutes" as milliseconds; -1 where they are no duration. As others read it, "m" is
// minutes of a latency, months of a retention.
static int64_t duration_ms(const char *value, const char *unit, bool is_retention)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {
        {"ms", 1},          {"milliseconds", 1}, {"s", 1000},        {"second", 1000},
        {"seconds", 1000},  {"m", 60000},        {"min", 60000},     {"minute", 60000},
        {"minutes", 60000}, {"h", 3600000},      {"hour", 3600000},  {"hours", 3600000},
        {"d", 86400000},    {"day", 86400000},   {"days", 86400000}, {"month", 2592e6},
        {"months", 2592e6}, {"y", 31536e6},      {"year", 31536e6},  {"years", 31536e6},
    };
    struct number number;
    if (number_parse(bytes_text(value), &number) == NUMBER_NONE) {
        return -1;
    }
    if (is_retention && strcasecmp(unit, "m") == 0) {
        unit = "month";
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double ms = number.number * units[i].factor;
        if (strcasecmp(units[i].unit, unit) == 0) {
            return ms >= 0 && ms < 1e15 ? (int64_t)ms : -1;
        }
    }
    return -1;
}

// "99.9" and "percent"; a fraction where no unit is given and it is at most 1. -1: it is no ratio.
static double percent(const char *value, const char *unit)
{
    struct number number;
    if (number_parse(bytes_text(value), &number) == NUMBER_NONE) {
        return -1;
    }
    bool is_percent = unit != NULL && (strcasecmp(unit, "percent") == 0 || strcmp(unit, "%") == 0);
    double ratio = !is_percent && number.number <= 1 ? number.number * 100 : number.number;
    return ratio >= 0 && ratio <= 100 ? ratio : -1;
}

static double per_second(const char *value, const char *unit)
{
    static const struct {
        const char *ending;
        double seconds;
    } units[] = {{"/s", 1},    {"second", 1},  {"/min", 60},  {"minute", 60},
                 {"/h", 3600}, {"hour", 3600}, {"/d", 86400}, {"day", 86400}};
    struct number number;
    size_t size = unit != NULL ? strlen(unit) : 0;
    if (number_parse(bytes_text(value), &number) == NUMBER_NONE || !(number.number >= 0)) {
        return -1;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t end = strlen(units[i].ending);
        if (size >= end && strcasecmp(unit + size - end, units[i].ending) == 0) {
            return number.number / units[i].seconds;
        }
    }
    return -1;
}

// What is measured beside latency and retention.
static void read_level(struct contract_promises *promises, const char *property, const char *value,
                       const char *unit)
{
    const struct {
        const char *property;
        double *percent;
    } ratios[] = {
        {"completeness", &promises->completeness_percent},
        {"conformity", &promises->conformity_percent},
        {"availability", &promises->availability_percent},
        {"errorRate", &promises->error_percent},
    };
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
        if (strcasecmp(property, ratios[i].property) == 0) {
            *ratios[i].percent = percent(value, unit);
        }
    }
    if (strcasecmp(property, "throughput") == 0) {
        promises->throughput_per_s = per_second(value, unit);
    } else if (strcasecmp(property, "freshness") == 0 && unit != NULL) {
        promises->freshness_ms = (double)duration_ms(value, unit, false);
    } else if (strcasecmp(property, "latency") == 0 && unit != NULL) {
        promises->latency_ms = (double)duration_ms(value, unit, false);
    }
}

void contract_read_promises(struct contract *contract, const struct yaml_node *root,
                            struct problems *problems)
{
    contract->latency_ms = -1;
    contract->retention_ms = -1;
    contract->promises = (struct contract_promises){-1, -1, -1, -1, -1, -1, -1};
    const struct yaml_node *list = yaml_get(root, "slaProperties");
    if (!odcs_is_list(list, problems)) {
        return;
    }
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        if (!odcs_is_mapping(item, problems)) {
            continue;
        }
        odcs_check_keys(item, odcs_promise_keys, problems);
        const char *property = odcs_need_text(item, "property", problems);
        const struct yaml_node *value = yaml_get(item, "value");
        const char *unit = odcs_text(item, "unit", problems);
        if (property == NULL || value == NULL || value->kind != YAML_TEXT) {
            continue;
        }
        read_level(&contract->promises, property, value->text, unit);
        if (unit == NULL) {
            continue;
        }
        if (strcasecmp(property, "latency") == 0) {
            contract->latency_ms = duration_ms(value->text, unit, false);
        } else if (strcasecmp(property, "retention") == 0) {
            contract->retention_ms = duration_ms(value->text, unit, true);
        }
    }
    if (contract->latency_ms >= 0 && contract->promises.freshness_ms < 0) {
        yaml_doubt(list, NULL, problems,
                   "promises a latency and no freshness; stock checkers test only the second, so "
                   "promise both");
    }
}
