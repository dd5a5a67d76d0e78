#define FUSE_USE_VERSION 31
#include "tests/sim/writelog.h"

#include <assert.h>
#include <errno.h>
#include <fuse3/fuse.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_MAX ((size_t)2 << 30) // address space; memory is taken as it fills

enum { SECTOR = 512, WAIT_TURNS = 500 };

// An entry of the log; its bytes follow. Size 0: a flush.
struct entry {
    uint64_t offset;
    uint64_t size;
};

// Shared with the process that serves the file.
struct writelog {
    _Atomic uint64_t used;
    _Atomic uint64_t flushes;
    size_t disk_size;
    pid_t server;
    char folder[256];
    uint8_t *disk;
    uint8_t *entries;
};

static struct writelog *served; // FUSE gives its functions no better place

static void append(uint64_t offset, const void *at, uint64_t size)
{
    uint64_t used = atomic_load(&served->used);
    struct entry entry = {offset, size};
    if (used + sizeof entry + size > LOG_MAX) {
        (void)fputs("the log of writes is full\n", stderr);
        _exit(1);
    }
    memcpy(served->entries + used, &entry, sizeof entry);
    if (size > 0) {
        memcpy(served->entries + used + sizeof entry, at, size);
    }
    atomic_store(&served->used, used + sizeof entry + size);
}

static int on_getattr(const char *path, struct stat *status, struct fuse_file_info *info)
{
    (void)info;
    memset(status, 0, sizeof *status);
    if (strcmp(path, "/") == 0) {
        status->st_mode = S_IFDIR | 0700;
        status->st_nlink = 2;
        return 0;
    }
    if (strcmp(path, "/disk") != 0) {
        return -ENOENT;
    }
    status->st_mode = S_IFREG | 0600;
    status->st_nlink = 1;
    status->st_size = (off_t)served->disk_size;
    return 0;
}

static int on_open(const char *path, struct fuse_file_info *info)
{
    (void)info;
    return strcmp(path, "/disk") == 0 ? 0 : -ENOENT;
}

static int on_read(const char *path, char *at, size_t size, off_t offset,
                   struct fuse_file_info *info)
{
    (void)path;
    (void)info;
    if (offset < 0 || (size_t)offset >= served->disk_size) {
        return 0;
    }
    size_t there = served->disk_size - (size_t)offset;
    size = size < there ? size : there;
    memcpy(at, served->disk + offset, size);
    return (int)size;
}

static int on_write(const char *path, const char *at, size_t size, off_t offset,
                    struct fuse_file_info *info)
{
    (void)path;
    (void)info;
    if (offset < 0 || (size_t)offset + size > served->disk_size) {
        return -EIO;
    }
    memcpy(served->disk + offset, at, size);
    append((uint64_t)offset, at, size);
    return (int)size;
}

static int on_fsync(const char *path, int data_only, struct fuse_file_info *info)
{
    (void)path;
    (void)data_only;
    (void)info;
    append(0, NULL, 0);
    atomic_fetch_add(&served->flushes, 1);
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = on_getattr, .open = on_open, .read = on_read, .write = on_write, .fsync = on_fsync};

static void *share(size_t size)
{
    void *at =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void serve(const char *folder)
{
    char name[] = "writelog";
    char foreground[] = "-f";
    char single[] = "-s";
    char where[256];
    (void)snprintf(where, sizeof where, "%s", folder);
    char *argv[] = {name, foreground, single, where, NULL};
    _exit(fuse_main(4, argv, &operations, NULL));
}

static void sleep_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

struct writelog *writelog_start(const char *folder, size_t size)
{
    struct writelog *log = share(sizeof *log);
    if (log == NULL || (log->disk = share(size)) == NULL ||
        (log->entries = share(LOG_MAX)) == NULL) {
        perror("writelog: memory");
        return NULL;
    }
    log->disk_size = size;
    (void)snprintf(log->folder, sizeof log->folder, "%s", folder);
    served = log;
    log->server = fork();
    if (log->server == 0) {
        serve(folder);
    }
    char path[300];
    (void)snprintf(path, sizeof path, "%s/disk", folder);
    for (int i = 0; i < WAIT_TURNS; i++) {
        if (access(path, F_OK) == 0) {
            return log;
        }
        sleep_ms(10);
    }
    (void)fprintf(stderr, "%s: FUSE does not come up\n", folder);
    return NULL;
}

void writelog_stop(struct writelog *log)
{
    char command[300];
    (void)snprintf(command, sizeof command, "fusermount3 -u '%s'", log->folder);
    if (system(command) != 0) {
        (void)fprintf(stderr, "%s: stays mounted\n", log->folder);
    }
    (void)waitpid(log->server, NULL, 0);
    (void)munmap(log->disk, log->disk_size);
    (void)munmap(log->entries, LOG_MAX);
    (void)munmap(log, sizeof *log);
}

uint64_t writelog_now(const struct writelog *log)
{
    return atomic_load(&log->used);
}

uint64_t writelog_flushes(const struct writelog *log)
{
    return atomic_load(&log->flushes);
}

static struct entry entry_at(const struct writelog *log, uint64_t place)
{
    struct entry entry;
    memcpy(&entry, log->entries + place, sizeof entry);
    return entry;
}

uint64_t writelog_entry_end(const struct writelog *log, uint64_t place)
{
    uint64_t at = 0;
    while (at < place) {
        struct entry entry = entry_at(log, at);
        at += sizeof entry + entry.size;
    }
    return at;
}

uint64_t writelog_replay(const struct writelog *log, uint8_t *image, uint64_t *place,
                         uint64_t until)
{
    uint64_t flushed = *place;
    for (uint64_t at = *place; at < until;) {
        struct entry entry = entry_at(log, at);
        at += sizeof entry + entry.size;
        if (entry.size == 0 && at <= until) {
            flushed = at;
        }
    }
    while (*place < flushed) {
        struct entry entry = entry_at(log, *place);
        memcpy(image + entry.offset, log->entries + *place + sizeof entry, entry.size);
        *place += sizeof entry + entry.size;
    }
    return flushed;
}

uint32_t writelog_replay_some(const struct writelog *log, uint8_t *image, uint64_t from,
                              uint64_t until, struct sim_random *random)
{
    uint32_t count = 0;
    uint32_t keep_of_8 = sim_between(random, 0, 8);
    for (uint64_t at = from; at < until;) {
        struct entry entry = entry_at(log, at);
        for (uint64_t s = 0; s < entry.size; s += SECTOR) {
            if (sim_below(random, 8) < keep_of_8) {
                memcpy(image + entry.offset + s, log->entries + at + sizeof entry + s, SECTOR);
            }
        }
        count += entry.size > 0;
        at += sizeof entry + entry.size;
    }
    return count;
}
