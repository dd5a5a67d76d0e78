#include "agent/wire_contract.h"

#include "agent/avro_schema.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

void wire_contract_id(const struct contract *contract, const struct contract_port *port,
                      char out[WIRE_CONTRACT_ID_SIZE])
{
    assert(port->layout == LAYOUT_BLOCKS);
    (void)snprintf(out, WIRE_CONTRACT_ID_SIZE, "%s:%s:wire", contract->id, port->name);
}

void wire_contract_key(const struct contract *contract, const struct contract_port *port,
                       char out[WIRE_CONTRACT_ID_SIZE])
{
    (void)snprintf(out, WIRE_CONTRACT_ID_SIZE, "%s:%s:wire/%s", contract->id, port->name,
                   contract->version);
}

static cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    if (text != NULL) {
        (void)cJSON_AddStringToObject(object, key, text);
    }
}

// ---- properties, from the fields of the Avro schema ----

static const char *logical_type(const char *avro)
{
    static const struct {
        const char *avro;
        const char *odcs;
    } types[] = {{"string", "string"}, {"enum", "string"}, {"int", "integer"},  {"long", "integer"},
                 {"double", "number"}, {"array", "array"}, {"record", "object"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].avro, avro) == 0) {
            return types[i].odcs;
        }
    }
    abort(); // the schema is ours
}

static void add_fields(cJSON *object, const cJSON *fields);

// Of a schema of our own, which is four deep.
static void add_type(cJSON *object, const cJSON *type)
{
    const char *word = cJSON_GetStringValue(cJSON_IsObject(type) ? member(type, "type") : type);
    add_text(object, "logicalType", logical_type(word));
    add_text(object, "physicalType", word);
    if (strcmp(word, "array") == 0) {
        add_type(cJSON_AddObjectToObject(object, "items"), member(type, "items"));
    } else if (strcmp(word, "record") == 0) {
        add_fields(object, member(type, "fields"));
    }
}

static void add_fields(cJSON *object, const cJSON *fields)
{
    cJSON *properties = cJSON_AddArrayToObject(object, "properties");
    const cJSON *field;
    cJSON_ArrayForEach(field, fields)
    {
        cJSON *property = cJSON_CreateObject();
        add_text(property, "name", cJSON_GetStringValue(member(field, "name")));
        add_type(property, member(field, "type"));
        (void)cJSON_AddBoolToObject(property, "required", true);
        add_text(property, "description", cJSON_GetStringValue(member(field, "doc")));
        (void)cJSON_AddItemToArray(properties, property);
    }
}

// ---- the document ----

static void add_custom(cJSON *list, const char *property, const char *value)
{
    cJSON *item = cJSON_CreateObject();
    add_text(item, "property", property);
    add_text(item, "value", value);
    (void)cJSON_AddItemToArray(list, item);
}

static void add_schema(cJSON *root, const struct contract_port *port, const char *avro_text,
                       const cJSON *avro)
{
    cJSON *entry = cJSON_CreateObject();
    (void)cJSON_AddItemToArray(cJSON_AddArrayToObject(root, "schema"), entry);
    add_text(entry, "name", "Block");
    add_text(entry, "physicalName", port->topic);
    add_text(entry, "physicalType", "topic");
    add_text(entry, "logicalType", "object");
    add_text(entry, "description",
             "Rows as columns, an Avro record in each record of the topic; key: the gateway.");
    add_fields(entry, member(avro, "fields"));
    cJSON *customs = cJSON_AddArrayToObject(entry, "customProperties");
    add_custom(customs, "framing", contract_framing(port));
    add_custom(customs, "avroSchema", avro_text);
}

// Blocks are Avro, whatever the other ports are.
static void add_servers(cJSON *root, const cJSON *from)
{
    cJSON *servers = cJSON_Duplicate(member(from, "servers"), true);
    cJSON *server;
    if (servers == NULL) {
        return;
    }
    cJSON_ArrayForEach(server, servers)
    {
        const char *type = cJSON_GetStringValue(member(server, "type"));
        if (type != NULL && strcmp(type, "kafka") == 0) {
            cJSON_DeleteItemFromObjectCaseSensitive(server, "format");
            add_text(server, "format", "avro");
        }
    }
    (void)cJSON_AddItemToObject(root, "servers", servers);
}

static void add_copies(cJSON *root, const cJSON *from)
{
    static const char *const keys[] = {"team", "support", "tags"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *item = member(from, keys[i]);
        if (item != NULL) {
            (void)cJSON_AddItemToObject(root, keys[i], cJSON_Duplicate(item, true));
        }
    }
    add_servers(root, from);
}

static void add_head(cJSON *root, const struct contract *contract, const struct contract_port *port)
{
    char id[WIRE_CONTRACT_ID_SIZE];
    char purpose[WIRE_CONTRACT_ID_SIZE + 200];
    wire_contract_id(contract, port, id);
    add_text(root, "apiVersion", "v3.1.0");
    add_text(root, "kind", "DataContract");
    add_text(root, "id", id);
    add_text(root, "version", contract->version);
    add_text(root, "status", contract->status);
    add_text(root, "tenant", contract->tenant);
    add_text(root, "domain", contract->domain);
    add_text(root, "dataProduct", contract->product);
    cJSON *description = cJSON_AddObjectToObject(root, "description");
    (void)snprintf(purpose, sizeof purpose,
                   "How the rows that contract %.250s promises lie in the records of its topic.",
                   contract->id);
    add_text(description, "purpose", purpose);
    add_text(description, "usage",
             "Decode a record with any Avro library, then its columns into rows: the readers for "
             "Python, Java and JavaScript in weir's tests/vectors, or weir decode.");
    cJSON *links = cJSON_AddArrayToObject(root, "authoritativeDefinitions");
    cJSON *link = cJSON_CreateObject();
    (void)snprintf(purpose, sizeof purpose, "%.250s/%.100s", contract->id, contract->version);
    add_text(link, "url", purpose);
    add_text(link, "type", "businessDefinition");
    add_text(link, "description", "the contract of the rows, on mesh.contracts under this key");
    (void)cJSON_AddItemToArray(links, link);
}

static char *document_of(const struct contract *contract, const struct contract_port *port,
                         const char *avro_text)
{
    cJSON *avro = cJSON_Parse(avro_text);
    cJSON *from = cJSON_Parse(contract->document);
    cJSON *root = cJSON_CreateObject();
    char *text = NULL;
    if (avro != NULL && from != NULL && root != NULL) {
        add_head(root, contract, port);
        add_schema(root, port, avro_text, avro);
        add_copies(root, from);
        text = cJSON_PrintUnformatted(root);
    }
    cJSON_Delete(avro);
    cJSON_Delete(from);
    cJSON_Delete(root);
    return text;
}

char *wire_contract_document(const struct contract *contract, const struct contract_port *port)
{
    char *room = malloc(AVRO_SCHEMA_BYTES_MAX + 1);
    char *text = NULL;
    struct buffer avro = buffer_over(room, room == NULL ? 0 : AVRO_SCHEMA_BYTES_MAX);
    if (room != NULL && avro_schema_put(contract, port, &port->schema, &avro) == OK) {
        room[avro.size] = '\0';
        text = document_of(contract, port, room);
    }
    free(room);
    return text;
}
