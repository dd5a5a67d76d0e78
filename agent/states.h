// The small durable state of a product as the flow sees it: names and values, each changed one
// marked until a commit has taken it. The spool keeps the durable copy.
//
// Floor: flow.
#ifndef WEIR_AGENT_STATES_H
#define WEIR_AGENT_STATES_H

#include "agent/spool.h"

struct state {
    char name[SPOOL_STATE_NAME_MAX];
    uint16_t size;
    bool changed; // since the last commit took it
    uint8_t value[SPOOL_STATE_VALUE_MAX];
};

struct states {
    uint32_t count;
    struct state list[SPOOL_STATES_MAX];
};

// Empty removes. ERR_LIMIT: the name or value is over its bound, or there are too many names.
enum err states_set(struct states *states, const char *name, struct bytes value);

// The newest value, or what the spool holds; empty where there is none. Borrowed until the next
// set.
struct bytes states_get(const struct states *states, const struct spool *spool, const char *name);

bool states_changed(const struct states *states);

// Copy the changed ones to `out` (SPOOL_STATES_MAX of room each in states and list), unmarking
// them.
size_t states_take(struct states *states, struct states *copy, struct spool_state *list);

#endif
