#include "agent/product_document.h"

#include "agent/wire_contract.h"

#include "agent/contract_inputs.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdlib.h>

int version_compare(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        char *a_end, *b_end;
        unsigned long a_number = strtoul(a, &a_end, 10);
        unsigned long b_number = strtoul(b, &b_end, 10);
        if (a_end == a || b_end == b) {
            return strcmp(a, b);
        }
        if (a_number != b_number) {
            return a_number < b_number ? -1 : 1;
        }
        a = a_end + (*a_end == '.');
        b = b_end + (*b_end == '.');
    }
    return 0;
}

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    if (text != NULL && *text != '\0') {
        (void)cJSON_AddStringToObject(object, key, text);
    }
}

// Members of `from` of these names, as they are. A key that is not there, or null, is left out.
static void copy_members(cJSON *to, const cJSON *from, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, *keys);
        if (item != NULL && !cJSON_IsNull(item)) {
            (void)cJSON_AddItemToObject(to, *keys, cJSON_Duplicate(item, true));
        }
    }
}

static void add_custom(cJSON *list, const char *name, const char *value)
{
    cJSON *item = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(item, "property", name);
    (void)cJSON_AddStringToObject(item, "value", value);
    (void)cJSON_AddItemToArray(list, item);
}

// ---- what ODCS and ODPS both have ----

static void add_description(cJSON *root, const cJSON *contract)
{
    static const char *const keys[] = {"purpose", "limitations", "usage", "customProperties", NULL};
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(contract, "description");
    if (cJSON_IsObject(from)) {
        cJSON *to = cJSON_AddObjectToObject(root, "description");
        copy_members(to, from, keys);
    }
}

static cJSON *members_of(const cJSON *list)
{
    static const char *const keys[] = {"username", "name",    "description",        "role",
                                       "dateIn",   "dateOut", "replacedByUsername", NULL};
    cJSON *members = cJSON_CreateArray();
    const cJSON *member;
    cJSON_ArrayForEach(member, list)
    {
        cJSON *copied = cJSON_CreateObject();
        copy_members(copied, member, keys);
        (void)cJSON_AddItemToArray(members, copied);
    }
    return members;
}

static void add_team(cJSON *root, const cJSON *document, const struct contract *contract)
{
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(document, "team");
    const cJSON *members = cJSON_IsArray(from) // the form of before v3.1
                               ? from
                               : cJSON_GetObjectItemCaseSensitive(from, "members");
    cJSON *team = cJSON_AddObjectToObject(root, "team");
    add_text(team, "name", contract->owner);
    add_text(team, "description", text_of(from, "description"));
    if (cJSON_IsArray(members)) {
        (void)cJSON_AddItemToObject(team, "members", members_of(members));
    }
}

// ODPS wants a URL of each channel: those without one stay in the contract only.
static void add_support(cJSON *root, const cJSON *document)
{
    static const char *const keys[] = {"channel", "url",           "description", "tool",
                                       "scope",   "invitationUrl", NULL};
    cJSON *list = cJSON_CreateArray();
    const cJSON *channel;
    cJSON_ArrayForEach(channel, cJSON_GetObjectItemCaseSensitive(document, "support"))
    {
        if (text_of(channel, "url") != NULL) {
            cJSON *copied = cJSON_CreateObject();
            copy_members(copied, channel, keys);
            (void)cJSON_AddItemToArray(list, copied);
        }
    }
    if (list->child == NULL) {
        cJSON_Delete(list);
    } else {
        (void)cJSON_AddItemToObject(root, "support", list);
    }
}

// ---- ports ----

static const cJSON *entry_called(const cJSON *document, const char *name)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(document, "schema"))
    {
        const char *called = text_of(entry, "name");
        if (called != NULL && strcmp(called, name) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void add_bytes(cJSON *object, const char *key, struct bytes text)
{
    char copied[512];
    (void)snprintf(copied, sizeof copied, "%.*s", text.size < sizeof copied ? (int)text.size : 0,
                   (const char *)text.at);
    add_text(object, key, copied);
}

// Its lineage.
static void add_inputs(cJSON *port, const struct contract *contract)
{
    const char *rest = contract->inputs;
    struct bytes id, version;
    cJSON *list = rest != NULL ? cJSON_AddArrayToObject(port, "inputContracts") : NULL;
    while (rest != NULL && contract_input_next(&rest, &id, &version)) {
        cJSON *item = cJSON_CreateObject();
        add_bytes(item, "id", id);
        add_bytes(item, "version", version);
        (void)cJSON_AddItemToArray(list, item);
    }
}

static cJSON *output_port(const struct contract *contract, const struct contract_port *port,
                          const cJSON *document)
{
    cJSON *item = cJSON_CreateObject();
    add_text(item, "name", port->name);
    add_text(item, "version", contract->version);
    add_text(item, "type", "kafka");
    add_text(item, "description", text_of(entry_called(document, port->entry), "description"));
    add_text(item, "contractId", contract->id);
    add_inputs(item, contract);
    cJSON *customs = cJSON_AddArrayToObject(item, "customProperties");
    add_custom(customs, "topic", port->topic);
    add_custom(customs, "layout", port->layout == LAYOUT_BLOCKS ? "blocks" : "records");
    add_custom(customs, "format", port->format == FORMAT_AVRO ? "avro" : "json");
    add_custom(customs, "headers", port->headers == HEADERS_FULL ? "full" : "min");
    add_custom(customs, "partitionBy", port->partition_by == PARTITION_BY_KEY ? "key" : "gateway");
    add_custom(customs, "late", port->late == LATE_TOPIC ? "topic" : "fifo");
    if (port->layout == LAYOUT_BLOCKS) {
        char id[WIRE_CONTRACT_ID_SIZE];
        wire_contract_id(contract, port, id);
        add_custom(customs, "wireContractId", id);
    }
    return item;
}

// The value of the port's custom property `topic`.
static const char *topic_of(const cJSON *port)
{
    const cJSON *custom;
    cJSON_ArrayForEach(custom, cJSON_GetObjectItemCaseSensitive(port, "customProperties"))
    {
        const char *name = text_of(custom, "property");
        if (name != NULL && strcmp(name, "topic") == 0) {
            return text_of(custom, "value");
        }
    }
    return NULL;
}

static bool has_topic(const cJSON *ports, const char *topic)
{
    const cJSON *port;
    cJSON_ArrayForEach(port, ports)
    {
        const char *other = topic_of(port);
        if (other != NULL && strcmp(other, topic) == 0) {
            return true;
        }
    }
    return false;
}

static void keep_older_ports(cJSON *ports, struct bytes before)
{
    cJSON *older = cJSON_ParseWithLength((const char *)before.at, before.size);
    const cJSON *port;
    cJSON_ArrayForEach(port, cJSON_GetObjectItemCaseSensitive(older, "outputPorts"))
    {
        const char *topic = topic_of(port);
        if (topic != NULL && !has_topic(ports, topic)) {
            (void)cJSON_AddItemToArray(ports, cJSON_Duplicate(port, true));
        }
    }
    cJSON_Delete(older);
}

static void add_management(cJSON *root)
{
    static const struct {
        const char *name, *content, *channel, *description;
    } rows[] = {
        {"discovery", "discoverability", PRODUCTS_TOPIC,
         "compacted; key = product id; signed in the header weir-dsse"},
        {"contracts", "discoverability", CONTRACTS_TOPIC,
         "compacted; key = contract id/version; signed in the header weir-dsse"},
        {"nodes", "discoverability", NODES_TOPIC,
         "compacted; key = product id/gateway; which gateways are behind it"},
        {"slo", "observability", "mesh.slo",
         "compacted; key = product id/gateway; measured service levels"},
        {"heartbeat", "observability", "mesh.heartbeats", "compacted; key = gateway; its state"},
        {"control", "control", "mesh.policies", "signed policies that the gateways obey"},
    };
    cJSON *list = cJSON_AddArrayToObject(root, "managementPorts");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *item = cJSON_CreateObject();
        add_text(item, "name", rows[i].name);
        add_text(item, "content", rows[i].content);
        add_text(item, "type", "topic");
        add_text(item, "channel", rows[i].channel);
        add_text(item, "description", rows[i].description);
        (void)cJSON_AddItemToArray(list, item);
    }
}

// ---- the whole ----

// The contract of the highest version speaks for the product.
static const struct contract *speaker(const struct contract *const *contracts, uint32_t count)
{
    const struct contract *best = contracts[0];
    for (uint32_t i = 1; i < count; i++) {
        if (version_compare(contracts[i]->version, best->version) > 0) {
            best = contracts[i];
        }
    }
    return best;
}

static void add_ports(cJSON *root, const struct contract *const *contracts, uint32_t count,
                      struct bytes before)
{
    cJSON *ports = cJSON_AddArrayToObject(root, "outputPorts");
    for (uint32_t i = 0; i < count; i++) {
        cJSON *document = cJSON_Parse(contracts[i]->document);
        for (uint32_t p = 0; p < contracts[i]->port_count; p++) {
            (void)cJSON_AddItemToArray(
                ports, output_port(contracts[i], &contracts[i]->ports[p], document));
        }
        cJSON_Delete(document);
    }
    if (before.size > 0) {
        keep_older_ports(ports, before);
    }
}

char *product_document(const struct contract *const *contracts, uint32_t count, struct bytes before)
{
    static const char *const shared[] = {"tags", NULL};
    assert(count >= 1 && count <= PRODUCT_CONTRACTS_MAX);
    const struct contract *contract = speaker(contracts, count);
    cJSON *document = cJSON_Parse(contract->document);
    cJSON *root = cJSON_CreateObject();
    add_text(root, "apiVersion", "v1.0.0");
    add_text(root, "kind", "DataProduct");
    add_text(root, "id", contract->product_id);
    add_text(root, "name", contract->product);
    add_text(root, "version", contract->version);
    add_text(root, "status", contract->status);
    add_text(root, "domain", contract->domain);
    add_text(root, "tenant", contract->tenant);
    add_description(root, document);
    copy_members(root, document, shared);
    add_ports(root, contracts, count, before);
    add_management(root);
    add_support(root, document);
    add_team(root, document, contract);
    cJSON_Delete(document);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

char *product_document_without(struct bytes document, const char *contract_id,
                               const char *contract_version)
{
    cJSON *root = cJSON_ParseWithLength((const char *)document.at, document.size);
    cJSON *ports = cJSON_GetObjectItemCaseSensitive(root, "outputPorts");
    cJSON *next = NULL;
    for (cJSON *port = ports != NULL ? ports->child : NULL; port != NULL; port = next) {
        next = port->next;
        const char *id = text_of(port, "contractId");
        const char *version = text_of(port, "version");
        if (id != NULL && version != NULL && strcmp(id, contract_id) == 0 &&
            strcmp(version, contract_version) == 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(ports, port));
        }
    }
    bool is_empty = ports == NULL || ports->child == NULL;
    if (is_empty && cJSON_GetObjectItemCaseSensitive(root, "status") != NULL) {
        (void)cJSON_ReplaceItemInObjectCaseSensitive(root, "status",
                                                     cJSON_CreateString("deprecated"));
    }
    char *text = cJSON_IsObject(root) ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}
