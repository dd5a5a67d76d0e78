// `weir describe`: all that a consumer needs of a product or contract: its documents, and how to
// read it, from the mesh or from a contract's file.
#include "agent/asyncapi.h"
#include "agent/command.h"
#include "agent/command_kafka.h"
#include "agent/dsse.h"
#include "agent/log.h"
#include "agent/product_document.h"
#include "agent/snippet.h"
#include "ports/discovery/mesh.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: weir describe PRODUCT | CONTRACT [options]\n"
    "PRODUCT is a product's name or id, CONTRACT a contract's id or ID/VERSION, both as the mesh "
    "has\n"
    "them; or a contract's file. Prints the documents and how to read the data.\n"
    "  --as PART               only this: odps, odcs, asyncapi, kcat, python, java, sql (DuckDB),\n"
    "                          flink\n"
    "  --port NAME             of a product with several; default: the first\n"
    "  --trust CA              authorities (PEM) whose signatures count\n"
    "  --json                  one JSON object\n" COMMAND_KAFKA_USAGE
    "exit: 0; 64 usage; 65 not a contract that can be read; 66 no such product or contract;\n"
    "      69 no broker; 77 no right; 78 the settings are wrong\n";

struct describe {
    struct command_kafka kafka;
    const char *word;
    const char *as;
    const char *port_name;
    const char *trust_file;
    bool json;
    bool is_open; // kafka
    struct dsse_trust *trust;
    struct mesh_table *products, *contracts;
    // What was found.
    char *product_text; // ODPS; owned
    struct contract *contract;
    const struct contract_port *port;
};

static int refuse(int code, const char *word, const char *what)
{
    (void)fprintf(stderr, "weir describe: %s: %s\n", word, what);
    return code;
}

// ---- from the mesh ----

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

// Told where a record is not what it should be; it is described all the same.
static void judge(const struct describe *describe, const struct mesh_entry *entry, const char *type,
                  const char *domain)
{
    struct dsse_verdict verdict;
    dsse_check(describe->trust, entry->signature, type, entry->value, domain, &verdict);
    if (verdict.state != DSSE_TRUSTED) {
        (void)fprintf(stderr, "weir describe: %s %.200s: %s\n",
                      strcmp(type, PRODUCT_TYPE) == 0 ? "product" : "contract",
                      (const char *)entry->key.at, verdict.sentence);
    }
}

static int take_contract(struct describe *describe, const struct mesh_entry *entry)
{
    struct problems problems = {.count = 0};
    describe->contract = contract_parse((const char *)entry->key.at, entry->value, &problems);
    if (describe->contract == NULL) {
        problems_print(&problems, stderr);
    } else {
        judge(describe, entry, CONTRACT_TYPE, describe->contract->domain);
    }
    problems_free(&problems);
    return describe->contract != NULL ? EX_OK : EX_DATAERR;
}

// The port that was asked for, else the first.
static const cJSON *choose_output(const struct describe *describe, const cJSON *product)
{
    const cJSON *ports = cJSON_GetObjectItemCaseSensitive(product, "outputPorts");
    const cJSON *port;
    cJSON_ArrayForEach(port, ports)
    {
        if (describe->port_name == NULL ||
            strcmp(text_of(port, "name"), describe->port_name) == 0) {
            return port;
        }
    }
    return NULL;
}

static int take_product(struct describe *describe, const struct mesh_entry *entry)
{
    char key[512];
    cJSON *product = cJSON_ParseWithLength((const char *)entry->value.at, entry->value.size);
    const cJSON *port = choose_output(describe, product);
    (void)snprintf(key, sizeof key, "%.300s/%.100s", text_of(port, "contractId"),
                   text_of(port, "version"));
    judge(describe, entry, PRODUCT_TYPE, text_of(product, "domain"));
    describe->product_text = strndup((const char *)entry->value.at, entry->value.size);
    cJSON_Delete(product);
    if (port == NULL) {
        return refuse(EX_NOINPUT, describe->word, "the product has no such port");
    }
    const struct mesh_entry *contract = mesh_table_find(describe->contracts, key);
    return contract != NULL ? take_contract(describe, contract)
                            : refuse(EX_NOINPUT, key, "mesh.contracts has no such contract");
}

static bool is_called(const struct mesh_entry *entry, const char *name)
{
    cJSON *product = cJSON_ParseWithLength((const char *)entry->value.at, entry->value.size);
    bool is_it = strcmp(text_of(product, "name"), name) == 0;
    cJSON_Delete(product);
    return is_it;
}

// The product with the id or name; `*count` of them have it.
static const struct mesh_entry *find_product(const struct describe *describe, uint32_t *count)
{
    const struct mesh_entry *found = mesh_table_find(describe->products, describe->word);
    bool is_id = found != NULL;
    *count = is_id;
    for (uint32_t i = 0; !is_id && i < mesh_table_count(describe->products); i++) {
        const struct mesh_entry *entry = mesh_table_at(describe->products, i);
        if (is_called(entry, describe->word)) {
            found = entry;
            (*count)++;
        }
    }
    return found;
}

// ID/VERSION, or the newest version of ID.
static const struct mesh_entry *find_contract(const struct describe *describe)
{
    const struct mesh_entry *found = mesh_table_find(describe->contracts, describe->word);
    size_t size = strlen(describe->word);
    for (uint32_t i = 0; i < mesh_table_count(describe->contracts); i++) {
        const struct mesh_entry *entry = mesh_table_at(describe->contracts, i);
        const char *key = (const char *)entry->key.at;
        bool is_it = strncmp(key, describe->word, size) == 0 && key[size] == '/';
        if (is_it && (found == NULL || version_compare(key + size + 1, (const char *)found->key.at +
                                                                           size + 1) > 0)) {
            found = entry;
        }
    }
    return found;
}

static int find(struct describe *describe)
{
    uint32_t count;
    const struct mesh_entry *product = find_product(describe, &count);
    if (count > 1) {
        return refuse(EX_USAGE, describe->word,
                      "several products have this name; say the id (weir catalog lists them)");
    }
    if (product != NULL) {
        return take_product(describe, product);
    }
    const struct mesh_entry *contract = find_contract(describe);
    return contract != NULL
               ? take_contract(describe, contract)
               : refuse(EX_NOINPUT, describe->word,
                        "the mesh has no product or contract of this name or id, and there is no "
                        "such file");
}

static int read_mesh(struct describe *describe)
{
    char why[KAFKA_SENTENCE_SIZE];
    struct mesh *mesh;
    int code = command_kafka_open(&describe->kafka);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    describe->is_open = true;
    enum err err = mesh_open(&describe->kafka.client, describe->kafka.wait_ms, &mesh, why);
    if (err != OK) {
        return command_kafka_failed(&describe->kafka, err, why);
    }
    err = mesh_read(mesh, PRODUCTS_TOPIC, &describe->products, why);
    if (err == OK) {
        err = mesh_read(mesh, CONTRACTS_TOPIC, &describe->contracts, why);
    }
    mesh_close(mesh);
    return err == OK ? find(describe) : command_kafka_failed(&describe->kafka, err, why);
}

// ---- from a file ----

static int read_file(struct describe *describe)
{
    struct problems problems = {.count = 0};
    describe->contract = contract_read(describe->word, &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    if (describe->contract == NULL) {
        return EX_DATAERR;
    }
    const struct contract *const contracts[] = {describe->contract};
    describe->product_text = product_document(contracts, 1, bytes_from(NULL, 0));
    if (describe->kafka.bootstrap == NULL && describe->kafka.config == NULL) {
        return EX_OK;
    }
    int code = command_kafka_open(&describe->kafka);
    describe->is_open = code == ARGUMENTS_GO_ON;
    return describe->is_open ? EX_OK : code;
}

// ---- printing ----

// The host of the contract's first kafka server; else a name to be replaced.
static const char *host_of(const cJSON *document)
{
    const cJSON *server;
    cJSON_ArrayForEach(server, cJSON_GetObjectItemCaseSensitive(document, "servers"))
    {
        if (strcmp(text_of(server, "type"), "kafka") == 0 && text_of(server, "host")[0] != '\0') {
            return text_of(server, "host");
        }
    }
    return "KAFKA:9092";
}

static struct snippet_cluster cluster_of(const struct describe *describe, const cJSON *document)
{
    const struct kafka_client *client = &describe->kafka.client;
    if (!describe->is_open) {
        return (struct snippet_cluster){.bootstrap = host_of(document)};
    }
    return (struct snippet_cluster){
        .bootstrap = client->bootstrap,
        .ca = client->ca,
        .certificate = client->certificate,
        .key = client->key,
        .username = client->username,
        .mechanism = client->mechanism != NULL ? client->mechanism : "PLAIN",
    };
}

// The part as text, freed by free; NULL: there is no such part, or no memory.
static char *part(const struct describe *describe, const struct snippet_cluster *cluster,
                  const char *name)
{
    const struct snippet *snippet = snippets;
    char *text = NULL;
    size_t size = 0;
    while (snippet->name != NULL && strcmp(snippet->name, name) != 0) {
        snippet++;
    }
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    bool is_known = true;
    if (strcmp(name, "odps") == 0) {
        (void)fprintf(out, "%s\n",
                      describe->product_text != NULL ? describe->product_text : "null");
    } else if (strcmp(name, "odcs") == 0) {
        (void)fprintf(out, "%s\n", describe->contract->document);
    } else if (strcmp(name, "asyncapi") == 0) {
        char *json = asyncapi_document(describe->contract, cluster->bootstrap, cluster->ca != NULL);
        (void)fprintf(out, "%s\n", json != NULL ? json : "null");
        cJSON_free(json);
    } else if (snippet->name != NULL) {
        snippet->print(cluster, describe->contract, describe->port, out);
    } else {
        is_known = false;
    }
    (void)fclose(out);
    if (!is_known) {
        free(text);
        text = NULL;
    }
    return text;
}

static const char *const parts[] = {"odps", "odcs", "asyncapi", "kcat", "python",
                                    "java", "sql",  "flink",    NULL};
enum { DOCUMENT_PARTS = 3 };

static void print_json(const struct describe *describe, const struct snippet_cluster *cluster)
{
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "product", describe->contract->product);
    (void)cJSON_AddStringToObject(root, "id", describe->contract->product_id);
    (void)cJSON_AddStringToObject(root, "topic", describe->port->topic);
    for (size_t i = 0; parts[i] != NULL; i++) {
        char *text = part(describe, cluster, parts[i]);
        cJSON *item = i < DOCUMENT_PARTS && text != NULL
                          ? cJSON_CreateRaw(text)
                          : cJSON_CreateString(text != NULL ? text : "");
        (void)cJSON_AddItemToObject(root, parts[i], item);
        free(text);
    }
    char *text = cJSON_PrintUnformatted(root);
    (void)printf("%s\n", text != NULL ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(root);
}

static int print_one(const struct describe *describe, const struct snippet_cluster *cluster)
{
    char *text = part(describe, cluster, describe->as);
    if (text == NULL) {
        return refuse(EX_USAGE, describe->as,
                      "no such part; odps, odcs, asyncapi, kcat, python, java, sql or flink");
    }
    (void)fputs(text, stdout);
    free(text);
    return EX_OK;
}

static void print_all(const struct describe *describe, const struct snippet_cluster *cluster)
{
    const struct contract *contract = describe->contract;
    (void)printf("product %s (%s), domain %s, owner %s, support %s\n", contract->product,
                 contract->product_id, contract->domain, contract->owner, contract->support);
    (void)printf("contract %s version %s, %s; port %s: topic %s\n", contract->id, contract->version,
                 contract->status, describe->port->name, describe->port->topic);
    for (size_t i = 0; parts[i] != NULL; i++) {
        char *text = part(describe, cluster, parts[i]);
        (void)printf("\n---- %s\n%s", parts[i], text != NULL ? text : "");
        free(text);
    }
}

static int print(struct describe *describe)
{
    const struct contract *contract = describe->contract;
    describe->port = describe->port_name != NULL ? contract_port(contract, describe->port_name)
                                                 : &contract->ports[0];
    if (describe->port == NULL) {
        return refuse(EX_NOINPUT, describe->port_name, "the contract has no such port");
    }
    int code = EX_OK;
    cJSON *document = cJSON_Parse(contract->document);
    struct snippet_cluster cluster = cluster_of(describe, document);
    if (describe->as != NULL) {
        code = print_one(describe, &cluster);
    } else if (describe->json) {
        print_json(describe, &cluster);
    } else {
        print_all(describe, &cluster);
    }
    cJSON_Delete(document);
    return code;
}

// ---- the whole ----

static void describe_free(struct describe *describe)
{
    mesh_table_free(describe->products);
    mesh_table_free(describe->contracts);
    contract_free(describe->contract);
    free(describe->product_text);
    dsse_trust_close(describe->trust);
    if (describe->is_open) {
        command_kafka_close(&describe->kafka);
    }
}

static int run(struct describe *describe)
{
    char why[DSSE_SENTENCE_SIZE];
    if (describe->trust_file != NULL &&
        dsse_trust_open(describe->trust_file, &describe->trust, why) != OK) {
        return refuse(EX_CONFIG, "--trust", why);
    }
    bool is_file = access(describe->word, R_OK) == 0;
    int code = is_file ? read_file(describe) : read_mesh(describe);
    return code == EX_OK ? print(describe) : code;
}

int command_describe(int argc, char **argv)
{
    struct describe describe = {.kafka = {.command = "describe"}};
    const struct argument rows[] = {COMMAND_KAFKA_ROWS(describe.kafka),
                                    {.names = ARGUMENT_WORD, .text = &describe.word},
                                    {.names = "--as", .text = &describe.as},
                                    {.names = "--port", .text = &describe.port_name},
                                    {.names = "--trust", .text = &describe.trust_file},
                                    {.names = "--json|-j", .flag = &describe.json},
                                    {.names = NULL}};
    int code = arguments_read("describe", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    if (describe.word == NULL) {
        (void)fputs(usage, stderr);
        return EX_USAGE;
    }
    log_start(LOG_LEVEL_ERROR); // what went wrong is told once, in our own words
    code = run(&describe);
    describe_free(&describe);
    return fflush(stdout) == 0 ? code : EX_IOERR;
}
