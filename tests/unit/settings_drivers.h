// Drivers for tests of the settings: they stand in the place of ports/ports.c, so that these tests
// do not change with the drivers of a build. They read and send nothing.
#ifndef WEIR_TESTS_UNIT_SETTINGS_DRIVERS_H
#define WEIR_TESTS_UNIT_SETTINGS_DRIVERS_H

#include "agent/port.h"

static const struct option probe_rows[] = {
    {.key = "every",
     .type = OPTION_DURATION,
     .initial = "10 s",
     .low = 100,
     .high = 86400000,
     .help = "how often it is read"},
    {.key = "path", .type = OPTION_PATH, .help = "a file"},
    {.key = "fields", .type = OPTION_MAP, .help = "names in the input: properties"},
    {.key = NULL},
};

static const struct option post_rows[] = {
    {.key = "device", .type = OPTION_TEXT, .required = true, .help = "the device's name"},
    {.key = NULL},
};

static const struct option kafka_rows[] = {
    {.key = "bootstrap", .type = OPTION_TEXT, .required = true, .help = "HOST:PORT of a broker"},
    {.key = "link",
     .type = OPTION_CHOICE,
     .initial = "ethernet",
     .choices = "ethernet|cellular|satellite",
     .help = "what the bytes travel on"},
    {.key = "tls.ca", .type = OPTION_PATH, .help = "certificates"},
    {.key = "tls.password", .type = OPTION_TEXT, .help = "of the key"},
    {.key = "client", .type = OPTION_MAP, .help = "passed through"},
    {.key = NULL},
};

// Asks the schema for the properties that `fields` names.
static void probe_check(const struct option_set *options, const struct schema *schema,
                        const char *file, struct problems *problems)
{
    uint32_t count = 0;
    const struct option_pair *fields = option_pairs(options, "fields", &count);
    for (uint32_t i = 0; i < count; i++) {
        if (schema_find(schema, bytes_text(fields[i].value)) == NULL) {
            problem_add(problems, file, option_line(options, "fields"), "fields",
                        "the contract has no property \"%s\"", fields[i].value);
        }
    }
}

static const struct input_driver probe = {
    .name = "probe", .help = "reads nothing", .options = probe_rows, .check = probe_check};
static const struct input_driver post = {
    .name = "post", .help = "reads nothing either", .options = post_rows};
static const struct output_driver kafka = {
    .name = "kafka", .help = "sends nothing", .options = kafka_rows};

const struct input_driver *const input_drivers[] = {&probe, &post, NULL};
const struct output_driver *const output_drivers[] = {&kafka, NULL};

const struct input_driver *input_driver_find(const char *name)
{
    return strcmp(name, "probe") == 0 ? &probe : (strcmp(name, "post") == 0 ? &post : NULL);
}

#endif
