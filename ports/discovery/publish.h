// What a product's owner puts into Kafka: topics, the contracts on `mesh.contracts` and the product
// on `mesh.products`, signed. First a plan is made (what is there, what would change), then it may
// be carried out. A second plan after that changes nothing.
//
// A contract's version never changes: other content under a published id and version is refused.
// What is signed is not replaced by what is not. A record that the domain did not sign blocks
// nobody. Contracts that are written in Avro have their schemas registered, under a rule; a change
// that breaks who reads the topic is refused.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_PUBLISH_H
#define WEIR_PORTS_DISCOVERY_PUBLISH_H

#include "agent/contract.h"
#include "agent/dsse.h"
#include "agent/product_document.h"
#include "ports/discovery/mesh.h"
#include "ports/discovery/registry.h"

enum { PUBLISH_STEPS_MAX = 160, PUBLISH_SENTENCE_SIZE = 640 };

enum publish_action {
    PUBLISH_KEEP,   // as it should be
    PUBLISH_CREATE, // is not there
    PUBLISH_CHANGE,
    PUBLISH_LEAVE,  // differs, and is left alone; `detail` says why
    PUBLISH_REFUSE, // nothing is carried out while one of these is in the plan
};

enum publish_what { PUBLISH_TOPIC, PUBLISH_SCHEMA, PUBLISH_CONTRACT, PUBLISH_PRODUCT };

struct publish_step {
    enum publish_what what;
    enum publish_action action;
    char name[300];                     // topic, subject, ID/VERSION, product id
    char detail[PUBLISH_SENTENCE_SIZE]; // for people
    struct mesh_topic topic;            // PUBLISH_TOPIC: as it should be
    const char *rule;                   // PUBLISH_SCHEMA: the subject's, where it has none yet
    char *document;                     // else; owned (cJSON_free)
    char *signature;                    // owned; NULL: not signed
};

struct publish_request {
    const struct contract *const *contracts; // of one or more products
    uint32_t count;                          // 1 to PRODUCT_CONTRACTS_MAX
    struct dsse_signer *signer;              // NULL: documents are not signed
    const struct dsse_trust *trust;          // NULL: nobody was named to believe
    int replication;                         // of topics made; -1: as the contracts say
    struct registry *registry;               // of schemas; NULL: none was named
    // "5%": only so many of the gateways that follow take these versions; the product and the
    // configs of topics stay as they are until all do. NULL: all.
    const char *canary;
};

struct publish_plan {
    struct registry *registry; // borrowed from the request
    uint32_t count;
    struct publish_step steps[PUBLISH_STEPS_MAX];
};

// Fill `plan` (zeroed by this). An err is the world's: no broker, no right, too much (`why` tells);
// what is wrong with the contracts is a step that refuses.
enum err publish_plan_make(struct mesh *mesh, const struct publish_request *request,
                           struct publish_plan *plan, char why[KAFKA_SENTENCE_SIZE]);
void publish_plan_free(struct publish_plan *plan);

uint32_t publish_plan_changes(const struct publish_plan *plan);  // CREATE and CHANGE
uint32_t publish_plan_refusals(const struct publish_plan *plan); // REFUSE

// Carry it out in order, topics first. `*done` steps were carried out, also where it fails. A plan
// with refusals is a bug.
enum err publish_plan_apply(struct mesh *mesh, const struct publish_plan *plan, uint32_t *done,
                            char why[KAFKA_SENTENCE_SIZE]);

const char *publish_action_name(enum publish_action action); // "keep", "create", ...
const char *publish_what_name(enum publish_what what);       // "topic", "contract", "product"

#endif
