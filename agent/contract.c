#include "agent/contract.h"

#include "agent/contract_columns.h"
#include "agent/contract_document.h"
#include "agent/contract_inputs.h"
#include "agent/contract_keys.h"
#include "agent/contract_promises.h"
#include "agent/digest.h"
#include "agent/file.h"
#include "agent/human.h"
#include "agent/number.h"
#include "agent/odcs.h"
#include "agent/percent.h"
#include "agent/quality_read.h"
#include "agent/yaml_json.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TOPIC_MAX = 249, // Kafka's own limit
    PARTITIONS_MAX = 10000,
    REPLICAS_MAX = 100,
    LATE_AFTER_MS = 60000,
};

static const char *const layouts[] = {"records", "blocks", NULL};
static const char *const formats[] = {"json", "avro", NULL};
static const char *const header_levels[] = {"min", "full", NULL};
static const char *const partition_rules[] = {"gateway", "key", NULL};
static const char *const late_rules[] = {"fifo", "topic", NULL};
static const char *const framings[] = {"registry", "none", "header", NULL};
static const char *const compatibilities[] = {"full", "backward", "forward", "none", NULL};
static const char *const entry_customs[] = {"weir.layout",
                                            "weir.format",
                                            "weir.headers",
                                            "weir.partitionBy",
                                            "weir.late",
                                            "weir.lateAfter",
                                            "weir.partitions",
                                            "weir.replication",
                                            "weir.onViolation",
                                            "weir.schemaId",
                                            "weir.framing",
                                            "weir.compatibility",
                                            NULL};

struct reading {
    struct contract *contract;
    const struct yaml_node *root;
    enum wire_format format; // of the kafka server
    struct problems *problems;
};

// NULL copies as NULL. Contracts are read at start, where no memory means no start.
static char *copy(const char *text)
{
    char *copied = text != NULL ? strdup(text) : NULL;
    if (text != NULL && copied == NULL) {
        abort();
    }
    return copied;
}

static void need_word(const struct reading *reading, const char *key, const char *word)
{
    const char *text = odcs_need_text(reading->root, key, reading->problems);
    if (text != NULL && strcmp(text, word) != 0) {
        yaml_wrong(yaml_get(reading->root, key), NULL, reading->problems,
                   "\"%.60s\" is not read here; write %s", text, word);
    }
}

// What tenant, domain and product may be called: they name topics, rights and ids. The domain may
// have points in it.
static void check_name(const struct reading *reading, const char *key, const char *name)
{
    if (name != NULL && strlen(name) > CONTRACT_NAME_MAX) {
        yaml_wrong(yaml_get(reading->root, key), NULL, reading->problems,
                   "has %zu bytes; %d is the most", strlen(name), CONTRACT_NAME_MAX);
    }
}

static bool is_domain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-.";
    size_t size = strlen(text);
    return size > 0 && strspn(text, letters) == size && text[0] != '.' && text[size - 1] != '.' &&
           strstr(text, "..") == NULL;
}

static void check_names(const struct reading *reading)
{
    const struct contract *contract = reading->contract;
    const struct yaml_node *node = yaml_get(reading->root, "domain");
    check_name(reading, "tenant", contract->tenant);
    check_name(reading, "domain", contract->domain);
    check_name(reading, "dataProduct", contract->product);
    if (contract->domain == NULL) {
        yaml_wrong(reading->root, "domain", reading->problems,
                   "is missing; name the domain that owns the data, e.g. plant7");
    } else if (!is_domain(contract->domain)) {
        yaml_wrong(node, NULL, reading->problems,
                   "\"%.60s\" cannot begin a topic's name; use letters, digits, '_' and '-', and "
                   "points in between",
                   contract->domain);
    } else if (strcmp(contract->domain, "mesh") == 0 ||
               strncmp(contract->domain, "mesh.", 5) == 0) {
        yaml_wrong(node, NULL, reading->problems,
                   "\"%.60s\" is kept for the mesh's own topics; name the domain that owns the "
                   "data, e.g. plant7",
                   contract->domain);
    }
}

// Other tools read an unquoted 1.0 as a number, where the standard wants a text.
static void check_texts(const struct reading *reading)
{
    static const char *const keys[] = {"version", "id",     "name",        "tenant",
                                       "domain",  "status", "dataProduct", NULL};
    for (size_t i = 0; keys[i] != NULL; i++) {
        const struct yaml_node *node = yaml_get(reading->root, keys[i]);
        if (node != NULL && yaml_is_typed(node) && !yaml_is_null(node)) {
            yaml_wrong(node, NULL, reading->problems,
                       "%.60s is no text to YAML; write it in quotes: \"%.60s\"", node->text,
                       node->text);
        }
    }
}

static void read_head(const struct reading *reading)
{
    struct contract *contract = reading->contract;
    const struct yaml_node *root = reading->root;
    struct problems *problems = reading->problems;
    odcs_check_keys(root, odcs_root_keys, problems);
    check_texts(reading);
    need_word(reading, "apiVersion", "v3.1.0");
    need_word(reading, "kind", "DataContract");
    contract->id = copy(odcs_need_text(root, "id", problems));
    contract->version = copy(odcs_need_text(root, "version", problems));
    contract->status = copy(odcs_need_text(root, "status", problems));
    contract->name = copy(odcs_text(root, "name", problems));
    contract->tenant = copy(odcs_text(root, "tenant", problems));
    contract->domain = copy(odcs_text(root, "domain", problems));
    contract->product = copy(odcs_text(root, "dataProduct", problems));
    if (contract->product == NULL) {
        contract->product = copy(contract->stem);
    }
    check_names(reading);
}

static const char *owner_among(const struct yaml_node *members, struct problems *problems)
{
    const char *owner = NULL;
    for (const struct yaml_node *member = members->first; member != NULL; member = member->next) {
        if (!odcs_is_mapping(member, problems)) {
            continue;
        }
        odcs_check_keys(member, odcs_member_keys, problems);
        const char *user = odcs_need_text(member, "username", problems);
        const char *name = odcs_text(member, "name", problems);
        const char *role = odcs_text(member, "role", problems);
        if (owner == NULL && role != NULL && strcasecmp(role, "owner") == 0) {
            owner = name != NULL ? name : user;
        }
    }
    return owner;
}

// `team` is a mapping since v3.1; the list of members of before is still allowed.
static void read_owner(const struct reading *reading)
{
    const struct yaml_node *team = yaml_get(reading->root, "team");
    const char *owner = NULL;
    if (team != NULL && team->kind == YAML_LIST) {
        owner = owner_among(team, reading->problems);
    } else if (odcs_is_mapping(team, reading->problems)) {
        odcs_check_keys(team, odcs_team_keys, reading->problems);
        owner = odcs_text(team, "name", reading->problems);
        const struct yaml_node *members = yaml_get(team, "members");
        if (odcs_is_list(members, reading->problems)) {
            const char *member = owner_among(members, reading->problems);
            owner = owner != NULL ? owner : member;
        }
    }
    reading->contract->owner = copy(owner);
    if (owner == NULL) {
        yaml_wrong(reading->root, "team", reading->problems,
                   "names no owner; write the team's name: team: {name: ...}");
    }
}

static void read_support(const struct reading *reading)
{
    const struct yaml_node *list = yaml_get(reading->root, "support");
    const char *first = NULL;
    if (odcs_is_list(list, reading->problems)) {
        for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
            if (!odcs_is_mapping(item, reading->problems)) {
                continue;
            }
            odcs_check_keys(item, odcs_support_keys, reading->problems);
            const char *channel = odcs_need_text(item, "channel", reading->problems);
            const char *url = odcs_text(item, "url", reading->problems);
            first = first != NULL ? first : (url != NULL ? url : channel);
        }
    }
    reading->contract->support = copy(first);
    if (first == NULL) {
        yaml_wrong(reading->root, "support", reading->problems,
                   "names no channel; say where users of the data can ask");
    }
}

static bool read_server(const struct reading *reading, const struct yaml_node *server,
                        enum wire_format *format)
{
    if (!odcs_is_mapping(server, reading->problems)) {
        return false;
    }
    const char *type = odcs_need_text(server, "type", reading->problems);
    if (type == NULL || strcmp(type, "kafka") != 0) {
        return false; // not ours to judge
    }
    odcs_check_keys(server, odcs_kafka_server_keys, reading->problems);
    (void)odcs_need_text(server, "server", reading->problems);
    const char *word = odcs_text(server, "format", reading->problems);
    if (word == NULL || strcmp(word, "json") == 0) {
        *format = FORMAT_JSON;
        return true;
    }
    *format = FORMAT_AVRO;
    if (strcmp(word, "avro") != 0) {
        yaml_wrong(yaml_get(server, "format"), NULL, reading->problems,
                   "\"%.60s\" is not written by weir; it writes json or avro", word);
    }
    return true;
}

// The first kafka server decides.
static enum wire_format read_servers(const struct reading *reading)
{
    const struct yaml_node *list = yaml_get(reading->root, "servers");
    enum wire_format first = FORMAT_JSON;
    bool found = false;
    if (!odcs_is_list(list, reading->problems)) {
        return first;
    }
    for (const struct yaml_node *server = list->first; server != NULL; server = server->next) {
        enum wire_format format = FORMAT_JSON;
        if (read_server(reading, server, &format) && !found) {
            first = format;
            found = true;
        }
    }
    return first;
}

static bool is_topic(const char *text)
{
    size_t size = strlen(text);
    bool good = size > 0 && size <= TOPIC_MAX && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
    for (; good && *text != '\0'; text++) {
        good = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
               (*text >= '0' && *text <= '9') || strchr("._-", *text) != NULL;
    }
    return good;
}

// PORT of DOMAIN.PRODUCT.PORT.vMAJOR; empty where the topic has another form. PORT may have points
// in it, the others not.
static struct bytes port_of(const char *topic)
{
    const char *first = strchr(topic, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    const char *last = strrchr(topic, '.');
    bool has_form = second != NULL && last > second + 1 && last[1] == 'v' && last[2] != '\0' &&
                    strspn(last + 2, "0123456789") == strlen(last + 2);
    return has_form ? bytes_from(second + 1, (size_t)(last - second) - 1) : bytes_from(topic, 0);
}

static void check_topic(const struct reading *reading, const struct yaml_node *place,
                        const char *topic)
{
    const char *domain = reading->contract->domain;
    if (!is_topic(topic)) {
        yaml_wrong(place, NULL, reading->problems,
                   "\"%.60s\" is no topic of Kafka; use letters, digits, '.', '_' and '-', at most "
                   "%d of them",
                   topic, TOPIC_MAX);
        return;
    }
    if (port_of(topic).size == 0) {
        yaml_doubt(place, NULL, reading->problems,
                   "\"%.80s\" does not have the form DOMAIN.PRODUCT.PORT.vMAJOR", topic);
    }
    size_t size = domain != NULL ? strlen(domain) : 0;
    if (size > 0 && (strncmp(topic, domain, size) != 0 || topic[size] != '.')) {
        yaml_wrong(place, NULL, reading->problems,
                   "\"%.80s\" does not begin with \"%.60s.\"; a topic bears the name of the domain "
                   "that owns it, so that one grant covers it and no other's is taken",
                   topic, domain);
    }
}

static void read_topic(const struct reading *reading, const struct yaml_node *entry,
                       struct contract_port *port)
{
    const char *name = odcs_need_text(entry, "name", reading->problems);
    const char *physical = odcs_text(entry, "physicalName", reading->problems);
    const char *topic = physical != NULL ? physical : name;
    if (topic == NULL || name == NULL) {
        return;
    }
    check_topic(reading, yaml_get(entry, physical != NULL ? "physicalName" : "name"), topic);
    struct bytes short_name = port_of(topic);
    port->topic = copy(topic);
    port->name =
        short_name.size > 0 ? strndup((const char *)short_name.at, short_name.size) : copy(name);
    port->entry = copy(name);
}

static void check_unlike_others(const struct reading *reading, const struct yaml_node *entry,
                                const struct contract_port *port)
{
    const struct contract *contract = reading->contract;
    for (uint32_t i = 0; i < contract->port_count && port->topic != NULL; i++) {
        const struct contract_port *other = &contract->ports[i];
        if (other->topic != NULL && strcmp(other->topic, port->topic) == 0) {
            yaml_wrong(entry, NULL, reading->problems, "the topic \"%.80s\" stands twice",
                       port->topic);
        } else if (other->name != NULL && port->name != NULL &&
                   strcmp(other->name, port->name) == 0) {
            yaml_wrong(entry, NULL, reading->problems,
                       "two ports are called \"%.80s\"; write a contract for each", port->name);
        }
    }
}

// A count of 1 to `most`; -1 where it is not there.
static int read_count(const struct reading *reading, const struct yaml_node *entry,
                      const char *name, int most)
{
    const struct yaml_node *node = odcs_custom(entry, name);
    struct number number;
    if (node == NULL) {
        return -1;
    }
    if (number_parse(bytes_text(node->text), &number) != NUMBER_INTEGER || number.integer < 1 ||
        number.integer > most) {
        yaml_wrong(node, NULL, reading->problems, "%s: \"%.60s\" is no count from 1 to %d", name,
                   node->text, most);
        return -1;
    }
    return (int)number.integer;
}

static void read_late(const struct reading *reading, const struct yaml_node *entry,
                      struct contract_port *port)
{
    port->late = (enum late_rule)odcs_custom_choice(entry, "weir.late", late_rules, LATE_FIFO,
                                                    reading->problems);
    port->late_after_ms = LATE_AFTER_MS;
    if (port->late == LATE_TOPIC && port->topic != NULL &&
        strlen(port->topic) + strlen(".late") > TOPIC_MAX) {
        yaml_wrong(entry, NULL, reading->problems,
                   "the topic's name is too long to have \".late\" behind it");
    }
    const struct yaml_node *after = odcs_custom(entry, "weir.lateAfter");
    if (after == NULL) {
        return;
    }
    port->late_after_ms = human_duration_ms(after->text);
    if (port->late_after_ms < 1000) {
        yaml_wrong(after, NULL, reading->problems,
                   "weir.lateAfter: \"%.60s\" is no duration of a second or more; write e.g. 60 s",
                   after->text);
    } else if (port->late == LATE_FIFO) {
        yaml_doubt(after, NULL, reading->problems,
                   "weir.lateAfter means nothing without `weir.late: topic`");
    }
}

// Blocks are Avro whatever the server's format is.
static void read_format(const struct reading *reading, const struct yaml_node *entry,
                        struct contract_port *port)
{
    bool blocks = port->layout == LAYOUT_BLOCKS;
    port->format = (enum wire_format)odcs_custom_choice(entry, "weir.format", formats,
                                                        blocks ? FORMAT_AVRO : (int)reading->format,
                                                        reading->problems);
    if (blocks && port->format == FORMAT_JSON) {
        yaml_wrong(odcs_custom(entry, "weir.format"), NULL, reading->problems,
                   "is json, and blocks are always avro; leave it out, or choose the layout "
                   "records");
    }
}

const char *contract_framing(const struct contract_port *port)
{
    return framings[!port->framed ? 1 : port->id_in_header ? 2 : 0];
}

// How a reader finds the Avro schema.
static void read_framing(const struct reading *reading, const struct yaml_node *entry,
                         struct contract_port *port)
{
    const struct yaml_node *id = odcs_custom(entry, "weir.schemaId");
    const struct yaml_node *framing = odcs_custom(entry, "weir.framing");
    bool avro = port->format == FORMAT_AVRO;
    int choice = odcs_custom_choice(entry, "weir.framing", framings, 0, reading->problems);
    bool none = choice == 1;
    if (none && port->layout != LAYOUT_BLOCKS) {
        yaml_wrong(framing, NULL, reading->problems,
                   "none is for blocks only; a value of records without the registry's id cannot "
                   "be told from one with it");
    }
    port->framed = avro && !none;
    port->id_in_header = avro && choice == 2;
    port->schema_id = -1;
    if (id == NULL) {
        return;
    }
    struct number number;
    if (number_parse(bytes_text(id->text), &number) != NUMBER_INTEGER || number.integer < 0 ||
        number.integer > INT32_MAX) {
        yaml_wrong(id, NULL, reading->problems,
                   "\"%.60s\" is no id of a schema registry; they are integers", id->text);
    } else if (!port->framed) {
        yaml_wrong(id, NULL, reading->problems,
                   "is for values that come with it: avro, framed by the registry");
    } else {
        port->schema_id = number.integer;
    }
}

static void read_wire(const struct reading *reading, const struct yaml_node *entry,
                      struct contract_port *port)
{
    struct problems *problems = reading->problems;
    odcs_check_custom(entry, entry_customs, problems);
    port->layout = (enum wire_layout)odcs_custom_choice(entry, "weir.layout", layouts,
                                                        LAYOUT_RECORDS, problems);
    read_format(reading, entry, port);
    read_framing(reading, entry, port);
    port->headers = (enum header_level)odcs_custom_choice(entry, "weir.headers", header_levels,
                                                          HEADERS_MIN, problems);
    port->partition_by = (enum partition_by)odcs_custom_choice(
        entry, "weir.partitionBy", partition_rules, PARTITION_BY_GATEWAY, problems);
    port->partitions = read_count(reading, entry, "weir.partitions", PARTITIONS_MAX);
    port->replication = read_count(reading, entry, "weir.replication", REPLICAS_MAX);
    port->compatibility = (enum compatibility)odcs_custom_choice(
        entry, "weir.compatibility", compatibilities, COMPATIBILITY_FULL, problems);
    read_late(reading, entry, port);
}

static void read_port(const struct reading *reading, const struct yaml_node *entry)
{
    struct contract *contract = reading->contract;
    struct contract_port *port = &contract->ports[contract->port_count];
    if (!odcs_is_mapping(entry, reading->problems)) {
        return;
    }
    port->line = entry->line;
    odcs_check_keys(entry, odcs_schema_keys, reading->problems);
    const char *type = odcs_text(entry, "logicalType", reading->problems);
    if (type != NULL && strcmp(type, "object") != 0) {
        yaml_wrong(yaml_get(entry, "logicalType"), NULL, reading->problems,
                   "\"%.60s\" must be object here", type);
    }
    port->entry_id = copy(odcs_text(entry, "id", reading->problems));
    read_topic(reading, entry, port);
    check_unlike_others(reading, entry, port);
    read_wire(reading, entry, port);
    contract_columns_read(entry, &port->schema, reading->problems);
    if (port->layout == LAYOUT_BLOCKS) {
        port->listed = contract_keys_read(entry, &port->schema, reading->problems);
    }
    port->quality = quality_read(entry, &port->schema, reading->problems);
    if (port->quality == NULL) {
        abort(); // contracts are read at start, where no memory means no start
    }
    contract->port_count++;
}

static void read_ports(const struct reading *reading)
{
    const struct yaml_node *list = yaml_get(reading->root, "schema");
    if (list == NULL || yaml_is_null(list) || (list->kind == YAML_LIST && list->count == 0)) {
        yaml_wrong(reading->root, "schema", reading->problems,
                   "is missing; a contract of a stream declares at least one topic there");
        return;
    }
    if (!odcs_is_list(list, reading->problems)) {
        return;
    }
    for (const struct yaml_node *entry = list->first; entry != NULL; entry = entry->next) {
        if (reading->contract->port_count == CONTRACT_PORTS_MAX) {
            yaml_wrong(entry, NULL, reading->problems, "weir reads at most %d entries",
                       CONTRACT_PORTS_MAX);
            return;
        }
        read_port(reading, entry);
    }
}

static void read_root(struct reading *reading)
{
    if (reading->root->kind != YAML_MAPPING) {
        yaml_wrong(reading->root, NULL, reading->problems,
                   "is %s; a contract begins e.g. with apiVersion: v3.1.0",
                   yaml_kind_name(reading->root));
        return;
    }
    read_head(reading);
    read_owner(reading);
    read_support(reading);
    reading->contract->inputs = copy(contract_inputs_read(reading->root, reading->problems));
    contract_read_promises(reading->contract, reading->root, reading->problems);
    reading->format = read_servers(reading);
    read_ports(reading);
}

static void make_document(const struct reading *reading)
{
    struct contract *contract = reading->contract;
    contract->document = yaml_json_text(reading->root);
    if (contract->document == NULL ||
        contract_content_digest(bytes_text(contract->document), contract->content_digest) != OK) {
        abort(); // a mapping makes an object; else there is no memory, and no start
    }
}

// "products/thermal.odcs.yaml" is "thermal".
static char *stem_of(const char *path)
{
    static const char *const endings[] = {".odcs.yaml", ".odcs.yml", ".odcs.json",
                                          ".yaml",      ".yml",      ".json"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t end = strlen(endings[i]);
        if (size > end && strcmp(name + size - end, endings[i]) == 0) {
            return strndup(name, size - end);
        }
    }
    return strdup(name);
}

struct contract *contract_parse(const char *path, struct bytes text, struct problems *problems)
{
    unsigned before = problems->error_count;
    struct contract *contract = calloc(1, sizeof *contract);
    if (contract == NULL) {
        problem_add(problems, path, 0, NULL, "no memory left to read the contract");
        return NULL;
    }
    contract->file = copy(path);
    contract->stem = stem_of(path);
    digest_sha256(text, contract->digest);
    struct yaml *yaml = yaml_parse(path, text, problems);
    if (yaml != NULL) {
        struct reading reading = {
            .contract = contract, .root = yaml_root(yaml), .problems = problems};
        read_root(&reading);
        if (problems->error_count == before) {
            make_document(&reading);
        }
        yaml_tree_free(yaml);
    }
    if (problems->error_count != before) {
        contract_free(contract);
        return NULL;
    }
    (void)contract_identify(contract, NULL);
    return contract;
}

struct contract *contract_read(const char *path, struct problems *problems)
{
    char *text = NULL;
    size_t size = 0;
    enum err err = file_read(path, YAML_SIZE_MAX, &text, &size);
    if (err != OK) {
        char why[160];
        file_explain(err, YAML_SIZE_MAX, why, sizeof why);
        problem_add(problems, path, 0, NULL, "the contract %s", why);
        return NULL;
    }
    struct contract *contract = contract_parse(path, bytes_from(text, size), problems);
    free(text);
    return contract;
}

enum err contract_identify(struct contract *contract, const char *tenant)
{
    if (tenant != NULL && contract->tenant != NULL && strcmp(tenant, contract->tenant) != 0) {
        return ERR_INVALID;
    }
    if (tenant != NULL && contract->tenant == NULL) {
        contract->tenant = copy(tenant);
    }
    uint8_t room[64 + 3 * 3 * CONTRACT_NAME_MAX];
    struct buffer urn = buffer_over(room, sizeof room);
    buffer_put_text(&urn, "urn:weir:product:");
    percent_put(&urn, contract->tenant != NULL ? contract->tenant : "");
    buffer_put_text(&urn, ":");
    percent_put(&urn, contract->domain);
    buffer_put_text(&urn, ":");
    percent_put(&urn, contract->product);
    assert(!urn.overflow); // names are bounded
    uuid_of_url(buffer_bytes(&urn), contract->product_id);
    return OK;
}

void contract_free(struct contract *contract)
{
    if (contract == NULL) {
        return;
    }
    for (uint32_t i = 0; i < contract->port_count; i++) {
        free(contract->ports[i].name);
        free(contract->ports[i].topic);
        free(contract->ports[i].entry);
        free(contract->ports[i].entry_id);
        quality_close(contract->ports[i].quality);
        key_list_close(contract->ports[i].listed);
    }
    free(contract->file);
    free(contract->id);
    free(contract->version);
    free(contract->name);
    free(contract->status);
    free(contract->tenant);
    free(contract->domain);
    free(contract->product);
    free(contract->stem);
    free(contract->owner);
    free(contract->support);
    free(contract->inputs);
    cJSON_free(contract->document);
    free(contract);
}

static bool equal(const char *text, const char *name)
{
    return text != NULL && strcmp(text, name) == 0;
}

bool contract_is_called(const struct contract *contract, const char *name)
{
    return equal(contract->product, name) || equal(contract->name, name) ||
           equal(contract->stem, name);
}

const struct contract_port *contract_port(const struct contract *contract, const char *name)
{
    for (uint32_t i = 0; i < contract->port_count; i++) {
        const struct contract_port *port = &contract->ports[i];
        if (equal(port->name, name) || equal(port->entry, name) || equal(port->entry_id, name) ||
            equal(port->topic, name)) {
            return port;
        }
    }
    return NULL;
}
