// weir-bench spool: what it takes to open a full spool, and to commit and read back.
//
//   open     a ring of --size MiB in FOLDER is filled, closed and opened again: reads and bytes of
//            them, milliseconds, memory. Fails where more
//            is read than the headers, one segment and the nursery, or memory is over its bound.
//   records  with --records N: so many are committed to a disk of memory and read back; for
//            callgrind (instructions.sh)
#include "agent/disk_memory.h"
#include "agent/disk_posix.h"
#include "agent/spool.h"
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK_ROWS = 4096,
    BLOCK_BYTES = 5385, // sealed, as the public data sets pack
    COMMIT_BLOCKS = 12,
    YOUNG_ROWS = 1000, // of a commit: 100 readings/s, 10 s
    PAGE = 4096,
    NURSERY_BYTES = 2 * 256 * 1024,
    MEMORY_MAX = 512 * 1024,
    NAMES_BYTES = 512 * 1024 + 16384 * 4,
};

// A disk that counts what is read through it.
struct meter {
    struct disk disk;
    const struct disk *real;
    uint64_t reads;
};

static enum err meter_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                           void *at, uint32_t size)
{
    struct meter *meter = context;
    meter->reads++;
    return meter->real->read(meter->real->context, ring, slot, offset, at, size);
}

static enum err meter_create(void *context, enum disk_ring ring, uint32_t count, uint32_t size)
{
    struct meter *meter = context;
    return meter->real->create(meter->real->context, ring, count, size);
}

static enum err meter_look(void *context, enum disk_ring ring, uint32_t *count, uint32_t *size)
{
    struct meter *meter = context;
    return meter->real->look(meter->real->context, ring, count, size);
}

static enum err meter_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                            const void *at, uint32_t size)
{
    struct meter *meter = context;
    return meter->real->write(meter->real->context, ring, slot, offset, at, size);
}

static enum err meter_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    struct meter *meter = context;
    return meter->real->sync(meter->real->context, ring, slot);
}

static void meter_random(void *context, void *at, size_t size)
{
    struct meter *meter = context;
    meter->real->random(meter->real->context, at, size);
}

static struct meter meter_over(const struct disk *real)
{
    return (struct meter){.disk = {.create = meter_create,
                                   .look = meter_look,
                                   .read = meter_read,
                                   .write = meter_write,
                                   .sync = meter_sync,
                                   .random = meter_random},
                          .real = real};
}

static double now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(enum err err, const char *what)
{
    if (err != OK) {
        (void)fprintf(stderr, "weir-bench spool: %s: %s\n", what, err_name(err));
        exit(EXIT_FAILURE);
    }
}

static struct spool_block block_from(uint64_t first_seq, uint32_t rows, uint32_t size)
{
    static uint8_t payload[COMMIT_BLOCKS * BLOCK_BYTES];
    return (struct spool_block){.first_seq = first_seq,
                                .count = rows,
                                .dense = rows == BLOCK_ROWS,
                                .time_first_ms = (int64_t)first_seq,
                                .time_last_ms = (int64_t)first_seq + rows,
                                .payload = bytes_from(payload, size)};
}

// Dense commits until the oldest rows are dropped: the ring is full.
static void fill(struct spool *spool)
{
    struct spool_loss loss;
    while (spool_loss_next(spool, &loss) != OK) {
        struct spool_block blocks[COMMIT_BLOCKS];
        struct spool_stat stat;
        spool_stat(spool, &stat);
        for (uint32_t i = 0; i < COMMIT_BLOCKS; i++) {
            blocks[i] =
                block_from(stat.next_seq + (uint64_t)i * BLOCK_ROWS, BLOCK_ROWS, BLOCK_BYTES);
        }
        struct spool_commit commit = {.blocks = blocks, .block_count = COMMIT_BLOCKS};
        must(spool_commit(spool, &commit), "commit");
    }
}

// So that the next open reads the device. The spool's own descriptors are closed by now.
static void drop_cache(const char *folder, uint32_t slots)
{
    for (uint32_t slot = 0; slot < slots; slot++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/ring/%04u.seg", folder, slot);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            (void)fdatasync(file);
            (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
            (void)close(file);
        }
    }
}

struct opened {
    double ms;
    uint64_t reads;
    uint64_t bytes;
    size_t memory;
};

static struct opened open_once(const char *folder, const struct spool_options *options)
{
    struct disk_posix *files;
    must(disk_posix_open(&files, folder, false), folder);
    struct meter meter = meter_over(disk_posix_disk(files));
    meter.disk.context = &meter;
    struct spool *spool;
    double began = now_ms();
    must(spool_open(&spool, &meter.disk, options), folder);
    struct opened opened = {.ms = now_ms() - began, .reads = meter.reads};
    struct spool_stat stat;
    spool_stat(spool, &stat);
    opened.bytes = stat.opened_read_bytes;
    opened.memory = spool_memory(spool) - NAMES_BYTES;
    spool_close(spool);
    disk_posix_close(files);
    return opened;
}

static int bench_open(const char *folder, uint64_t size_mib)
{
    struct spool_options options = {.size_bytes = size_mib << 20};
    struct disk_posix *files;
    struct spool *spool;
    must(disk_posix_open(&files, folder, false), folder);
    must(spool_open(&spool, disk_posix_disk(files), &options), folder);
    uint32_t slots, slot_size;
    const struct disk *disk = disk_posix_disk(files);
    must(disk->look(disk->context, DISK_MAIN, &slots, &slot_size), folder);
    const char *mode = disk_posix_mode(files); // "direct": the page cache is no help
    fill(spool);
    spool_close(spool);
    disk_posix_close(files);

    drop_cache(folder, slots);
    struct opened cold = open_once(folder, &options);
    struct opened warm = open_once(folder, &options);
    // Frames that lie across the end of a read are read again.
    uint64_t headers = (uint64_t)(slots + 3) * 2 * PAGE;
    uint64_t most = headers + (slot_size + NURSERY_BYTES) / 8 * 9;
    printf("a full spool of %" PRIu64 " MiB, %u segments of %u KiB:\n", size_mib, slots,
           slot_size / 1024);
    printf("  opens in        %8.1f ms, again in %.1f ms (%s)\n", cold.ms, warm.ms, mode);
    printf("  reads           %8" PRIu64 " times, %" PRIu64 " KiB (<= %" PRIu64
           ": headers, one segment, nursery)\n",
           cold.reads, cold.bytes / 1024, most / 1024);
    printf("  memory          %8zu KiB beside the names (<= %d)\n", cold.memory / 1024,
           MEMORY_MAX / 1024);
    bool good = cold.bytes <= most && cold.memory <= MEMORY_MAX;
    printf("%s\n", good ? "within its bounds" : "OUT OF BOUNDS");
    return good ? EX_OK : EXIT_FAILURE;
}

// --- for callgrind

// As product.c commits at 100 readings/s: young rows, and the dense block when it is full.
__attribute__((noinline)) static void commit_rows(struct spool *spool, uint64_t records)
{
    uint64_t dense_from = 1;
    for (uint64_t next = 1; next <= records; next += YOUNG_ROWS) {
        struct spool_block blocks[3];
        struct spool_commit commit = {.blocks = blocks};
        uint64_t end = next + YOUNG_ROWS;
        if (end - dense_from >= BLOCK_ROWS) {
            blocks[commit.block_count++] = block_from(dense_from, BLOCK_ROWS, BLOCK_BYTES);
            dense_from += BLOCK_ROWS;
            next = dense_from > next ? dense_from : next;
        }
        if (end > next) {
            uint32_t rows = (uint32_t)(end - next);
            blocks[commit.block_count++] = block_from(next, rows, 2 * rows + 60);
        }
        must(spool_commit(spool, &commit), "commit");
        next = end - YOUNG_ROWS;
    }
}

__attribute__((noinline)) static void read_rows(struct spool *spool)
{
    struct spool_block block;
    for (uint64_t seq = 1; spool_read(spool, seq, &block) == OK;) {
        seq = block.first_seq + block.count;
    }
}

static int bench_records(uint64_t records)
{
    struct spool_options options = {.size_bytes = 64 << 20};
    struct disk_memory *memory = disk_memory_open(UINT64_C(65) << 20);
    struct spool *spool;
    must(memory == NULL ? ERR_FAILED : spool_open(&spool, disk_memory_disk(memory), &options),
         "memory");
    commit_rows(spool, records);
    read_rows(spool);
    struct spool_stat stat;
    spool_stat(spool, &stat);
    printf("records %" PRIu64 "\n", stat.next_seq - 1);
    spool_close(spool);
    disk_memory_close(memory);
    return EX_OK;
}

int bench_spool(int argc, char **argv)
{
    uint64_t size_mib = 1024;
    const char *folder = NULL;
    for (int i = 1; i < argc; i++) {
        bool has_number = i + 1 < argc;
        if (strcmp(argv[i], "--records") == 0 && has_number) {
            return bench_records(strtoull(argv[i + 1], NULL, 10));
        }
        if (strcmp(argv[i], "--size") == 0 && has_number) {
            size_mib = strtoull(argv[++i], NULL, 10);
        } else if (argv[i][0] != '-' && folder == NULL) {
            folder = argv[i];
        } else {
            folder = NULL;
            break;
        }
    }
    if (folder == NULL) {
        (void)fputs("usage: weir-bench spool [--size MIB] FOLDER | --records N\n", stderr);
        return EX_USAGE;
    }
    return bench_open(folder, size_mib);
}
