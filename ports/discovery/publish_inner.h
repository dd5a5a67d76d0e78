// What the files of the plan share: publish.c (topics, documents, the whole), publish_schema.c
// (what the schema registry is told), publish_change.c (may a changed contract follow?),
// publish_ending.c (what runs on until its support ends). Nobody else includes it.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_PUBLISH_INNER_H
#define WEIR_PORTS_DISCOVERY_PUBLISH_INNER_H

#include "ports/discovery/publish.h"

#include <stdio.h>

struct making {
    struct mesh *mesh;
    const struct publish_request *request;
    struct publish_plan *plan;
    struct mesh_table *contracts, *products; // NULL: there is no such topic yet
    char *why;
};

// NULL: there is no room for more; `why` is told (ERR_LIMIT).
struct publish_step *publish_add_step(struct making *making, enum publish_what what,
                                      const char *name);

#define TELL(step, to, ...)                                                                        \
    ((step)->action = (to), (void)snprintf((step)->detail, sizeof(step)->detail, __VA_ARGS__))

// Does the record that is there bind us: is it the domain's, as far as that can be judged?
bool publish_is_ours(const struct making *making, enum dsse_state state);

// Owned, to be freed by cJSON_free; NULL: no memory.
char *publish_copy(struct bytes text);

// ---- publish_schema.c ----

enum err publish_plan_schemas(struct making *making);
enum err publish_register(struct registry *registry, const struct publish_step *step,
                          char why[KAFKA_SENTENCE_SIZE]);

// ---- publish_change.c ----

// Refuse a contract that breaks who reads another version of it on the same topic; tell which older
// topics it stands beside.
void publish_judge_change(const struct making *making, struct publish_step *step,
                          const struct contract *contract);

// publish_ending.c: is the document's status `deprecated`; the step leaves it so.
bool publish_is_deprecated(struct bytes document);
void publish_tell_deprecated(struct publish_step *step, struct bytes document);
// Add to the step of a product for how long the ports run on that are not of this request.
void publish_tell_older_ports(const struct making *making, struct publish_step *step);

#endif
