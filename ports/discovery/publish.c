#include "ports/discovery/publish_inner.h"

#include "agent/contract_document.h"
#include "agent/wire_contract.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdio.h>

struct publish_step *publish_add_step(struct making *making, enum publish_what what,
                                      const char *name)
{
    struct publish_plan *plan = making->plan;
    if (plan->count == PUBLISH_STEPS_MAX) {
        (void)snprintf(making->why, KAFKA_SENTENCE_SIZE,
                       "these contracts ask for more than %d steps; apply fewer at a time",
                       PUBLISH_STEPS_MAX);
        return NULL;
    }
    struct publish_step *step = &plan->steps[plan->count++];
    *step = (struct publish_step){.what = what};
    (void)snprintf(step->name, sizeof step->name, "%s", name);
    return step;
}

// ---- topics ----

static void put_config(struct mesh_topic *topic, const char *name, const char *value)
{
    struct mesh_config *config = &topic->configs[topic->config_count++];
    config->name = name;
    (void)snprintf(config->value, sizeof config->value, "%s", value);
}

static void put_number(struct mesh_topic *topic, const char *name, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    put_config(topic, name, text);
}

// Kafka deletes whole segments, and looks every five minutes: the oldest record there is older than
// retention.ms by a segment and by that. All of it must fit into what the contract promises.
static void put_retention(struct mesh_topic *topic, int64_t promised_ms)
{
    static const int64_t look_ms = 300000;
    if (promised_ms <= 0) {
        return; // none promised: as the cluster does
    }
    int64_t segment_ms = promised_ms / 20;
    int64_t retention_ms = promised_ms - promised_ms / 20 - 2 * segment_ms - look_ms;
    if (retention_ms < promised_ms / 2) {
        retention_ms = promised_ms / 2;
    }
    put_number(topic, "retention.ms", retention_ms);
    put_number(topic, "segment.ms", segment_ms < 60000 ? 60000 : segment_ms);
}

static void tell_made(struct publish_step *step)
{
    const struct mesh_topic *topic = &step->topic;
    size_t used = 0;
    if (topic->partitions > 0) {
        used +=
            (size_t)snprintf(step->detail, sizeof step->detail, "%d partitions", topic->partitions);
    }
    for (uint32_t i = 0; i < topic->config_count; i++) {
        used +=
            (size_t)snprintf(step->detail + used, sizeof step->detail - used, "%s%s=%s",
                             used > 0 ? ", " : "", topic->configs[i].name, topic->configs[i].value);
    }
    step->action = PUBLISH_CREATE;
}

// What is there against what should be. Partitions are never added: it would move keys.
static void compare(struct publish_step *step, const struct mesh_topic *found)
{
    const struct mesh_topic *topic = &step->topic;
    size_t used = 0;
    for (uint32_t i = 0; i < topic->config_count; i++) {
        if (strcmp(topic->configs[i].value, found->configs[i].value) != 0) {
            used += (size_t)snprintf(step->detail + used, sizeof step->detail - used,
                                     "%s%s: %s -> %s", used > 0 ? ", " : "", topic->configs[i].name,
                                     found->configs[i].value, topic->configs[i].value);
        }
    }
    if (found->is_unseen) {
        TELL(step, PUBLISH_LEAVE, "its configs cannot be seen: this broker does not tell them");
    } else if (used > 0) {
        step->action = PUBLISH_CHANGE;
    } else if (topic->partitions > 0 && found->partitions != topic->partitions) {
        TELL(step, PUBLISH_LEAVE,
             "has %d partitions, the contract says %d; adding some would move keys to others",
             found->partitions, topic->partitions);
    }
}

static enum err plan_topic(struct making *making, const struct mesh_topic *topic)
{
    for (uint32_t i = 0; i < making->plan->count; i++) {
        if (strcmp(making->plan->steps[i].name, topic->name) == 0) {
            return OK; // shared by two contracts
        }
    }
    struct publish_step *step = publish_add_step(making, PUBLISH_TOPIC, topic->name);
    if (step == NULL) {
        return ERR_LIMIT;
    }
    step->topic = *topic;
    struct mesh_topic found = *topic;
    enum err err = mesh_describe(making->mesh, &found, making->why);
    if (err == ERR_NOT_FOUND) {
        tell_made(step);
        return OK;
    }
    if (err == OK) {
        compare(step, &found);
    }
    return err;
}

static struct mesh_topic topic_called(const struct making *making, const char *name,
                                      const char *end)
{
    struct mesh_topic topic = {.partitions = -1, .replication = making->request->replication};
    (void)snprintf(topic.name, sizeof topic.name, "%s%s", name, end);
    return topic;
}

static enum err plan_port(struct making *making, const struct contract *contract,
                          const struct contract_port *port)
{
    static const char *const ends[] = {"", ".losses", ".quarantine"};
    enum err err = OK;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && err == OK; i++) {
        struct mesh_topic topic = topic_called(making, port->topic, ends[i]);
        if (topic.replication < 0) {
            topic.replication = port->replication;
        }
        if (i == 0) {
            topic.partitions = port->partitions;
        }
        put_config(&topic, "cleanup.policy", "delete");
        put_retention(&topic, contract->retention_ms);
        err = plan_topic(making, &topic);
        struct publish_step *step = &making->plan->steps[making->plan->count - 1];
        if (err == OK && making->request->canary != NULL && step->action == PUBLISH_CHANGE) {
            char differs[PUBLISH_SENTENCE_SIZE];
            memcpy(differs, step->detail, sizeof differs);
            TELL(step, PUBLISH_LEAVE, "%.200s, once all gateways take the new version", differs);
        }
    }
    return err;
}

// Empty for ever: the cursors of exactly-once are committed on it, a partition a product of a
// gateway.
static enum err plan_cursors(struct making *making, const char *domain)
{
    struct mesh_topic topic = topic_called(making, domain, ".weir-cursors");
    topic.partitions = 16;
    return plan_topic(making, &topic);
}

static enum err plan_mesh_topics(struct making *making)
{
    static const char *const names[] = {PRODUCTS_TOPIC, CONTRACTS_TOPIC,   NODES_TOPIC,
                                        "mesh.slo",     "mesh.heartbeats", NULL};
    enum err err = OK;
    for (size_t i = 0; names[i] != NULL && err == OK; i++) {
        struct mesh_topic topic = topic_called(making, names[i], "");
        put_config(&topic, "cleanup.policy", "compact");
        err = plan_topic(making, &topic);
        // Those that are there belong to the platform.
        struct publish_step *step = &making->plan->steps[making->plan->count - 1];
        if (err == OK && step->action == PUBLISH_CHANGE) {
            char differs[PUBLISH_SENTENCE_SIZE];
            memcpy(differs, step->detail, sizeof differs);
            TELL(step, PUBLISH_LEAVE, "%.200s would be better; it is the platform's to say",
                 differs);
        }
    }
    return err;
}

static enum err plan_topics(struct making *making)
{
    enum err err = plan_mesh_topics(making);
    for (uint32_t i = 0; i < making->request->count && err == OK; i++) {
        const struct contract *contract = making->request->contracts[i];
        for (uint32_t p = 0; p < contract->port_count && err == OK; p++) {
            err = plan_port(making, contract, &contract->ports[p]);
        }
        if (err == OK) {
            err = plan_cursors(making, contract->domain);
        }
    }
    return err;
}

// ---- documents ----

static bool sign(const struct making *making, struct publish_step *step, const char *type)
{
    struct dsse_signer *signer = making->request->signer;
    if (signer == NULL) {
        return true;
    }
    step->signature = dsse_sign(signer, type, bytes_text(step->document));
    return step->signature != NULL;
}

// Does the record that is there bind us: is it the domain's, as far as that can be judged?
bool publish_is_ours(const struct making *making, enum dsse_state state)
{
    return state == DSSE_TRUSTED || state == DSSE_SIGNED ||
           (state == DSSE_UNSIGNED && making->request->signer == NULL);
}

// Same bytes are there: is the signature good, too?
static void plan_same(const struct making *making, struct publish_step *step,
                      const struct dsse_verdict *verdict)
{
    const struct dsse_signer *signer = making->request->signer;
    if (signer == NULL || (publish_is_ours(making, verdict->state) &&
                           strcmp(verdict->keyid, dsse_signer_keyid(signer)) == 0)) {
        step->action = PUBLISH_KEEP;
    } else if (publish_is_ours(making, verdict->state)) {
        TELL(step, PUBLISH_CHANGE, "signed anew, by %s", dsse_signer_name(signer));
    } else {
        TELL(step, PUBLISH_CHANGE, "signed by %s (before: %s)", dsse_signer_name(signer),
             verdict->sentence);
    }
}

// Other bytes are there, and they may change.
static void plan_other(const struct making *making, struct publish_step *step,
                       const struct dsse_verdict *verdict, const char *detail)
{
    bool is_signed = verdict->state == DSSE_TRUSTED || verdict->state == DSSE_SIGNED;
    if (making->request->signer == NULL && is_signed) {
        TELL(step, PUBLISH_REFUSE,
             "the record there is signed by %s, and this one is not; give --sign KEY,CERT",
             verdict->signer);
    } else if (!publish_is_ours(making, verdict->state)) {
        TELL(step, PUBLISH_CHANGE, "replaces a record that the domain did not sign (%s)",
             verdict->sentence);
    } else {
        TELL(step, PUBLISH_CHANGE, "%s", detail);
    }
}

// The first members that differ: "schema, version".
static void tell_difference(struct bytes a, struct bytes b, char *out, size_t size)
{
    cJSON *ours = cJSON_ParseWithLength((const char *)a.at, a.size);
    cJSON *theirs = cJSON_ParseWithLength((const char *)b.at, b.size);
    size_t used = 0;
    out[0] = '\0';
    for (int turn = 0; turn < 2; turn++) {
        const cJSON *from = turn == 0 ? ours : theirs;
        const cJSON *to = turn == 0 ? theirs : ours;
        const cJSON *item;
        cJSON_ArrayForEach(item, from)
        {
            const cJSON *other =
                item->string != NULL ? cJSON_GetObjectItemCaseSensitive(to, item->string) : NULL;
            bool is_told = turn == 1 && other != NULL; // it was, in the first turn
            if (!is_told && used + 64 < size && !cJSON_Compare(item, other, true)) {
                used += (size_t)snprintf(out + used, size - used, "%s%.60s", used > 0 ? ", " : "",
                                         item->string != NULL ? item->string : "?");
            }
        }
    }
    cJSON_Delete(ours);
    cJSON_Delete(theirs);
}

// A contract as it stands on the mesh: what was written, or what is made of that for the wire.
struct published {
    const struct contract *contract;
    const uint8_t *digest; // of its content; NULL: made here, and may change within a version
};

static void compare_contract(const struct making *making, struct publish_step *step,
                             const struct published *published, const struct mesh_entry *entry)
{
    const struct contract *contract = published->contract;
    struct dsse_verdict verdict;
    struct bytes ours = bytes_text(step->document);
    uint8_t digest[DIGEST_SIZE];
    char differs[160];
    dsse_check(making->request->trust, entry->signature, CONTRACT_TYPE, entry->value,
               contract->domain, &verdict);
    if (bytes_equal(ours, entry->value)) {
        plan_same(making, step, &verdict);
        return;
    }
    tell_difference(ours, entry->value, differs, sizeof differs);
    bool is_same =
        published->digest == NULL || (contract_content_digest(entry->value, digest) == OK &&
                                      memcmp(digest, published->digest, DIGEST_SIZE) == 0);
    if (!is_same && publish_is_ours(making, verdict.state)) {
        TELL(step, PUBLISH_REFUSE,
             "version %s is published with other content (%s); a version never changes: give the "
             "changed contract a new one",
             contract->version, differs);
    } else if (publish_is_ours(making, verdict.state) && publish_is_deprecated(entry->value) &&
               !publish_is_deprecated(ours)) {
        publish_tell_deprecated(step, entry->value);
    } else {
        plan_other(making, step, &verdict, differs);
    }
}

// The very bytes, where there is no mark to be set.
static char *document_of(const struct contract *contract, const char *canary)
{
    struct bytes document = bytes_text(contract->document);
    if (canary != NULL) {
        return contract_document_canary(document, canary);
    }
    char *text = cJSON_malloc(document.size + 1);
    if (text != NULL) {
        memcpy(text, document.at, document.size + 1);
    }
    return text;
}

static unsigned share_of(struct bytes document)
{
    cJSON *root = cJSON_ParseWithLength((const char *)document.at, document.size);
    unsigned share = contract_document_share(root);
    cJSON_Delete(root);
    return share;
}

// A share only grows: a gateway that took a version keeps it.
static void plan_share(struct publish_step *step, const struct mesh_entry *entry)
{
    unsigned before = share_of(entry->value);
    unsigned after = share_of(bytes_text(step->document));
    if (step->action != PUBLISH_CHANGE || before == after) {
        return;
    }
    if (after < before) {
        TELL(step, PUBLISH_REFUSE,
             "%g %% of the gateways take it already, and keep it; to take it back publish a higher "
             "version with the old content",
             before / 100.0);
    } else {
        TELL(step, PUBLISH_CHANGE, "for %g %% of the gateways (before: %g %%)", after / 100.0,
             before / 100.0);
    }
}

static enum err plan_contract(struct making *making, const struct contract *contract)
{
    char key[sizeof((struct publish_step *)0)->name];
    (void)snprintf(key, sizeof key, "%s/%s", contract->id, contract->version);
    struct publish_step *step = publish_add_step(making, PUBLISH_CONTRACT, key);
    if (step == NULL) {
        return ERR_LIMIT;
    }
    const struct mesh_entry *entry = mesh_table_find(making->contracts, key);
    step->action = PUBLISH_CREATE;
    step->document = document_of(contract, making->request->canary);
    if (step->document == NULL || !sign(making, step, CONTRACT_TYPE)) {
        return ERR_FAILED;
    }
    if (entry != NULL) {
        const struct published published = {contract, contract->content_digest};
        compare_contract(making, step, &published, entry);
        plan_share(step, entry);
    } else if (making->request->canary != NULL) {
        TELL(step, PUBLISH_CREATE, "for %s of the gateways", making->request->canary);
    }
    if (step->action != PUBLISH_REFUSE) {
        publish_judge_change(making, step, contract);
    }
    return OK;
}

static enum err plan_wire_contract(struct making *making, const struct contract *contract,
                                   const struct contract_port *port)
{
    char key[WIRE_CONTRACT_ID_SIZE];
    wire_contract_key(contract, port, key);
    struct publish_step *step = publish_add_step(making, PUBLISH_CONTRACT, key);
    if (step == NULL) {
        return ERR_LIMIT;
    }
    const struct mesh_entry *entry = mesh_table_find(making->contracts, key);
    step->document = wire_contract_document(contract, port);
    TELL(step, PUBLISH_CREATE, "blocks as they lie on %.200s", port->topic);
    if (step->document == NULL || !sign(making, step, CONTRACT_TYPE)) {
        return ERR_FAILED;
    }
    if (entry != NULL) {
        const struct published published = {contract, NULL};
        step->detail[0] = '\0';
        compare_contract(making, step, &published, entry);
    }
    return OK;
}

static enum err plan_wire_contracts(struct making *making, const struct contract *contract)
{
    enum err err = OK;
    for (uint32_t i = 0; i < contract->port_count && err == OK; i++) {
        if (contract->ports[i].layout == LAYOUT_BLOCKS) {
            err = plan_wire_contract(making, contract, &contract->ports[i]);
        }
    }
    return err;
}

char *publish_copy(struct bytes text)
{
    char *copied = cJSON_malloc(text.size + 1);
    if (copied != NULL) {
        memcpy(copied, text.at, text.size);
        copied[text.size] = '\0';
    }
    return copied;
}

// The value of a text member, copied.
static void member(struct bytes document, const char *key, char *out, size_t size)
{
    cJSON *root = cJSON_ParseWithLength((const char *)document.at, document.size);
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, key));
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
    cJSON_Delete(root);
}

static void compare_product(const struct making *making, struct publish_step *step,
                            const struct mesh_entry *entry, const struct dsse_verdict *verdict)
{
    char before[64], after[64], differs[160];
    struct bytes ours = bytes_text(step->document);
    if (bytes_equal(ours, entry->value)) {
        plan_same(making, step, verdict);
        return;
    }
    member(entry->value, "version", before, sizeof before);
    member(ours, "version", after, sizeof after);
    if (publish_is_ours(making, verdict->state) && version_compare(after, before) < 0) {
        TELL(step, PUBLISH_REFUSE,
             "the mesh has version %s of the product, this would be %s; apply the newest contract, "
             "or all of them together",
             before, after);
        return;
    }
    tell_difference(ours, entry->value, differs, sizeof differs);
    if (publish_is_ours(making, verdict->state) && strcmp(before, after) == 0 &&
        publish_is_deprecated(entry->value) && !publish_is_deprecated(ours)) {
        TELL(step, PUBLISH_LEAVE, "is deprecated with its contract, and stays so");
    } else {
        plan_other(making, step, verdict, differs);
    }
}

// The product of contract `first`, with all of the request's contracts that are of it.
static enum err plan_product(struct making *making, uint32_t first)
{
    const struct publish_request *request = making->request;
    const struct contract *of[PRODUCT_CONTRACTS_MAX];
    const char *id = request->contracts[first]->product_id;
    const char *domain = request->contracts[first]->domain;
    uint32_t count = 0;
    for (uint32_t i = first; i < request->count; i++) {
        if (strcmp(request->contracts[i]->product_id, id) == 0) {
            of[count++] = request->contracts[i];
        }
    }
    struct publish_step *step = publish_add_step(making, PUBLISH_PRODUCT, id);
    if (step == NULL) {
        return ERR_LIMIT;
    }
    const struct mesh_entry *entry = mesh_table_find(making->products, id);
    struct dsse_verdict verdict = {.state = DSSE_UNSIGNED};
    if (entry != NULL) {
        dsse_check(request->trust, entry->signature, PRODUCT_TYPE, entry->value, domain, &verdict);
    }
    bool binds = entry != NULL && publish_is_ours(making, verdict.state);
    step->document = product_document(of, count, binds ? entry->value : bytes_from(NULL, 0));
    step->action = PUBLISH_CREATE;
    if (step->document == NULL || !sign(making, step, PRODUCT_TYPE)) {
        return ERR_FAILED;
    }
    if (entry != NULL) {
        compare_product(making, step, entry, &verdict);
    }
    if (request->canary != NULL && step->action == PUBLISH_CHANGE) {
        TELL(step, PUBLISH_LEAVE, "stays as it is until all gateways take the new version");
    }
    publish_tell_older_ports(making, step);
    return OK;
}

static bool is_first_of_product(const struct publish_request *request, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (strcmp(request->contracts[i]->product_id, request->contracts[at]->product_id) == 0) {
            return false;
        }
    }
    return true;
}

static enum err plan_documents(struct making *making)
{
    const struct publish_request *request = making->request;
    enum err err = OK;
    for (uint32_t i = 0; i < request->count && err == OK; i++) {
        err = plan_contract(making, request->contracts[i]);
        if (err == OK) {
            err = plan_wire_contracts(making, request->contracts[i]);
        }
    }
    for (uint32_t i = 0; i < request->count && err == OK; i++) {
        if (is_first_of_product(request, i)) {
            err = plan_product(making, i);
        }
    }
    if (err == ERR_FAILED) {
        (void)snprintf(making->why, KAFKA_SENTENCE_SIZE, "a document could not be made or signed");
    }
    return err;
}

// ---- the whole ----

// A topic that is not there yet holds nothing.
static enum err read_table(struct making *making, const char *topic, struct mesh_table **table)
{
    enum err err = mesh_read(making->mesh, topic, table, making->why);
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err publish_plan_make(struct mesh *mesh, const struct publish_request *request,
                           struct publish_plan *plan, char why[KAFKA_SENTENCE_SIZE])
{
    assert(request->count >= 1 && request->count <= PRODUCT_CONTRACTS_MAX);
    struct making making = {.mesh = mesh, .request = request, .plan = plan, .why = why};
    plan->count = 0;
    plan->registry = request->registry;
    enum err err = plan_topics(&making);
    if (err == OK) {
        err = publish_plan_schemas(&making);
    }
    if (err == OK) {
        err = read_table(&making, CONTRACTS_TOPIC, &making.contracts);
    }
    if (err == OK) {
        err = read_table(&making, PRODUCTS_TOPIC, &making.products);
    }
    if (err == OK) {
        err = plan_documents(&making);
    }
    mesh_table_free(making.contracts);
    mesh_table_free(making.products);
    if (err != OK) {
        publish_plan_free(plan);
    }
    return err;
}

void publish_plan_free(struct publish_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        cJSON_free(plan->steps[i].document);
        cJSON_free(plan->steps[i].signature);
    }
    plan->count = 0;
}

static uint32_t count_of(const struct publish_plan *plan, enum publish_action action)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        count += plan->steps[i].action == action;
    }
    return count;
}

uint32_t publish_plan_changes(const struct publish_plan *plan)
{
    return count_of(plan, PUBLISH_CREATE) + count_of(plan, PUBLISH_CHANGE);
}

uint32_t publish_plan_refusals(const struct publish_plan *plan)
{
    return count_of(plan, PUBLISH_REFUSE);
}

static enum err carry_out(struct mesh *mesh, struct registry *registry,
                          const struct publish_step *step, char why[KAFKA_SENTENCE_SIZE])
{
    if (step->what == PUBLISH_TOPIC) {
        return step->action == PUBLISH_CREATE ? mesh_create(mesh, &step->topic, why)
                                              : mesh_configure(mesh, &step->topic, why);
    }
    if (step->what == PUBLISH_SCHEMA) {
        return publish_register(registry, step, why);
    }
    bool is_contract = step->what == PUBLISH_CONTRACT;
    const struct mesh_record record = {
        .topic = is_contract ? CONTRACTS_TOPIC : PRODUCTS_TOPIC,
        .key = step->name,
        .value = bytes_text(step->document),
        .content_type = is_contract ? CONTRACT_TYPE : PRODUCT_TYPE,
        .signature = step->signature,
    };
    return mesh_put(mesh, &record, why);
}

enum err publish_plan_apply(struct mesh *mesh, const struct publish_plan *plan, uint32_t *done,
                            char why[KAFKA_SENTENCE_SIZE])
{
    assert(publish_plan_refusals(plan) == 0);
    enum err err = OK;
    *done = 0;
    for (uint32_t i = 0; i < plan->count && err == OK; i++) {
        const struct publish_step *step = &plan->steps[i];
        if (step->action == PUBLISH_CREATE || step->action == PUBLISH_CHANGE) {
            err = carry_out(mesh, plan->registry, step, why);
            *done += err == OK;
        }
    }
    return err;
}

const char *publish_action_name(enum publish_action action)
{
    static const char *const names[] = {"keep", "create", "change", "leave", "refuse"};
    return names[action];
}

const char *publish_what_name(enum publish_what what)
{
    static const char *const names[] = {"topic", "schema", "contract", "product"};
    return names[what];
}
