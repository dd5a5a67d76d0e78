// A disk in memory, behind agent/disk.h, that does what disks do when the power goes.
//
// Each ring has two images: the cache, which reads see, and the media, which a power cut leaves.
// A write changes the cache; a sync (or chance, at the cut) moves 512 B sectors to the media. All
// chance comes from one seed.
//
//   write ──▶ cache ──sync──▶ media        cut: each unsynced sector is old, new, garbage, half,
//     ▲                                    or unreadable, as a page; then the cache is read again
//     └── direct: through to the media at once, as O_DIRECT|O_DSYNC does
//
// It also watches the caller: a write that is not aligned, a place outside a slot, and a write or
// sync of a slot where one failed (I6) leave a sentence in `broken`.
#ifndef WEIR_TESTS_SIM_SIMDISK_H
#define WEIR_TESTS_SIM_SIMDISK_H

#include "agent/disk.h"
#include "tests/sim/random.h"

#include <setjmp.h>
#include <stddef.h>

enum {
    SIMDISK_SECTOR = 512,
    SIMDISK_PAGE = 4096,
    SIMDISK_RING_MAX = 4 * 1024 * 1024, // bytes of a ring
    SIMDISK_SLOTS_MAX = 64,
};

// Each is "once in so many calls"; 0: never.
struct simdisk_faults {
    uint32_t write_fails;
    uint32_t write_short;
    uint32_t no_space;
    uint32_t readonly; // until simdisk_power_cut
    uint32_t sync_fails;
    uint32_t sync_lies;
    uint32_t create_fails;
};

struct simdisk_ring {
    uint32_t slot_count; // 0: not made
    uint32_t slot_size;
    uint8_t *cache;
    uint8_t *media;
    uint8_t *marks;                    // of each sector, SIMDISK_MARK_*
    bool condemned[SIMDISK_SLOTS_MAX]; // a write or sync failed; no segment was begun there since
};

struct simdisk {
    struct disk disk; // what the spool is given
    struct sim_random random;
    struct simdisk_ring rings[2];
    struct simdisk_faults faults;
    bool direct;        // writes are durable when they return
    bool favours_zeros; // cuts often leave sectors of zeros only, or all but one of them
    bool readonly;      // the file system went read-only
    uint32_t *touched;  // sectors whose cache is not the media, in order of writing
    uint32_t touched_count;
    uint32_t stale_count;  // of them: lost by a failed sync, still shown by the cache
    uint64_t steps_to_cut; // calls until the power goes; 0: it stays
    bool cut_in_reads;     // reads are steps too
    bool dead;             // the power is gone: all calls fail
    jmp_buf *out;          // where to go then; NULL: on with errors
    uint32_t calls_while_dead;
    uint64_t calls;
    // Called before each write takes effect. NULL: nobody looks.
    void (*watch)(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                  const uint8_t *at, uint32_t size);
    void *watch_context;
    char broken[160]; // the first rule of agent/disk.h that the caller broke; "" none
};

void simdisk_init(struct simdisk *disk); // memory is taken here
void simdisk_free(struct simdisk *disk);

// An empty disk (no ring made) with no faults; all later chance comes from `seed`.
void simdisk_reset(struct simdisk *disk, uint64_t seed);

// The power goes inside the `steps`-th write, sync, create (or read, where `in_reads`) from now.
void simdisk_cut_after(struct simdisk *disk, uint64_t steps, bool in_reads);

// The power goes, if it has not yet, and comes back: what was not synced is as the file's head
// says.
void simdisk_power_cut(struct simdisk *disk);

// The process died and the machine did not: the cache lives on.
void simdisk_kill(struct simdisk *disk);

enum simdisk_rot { SIMDISK_ROT_BIT, SIMDISK_ROT_SECTOR, SIMDISK_ROT_UNREADABLE };

// Damage one place of what is durable.
void simdisk_rot(struct simdisk *disk, enum disk_ring ring, uint32_t slot, uint32_t offset,
                 enum simdisk_rot how);

#endif
