// `weir catalog`: what data products there are, from the mesh topics alone.
#include "agent/command_catalog.h"

#include "agent/clock.h"
#include "agent/command.h"
#include "agent/command_kafka.h"
#include "agent/dsse.h"
#include "agent/log.h"
#include "agent/product_document.h"
#include "ports/output/kafka_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: weir catalog [WORD...] [options]\n"
    "Finds data products by what lies on mesh.products, mesh.contracts, mesh.nodes and mesh.slo: "
    "each\n"
    "WORD must stand somewhere in a product's names, texts, tags, owner, topics or fields.\n"
    "  --domain D            of this domain, or one below it\n"
    "  --tag T, --field F, --unit U\n"
    "  --show PRODUCT        all of one product, by its id, its name or DOMAIN/NAME\n"
    "  --trust CA            authorities (PEM) whose signatures are believed\n"
    "  --json                one JSON object: {\"cluster\", \"made\", \"products\": [..]}\n"
    "  --html DIR            write a site that searches and shows them; it works from a "
    "file\n" COMMAND_KAFKA_USAGE
    "exit: 0 found; 1 nothing found; 64 usage; 69 no broker; 73 DIR cannot be written; 77 no "
    "right;\n"
    "      78 settings\n";

enum { EXIT_NOTHING = 1 };

struct request {
    struct command_kafka kafka;
    struct argument_list words;
    const char *domain, *tag, *field, *unit, *show, *trust, *html;
    bool json;
    struct dsse_trust *believed;
};

static const struct source {
    const char *topic;
    enum catalog_kind kind;
    const char *type; // of what is signed; NULL: nothing is
    bool wanted;      // without it there is no catalog
} sources[] = {
    {PRODUCTS_TOPIC, CATALOG_PRODUCT, PRODUCT_TYPE, true},
    {CONTRACTS_TOPIC, CATALOG_CONTRACT, CONTRACT_TYPE, false},
    {NODES_TOPIC, CATALOG_NODE, NULL, false},
    {"mesh.slo", CATALOG_LEVELS, NULL, false},
};
enum { SOURCE_COUNT = sizeof sources / sizeof sources[0] };

// ---- reading ----

struct taking {
    struct catalog *catalog;
    const struct request *request;
    const struct source *source;
};

// The domain that should have signed a document: the one that it says it is of.
static char *domain_of(struct bytes value)
{
    cJSON *document = cJSON_ParseWithLength((const char *)value.at, value.size);
    const char *domain = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "domain"));
    char *copied = strdup(domain != NULL ? domain : "");
    cJSON_Delete(document);
    return copied;
}

static enum err take(void *taker, const rd_kafka_message_t *message)
{
    const struct taking *taking = taker;
    const char *type = taking->source->type;
    struct bytes value = bytes_from(message->payload, message->len);
    struct dsse_verdict verdict = {.state = DSSE_UNSIGNED};
    if (type != NULL && value.size > 0) {
        char *domain = domain_of(value);
        dsse_check(taking->request->believed, kafka_reader_header(message, DSSE_HEADER), type,
                   value, domain, &verdict);
        free(domain);
    }
    const struct catalog_signature signature = {dsse_state_name(verdict.state), verdict.signer,
                                                verdict.sentence};
    enum err err = catalog_take(
        taking->catalog, taking->source->kind, bytes_from(message->key, message->key_len), value,
        type != NULL ? &signature : NULL, rd_kafka_message_timestamp(message, NULL));
    return err == ERR_INVALID ? OK : err; // counted; it costs only itself
}

static int read_source(struct request *request, struct kafka_reader *reader,
                       const struct source *source, struct catalog *catalog)
{
    const struct kafka_reader_range whole = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct taking taking = {.catalog = catalog, .request = request, .source = source};
    struct kafka_reader_told told;
    char why[KAFKA_SENTENCE_SIZE];
    enum err err = kafka_reader_read(reader, source->topic, &whole, request->kafka.wait_ms, take,
                                     &taking, &told, why);
    if (err == ERR_LIMIT) {
        (void)fprintf(stderr, "weir catalog: %s: more than a catalog holds\n", source->topic);
        return EX_DATAERR;
    }
    if (err != OK && !source->wanted && (err == ERR_NOT_FOUND || err == ERR_DENIED)) {
        (void)fprintf(stderr, "weir catalog: %s; the catalog is made without it\n", why);
        return EX_OK;
    }
    return err == OK ? EX_OK : command_kafka_failed(&request->kafka, err, why);
}

static int read_mesh(struct request *request, struct catalog *catalog, char cluster[64])
{
    struct kafka_reader *reader;
    char why[KAFKA_SENTENCE_SIZE];
    enum err err = kafka_reader_open(&request->kafka.client, &reader, why);
    if (err != OK) {
        return command_kafka_failed(&request->kafka, err, why);
    }
    int code = EX_OK;
    for (int i = 0; i < SOURCE_COUNT && code == EX_OK; i++) {
        code = read_source(request, reader, &sources[i], catalog);
    }
    kafka_reader_cluster(reader, cluster, 64);
    kafka_reader_close(reader);
    if (catalog_malformed(catalog) > 0) {
        (void)fprintf(stderr, "weir catalog: %llu records are no JSON objects and are left out\n",
                      (unsigned long long)catalog_malformed(catalog));
    }
    return code;
}

// ---- telling ----

// By its id, its name, or DOMAIN/NAME.
static bool is_called(const cJSON *entry, const char *name)
{
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "id"));
    const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "name"));
    const char *domain = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "domain"));
    size_t size = domain != NULL ? strlen(domain) : 0;
    bool is_full = domain != NULL && own != NULL && strncmp(name, domain, size) == 0 &&
                   name[size] == '/' && strcmp(name + size + 1, own) == 0;
    return is_full || (id != NULL && strcmp(id, name) == 0) ||
           (own != NULL && strcmp(own, name) == 0);
}

// Leave in `entries` only what --show means.
static void keep_shown(cJSON *entries, const char *name)
{
    cJSON *entry = entries->child;
    while (entry != NULL) {
        cJSON *next = entry->next;
        if (!is_called(entry, name)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(entries, entry));
        }
        entry = next;
    }
}

static void print_json(const cJSON *root)
{
    char *text = cJSON_PrintUnformatted(root);
    if (text != NULL) {
        (void)puts(text);
    }
    cJSON_free(text);
}

static void print_text(const struct request *request, const cJSON *entries)
{
    const cJSON *entry;
    if (request->show == NULL) {
        catalog_print_list(entries);
        return;
    }
    cJSON_ArrayForEach(entry, entries)
    {
        catalog_print_details(entry);
    }
}

static int tell(const struct request *request, const char *cluster, cJSON *entries)
{
    int count = cJSON_GetArraySize(entries);
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "cluster", cluster);
    (void)cJSON_AddNumberToObject(root, "made", (double)clock_wall_ms());
    (void)cJSON_AddItemToObject(root, "products", entries);
    int code = count > 0 ? EX_OK : EXIT_NOTHING;
    if (request->html != NULL) {
        int written = catalog_write_site(request->html, root);
        code = written != EX_OK ? written : code;
    }
    if (request->json) {
        print_json(root);
    } else if (request->html == NULL) {
        print_text(request, entries);
    }
    if (count == 0 && !request->json) {
        (void)fprintf(stderr, "weir catalog: nothing is found\n");
    }
    cJSON_Delete(root);
    return code;
}

static int make(struct request *request)
{
    struct catalog *catalog = catalog_open();
    if (catalog == NULL) {
        return EX_OSERR;
    }
    char cluster[64];
    int code = read_mesh(request, catalog, cluster);
    if (code == EX_OK) {
        const struct catalog_filter filter = {.words = request->words.at,
                                              .word_count = request->words.count,
                                              .domain = request->domain,
                                              .tag = request->tag,
                                              .field = request->field,
                                              .unit = request->unit,
                                              .now_ms = clock_wall_ms()};
        cJSON *entries = catalog_find(catalog, &filter);
        if (request->show != NULL) {
            keep_shown(entries, request->show);
        }
        code = tell(request, cluster, entries);
    }
    catalog_close(catalog);
    return code;
}

static int open_trust(struct request *request)
{
    char why[DSSE_SENTENCE_SIZE];
    if (request->trust != NULL && dsse_trust_open(request->trust, &request->believed, why) != OK) {
        (void)fprintf(stderr, "weir catalog: --trust: %s\n", why);
        return EX_CONFIG;
    }
    return EX_OK;
}

int command_catalog(int argc, char **argv)
{
    struct request request = {.kafka = {.command = "catalog"}};
    const struct argument rows[] = {{.names = ARGUMENT_WORD, .list = &request.words},
                                    {.names = "--domain", .text = &request.domain},
                                    {.names = "--tag", .text = &request.tag},
                                    {.names = "--field", .text = &request.field},
                                    {.names = "--unit", .text = &request.unit},
                                    {.names = "--show", .text = &request.show},
                                    {.names = "--trust", .text = &request.trust},
                                    {.names = "--html", .text = &request.html},
                                    {.names = "--json|-j", .flag = &request.json},
                                    COMMAND_KAFKA_ROWS(request.kafka),
                                    {.names = NULL}};
    int code = arguments_read("catalog", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    log_start(LOG_LEVEL_ERROR); // what went wrong is told once, in our own words
    code = command_kafka_open(&request.kafka);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    code = open_trust(&request);
    code = code == EX_OK ? make(&request) : code;
    dsse_trust_close(request.believed);
    command_kafka_close(&request.kafka);
    return fflush(stdout) == 0 ? code : EX_IOERR;
}
