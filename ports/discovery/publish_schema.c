// The schemas of what is written in Avro: each under TOPIC-value (and TOPIC.late-value), with the
// contract's rule of compatibility, so that the registry's verdict on the next version is ours.
#include "ports/discovery/publish_inner.h"

#include "agent/avro_schema.h"

#include <stdlib.h>

_Static_assert((int)REGISTRY_SENTENCE_SIZE == (int)KAFKA_SENTENCE_SIZE, "one `why` for both");

static const char *const rules[] = {"FULL_TRANSITIVE", "BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE",
                                    "NONE"};

// The subject's own rule is left as it is: who runs the registry may have set it.
static enum err plan_rule(struct making *making, struct publish_step *step,
                          enum compatibility compatibility)
{
    char rule[REGISTRY_RULE_SIZE];
    enum err err = registry_rule(making->request->registry, step->name, rule, making->why);
    if (err == ERR_NOT_FOUND) {
        step->rule = rules[compatibility];
        return OK;
    }
    return err;
}

static enum err plan_new(struct making *making, struct publish_step *step,
                         enum compatibility compatibility, struct bytes schema)
{
    bool fits = true;
    enum err err =
        registry_judge(making->request->registry, step->name, schema, &fits, making->why);
    if (err == OK && !fits) {
        TELL(step, PUBLISH_REFUSE, "the registry calls it incompatible: %.200s", making->why);
        return OK;
    }
    if (err == OK || err == ERR_NOT_FOUND) { // there is no such subject yet
        err = plan_rule(making, step, compatibility);
    }
    if (err == OK) {
        TELL(step, PUBLISH_CREATE, "%s%s", step->rule != NULL ? "compatibility " : "",
             step->rule != NULL ? step->rule : "");
    }
    return err;
}

static enum err plan_subject(struct making *making, const struct contract_port *port,
                             const char *subject, struct bytes schema)
{
    struct registry_schema found;
    struct publish_step *step = publish_add_step(making, PUBLISH_SCHEMA, subject);
    if (step == NULL) {
        return ERR_LIMIT;
    }
    if (making->request->registry == NULL) {
        TELL(step, PUBLISH_LEAVE,
             "no registry was named; gateways wait until it is registered (--registry URL)");
        return OK;
    }
    step->document = publish_copy(schema);
    if (step->document == NULL) {
        return ERR_FAILED;
    }
    enum err err = registry_find(making->request->registry, subject, schema, &found, making->why);
    if (err == ERR_NOT_FOUND) {
        return plan_new(making, step, port->compatibility, schema);
    }
    if (err == OK && port->schema_id >= 0 && port->schema_id != (int64_t)found.ids.id) {
        TELL(step, PUBLISH_REFUSE, "weir.schemaId is %lld, and the registry's id of it is %u",
             (long long)port->schema_id, (unsigned)found.ids.id);
    } else if (err == OK) {
        TELL(step, PUBLISH_KEEP, "id %u", (unsigned)found.ids.id);
    }
    return err;
}

static enum err plan_port(struct making *making, const struct contract *contract,
                          const struct contract_port *port, struct buffer *schema)
{
    char subject[REGISTRY_SUBJECT_SIZE];
    schema->size = 0;
    schema->overflow = false;
    if (avro_schema_put(contract, port, &port->schema, schema) != OK) {
        (void)snprintf(making->why, KAFKA_SENTENCE_SIZE,
                       "the Avro schema of %.120s is over %d bytes", port->topic,
                       AVRO_SCHEMA_BYTES_MAX);
        return ERR_INVALID;
    }
    (void)snprintf(subject, sizeof subject, "%s-value", port->topic);
    enum err err = plan_subject(making, port, subject, buffer_bytes(schema));
    if (err == OK && port->late == LATE_TOPIC) {
        (void)snprintf(subject, sizeof subject, "%s.late-value", port->topic);
        err = plan_subject(making, port, subject, buffer_bytes(schema));
    }
    return err;
}

enum err publish_plan_schemas(struct making *making)
{
    const struct publish_request *request = making->request;
    struct buffer schema = buffer_over(malloc(AVRO_SCHEMA_BYTES_MAX), AVRO_SCHEMA_BYTES_MAX);
    enum err err = schema.at != NULL ? OK : ERR_FAILED;
    for (uint32_t i = 0; i < request->count && err == OK; i++) {
        const struct contract *contract = request->contracts[i];
        for (uint32_t p = 0; p < contract->port_count && err == OK; p++) {
            const struct contract_port *port = &contract->ports[p];
            bool is_said = port->schema_id >= 0 && request->registry == NULL;
            if (port->framed && !is_said) {
                err = plan_port(making, contract, port, &schema);
            }
        }
    }
    free(schema.at);
    return err;
}

// The rule first: it shall judge what comes after this one.
enum err publish_register(struct registry *registry, const struct publish_step *step,
                          char why[KAFKA_SENTENCE_SIZE])
{
    struct registry_schema given;
    enum err err = OK;
    if (step->rule != NULL) {
        err = registry_set_rule(registry, step->name, step->rule, why);
    }
    return err == OK
               ? registry_register(registry, step->name, bytes_text(step->document), &given, why)
               : err;
}
