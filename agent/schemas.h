// The schemas that blocks of a spool were written under: the contract's present one and up to three
// older ones, kept in the product's state so that a changed contract never makes a backlog
// unreadable.
//
// Floor: flow.
#ifndef WEIR_AGENT_SCHEMAS_H
#define WEIR_AGENT_SCHEMAS_H

#include "agent/states.h"
#include "agent/wire_json.h"

enum { SCHEMAS_MAX = 4 };

struct schemas {
    uint32_t count;
    struct schema *list[SCHEMAS_MAX];     // owned; the present one first
    struct wire_json *plans[SCHEMAS_MAX]; // owned
};

// Load what the spool keeps and put `present` first. `forget_old`: nothing in the spool needs them.
// ERR_FULL: records of four other schemas wait in the spool. ERR_LIMIT: too many columns to be
// kept.
enum err schemas_open(struct schemas *schemas, const struct schema *present, bool forget_old,
                      struct states *states, const struct spool *spool);

// What the spool keeps, to look at it without a contract: the newest first. `count` may be 0.
enum err schemas_load(struct schemas *schemas, const struct spool *spool);

void schemas_close(struct schemas *schemas);

// ERR_NOT_FOUND: no block of this spool should have that id.
enum err schemas_find(const struct schemas *schemas, uint32_t id, const struct schema **schema,
                      const struct wire_json **plan);

#endif
