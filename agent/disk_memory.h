// A disk of memory: for a start without a usable device (a new epoch; a power cut costs all), and
// for tests of what stands on a disk.
//
// Floor: keeping.
#ifndef WEIR_AGENT_DISK_MEMORY_H
#define WEIR_AGENT_DISK_MEMORY_H

#include "agent/disk.h"

struct disk_memory; // opaque

// At most `limit_bytes` for both rings. NULL: no memory.
struct disk_memory *disk_memory_open(uint64_t limit_bytes);
void disk_memory_close(struct disk_memory *memory);
const struct disk *disk_memory_disk(struct disk_memory *memory);

#endif
