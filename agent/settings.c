#include "agent/settings.h"

#include "agent/digest.h"
#include "agent/file.h"
#include "agent/nearest.h"
#include "agent/port.h"
#include "agent/settings_rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

enum { NAME_MAX_LENGTH = 64, TOPIC_MAX_LENGTH = 249, DOMAIN_MAX_LENGTH = 128, HOST_SIZE = 256 };

struct reading {
    struct settings *settings;
    const struct yaml_node *root;
    struct problems *problems;
    bool product_failed; // then what names a product cannot be judged
};

// Settings are read at start, where no memory means no start.
static char *copy(const char *text)
{
    char *copied = strdup(text);
    if (copied == NULL) {
        abort();
    }
    return copied;
}

static char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *pattern, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, pattern);
    int size = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    if (size < 0) {
        abort();
    }
    return text;
}

static bool is_word(const char *text, size_t longest)
{
    size_t size = strlen(text);
    bool good = size > 0 && size <= longest;
    for (; good && *text != '\0'; text++) {
        good = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
               (*text >= '0' && *text <= '9') || strchr("._-", *text) != NULL;
    }
    return good;
}

// The node that was given for `key`, or the mapping that would hold it.
static const struct yaml_node *place_of(const struct yaml_node *mapping, const char *key)
{
    const struct yaml_node *node = yaml_get(mapping, key);
    return node != NULL ? node : mapping;
}

// ---- the gateway ----

static void read_gateway(const struct reading *reading)
{
    struct settings *settings = reading->settings;
    char host[HOST_SIZE] = "";
    (void)gethostname(host, sizeof host - 1);
    bool given = option_is_set(&settings->general, "gateway");
    option_default_text(&settings->general, "gateway", host);
    settings->gateway = copy(option_text(&settings->general, "gateway"));
    if (!is_word(settings->gateway, NAME_MAX_LENGTH)) {
        yaml_wrong(place_of(reading->root, "gateway"), given ? NULL : "gateway", reading->problems,
                   "%s\"%.80s\" is no name for a gateway; use 1 to %d letters, digits, '.', '_' "
                   "or '-'",
                   given ? "" : "the host name ", settings->gateway, NAME_MAX_LENGTH);
    } else if (!given && strncmp(host, "localhost", 9) == 0) {
        yaml_doubt(
            reading->root, "gateway", reading->problems,
            "the host name is \"%s\", which other gateways may have too; write gateway: NAME",
            host);
    }
}

static void read_paths(const struct reading *reading)
{
    struct settings *settings = reading->settings;
    const char *state = getenv("STATE_DIRECTORY");
    char *initial = state == NULL || *state == '\0'
                        ? copy("/var/lib/weir")
                        : strndup(state, strcspn(state, ":")); // systemd may list several
    option_default_text(&settings->general, "state", initial);
    free(initial);
    settings->state_dir = copy(option_text(&settings->general, "state"));
    char *control = format("%s/control.sock", settings->state_dir);
    option_default_text(&settings->general, "control", control);
    free(control);
    settings->control_socket = copy(option_text(&settings->general, "control"));
    if (strlen(settings->control_socket) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        yaml_wrong(place_of(reading->root, "control"), NULL, reading->problems,
                   "\"%.120s\" is too long for a socket; write control: with a shorter path",
                   settings->control_socket);
    }
}

static void read_general(const struct reading *reading)
{
    struct settings *settings = reading->settings;
    option_read(&settings->general, settings_general_rows, settings_part_rows, reading->root, NULL,
                reading->problems);
    settings->log_level = option_choice(&settings->general, "log");
    read_gateway(reading);
    read_paths(reading);
}

// ---- kafka and heartbeat ----

static const struct output_driver *find_output(const char *name)
{
    size_t i = 0;
    while (output_drivers[i] != NULL && strcmp(output_drivers[i]->name, name) != 0) {
        i++;
    }
    return output_drivers[i];
}

static bool has_choice(const struct option *rows, const char *key)
{
    while (rows->key != NULL && strcmp(rows->key, key) != 0) {
        rows++;
    }
    return rows->key != NULL && rows->type == OPTION_CHOICE;
}

static void read_kafka(const struct reading *reading)
{
    struct settings *settings = reading->settings;
    const struct output_driver *driver = find_output("kafka");
    if (driver == NULL) {
        yaml_wrong(reading->root, "kafka", reading->problems,
                   "this build has no output to Kafka; build it with librdkafka");
        return;
    }
    unsigned before = reading->problems->error_count;
    option_read(&settings->kafka, driver->options, NULL, reading->root, "kafka", reading->problems);
    if (has_choice(driver->options, "link")) {
        settings->link = (enum link_profile)option_choice(&settings->kafka, "link");
    }
    if (driver->check != NULL && reading->problems->error_count == before) {
        driver->check(&settings->kafka, settings->file, reading->problems);
    }
}

static void read_heartbeat(const struct reading *reading)
{
    static const int64_t every_ms[] = {60000, 300000, 300000}; // by link
    struct settings *settings = reading->settings;
    struct option_set *options = &settings->heartbeat;
    option_read(options, settings_heartbeat_rows, NULL, reading->root, "heartbeat",
                reading->problems);
    option_default_integer(options, "every", every_ms[settings->link]);
    settings->heartbeat_ms = option_duration_ms(options, "every");
    const char *topic = option_text(options, "topic");
    settings->heartbeat_topic = copy(topic != NULL ? topic : "");
    if (topic != NULL && !is_word(topic, TOPIC_MAX_LENGTH)) {
        yaml_wrong(place_of(yaml_get(reading->root, "heartbeat"), "topic"), NULL, reading->problems,
                   "\"%.80s\" is no topic of Kafka; use letters, digits, '.', '_' and '-'", topic);
    }
}

// ---- products ----

// The one place that says what a contract may ask and this build does not do.
static void check_is_built(const struct reading *reading, const struct yaml_node *node,
                           struct product_settings *product)
{
    if (product->port->layout == LAYOUT_BLOCKS) {
        yaml_wrong(node, NULL, reading->problems,
                   "the port \"%s\" has the layout blocks, which is not in this build yet; choose "
                   "a port with records",
                   product->port->name);
    }
    if (product->port->format == FORMAT_AVRO) {
        yaml_wrong(node, NULL, reading->problems,
                   "the port \"%s\" is written in avro, which is not in this build yet; choose a "
                   "port with json",
                   product->port->name);
    }
}

// Exactly-once keeps its cursors under the domain of the first product: DOMAIN.weir.GATEWAY.
static void check_exactly_once(const struct reading *reading, const struct yaml_node *node,
                               const struct product_settings *product)
{
    const struct settings *settings = reading->settings;
    const struct contract *first = settings->products[0].contract;
    if (product->delivery != DELIVERY_EXACTLY_ONCE || first == NULL) {
        return;
    }
    if (first->domain == NULL) {
        yaml_wrong(place_of(node, "delivery"), NULL, reading->problems,
                   "exactly-once needs a `domain` in the contract of the first product: what it "
                   "keeps in Kafka is named by it");
    } else if (!is_word(first->domain, DOMAIN_MAX_LENGTH)) {
        yaml_wrong(place_of(node, "delivery"), NULL, reading->problems,
                   "exactly-once names topics by the domain \"%.80s\" of the first contract; use 1 "
                   "to %d letters, digits, '.', '_' and '-' there",
                   first->domain, DOMAIN_MAX_LENGTH);
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

static void choose_port(const struct reading *reading, const struct yaml_node *node,
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

static void name_product(const struct reading *reading, const struct yaml_node *node,
                         struct product_settings *product)
{
    option_default_text(&product->options, "name", product->contract->product);
    product->name = copy(option_text(&product->options, "name"));
    const struct yaml_node *place = place_of(node, "name");
    if (!is_word(product->name, NAME_MAX_LENGTH)) {
        yaml_wrong(place, NULL, reading->problems,
                   "\"%.80s\" is no name for a product here; write name: with 1 to %d letters, "
                   "digits, '.', '_' or '-'",
                   product->name, NAME_MAX_LENGTH);
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

static void check_topic_is_free(const struct reading *reading, const struct yaml_node *node,
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

static void read_key(const struct reading *reading, const struct yaml_node *node,
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
            yaml_wrong(place_of(node, "spool"), sources[i].key + strlen("spool."),
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
        yaml_wrong(place_of(node, "spool"), "key credential", reading->problems,
                   "\"%.80s\" is a path; name the credential, or use key file", product->key_name);
    }
}

static void read_spool(const struct reading *reading, struct product_settings *product)
{
    static const int64_t commit_ms[] = {1000, 10000, 60000}; // by link
    struct option_set *options = &product->options;
    option_default_integer(options, "spool.commit", commit_ms[reading->settings->link]);
    product->spool_size_bytes = (uint64_t)option_size_bytes(options, "spool.size");
    product->commit_ms = option_duration_ms(options, "spool.commit");
    product->when_full =
        option_choice(options, "spool.when full") == 1 ? SPOOL_REFUSE : SPOOL_DROP_OLDEST;
    product->delivery =
        option_choice(options, "delivery") == 1 ? DELIVERY_EXACTLY_ONCE : DELIVERY_AT_LEAST_ONCE;
}

// Only durable records are sent, so no latency below the commit can be kept.
static void check_latency(const struct reading *reading, const struct yaml_node *node,
                          const struct product_settings *product)
{
    int64_t promised_ms = product->contract->latency_ms;
    if (promised_ms < 0 || product->commit_ms <= promised_ms) {
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

static void read_contract(const struct reading *reading, const struct yaml_node *node,
                          struct product_settings *product)
{
    const char *path = option_text(&product->options, "contract");
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

static void read_product(struct reading *reading, const struct yaml_node *node)
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
        check_latency(reading, node, product);
        choose_port(reading, node, product);
        if (product->port != NULL) {
            check_topic_is_free(reading, node, product);
            check_is_built(reading, node, product);
            check_exactly_once(reading, node, product);
        }
    }
    settings->product_count++;
}

// The entries of the list `key`, at most `most` of them; NULL (told where it is wrong) for none.
static const struct yaml_node *list_entries(const struct reading *reading, const char *key,
                                            uint32_t most)
{
    const struct yaml_node *list = yaml_get(reading->root, key);
    if (list == NULL || yaml_is_null(list)) {
        return NULL;
    }
    if (list->kind != YAML_LIST) {
        yaml_wrong(list, NULL, reading->problems, "is %s; write a list, each entry after a \"- \"",
                   yaml_kind_name(list));
        return NULL;
    }
    if (list->count > most) {
        yaml_wrong(list, NULL, reading->problems, "has %u entries; there can be at most %u",
                   (unsigned)list->count, (unsigned)most);
        return NULL;
    }
    return list->first;
}

static void read_products(struct reading *reading)
{
    unsigned before = reading->problems->error_count;
    const struct yaml_node *node = list_entries(reading, "products", SETTINGS_PRODUCTS_MAX);
    if (node == NULL && reading->problems->error_count == before) {
        yaml_wrong(reading->root, "products", reading->problems,
                   "is missing; name at least one contract: products: [{contract: FILE}]");
    }
    reading->product_failed = node == NULL;
    for (; node != NULL; node = node->next) {
        read_product(reading, node);
    }
}

// ---- inputs ----

static void tell_unknown_driver(const struct reading *reading, const struct yaml_node *place,
                                const char *name)
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
static bool choose_product(const struct reading *reading, const struct yaml_node *node,
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

static void name_input(const struct reading *reading, const struct yaml_node *node,
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
    input->name = copy(name);
    const struct yaml_node *place = place_of(node, "name");
    if (!is_word(name, NAME_MAX_LENGTH)) {
        yaml_wrong(place, NULL, reading->problems,
                   "\"%.80s\" is no name for an input; use 1 to %d letters, digits, '.', '_' or "
                   "'-'",
                   name, NAME_MAX_LENGTH);
    }
    for (uint32_t i = 0; i < reading->settings->input_count; i++) {
        const char *other = reading->settings->inputs[i].name;
        if (other != NULL && strcmp(other, name) == 0) {
            yaml_wrong(place, NULL, reading->problems,
                       "two inputs are called \"%s\"; write name: to tell them apart", name);
        }
    }
}

static void read_input(const struct reading *reading, const struct yaml_node *node)
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
    // The driver judges the rest, and may rely on its rows and the schema being good.
    bool known = choose_product(reading, node, input);
    if (known && input->driver != NULL && input->driver->check != NULL &&
        reading->problems->error_count == before && settings->products[input->product].port) {
        input->driver->check(&input->options, &settings->products[input->product].port->schema,
                             settings->file, reading->problems);
    }
    settings->input_count++;
}

static void read_inputs(const struct reading *reading)
{
    unsigned before = reading->problems->error_count;
    const struct yaml_node *node = list_entries(reading, "inputs", SETTINGS_INPUTS_MAX);
    if (node == NULL && reading->problems->error_count == before) {
        yaml_doubt(reading->root, "inputs", reading->problems,
                   "there are none: nothing will be read");
    }
    for (; node != NULL; node = node->next) {
        read_input(reading, node);
    }
}

// ---- the whole ----

// Changes with every byte of weir.yaml and of each contract.
static void compute_digest(struct settings *settings, struct bytes text)
{
    uint8_t sums[DIGEST_SIZE * (1 + SETTINGS_PRODUCTS_MAX)];
    digest_sha256(text, sums);
    for (uint32_t i = 0; i < settings->product_count; i++) {
        memcpy(sums + DIGEST_SIZE * (1 + i), settings->products[i].contract->digest, DIGEST_SIZE);
    }
    digest_sha256(bytes_from(sums, DIGEST_SIZE * (1 + settings->product_count)), settings->digest);
}

static void read_root(struct reading *reading)
{
    if (reading->root->kind != YAML_MAPPING) {
        yaml_wrong(reading->root, NULL, reading->problems,
                   "is %s; settings are lines of the form key: value",
                   yaml_kind_name(reading->root));
        return;
    }
    read_general(reading);
    read_kafka(reading);
    read_heartbeat(reading);
    read_products(reading);
    read_inputs(reading);
}

struct settings *settings_parse(const char *path, struct bytes text, struct problems *problems)
{
    unsigned before = problems->error_count;
    struct settings *settings = calloc(1, sizeof *settings);
    if (settings == NULL) {
        problem_add(problems, path, 0, NULL, "no memory left to read the settings");
        return NULL;
    }
    settings->file = copy(path);
    struct yaml *yaml = yaml_parse(settings->file, text, problems);
    if (yaml != NULL) {
        struct reading reading = {
            .settings = settings, .root = yaml_root(yaml), .problems = problems};
        read_root(&reading);
        yaml_tree_free(yaml);
    }
    if (problems->error_count != before) {
        settings_free(settings);
        return NULL;
    }
    compute_digest(settings, text);
    return settings;
}

// Not realpath: /etc/weir may be a link, and paths in sentences should be the ones that people
// know.
static char *absolute(const char *path)
{
    char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
    char *full = folder != NULL ? format("%s/%s", folder, path) : copy(path);
    free(folder);
    return full;
}

const char *settings_default_path(void)
{
    const char *path = getenv("WEIR_CONFIG");
    return path != NULL && *path != '\0' ? path : "/etc/weir/weir.yaml";
}

struct settings *settings_read(const char *path, struct problems *problems)
{
    char *text = NULL;
    size_t size = 0;
    char *full = absolute(path);
    enum err err = file_read(full, YAML_SIZE_MAX, &text, &size);
    struct settings *settings = NULL;
    if (err == OK) {
        settings = settings_parse(full, bytes_from(text, size), problems);
    } else {
        char why[160];
        file_explain(err, YAML_SIZE_MAX, why, sizeof why);
        problem_add(problems, path, 0, NULL, "%s", why);
        problems->unreadable = err != ERR_LIMIT;
    }
    free(text);
    free(full);
    return settings;
}

void settings_free(struct settings *settings)
{
    if (settings == NULL) {
        return;
    }
    for (uint32_t i = 0; i < settings->product_count; i++) {
        free(settings->products[i].name);
        contract_free(settings->products[i].contract);
        option_set_free(&settings->products[i].options);
    }
    for (uint32_t i = 0; i < settings->input_count; i++) {
        free(settings->inputs[i].name);
        option_set_free(&settings->inputs[i].common);
        option_set_free(&settings->inputs[i].options);
    }
    option_set_free(&settings->general);
    option_set_free(&settings->kafka);
    option_set_free(&settings->heartbeat);
    free(settings->file);
    free(settings->gateway);
    free(settings->state_dir);
    free(settings->control_socket);
    free(settings->heartbeat_topic);
    free(settings);
}
