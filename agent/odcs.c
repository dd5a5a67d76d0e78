#include "agent/odcs.h"

#include "agent/nearest.h"

#include <stdio.h>

const char *const odcs_root_keys[] = {"version",
                                      "kind",
                                      "apiVersion",
                                      "id",
                                      "name",
                                      "tenant",
                                      "tags",
                                      "status",
                                      "servers",
                                      "dataProduct",
                                      "description",
                                      "domain",
                                      "schema",
                                      "support",
                                      "price",
                                      "team",
                                      "roles",
                                      "slaDefaultElement",
                                      "slaProperties",
                                      "authoritativeDefinitions",
                                      "customProperties",
                                      "contractCreatedTs",
                                      NULL};

#define ELEMENT_KEYS                                                                               \
    "id", "name", "physicalType", "description", "businessName", "authoritativeDefinitions",       \
        "tags", "customProperties"

const char *const odcs_schema_keys[] = {
    ELEMENT_KEYS, "logicalType",   "physicalName", "dataGranularityDescription",
    "properties", "relationships", "quality",      NULL};

const char *const odcs_property_keys[] = {ELEMENT_KEYS,
                                          "primaryKey",
                                          "primaryKeyPosition",
                                          "logicalType",
                                          "logicalTypeOptions",
                                          "physicalName",
                                          "required",
                                          "unique",
                                          "partitioned",
                                          "partitionKeyPosition",
                                          "classification",
                                          "encryptedName",
                                          "transformSourceObjects",
                                          "transformLogic",
                                          "transformDescription",
                                          "examples",
                                          "criticalDataElement",
                                          "relationships",
                                          "quality",
                                          "properties",
                                          "items",
                                          NULL};

const char *const odcs_kafka_server_keys[] = {
    "id",    "server",           "type", "description", "environment",
    "roles", "customProperties", "host", "format",      NULL};

const char *const odcs_team_keys[] = {
    "id", "name", "description", "members", "tags", "customProperties", "authoritativeDefinitions",
    NULL};

const char *const odcs_member_keys[] = {"id",
                                        "username",
                                        "name",
                                        "description",
                                        "role",
                                        "dateIn",
                                        "dateOut",
                                        "replacedByUsername",
                                        "tags",
                                        "customProperties",
                                        "authoritativeDefinitions",
                                        NULL};

const char *const odcs_support_keys[] = {"id",   "channel", "url",           "description",
                                         "tool", "scope",   "invitationUrl", "customProperties",
                                         NULL};

const char *const odcs_promise_keys[] = {"id",        "property", "value",  "valueExt",
                                         "unit",      "element",  "driver", "description",
                                         "scheduler", "schedule", NULL};

const char *const odcs_custom_keys[] = {"id", "property", "value", "description", NULL};

const char *const odcs_quality_keys[] = {"id",
                                         "authoritativeDefinitions",
                                         "businessImpact",
                                         "customProperties",
                                         "description",
                                         "dimension",
                                         "method",
                                         "name",
                                         "schedule",
                                         "scheduler",
                                         "severity",
                                         "tags",
                                         "type",
                                         "unit",
                                         "metric",
                                         "rule",
                                         "arguments",
                                         "mustBe",
                                         "mustNotBe",
                                         "mustBeGreaterThan",
                                         "mustBeGreaterOrEqualTo",
                                         "mustBeLessThan",
                                         "mustBeLessOrEqualTo",
                                         "mustBeBetween",
                                         "mustNotBeBetween",
                                         "query",
                                         "engine",
                                         "implementation",
                                         NULL};

#define RANGE_KEYS "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"

static const char *const string_options[] = {"minLength", "maxLength", "pattern", "format", NULL};
static const char *const number_options[] = {RANGE_KEYS, "multipleOf", "format", NULL};
static const char *const date_options[] = {RANGE_KEYS, "format", NULL};
static const char *const time_options[] = {RANGE_KEYS, "format", "timezone", "defaultTimezone",
                                           NULL};
static const char *const array_options[] = {"minItems", "maxItems", "uniqueItems", NULL};
static const char *const object_options[] = {"minProperties", "maxProperties", "required", NULL};

const char *const *odcs_type_option_keys(const char *logical_type)
{
    static const struct {
        const char *type;
        const char *const *keys;
    } rows[] = {
        {"string", string_options}, {"integer", number_options}, {"number", number_options},
        {"date", date_options},     {"timestamp", time_options}, {"time", time_options},
        {"array", array_options},   {"object", object_options},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].type, logical_type) == 0) {
            return rows[i].keys;
        }
    }
    return NULL;
}

static bool has(const char *const *words, const char *word)
{
    while (*words != NULL && strcmp(*words, word) != 0) {
        words++;
    }
    return *words != NULL;
}

static void tell_unknown(const struct yaml_node *node, const char *word, const char *const *known,
                         const char *what, struct problems *problems)
{
    struct nearest nearest = nearest_begin(word);
    for (size_t i = 0; known[i] != NULL; i++) {
        nearest_offer(&nearest, known[i]);
    }
    if (nearest.best != NULL) {
        yaml_wrong(node, NULL, problems, "%s; did you mean \"%s\"?", what, nearest.best);
    } else {
        yaml_wrong(node, NULL, problems, "%s", what);
    }
}

void odcs_check_keys(const struct yaml_node *mapping, const char *const *known,
                     struct problems *problems)
{
    for (const struct yaml_node *node = mapping->first; node != NULL; node = node->next) {
        if (!has(known, node->key)) {
            tell_unknown(node, node->key, known, "ODCS v3.1.0 has no such key here", problems);
        }
    }
}

static bool is_kind(const struct yaml_node *node, enum yaml_kind kind, const char *name,
                    struct problems *problems)
{
    if (node == NULL || yaml_is_null(node)) {
        return false;
    }
    if (node->kind != kind) {
        yaml_wrong(node, NULL, problems, "is %s; write %s", yaml_kind_name(node), name);
        return false;
    }
    return true;
}

bool odcs_is_mapping(const struct yaml_node *node, struct problems *problems)
{
    return is_kind(node, YAML_MAPPING, "a mapping", problems);
}

bool odcs_is_list(const struct yaml_node *node, struct problems *problems)
{
    return is_kind(node, YAML_LIST, "a list", problems);
}

const char *odcs_text(const struct yaml_node *mapping, const char *key, struct problems *problems)
{
    const struct yaml_node *node = yaml_get(mapping, key);
    return is_kind(node, YAML_TEXT, "a text", problems) ? node->text : NULL;
}

const char *odcs_need_text(const struct yaml_node *mapping, const char *key,
                           struct problems *problems)
{
    const struct yaml_node *node = yaml_get(mapping, key);
    if (node == NULL) {
        yaml_wrong(mapping, key, problems, "is missing; ODCS v3.1.0 requires it");
        return NULL;
    }
    if (node->kind == YAML_TEXT && (yaml_is_null(node) || *node->text == '\0')) {
        yaml_wrong(node, NULL, problems, "has no value; ODCS v3.1.0 requires one");
        return NULL;
    }
    return odcs_text(mapping, key, problems);
}

bool odcs_boolean(const struct yaml_node *mapping, const char *key, bool initial,
                  struct problems *problems)
{
    const char *text = odcs_text(mapping, key, problems);
    if (text == NULL) {
        return initial;
    }
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) {
        yaml_wrong(yaml_get(mapping, key), NULL, problems, "\"%.60s\" is neither true nor false",
                   text);
    }
    return yes;
}

const struct yaml_node *odcs_custom(const struct yaml_node *element, const char *name)
{
    const struct yaml_node *list = yaml_get(element, "customProperties");
    for (const struct yaml_node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next) {
        const struct yaml_node *property = yaml_get(item, "property");
        const struct yaml_node *value = yaml_get(item, "value");
        if (property != NULL && property->kind == YAML_TEXT && value != NULL &&
            value->kind == YAML_TEXT && strcmp(property->text, name) == 0) {
            return value;
        }
    }
    return NULL;
}

static void check_custom_item(const struct yaml_node *item, const char *const *known,
                              struct problems *problems)
{
    if (!odcs_is_mapping(item, problems)) {
        return;
    }
    odcs_check_keys(item, odcs_custom_keys, problems);
    const char *name = odcs_need_text(item, "property", problems);
    const struct yaml_node *value = yaml_get(item, "value");
    if (value == NULL) {
        yaml_wrong(item, "value", problems, "is missing; ODCS v3.1.0 requires it");
    }
    if (name == NULL || strncmp(name, "weir.", 5) != 0) {
        return; // of other tools
    }
    if (!has(known, name)) {
        tell_unknown(yaml_get(item, "property"), name, known, "weir reads no such property here",
                     problems);
    } else if (value != NULL && value->kind != YAML_TEXT) {
        yaml_wrong(value, NULL, problems, "is %s; write one word", yaml_kind_name(value));
    }
}

void odcs_check_custom(const struct yaml_node *element, const char *const *known,
                       struct problems *problems)
{
    const struct yaml_node *list = yaml_get(element, "customProperties");
    if (!odcs_is_list(list, problems)) {
        return;
    }
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        check_custom_item(item, known, problems);
    }
}

int odcs_custom_choice(const struct yaml_node *element, const char *name,
                       const char *const *choices, int initial, struct problems *problems)
{
    const struct yaml_node *value = odcs_custom(element, name);
    if (value == NULL) {
        return initial;
    }
    char known[160] = "";
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], value->text) == 0) {
            return i;
        }
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    yaml_wrong(value, NULL, problems, "%s: \"%.60s\" is none of: %s", name, value->text, known);
    return initial;
}
