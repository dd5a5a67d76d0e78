// From boot time to wall time. A gateway without a battery starts in 1970: records taken before its
// clock is set are stamped with milliseconds since boot and the boot's id, and get their wall time
// when they are sent. Which boot began when is a state of the product, so that it survives the next
// boot.
//
// Floor: flow.
#ifndef WEIR_AGENT_BOOTS_H
#define WEIR_AGENT_BOOTS_H

#include "agent/states.h"

enum { BOOTS_MAX = 16 };

// The wall clock is believed from here on: 2026-01-01, before any release of this program.
static const int64_t BOOTS_CLOCK_FLOOR_MS = 1767225600000;

struct boots {
    uint8_t present[16]; // id of this boot
    uint32_t count;
    struct boot {
        uint8_t id[16];
        int64_t began_ms; // wall time at boot
    } list[BOOTS_MAX];    // newest first
};

void boots_restore(struct boots *boots, const uint8_t present[16], const struct states *states,
                   const struct spool *spool);

// Note when this boot began, once the clock is set. True: it is news, and in `states`.
bool boots_learn(struct boots *boots, int64_t wall_ms, int64_t boot_ms, struct states *states);

// The wall time of `time_ms` of the boot `id`. `*sure` is false for a boot that ended before its
// clock was set: it lies at the latest before this one. ERR_AGAIN: this boot's clock is not set
// yet.
enum err boots_wall(const struct boots *boots, const uint8_t id[16], int64_t time_ms,
                    int64_t time_last_ms, int64_t *wall_ms, bool *sure);

#endif
