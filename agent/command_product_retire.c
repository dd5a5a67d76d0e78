// `weir product retire`: first the marks of the end (status, endOfSupport), so that consumers are
// told; the tombstones only when nobody is seen to read any more. What cannot be seen is said.
#include "agent/command_product.h"

#include "agent/clock.h"
#include "agent/command.h"
#include "agent/contract_document.h"
#include "agent/wire_contract.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#define AUDIT_TOPIC "mesh.audit"

static const int64_t day_ms = 86400000;

enum { SUPPORT_DAYS = 30, QUIET_DAYS = 7, SENTENCE_SIZE = 640 };

struct retiring {
    struct product_request *request;
    const struct contract *contract;
    struct mesh *mesh;
    struct mesh_table *contracts, *products;
    const struct mesh_entry *entry; // of the contract
    char key[300];
    char end_of_support[64];
    int64_t end_ms;
    struct mesh_groups *groups; // of the last port looked at
    cJSON *readers;             // groups that stand against it
    cJSON *unseen;              // texts
    const char *state;          // "deprecated", "retired", "refused"
    char sentence[SENTENCE_SIZE];
    char why[KAFKA_SENTENCE_SIZE];
};

#define TELL(retiring, to, ...)                                                                    \
    ((retiring)->state = (to),                                                                     \
     (void)snprintf((retiring)->sentence, sizeof(retiring)->sentence, __VA_ARGS__))

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

// ---- dates ----

static bool read_end(struct retiring *retiring)
{
    const char *given = retiring->request->end_of_support;
    if (given == NULL) {
        char text[25];
        (void)clock_format(clock_wall_ms() + SUPPORT_DAYS * day_ms, text);
        (void)snprintf(retiring->end_of_support, sizeof retiring->end_of_support, "%.10s", text);
    } else {
        (void)snprintf(retiring->end_of_support, sizeof retiring->end_of_support, "%s", given);
    }
    if (!contract_end_ms(retiring->end_of_support, &retiring->end_ms)) {
        (void)fprintf(stderr, "weir product: --end-of-support %s: write a date, e.g. 2027-03-31\n",
                      given);
        return false;
    }
    return true;
}

// ---- writing ----

static enum err put(struct retiring *retiring, const char *topic, const char *key,
                    const char *document, const char *type)
{
    struct dsse_signer *signer = retiring->request->signer;
    // Of a tombstone, which has no value, the key is signed.
    struct bytes signed_bytes = bytes_text(document != NULL ? document : key);
    const char *signed_type = document != NULL ? type : "application/vnd.weir.tombstone";
    char *signature = signer != NULL ? dsse_sign(signer, signed_type, signed_bytes) : NULL;
    if (signer != NULL && signature == NULL) {
        (void)snprintf(retiring->why, sizeof retiring->why, "a record could not be signed");
        return ERR_FAILED;
    }
    const struct mesh_record record = {
        .topic = topic,
        .key = key,
        .value = document != NULL ? bytes_text(document) : bytes_from(NULL, 0),
        .content_type = document != NULL ? type : NULL,
        .signature = signature,
        .note = retiring->request->force_reason,
    };
    enum err err = mesh_put(retiring->mesh, &record, retiring->why);
    cJSON_free(signature);
    return err;
}

static const struct mesh_entry *product_of(const struct retiring *retiring)
{
    return mesh_table_find(retiring->products, retiring->contract->product_id);
}

static bool has_ports(const char *product)
{
    cJSON *root = cJSON_Parse(product);
    const cJSON *ports = cJSON_GetObjectItemCaseSensitive(root, "outputPorts");
    bool has = ports != NULL && ports->child != NULL;
    cJSON_Delete(root);
    return has;
}

// The product as it is without this contract's ports; NULL: there is no product.
static char *rest_of_product(const struct retiring *retiring)
{
    const struct mesh_entry *entry = product_of(retiring);
    return entry != NULL ? product_document_without(entry->value, retiring->contract->id,
                                                    retiring->contract->version)
                         : NULL;
}

// The contracts of the wire (agent/wire_contract.h) end with the contract that they were made from:
// marked like it, or (`marked` false) taken off.
static enum err put_wire_contracts(struct retiring *retiring, bool marked)
{
    const struct contract *contract = retiring->contract;
    enum err err = OK;
    for (uint32_t i = 0; i < contract->port_count && err == OK; i++) {
        char key[WIRE_CONTRACT_ID_SIZE];
        if (contract->ports[i].layout != LAYOUT_BLOCKS) {
            continue;
        }
        wire_contract_key(contract, &contract->ports[i], key);
        const struct mesh_entry *entry = mesh_table_find(retiring->contracts, key);
        if (entry == NULL) {
            continue;
        }
        char *document =
            marked ? contract_document_ended(entry->value, "deprecated", retiring->end_of_support)
                   : NULL;
        err = marked && document == NULL
                  ? ERR_FAILED
                  : put(retiring, CONTRACTS_TOPIC, key, document, CONTRACT_TYPE);
        cJSON_free(document);
    }
    return err;
}

// ---- the first step ----

static enum err deprecate(struct retiring *retiring)
{
    char *document =
        contract_document_ended(retiring->entry->value, "deprecated", retiring->end_of_support);
    char *rest = rest_of_product(retiring);
    enum err err = document != NULL
                       ? put(retiring, CONTRACTS_TOPIC, retiring->key, document, CONTRACT_TYPE)
                       : ERR_FAILED;
    if (err == OK) {
        err = put_wire_contracts(retiring, true);
    }
    if (err == OK && rest != NULL && !has_ports(rest)) { // it was the product's only contract
        char *product = contract_document_ended(product_of(retiring)->value, "deprecated", NULL);
        err = product != NULL ? put(retiring, PRODUCTS_TOPIC, retiring->contract->product_id,
                                    product, PRODUCT_TYPE)
                              : ERR_FAILED;
        cJSON_free(product);
    }
    cJSON_free(document);
    cJSON_free(rest);
    if (err == OK) {
        TELL(retiring, "deprecated",
             "contract %s is deprecated, its support ends %s; retire it again after that",
             retiring->key, retiring->end_of_support);
    }
    return err;
}

// ---- who reads ----

static void add_unseen(struct retiring *retiring, const char *text)
{
    (void)cJSON_AddItemToArray(retiring->unseen, cJSON_CreateString(text));
}

static void add_reader(struct retiring *retiring, const struct mesh_group *group, const char *topic)
{
    char when[25] = "";
    if (group->committed_ms >= 0) {
        (void)clock_format(group->committed_ms, when);
    }
    cJSON *item = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(item, "group", group->name);
    (void)cJSON_AddStringToObject(item, "topic", topic);
    (void)cJSON_AddStringToObject(item, "committed", when);
    (void)cJSON_AddItemToArray(retiring->readers, item);
}

static enum err look_at_topic(struct retiring *retiring, const char *topic)
{
    struct mesh_groups *groups = retiring->groups;
    enum err err = mesh_groups_of(retiring->mesh, topic, groups, retiring->why);
    int64_t quiet_ms = clock_wall_ms() - QUIET_DAYS * day_ms;
    for (uint32_t i = 0; err == OK && i < groups->count; i++) {
        const struct mesh_group *group = &groups->groups[i];
        if (group->committed_ms < 0 || group->committed_ms > quiet_ms) {
            add_reader(retiring, group, topic);
        }
    }
    return err;
}

static enum err look(struct retiring *retiring)
{
    enum err err = OK;
    bool times_seen = true;
    uint32_t hidden = 0;
    for (uint32_t i = 0; i < retiring->contract->port_count && err == OK; i++) {
        err = look_at_topic(retiring, retiring->contract->ports[i].topic);
        times_seen = times_seen && retiring->groups->times_seen;
        hidden += retiring->groups->hidden;
    }
    add_unseen(retiring, "consumers without a group, which commit nothing (kcat, SQL tools)");
    add_unseen(retiring, "consumers that keep their offsets elsewhere (Flink, Spark), and mirrors");
    if (!times_seen) {
        add_unseen(retiring, "when groups committed: this user may not read __consumer_offsets, so "
                             "every group with offsets counts");
    }
    if (hidden > 0) {
        add_unseen(retiring, "groups that this user may not ask; grant Describe on groups");
    }
    return err;
}

// ---- the second step ----

// A reason that overrules what stands against it is written down first.
static enum err record_force(struct retiring *retiring)
{
    char at[25];
    (void)clock_format(clock_wall_ms(), at);
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "kind", "Retired");
    (void)cJSON_AddStringToObject(root, "contract", retiring->key);
    (void)cJSON_AddStringToObject(root, "product", retiring->contract->product_id);
    (void)cJSON_AddStringToObject(root, "at", at);
    (void)cJSON_AddStringToObject(root, "forced", retiring->request->force_reason);
    (void)cJSON_AddItemToObject(root, "readers", cJSON_Duplicate(retiring->readers, true));
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    struct mesh_topic topic = {.name = AUDIT_TOPIC, .partitions = -1, .replication = -1};
    enum err err = mesh_describe(retiring->mesh, &topic, retiring->why);
    if (err == ERR_NOT_FOUND) {
        topic = (struct mesh_topic){.name = AUDIT_TOPIC, .partitions = -1, .replication = -1};
        err = mesh_create(retiring->mesh, &topic, retiring->why);
    }
    if (err == OK) {
        err = text != NULL ? put(retiring, AUDIT_TOPIC, retiring->key, text, "application/json")
                           : ERR_FAILED;
    }
    cJSON_free(text);
    return err;
}

static enum err remove_records(struct retiring *retiring)
{
    char *rest = rest_of_product(retiring);
    enum err err = OK;
    if (rest != NULL) {
        err = put(retiring, PRODUCTS_TOPIC, retiring->contract->product_id,
                  has_ports(rest) ? rest : NULL, PRODUCT_TYPE);
    }
    if (err == OK) {
        err = put_wire_contracts(retiring, false);
    }
    if (err == OK) {
        err = put(retiring, CONTRACTS_TOPIC, retiring->key, NULL, NULL);
    }
    if (err == OK) {
        TELL(retiring, "retired",
             "contract %s is off the mesh%s; its topics stay: delete them when "
             "their records are no longer needed",
             retiring->key, rest == NULL || !has_ports(rest) ? ", and its product" : "");
    }
    cJSON_free(rest);
    return err;
}

static enum err retire(struct retiring *retiring)
{
    enum err err = look(retiring);
    if (err != OK) {
        return err;
    }
    int count = cJSON_GetArraySize(retiring->readers);
    if (count > 0 && retiring->request->force_reason == NULL) {
        TELL(
            retiring, "refused",
            "%d group%s read it within the last %d days (or when cannot be seen), e.g. %.100s; ask "
            "them to move, or overrule with --force REASON",
            count, count == 1 ? "" : "s", QUIET_DAYS, text_of(retiring->readers->child, "group"));
        return OK;
    }
    err = retiring->request->force_reason != NULL ? record_force(retiring) : OK;
    return err == OK ? remove_records(retiring) : err;
}

// ---- the whole ----

static bool may_sign(struct retiring *retiring)
{
    struct dsse_verdict verdict;
    dsse_check(retiring->request->believed, retiring->entry->signature, CONTRACT_TYPE,
               retiring->entry->value, retiring->contract->domain, &verdict);
    bool is_signed = verdict.state == DSSE_TRUSTED || verdict.state == DSSE_SIGNED;
    if (is_signed && retiring->request->signer == NULL) {
        TELL(retiring, "refused", "the record there is signed by %s; give --sign KEY,CERT",
             verdict.signer);
        return false;
    }
    return true;
}

static enum err step(struct retiring *retiring)
{
    char end[64];
    int64_t end_ms = 0;
    cJSON *document = cJSON_Parse((const char *)retiring->entry->value.at);
    contract_document_end(retiring->entry->value, end);
    bool is_marked = strcmp(text_of(document, "status"), "deprecated") == 0 && end[0] != '\0' &&
                     contract_end_ms(end, &end_ms);
    cJSON_Delete(document);
    bool is_forced = retiring->request->force_reason != NULL;
    bool is_new = retiring->request->end_of_support != NULL &&
                  strcmp(retiring->request->end_of_support, end) != 0;
    if (!is_marked || is_new) {
        enum err err = deprecate(retiring);
        return err == OK && is_forced ? retire(retiring) : err;
    }
    if (end_ms > clock_wall_ms() && !is_forced) {
        TELL(retiring, "refused",
             "contract %s is supported until %s; retire it again after that, or "
             "overrule with --force REASON",
             retiring->key, end);
        return OK;
    }
    return retire(retiring);
}

static void tell(const struct retiring *retiring)
{
    const cJSON *item;
    if (retiring->request->json) {
        cJSON *root = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(root, "contract", retiring->key);
        (void)cJSON_AddStringToObject(root, "state", retiring->state);
        (void)cJSON_AddStringToObject(root, "sentence", retiring->sentence);
        (void)cJSON_AddItemToObject(root, "readers", cJSON_Duplicate(retiring->readers, true));
        (void)cJSON_AddItemToObject(root, "could_not_see", cJSON_Duplicate(retiring->unseen, true));
        char *text = cJSON_Print(root);
        (void)printf("%s\n", text != NULL ? text : "{}");
        cJSON_free(text);
        cJSON_Delete(root);
        return;
    }
    (void)printf("%s\n", retiring->sentence);
    cJSON_ArrayForEach(item, retiring->readers)
    {
        (void)printf("  group %s, topic %s, last committed %s\n", text_of(item, "group"),
                     text_of(item, "topic"),
                     text_of(item, "committed")[0] != '\0' ? text_of(item, "committed") : "?");
    }
    cJSON_ArrayForEach(item, retiring->unseen)
    {
        (void)printf("  could not see: %s\n", cJSON_GetStringValue(item));
    }
}

static int finish(struct retiring *retiring)
{
    enum err err = mesh_read(retiring->mesh, CONTRACTS_TOPIC, &retiring->contracts, retiring->why);
    if (err == OK) {
        err = mesh_read(retiring->mesh, PRODUCTS_TOPIC, &retiring->products, retiring->why);
    }
    retiring->entry = mesh_table_find(retiring->contracts, retiring->key);
    if (err == OK && retiring->entry == NULL) {
        (void)snprintf(retiring->why, sizeof retiring->why, "%.150s: the mesh has no such contract",
                       retiring->key);
        err = ERR_NOT_FOUND;
    }
    if (err == OK && may_sign(retiring)) {
        err = step(retiring);
    }
    if (err != OK) {
        return command_kafka_failed(&retiring->request->kafka, err, retiring->why);
    }
    tell(retiring);
    return strcmp(retiring->state, "refused") == 0 ? PRODUCT_REFUSED : EX_OK;
}

static int with_mesh(struct retiring *retiring)
{
    struct command_kafka *kafka = &retiring->request->kafka;
    enum err err = mesh_open(&kafka->client, kafka->wait_ms, &retiring->mesh, retiring->why);
    if (err != OK) {
        return command_kafka_failed(kafka, err, retiring->why);
    }
    retiring->groups = calloc(1, sizeof *retiring->groups);
    retiring->readers = cJSON_CreateArray();
    retiring->unseen = cJSON_CreateArray();
    int code = retiring->groups != NULL ? finish(retiring) : EX_OSERR;
    cJSON_Delete(retiring->readers);
    cJSON_Delete(retiring->unseen);
    free(retiring->groups);
    mesh_table_free(retiring->contracts);
    mesh_table_free(retiring->products);
    mesh_close(retiring->mesh);
    return code;
}

int product_retire(struct product_request *request)
{
    struct retiring retiring = {.request = request, .state = ""};
    if (request->words.count != 1) {
        (void)fprintf(stderr, "weir product retire: name one contract\n");
        return EX_USAGE;
    }
    int code = read_end(&retiring) ? product_read_contracts(request) : EX_USAGE;
    if (code == EX_OK) {
        code = product_read_keys(request);
    }
    if (code != EX_OK) {
        return code;
    }
    retiring.contract = request->contracts[0];
    (void)snprintf(retiring.key, sizeof retiring.key, "%s/%s", retiring.contract->id,
                   retiring.contract->version);
    code = command_kafka_open(&request->kafka);
    if (code == ARGUMENTS_GO_ON) {
        code = with_mesh(&retiring);
        command_kafka_close(&request->kafka);
    }
    return code;
}
