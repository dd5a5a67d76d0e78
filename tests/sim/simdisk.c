#include "tests/sim/simdisk.h"

#include "tests/sim/count.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARK_DIRTY = 1, // in the cache, not synced
    MARK_STALE =
        2, // in the cache; the sync that should have saved it failed, so the media may differ
    MARK_BAD = 4, // the media cannot be read here
};

enum { SECTORS_MAX = SIMDISK_RING_MAX / SIMDISK_SECTOR, RING_SHIFT = 24, SPIN_MAX = 100000 };

static struct simdisk_ring *ring_of(struct simdisk *disk, uint32_t place)
{
    return &disk->rings[place >> RING_SHIFT];
}

static uint32_t sector_of(uint32_t place)
{
    return place & ((1U << RING_SHIFT) - 1);
}

static uint8_t *at_sector(uint8_t *image, uint32_t sector)
{
    return image + (size_t)sector * SIMDISK_SECTOR;
}

static void persist(struct simdisk_ring *ring, uint32_t sector)
{
    memcpy(at_sector(ring->media, sector), at_sector(ring->cache, sector), SIMDISK_SECTOR);
    ring->marks[sector] = 0;
}

static void forget(struct simdisk_ring *ring, uint32_t sector)
{
    memcpy(at_sector(ring->cache, sector), at_sector(ring->media, sector), SIMDISK_SECTOR);
    ring->marks[sector] &= MARK_BAD;
}

// What cannot be read is a whole page of flash, and only a write of the whole page heals it: were
// it a sector, a later write beside it could bring an old commit back to life.
static bool page_is_bad(const struct simdisk_ring *ring, uint32_t sector)
{
    const uint32_t in_page = SIMDISK_PAGE / SIMDISK_SECTOR;
    uint32_t first = sector / in_page * in_page;
    bool bad = false;
    for (uint32_t s = first; s < first + in_page; s++) {
        bad = bad || (ring->marks[s] & MARK_BAD);
    }
    return bad;
}

static void broke(struct simdisk *disk, const char *rule, enum disk_ring ring, uint32_t slot,
                  uint32_t offset, uint32_t size)
{
    if (disk->broken[0] == '\0') {
        (void)snprintf(disk->broken, sizeof disk->broken, "%s: ring %d slot %u offset %u size %u",
                       rule, (int)ring, slot, offset, size);
    }
}

// One call of the caller; true where the power goes inside it.
static bool step(struct simdisk *disk, enum sim_count where)
{
    if (disk->steps_to_cut == 0 || --disk->steps_to_cut > 0) {
        return false;
    }
    sim_counts[where]++;
    disk->dead = true;
    disk->calls_while_dead = 0;
    if (disk->out != NULL) {
        sim_counts[CUT_BY_JUMP]++;
        longjmp(*disk->out, 1);
    }
    sim_counts[CUT_BY_ERRORS]++;
    return true;
}

static bool is_dead(struct simdisk *disk)
{
    disk->calls++;
    if (disk->dead && ++disk->calls_while_dead == SPIN_MAX) {
        broke(disk, "goes on calling a dead disk", DISK_MAIN, 0, 0, 0);
        if (disk->out != NULL) {
            longjmp(*disk->out, 1);
        }
        abort();
    }
    return disk->dead;
}

static bool place_is_wrong(struct simdisk *disk, enum disk_ring ring, uint32_t slot,
                           uint32_t offset, uint32_t size)
{
    const struct simdisk_ring *r = &disk->rings[ring];
    if (slot < r->slot_count && size <= r->slot_size && offset <= r->slot_size - size) {
        return false;
    }
    broke(disk, "outside its slot", ring, slot, offset, size);
    return true;
}

static void touch(struct simdisk *disk, uint32_t place)
{
    struct simdisk_ring *ring = ring_of(disk, place);
    uint8_t *mark = &ring->marks[sector_of(place)];
    if ((*mark & (MARK_DIRTY | MARK_STALE)) == 0) {
        disk->touched[disk->touched_count++] = place;
    }
    if (*mark & MARK_STALE) {
        disk->stale_count--;
    }
    *mark = (uint8_t)((*mark & MARK_BAD) | MARK_DIRTY);
}

static void untouch_clean(struct simdisk *disk)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < disk->touched_count; i++) {
        uint32_t place = disk->touched[i];
        if (ring_of(disk, place)->marks[sector_of(place)] & (MARK_DIRTY | MARK_STALE)) {
            disk->touched[kept++] = place;
        }
    }
    disk->touched_count = kept;
}

// Put one sector of a write into the cache. The kernel may have written an older one back already.
static void cache_sector(struct simdisk *disk, uint32_t place, const uint8_t *from)
{
    struct simdisk_ring *ring = ring_of(disk, place);
    uint32_t sector = sector_of(place);
    if ((ring->marks[sector] & MARK_DIRTY) && sim_once_in(&disk->random, 2) &&
        !page_is_bad(ring, sector)) {
        sim_counts[LEFT_OLDER_WRITE]++;
        memcpy(at_sector(ring->media, sector), at_sector(ring->cache, sector), SIMDISK_SECTOR);
    }
    memcpy(at_sector(ring->cache, sector), from, SIMDISK_SECTOR);
    touch(disk, place);
}

static void persist_slot(struct simdisk *disk, enum disk_ring ring, uint32_t slot)
{
    struct simdisk_ring *r = &disk->rings[ring];
    uint32_t per_slot = r->slot_size / SIMDISK_SECTOR;
    bool others = false;
    for (uint32_t i = 0; i < disk->touched_count; i++) {
        uint32_t place = disk->touched[i];
        uint32_t sector = sector_of(place);
        bool here = place >> RING_SHIFT == (uint32_t)ring && sector / per_slot == slot;
        if (here && (r->marks[sector] & MARK_DIRTY)) {
            persist(r, sector);
        } else {
            others = true;
        }
    }
    if (others) {
        untouch_clean(disk);
    } else {
        disk->touched_count = 0;
    }
}

// Write `size` bytes, whole (`part` false) or as an error leaves them: a prefix or any subset.
static void write_sectors(struct simdisk *disk, uint32_t place, const uint8_t *from, uint32_t size,
                          bool part)
{
    uint32_t count = size / SIMDISK_SECTOR;
    uint32_t prefix =
        part && sim_once_in(&disk->random, 2) ? sim_below(&disk->random, count) : count;
    bool subset = part && prefix == count;
    for (uint32_t i = 0; i < prefix; i++) {
        if (!subset || sim_once_in(&disk->random, 2)) {
            cache_sector(disk, place + i, from + (size_t)i * SIMDISK_SECTOR);
        }
    }
}

static enum err write_fault(struct simdisk *disk)
{
    const struct simdisk_faults *faults = &disk->faults;
    if (disk->readonly) {
        return ERR_READONLY;
    }
    if (sim_once_in(&disk->random, faults->readonly)) {
        sim_counts[WRITE_READONLY]++;
        disk->readonly = true;
        return ERR_READONLY;
    }
    if (sim_once_in(&disk->random, faults->write_fails)) {
        sim_counts[WRITE_FAILED]++;
        return ERR_IO;
    }
    if (sim_once_in(&disk->random, faults->write_short)) {
        sim_counts[WRITE_SHORT]++;
        return ERR_IO;
    }
    if (sim_once_in(&disk->random, faults->no_space)) {
        sim_counts[WRITE_NO_SPACE]++;
        return ERR_NO_SPACE;
    }
    return OK;
}

static enum err on_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                         const void *at, uint32_t size)
{
    struct simdisk *disk = context;
    if (is_dead(disk)) {
        return ERR_IO;
    }
    if (place_is_wrong(disk, ring, slot, offset, size)) {
        return ERR_INVALID;
    }
    if (offset % SIMDISK_PAGE != 0 || size % SIMDISK_PAGE != 0 || size == 0) {
        broke(disk, "write is not of whole pages", ring, slot, offset, size);
        return ERR_INVALID;
    }
    if (disk->watch != NULL) {
        disk->watch(disk->watch_context, ring, slot, offset, at, size);
    }
    struct simdisk_ring *r = &disk->rings[ring];
    if (offset == 0) {
        r->condemned[slot] = false; // a new segment begins here
    }
    if (r->condemned[slot]) {
        broke(disk, "I6: writes on where a write or sync failed", ring, slot, offset, size);
    }
    enum err err = write_fault(disk);
    r->condemned[slot] = err != OK;
    uint32_t sector = (uint32_t)(((uint64_t)slot * r->slot_size + offset) / SIMDISK_SECTOR);
    if (!disk->readonly) {
        write_sectors(disk, (uint32_t)ring << RING_SHIFT | sector, at, size, err != OK);
    }
    if (step(disk, CUT_IN_WRITE)) {
        return ERR_IO;
    }
    if (disk->direct) {
        sim_counts[DIRECT_WRITE]++;
        persist_slot(disk, ring, slot);
    }
    return err;
}

// The error is told once; the cache goes on showing what may never have reached the media, and the
// next sync says OK (measured on ext4, Linux 6.18).
static void fail_sync(struct simdisk *disk, enum disk_ring ring, uint32_t slot)
{
    struct simdisk_ring *r = &disk->rings[ring];
    uint32_t per_slot = r->slot_size / SIMDISK_SECTOR;
    uint32_t saved = sim_below(&disk->random, 5); // of 4: none, some, all
    for (uint32_t i = 0; i < disk->touched_count; i++) {
        uint32_t place = disk->touched[i];
        uint32_t sector = sector_of(place);
        bool here = place >> RING_SHIFT == (uint32_t)ring && sector / per_slot == slot;
        if (!here || !(r->marks[sector] & MARK_DIRTY)) {
            continue;
        }
        if (sim_below(&disk->random, 4) < saved && !page_is_bad(r, sector)) {
            persist(r, sector);
        } else {
            sim_counts[SYNC_FAILED_CACHE_LIES]++;
            r->marks[sector] = (uint8_t)((r->marks[sector] & MARK_BAD) | MARK_STALE);
            disk->stale_count++;
        }
    }
    untouch_clean(disk);
    r->condemned[slot] = true;
}

static enum err on_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    struct simdisk *disk = context;
    if (is_dead(disk)) {
        return ERR_IO;
    }
    if (place_is_wrong(disk, ring, slot, 0, 0)) {
        return ERR_INVALID;
    }
    if (disk->rings[ring].condemned[slot]) {
        broke(disk, "I6: syncs where a write or sync failed", ring, slot, 0, 0);
    }
    if (step(disk, CUT_IN_SYNC)) {
        return ERR_IO;
    }
    if (disk->readonly) {
        return ERR_READONLY;
    }
    if (disk->direct) {
        return OK;
    }
    if (sim_once_in(&disk->random, disk->faults.sync_fails)) {
        sim_counts[SYNC_FAILED]++;
        fail_sync(disk, ring, slot);
        return ERR_IO;
    }
    if (sim_once_in(&disk->random, disk->faults.sync_lies)) {
        sim_counts[SYNC_LIED]++;
        return OK;
    }
    persist_slot(disk, ring, slot);
    return OK;
}

// Pages of a failed sync leave the cache when memory is short: then the old bytes are back.
static void drop_stale(struct simdisk *disk)
{
    for (uint32_t i = 0; i < disk->touched_count && disk->stale_count > 0; i++) {
        struct simdisk_ring *ring = ring_of(disk, disk->touched[i]);
        uint32_t sector = sector_of(disk->touched[i]);
        if (ring->marks[sector] & MARK_STALE) {
            forget(ring, sector);
            disk->stale_count--;
        }
    }
    untouch_clean(disk);
}

static enum err on_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                        void *at, uint32_t size)
{
    struct simdisk *disk = context;
    if (is_dead(disk)) {
        return ERR_IO;
    }
    if (place_is_wrong(disk, ring, slot, offset, size)) {
        return ERR_INVALID;
    }
    if (disk->cut_in_reads && step(disk, CUT_IN_READ)) {
        return ERR_IO;
    }
    if (disk->stale_count > 0 && sim_once_in(&disk->random, 4)) {
        drop_stale(disk);
    }
    const struct simdisk_ring *r = &disk->rings[ring];
    uint64_t from = (uint64_t)slot * r->slot_size + offset;
    for (uint64_t s = from / SIMDISK_SECTOR; s * SIMDISK_SECTOR < from + size; s++) {
        if (r->marks[s] == MARK_BAD) {
            sim_counts[READ_UNREADABLE]++;
            return ERR_IO;
        }
    }
    memcpy(at, r->cache + from, size);
    return OK;
}

static enum err on_create(void *context, enum disk_ring ring, uint32_t slot_count,
                          uint32_t slot_size)
{
    struct simdisk *disk = context;
    if (is_dead(disk)) {
        return ERR_IO;
    }
    if (slot_count == 0 || slot_count > SIMDISK_SLOTS_MAX || slot_size % SIMDISK_PAGE != 0 ||
        (uint64_t)slot_count * slot_size > SIMDISK_RING_MAX) {
        broke(disk, "makes a ring of no sense", ring, slot_count, 0, slot_size);
        return ERR_INVALID;
    }
    bool cut = step(disk, CUT_IN_CREATE);
    if (disk->readonly) {
        return ERR_READONLY;
    }
    if (sim_once_in(&disk->random, disk->faults.create_fails)) {
        sim_counts[CREATE_FAILED]++;
        return sim_once_in(&disk->random, 2) ? ERR_IO : ERR_NO_SPACE;
    }
    struct simdisk_ring *r = &disk->rings[ring];
    if (!cut || sim_once_in(&disk->random, 2)) {
        size_t size = (size_t)slot_count * slot_size;
        *r = (struct simdisk_ring){.slot_count = slot_count,
                                   .slot_size = slot_size,
                                   .cache = r->cache,
                                   .media = r->media,
                                   .marks = r->marks};
        memset(r->cache, 0, size);
        memset(r->media, 0, size);
        memset(r->marks, 0, size / SIMDISK_SECTOR);
    }
    return cut ? ERR_IO : OK;
}

static enum err on_look(void *context, enum disk_ring ring, uint32_t *slot_count,
                        uint32_t *slot_size)
{
    struct simdisk *disk = context;
    if (is_dead(disk)) {
        return ERR_IO;
    }
    if (disk->rings[ring].slot_count == 0) {
        return ERR_NOT_FOUND;
    }
    *slot_count = disk->rings[ring].slot_count;
    *slot_size = disk->rings[ring].slot_size;
    return OK;
}

static void on_random(void *context, void *at, size_t size)
{
    struct simdisk *disk = context;
    uint8_t *out = at;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)sim_next(&disk->random);
    }
}

static void *take(size_t size)
{
    void *at = calloc(1, size);
    if (at == NULL) {
        perror("simdisk");
        exit(1);
    }
    return at;
}

void simdisk_init(struct simdisk *disk)
{
    *disk =
        (struct simdisk){.disk = {disk, on_create, on_look, on_read, on_write, on_sync, on_random}};
    for (int i = 0; i < 2; i++) {
        disk->rings[i].cache = take(SIMDISK_RING_MAX);
        disk->rings[i].media = take(SIMDISK_RING_MAX);
        disk->rings[i].marks = take(SECTORS_MAX);
    }
    disk->touched = take((size_t)2 * SECTORS_MAX * sizeof *disk->touched);
}

void simdisk_free(struct simdisk *disk)
{
    for (int i = 0; i < 2; i++) {
        free(disk->rings[i].cache);
        free(disk->rings[i].media);
        free(disk->rings[i].marks);
    }
    free(disk->touched);
}

void simdisk_reset(struct simdisk *disk, uint64_t seed)
{
    disk->random.state = seed;
    disk->rings[0].slot_count = 0;
    disk->rings[1].slot_count = 0;
    disk->faults = (struct simdisk_faults){0};
    disk->direct = false;
    disk->favours_zeros = false;
    disk->readonly = false;
    disk->touched_count = 0;
    disk->stale_count = 0;
    disk->steps_to_cut = 0;
    disk->dead = false;
    disk->out = NULL;
    disk->broken[0] = '\0';
}

void simdisk_cut_after(struct simdisk *disk, uint64_t steps, bool in_reads)
{
    disk->steps_to_cut = steps;
    disk->cut_in_reads = in_reads;
}

static bool is_zeros(const uint8_t *sector)
{
    return sector[0] == 0 && memcmp(sector, sector + 1, SIMDISK_SECTOR - 1) == 0;
}

// One of the unsynced sectors of zeros that overwrite anything else; where there are none, any one.
static uint32_t choose_zeros(struct simdisk *disk)
{
    uint32_t chosen = sim_below(&disk->random, disk->touched_count);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < disk->touched_count; i++) {
        struct simdisk_ring *ring = ring_of(disk, disk->touched[i]);
        uint32_t sector = sector_of(disk->touched[i]);
        bool zeros =
            is_zeros(at_sector(ring->cache, sector)) && !is_zeros(at_sector(ring->media, sector));
        seen += zeros;
        chosen = zeros && sim_below(&disk->random, seen) == 0 ? i : chosen;
    }
    return chosen;
}

// Which of the unsynced sectors reached the media: as a cut leaves them.
static void leave_some(struct simdisk *disk)
{
    struct sim_random *random = &disk->random;
    uint32_t count = disk->touched_count;
    uint32_t first = 0;
    uint32_t last = count; // kept: first .. last - 1, each once in `times`
    uint32_t keep_of_8 = 8;
    bool zeros = disk->favours_zeros && !sim_once_in(random, 4);
    enum sim_count how = (enum sim_count)sim_between(
        random, zeros ? LEFT_ALL_BUT_A_ZERO : LEFT_NOTHING, LEFT_ONLY_ZEROS);
    if (how == LEFT_NOTHING) {
        last = 0;
    } else if (how == LEFT_A_PREFIX) {
        last = sim_below(random, count);
    } else if (how == LEFT_A_SUFFIX) {
        first = sim_below(random, count);
        sim_counts[WRITE_REORDERED] += first > 0;
    } else if (how == LEFT_A_SUBSET) {
        keep_of_8 = sim_between(random, 1, 7);
    }
    sim_counts[how]++;
    uint32_t but = how == LEFT_ALL_BUT_A_ZERO ? choose_zeros(disk) : count;
    for (uint32_t i = first; i < last; i++) {
        struct simdisk_ring *ring = ring_of(disk, disk->touched[i]);
        uint32_t sector = sector_of(disk->touched[i]);
        bool kept = (ring->marks[sector] & MARK_DIRTY) && sim_below(random, 8) < keep_of_8;
        if (how == LEFT_ALL_BUT_A_ZERO) {
            kept = kept && i != but;
        } else if (how == LEFT_ONLY_ZEROS) {
            kept = kept && is_zeros(at_sector(ring->cache, sector));
        }
        if (kept && (how == LEFT_EVERYTHING || !page_is_bad(ring, sector))) {
            persist(ring, sector);
        }
    }
}

static void spoil_page(struct simdisk_ring *ring, uint32_t sector)
{
    const uint32_t in_page = SIMDISK_PAGE / SIMDISK_SECTOR;
    uint32_t first = sector / in_page * in_page;
    for (uint32_t s = first; s < first + in_page; s++) {
        ring->marks[s] = MARK_BAD;
    }
}

static void spoil_sector(struct simdisk *disk, struct simdisk_ring *ring, uint32_t sector)
{
    uint8_t *media = at_sector(ring->media, sector);
    enum sim_count how = (enum sim_count)sim_between(&disk->random, LEFT_GARBAGE, LEFT_UNREADABLE);
    sim_counts[how]++;
    if (how == LEFT_GARBAGE) {
        on_random(disk, media, SIMDISK_SECTOR);
    } else if (how == LEFT_ZEROS) {
        memset(media, sim_once_in(&disk->random, 2) ? 0 : 0xff, SIMDISK_SECTOR);
    } else if (how == LEFT_HALF_A_SECTOR) {
        memcpy(media, at_sector(ring->cache, sector), SIMDISK_SECTOR / 2);
    } else {
        spoil_page(ring, sector);
        return;
    }
    ring->marks[sector] = 0; // neither old nor new
}

void simdisk_power_cut(struct simdisk *disk)
{
    uint32_t count = disk->touched_count;
    if (!disk->dead) {
        sim_counts[CUT_BETWEEN_CALLS]++;
    }
    if (count > 0) {
        uint32_t spoiled = sim_once_in(&disk->random, 4) ? sim_between(&disk->random, 1, 3) : 0;
        for (uint32_t i = 0; i < spoiled; i++) {
            uint32_t place = disk->touched[sim_below(&disk->random, count)];
            struct simdisk_ring *ring = ring_of(disk, place);
            if (ring->marks[sector_of(place)] & MARK_DIRTY) {
                spoil_sector(disk, ring, sector_of(place));
            }
        }
        leave_some(disk);
    }
    for (uint32_t i = 0; i < count; i++) {
        forget(ring_of(disk, disk->touched[i]), sector_of(disk->touched[i]));
    }
    for (int i = 0; i < 2; i++) {
        memset(disk->rings[i].condemned, 0, sizeof disk->rings[i].condemned);
    }
    disk->touched_count = 0;
    disk->stale_count = 0;
    disk->steps_to_cut = 0;
    disk->readonly = false;
    disk->dead = false;
    disk->out = NULL;
}

void simdisk_kill(struct simdisk *disk)
{
    drop_stale(disk);
    for (int i = 0; i < 2; i++) {
        memset(disk->rings[i].condemned, 0, sizeof disk->rings[i].condemned);
    }
    disk->steps_to_cut = 0;
    disk->dead = false;
    disk->out = NULL;
}

void simdisk_rot(struct simdisk *disk, enum disk_ring ring, uint32_t slot, uint32_t offset,
                 enum simdisk_rot how)
{
    struct simdisk_ring *r = &disk->rings[ring];
    size_t at = (size_t)slot * r->slot_size + offset;
    uint32_t sector = (uint32_t)(at / SIMDISK_SECTOR);
    assert(slot < r->slot_count && offset < r->slot_size);
    if (how == SIMDISK_ROT_BIT) {
        sim_counts[ROT_BIT]++;
        r->media[at] ^= (uint8_t)(1U << sim_below(&disk->random, 8));
    } else if (how == SIMDISK_ROT_SECTOR) {
        sim_counts[ROT_SECTOR]++;
        on_random(disk, at_sector(r->media, sector), SIMDISK_SECTOR);
    } else {
        sim_counts[ROT_UNREADABLE]++;
        r->marks[sector] |= MARK_BAD;
    }
    if ((r->marks[sector] & (MARK_DIRTY | MARK_STALE)) == 0) {
        memcpy(at_sector(r->cache, sector), at_sector(r->media, sector), SIMDISK_SECTOR);
    }
}
