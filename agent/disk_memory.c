#include "agent/disk_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct memory_ring {
    uint8_t *at; // NULL: not made
    uint32_t slot_count;
    uint32_t slot_size;
};

struct disk_memory {
    struct disk disk;
    struct memory_ring rings[2];
    uint64_t limit;
    uint64_t used;
};

static enum err memory_create(void *context, enum disk_ring ring, uint32_t slot_count,
                              uint32_t slot_size)
{
    struct disk_memory *memory = context;
    uint64_t size = (uint64_t)slot_count * slot_size;
    if (size > memory->limit - memory->used) {
        return ERR_NO_SPACE;
    }
    uint8_t *at = calloc(slot_count, slot_size);
    if (at == NULL) {
        return ERR_NO_SPACE;
    }
    memory->rings[ring] =
        (struct memory_ring){.at = at, .slot_count = slot_count, .slot_size = slot_size};
    memory->used += size;
    return OK;
}

static enum err memory_look(void *context, enum disk_ring ring, uint32_t *slot_count,
                            uint32_t *slot_size)
{
    const struct disk_memory *memory = context;
    *slot_count = memory->rings[ring].slot_count;
    *slot_size = memory->rings[ring].slot_size;
    return memory->rings[ring].at != NULL ? OK : ERR_NOT_FOUND;
}

static uint8_t *memory_at(struct disk_memory *memory, enum disk_ring ring, uint32_t slot,
                          uint32_t offset, uint32_t size)
{
    const struct memory_ring *shape = &memory->rings[ring];
    assert(slot < shape->slot_count && offset <= shape->slot_size &&
           size <= shape->slot_size - offset);
    return shape->at + (size_t)slot * shape->slot_size + offset;
}

static enum err memory_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                            void *at, uint32_t size)
{
    memcpy(at, memory_at(context, ring, slot, offset, size), size);
    return OK;
}

static enum err memory_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                             const void *at, uint32_t size)
{
    memcpy(memory_at(context, ring, slot, offset, size), at, size);
    return OK;
}

static enum err memory_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    (void)context;
    (void)ring;
    (void)slot;
    return OK;
}

static void memory_random(void *context, void *at, size_t size)
{
    (void)context;
    uint8_t *bytes = at;
    while (size > 0) { // at most 256 bytes come at once, without EINTR
        size_t part = size < 256 ? size : 256;
        ssize_t got = getrandom(bytes, part, 0);
        assert(got == (ssize_t)part);
        bytes += part;
        size -= part;
    }
}

struct disk_memory *disk_memory_open(uint64_t limit_bytes)
{
    struct disk_memory *memory = calloc(1, sizeof *memory);
    if (memory != NULL) {
        memory->limit = limit_bytes;
        memory->disk = (struct disk){.context = memory,
                                     .create = memory_create,
                                     .look = memory_look,
                                     .read = memory_read,
                                     .write = memory_write,
                                     .sync = memory_sync,
                                     .random = memory_random};
    }
    return memory;
}

void disk_memory_close(struct disk_memory *memory)
{
    if (memory != NULL) {
        free(memory->rings[DISK_MAIN].at);
        free(memory->rings[DISK_NURSERY].at);
        free(memory);
    }
}

const struct disk *disk_memory_disk(struct disk_memory *memory)
{
    return &memory->disk;
}
