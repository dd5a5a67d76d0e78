// A product's documents as one object.
#include "agent/catalog_inner.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_SIZE = 600 };

// ---- members of documents ----

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *catalog_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(member(object, name));
}

const cJSON *catalog_custom(const cJSON *object, const char *property)
{
    const cJSON *custom;
    cJSON_ArrayForEach(custom, member(object, "customProperties"))
    {
        const char *name = catalog_text(custom, "property");
        if (name != NULL && strcmp(name, property) == 0) {
            return member(custom, "value");
        }
    }
    return NULL;
}

void catalog_put_text(cJSON *object, const char *name, const char *text)
{
    if (text != NULL) {
        (void)cJSON_AddStringToObject(object, name, text);
    }
}

static void put_custom(cJSON *object, const char *name, const cJSON *from, const char *property)
{
    catalog_put_text(object, name, cJSON_GetStringValue(catalog_custom(from, property)));
}

// A member that is a text, a number or a truth, as it is.
static void put_plain(cJSON *object, const char *name, const cJSON *value)
{
    if (cJSON_IsString(value) || cJSON_IsNumber(value) || cJSON_IsBool(value)) {
        (void)cJSON_AddItemToObject(object, name, cJSON_Duplicate(value, false));
    }
}

// A list's texts.
static void put_texts(cJSON *object, const char *name, const cJSON *list)
{
    cJSON *texts = cJSON_AddArrayToObject(object, name);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item)) {
            (void)cJSON_AddItemToArray(texts, cJSON_Duplicate(item, false));
        }
    }
}

static void put_signature(cJSON *object, const struct catalog_record *record)
{
    cJSON *signature = cJSON_AddObjectToObject(object, "signature");
    const char *state = record->signature[0];
    catalog_put_text(signature, "state", state != NULL ? state : "unsigned");
    catalog_put_text(signature, "signer", record->signature[1]);
    catalog_put_text(signature, "sentence", record->signature[2]);
}

// ---- the product ----

static void put_head(cJSON *entry, const struct catalog_record *record)
{
    static const char *const texts[] = {"domain", "tenant", "version", "status"};
    static const char *const described[] = {"purpose", "usage", "limitations"};
    const cJSON *document = record->value;
    catalog_put_text(entry, "id", record->key);
    catalog_put_text(entry, "name", catalog_text(document, "name"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        catalog_put_text(entry, texts[i], catalog_text(document, texts[i]));
    }
    for (size_t i = 0; i < sizeof described / sizeof *described; i++) {
        const char *text = catalog_text(member(document, "description"), described[i]);
        catalog_put_text(entry, described[i], text);
    }
    put_texts(entry, "tags", member(document, "tags"));
    catalog_put_text(entry, "owner", catalog_text(member(document, "team"), "name"));
    cJSON *support = cJSON_AddArrayToObject(entry, "support");
    const cJSON *channel;
    cJSON_ArrayForEach(channel, member(document, "support"))
    {
        const char *url = catalog_text(channel, "url");
        url = url != NULL ? url : catalog_text(channel, "channel");
        if (url != NULL) {
            (void)cJSON_AddItemToArray(support, cJSON_CreateString(url));
        }
    }
}

static void put_inputs(cJSON *inputs, const cJSON *port)
{
    const cJSON *input;
    cJSON_ArrayForEach(input, member(port, "inputContracts"))
    {
        cJSON *item = cJSON_CreateObject();
        catalog_put_text(item, "id", catalog_text(input, "id"));
        catalog_put_text(item, "version", catalog_text(input, "version"));
        (void)cJSON_AddItemToArray(inputs, item);
    }
}

static void put_ports(cJSON *entry, const cJSON *document)
{
    static const char *const customs[] = {"topic", "layout", "format"};
    cJSON *ports = cJSON_AddArrayToObject(entry, "ports");
    cJSON *inputs = cJSON_AddArrayToObject(entry, "inputs");
    const cJSON *port;
    cJSON_ArrayForEach(port, member(document, "outputPorts"))
    {
        cJSON *item = cJSON_CreateObject();
        catalog_put_text(item, "name", catalog_text(port, "name"));
        for (size_t i = 0; i < sizeof customs / sizeof *customs; i++) {
            put_custom(item, customs[i], port, customs[i]);
        }
        catalog_put_text(item, "contract", catalog_text(port, "contractId"));
        catalog_put_text(item, "version", catalog_text(port, "version"));
        (void)cJSON_AddItemToArray(ports, item);
        put_inputs(inputs, port);
    }
}

// ---- its contracts ----

static const char *unit_of(const cJSON *property)
{
    const char *unit = cJSON_GetStringValue(catalog_custom(property, "unit"));
    return unit != NULL ? unit : cJSON_GetStringValue(catalog_custom(property, "weir.unit"));
}

static void put_fields(cJSON *item, const cJSON *document)
{
    cJSON *fields = cJSON_AddArrayToObject(item, "fields");
    const cJSON *entry;
    const cJSON *property;
    cJSON_ArrayForEach(entry, member(document, "schema"))
    {
        cJSON_ArrayForEach(property, member(entry, "properties"))
        {
            cJSON *field = cJSON_CreateObject();
            catalog_put_text(field, "name", catalog_text(property, "name"));
            catalog_put_text(field, "type", catalog_text(property, "logicalType"));
            put_plain(field, "required", member(property, "required"));
            catalog_put_text(field, "unit", unit_of(property));
            catalog_put_text(field, "description", catalog_text(property, "description"));
            catalog_put_text(field, "classification", catalog_text(property, "classification"));
            catalog_put_text(field, "entry", catalog_text(entry, "name"));
            (void)cJSON_AddItemToArray(fields, field);
        }
    }
}

static void put_promises(cJSON *entry, cJSON *item, const cJSON *document)
{
    cJSON *promises = cJSON_AddArrayToObject(item, "promises");
    const cJSON *promise;
    cJSON_ArrayForEach(promise, member(document, "slaProperties"))
    {
        const char *name = catalog_text(promise, "property");
        const char *end = catalog_text(promise, "value");
        cJSON *made = cJSON_CreateObject();
        catalog_put_text(made, "name", name);
        put_plain(made, "value", member(promise, "value"));
        catalog_put_text(made, "unit", catalog_text(promise, "unit"));
        catalog_put_text(made, "element", catalog_text(promise, "element"));
        (void)cJSON_AddItemToArray(promises, made);
        if (name != NULL && end != NULL && strcmp(name, "endOfSupport") == 0 &&
            member(entry, "end_of_support") == NULL) {
            catalog_put_text(entry, "end_of_support", end);
        }
    }
}

static const struct catalog_record *newest(struct catalog *catalog, enum catalog_kind kind,
                                           const char *key)
{
    struct catalog_run run = catalog_run(catalog, kind, key, false);
    return run.count > 0 && run.at[run.count - 1].value != NULL ? &run.at[run.count - 1] : NULL;
}

static bool has_contract(const cJSON *contracts, const char *id, const char *version)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, contracts)
    {
        if (strcmp(catalog_text(item, "id"), id) == 0 &&
            strcmp(catalog_text(item, "version"), version) == 0) {
            return true;
        }
    }
    return false;
}

static void put_contract(struct catalog *catalog, cJSON *entry, cJSON *documents, const char *id,
                         const char *version)
{
    char key[NAME_SIZE];
    (void)snprintf(key, sizeof key, "%s/%s", id, version);
    const struct catalog_record *record = newest(catalog, CATALOG_CONTRACT, key);
    cJSON *item = cJSON_CreateObject();
    (void)cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(entry, "contracts"), item);
    catalog_put_text(item, "id", id);
    catalog_put_text(item, "version", version);
    (void)cJSON_AddBoolToObject(item, "found", record != NULL);
    if (record != NULL) {
        catalog_put_text(item, "status", catalog_text(record->value, "status"));
        put_signature(item, record);
        put_fields(item, record->value);
        put_promises(entry, item, record->value);
        (void)cJSON_AddItemToArray(documents, cJSON_Duplicate(record->value, true));
    }
}

static void put_contracts(struct catalog *catalog, cJSON *entry, cJSON *documents)
{
    const cJSON *contracts = cJSON_AddArrayToObject(entry, "contracts");
    const cJSON *port;
    cJSON_ArrayForEach(port, member(entry, "ports"))
    {
        const char *id = catalog_text(port, "contract");
        const char *version = catalog_text(port, "version");
        if (id != NULL && version != NULL && !has_contract(contracts, id, version)) {
            put_contract(catalog, entry, documents, id, version);
        }
    }
}

// ---- its gateways and service levels ----

// What stands after "PRODUCT/" in a key.
static const char *gateway_of(const char *key, const char *product)
{
    return key + strlen(product) + 1;
}

static void put_gateways(struct catalog *catalog, cJSON *entry, const char *product,
                         const char *prefix)
{
    struct catalog_run run = catalog_run(catalog, CATALOG_NODE, prefix, true);
    cJSON *gateways = cJSON_AddArrayToObject(entry, "gateways");
    for (size_t i = 0; i < run.count; i++) {
        if (!catalog_is_newest(&run, i)) {
            continue;
        }
        const cJSON *node = run.at[i].value;
        const cJSON *contract = member(node, "contract");
        const cJSON *agent = member(node, "agent");
        cJSON *item = cJSON_CreateObject();
        catalog_put_text(item, "name", gateway_of(run.at[i].key, product));
        (void)cJSON_AddNumberToObject(item, "at", (double)run.at[i].time_ms);
        catalog_put_text(item, "contract", catalog_text(contract, "id"));
        catalog_put_text(item, "version", catalog_text(contract, "version"));
        catalog_put_text(item, "epoch", catalog_text(node, "epoch"));
        catalog_put_text(item, "agent", catalog_text(agent, "version"));
        (void)cJSON_AddItemToArray(gateways, item);
    }
}

static cJSON *level_called(cJSON *levels, const char *gateway, const char *name)
{
    cJSON *level;
    cJSON_ArrayForEach(level, levels)
    {
        if (strcmp(catalog_text(level, "gateway"), gateway) == 0 &&
            strcmp(catalog_text(level, "name"), name) == 0) {
            return level;
        }
    }
    level = cJSON_CreateObject();
    catalog_put_text(level, "gateway", gateway);
    catalog_put_text(level, "name", name);
    (void)cJSON_AddItemToArray(levels, level);
    return level;
}

static void replace(cJSON *object, const char *name, const cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (value != NULL) {
        (void)cJSON_AddItemToObject(object, name, cJSON_Duplicate(value, true));
    }
}

// One result of a measurement becomes the newest of its level.
static void put_result(cJSON *levels, const char *gateway, const cJSON *result, int64_t time_ms)
{
    const char *id = catalog_text(result, "id");
    const cJSON *measure = member(result, "measure");
    const cJSON *value = member(measure, "value");
    if (id == NULL) {
        return;
    }
    cJSON *level = level_called(levels, gateway, id);
    cJSON *history = cJSON_GetObjectItemCaseSensitive(level, "history");
    history = history != NULL ? history : cJSON_AddArrayToObject(level, "history");
    replace(level, "status", member(result, "status"));
    replace(level, "value", value);
    replace(level, "unit", member(measure, "unit"));
    replace(level, "threshold", member(measure, "threshold"));
    cJSON_DeleteItemFromObjectCaseSensitive(level, "at");
    (void)cJSON_AddNumberToObject(level, "at", (double)time_ms);
    if (cJSON_IsNumber(value)) {
        const double pair[2] = {(double)time_ms, value->valuedouble};
        (void)cJSON_AddItemToArray(history, cJSON_CreateDoubleArray(pair, 2));
    }
}

// A gateway that has not told its levels for three of its intervals and 30 s, the rule of
// heartbeats, is silent, unless it is no gateway of the product any more.
static void judge_silence(cJSON *entry, const char *gateway, const struct catalog_record *last,
                          int64_t now_ms)
{
    const cJSON *interval = member(last->value, "interval_s");
    cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(entry, "gateways"))
    {
        const char *name = catalog_text(item, "name");
        if (now_ms > 0 && cJSON_IsNumber(interval) && interval->valuedouble > 0 && name != NULL &&
            strcmp(name, gateway) == 0) {
            double due_ms = (double)last->time_ms + 3000 * interval->valuedouble + 30000;
            (void)cJSON_AddBoolToObject(item, "silent", (double)now_ms > due_ms);
        }
    }
}

static void put_levels(struct catalog *catalog, cJSON *entry, const char *product,
                       const char *prefix, int64_t now_ms)
{
    struct catalog_run run = catalog_run(catalog, CATALOG_LEVELS, prefix, true);
    cJSON *levels = cJSON_AddArrayToObject(entry, "levels");
    for (size_t i = 0; i < run.count; i++) {
        size_t left = 0; // of this gateway
        while (left <= CATALOG_HISTORY_MAX && i + left + 1 < run.count &&
               strcmp(run.at[i].key, run.at[i + left + 1].key) == 0) {
            left++;
        }
        const cJSON *result;
        if (left >= CATALOG_HISTORY_MAX || run.at[i].value == NULL) {
            continue;
        }
        if (catalog_is_newest(&run, i)) {
            judge_silence(entry, gateway_of(run.at[i].key, product), &run.at[i], now_ms);
        }
        cJSON_ArrayForEach(result, member(run.at[i].value, "results"))
        {
            put_result(levels, gateway_of(run.at[i].key, product), result, run.at[i].time_ms);
        }
    }
}

// The worst of all: fail, then warn, then unknown where nothing passes, else pass. What a silent
// gateway told last is no news of it: it fails.
static const char *status_of(const cJSON *entry)
{
    static const char *const ranks[] = {"unknown", "pass", "warn", "fail"};
    size_t worst = 0;
    const cJSON *level;
    const cJSON *gateway;
    cJSON_ArrayForEach(gateway, member(entry, "gateways"))
    {
        worst = cJSON_IsTrue(member(gateway, "silent")) ? 3 : worst;
    }
    cJSON_ArrayForEach(level, member(entry, "levels"))
    {
        const char *status = catalog_text(level, "status");
        for (size_t rank = worst + 1; status != NULL && rank < 4; rank++) {
            worst = strcmp(status, ranks[rank]) == 0 ? rank : worst;
        }
    }
    return ranks[worst];
}

cJSON *catalog_entry(struct catalog *catalog, const struct catalog_record *product, int64_t now_ms)
{
    char prefix[NAME_SIZE];
    if (strlen(product->key) + 2 > sizeof prefix) {
        return NULL;
    }
    (void)snprintf(prefix, sizeof prefix, "%s/", product->key);
    cJSON *entry = cJSON_CreateObject();
    cJSON *documents = cJSON_CreateObject();
    put_head(entry, product);
    put_signature(entry, product);
    put_ports(entry, product->value);
    put_contracts(catalog, entry, cJSON_AddArrayToObject(documents, "contracts"));
    put_gateways(catalog, entry, product->key, prefix);
    put_levels(catalog, entry, product->key, prefix, now_ms);
    catalog_put_text(entry, "status_of_levels", status_of(entry));
    (void)cJSON_AddItemToObject(documents, "product", cJSON_Duplicate(product->value, true));
    (void)cJSON_AddItemToObject(entry, "documents", documents);
    return entry;
}
