// `weir product plan | apply | retire`: the owner's hand on the mesh, from a workstation or a
// pipeline.
#include "agent/command_product.h"

#include "agent/command.h"
#include "agent/log.h"
#include "agent/settings.h"
#include "agent/settings_rows.h"

#include <stdlib.h>

static const char usage[] =
    "usage: weir product plan CONTRACT... [options]     what would change\n"
    "       weir product apply CONTRACT... [options]    carry it out\n"
    "       weir product plan CONTRACT... --emit kafka-acls | terraform | strimzi\n"
    "       weir product retire CONTRACT [--end-of-support DATE] [--force REASON] [options]\n"
    "CONTRACT is an ODCS file. apply makes its topics, and writes the contract to mesh.contracts "
    "and\n"
    "its product to mesh.products. A second apply changes nothing.\n"
    "  --sign KEY,CERT         sign what is written: PEM files, P-256, CERT with its chain; its "
    "CN\n"
    "                          or OU is the domain\n"
    "  --trust CA              authorities (PEM) whose signatures count on records that are there\n"
    "  --registry URL          the schema registry, for what is written in Avro; default: the "
    "section\n"
    "                          registry of --config\n"
    "  --replication N         of topics that are made; default: as contract or cluster say\n"
    "  --tenant NAME           of contracts that name none\n"
    "  --canary SHARE          only so many of the gateways that follow take the version, e.g. "
    "5%;\n"
    "                          raise it by applying again; without it all do\n"
    "  --emit TOOL             print the rights as input for a tool, and do nothing else\n"
    "  --gateway P, --owner P, --reader P   whom the rights are for, e.g. User:CN=gw-1; several by "
    ";\n"
    "retire first marks contract and product deprecated, with the end of support; when that is "
    "past\n"
    "and no group that can be seen has committed for 7 days, a second retire takes them off the\n"
    "mesh. --force REASON does it at once, and the reason is recorded.\n"
    "  --json                  one JSON object\n" COMMAND_KAFKA_USAGE
    "exit: 0 done, or nothing to do; 1 refused; 2 plan: something would change; 64 usage;\n"
    "      69 no broker; 77 no right; 78 a contract, a key or the settings are wrong\n";

// ---- files ----

static bool read_contract(struct product_request *request, const char *path,
                          struct problems *problems)
{
    struct contract *contract = contract_read(path, problems);
    if (contract == NULL) {
        return false;
    }
    request->contracts[request->contract_count++] = contract;
    if (contract_identify(contract, request->tenant) != OK) {
        problem_add(problems, path, 0, "tenant",
                    "the contract belongs to \"%.80s\", and --tenant says \"%.80s\"",
                    contract->tenant, request->tenant);
        return false;
    }
    return true;
}

int product_read_contracts(struct product_request *request)
{
    struct problems problems = {.count = 0};
    if (request->words.count == 0 || request->words.count > PRODUCT_CONTRACTS_MAX) {
        (void)fprintf(stderr, "weir product %s: name 1 to %d contracts\n", request->verb,
                      PRODUCT_CONTRACTS_MAX);
        return EX_USAGE;
    }
    for (uint32_t i = 0; i < request->words.count; i++) {
        (void)read_contract(request, request->words.at[i], &problems);
    }
    problems_print(&problems, stderr);
    int code = problems.error_count > 0 ? EX_CONFIG : EX_OK;
    problems_free(&problems);
    return code;
}

// "KEY,CERT".
static int read_signer(struct product_request *request)
{
    char why[DSSE_SENTENCE_SIZE];
    const char *comma = strchr(request->sign, ',');
    if (comma == NULL || comma == request->sign || comma[1] == '\0') {
        (void)fprintf(stderr, "weir product: --sign %s: write KEY.pem,CERT.pem\n", request->sign);
        return EX_USAGE;
    }
    char *key = strndup(request->sign, (size_t)(comma - request->sign));
    enum err err =
        key != NULL ? dsse_signer_open(key, comma + 1, &request->signer, why) : ERR_FAILED;
    free(key);
    if (err != OK) {
        (void)fprintf(stderr, "weir product: --sign: %s\n", why);
        return EX_CONFIG;
    }
    return EX_OK;
}

static int check_signer(const struct product_request *request)
{
    for (uint32_t i = 0; i < request->contract_count; i++) {
        const struct contract *contract = request->contracts[i];
        if (!dsse_signer_speaks_for(request->signer, contract->domain)) {
            (void)fprintf(stderr,
                          "%s: the domain is %s, and the certificate of --sign is of %s; sign with "
                          "one whose CN or OU is %s\n",
                          contract->file, contract->domain, dsse_signer_name(request->signer),
                          contract->domain);
            return EX_CONFIG;
        }
    }
    return EX_OK;
}

int product_read_keys(struct product_request *request)
{
    char why[DSSE_SENTENCE_SIZE];
    int code = request->sign != NULL ? read_signer(request) : EX_OK;
    if (code == EX_OK && request->signer != NULL) {
        code = check_signer(request);
    }
    if (code == EX_OK && request->trust != NULL &&
        dsse_trust_open(request->trust, &request->believed, why) != OK) {
        (void)fprintf(stderr, "weir product: --trust: %s\n", why);
        code = EX_CONFIG;
    }
    return code;
}

// The file with the cluster may have it too, with what it takes to log in.
static int read_registry(struct product_request *request, struct registry_place *place)
{
    struct problems problems = {.count = 0};
    const struct yaml_node *root = yaml_root(request->kafka.yaml);
    option_read(&request->registry_options, settings_registry_rows, NULL, root, "registry",
                &problems);
    if (problems.error_count == 0) {
        settings_check_registry(&request->registry_options, request->registry_options.file,
                                &problems);
    }
    problems_print(&problems, stderr);
    int code = problems_exit_code(&problems);
    problems_free(&problems);
    if (code == EX_OK) {
        (void)registry_place_of(&request->registry_options, place);
    }
    return code;
}

int product_open_registry(struct product_request *request)
{
    struct registry_place place = {.url = NULL};
    char why[REGISTRY_SENTENCE_SIZE];
    int code = request->kafka.yaml != NULL ? read_registry(request, &place) : EX_OK;
    if (code != EX_OK) {
        return code;
    }
    place.url = request->registry_url != NULL ? request->registry_url : place.url;
    if (place.url != NULL && registry_open(&place, &request->registry, why) != OK) {
        (void)fprintf(stderr, "weir product: %s\n", why);
        return EX_CONFIG;
    }
    return EX_OK;
}

// ---- rights ----

static int emit(struct product_request *request)
{
    struct access access = {.count = 0};
    int code = product_read_contracts(request);
    if (code != EX_OK) {
        return code;
    }
    for (uint32_t i = 0; i < request->contract_count; i++) {
        if (access_add(&access, request->contracts[i]) != OK) {
            (void)fprintf(stderr, "weir product: more than %d rights; name fewer contracts\n",
                          ACCESS_ROWS_MAX);
            return EX_USAGE;
        }
    }
    const char *bootstrap =
        request->kafka.bootstrap != NULL ? request->kafka.bootstrap : "HOST:PORT";
    if (strcmp(request->emit, "kafka-acls") == 0) {
        access_print_kafka_acls(&access, &request->principals, bootstrap, stdout);
    } else if (strcmp(request->emit, "terraform") == 0) {
        access_print_terraform(&access, &request->principals, stdout);
    } else if (strcmp(request->emit, "strimzi") == 0) {
        access_print_strimzi(&access, &request->principals, stdout);
    } else {
        (void)fprintf(stderr, "weir product: --emit %s: kafka-acls, terraform or strimzi\n",
                      request->emit);
        code = EX_USAGE;
    }
    return code;
}

// ---- the whole ----

static void request_free(struct product_request *request)
{
    for (uint32_t i = 0; i < request->contract_count; i++) {
        contract_free(request->contracts[i]);
    }
    dsse_signer_close(request->signer);
    dsse_trust_close(request->believed);
    registry_close(request->registry);
    option_set_free(&request->registry_options);
}

static const struct {
    const char *verb;
    int (*run)(struct product_request *request);
} verbs[] = {{"plan", product_plan}, {"apply", product_plan}, {"retire", product_retire}};

static int run_verb(struct product_request *request)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].verb, request->verb) == 0) {
            return request->emit != NULL ? emit(request) : verbs[i].run(request);
        }
    }
    (void)fprintf(stderr, "weir product: there is no '%s'; plan, apply or retire\n", request->verb);
    return EX_USAGE;
}

int command_product(int argc, char **argv)
{
    struct product_request request = {
        .kafka = {.command = "product"},
        .principals = {"User:GATEWAY", "User:OWNER", "User:READER"},
    };
    const struct argument rows[] = {COMMAND_KAFKA_ROWS(request.kafka),
                                    {.names = ARGUMENT_WORD, .list = &request.words},
                                    {.names = "--sign", .text = &request.sign},
                                    {.names = "--trust", .text = &request.trust},
                                    {.names = "--emit", .text = &request.emit},
                                    {.names = "--registry", .text = &request.registry_url},
                                    {.names = "--replication", .text = &request.replication},
                                    {.names = "--tenant", .text = &request.tenant},
                                    {.names = "--gateway", .text = &request.principals.gateway},
                                    {.names = "--owner", .text = &request.principals.owner},
                                    {.names = "--reader", .text = &request.principals.reader},
                                    {.names = "--end-of-support", .text = &request.end_of_support},
                                    {.names = "--force", .text = &request.force_reason},
                                    {.names = "--canary", .text = &request.canary},
                                    {.names = "--json|-j", .flag = &request.json},
                                    {.names = NULL}};
    int code = arguments_read("product", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    if (request.words.count == 0) {
        (void)fputs(usage, stderr);
        return EX_USAGE;
    }
    log_start(LOG_LEVEL_ERROR); // what went wrong is told once, in our own words
    request.verb = request.words.at[0];
    request.words.count--;
    memmove(request.words.at, request.words.at + 1,
            request.words.count * sizeof request.words.at[0]);
    code = run_verb(&request);
    request_free(&request);
    return fflush(stdout) == 0 ? code : EX_IOERR;
}
