// The entries of `inputs`.
#include "agent/contract_inputs.h"
#include "agent/nearest.h"
#include "agent/port.h"
#include "agent/settings_reading.h"
#include "agent/settings_rows.h"

#include <string.h>

static void tell_unknown_driver(const struct settings_reading *reading,
                                const struct yaml_node *place, const char *name)
{
    struct nearest nearest = nearest_begin(name);
    char known[300] = "";
    for (size_t i = 0; input_drivers[i] != NULL; i++) {
        nearest_offer(&nearest, input_drivers[i]->name);
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                       input_drivers[i]->name);
    }
    if (nearest.best != NULL) {
        yaml_wrong(place, NULL, reading->problems,
                   "this build has no driver \"%.60s\"; did you mean \"%s\"?", name, nearest.best);
    } else {
        yaml_wrong(place, NULL, reading->problems, "this build has no driver \"%.60s\"; it has: %s",
                   name, known);
    }
}

static void list_products(const struct settings *settings, char *out, size_t size)
{
    out[0] = '\0';
    for (uint32_t i = 0; i < settings->product_count; i++) {
        size_t used = strlen(out);
        (void)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "",
                       settings->products[i].name);
    }
}

// By its name here; else by any name of its contract, where that means one product only.
static bool find_product(const struct settings *settings, const char *name, uint32_t *index)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < settings->product_count; i++) {
        const struct product_settings *product = &settings->products[i];
        if (strcmp(product->name, name) == 0) {
            *index = i;
            return true;
        }
        if (contract_is_called(product->contract, name)) {
            *index = i;
            found++;
        }
    }
    return found == 1;
}

// False where it cannot be known.
static bool choose_product(const struct settings_reading *reading, const struct yaml_node *node,
                           struct input_settings *input)
{
    const struct settings *settings = reading->settings;
    if (reading->product_failed) {
        return false;
    }
    char known[400];
    list_products(settings, known, sizeof known);
    const char *name = option_text(&input->common, "product");
    if (name != NULL) {
        bool found = find_product(settings, name, &input->product);
        if (!found) {
            yaml_wrong(yaml_get(node, "product"), NULL, reading->problems,
                       "there is no product \"%.80s\" here; there is: %s", name, known);
        }
        return found;
    }
    if (settings->product_count != 1) {
        yaml_wrong(node, "product", reading->problems,
                   "is missing, and there are several; choose one of: %s", known);
        return false;
    }
    option_default_text(&input->common, "product", settings->products[0].name);
    return true;
}

static void name_input(const struct settings_reading *reading, const struct yaml_node *node,
                       struct input_settings *input)
{
    const char *driver = option_text(&input->common, "driver");
    if (driver != NULL) {
        option_default_text(&input->common, "name", driver);
    }
    const char *name = option_text(&input->common, "name");
    if (name == NULL) {
        return; // told
    }
    input->name = settings_copy(name);
    const struct yaml_node *place = settings_place(node, "name");
    if (!settings_is_word(name, SETTINGS_NAME_MAX)) {
        yaml_wrong(place, NULL, reading->problems,
                   "\"%.80s\" is no name for an input; use 1 to %d letters, digits, '.', '_' or "
                   "'-'",
                   name, SETTINGS_NAME_MAX);
    }
    for (uint32_t i = 0; i < reading->settings->input_count; i++) {
        const char *other = reading->settings->inputs[i].name;
        if (other != NULL && strcmp(other, name) == 0) {
            yaml_wrong(place, NULL, reading->problems,
                       "two inputs are called \"%s\"; write name: to tell them apart", name);
        }
    }
}

// Which product it reads, and whether the mesh can see that.
static void note_lineage(const struct settings_reading *reading, const struct yaml_node *node,
                         struct input_settings *input)
{
    struct problems ignored = {.count = 0}; // the driver told them
    const struct contract *ours = reading->settings->products[input->product].contract;
    struct contract *theirs = contract_read(option_text(&input->options, "contract"), &ignored);
    if (theirs != NULL) {
        input->reads_id = settings_copy(theirs->id);
        input->reads_version = settings_copy(theirs->version);
    }
    if (theirs != NULL && !contract_inputs_have(ours->inputs, theirs->id)) {
        yaml_doubt(
            node, NULL, reading->problems,
            "reads the contract %.120s, and that of the product does not say so; declare it "
            "there, for the mesh to see: {property: weir.inputContracts, value: %.120s/%.40s}",
            theirs->id, theirs->id, theirs->version);
    }
    contract_free(theirs);
    problems_free(&ignored);
}

static void read_input(const struct settings_reading *reading, const struct yaml_node *node)
{
    struct settings *settings = reading->settings;
    struct input_settings *input = &settings->inputs[settings->input_count];
    unsigned before = reading->problems->error_count;
    input->line = node->line;
    option_read(&input->common, settings_input_rows, option_any, node, NULL, reading->problems);
    name_input(reading, node, input);
    const char *name = option_text(&input->common, "driver");
    input->driver = name != NULL ? input_driver_find(name) : NULL;
    if (input->driver != NULL) {
        option_read(&input->options, input->driver->options, settings_input_rows, node, NULL,
                    reading->problems);
    } else if (name != NULL) {
        tell_unknown_driver(reading, yaml_get(node, "driver"), name);
    }
    if (input->driver != NULL && settings_reads_product(input->driver)) {
        (void)settings_contract(reading, node, &input->options, -1);
    }
    // The driver judges the rest, and may rely on its rows and the schema being good.
    bool known = choose_product(reading, node, input);
    if (known && input->driver != NULL && input->driver->check != NULL &&
        reading->problems->error_count == before && settings->products[input->product].port) {
        input->driver->check(&input->options, &settings->products[input->product].port->schema,
                             settings->file, reading->problems);
    }
    if (known && input->driver != NULL && settings_reads_product(input->driver) &&
        reading->problems->error_count == before) {
        note_lineage(reading, node, input);
    }
    settings->input_count++;
}

void settings_read_inputs(const struct settings_reading *reading)
{
    unsigned before = reading->problems->error_count;
    const struct yaml_node *node = settings_list(reading, "inputs", SETTINGS_INPUTS_MAX);
    if (node == NULL && reading->problems->error_count == before) {
        yaml_doubt(reading->root, "inputs", reading->problems,
                   "there are none: nothing will be read");
    }
    for (; node != NULL; node = node->next) {
        read_input(reading, node);
    }
}
