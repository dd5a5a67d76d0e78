// Where the spool's bytes lie: numbered slots of one size in one or two rings, behind a few
// functions. POSIX files, the crash simulator and, one day, a raw partition stand behind it.
//
// Floor: keeping.
#ifndef WEIR_AGENT_DISK_H
#define WEIR_AGENT_DISK_H

#include "agent/err.h"

#include <stddef.h>
#include <stdint.h>

// A ring of the disk: 0 is the main ring, 1 the nursery.
enum disk_ring { DISK_MAIN = 0, DISK_NURSERY = 1 };

struct disk {
    void *context;
    // Make a ring of `slot_count` slots of `slot_size` bytes, written with zeros and durable, or,
    // after ERR_*, as if it had not been called (a half-made ring counts as none).
    enum err (*create)(void *context, enum disk_ring ring, uint32_t slot_count, uint32_t slot_size);
    // How large the ring is. ERR_NOT_FOUND: it was never made, or not to its end.
    enum err (*look)(void *context, enum disk_ring ring, uint32_t *slot_count, uint32_t *slot_size);
    // All `size` bytes or an error (a short read is ERR_IO).
    enum err (*read)(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset, void *at,
                     uint32_t size);
    // After an error a part may be written. `at`, `offset` and `size` are multiples of 4096.
    enum err (*write)(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                      const void *at, uint32_t size);
    // What was written to the slot is durable. Never called again for a place after an error (I6).
    enum err (*sync)(void *context, enum disk_ring ring, uint32_t slot);
    void (*random)(void *context, void *at, size_t size);
};

#endif
