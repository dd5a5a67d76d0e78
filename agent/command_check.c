// weir check [-c FILE | FILE] [--json]: are the settings good? Touches no device and no network.
#include "agent/argument.h"
#include "agent/command.h"
#include "agent/command_check_records.h"
#include "agent/port.h"
#include "agent/settings.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static const char usage[] =
    "usage: weir check [-c FILE] [--json]\n"
    "       weir check CONTRACT --records FILE [--port PORT] [--json]\n"
    "Reads FILE (default: $WEIR_CONFIG, else /etc/weir/weir.yaml) and the contracts it names, and\n"
    "says all that is wrong. Exit code: 0 good, 78 wrong, 66 not readable, 64 not understood.\n"
    "\n"
    "With --records: reads CONTRACT and FILE (JSON, one record a line as on the topic; - is "
    "standard\n"
    "input), touches nothing, and says of each record that breaks the contract why, and what the\n"
    "agent would do with it. Exit code: 0 all conform, 1 some do not.\n";

static void print_json(const struct settings *settings, const struct problems *problems)
{
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(root, "good", settings != NULL);
    cJSON *list = cJSON_AddArrayToObject(root, "problems");
    for (unsigned i = 0; i < problems->count; i++) {
        cJSON *entry = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(entry, "level", problems->warnings[i] ? "warning" : "error");
        (void)cJSON_AddStringToObject(entry, "text", problems->lines[i]);
        (void)cJSON_AddItemToArray(list, entry);
    }
    (void)cJSON_AddNumberToObject(root, "left_out", problems->left_out);
    list = cJSON_AddArrayToObject(root, "products");
    for (uint32_t i = 0; settings != NULL && i < settings->product_count; i++) {
        const struct product_settings *product = &settings->products[i];
        cJSON *entry = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(entry, "name", product->name);
        (void)cJSON_AddStringToObject(entry, "id", product->contract->product_id);
        (void)cJSON_AddStringToObject(entry, "topic", product->port->topic);
        (void)cJSON_AddItemToArray(list, entry);
    }
    list = cJSON_AddArrayToObject(root, "inputs");
    for (uint32_t i = 0; settings != NULL && i < settings->input_count; i++) {
        const struct input_settings *input = &settings->inputs[i];
        cJSON *entry = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(entry, "name", input->name);
        (void)cJSON_AddStringToObject(entry, "product", settings->products[input->product].name);
        if (input->reads_id != NULL) {
            cJSON *reads = cJSON_AddObjectToObject(entry, "reads");
            (void)cJSON_AddStringToObject(reads, "id", input->reads_id);
            (void)cJSON_AddStringToObject(reads, "version", input->reads_version);
        }
        (void)cJSON_AddItemToArray(list, entry);
    }
    char *text = cJSON_Print(root);
    (void)printf("%s\n", text != NULL ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(root);
}

static void print_good(const struct settings *settings)
{
    (void)printf("%s: good; gateway %s\n", settings->file, settings->gateway);
    for (uint32_t i = 0; i < settings->product_count; i++) {
        const struct product_settings *product = &settings->products[i];
        char size[OPTION_TEXT_SIZE];
        char commit[OPTION_TEXT_SIZE];
        option_format_size((int64_t)product->spool_size_bytes, size);
        option_format_duration(product->commit_ms, commit);
        // Only durable records are sent, so no promise can be shorter.
        (void)printf("  product %s -> %s: up to %s on disk; a record waits up to %s to be durable "
                     "before it is sent\n",
                     product->name, product->port->topic, size, commit);
        (void)printf("    id %s: tenant %s, domain %s, product %s\n", product->contract->product_id,
                     product->contract->tenant != NULL ? product->contract->tenant : "none",
                     product->contract->domain, product->contract->product);
        const struct follow_settings *follow = settings_follow_of(settings, i);
        if (follow != NULL) {
            (void)printf("    follows contract %s, track %s; version %s is here\n", follow->id,
                         follow->track_text, product->contract->version);
        }
    }
    for (uint32_t i = 0; i < settings->input_count; i++) {
        const struct input_settings *input = &settings->inputs[i];
        (void)printf("  input %s (%s) -> %s\n", input->name, input->driver->name,
                     settings->products[input->product].name);
        if (input->reads_id != NULL) {
            (void)printf("    reads contract %s version %s\n", input->reads_id,
                         input->reads_version);
        }
    }
}

static int check(const char *path, bool json)
{
    struct problems problems = {.count = 0};
    struct settings *settings = settings_read(path, &problems);
    if (settings != NULL) {
        settings_check_space(settings, &problems);
        settings_check_keys(settings, &problems);
    }
    if (json) {
        print_json(settings, &problems);
    } else {
        problems_print(&problems, stderr);
    }
    if (!json && settings != NULL) {
        print_good(settings);
    }
    int code = problems_exit_code(&problems);
    settings_free(settings);
    problems_free(&problems);
    return code;
}

int command_check(int argc, char **argv)
{
    bool json = false;
    const char *path = NULL;
    const char *records = NULL;
    const char *port = NULL;
    const struct argument rows[] = {
        {.names = "--config|-c", .text = &path}, {.names = "--records", .text = &records},
        {.names = "--port", .text = &port},      {.names = ARGUMENT_WORD, .text = &path},
        {.names = "--json|-j", .flag = &json},   {.names = NULL}};
    int code = arguments_read("check", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    if (records != NULL && path == NULL) {
        (void)fprintf(stderr,
                      "weir check: name the contract: weir check CONTRACT --records FILE\n");
        return EX_USAGE;
    }
    if (records != NULL) {
        return check_records(path, port, records, json);
    }
    return check(path != NULL ? path : settings_default_path(), json);
}
