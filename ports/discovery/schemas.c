// The service "schemas": asks the schema registry for the ids of the schemas that the products
// write, until all are known. Nothing is ever registered here; that is the owner's (publish.c).
//
// A pass goes over all that is wanted. One that the registry does not know holds up no other; where
// nobody answers the pass ends. Then it waits 1 s, 2 s, ... 60 s. The asking waits for the network,
// so it is a job of a worker's; its client ends with it.
#include "ports/discovery/registry.h"

#include "agent/avro_schema.h"
#include "agent/log.h"
#include "agent/service.h"
#include "agent/worker.h"

#include <stdlib.h>
#include <sys/epoll.h>

enum { LOOK_EVERY_MS = 1000, AGAIN_LEAST_MS = 1000, AGAIN_MOST_MS = 60000 };

struct schemas_service {
    struct worker *worker;
    struct job job;
    struct service_port *port;
    bool is_out; // then what is below `job's` is the worker's
    uint32_t product, skip;
    bool has_failed; // something, in this pass
    int64_t again_ms;
    char told[REGISTRY_SENTENCE_SIZE]; // the sentence that was logged last
    struct schema_wanted wanted;
    atomic_bool cancel;
    // The job's.
    struct registry_place place;
    struct buffer text;
    char subject[REGISTRY_SUBJECT_SIZE];
    struct registry_schema found;
    enum err err;
    char why[REGISTRY_SENTENCE_SIZE];
};

// ---- in the worker ----

static void work(struct job *job)
{
    struct schemas_service *it =
        (struct schemas_service *)((char *)job - offsetof(struct schemas_service, job));
    struct registry *registry;
    it->err = registry_open(&it->place, &registry, it->why);
    if (it->err == OK) {
        it->err =
            registry_find(registry, it->subject, buffer_bytes(&it->text), &it->found, it->why);
        registry_close(registry);
    }
}

// ---- on the loop ----

static void end_pass(struct schemas_service *it)
{
    service_due_in(it->port, it->has_failed ? it->again_ms : LOOK_EVERY_MS);
    it->again_ms = it->has_failed ? 2 * it->again_ms : AGAIN_LEAST_MS;
    it->again_ms = it->again_ms < AGAIN_MOST_MS ? it->again_ms : AGAIN_MOST_MS;
    it->product = 0;
    it->skip = 0;
    it->has_failed = false;
}

// Give the worker the next that is wanted, or end the pass.
static void ask_next(struct schemas_service *it)
{
    enum err err = ERR_NOT_FOUND;
    it->text.size = 0;
    it->text.overflow = false;
    while (it->product < it->port->settings->product_count) {
        err = service_schema_wanted(it->port, it->product, it->skip, &it->wanted, &it->text);
        if (err == OK) {
            break;
        }
        it->product++;
        it->skip = 0;
    }
    if (err != OK) {
        end_pass(it);
        return;
    }
    (void)snprintf(it->subject, sizeof it->subject, "%s-value", it->wanted.topic);
    it->is_out = true;
    it->why[0] = '\0';
    worker_give(it->worker, &it->job);
}

static void due(struct service_port *port)
{
    struct schemas_service *it = port->state;
    if (it != NULL && !it->is_out) {
        ask_next(it);
    }
}

static void tell_failure(struct schemas_service *it)
{
    if (strcmp(it->why, it->told) == 0) {
        return;
    }
    memcpy(it->told, it->why, sizeof it->told);
    if (it->err == ERR_NOT_FOUND) {
        log_warn(
            "schema.unregistered",
            "subject=%s reason=\"%s\" do=\"register it (weir product apply); its records wait\"",
            it->subject, it->why);
    } else {
        log_warn(it->err == ERR_DENIED ? "registry.denied" : "registry.down",
                 "subject=%s reason=\"%s\"; records wait, and it is asked again", it->subject,
                 it->why);
    }
}

static void finished(struct job *job)
{
    struct schemas_service *it =
        (struct schemas_service *)((char *)job - offsetof(struct schemas_service, job));
    it->is_out = false;
    if (it->err == OK) {
        it->told[0] = '\0';
        log_info("schema.known", "subject=%s id=%u", it->subject, (unsigned)it->found.ids.id);
        service_schema_known(it->port, &it->wanted, &it->found.ids);
    } else {
        tell_failure(it);
        it->has_failed = true;
        it->skip++;
    }
    if (it->err == OK || it->err == ERR_NOT_FOUND) {
        ask_next(it);
    } else {
        end_pass(it);
    }
}

static void ready(struct service_port *port, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct schemas_service *it = port->state;
    worker_serve(it->worker);
}

static void release(struct schemas_service *it)
{
    if (it->worker != NULL) {
        worker_close(it->worker);
    }
    free(it->text.at);
    free(it);
}

static enum err schemas_open_service(struct service_port *port)
{
    struct registry_place place;
    if (!registry_place_of(&port->settings->registry, &place)) {
        return OK; // nothing to do, ever
    }
    struct schemas_service *it = calloc(1, sizeof *it);
    if (it == NULL) {
        return ERR_FAILED;
    }
    it->port = port;
    it->place = place;
    it->place.cancel = &it->cancel;
    it->again_ms = AGAIN_LEAST_MS;
    it->job = (struct job){.work = work, .done = finished, .name = "schemas"};
    it->text = buffer_over(malloc(AVRO_SCHEMA_BYTES_MAX), AVRO_SCHEMA_BYTES_MAX);
    if (it->text.at == NULL || worker_open(&it->worker, "schemas") != OK ||
        service_watch(port, worker_fd(it->worker), EPOLLIN) != OK) {
        release(it);
        log_error("schemas.memory", "there is no memory for the service schemas");
        return ERR_FAILED;
    }
    port->state = it;
    service_due_in(port, 0);
    return OK;
}

static void schemas_close_service(struct service_port *port, int wait_ms)
{
    (void)wait_ms;
    struct schemas_service *it = port->state;
    if (it == NULL) {
        return;
    }
    atomic_store(&it->cancel, true);
    (void)service_watch(port, worker_fd(it->worker), 0);
    release(it);
    port->state = NULL;
}

const struct service service_schemas = {
    .name = "schemas",
    .open = schemas_open_service,
    .ready = ready,
    .due = due,
    .close = schemas_close_service,
};
