// The effective settings, as YAML that could be read again or as JSON, each value with the place it
// comes from; and the reference.
#include "agent/settings.h"

#include "agent/number.h"
#include "agent/port.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>

enum { VALUE_SIZE = 16384, SOURCE_SIZE = 320, COMMENT_COLUMN = 44 };

static const char *const layouts[] = {"records", "blocks"};
static const char *const formats[] = {"json", "avro"};

// Where a value comes from: "weir.yaml:12" or "default".
static void write_source(const struct option_set *set, const struct option_value *value,
                         char out[SOURCE_SIZE])
{
    const char *slash = strrchr(set->file, '/');
    if (value->by_default) {
        (void)snprintf(out, SOURCE_SIZE, "default");
    } else {
        (void)snprintf(out, SOURCE_SIZE, "%.300s:%d", slash != NULL ? slash + 1 : set->file,
                       value->line);
    }
}

// ---- YAML ----

static bool is_plain(const char *text)
{
    struct number number;
    bool good = *text != '\0' && strchr(" -?:,[]{}#&*!|>'\"%@`~", *text) == NULL;
    const char *at = text;
    for (; good && *at != '\0'; at++) {
        bool letter =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        good = letter || strchr(" ._-/+", *at) != NULL || (*at == ':' && at[1] > ' ');
    }
    return good && at[-1] != ' ' && strcmp(text, "null") != 0 && strcmp(text, "true") != 0 &&
           strcmp(text, "false") != 0 && number_parse(bytes_text(text), &number) == NUMBER_NONE;
}

// A text as YAML would read it back: bare where it may be, else as a JSON string.
static void add_text(struct buffer *out, const char *text)
{
    if (is_plain(text)) {
        buffer_put_text(out, text);
        return;
    }
    cJSON *string = cJSON_CreateString(text);
    char *quoted = string != NULL ? cJSON_PrintUnformatted(string) : NULL;
    buffer_put_text(out, quoted != NULL ? quoted : "\"\"");
    cJSON_free(quoted);
    cJSON_Delete(string);
}

static void add_pairs(struct buffer *out, const struct option_value *value, bool is_list)
{
    buffer_put_text(out, is_list ? "[" : "{");
    for (uint32_t i = 0; i < value->pair_count; i++) {
        const struct option_pair *pair = &value->pairs[i];
        buffer_put_text(out, i > 0 ? ", " : "");
        if (pair->name != NULL) {
            add_text(out, pair->name);
            buffer_put_text(out, ": ");
        }
        add_text(out, pair->name != NULL && option_is_secret(pair->name) ? "***" : pair->value);
    }
    buffer_put_text(out, is_list ? "]" : "}");
}

static void add_value(struct buffer *out, const struct option *row,
                      const struct option_value *value)
{
    char text[OPTION_TEXT_SIZE] = "";
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_CHOICE:
        add_text(out, option_is_secret(row->key) ? "***" : value->text);
        return;
    case OPTION_BOOLEAN:
        buffer_put_text(out, value->integer != 0 ? "true" : "false");
        return;
    case OPTION_INTEGER:
        (void)number_format_integer(value->integer, text);
        break;
    case OPTION_NUMBER:
        (void)number_format(value->number, text);
        break;
    case OPTION_DURATION:
        option_format_duration(value->integer, text);
        break;
    case OPTION_SIZE:
        option_format_size(value->integer, text);
        break;
    case OPTION_LIST:
    case OPTION_MAP:
        add_pairs(out, value, row->type == OPTION_LIST);
        return;
    }
    buffer_put_text(out, text);
}

static const char *after_point(const char *key)
{
    const char *point = strchr(key, '.');
    return point != NULL ? point + 1 : key;
}

// "    key: value      # weir.yaml:3". What is not set stands as a remark, so that it can be found.
static void print_line(const struct option_set *set, size_t row, const char *indent, FILE *out)
{
    const struct option_value *value = &set->values[row];
    const char *key = after_point(set->rows[row].key);
    if (!value->set) {
        (void)fprintf(out, "%s# %s: is not set\n", indent, key);
        return;
    }
    char text[VALUE_SIZE];
    char source[SOURCE_SIZE];
    struct buffer line = buffer_over(text, sizeof text - 1);
    add_value(&line, &set->rows[row], value);
    text[line.size] = '\0';
    write_source(set, value, source);
    int width = (int)(strlen(indent) + strlen(key) + 2 + line.size);
    (void)fprintf(out, "%s%s: %s%*s # %s\n", indent, key, line.overflow ? "..." : text,
                  width < COMMENT_COLUMN ? COMMENT_COLUMN - width : 0, "", source);
}

// Is the row the first of its nested mapping "tls."? Then `*size` is the length of "tls".
static bool begins_group(const struct option *rows, size_t row, size_t *size)
{
    const char *point = strchr(rows[row].key, '.');
    if (point == NULL) {
        return false;
    }
    *size = (size_t)(point - rows[row].key);
    return row == 0 || strncmp(rows[row - 1].key, rows[row].key, *size + 1) != 0;
}

static bool group_is_empty(const struct option_set *set, size_t row, size_t size)
{
    const char *prefix = set->rows[row].key;
    bool empty = true;
    for (; set->rows[row].key != NULL && strncmp(set->rows[row].key, prefix, size + 1) == 0;
         row++) {
        empty = empty && !set->values[row].set;
    }
    return empty;
}

// "contract: FILE" and "contract: {id: ..}" are two ways to say one thing: is this row the other
// one?
static bool is_other_way(const struct option_set *set, size_t row)
{
    const char *key = set->rows[row].key;
    size_t size = strcspn(key, ".");
    bool is_nested = key[size] == '.';
    bool plain = false, nested = false, nested_set = false;
    for (size_t i = 0; set->rows[i].key != NULL; i++) {
        bool alike = strncmp(set->rows[i].key, key, size) == 0;
        plain = plain || (alike && set->rows[i].key[size] == '\0');
        bool below = alike && set->rows[i].key[size] == '.';
        nested = nested || below;
        nested_set = nested_set || (below && set->values[i].set);
    }
    return plain && nested && is_nested != nested_set;
}

static void print_set(const struct option_set *set, const char *indent, FILE *out)
{
    char deeper[16];
    (void)snprintf(deeper, sizeof deeper, "%s  ", indent);
    for (size_t i = 0; set->values != NULL && set->rows[i].key != NULL; i++) {
        size_t size = 0;
        if (is_other_way(set, i)) {
            continue;
        }
        bool nested = strchr(set->rows[i].key, '.') != NULL;
        if (begins_group(set->rows, i, &size)) {
            (void)fprintf(out, "%s%s%.*s:\n", indent, group_is_empty(set, i, size) ? "# " : "",
                          (int)size, set->rows[i].key);
        }
        print_line(set, i, nested ? deeper : indent, out);
    }
}

static void print_product(const struct product_settings *product, FILE *out)
{
    (void)fprintf(out, "  - # %s: to the topic %s, %s of %s\n", product->name, product->port->topic,
                  layouts[product->port->layout], formats[product->port->format]);
    print_set(&product->options, "    ", out);
}

static void print_yaml(const struct settings *settings, FILE *out)
{
    (void)fprintf(out, "# %s\n", settings->file);
    print_set(&settings->general, "", out);
    (void)fputs("kafka:\n", out);
    print_set(&settings->kafka, "  ", out);
    (void)fputs("heartbeat:\n", out);
    print_set(&settings->heartbeat, "  ", out);
    (void)fputs("registry:\n", out);
    print_set(&settings->registry, "  ", out);
    (void)fputs("products:\n", out);
    for (uint32_t i = 0; i < settings->product_count; i++) {
        print_product(&settings->products[i], out);
    }
    (void)fputs(settings->input_count > 0 ? "inputs:\n" : "inputs: []\n", out);
    for (uint32_t i = 0; i < settings->input_count; i++) {
        (void)fprintf(out, "  - # %s\n", settings->inputs[i].name);
        print_set(&settings->inputs[i].common, "    ", out);
        print_set(&settings->inputs[i].options, "    ", out);
    }
}

// ---- JSON ----

static cJSON *json_pairs(const struct option_value *value, bool is_list)
{
    cJSON *json = is_list ? cJSON_CreateArray() : cJSON_CreateObject();
    for (uint32_t i = 0; i < value->pair_count; i++) {
        const struct option_pair *pair = &value->pairs[i];
        if (is_list) {
            (void)cJSON_AddItemToArray(json, cJSON_CreateString(pair->value));
        } else {
            (void)cJSON_AddStringToObject(json, pair->name,
                                          option_is_secret(pair->name) ? "***" : pair->value);
        }
    }
    return json;
}

// Durations are in milliseconds, sizes in bytes.
static cJSON *json_value(const struct option *row, const struct option_value *value)
{
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_CHOICE:
        return cJSON_CreateString(option_is_secret(row->key) ? "***" : value->text);
    case OPTION_BOOLEAN:
        return cJSON_CreateBool(value->integer != 0);
    case OPTION_INTEGER:
    case OPTION_DURATION:
    case OPTION_SIZE:
        return cJSON_CreateNumber((double)value->integer);
    case OPTION_NUMBER:
        return cJSON_CreateNumber(value->number);
    case OPTION_LIST:
    case OPTION_MAP:
        return json_pairs(value, row->type == OPTION_LIST);
    }
    return cJSON_CreateNull();
}

// {"spool.size": {"value": ..., "from": "default"}, ...}
static void add_set(cJSON *object, const struct option_set *set)
{
    for (size_t i = 0; set->values != NULL && set->rows[i].key != NULL; i++) {
        const struct option_value *value = &set->values[i];
        cJSON *entry = cJSON_AddObjectToObject(object, set->rows[i].key);
        char source[SOURCE_SIZE];
        write_source(set, value, source);
        (void)cJSON_AddItemToObject(
            entry, "value", value->set ? json_value(&set->rows[i], value) : cJSON_CreateNull());
        (void)cJSON_AddStringToObject(entry, "from", value->set ? source : "not set");
    }
}

static void print_json(const struct settings *settings, FILE *out)
{
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "file", settings->file);
    add_set(root, &settings->general);
    add_set(cJSON_AddObjectToObject(root, "kafka"), &settings->kafka);
    add_set(cJSON_AddObjectToObject(root, "heartbeat"), &settings->heartbeat);
    add_set(cJSON_AddObjectToObject(root, "registry"), &settings->registry);
    cJSON *products = cJSON_AddArrayToObject(root, "products");
    for (uint32_t i = 0; i < settings->product_count; i++) {
        cJSON *product = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(product, "topic", settings->products[i].port->topic);
        add_set(product, &settings->products[i].options);
        (void)cJSON_AddItemToArray(products, product);
    }
    cJSON *inputs = cJSON_AddArrayToObject(root, "inputs");
    for (uint32_t i = 0; i < settings->input_count; i++) {
        cJSON *input = cJSON_CreateObject();
        add_set(input, &settings->inputs[i].common);
        add_set(input, &settings->inputs[i].options);
        (void)cJSON_AddItemToArray(inputs, input);
    }
    char *text = cJSON_Print(root);
    (void)fprintf(out, "%s\n", text != NULL ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(root);
}

void settings_print(const struct settings *settings, bool json, FILE *out)
{
    if (json) {
        print_json(settings, out);
    } else {
        print_yaml(settings, out);
    }
}

// ---- the reference ----

static void print_table(const char *title, const char *help, const struct option *rows, FILE *out)
{
    (void)fprintf(out, "\n### %s\n", title);
    if (help != NULL) {
        (void)fprintf(out, "\n%s\n", help);
    }
    (void)fputs("\n| key | value | default | what it is |\n|---|---|---|---|\n", out);
    for (; rows->key != NULL; rows++) {
        option_print_table_line(rows, out);
    }
}

void settings_print_reference(FILE *out)
{
    (void)fputs("## Keys of weir.yaml\n", out);
    for (size_t i = 0; settings_sections[i].title != NULL; i++) {
        print_table(settings_sections[i].title, NULL, settings_sections[i].rows, out);
    }
    char title[80];
    for (size_t i = 0; output_drivers[i] != NULL; i++) {
        print_table(output_drivers[i]->name, output_drivers[i]->help, output_drivers[i]->options,
                    out);
    }
    for (size_t i = 0; input_drivers[i] != NULL; i++) {
        (void)snprintf(title, sizeof title, "inputs[] with driver: %s", input_drivers[i]->name);
        print_table(title, input_drivers[i]->help, input_drivers[i]->options, out);
    }
}
