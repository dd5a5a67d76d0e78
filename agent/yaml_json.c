#include "agent/yaml_json.h"

#include "agent/number.h"

#include <assert.h>

static bool is_one_of(const char *text, const char *const words[3])
{
    return strcmp(text, words[0]) == 0 || strcmp(text, words[1]) == 0 ||
           strcmp(text, words[2]) == 0;
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"true", "True", "TRUE"};
    return is_one_of(text, words);
}

static bool is_false(const char *text)
{
    static const char *const words[] = {"false", "False", "FALSE"};
    return is_one_of(text, words);
}

bool yaml_is_typed(const struct yaml_node *node)
{
    struct number number;
    return node->kind == YAML_TEXT && !node->quoted &&
           (yaml_is_null(node) || is_true(node->text) || is_false(node->text) ||
            number_parse(bytes_text(node->text), &number) != NUMBER_NONE);
}

static cJSON *scalar(const struct yaml_node *node)
{
    struct number number;
    if (node->quoted || !yaml_is_typed(node)) {
        return cJSON_CreateString(node->text);
    }
    if (yaml_is_null(node)) {
        return cJSON_CreateNull();
    }
    if (number_parse(bytes_text(node->text), &number) == NUMBER_NONE) {
        return cJSON_CreateBool(is_true(node->text));
    }
    return number.json ? cJSON_CreateRaw(node->text) : cJSON_CreateNumber(number.number);
}

static cJSON *shallow(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_TEXT:
        return scalar(node);
    case YAML_LIST:
        return cJSON_CreateArray();
    case YAML_MAPPING:
        return cJSON_CreateObject();
    }
    return NULL;
}

static bool hang(cJSON *parent, const struct yaml_node *node, cJSON *item)
{
    return item != NULL && (node->key != NULL ? cJSON_AddItemToObject(parent, node->key, item)
                                              : cJSON_AddItemToArray(parent, item));
}

// Down to the first child, else on to the next, else up: no recursion. `open` is the way down.
static bool fill(const struct yaml_node *root, cJSON *top)
{
    cJSON *open[YAML_DEPTH_MAX + 1] = {top};
    unsigned depth = 0;
    const struct yaml_node *node = root->first;
    while (node != NULL) {
        cJSON *item = shallow(node);
        if (!hang(open[depth], node, item)) {
            cJSON_Delete(item);
            return false;
        }
        if (node->first != NULL) {
            assert(depth < YAML_DEPTH_MAX); // the tree's own bound
            open[++depth] = item;
            node = node->first;
            continue;
        }
        while (node != root && node->next == NULL) {
            node = node->parent;
            depth -= node != root; // out of what it opened
        }
        node = node != root ? node->next : NULL;
    }
    return true;
}

cJSON *yaml_json(const struct yaml_node *root)
{
    cJSON *top = shallow(root);
    if (top != NULL && !fill(root, top)) {
        cJSON_Delete(top);
        top = NULL;
    }
    return top;
}

char *yaml_json_text(const struct yaml_node *root)
{
    cJSON *json = yaml_json(root);
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}
