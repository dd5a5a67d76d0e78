// The entries of `products`.
#include "agent/settings_reading.h"
#include "agent/settings_rows.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

// Readers find an Avro schema by the registry's id of it; a value without one would be misread.
static void check_schema_id(const struct settings_reading *reading, const struct yaml_node *node,
                            const struct product_settings *product)
{
    const struct contract_port *port = product->port;
    if (port->framed && port->schema_id < 0 && reading->settings->registry_url == NULL) {
        yaml_wrong(node, NULL, reading->problems,
                   "the port \"%s\" is written in avro, and nothing says the registry's id of its "
                   "schema; write registry: {url: ADDRESS}, or give the contract's entry the "
                   "property weir.schemaId%s",
                   port->name, port->layout == LAYOUT_BLOCKS ? ", or weir.framing: none" : "");
    }
}

static void list_ports(const struct contract *contract, char *out, size_t size)
{
    out[0] = '\0';
    for (uint32_t i = 0; i < contract->port_count; i++) {
        size_t used = strlen(out);
        (void)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", contract->ports[i].name);
    }
}

static void choose_port(const struct settings_reading *reading, const struct yaml_node *node,
                        struct product_settings *product)
{
    const struct contract *contract = product->contract;
    const char *name = option_text(&product->options, "port");
    char known[400];
    list_ports(contract, known, sizeof known);
    if (name != NULL) {
        product->port = contract_port(contract, name);
        if (product->port == NULL) {
            yaml_wrong(yaml_get(node, "port"), NULL, reading->problems,
                       "the contract declares no port \"%.80s\"; it declares: %s", name, known);
        }
    } else if (contract->port_count == 1) {
        product->port = &contract->ports[0];
        option_default_text(&product->options, "port", product->port->name);
    } else {
        yaml_wrong(node, "port", reading->problems,
                   "is missing, and the contract declares several; choose one of: %s", known);
    }
}

static void name_product(const struct settings_reading *reading, const struct yaml_node *node,
                         struct product_settings *product)
{
    option_default_text(&product->options, "name", product->contract->product);
    product->name = settings_copy(option_text(&product->options, "name"));
    const struct yaml_node *place = settings_place(node, "name");
    if (!settings_is_word(product->name, SETTINGS_NAME_MAX)) {
        yaml_wrong(place, NULL, reading->problems,
                   "\"%.80s\" is no name for a product here; write name: with 1 to %d letters, "
                   "digits, '.', '_' or '-'",
                   product->name, SETTINGS_NAME_MAX);
    }
    for (uint32_t i = 0; i < reading->settings->product_count; i++) {
        const char *other = reading->settings->products[i].name;
        if (other != NULL && strcmp(other, product->name) == 0) {
            yaml_wrong(place, NULL, reading->problems,
                       "two products are called \"%s\"; write name: to tell them apart",
                       product->name);
        }
    }
}

static void check_topic_is_free(const struct settings_reading *reading,
                                const struct yaml_node *node,
                                const struct product_settings *product)
{
    for (uint32_t i = 0; i < reading->settings->product_count; i++) {
        const struct product_settings *other = &reading->settings->products[i];
        if (other->port != NULL && strcmp(other->port->topic, product->port->topic) == 0) {
            yaml_wrong(node, NULL, reading->problems,
                       "writes to the topic \"%.120s\", as the product \"%s\" (line %d) does; one "
                       "product, one topic",
                       product->port->topic, other->name, other->line);
        }
    }
}

static void read_key(const struct settings_reading *reading, const struct yaml_node *node,
                     struct product_settings *product)
{
    static const struct {
        const char *key;
        enum key_source source;
    } sources[] = {{"spool.key file", KEY_FILE},
                   {"spool.key credential", KEY_CREDENTIAL},
                   {"spool.key keyring", KEY_KEYRING}};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (!option_is_set(&product->options, sources[i].key)) {
            continue;
        }
        if (product->key_source != KEY_NONE) {
            yaml_wrong(settings_place(node, "spool"), sources[i].key + strlen("spool."),
                       reading->problems, "another key is set beside it; keep one of them");
        }
        product->key_source = sources[i].source;
        product->key_name = option_text(&product->options, sources[i].key);
    }
    if (product->key_source == KEY_NONE && key_is_given()) {
        option_default_text(&product->options, "spool.key credential", KEY_CREDENTIAL_DEFAULT);
        product->key_source = KEY_CREDENTIAL;
        product->key_name = option_text(&product->options, "spool.key credential");
    }
    if (product->key_source == KEY_CREDENTIAL && strchr(product->key_name, '/') != NULL) {
        yaml_wrong(settings_place(node, "spool"), "key credential", reading->problems,
                   "\"%.80s\" is a path; name the credential, or use key file", product->key_name);
    }
}

static void read_spool(const struct settings_reading *reading, struct product_settings *product)
{
    static const int64_t commit_ms[] = {1000, 10000, 60000}; // by link
    struct option_set *options = &product->options;
    option_default_integer(options, "spool.commit", commit_ms[reading->settings->link]);
    product->spool_size_bytes = (uint64_t)option_size_bytes(options, "spool.size");
    product->commit_ms = option_duration_ms(options, "spool.commit");
    product->keep_ms = option_duration_ms(options, "spool.keep");
    product->when_full =
        option_choice(options, "spool.when full") == 1 ? SPOOL_REFUSE : SPOOL_DROP_OLDEST;
    product->thin = option_choice(options, "spool.when full") == 2;
    product->publishes = option_choice(options, "publish") == 1;
    static const uint32_t weights[] = {6, 3, 1}; // high, normal, low
    product->priority = (enum priority)option_choice(options, "priority");
    product->weight = weights[product->priority];
}

// Only durable records are sent, so no latency below the commit can be kept.
static void check_latency(const struct settings_reading *reading, const struct yaml_node *node,
                          const struct product_settings *product)
{
    int64_t promised_ms = product->contract->latency_ms;
    if (promised_ms < 0 || product->commit_ms + LINGER_LEAST_MS <= promised_ms) {
        return;
    }
    char commit[OPTION_TEXT_SIZE];
    char promised[OPTION_TEXT_SIZE];
    option_format_duration(product->commit_ms, commit);
    option_format_duration(promised_ms, promised);
    yaml_doubt(node, "spool.commit", reading->problems,
               "is %s, and the contract promises a latency of %s; only durable records are sent, "
               "so commit sooner or promise less",
               commit, promised);
}

static void read_contract(const struct settings_reading *reading, const struct yaml_node *node,
                          struct product_settings *product)
{
    const char *path =
        settings_contract(reading, node, &product->options, (int)reading->settings->product_count);
    if (path == NULL) {
        return; // told
    }
    if (access(path, R_OK) != 0) {
        yaml_wrong(yaml_get(node, "contract"), NULL, reading->problems,
                   "\"%.200s\" cannot be read: %s", path, strerror(errno));
        return;
    }
    product->contract = contract_read(path, reading->problems);
}

static void identify(const struct settings_reading *reading, const struct yaml_node *node,
                     const struct product_settings *product)
{
    const char *tenant = option_text(&reading->settings->general, "tenant");
    if (contract_identify(product->contract, tenant) != OK) {
        yaml_wrong(settings_place(node, "contract"), NULL, reading->problems,
                   "the contract belongs to the tenant \"%.80s\", this gateway to \"%.80s\" (line "
                   "%d); the two must be one",
                   product->contract->tenant, tenant,
                   option_line(&reading->settings->general, "tenant"));
    }
}

static void read_product(struct settings_reading *reading, const struct yaml_node *node)
{
    struct settings *settings = reading->settings;
    struct product_settings *product = &settings->products[settings->product_count];
    product->line = node->line;
    option_read(&product->options, settings_product_rows, NULL, node, NULL, reading->problems);
    read_spool(reading, product);
    read_key(reading, node, product);
    read_contract(reading, node, product);
    if (product->contract == NULL) {
        reading->product_failed = true;
    } else {
        name_product(reading, node, product);
        identify(reading, node, product);
        check_latency(reading, node, product);
        choose_port(reading, node, product);
        if (product->port != NULL) {
            check_topic_is_free(reading, node, product);
            check_schema_id(reading, node, product);
        }
    }
    settings->product_count++;
}

// One producer sends for all products: so what one of them says holds for those that say nothing,
// and exactly-once before at-least-once. Where none says anything, the link decides.
static enum delivery default_delivery(const struct settings *settings)
{
    bool said = false;
    for (uint32_t i = 0; i < settings->product_count; i++) {
        const struct option_set *options = &settings->products[i].options;
        if (option_line(options, "delivery") > 0) {
            said = true;
            if (option_choice(options, "delivery") == DELIVERY_EXACTLY_ONCE) {
                return DELIVERY_EXACTLY_ONCE;
            }
        }
    }
    return !said && settings->link == LINK_ETHERNET ? DELIVERY_EXACTLY_ONCE
                                                    : DELIVERY_AT_LEAST_ONCE;
}

static void choose_deliveries(struct settings *settings)
{
    enum delivery otherwise = default_delivery(settings);
    for (uint32_t i = 0; i < settings->product_count; i++) {
        struct product_settings *product = &settings->products[i];
        option_default_choice(&product->options, "delivery", (int)otherwise);
        product->delivery = (enum delivery)option_choice(&product->options, "delivery");
    }
}

void settings_read_products(struct settings_reading *reading)
{
    unsigned before = reading->problems->error_count;
    const struct yaml_node *node = settings_list(reading, "products", SETTINGS_PRODUCTS_MAX);
    if (node == NULL && reading->problems->error_count == before) {
        yaml_wrong(reading->root, "products", reading->problems,
                   "is missing; name at least one contract: products: [{contract: FILE}]");
    }
    reading->product_failed = node == NULL;
    for (; node != NULL; node = node->next) {
        read_product(reading, node);
    }
    choose_deliveries(reading->settings);
}
