#include "agent/states.h"

#include <assert.h>

static struct state *find(struct states *states, const char *name)
{
    for (uint32_t i = 0; i < states->count; i++) {
        if (strcmp(states->list[i].name, name) == 0) {
            return &states->list[i];
        }
    }
    return NULL;
}

enum err states_set(struct states *states, const char *name, struct bytes value)
{
    if (strlen(name) >= SPOOL_STATE_NAME_MAX || value.size > SPOOL_STATE_VALUE_MAX) {
        return ERR_LIMIT;
    }
    struct state *state = find(states, name);
    if (state == NULL) {
        if (states->count == SPOOL_STATES_MAX) {
            return ERR_LIMIT;
        }
        state = &states->list[states->count++];
        memcpy(state->name, name, strlen(name) + 1);
        state->size = 0;
    } else if (bytes_equal(bytes_from(state->value, state->size), value)) {
        return OK;
    }
    if (value.size > 0) {
        memcpy(state->value, value.at, value.size);
    }
    state->size = (uint16_t)value.size;
    state->changed = true;
    return OK;
}

struct bytes states_get(const struct states *states, const struct spool *spool, const char *name)
{
    for (uint32_t i = 0; i < states->count; i++) {
        if (strcmp(states->list[i].name, name) == 0) {
            return bytes_from(states->list[i].value, states->list[i].size);
        }
    }
    struct bytes value = {0};
    if (spool == NULL || spool_state(spool, name, &value) != OK) {
        return (struct bytes){0};
    }
    return value;
}

bool states_changed(const struct states *states)
{
    for (uint32_t i = 0; i < states->count; i++) {
        if (states->list[i].changed) {
            return true;
        }
    }
    return false;
}

size_t states_take(struct states *states, struct states *copy, struct spool_state *list)
{
    copy->count = 0;
    for (uint32_t i = 0; i < states->count; i++) {
        struct state *state = &states->list[i];
        if (!state->changed) {
            continue;
        }
        struct state *taken = &copy->list[copy->count];
        memcpy(taken->name, state->name, sizeof state->name);
        memcpy(taken->value, state->value, state->size);
        taken->size = state->size;
        list[copy->count++] = (struct spool_state){.name = taken->name,
                                                   .value = bytes_from(taken->value, taken->size)};
        state->changed = false;
    }
    return copy->count;
}
