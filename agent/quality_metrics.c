// The library metrics of ODCS.
#include "agent/quality_reading.h"

#include "agent/number.h"
#include "agent/odcs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const rule_customs[] = {"weir.onViolation", NULL};

static bool read_value(const struct quality_reading *reading, const struct column *column,
                       const struct yaml_node *node, struct value *value)
{
    struct number number = {.kind = NUMBER_NONE};
    const char *text = node->kind == YAML_TEXT ? node->text : "";
    *value = (struct value){.kind = VALUE_INTEGER};
    switch (column->type) {
    case COLUMN_STRING:
        *value = (struct value){.kind = VALUE_TEXT, .text = bytes_text(text)};
        return node->kind == YAML_TEXT;
    case COLUMN_BOOLEAN:
        *value = (struct value){.kind = VALUE_BOOLEAN, .boolean = strcmp(text, "true") == 0};
        return value->boolean || strcmp(text, "false") == 0;
    case COLUMN_TIMESTAMP:
        return quality_read_time(reading, node, &value->integer);
    case COLUMN_INTEGER:
        (void)number_parse(bytes_text(text), &number);
        if (number.kind == NUMBER_FRACTION && floor(number.number) == number.number &&
            fabs(number.number) <= 9007199254740992.0) { // 5.0 is 5, up to 2^53
            number.integer = (int64_t)number.number;
            number.kind = NUMBER_INTEGER;
        }
        value->integer = number.integer;
        return number.kind == NUMBER_INTEGER;
    case COLUMN_NUMBER:
        (void)number_parse(bytes_text(text), &number);
        *value = (struct value){.kind = VALUE_NUMBER, .number = number.number};
        return number.kind != NUMBER_NONE;
    }
    return false;
}

static int compare_values(const void *a, const void *b)
{
    return value_compare(a, b);
}

static void read_list(const struct quality_reading *reading, const struct column *column,
                      const struct yaml_node *list, struct value_list *out)
{
    if (!odcs_is_list(list, reading->problems)) {
        return;
    }
    out->values = calloc(list->count + 1, sizeof *out->values);
    for (const struct yaml_node *node = list->first; node != NULL && out->values != NULL;
         node = node->next) {
        struct value value;
        if (yaml_is_null(node)) {
            out->has_null = true;
        } else if (read_value(reading, column, node, &value)) {
            if (value.kind == VALUE_TEXT) { // the tree ends before the rules do
                char *copy = strdup(node->text);
                value.text = bytes_from(copy, copy == NULL ? 0 : strlen(copy));
            }
            out->values[out->count++] = value;
        } else {
            yaml_wrong(node, NULL, reading->problems,
                       "\"%.60s\" is not of the property's logicalType",
                       node->kind == YAML_TEXT ? node->text : yaml_kind_name(node));
        }
    }
    if (out->count > 1) {
        qsort(out->values, out->count, sizeof *out->values, compare_values);
    }
}

static const char *const operator_keys[] = {
    "mustBe",         "mustNotBe",           "mustBeGreaterThan", "mustBeGreaterOrEqualTo",
    "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween",     "mustNotBeBetween"};

static bool read_pair(const struct quality_reading *reading, const struct yaml_node *node,
                      struct quality_tolerance *tolerance)
{
    struct number a;
    struct number b;
    if (node->kind != YAML_LIST || node->count != 2) {
        yaml_wrong(node, NULL, reading->problems, "write two numbers, the smaller one first");
        return false;
    }
    if (!quality_read_number(reading, node->first, &a) ||
        !quality_read_number(reading, node->first->next, &b)) {
        return false;
    }
    tolerance->a = a.number;
    tolerance->b = b.number;
    return true;
}

static bool read_operator(const struct quality_reading *reading, const struct yaml_node *item,
                          struct quality_tolerance *tolerance)
{
    const struct yaml_node *found = NULL;
    for (int i = 0; i <= MUST_NOT_BE_BETWEEN; i++) {
        const struct yaml_node *node = yaml_get(item, operator_keys[i]);
        if (node != NULL && found != NULL) {
            yaml_wrong(node, NULL, reading->problems,
                       "a second operator; ODCS allows one for each rule");
            return false;
        }
        if (node != NULL) {
            found = node;
            tolerance->how = (enum quality_operator)i;
        }
    }
    if (found == NULL) {
        yaml_wrong(item, NULL, reading->problems, "has no operator; write e.g. mustBe: 0");
        return false;
    }
    if (tolerance->how >= MUST_BE_BETWEEN) {
        return read_pair(reading, found, tolerance);
    }
    struct number number;
    if (!quality_read_number(reading, found, &number)) {
        return false;
    }
    tolerance->a = number.number;
    return true;
}

// Does the operator allow no breach at all, whatever the number of rows? Then each record is
// judged.
static bool allows_none(const struct quality_tolerance *tolerance)
{
    switch (tolerance->how) {
    case MUST_BE:
    case MUST_BE_LESS_OR_EQUAL_TO:
        return tolerance->a == 0;
    case MUST_BE_LESS_THAN: // breaches are whole, percents are not
        return !tolerance->percent && tolerance->a > 0 && tolerance->a <= 1;
    case MUST_BE_BETWEEN:
        return tolerance->a == 0 && tolerance->b == 0;
    case MUST_NOT_BE:
    case MUST_BE_GREATER_THAN:
    case MUST_BE_GREATER_OR_EQUAL_TO:
    case MUST_NOT_BE_BETWEEN:
        break;
    }
    return false;
}

static enum quality_action action_of_severity(const struct quality_reading *reading,
                                              const struct yaml_node *item,
                                              enum quality_action initial)
{
    const char *severity = odcs_text(item, "severity", reading->problems);
    if (severity != NULL && strcmp(severity, "info") == 0) {
        return ACTION_COUNT;
    }
    if (severity != NULL && strcmp(severity, "warning") == 0) {
        return reading->has_quality ? ACTION_ANNOTATE : ACTION_COUNT;
    }
    return initial;
}

void quality_add_window(struct rule *rule)
{
    rule->window = quality_window_open(QUALITY_WINDOW);
    if (rule->window == NULL) {
        abort(); // contracts are read at start, where no memory means no start
    }
}

void quality_add_key(const struct quality_reading *reading, const struct yaml_node *node,
                     struct rule *rule, const struct column *column)
{
    if (rule->key_count == QUALITY_KEYS_MAX) {
        yaml_wrong(node, NULL, reading->problems, "more than %d properties", QUALITY_KEYS_MAX);
        return;
    }
    rule->keys[rule->key_count++] = column;
}

bool quality_is_judged(const struct column *column)
{
    return column->role == ROLE_FIELD || column->role == ROLE_KEY || column->role == ROLE_TIME;
}

// The columns of duplicateValues of an entry: those named, else the primary key.
static void read_keys(const struct quality_reading *reading, const struct quality_place *place,
                      const struct yaml_node *item, struct rule *rule)
{
    const struct yaml_node *names = yaml_get(yaml_get(item, "arguments"), "properties");
    const struct yaml_node *properties = yaml_get(place->node, "properties");
    if (odcs_is_list(names, reading->problems)) {
        for (const struct yaml_node *node = names->first; node != NULL; node = node->next) {
            const struct column *column = node->kind == YAML_TEXT
                                              ? schema_find(reading->schema, bytes_text(node->text))
                                              : NULL;
            if (column == NULL || !quality_is_judged(column)) {
                yaml_wrong(node, NULL, reading->problems,
                           "\"%.60s\" is no property that a record brings",
                           node->kind == YAML_TEXT ? node->text : yaml_kind_name(node));
                continue;
            }
            quality_add_key(reading, node, rule, column);
        }
    } else {
        for (const struct yaml_node *node = properties->first; node != NULL; node = node->next) {
            const struct yaml_node *name = yaml_get(node, "name");
            const struct column *column = name != NULL && name->kind == YAML_TEXT
                                              ? schema_find(reading->schema, bytes_text(name->text))
                                              : NULL;
            if (odcs_boolean(node, "primaryKey", false, reading->problems) && column != NULL) {
                quality_add_key(reading, node, rule, column);
            }
        }
    }
    if (rule->key_count == 0) {
        yaml_wrong(item, NULL, reading->problems,
                   "has no columns to compare; write arguments: {properties: [..]}");
    }
}

// The parts of one metric. False: it does not go with this place, and that was told.
static bool fill_metric(const struct quality_reading *reading, const struct quality_place *place,
                        const struct yaml_node *item, struct rule *rule)
{
    const struct yaml_node *arguments = yaml_get(item, "arguments");
    const struct yaml_node *pattern = yaml_get(arguments, "pattern");
    switch ((int)rule->face.kind) {
    case RULE_MISSING_VALUES:
        rule->list.has_null = yaml_get(arguments, "missingValues") == NULL;
        read_list(reading, place->column, yaml_get(arguments, "missingValues"), &rule->list);
        break;
    case RULE_INVALID_VALUES:
        read_list(reading, place->column, yaml_get(arguments, "validValues"), &rule->list);
        if (pattern != NULL) {
            quality_set_pattern(reading, pattern, rule);
        }
        if (pattern == NULL && rule->list.count == 0) {
            yaml_wrong(item, NULL, reading->problems,
                       "says not what is valid; write arguments: {validValues: [..]} or "
                       "{pattern: ..}");
        }
        break;
    case RULE_DUPLICATE_VALUES:
        if (place->column != NULL) {
            quality_add_key(reading, item, rule, place->column);
        } else {
            read_keys(reading, place, item, rule);
        }
        quality_add_window(rule);
        break;
    default:
        break;
    }
    return true;
}

static bool find_metric(const struct quality_reading *reading, const struct quality_place *place,
                        const struct yaml_node *item, enum quality_kind *kind)
{
    const char *metric = odcs_need_text(item, "metric", reading->problems);
    if (metric == NULL) {
        return false;
    }
    int found = RULE_NULL_VALUES;
    while (found <= RULE_ROW_COUNT &&
           strcmp(quality_kind_name((enum quality_kind)found), metric) != 0) {
        found++;
    }
    const struct yaml_node *node = yaml_get(item, "metric");
    if (found > RULE_ROW_COUNT) {
        yaml_wrong(node, NULL, reading->problems,
                   "\"%.60s\" is none of: nullValues, missingValues, invalidValues, "
                   "duplicateValues, rowCount",
                   metric);
        return false;
    }
    bool of_entry = found == RULE_ROW_COUNT || found == RULE_DUPLICATE_VALUES;
    bool of_property = found != RULE_ROW_COUNT;
    if (place->column == NULL ? !of_entry : !of_property) {
        yaml_wrong(node, NULL, reading->problems, "%s stands at a %s, not here", metric,
                   of_property ? "property" : "schema's entry");
        return false;
    }
    *kind = (enum quality_kind)found;
    return true;
}

void quality_read_library(struct quality_reading *reading, const struct quality_place *place,
                          const struct yaml_node *item)
{
    enum quality_kind kind;
    struct quality_tolerance tolerance = {.how = MUST_BE};
    const char *unit = odcs_text(item, "unit", reading->problems);
    tolerance.percent = unit != NULL && strcmp(unit, "percent") == 0;
    if (unit != NULL && !tolerance.percent && strcmp(unit, "rows") != 0) {
        yaml_doubt(yaml_get(item, "unit"), NULL, reading->problems,
                   "\"%.60s\" is taken as rows; weir counts rows or percent", unit);
    }
    if (!find_metric(reading, place, item, &kind) || !read_operator(reading, item, &tolerance)) {
        return;
    }
    odcs_check_custom(item, rule_customs, reading->problems);
    struct rule *rule = quality_add_rule(reading, place, item, kind);
    if (rule == NULL || !fill_metric(reading, place, item, rule)) {
        return;
    }
    rule->face.tolerance = tolerance;
    rule->face.tolerant = kind == RULE_ROW_COUNT || !allows_none(&tolerance);
    rule->face.action =
        quality_read_action(reading, item, action_of_severity(reading, item, place->action));
    const char *name = odcs_text(item, "name", reading->problems);
    const char *id = odcs_text(item, "id", reading->problems);
    const char *dimension = odcs_text(item, "dimension", reading->problems);
    (void)snprintf(rule->face.name, sizeof rule->face.name, "%s",
                   name != NULL ? name : (id != NULL ? id : ""));
    (void)snprintf(rule->face.dimension, sizeof rule->face.dimension, "%s",
                   dimension != NULL ? dimension : "");
}
