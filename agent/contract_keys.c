#include "agent/contract_keys.h"

#include <stdlib.h>

static bool says(const struct yaml_node *mapping, const char *key, const char *word)
{
    const struct yaml_node *node = yaml_get(mapping, key);
    return node != NULL && node->kind == YAML_TEXT && strcmp(node->text, word) == 0;
}

static const struct yaml_node *key_property(const struct yaml_node *entry,
                                            const struct schema *schema)
{
    const char *name = NULL;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        name = schema->columns[i].role == ROLE_KEY ? schema->columns[i].name : name;
    }
    const struct yaml_node *list = yaml_get(entry, "properties");
    const struct yaml_node *property = name == NULL || list == NULL ? NULL : list->first;
    while (property != NULL && !says(property, "name", name)) {
        property = property->next;
    }
    return property;
}

static const struct yaml_node *valid_values(const struct yaml_node *property)
{
    const struct yaml_node *rules = yaml_get(property, "quality");
    const struct yaml_node *rule = rules == NULL ? NULL : rules->first;
    for (; rule != NULL; rule = rule->next) {
        const struct yaml_node *list = yaml_get(yaml_get(rule, "arguments"), "validValues");
        if (says(rule, "metric", "invalidValues") && list != NULL && list->kind == YAML_LIST) {
            return list;
        }
    }
    return NULL;
}

struct key_list *contract_keys_read(const struct yaml_node *entry, const struct schema *schema,
                                    struct problems *problems)
{
    const struct yaml_node *values = valid_values(key_property(entry, schema));
    if (values == NULL || values->first == NULL) {
        return NULL;
    }
    struct key_list *keys = key_list_open();
    if (keys == NULL) {
        abort(); // contracts are read at start, where no memory means no start
    }
    for (const struct yaml_node *node = values->first; node != NULL; node = node->next) {
        if (node->kind == YAML_TEXT && !yaml_is_null(node) &&
            key_list_add(keys, bytes_text(node->text)) != OK) {
            yaml_doubt(node, NULL, problems,
                       "from here on keys travel by name in blocks; a list of keys holds %d names "
                       "of %d bytes, %d KiB in all",
                       KEY_LIST_MAX, RECORD_KEY_MAX, KEY_LIST_TEXT_MAX / 1024);
            break;
        }
    }
    return keys;
}
