// The service "node": tells the mesh which gateways are behind a product. Its records are written
// when the first connection stands, and again only where they changed, or to another cluster; what
// was told, and to which cluster, is remembered over restarts. Where a product says `publish:
// gateway`, its contract and product documents are written first, as `weir product apply` would.
//
// The writing waits for brokers, so it is a job of a worker's; its client ends with it.
#include "ports/discovery/node_json.h"
#include "ports/discovery/publish.h"

#include "agent/clock.h"
#include "agent/digest.h"
#include "agent/log.h"
#include "agent/service.h"
#include "agent/worker.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
    CLUSTER_SIZE = 64,
    CONNECT_WAIT_MS = 60000, // then begin again: the names of brokers may have changed
    WRITE_WAIT_MS = 15000,
    LOOK_EVERY_MS = 60000,
    AGAIN_MS = 10000,
    LONG_OUTAGE_MS = 300000,
};

static const char memory_name[] = "node";

// What was told, and to whom. Kept as it is.
struct memory {
    char cluster[CLUSTER_SIZE];
    uint8_t digest[DIGEST_SIZE];
};

struct told {
    char key[NODE_KEY_SIZE];
    char *value; // owned
};

struct node {
    struct worker *worker;
    struct job job;
    struct service_port *port;
    bool is_out;    // then what is below `job's` is the worker's
    bool is_unsure; // which cluster it is that answers now
    int64_t up_ms;  // when the link was seen up last, in boot time
    struct memory memory;
    char refused[KAFKA_SENTENCE_SIZE]; // the sentence that was logged last
    struct report report;
    atomic_bool cancel;
    // The job's.
    const struct settings *settings;
    uint32_t count;
    struct told records[SETTINGS_PRODUCTS_MAX];
    struct memory telling;
    bool is_news;
    enum err err;
    char why[KAFKA_SENTENCE_SIZE];
};

// ---- in the worker ----

static enum err publish_one(struct mesh *mesh, struct registry *registry,
                            const struct contract *contract, char *why)
{
    const struct contract *const contracts[] = {contract};
    const struct publish_request request = {
        .contracts = contracts, .count = 1, .replication = -1, .registry = registry};
    struct publish_plan *plan = calloc(1, sizeof *plan);
    uint32_t done;
    if (plan == NULL) {
        return ERR_FAILED;
    }
    enum err err = publish_plan_make(mesh, &request, plan, why);
    if (err == OK && publish_plan_refusals(plan) > 0) {
        const struct publish_step *step = plan->steps;
        while (step->action != PUBLISH_REFUSE) {
            step++; // ends: there is one
        }
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%.200s", step->detail);
        err = ERR_INVALID;
    } else if (err == OK) {
        err = publish_plan_apply(mesh, plan, &done, why);
    }
    publish_plan_free(plan);
    free(plan);
    return err;
}

static enum err publish_all(struct node *node, struct mesh *mesh)
{
    struct registry_place place;
    struct registry *registry = NULL;
    enum err err = OK;
    if (registry_place_of(&node->settings->registry, &place)) {
        place.cancel = &node->cancel;
        err = registry_open(&place, &registry, node->why);
    }
    for (uint32_t i = 0; i < node->settings->product_count && err == OK; i++) {
        const struct product_settings *product = &node->settings->products[i];
        if (product->publishes) {
            err = publish_one(mesh, registry, product->contract, node->why);
        }
    }
    registry_close(registry);
    return err;
}

static enum err write_records(struct node *node, struct mesh *mesh)
{
    enum err err = OK;
    for (uint32_t i = 0; i < node->count && err == OK; i++) {
        const struct mesh_record record = {.topic = NODES_TOPIC,
                                           .key = node->records[i].key,
                                           .value = bytes_text(node->records[i].value),
                                           .content_type = "application/json"};
        err = mesh_put(mesh, &record, node->why);
    }
    return err;
}

// All of it, where this cluster does not have it.
static void tell(struct node *node, struct mesh *mesh)
{
    node->is_news = memcmp(&node->telling, &node->memory, sizeof node->memory) != 0;
    if (node->is_news) {
        node->err = publish_all(node, mesh);
    }
    if (node->is_news && node->err == OK) {
        node->err = write_records(node, mesh);
    }
}

static void work(struct job *job)
{
    struct node *node = (struct node *)((char *)job - offsetof(struct node, job));
    const struct kafka_client client =
        kafka_client_of(&node->settings->kafka, node->settings->gateway);
    struct mesh *mesh;
    node->err = mesh_open(&client, WRITE_WAIT_MS, &mesh, node->why);
    if (node->err != OK) {
        return;
    }
    mesh_cancel_by(mesh, &node->cancel);
    const char *cluster = NULL;
    int64_t end_ms = clock_boot_ms() + CONNECT_WAIT_MS;
    while (cluster == NULL && clock_boot_ms() < end_ms && !atomic_load(&node->cancel)) {
        cluster = mesh_cluster(mesh, node->why);
    }
    node->err = cluster != NULL ? OK : ERR_AGAIN;
    if (cluster != NULL) {
        (void)snprintf(node->telling.cluster, CLUSTER_SIZE, "%s", cluster);
        tell(node, mesh);
    }
    mesh_close(mesh);
}

// ---- on the loop ----

static void free_records(struct node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        cJSON_free(node->records[i].value);
    }
    node->count = 0;
}

// The records as they are now, and the digest of all of them.
static bool make_records(struct node *node)
{
    uint8_t sums[DIGEST_SIZE * 2 * SETTINGS_PRODUCTS_MAX] = {0};
    service_report(node->port, &node->report);
    free_records(node);
    for (uint32_t i = 0; i < node->settings->product_count; i++) {
        const struct product_settings *product = &node->settings->products[i];
        struct told *told = &node->records[i];
        node_key(node->settings, product, told->key);
        told->value = node_json(node->settings, product, &node->report.products[i]);
        if (told->value == NULL) {
            return false;
        }
        node->count++;
        digest_sha256(bytes_text(told->value), sums + DIGEST_SIZE * 2 * i);
        if (product->publishes) {
            digest_sha256(bytes_text(product->contract->document),
                          sums + DIGEST_SIZE * (2 * i + 1));
        }
    }
    digest_sha256(bytes_from(sums, sizeof sums), node->telling.digest);
    return true;
}

// Was this told, to the cluster that was there when last looked?
static bool is_known(const struct node *node)
{
    return !node->is_unsure && memcmp(node->memory.digest, node->telling.digest, DIGEST_SIZE) == 0;
}

static void watch_link(struct node *node)
{
    int64_t now_ms = clock_boot_ms();
    if (node->report.link.link == LINK_UP) {
        node->is_unsure = node->is_unsure || now_ms - node->up_ms > LONG_OUTAGE_MS;
        node->up_ms = now_ms;
    }
}

static void look(struct service_port *port)
{
    struct node *node = port->state;
    if (node->is_out) {
        return; // `finished` looks again
    }
    service_due_in(port, LOOK_EVERY_MS);
    if (!make_records(node)) {
        return;
    }
    watch_link(node);
    if (!is_known(node)) {
        node->is_out = true;
        node->why[0] = '\0';
        memset(node->telling.cluster, 0, CLUSTER_SIZE);
        worker_give(node->worker, &node->job);
    }
}

static void tell_failure(struct node *node)
{
    if (node->err == ERR_AGAIN || strcmp(node->why, node->refused) == 0) {
        return; // the data's producer tells of the link
    }
    memcpy(node->refused, node->why, sizeof node->refused);
    log_warn(
        "node.refused",
        "topic=%s reason=\"%s\" do=\"create it (weir product apply) and grant this gateway Write\"",
        NODES_TOPIC, node->why);
}

static void finished(struct job *job)
{
    struct node *node = (struct node *)((char *)job - offsetof(struct node, job));
    node->is_out = false;
    if (node->err == OK && node->is_news) {
        node->memory = node->telling;
        service_keep(node->port, memory_name, bytes_from(&node->memory, sizeof node->memory));
        log_info("node.told", "topic=%s products=%u cluster=%s", NODES_TOPIC, (unsigned)node->count,
                 node->memory.cluster);
    }
    if (node->err == OK) {
        node->is_unsure = false;
        node->refused[0] = '\0';
    } else {
        tell_failure(node);
    }
    service_due_in(node->port, node->err == OK ? LOOK_EVERY_MS : AGAIN_MS);
}

static void ready(struct service_port *port, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct node *node = port->state;
    worker_serve(node->worker);
}

static void recall(struct node *node)
{
    struct bytes kept = service_recall(node->port, memory_name);
    if (kept.size == sizeof node->memory) {
        memcpy(&node->memory, kept.at, kept.size);
        node->memory.cluster[CLUSTER_SIZE - 1] = '\0';
    }
}

static enum err node_open(struct service_port *port)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL || worker_open(&node->worker, "node") != OK) {
        free(node);
        log_error("node.memory", "there is no memory for the service node");
        return ERR_FAILED;
    }
    node->port = port;
    node->settings = port->settings;
    node->is_unsure = true;
    node->up_ms = clock_boot_ms();
    node->job = (struct job){.work = work, .done = finished, .name = "node"};
    recall(node);
    if (service_watch(port, worker_fd(node->worker), EPOLLIN) != OK) {
        worker_close(node->worker);
        free(node);
        return ERR_FAILED;
    }
    port->state = node;
    service_due_in(port, 0); // once the loop turns, and epochs are known
    return OK;
}

static void node_close(struct service_port *port, int wait_ms)
{
    (void)wait_ms;
    struct node *node = port->state;
    atomic_store(&node->cancel, true);
    (void)service_watch(port, worker_fd(node->worker), 0);
    worker_close(node->worker);
    free_records(node);
    free(node);
    port->state = NULL;
}

const struct service service_node = {
    .name = "node",
    .open = node_open,
    .ready = ready,
    .due = look,
    .changed = look,
    .close = node_close,
};
