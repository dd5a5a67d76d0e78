#include "agent/asyncapi.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static cJSON *add_object(cJSON *parent, const char *key)
{
    return cJSON_AddObjectToObject(parent, key);
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    (void)cJSON_AddStringToObject(object, key, text);
}

static void add_reference(cJSON *parent, const char *key, const char *section, const char *name)
{
    char text[400];
    (void)snprintf(text, sizeof text, "#/%s/%s", section, name);
    add_text(add_object(parent, key), "$ref", text);
}

static void add_servers(cJSON *root, const char *bootstrap, bool tls)
{
    char host[256];
    (void)snprintf(host, sizeof host, "%.*s", (int)strcspn(bootstrap, ","), bootstrap);
    cJSON *server = add_object(add_object(root, "servers"), "kafka");
    add_text(server, "host", host);
    add_text(server, "protocol", tls ? "kafka-secure" : "kafka");
}

// ---- what is in a record ----

static void add_type(cJSON *item, const struct column *column)
{
    static const char *const names[] = {"boolean", "integer", "number", "string", "string"};
    const char *name = column->as_text ? "string" : names[column->type];
    if (column->required) {
        add_text(item, "type", name);
    } else {
        const char *const both[] = {name, "null"};
        (void)cJSON_AddItemToObject(item, "type", cJSON_CreateStringArray(both, 2));
    }
    if (column->type == COLUMN_TIMESTAMP) {
        add_text(item, "format", "date-time");
    }
}

// Descriptions and examples are the contract's own.
static void add_words(cJSON *item, const cJSON *properties, const char *name)
{
    static const char *const keys[] = {"description", "examples"};
    const cJSON *property;
    cJSON_ArrayForEach(property, properties)
    {
        const char *called =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(property, "name"));
        for (size_t i = 0; i < 2 && called != NULL && strcmp(called, name) == 0; i++) {
            const cJSON *word = cJSON_GetObjectItemCaseSensitive(property, keys[i]);
            if (word != NULL && !cJSON_IsNull(word)) {
                (void)cJSON_AddItemToObject(item, keys[i], cJSON_Duplicate(word, true));
            }
        }
    }
}

// Every column is always there; one that is not required may be null.
static void add_payload(cJSON *message, const struct schema *schema, const cJSON *properties)
{
    cJSON *payload = add_object(message, "payload");
    add_text(payload, "type", "object");
    cJSON *required = cJSON_AddArrayToObject(payload, "required");
    cJSON *members = add_object(payload, "properties");
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        (void)cJSON_AddItemToArray(required, cJSON_CreateString(column->name));
        cJSON *item = add_object(members, column->name);
        add_type(item, column);
        add_words(item, properties, column->name);
    }
}

static void add_headers(cJSON *message, enum header_level level)
{
    static const char *const full[] = {"ce_specversion", "ce_id",       "ce_source",
                                       "ce_type",        "ce_time",     "ce_subject",
                                       "ce_dataschema",  "content-type"};
    cJSON *headers = add_object(message, "headers");
    add_text(headers, "type", "object");
    cJSON *members = add_object(headers, "properties");
    cJSON *item = add_object(members, "weir");
    add_text(item, "type", "string");
    add_text(item, "description",
             "GATEWAY/EPOCH/SEQ: a repeat has the same; seq has no silent gap");
    for (size_t i = 0; level == HEADERS_FULL && i < sizeof full / sizeof *full; i++) {
        add_text(add_object(members, full[i]), "type", "string");
    }
}

static const cJSON *properties_of(const cJSON *document, const char *entry_name)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(document, "schema"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "name"));
        if (name != NULL && strcmp(name, entry_name) == 0) {
            return cJSON_GetObjectItemCaseSensitive(entry, "properties");
        }
    }
    return NULL;
}

static void add_message(cJSON *messages, const struct contract_port *port, const cJSON *document)
{
    cJSON *message = add_object(messages, port->name);
    add_text(message, "name", port->entry);
    add_headers(message, port->headers);
    if (port->format == FORMAT_AVRO || port->layout == LAYOUT_BLOCKS) {
        add_text(message, "contentType", "application/vnd.apache.avro");
        add_text(message, "description", "Avro; its schema is in the schema registry");
    } else {
        add_text(message, "contentType", "application/json");
        add_payload(message, &port->schema, properties_of(document, port->entry));
    }
    cJSON *key = add_object(add_object(add_object(message, "bindings"), "kafka"), "key");
    add_text(key, "type", "string");
}

// ---- the whole ----

static void add_port(cJSON *root, const struct contract_port *port)
{
    cJSON *channel = add_object(cJSON_GetObjectItem(root, "channels"), port->name);
    add_text(channel, "address", port->topic);
    add_reference(add_object(channel, "messages"), "record", "components/messages", port->name);
    cJSON *binding = add_object(add_object(channel, "bindings"), "kafka");
    add_text(binding, "topic", port->topic);
    if (port->partitions > 0) {
        (void)cJSON_AddNumberToObject(binding, "partitions", port->partitions);
    }
    if (port->replication > 0) {
        (void)cJSON_AddNumberToObject(binding, "replicas", port->replication);
    }
    char name[160];
    (void)snprintf(name, sizeof name, "send-%.150s", port->name);
    cJSON *operation = add_object(cJSON_GetObjectItem(root, "operations"), name);
    add_text(operation, "action", "send");
    add_reference(operation, "channel", "channels", port->name);
}

static void add_info(cJSON *root, const struct contract *contract, const cJSON *document)
{
    const cJSON *purpose = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(document, "description"), "purpose");
    cJSON *info = add_object(root, "info");
    add_text(info, "title", contract->product);
    add_text(info, "version", contract->version);
    if (cJSON_IsString(purpose)) {
        add_text(info, "description", purpose->valuestring);
    }
    cJSON *contact = add_object(info, "contact");
    add_text(contact, "name", contract->owner);
    if (strncmp(contract->support, "mailto:", 7) == 0) {
        add_text(contact, "email", contract->support + 7);
    } else if (strstr(contract->support, "://") != NULL) {
        add_text(contact, "url", contract->support);
    }
}

char *asyncapi_document(const struct contract *contract, const char *bootstrap, bool tls)
{
    cJSON *document = cJSON_Parse(contract->document);
    cJSON *root = cJSON_CreateObject();
    add_text(root, "asyncapi", "3.0.0");
    add_info(root, contract, document);
    add_text(root, "defaultContentType", "application/json");
    add_servers(root, bootstrap, tls);
    (void)add_object(root, "channels");
    (void)add_object(root, "operations");
    cJSON *messages = add_object(add_object(root, "components"), "messages");
    for (uint32_t i = 0; i < contract->port_count; i++) {
        add_port(root, &contract->ports[i]);
        add_message(messages, &contract->ports[i], document);
    }
    cJSON_Delete(document);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}
