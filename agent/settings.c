#include "agent/settings.h"

#include "agent/digest.h"
#include "agent/file.h"
#include "agent/port.h"
#include "agent/settings_reading.h"
#include "agent/settings_rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

enum { HOST_SIZE = 256 };

char *settings_copy(const char *text)
{
    char *copied = strdup(text);
    if (copied == NULL) {
        abort();
    }
    return copied;
}

char *settings_format(const char *pattern, ...)
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

bool settings_is_word(const char *text, size_t longest)
{
    size_t size = strlen(text);
    bool good = size > 0 && size <= longest;
    for (; good && *text != '\0'; text++) {
        good = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
               (*text >= '0' && *text <= '9') || strchr("._-", *text) != NULL;
    }
    return good;
}

const struct yaml_node *settings_place(const struct yaml_node *mapping, const char *key)
{
    const struct yaml_node *node = yaml_get(mapping, key);
    return node != NULL ? node : mapping;
}

const struct yaml_node *settings_list(const struct settings_reading *reading, const char *key,
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

// ---- the gateway ----

static void read_gateway(const struct settings_reading *reading)
{
    struct settings *settings = reading->settings;
    char host[HOST_SIZE] = "";
    (void)gethostname(host, sizeof host - 1);
    bool given = option_is_set(&settings->general, "gateway");
    option_default_text(&settings->general, "gateway", host);
    settings->gateway = settings_copy(option_text(&settings->general, "gateway"));
    if (!settings_is_word(settings->gateway, SETTINGS_NAME_MAX)) {
        yaml_wrong(settings_place(reading->root, "gateway"), given ? NULL : "gateway",
                   reading->problems,
                   "%s\"%.80s\" is no name for a gateway; use 1 to %d letters, digits, '.', '_' "
                   "or '-'",
                   given ? "" : "the host name ", settings->gateway, SETTINGS_NAME_MAX);
    } else if (!given && strncmp(host, "localhost", 9) == 0) {
        yaml_doubt(
            reading->root, "gateway", reading->problems,
            "the host name is \"%s\", which other gateways may have too; write gateway: NAME",
            host);
    }
}

static void read_paths(const struct settings_reading *reading)
{
    struct settings *settings = reading->settings;
    const char *state = getenv("STATE_DIRECTORY");
    char *initial = state == NULL || *state == '\0'
                        ? settings_copy("/var/lib/weir")
                        : strndup(state, strcspn(state, ":")); // systemd may list several
    option_default_text(&settings->general, "state", initial);
    free(initial);
    settings->state_dir = settings_copy(option_text(&settings->general, "state"));
    char *control = settings_format("%s/control.sock", settings->state_dir);
    option_default_text(&settings->general, "control", control);
    free(control);
    settings->control_socket = settings_copy(option_text(&settings->general, "control"));
    if (strlen(settings->control_socket) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        yaml_wrong(settings_place(reading->root, "control"), NULL, reading->problems,
                   "\"%.120s\" is too long for a socket; write control: with a shorter path",
                   settings->control_socket);
    }
}

static void read_general(const struct settings_reading *reading)
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

static bool has(const struct option *rows, const char *key, enum option_type type)
{
    while (rows->key != NULL && strcmp(rows->key, key) != 0) {
        rows++;
    }
    return rows->key != NULL && rows->type == type;
}

static void read_kafka(const struct settings_reading *reading)
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
    if (has(driver->options, "link", OPTION_CHOICE)) {
        settings->link = (enum link_profile)option_choice(&settings->kafka, "link");
    }
    if (has(driver->options, "budget.day", OPTION_SIZE)) {
        settings->budget_day_bytes = (uint64_t)option_size_bytes(&settings->kafka, "budget.day");
        settings->budget_month_bytes =
            (uint64_t)option_size_bytes(&settings->kafka, "budget.month");
    }
    if (driver->check != NULL && reading->problems->error_count == before) {
        driver->check(&settings->kafka, settings->file, reading->problems);
    }
}

static char *read_topic(const struct settings_reading *reading, const char *key)
{
    const char *topic = option_text(&reading->settings->heartbeat, key);
    if (topic != NULL && !settings_is_word(topic, SETTINGS_TOPIC_MAX)) {
        yaml_wrong(settings_place(yaml_get(reading->root, "heartbeat"), key), NULL,
                   reading->problems,
                   "\"%.80s\" is no topic of Kafka; use letters, digits, '.', '_' and '-'", topic);
    }
    return settings_copy(topic != NULL ? topic : "");
}

static void read_heartbeat(const struct settings_reading *reading)
{
    static const int64_t every_ms[] = {60000, 300000, 300000}; // by link
    struct settings *settings = reading->settings;
    struct option_set *options = &settings->heartbeat;
    option_read(options, settings_heartbeat_rows, NULL, reading->root, "heartbeat",
                reading->problems);
    option_default_integer(options, "every", every_ms[settings->link]);
    settings->heartbeat_ms = option_duration_ms(options, "every");
    settings->heartbeat_topic = read_topic(reading, "topic");
    settings->levels_topic = read_topic(reading, "levels");
}

// ---- registry ----

static void check_registry_file(const struct option_set *registry, const char *row,
                                const char *file, struct problems *problems)
{
    const char *path = option_text(registry, row);
    char key[64];
    (void)snprintf(key, sizeof key, "registry.%s", row);
    if (path != NULL && access(path, R_OK) != 0) {
        problem_add(problems, file, option_line(registry, row), key, "%s cannot be read", path);
    }
}

static bool is_web_address(const char *url)
{
    bool plain = strncmp(url, "http://", 7) == 0;
    const char *host = url + (plain ? 7 : 8);
    return (plain || strncmp(url, "https://", 8) == 0) && *host != '\0' && *host != '/' &&
           strpbrk(host, " @?#\\\"") == NULL;
}

void settings_check_registry(const struct option_set *registry, const char *file,
                             struct problems *problems)
{
    const char *url = option_text(registry, "url");
    bool more = false;
    for (const struct option *row = registry->rows; row->key != NULL; row++) {
        more |= option_is_set(registry, row->key);
    }
    if (url == NULL && more) {
        problem_add(problems, file, registry->line, "registry.url",
                    "is missing; write e.g. https://registry.example:8081");
    } else if (url != NULL && !is_web_address(url)) {
        problem_add(
            problems, file, option_line(registry, "url"), "registry.url",
            "\"%.120s\" is no address of a registry; write http:// or https://, a host, and "
            "no user or query in it",
            url);
    }
    check_registry_file(registry, "tls.ca", file, problems);
    check_registry_file(registry, "tls.cert", file, problems);
    check_registry_file(registry, "tls.key", file, problems);
    check_registry_file(registry, "password file", file, problems);
    if (option_is_set(registry, "tls.cert") != option_is_set(registry, "tls.key")) {
        problem_add(problems, file, registry->line, "registry.tls",
                    "cert and key go together; give both or neither");
    }
    if (option_is_set(registry, "username") != option_is_set(registry, "password file")) {
        problem_add(problems, file, registry->line, "registry.username",
                    "username and `password file` go together; give both or neither");
    }
}

static void read_registry(const struct settings_reading *reading)
{
    struct option_set *registry = &reading->settings->registry;
    unsigned before = reading->problems->error_count;
    option_read(registry, settings_registry_rows, NULL, reading->root, "registry",
                reading->problems);
    if (reading->problems->error_count == before) {
        settings_check_registry(registry, reading->settings->file, reading->problems);
        reading->settings->registry_url = option_text(registry, "url");
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

static void read_root(struct settings_reading *reading)
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
    read_registry(reading);
    if (reading->follows_only) {
        settings_read_follow_lists(reading);
        return;
    }
    settings_read_products(reading);
    settings_read_inputs(reading);
}

static struct settings *parse(const char *path, struct bytes text, bool follows_only,
                              struct problems *problems)
{
    unsigned before = problems->error_count;
    struct settings *settings = calloc(1, sizeof *settings);
    if (settings == NULL) {
        problem_add(problems, path, 0, NULL, "no memory left to read the settings");
        return NULL;
    }
    settings->file = settings_copy(path);
    struct yaml *yaml = yaml_parse(settings->file, text, problems);
    if (yaml != NULL) {
        struct settings_reading reading = {.settings = settings,
                                           .root = yaml_root(yaml),
                                           .problems = problems,
                                           .follows_only = follows_only};
        read_root(&reading);
        yaml_tree_free(yaml);
    }
    if (problems->error_count != before) {
        settings_free(settings);
        return NULL;
    }
    if (!follows_only) {
        compute_digest(settings, text);
    }
    return settings;
}

struct settings *settings_parse(const char *path, struct bytes text, struct problems *problems)
{
    return parse(path, text, false, problems);
}

// Not realpath: /etc/weir may be a link, and paths in sentences should be the ones that people
// know.
static char *absolute(const char *path)
{
    char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
    char *full = folder != NULL ? settings_format("%s/%s", folder, path) : settings_copy(path);
    free(folder);
    return full;
}

const char *settings_default_path(void)
{
    const char *path = getenv("WEIR_CONFIG");
    return path != NULL && *path != '\0' ? path : "/etc/weir/weir.yaml";
}

static struct settings *read_file(const char *path, bool follows_only, struct problems *problems)
{
    char *text = NULL;
    size_t size = 0;
    char *full = absolute(path);
    enum err err = file_read(full, YAML_SIZE_MAX, &text, &size);
    struct settings *settings = NULL;
    if (err == OK) {
        settings = parse(full, bytes_from(text, size), follows_only, problems);
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

struct settings *settings_read(const char *path, struct problems *problems)
{
    return read_file(path, false, problems);
}

struct settings *settings_read_follows(const char *path, struct problems *problems)
{
    return read_file(path, true, problems);
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
        free(settings->inputs[i].reads_id);
        free(settings->inputs[i].reads_version);
        option_set_free(&settings->inputs[i].common);
        option_set_free(&settings->inputs[i].options);
    }
    settings_free_follows(settings);
    option_set_free(&settings->general);
    option_set_free(&settings->kafka);
    option_set_free(&settings->heartbeat);
    option_set_free(&settings->registry);
    free(settings->file);
    free(settings->gateway);
    free(settings->state_dir);
    free(settings->control_socket);
    free(settings->heartbeat_topic);
    free(settings->levels_topic);
    free(settings);
}
