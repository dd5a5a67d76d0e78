#include "agent/boots.h"

enum { BOOT_BYTES = 16 + 8 };

static const struct boot *find(const struct boots *boots, const uint8_t id[16])
{
    for (uint32_t i = 0; i < boots->count; i++) {
        if (memcmp(boots->list[i].id, id, 16) == 0) {
            return &boots->list[i];
        }
    }
    return NULL;
}

void boots_restore(struct boots *boots, const uint8_t present[16], const struct states *states,
                   const struct spool *spool)
{
    memcpy(boots->present, present, 16);
    boots->count = 0;
    struct bytes value = states_get(states, spool, "boots");
    for (size_t at = 0; at + BOOT_BYTES <= value.size && boots->count < BOOTS_MAX;
         at += BOOT_BYTES) {
        struct boot *boot = &boots->list[boots->count++];
        memcpy(boot->id, value.at + at, 16);
        boot->began_ms = (int64_t)get_u64(value.at + at + 16);
    }
}

bool boots_learn(struct boots *boots, int64_t wall_ms, int64_t boot_ms, struct states *states)
{
    if (wall_ms < BOOTS_CLOCK_FLOOR_MS || find(boots, boots->present) != NULL) {
        return false;
    }
    boots->count = boots->count < BOOTS_MAX ? boots->count + 1 : BOOTS_MAX;
    memmove(boots->list + 1, boots->list, (boots->count - 1) * sizeof boots->list[0]);
    memcpy(boots->list[0].id, boots->present, 16);
    boots->list[0].began_ms = wall_ms - boot_ms;
    uint8_t bytes[BOOTS_MAX * BOOT_BYTES];
    for (uint32_t i = 0; i < boots->count; i++) {
        memcpy(bytes + (size_t)i * BOOT_BYTES, boots->list[i].id, 16);
        put_u64(bytes + (size_t)i * BOOT_BYTES + 16, (uint64_t)boots->list[i].began_ms);
    }
    return states_set(states, "boots", bytes_from(bytes, (size_t)boots->count * BOOT_BYTES)) == OK;
}

enum err boots_wall(const struct boots *boots, const uint8_t id[16], int64_t time_ms,
                    int64_t time_last_ms, int64_t *wall_ms, bool *sure)
{
    const struct boot *boot = find(boots, id);
    *sure = boot != NULL;
    if (boot != NULL) {
        *wall_ms = boot->began_ms + time_ms;
        return OK;
    }
    const struct boot *present = find(boots, boots->present);
    if (present == NULL) {
        return ERR_AGAIN;
    }
    *wall_ms = present->began_ms - (time_last_ms - time_ms);
    return OK;
}
