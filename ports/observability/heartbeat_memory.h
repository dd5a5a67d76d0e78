// What the heartbeat remembers across restarts: which boot this is, how often the agent started in
// it, whether the last end was a clean one, since when the settings are in force.
//
// Floor: edges.
#ifndef WEIR_PORTS_OBSERVABILITY_HEARTBEAT_MEMORY_H
#define WEIR_PORTS_OBSERVABILITY_HEARTBEAT_MEMORY_H

#include "agent/bytes.h"
#include "agent/err.h"

struct heartbeat_memory {
    char boot_id[37];
    uint32_t boot_count; // boots seen, this one included
    uint32_t run_id;     // starts of the agent within this boot before this one
    uint32_t unexpected; // boots that began without a clean end before them
    bool clean;          // the last run said bye
    uint8_t settings_digest[32];
    int64_t settings_since_ms; // wall time at which that digest was first in force; -1: not known
    int64_t wall_ms;           // a wall time that is known to have passed; -1: none
};

enum { HEARTBEAT_MEMORY_SIZE = 1 + 36 + 4 + 4 + 4 + 1 + 32 + 8 + 8 };

void memory_put(const struct heartbeat_memory *memory, struct buffer *out);

// ERR_CORRUPT: `in` is not what memory_put wrote; `*memory` is then that of a first start.
enum err memory_get(struct heartbeat_memory *memory, struct bytes in);

// A run begins: count boots and runs, and note the settings. `wall_ms` is -1 where the clock is not
// to be trusted. The run is not clean until it says so.
void memory_begin(struct heartbeat_memory *memory, const char *boot_id,
                  const uint8_t settings_digest[32], int64_t wall_ms);

#endif
