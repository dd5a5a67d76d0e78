// Searches look at each entry of the folder once and keep the best so far; nothing is sorted or
// remembered. The device number is kept for people: it may change from boot to boot, so inode and
// head decide.
#include "ports/input/follow.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACE_VERSION = 1 };

void follow_init(struct follow *follow, const char *path)
{
    *follow = (struct follow){.path = path, .fd = -1};
    const char *slash = strrchr(path, '/');
    follow->base = slash == NULL ? path : slash + 1;
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size == 0 || size >= sizeof follow->folder) {
        memcpy(follow->folder, slash == path ? "/" : ".", 2);
    } else {
        memcpy(follow->folder, path, size);
    }
}

void follow_close(struct follow *follow)
{
    if (follow->fd >= 0) {
        (void)close(follow->fd);
        follow->fd = -1;
    }
}

// ---- files ----

// Open for reading without waiting (a FIFO would), only what is a file.
static int open_file(int folder, const char *name, struct stat *status)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode)) {
        (void)close(fd);
        errno = S_ISDIR(status->st_mode) ? EISDIR : EINVAL;
        return -1;
    }
    return fd;
}

static ssize_t read_at(int fd, uint64_t offset, void *at, size_t size)
{
    ssize_t got;
    do {
        got = pread(fd, at, size, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    return got;
}

// Make `fd` the open file.
static void take(struct follow *follow, int fd, const struct stat *status)
{
    follow_close(follow);
    follow->fd = fd;
    follow->device = (uint64_t)status->st_dev;
    follow->inode = (uint64_t)status->st_ino;
    ssize_t got = read_at(fd, 0, follow->head, sizeof follow->head);
    follow->head_size = got > 0 ? (size_t)got : 0;
}

enum err follow_open(struct follow *follow)
{
    struct stat status;
    int fd = open_file(AT_FDCWD, follow->path, &status);
    if (fd < 0) {
        return errno == EISDIR || errno == EINVAL ? ERR_INVALID : err_from_errno(errno);
    }
    take(follow, fd, &status);
    return OK;
}

ssize_t follow_read(struct follow *follow, uint64_t offset, void *at, size_t size)
{
    ssize_t got = read_at(follow->fd, offset, at, size);
    if (got > 0 && offset <= follow->head_size && follow->head_size < sizeof follow->head) {
        size_t fresh = sizeof follow->head - (size_t)offset; // room from `offset` on
        fresh = fresh < (size_t)got ? fresh : (size_t)got;
        memcpy(follow->head + offset, at, fresh);
        if (offset + fresh > follow->head_size) {
            follow->head_size = (size_t)offset + fresh;
        }
    }
    return got;
}

// ---- places ----

struct follow_place follow_place(const struct follow *follow, uint64_t offset, uint64_t line)
{
    size_t head_size = offset < follow->head_size ? (size_t)offset : follow->head_size;
    return (struct follow_place){
        .device = follow->device,
        .inode = follow->inode,
        .offset = offset,
        .line = line,
        .head_size = (uint32_t)head_size,
        .head_crc = bytes_crc32c(0, bytes_from(follow->head, head_size)),
    };
}

void follow_place_put(const struct follow_place *place, uint8_t out[FOLLOW_PLACE_SIZE])
{
    put_u32(out, PLACE_VERSION);
    out[4] = 0;
    put_u64(out + 5, place->device);
    put_u64(out + 13, place->inode);
    put_u64(out + 21, place->offset);
    put_u64(out + 29, place->line);
    put_u32(out + 37, place->head_size);
    put_u32(out + 41, place->head_crc);
}

enum err follow_place_get(struct follow_place *place, struct bytes in)
{
    if (in.size != FOLLOW_PLACE_SIZE || get_u32(in.at) != PLACE_VERSION) {
        return ERR_CORRUPT;
    }
    place->device = get_u64(in.at + 5);
    place->inode = get_u64(in.at + 13);
    place->offset = get_u64(in.at + 21);
    place->line = get_u64(in.at + 29);
    place->head_size = get_u32(in.at + 37);
    place->head_crc = get_u32(in.at + 41);
    bool fits = place->head_size <= FOLLOW_HEAD_MAX && place->head_size <= place->offset &&
                place->offset <= INT64_MAX;
    return fits ? OK : ERR_CORRUPT;
}

// Does the file have what was read of it, and at least that much?
static bool holds(int fd, const struct stat *status, const struct follow_place *place)
{
    uint8_t head[FOLLOW_HEAD_MAX];
    return (uint64_t)status->st_size >= place->offset &&
           read_at(fd, 0, head, place->head_size) == (ssize_t)place->head_size &&
           bytes_crc32c(0, bytes_from(head, place->head_size)) == place->head_crc;
}

// ---- searches ----

// Calls `visit` with the entries of the folder, as far as they are files of ours: the name begins
// with the name that is followed. It owns `fd`.
struct search {
    struct follow *follow;
    const struct follow_place *place;
    bool any_inode; // else only place->inode
    int fd;         // what was found; -1: nothing
    struct stat status;
};

static void search_folder(struct search *search,
                          void (*visit)(struct search *search, const char *name, int fd,
                                        const struct stat *status))
{
    search->fd = -1;
    DIR *folder = opendir(search->follow->folder);
    if (folder == NULL) {
        return;
    }
    size_t base_size = strlen(search->follow->base);
    struct dirent *entry;
    for (int i = 0; i < FOLLOW_ENTRIES_MAX && (entry = readdir(folder)) != NULL; i++) {
        struct stat status;
        bool ours = strncmp(entry->d_name, search->follow->base, base_size) == 0;
        bool wanted = search->place != NULL && !search->any_inode &&
                      (uint64_t)entry->d_ino == search->place->inode;
        if (!ours && !wanted) {
            continue;
        }
        int fd = open_file(dirfd(folder), entry->d_name, &status);
        if (fd >= 0) {
            visit(search, entry->d_name, fd, &status);
        }
    }
    (void)closedir(folder);
}

static void keep(struct search *search, int fd, const struct stat *status)
{
    if (search->fd >= 0) {
        (void)close(search->fd);
    }
    search->fd = fd;
    search->status = *status;
}

// The file of a place: the first that holds what was read.
static void visit_for_place(struct search *search, const char *name, int fd,
                            const struct stat *status)
{
    (void)name;
    bool inode = search->any_inode || (uint64_t)status->st_ino == search->place->inode;
    if (search->fd >= 0 || !inode || !holds(fd, status, search->place)) {
        (void)close(fd);
        return;
    }
    keep(search, fd, status);
}

static bool open_found(struct follow *follow, const struct search *search)
{
    if (search->fd < 0) {
        return false;
    }
    take(follow, search->fd, &search->status);
    return true;
}

enum err follow_open_place(struct follow *follow, const struct follow_place *place)
{
    struct search search = {.follow = follow, .place = place};
    search_folder(&search, visit_for_place);
    if (search.fd < 0 && place->head_size > 0) {
        search.any_inode = true; // copied and cut while nobody looked
        search_folder(&search, visit_for_place);
    }
    return open_found(follow, &search) ? OK : ERR_NOT_FOUND;
}

// The copy of the open file that holds more than `place`; not the file itself.
static void visit_for_copy(struct search *search, const char *name, int fd,
                           const struct stat *status)
{
    (void)name;
    if (search->fd >= 0 || (uint64_t)status->st_ino == search->follow->inode ||
        !holds(fd, status, search->place)) {
        (void)close(fd);
        return;
    }
    keep(search, fd, status);
}

bool follow_open_copy(struct follow *follow, uint64_t offset)
{
    struct follow_place place = follow_place(follow, offset, 0);
    struct search search = {.follow = follow, .place = &place, .any_inode = true};
    if (place.head_size > 0) {
        search_folder(&search, visit_for_copy);
    }
    if (open_found(follow, &search)) {
        return true;
    }
    follow->head_size = 0;
    return false;
}

// ---- what follows ----

static bool is_earlier(struct timespec a, struct timespec b)
{
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

// "NAME.1", "NAME-20260101", and no compressed file.
static bool is_rotated(const struct follow *follow, const char *name)
{
    static const char *const packed[] = {".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z", ".zip"};
    const char *tail = name + strlen(follow->base);
    if ((*tail != '.' && *tail != '-') || !isdigit((unsigned char)tail[1])) {
        return false;
    }
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        size_t size = strlen(packed[i]);
        if (strlen(tail) > size && strcmp(tail + strlen(tail) - size, packed[i]) == 0) {
            return false;
        }
    }
    return true;
}

// A copy of the open file, made by hand, does not follow it. (Two tables may begin with the same
// header: the size must be the same too.)
static bool is_copy(const struct follow *follow, const struct stat *open_status, int fd,
                    const struct stat *status)
{
    uint8_t head[FOLLOW_HEAD_MAX];
    return follow->head_size > 0 && status->st_size == open_status->st_size &&
           read_at(fd, 0, head, follow->head_size) == (ssize_t)follow->head_size &&
           memcmp(head, follow->head, follow->head_size) == 0;
}

// Of the rotated files that were written to after the open one, the earliest.
static void visit_for_next(struct search *search, const char *name, int fd,
                           const struct stat *status)
{
    const struct follow *follow = search->follow;
    struct stat open_status;
    bool follows = is_rotated(follow, name) && (uint64_t)status->st_ino != follow->inode &&
                   status->st_size > 0 && fstat(follow->fd, &open_status) == 0 &&
                   is_earlier(open_status.st_mtim, status->st_mtim) &&
                   !is_copy(follow, &open_status, fd, status);
    if (!follows || (search->fd >= 0 && !is_earlier(status->st_mtim, search->status.st_mtim))) {
        (void)close(fd);
        return;
    }
    keep(search, fd, status);
}

static void search_next(struct follow *follow, struct search *search)
{
    *search = (struct search){.follow = follow};
    search_folder(search, visit_for_next);
    if (search->fd < 0) {
        search->fd = open_file(AT_FDCWD, follow->path, &search->status);
    }
}

bool follow_is_cut(const struct follow *follow, uint64_t offset)
{
    struct stat status;
    uint8_t head[FOLLOW_HEAD_MAX];
    if (fstat(follow->fd, &status) == 0 && (uint64_t)status.st_size < offset) {
        return true;
    }
    ssize_t got = read_at(follow->fd, 0, head, follow->head_size);
    return got >= 0 &&
           ((size_t)got < follow->head_size || memcmp(head, follow->head, follow->head_size) != 0);
}

bool follow_has_next(struct follow *follow)
{
    struct stat status;
    struct search search;
    assert(follow->fd >= 0);
    if (stat(follow->path, &status) != 0 || (uint64_t)status.st_ino == follow->inode) {
        return false;
    }
    search_next(follow, &search);
    if (search.fd < 0) {
        return false;
    }
    (void)close(search.fd);
    return search.status.st_size > 0;
}

bool follow_open_next(struct follow *follow)
{
    struct search search;
    search_next(follow, &search);
    return open_found(follow, &search);
}
