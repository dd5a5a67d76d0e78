#include "agent/disk_posix.h"

#include "agent/log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    READ_SLOTS_MAX = 1024,    // looked for where only reading
    OPEN_FILES = 8,           // a tail of each ring, and readers
    ZEROS_SIZE = 256 * 1024,  // one write while a ring is made
    SPACE_LEFT = 1024 * 1024, // for the file system's own bookkeeping
};

static const char *const ring_names[2] = {"ring", "nursery"};
static const char *const half_names[2] = {"ring.new", "nursery.new"}; // until it is whole

struct open_file {
    int fd; // -1: none
    enum disk_ring ring;
    uint32_t slot;
    uint64_t used; // when, by `disk_posix.now`
};

struct disk_posix {
    struct disk disk;
    int folder;
    int lock; // -1: readonly
    bool readonly;
    bool direct; // O_DIRECT and O_DSYNC work here
    uint64_t now;
    struct open_file files[OPEN_FILES];
    int64_t written_slot[2]; // last written to; in direct mode that write was durable; -1: none
    uint32_t slot_counts[2];
    uint32_t slot_sizes[2];
    uint8_t *page; // one aligned page, to try O_DIRECT with
};

static void slot_name(char name[64], const char *folder, uint32_t slot)
{
    int size = snprintf(name, 64, "%s/%04u.seg", folder, slot);
    assert(size > 0 && size < 64);
}

// --- making a ring

static enum err write_zeros(int fd, uint32_t size)
{
    uint8_t *zeros = calloc(1, ZEROS_SIZE);
    enum err err = zeros != NULL ? OK : ERR_NO_SPACE;
    for (uint32_t at = 0; at < size && err == OK;) {
        uint32_t part = size - at < ZEROS_SIZE ? size - at : ZEROS_SIZE;
        ssize_t wrote = pwrite(fd, zeros, part, at);
        if (wrote > 0) {
            at += (uint32_t)wrote;
        } else if (wrote == 0 || errno != EINTR) {
            err = wrote == 0 ? ERR_IO : err_from_errno(errno);
        }
    }
    free(zeros);
    return err == OK && fsync(fd) != 0 ? err_from_errno(errno) : err;
}

static enum err make_slot(struct disk_posix *posix, const char *folder, uint32_t slot,
                          uint32_t size)
{
    char name[64];
    slot_name(name, folder, slot);
    int fd = openat(posix->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = write_zeros(fd, size);
    close(fd);
    return err;
}

// Whatever lies in it: a kill while this runs leaves any part.
static void remove_half(struct disk_posix *posix, const char *folder)
{
    int fd = openat(posix->folder, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *file;
    while (files != NULL && (file = readdir(files)) != NULL) {
        (void)unlinkat(dirfd(files), file->d_name, 0); // fails for "." and ".."
    }
    if (files != NULL) {
        (void)closedir(files);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    (void)unlinkat(posix->folder, folder, AT_REMOVEDIR);
}

static enum err sync_folder(struct disk_posix *posix, const char *name)
{
    int fd = openat(posix->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = fsync(fd) == 0 ? OK : err_from_errno(errno);
    close(fd);
    return err;
}

static enum err check_space(struct disk_posix *posix, uint64_t size)
{
    struct statvfs vfs;
    if (fstatvfs(posix->folder, &vfs) != 0) {
        return err_from_errno(errno);
    }
    uint64_t available = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    if (available < size + SPACE_LEFT) {
        log_error("spool.no-space", "needed=%llu free=%llu", (unsigned long long)size,
                  (unsigned long long)available);
        return ERR_NO_SPACE;
    }
    return OK;
}

// A ring is made under another name and renamed when all of it is durable.
static enum err posix_create(void *context, enum disk_ring ring, uint32_t slot_count,
                             uint32_t slot_size)
{
    struct disk_posix *posix = context;
    const char *half = half_names[ring];
    remove_half(posix, half);
    enum err err = check_space(posix, (uint64_t)slot_count * slot_size);
    if (err == OK && mkdirat(posix->folder, half, 0750) != 0) {
        err = err_from_errno(errno);
    }
    for (uint32_t slot = 0; slot < slot_count && err == OK; slot++) {
        err = make_slot(posix, half, slot, slot_size);
    }
    err = err == OK ? sync_folder(posix, half) : err;
    if (err == OK && renameat(posix->folder, half, posix->folder, ring_names[ring]) != 0) {
        err = err_from_errno(errno);
    }
    if (err != OK) {
        remove_half(posix, half);
        return err;
    }
    return sync_folder(posix, ".");
}

// --- open files

static int open_slot(struct disk_posix *posix, enum disk_ring ring, uint32_t slot, bool direct)
{
    char name[64];
    slot_name(name, ring_names[ring], slot);
    int flags = O_CLOEXEC | (posix->readonly ? O_RDONLY : O_RDWR);
    flags |= direct ? O_DIRECT | O_DSYNC : 0;
    return openat(posix->folder, name, flags);
}

static enum err file_for(struct disk_posix *posix, enum disk_ring ring, uint32_t slot, int *fd)
{
    struct open_file *place = &posix->files[0];
    posix->now++;
    for (int i = 0; i < OPEN_FILES; i++) {
        struct open_file *file = &posix->files[i];
        if (file->fd >= 0 && file->ring == ring && file->slot == slot) {
            file->used = posix->now;
            *fd = file->fd;
            return OK;
        }
        place = file->used < place->used ? file : place;
    }
    *fd = open_slot(posix, ring, slot, posix->direct);
    if (*fd < 0) {
        return err_from_errno(errno);
    }
    if (place->fd >= 0) {
        close(place->fd);
    }
    *place = (struct open_file){.fd = *fd, .ring = ring, .slot = slot, .used = posix->now};
    return OK;
}

// Whether this file system takes O_DIRECT: it opens, and an aligned page can be read.
static bool try_direct(struct disk_posix *posix, enum disk_ring ring)
{
    int fd = posix->readonly ? -1 : open_slot(posix, ring, 0, true);
    bool works = fd >= 0 && pread(fd, posix->page, PAGE, 0) == PAGE;
    if (fd >= 0) {
        close(fd);
    }
    return works;
}

// A page that once could not be written stays in the page cache as if it had been: look at the
// device instead.
static void forget_cached(struct disk_posix *posix, enum disk_ring ring)
{
    for (uint32_t slot = 0; slot < posix->slot_counts[ring]; slot++) {
        int fd = open_slot(posix, ring, slot, false);
        if (fd >= 0) {
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            close(fd);
        }
    }
}

// All files of a ring that is to be written are there and of one size.
static enum err look_strictly(struct disk_posix *posix, enum disk_ring ring, uint32_t *count,
                              uint32_t *size)
{
    char name[64];
    struct stat first;
    slot_name(name, ring_names[ring], 0);
    if (fstatat(posix->folder, name, &first, 0) != 0) {
        return err_from_errno(errno);
    }
    if (first.st_size <= 0 || first.st_size > INT32_MAX) {
        return ERR_CORRUPT;
    }
    *count = 1;
    for (struct stat next;; (*count)++) {
        slot_name(name, ring_names[ring], *count);
        if (fstatat(posix->folder, name, &next, 0) != 0) {
            break;
        }
        if (next.st_size != first.st_size) {
            return ERR_CORRUPT;
        }
    }
    *size = (uint32_t)first.st_size;
    return OK;
}

// A copy that is only read may lack files, or their ends: what is there is read, the rest is
// ERR_IO.
static enum err look_kindly(struct disk_posix *posix, enum disk_ring ring, uint32_t *count,
                            uint32_t *size)
{
    *count = 0;
    off_t largest = 0;
    enum err err = ERR_NOT_FOUND;
    for (uint32_t slot = 0; slot < READ_SLOTS_MAX; slot++) {
        char name[64];
        struct stat file;
        slot_name(name, ring_names[ring], slot);
        if (fstatat(posix->folder, name, &file, 0) == 0) {
            *count = slot + 1;
            largest = file.st_size > largest ? file.st_size : largest;
        } else if (errno != ENOENT) {
            err = err_from_errno(errno);
        }
    }
    *size = largest > 0 && largest <= INT32_MAX ? (uint32_t)largest : 0;
    return *count == 0 ? err : *size == 0 ? ERR_CORRUPT : OK;
}

static enum err posix_look(void *context, enum disk_ring ring, uint32_t *slot_count,
                           uint32_t *slot_size)
{
    struct disk_posix *posix = context;
    uint32_t count;
    uint32_t size;
    enum err err = posix->readonly ? look_kindly(posix, ring, &count, &size)
                                   : look_strictly(posix, ring, &count, &size);
    if (err != OK) {
        return err;
    }
    bool seen = posix->slot_counts[ring] == count;
    posix->slot_counts[ring] = count;
    posix->slot_sizes[ring] = size;
    if (!seen) {
        posix->direct = try_direct(posix, ring);
        if (!posix->direct && !posix->readonly) {
            forget_cached(posix, ring);
        }
    }
    *slot_count = count;
    *slot_size = size;
    return OK;
}

// --- reading and writing

static enum err posix_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                           void *at, uint32_t size)
{
    int fd;
    enum err err = file_for(context, ring, slot, &fd);
    uint8_t *bytes = at;
    while (size > 0 && err == OK) {
        ssize_t got = pread(fd, bytes, size, offset);
        if (got > 0) {
            bytes += got;
            offset += (uint32_t)got;
            size -= (uint32_t)got;
        } else if (got == 0 || errno != EINTR) {
            err = ERR_IO; // short: the file was cut
        }
    }
    return err;
}

static enum err posix_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                            const void *at, uint32_t size)
{
    struct disk_posix *posix = context;
    int fd;
    enum err err = file_for(posix, ring, slot, &fd);
    posix->written_slot[ring] = slot;
    const uint8_t *bytes = at;
    while (size > 0 && err == OK) {
        ssize_t wrote = pwrite(fd, bytes, size, offset);
        if (wrote > 0 && wrote % PAGE == 0) {
            bytes += wrote;
            offset += (uint32_t)wrote;
            size -= (uint32_t)wrote;
        } else if (wrote >= 0) {
            err = ERR_IO; // a part of a page: nobody knows what lies there now
        } else if (errno != EINTR) {
            err = err_from_errno(errno);
        }
    }
    return err;
}

static enum err posix_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    struct disk_posix *posix = context;
    if (posix->direct && posix->written_slot[ring] == slot) {
        return OK; // O_DSYNC: the write came back when it was durable
    }
    int fd;
    enum err err = file_for(posix, ring, slot, &fd);
    return err != OK ? err : fdatasync(fd) == 0 ? OK : err_from_errno(errno);
}

static void posix_random(void *context, void *at, size_t size)
{
    (void)context;
    uint8_t *bytes = at;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        assert(got > 0 || errno == EINTR);
        bytes += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
}

// --- opening

static enum err take_lock(struct disk_posix *posix)
{
    posix->lock = openat(posix->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (posix->lock < 0) {
        return err_from_errno(errno);
    }
    if (flock(posix->lock, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? ERR_BUSY : err_from_errno(errno);
    }
    return OK;
}

static enum err open_folder(struct disk_posix *posix, const char *folder)
{
    if (!posix->readonly && mkdir(folder, 0750) != 0 && errno != EEXIST) {
        return err_from_errno(errno);
    }
    posix->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (posix->folder < 0) {
        return err_from_errno(errno);
    }
    struct statfs fs;
    if (!posix->readonly && fstatfs(posix->folder, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC) {
        log_warn("spool.btrfs",
                 "folder=%s reason=\"each commit costs about 35 times its bytes on btrfs; use "
                 "ext4, xfs or f2fs\"",
                 folder);
    }
    return posix->readonly ? OK : take_lock(posix);
}

enum err disk_posix_open(struct disk_posix **posix, const char *folder, bool readonly)
{
    struct disk_posix *made = calloc(1, sizeof *made);
    uint8_t *page = aligned_alloc(PAGE, PAGE);
    if (made == NULL || page == NULL) {
        free(made);
        free(page);
        return ERR_FAILED;
    }
    *made = (struct disk_posix){
        .folder = -1, .lock = -1, .readonly = readonly, .written_slot = {-1, -1}, .page = page};
    made->disk = (struct disk){.context = made,
                               .create = posix_create,
                               .look = posix_look,
                               .read = posix_read,
                               .write = posix_write,
                               .sync = posix_sync,
                               .random = posix_random};
    for (int i = 0; i < OPEN_FILES; i++) {
        made->files[i].fd = -1;
    }
    enum err err = open_folder(made, folder);
    if (err != OK) {
        disk_posix_close(made);
        return err;
    }
    *posix = made;
    return OK;
}

void disk_posix_close(struct disk_posix *posix)
{
    if (posix == NULL) {
        return;
    }
    for (int i = 0; i < OPEN_FILES; i++) {
        if (posix->files[i].fd >= 0) {
            close(posix->files[i].fd);
        }
    }
    if (posix->lock >= 0) {
        close(posix->lock);
    }
    if (posix->folder >= 0) {
        close(posix->folder);
    }
    free(posix->page);
    free(posix);
}

const struct disk *disk_posix_disk(struct disk_posix *posix)
{
    return &posix->disk;
}

const char *disk_posix_mode(const struct disk_posix *posix)
{
    return posix->direct ? "direct" : "buffered";
}
