// A schema registry with Confluent's API (Confluent, Karapace, Apicurio's ccompat): who owns a
// product registers its Avro schemas there, gateways and readers look them up. A schema lies under
// the subject `TOPIC-value`.
//
// A call waits for the answer, so the agent makes it in a worker. What a registry answers is
// bounded (REGISTRY_ANSWER_MAX) and read as bytes from outside (registry_answer.h).
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_REGISTRY_H
#define WEIR_PORTS_DISCOVERY_REGISTRY_H

#include "agent/contract.h"
#include "agent/option.h"
#include "ports/discovery/registry_answer.h"

#include <stdatomic.h>

enum {
    REGISTRY_SENTENCE_SIZE = 256,
    REGISTRY_SUBJECT_SIZE = 300, // TOPIC.late-value
    REGISTRY_ANSWER_MAX = 1 << 20,
};

// Where it is, and as whom we ask. Texts are borrowed; NULL where not wanted.
struct registry_place {
    const char *url;
    const char *ca;
    const char *certificate;
    const char *key;
    const char *username;
    const char *password_file;
    const atomic_bool *cancel; // set: what is under way ends at once
};

// Read the rows (settings_registry_rows); borrows from `options`. False: no registry is named.
bool registry_place_of(const struct option_set *options, struct registry_place *place);

struct registry;

// Does not connect. ERR_INVALID: a password cannot be read; ERR_FAILED: no memory.
enum err registry_open(const struct registry_place *place, struct registry **registry,
                       char why[REGISTRY_SENTENCE_SIZE]);
void registry_close(struct registry *registry);

// All calls: ERR_AGAIN: nobody, or nobody who can, answers now. ERR_DENIED: no right. ERR_INVALID:
// it will never take this. ERR_CORRUPT: what answers is no registry. `why` tells the person.

// What the registry knows of this very schema under `subject`. ERR_NOT_FOUND: nothing.
enum err registry_find(struct registry *registry, const char *subject, struct bytes schema,
                       struct registry_schema *found, char why[REGISTRY_SENTENCE_SIZE]);

// Would it be taken under `subject`, by the registry's own rules? ERR_NOT_FOUND: there is no such
// subject, and so nothing that it could break. `*fits`; where not, `why` has the registry's words.
enum err registry_judge(struct registry *registry, const char *subject, struct bytes schema,
                        bool *fits, char why[REGISTRY_SENTENCE_SIZE]);

// Put it there; the same again is no change. ERR_INVALID: the registry calls it incompatible.
enum err registry_register(struct registry *registry, const char *subject, struct bytes schema,
                           struct registry_schema *given, char why[REGISTRY_SENTENCE_SIZE]);

// The subject's own rule, e.g. "FULL_TRANSITIVE". ERR_NOT_FOUND: it has none, and the registry's
// counts.
enum err registry_rule(struct registry *registry, const char *subject,
                       char rule[REGISTRY_RULE_SIZE], char why[REGISTRY_SENTENCE_SIZE]);
enum err registry_set_rule(struct registry *registry, const char *subject, const char *rule,
                           char why[REGISTRY_SENTENCE_SIZE]);

#endif
