// The states "schema.<slot>.<part>" hold the bytes of each schema, 1 KiB a part.
#include "agent/schemas.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PARTS_MAX = 6, // of one schema: 4 x 6 + 1 of the 64 states
    SCHEMA_BYTES_MAX = PARTS_MAX * SPOOL_STATE_VALUE_MAX,
};

static void part_name(uint32_t slot, unsigned part, char name[SPOOL_STATE_NAME_MAX])
{
    (void)snprintf(name, SPOOL_STATE_NAME_MAX, "schema.%u.%u", slot, part);
}

static enum err keep(uint32_t slot, const struct schema *schema, struct states *states,
                     const struct spool *spool)
{
    static uint8_t bytes[SCHEMA_BYTES_MAX];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    if (schema_put(schema, &out) != OK) {
        return ERR_LIMIT;
    }
    enum err err = OK;
    for (unsigned part = 0; part < PARTS_MAX && err == OK; part++) {
        size_t from = (size_t)part * SPOOL_STATE_VALUE_MAX;
        size_t left = out.size > from ? out.size - from : 0;
        char name[SPOOL_STATE_NAME_MAX];
        part_name(slot, part, name);
        left = left < SPOOL_STATE_VALUE_MAX ? left : SPOOL_STATE_VALUE_MAX;
        if (left > 0 || states_get(states, spool, name).size > 0) {
            err = states_set(states, name, bytes_from(bytes + from, left));
        }
    }
    return err;
}

static struct schema *load(uint32_t slot, const struct states *states, const struct spool *spool)
{
    static uint8_t bytes[SCHEMA_BYTES_MAX];
    struct buffer in = buffer_over(bytes, sizeof bytes);
    for (unsigned part = 0; part < PARTS_MAX; part++) {
        char name[SPOOL_STATE_NAME_MAX];
        part_name(slot, part, name);
        struct bytes value = states_get(states, spool, name);
        buffer_put(&in, value.at, value.size);
    }
    struct schema *schema = in.size == 0 ? NULL : malloc(sizeof *schema);
    if (schema != NULL && schema_get(schema, buffer_bytes(&in)) != OK) {
        free(schema);
        schema = NULL;
    }
    return schema;
}

static enum err add(struct schemas *schemas, struct schema *schema)
{
    struct wire_json *plan = malloc(sizeof *plan);
    if (schema == NULL || plan == NULL) {
        free(schema);
        free(plan);
        return ERR_FAILED;
    }
    wire_json_plan(plan, schema);
    schemas->list[schemas->count] = schema;
    schemas->plans[schemas->count++] = plan;
    return OK;
}

static enum err load_old(struct schemas *schemas, uint32_t present_id, const struct states *states,
                         const struct spool *spool)
{
    for (uint32_t slot = 0; slot < SCHEMAS_MAX; slot++) {
        struct schema *old = load(slot, states, spool);
        if (old == NULL || old->id == present_id) {
            free(old);
            continue;
        }
        if (schemas->count == SCHEMAS_MAX) {
            free(old);
            return ERR_FULL;
        }
        enum err err = add(schemas, old);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

enum err schemas_open(struct schemas *schemas, const struct schema *present, bool forget_old,
                      struct states *states, const struct spool *spool)
{
    schemas->count = 0;
    struct schema *copy = malloc(sizeof *copy);
    if (copy != NULL) {
        *copy = *present;
    }
    enum err err = add(schemas, copy);
    if (err == OK && !forget_old) {
        err = load_old(schemas, present->id, states, spool);
    }
    for (uint32_t slot = 0; slot < SCHEMAS_MAX && err == OK; slot++) {
        if (slot < schemas->count) {
            err = keep(slot, schemas->list[slot], states, spool);
        } else {
            char name[SPOOL_STATE_NAME_MAX];
            for (unsigned part = 0; part < PARTS_MAX; part++) {
                part_name(slot, part, name);
                if (states_get(states, spool, name).size > 0) {
                    (void)states_set(states, name, (struct bytes){0});
                }
            }
        }
    }
    return err;
}

enum err schemas_load(struct schemas *schemas, const struct spool *spool)
{
    static const struct states none;
    schemas->count = 0;
    enum err err = OK;
    for (uint32_t slot = 0; slot < SCHEMAS_MAX && err == OK; slot++) {
        struct schema *schema = load(slot, &none, spool);
        err = schema == NULL ? OK : add(schemas, schema);
    }
    return err;
}

void schemas_close(struct schemas *schemas)
{
    for (uint32_t i = 0; i < schemas->count; i++) {
        free(schemas->list[i]);
        free(schemas->plans[i]);
    }
    schemas->count = 0;
}

enum err schemas_find(const struct schemas *schemas, uint32_t id, const struct schema **schema,
                      const struct wire_json **plan)
{
    for (uint32_t i = 0; i < schemas->count; i++) {
        if (schemas->list[i]->id == id) {
            *schema = schemas->list[i];
            *plan = schemas->plans[i];
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}
