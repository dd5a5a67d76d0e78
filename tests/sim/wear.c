// weir-wear: what the spool costs a card. Root, loop devices and mkfs.ext4 / mkfs.xfs are needed.
//
//   weir-wear [--file-system ext4|xfs] [--rate READINGS] [--paced SECONDS]
//
// Prints, on an image file behind a loop device:
//   back to back   bytes the device was given / bytes the spool passed to write
//   density        bytes written to the main ring / bytes of sealed blocks, and nursery bytes /
//                  whole pages of the commits that went there, at 1 .. 10,000 readings a second (or
//                  at the one rate asked for), 10 s commits, run as fast as it goes
//   paced          100 readings a second, 10 s commits in real time, mounted with commit=60: device
//                  bytes a day
// and fails where a bound of the project is not met.
#include "agent/disk_posix.h"
#include "agent/spool.h"
#include "tests/sim/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_SIZE = 160,
    BLOCK_READINGS = 4096, // of a dense block
    COMMIT_S = 10,
    SECTOR = 512,
};

// Sizes of sealed blocks as measured on the public data sets: a dense reading takes 1.3 bytes, one
// of a young block 2 and the block's own 60.
static uint32_t dense_size(uint32_t readings)
{
    return readings * 13 / 10 + 60;
}

static uint32_t young_size(uint32_t readings)
{
    return readings * 2 + 60;
}

struct wear {
    const char *file_system;
    char folder[64];
    char image[PATH_SIZE];
    char mounted[PATH_SIZE];
    char device[32];
    struct disk_posix *files;
    struct disk disk;  // of the files
    struct disk meter; // counts what goes to each ring
    uint64_t ring_bytes[2];
    struct spool *spool;
    bool missed; // a bound
};

static struct wear wear;
static uint8_t payload[SPOOL_BLOCK_MAX];

static void die(const char *what)
{
    (void)fprintf(stderr, "weir-wear: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void require(enum err err, const char *what)
{
    if (err != OK) {
        (void)fprintf(stderr, "weir-wear: %s: %s\n", what, err_name(err));
        exit(1);
    }
}

// What goes through.

static enum err meter_create(void *context, enum disk_ring ring, uint32_t slots, uint32_t size)
{
    (void)context;
    return wear.disk.create(wear.disk.context, ring, slots, size);
}

static enum err meter_look(void *context, enum disk_ring ring, uint32_t *slots, uint32_t *size)
{
    (void)context;
    return wear.disk.look(wear.disk.context, ring, slots, size);
}

static enum err meter_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                           void *at, uint32_t size)
{
    (void)context;
    return wear.disk.read(wear.disk.context, ring, slot, offset, at, size);
}

static enum err meter_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                            const void *at, uint32_t size)
{
    (void)context;
    wear.ring_bytes[ring] += size;
    return wear.disk.write(wear.disk.context, ring, slot, offset, at, size);
}

static enum err meter_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    (void)context;
    return wear.disk.sync(wear.disk.context, ring, slot);
}

static void meter_random(void *context, void *at, size_t size)
{
    (void)context;
    wear.disk.random(wear.disk.context, at, size);
}

// A file system of its own.

static void mount_fresh(const char *mount_options)
{
    char command[256];
    int file = open(wear.image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, (off_t)400 << 20) != 0) {
        die(wear.image);
    }
    (void)close(file);
    if (loop_attach(wear.image, wear.device) != 0) {
        exit(1);
    }
    bool is_ext4 = strcmp(wear.file_system, "ext4") == 0;
    (void)snprintf(command, sizeof command, "mkfs.%s -q %s %s", wear.file_system,
                   is_ext4 ? "-E lazy_itable_init=0,lazy_journal_init=0" : "", wear.device);
    if (system(command) != 0) {
        exit(1);
    }
    if (mount(wear.device, wear.mounted, wear.file_system, MS_NOATIME,
              is_ext4 ? mount_options : "") != 0) {
        die(wear.device);
    }
}

static void unmount(void)
{
    if (umount(wear.mounted) != 0) {
        die(wear.mounted);
    }
    loop_detach(wear.device);
    (void)unlink(wear.image);
}

static uint64_t device_bytes(void)
{
    char path[256];
    uint64_t sectors = 0;
    (void)snprintf(path, sizeof path, "/sys/block/%s/stat", wear.device + strlen("/dev/"));
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*u %*u %*u %*u %*u %*u %" SCNu64, &sectors) != 1) {
        die(path);
    }
    (void)fclose(file);
    return sectors * SECTOR;
}

static void open_spool(void)
{
    char path[PATH_SIZE + 8];
    (void)snprintf(path, sizeof path, "%s/spool", wear.mounted);
    if (mkdir(path, 0700) != 0) {
        die(path);
    }
    require(disk_posix_open(&wear.files, path, false), path);
    wear.disk = *disk_posix_disk(wear.files);
    wear.meter = (struct disk){NULL,        meter_create, meter_look,  meter_read,
                               meter_write, meter_sync,   meter_random};
    struct spool_options options = {.size_bytes = 64 << 20};
    require(spool_open(&wear.spool, &wear.meter, &options), path);
    sync();
    wear.ring_bytes[0] = 0;
    wear.ring_bytes[1] = 0;
}

static void close_spool(void)
{
    spool_close(wear.spool);
    disk_posix_close(wear.files);
}

// Readings at a rate, as the flow commits them.

struct stream {
    uint64_t next_seq;
    uint64_t dense_from;
    uint64_t sealed_bytes; // of dense blocks
    uint64_t commits;
    int64_t now_ms;
};

static struct spool_block make_block(struct stream *stream, uint64_t first, uint32_t count,
                                     bool dense)
{
    uint32_t size = dense ? dense_size(count) : young_size(count);
    return (struct spool_block){.first_seq = first,
                                .count = count,
                                .dense = dense,
                                .time_first_ms = stream->now_ms,
                                .time_last_ms = stream->now_ms,
                                .payload = bytes_from(payload, size)};
}

static void settle_behind(const struct stream *stream, uint64_t backlog)
{
    uint64_t cursor = settled_cursor(spool_settled(wear.spool));
    if (stream->next_seq > cursor + 2 * backlog) {
        require(spool_settle(wear.spool, cursor + 1, stream->next_seq - backlog, SETTLED_DELIVERED),
                "settle");
    }
}

// As product.c commits: the young tail of a block that fills up, the block itself, the young rows
// of what follows; or all rows of the open block where the spool asks for the whole.
static void commit_rows(struct stream *stream, uint32_t rows)
{
    struct spool_block blocks[64];
    struct spool_commit commit = {.blocks = blocks};
    struct spool_stat stat;
    spool_stat(wear.spool, &stat);
    uint64_t end = stream->next_seq + rows;
    uint64_t young_from = stream->next_seq;
    while (end - stream->dense_from >= BLOCK_READINGS && commit.block_count < 61) {
        uint64_t dense_end = stream->dense_from + BLOCK_READINGS;
        if (stream->dense_from < young_from && young_from < dense_end) {
            blocks[commit.block_count++] =
                make_block(stream, young_from, (uint32_t)(dense_end - young_from), false);
        }
        blocks[commit.block_count++] = make_block(stream, stream->dense_from, BLOCK_READINGS, true);
        stream->dense_from = dense_end;
        stream->sealed_bytes += dense_size(BLOCK_READINGS);
        young_from = dense_end;
    }
    young_from = stat.wants_whole ? stream->dense_from : young_from;
    if (end > young_from) {
        blocks[commit.block_count++] =
            make_block(stream, young_from, (uint32_t)(end - young_from), false);
    }
    stream->now_ms += COMMIT_S * 1000;
    require(spool_commit(wear.spool, &commit), "commit");
    stream->next_seq = end;
    stream->commits++;
    settle_behind(stream, (uint64_t)BLOCK_READINGS * 200);
}

static const char *judge(double value, double most)
{
    wear.missed = wear.missed || value > most;
    return value <= most ? "" : " MISSED";
}

static void measure_density(uint32_t rate)
{
    mount_fresh("commit=60");
    open_spool();
    struct stream stream = {.next_seq = 1, .dense_from = 1, .now_ms = 1700000000000};
    uint32_t rows = rate * COMMIT_S;
    uint64_t commits = (uint64_t)BLOCK_READINGS * 150 / rows;
    commits = commits < 200 ? 200 : commits;
    uint64_t nursery_pages = 0;
    for (uint64_t i = 0; i < commits; i++) {
        uint64_t before = wear.ring_bytes[DISK_NURSERY];
        commit_rows(&stream, rows);
        bool young = wear.ring_bytes[DISK_NURSERY] > before;
        nursery_pages += young ? (young_size(rows) + 88 + 200 + 4095) / 4096 : 0;
    }
    double dense = (double)wear.ring_bytes[DISK_MAIN] / (double)stream.sealed_bytes;
    double young = nursery_pages == 0
                       ? 0
                       : (double)wear.ring_bytes[DISK_NURSERY] / (double)(nursery_pages * 4096);
    printf("%12u %10" PRIu64 " %22.3f%s %22.3f%s\n", rate, stream.commits, dense,
           judge(dense, 1.08), young, judge(young, 1.25));
    close_spool();
    unmount();
}

static void measure_back_to_back(void)
{
    mount_fresh("");
    open_spool();
    struct stream stream = {.next_seq = 1, .dense_from = 1, .now_ms = 1700000000000};
    uint64_t before = device_bytes();
    for (int i = 0; i < 4000; i++) {
        commit_rows(&stream, 1000);
    }
    uint64_t after = device_bytes();
    struct spool_stat stat;
    spool_stat(wear.spool, &stat);
    printf("%s, 4,000 commits back to back:\n", wear.file_system);
    double ratio = (double)(after - before) / (double)stat.written_bytes;
    printf("  device bytes / bytes passed to write %.3f (<= 1.01)%s\n", ratio, judge(ratio, 1.01));
    close_spool();
    unmount();
}

static void measure_paced(uint32_t seconds)
{
    mount_fresh("commit=60");
    open_spool();
    struct stream stream = {.next_seq = 1, .dense_from = 1, .now_ms = 1700000000000};
    uint64_t before = device_bytes();
    for (uint32_t s = 0; s < seconds; s += COMMIT_S) {
        commit_rows(&stream, 100 * COMMIT_S);
        (void)sleep(COMMIT_S);
    }
    double day = (double)(device_bytes() - before) * 86400.0 / seconds / 1e6;
    printf("%s, commit=60, 100 readings/s, %u s in real time: %.1f MB/day (aim <= 65)\n",
           wear.file_system, seconds, day);
    close_spool();
    unmount();
}

int main(int argc, char **argv)
{
    uint32_t paced = 0;
    uint32_t only = 0;
    wear.file_system = "ext4";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--file-system") == 0) {
            wear.file_system = argv[i + 1];
        } else if (strcmp(argv[i], "--rate") == 0) {
            only = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--paced") == 0) {
            paced = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else {
            (void)fputs(
                "usage: weir-wear [--file-system ext4|xfs] [--rate READINGS] [--paced SECONDS]\n",
                stderr);
            return 64;
        }
    }
    (void)snprintf(wear.folder, sizeof wear.folder, "/tmp/weir-wear.XXXXXX");
    if (mkdtemp(wear.folder) == NULL) {
        die(wear.folder);
    }
    (void)snprintf(wear.image, sizeof wear.image, "%s/image", wear.folder);
    (void)snprintf(wear.mounted, sizeof wear.mounted, "%s/mounted", wear.folder);
    if (mkdir(wear.mounted, 0700) != 0) {
        die(wear.mounted);
    }
    if (only == 0) {
        measure_back_to_back();
    }
    printf("%12s %10s %22s %22s\n", "readings/s", "commits", "main/sealed (<= 1.08)",
           "nursery (<= 1.25)");
    static const uint32_t rates[] = {1, 10, 100, 300, 1000, 3000, 10000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        if (only == 0 || only == rates[i]) {
            measure_density(rates[i]);
        }
    }
    if (paced > 0) {
        measure_paced(paced);
    }
    (void)rmdir(wear.mounted);
    (void)rmdir(wear.folder);
    return wear.missed ? 1 : 0;
}
