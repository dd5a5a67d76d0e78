// `weir product plan` and `apply`.
#include "agent/command_product.h"

#include "agent/command.h"
#include "agent/track.h"
#include "ports/discovery/publish.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static void tell_step(const struct publish_step *step)
{
    static const char marks[] = "=+~?!"; // by action
    (void)printf("%c %s %s%s%s\n", marks[step->action], publish_what_name(step->what), step->name,
                 step->detail[0] != '\0' ? ": " : "", step->detail);
}

static void tell(const struct product_request *request, const struct publish_plan *plan,
                 const char *cluster)
{
    (void)printf("cluster %s at %s\n", cluster, request->kafka.client.bootstrap);
    for (uint32_t i = 0; i < plan->count; i++) {
        tell_step(&plan->steps[i]);
    }
    if (request->signer == NULL) {
        (void)printf("documents are not signed; catalogs will say so (--sign KEY,CERT)\n");
    }
}

static void tell_rights(const struct product_request *request)
{
    struct access access = {.count = 0};
    for (uint32_t i = 0; i < request->contract_count; i++) {
        (void)access_add(&access, request->contracts[i]);
    }
    (void)printf("rights needed (--emit kafka-acls prints them for a tool):\n");
    access_print(&access, &request->principals, stdout);
}

static void tell_json(const struct publish_plan *plan, const char *cluster, uint32_t done)
{
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "cluster", cluster);
    cJSON *list = cJSON_AddArrayToObject(root, "steps");
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct publish_step *step = &plan->steps[i];
        cJSON *item = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(item, "what", publish_what_name(step->what));
        (void)cJSON_AddStringToObject(item, "name", step->name);
        (void)cJSON_AddStringToObject(item, "action", publish_action_name(step->action));
        (void)cJSON_AddStringToObject(item, "detail", step->detail);
        (void)cJSON_AddItemToArray(list, item);
    }
    (void)cJSON_AddNumberToObject(root, "changes", publish_plan_changes(plan));
    (void)cJSON_AddNumberToObject(root, "refused", publish_plan_refusals(plan));
    (void)cJSON_AddNumberToObject(root, "done", done);
    char *text = cJSON_Print(root);
    (void)printf("%s\n", text != NULL ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(root);
}

// What apply did, or plan would.
static void tell_end(const struct product_request *request, const struct publish_plan *plan,
                     bool is_apply, uint32_t done)
{
    if (!is_apply) {
        tell_rights(request);
    }
    if (publish_plan_refusals(plan) > 0) {
        (void)printf("refused; nothing was changed\n");
    } else if (publish_plan_changes(plan) == 0) {
        (void)printf("nothing to change\n");
    } else if (is_apply) {
        (void)printf("%u changed\n", (unsigned)done);
    } else {
        (void)printf("%u to change\n", (unsigned)publish_plan_changes(plan));
    }
}

static int finish(struct product_request *request, struct mesh *mesh, struct publish_plan *plan,
                  const char *cluster)
{
    bool is_apply = strcmp(request->verb, "apply") == 0;
    char why[KAFKA_SENTENCE_SIZE];
    uint32_t done = 0;
    enum err err = OK;
    if (!request->json) {
        tell(request, plan, cluster);
    }
    if (is_apply && publish_plan_refusals(plan) == 0) {
        err = publish_plan_apply(mesh, plan, &done, why);
    }
    if (request->json) {
        tell_json(plan, cluster, done);
    } else if (err == OK) {
        tell_end(request, plan, is_apply, done);
    }
    if (err != OK) {
        return command_kafka_failed(&request->kafka, err, why);
    }
    if (publish_plan_refusals(plan) > 0) {
        return PRODUCT_REFUSED;
    }
    return !is_apply && publish_plan_changes(plan) > 0 ? PRODUCT_PLAN_CHANGES : EX_OK;
}

static int plan_and_finish(struct product_request *request, struct mesh *mesh, int replication,
                           struct publish_plan *plan)
{
    char why[KAFKA_SENTENCE_SIZE];
    const struct publish_request published = {
        .contracts = (const struct contract *const *)request->contracts,
        .count = request->contract_count,
        .signer = request->signer,
        .trust = request->believed,
        .replication = replication,
        .canary = request->canary,
        .registry = request->registry,
    };
    const char *cluster = mesh_cluster(mesh, why);
    enum err err = cluster != NULL ? publish_plan_make(mesh, &published, plan, why) : ERR_AGAIN;
    if (err != OK) {
        return command_kafka_failed(&request->kafka, err, why);
    }
    int code = finish(request, mesh, plan, cluster);
    publish_plan_free(plan);
    return code;
}

static int with_mesh(struct product_request *request, struct mesh *mesh, int replication)
{
    struct publish_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        return EX_OSERR;
    }
    int code = plan_and_finish(request, mesh, replication, plan);
    free(plan);
    return code;
}

static bool read_replication(const struct product_request *request, int *replication)
{
    char *end;
    *replication = -1;
    if (request->replication == NULL) {
        return true;
    }
    long count = strtol(request->replication, &end, 10);
    if (end == request->replication || *end != '\0' || count < 1 || count > 100) {
        (void)fprintf(stderr, "weir product: --replication %s: a count from 1 to 100\n",
                      request->replication);
        return false;
    }
    *replication = (int)count;
    return true;
}

// False after a sentence.
static bool check_canary(const struct product_request *request)
{
    unsigned share;
    if (request->canary == NULL || (canary_read(request->canary, &share) && share > 0)) {
        return true;
    }
    (void)fprintf(stderr, "weir product: --canary %.40s: a share of the gateways, e.g. 5%%\n",
                  request->canary);
    return false;
}

int product_plan(struct product_request *request)
{
    int replication;
    char why[KAFKA_SENTENCE_SIZE];
    struct mesh *mesh;
    bool good = read_replication(request, &replication) && check_canary(request);
    int code = good ? product_read_contracts(request) : EX_USAGE;
    if (code == EX_OK) {
        code = product_read_keys(request);
    }
    if (code != EX_OK) {
        return code;
    }
    code = command_kafka_open(&request->kafka);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    code = product_open_registry(request);
    if (code != EX_OK) {
        command_kafka_close(&request->kafka);
        return code;
    }
    enum err err = mesh_open(&request->kafka.client, request->kafka.wait_ms, &mesh, why);
    if (err == OK) {
        code = with_mesh(request, mesh, replication);
        mesh_close(mesh);
    } else {
        code = command_kafka_failed(&request->kafka, err, why);
    }
    command_kafka_close(&request->kafka);
    return code;
}
