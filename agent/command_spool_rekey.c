// weir spool rekey, resize: another key, or none, or another size for a spool whose agent is
// stopped.
//
//     1. FOLDER.rekey is made: what waits in FOLDER, written anew (agent/spool_copy.h), and read
//     back
//     2. the two folders change their names at once (RENAME_EXCHANGE)
//     3. FOLDER.rekey, now the old one, is removed
//
// Whenever it is killed, FOLDER is whole: the old one before step 2, the new one after it. What it
// leaves beside it is removed by the next run. Both folders are locked meanwhile.
#include "agent/clock.h"
#include "agent/command_spool.h"
#include "agent/disk_posix.h"
#include "agent/human.h"
#include "agent/key.h"
#include "agent/spool_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS_MIN = 5, SLOTS_MAX = 1024, SLOTS_MORE_MAX = 2, PROGRESS_MS = 200 };

struct rekey {
    const struct spool_request *request;
    const char *folder;
    char beside[PATH_MAX]; // FOLDER.rekey
    char parent[PATH_MAX];
    const uint8_t *key; // the new one; NULL: in clear
    bool resizes;       // the key stays ...
    int32_t more_slots; // ... and the main ring becomes longer or shorter
    struct disk_posix *old_files;
    struct disk_posix *new_files;
    struct spool *old;
    bool in_doubt; // the folders have changed places, but perhaps not durably
    int64_t shown_ms;
    bool shows_progress;
};

static int complain(const struct rekey *rekey, int code, const char *what, int error)
{
    (void)fprintf(stderr, "weir spool %s: %s: %s%s%s\n", rekey->request->verb, rekey->folder, what,
                  error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    return code;
}

// --- the folder beside

static bool remove_files(const char *folder)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL) {
        (void)unlinkat(dirfd(open), entry->d_name, 0); // fails for folders
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    return rmdir(folder) == 0 || errno == ENOENT;
}

// Whatever part of it is there: a spool's folder, one below another.
static bool remove_beside(const struct rekey *rekey)
{
    static const char *const parts[] = {"/ring", "/nursery", "/ring.new", "/nursery.new", ""};
    bool gone = true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char path[PATH_MAX];
        int size = snprintf(path, sizeof path, "%s%s", rekey->beside, parts[i]);
        gone = size > 0 && (size_t)size < sizeof path && remove_files(path) && gone;
    }
    return gone;
}

static int name_beside(struct rekey *rekey)
{
    size_t size = strlen(rekey->folder);
    while (size > 1 && rekey->folder[size - 1] == '/') {
        size--;
    }
    int all = snprintf(rekey->beside, PATH_MAX, "%.*s.rekey", (int)size, rekey->folder);
    if (all < 0 || all >= PATH_MAX) {
        return complain(rekey, EX_USAGE, "the path is too long", 0);
    }
    (void)snprintf(rekey->parent, PATH_MAX, "%.*s", (int)size, rekey->folder);
    char *slash = strrchr(rekey->parent, '/');
    if (slash == NULL) {
        (void)snprintf(rekey->parent, PATH_MAX, ".");
    } else {
        slash[slash == rekey->parent ? 1 : 0] = 0;
    }
    return EX_OK;
}

static enum err sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err = fd >= 0 && fsync(fd) == 0 ? OK : err_from_errno(errno);
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}

// --- what else lies in the folder, and whose it is

// The files beside the rings (quarantine.jsonl): the same ones under both names.
static bool link_files(const struct rekey *rekey)
{
    DIR *open = opendir(rekey->folder);
    const struct dirent *entry;
    bool good = open != NULL;
    while (good && (entry = readdir(open)) != NULL) {
        struct stat status;
        char path[PATH_MAX];
        int size = snprintf(path, sizeof path, "%s/%s", rekey->beside, entry->d_name);
        bool fits = size > 0 && (size_t)size < sizeof path;
        bool is_file = fstatat(dirfd(open), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISREG(status.st_mode) && strcmp(entry->d_name, "lock") != 0;
        good = !is_file || (fits && linkat(dirfd(open), entry->d_name, AT_FDCWD, path, 0) == 0);
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    return good;
}

static bool give_files(const char *folder, const struct stat *owner)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    bool good = open != NULL && fchown(dirfd(open), owner->st_uid, owner->st_gid) == 0 &&
                fchmod(dirfd(open), owner->st_mode & 07777) == 0;
    while (good && (entry = readdir(open)) != NULL) {
        bool is_folder = entry->d_name[0] == '.' || entry->d_type == DT_DIR;
        good = is_folder || fchownat(dirfd(open), entry->d_name, owner->st_uid, owner->st_gid,
                                     AT_SYMLINK_NOFOLLOW) == 0;
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    return good;
}

// The agent runs as another user than who turns the key.
static bool give_to_owner(const struct rekey *rekey)
{
    static const char *const parts[] = {"", "/ring", "/nursery"};
    bool good = true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && good; i++) {
        char from[PATH_MAX];
        char to[PATH_MAX];
        struct stat owner;
        int a = snprintf(from, sizeof from, "%s%s", rekey->folder, parts[i]);
        int b = snprintf(to, sizeof to, "%s%s", rekey->beside, parts[i]);
        good = a > 0 && a < PATH_MAX && b > 0 && b < PATH_MAX && stat(from, &owner) == 0 &&
               give_files(to, &owner);
    }
    return good;
}

// --- the copy

static void show(void *context, uint64_t seq, uint64_t last_seq)
{
    struct rekey *rekey = context;
    int64_t now = clock_boot_ms();
    if (!rekey->shows_progress || now - rekey->shown_ms < PROGRESS_MS) {
        return;
    }
    rekey->shown_ms = now;
    char count[HUMAN_SIZE];
    (void)fprintf(stderr, "\r%s of seq %llu \033[K", human_count((int64_t)seq, count),
                  (unsigned long long)last_seq);
}

static enum err copy_once(struct rekey *rekey, int32_t more_slots)
{
    if (!remove_beside(rekey)) {
        return err_from_errno(errno);
    }
    enum err err = disk_posix_open(&rekey->new_files, rekey->beside, false);
    if (err != OK) {
        rekey->new_files = NULL;
        return err;
    }
    const struct disk *disk = disk_posix_disk(rekey->new_files);
    struct spool_copy_progress progress = {.tell = show, .context = rekey};
    err = spool_copy(rekey->old, disk, rekey->key, more_slots, progress);
    struct spool *copy;
    if (err == OK && (err = spool_open_readonly(&copy, disk, rekey->key)) == OK) {
        err = spool_copy_check(rekey->old, copy);
        spool_close(copy);
    }
    return err;
}

static enum err copy_it(struct rekey *rekey)
{
    enum err err = ERR_FULL;
    int32_t tries = rekey->resizes ? 1 : 1 + SLOTS_MORE_MAX;
    for (int32_t more = 0; more < tries && err == ERR_FULL; more++) {
        disk_posix_close(rekey->new_files);
        rekey->new_files = NULL;
        err = copy_once(rekey, rekey->more_slots + more);
    }
    if (rekey->shows_progress) {
        (void)fprintf(stderr, "\r\033[K");
    }
    return err;
}

static int exchange(struct rekey *rekey)
{
    long failed =
        syscall(SYS_renameat2, AT_FDCWD, rekey->beside, AT_FDCWD, rekey->folder, RENAME_EXCHANGE);
    if (failed != 0) {
        int error = errno;
        return complain(rekey, EX_CANTCREAT,
                        error == EINVAL || error == ENOSYS
                            ? "this file system cannot exchange two folders; move the spool to "
                              "ext4, xfs, f2fs or btrfs first"
                            : "cannot take the new folder's place",
                        error);
    }
    if (sync_folder(rekey->parent) != OK) {
        rekey->in_doubt = true;
        return complain(rekey, EX_IOERR, "the new folder is there, but may not survive a power cut",
                        errno);
    }
    return EX_OK;
}

static int replace(struct rekey *rekey)
{
    enum err err = copy_it(rekey);
    if (err == ERR_NO_SPACE) {
        return complain(rekey, EX_CANTCREAT,
                        "there is no room beside it for a second one of its size; make room there",
                        0);
    }
    if (err == ERR_FULL && rekey->resizes) {
        return complain(rekey, EX_CANTCREAT,
                        "what waits does not fit into that size; it is as it was: name a larger "
                        "one, or let the agent deliver first",
                        0);
    }
    if (err == ERR_DENIED || err == ERR_READONLY) {
        return complain(rekey, EX_NOPERM, "no folder can be made beside it; use sudo", 0);
    }
    if (err != OK) {
        return complain(rekey, EX_IOERR,
                        err == ERR_CORRUPT
                            ? "what was written does not read back; look at the device (dmesg)"
                            : err_name(err),
                        0);
    }
    if (!link_files(rekey) || !give_to_owner(rekey) || sync_folder(rekey->beside) != OK) {
        return complain(rekey, EX_IOERR, "the new folder cannot be completed", errno);
    }
    return exchange(rekey);
}

// --- the whole

static void tell_end(const struct rekey *rekey)
{
    struct spool_stat stat;
    spool_stat(rekey->old, &stat);
    char count[HUMAN_SIZE];
    uint64_t waiting = stat.next_seq - 1 - stat.cursor;
    if (rekey->resizes) {
        (void)printf("%s: %s records lie in the new ring; set the size in weir.yaml too\n",
                     rekey->folder, human_count((int64_t)waiting, count));
        return;
    }
    (void)printf("%s: %s records %s; %s\n", rekey->folder, human_count((int64_t)waiting, count),
                 rekey->key != NULL ? "are sealed under the new key" : "lie in clear now",
                 rekey->key != NULL
                     ? "set it in weir.yaml (spool: {key file: ..}) before the agent starts"
                     : "take the key out of weir.yaml before the agent starts");
}

static int lock_old(struct rekey *rekey)
{
    enum err err = disk_posix_open(&rekey->old_files, rekey->folder, false);
    if (err == OK) {
        return EX_OK;
    }
    rekey->old_files = NULL;
    return err == ERR_BUSY ? complain(rekey, EX_UNAVAILABLE,
                                      "an agent uses it; stop it first (systemctl stop weir)", 0)
                           : spool_explain(rekey->request, rekey->folder, err);
}

static bool opens_with(const struct rekey *rekey, const uint8_t *key)
{
    struct spool_view *view;
    struct spool_shape shape;
    if (spool_view_open(&view, rekey->folder, key) != OK) {
        return false;
    }
    spool_look_shape(spool_view_spool(view), &shape);
    spool_view_close(view);
    return key != NULL || !shape.is_sealed;
}

// By a run that was killed after it had put the new folder in place.
static bool is_done(const struct rekey *rekey)
{
    return !opens_with(rekey, rekey->request->key) && opens_with(rekey, rekey->key);
}

// Says what is wrong: the key, a copy that is not whole.
static int open_old(struct rekey *rekey)
{
    struct spool_view *view;
    int code = spool_request_open(rekey->request, rekey->folder, &view);
    if (code != EX_OK) {
        return code;
    }
    spool_view_close(view);
    const struct spool_options options = {
        .size_bytes = (uint64_t)64 << 20, .when_full = SPOOL_REFUSE, .key = rekey->request->key};
    enum err err = spool_open(&rekey->old, disk_posix_disk(rekey->old_files), &options);
    return err == OK ? EX_OK : spool_explain(rekey->request, rekey->folder, err);
}

static int choose_slots(struct rekey *rekey)
{
    uint32_t slots;
    uint32_t slot_size;
    const struct disk *disk = disk_posix_disk(rekey->old_files);
    enum err err = disk->look(disk->context, DISK_MAIN, &slots, &slot_size);
    if (err != OK) {
        return spool_explain(rekey->request, rekey->folder, err);
    }
    uint64_t wanted = rekey->request->size_bytes / slot_size;
    if (wanted < SLOTS_MIN || wanted > SLOTS_MAX) {
        (void)fprintf(stderr,
                      "weir spool resize: %s: a ring of its segments (%u KiB) has %u to %u of "
                      "them: name a size from %u to %u MiB\n",
                      rekey->folder, slot_size / 1024, (unsigned)SLOTS_MIN, (unsigned)SLOTS_MAX,
                      (slot_size / 1024 * SLOTS_MIN + 1023) / 1024, slot_size / 1024);
        return EX_USAGE;
    }
    rekey->more_slots = (int32_t)wanted - (int32_t)slots;
    return EX_OK;
}

static int resize_locked(struct rekey *rekey)
{
    int code = choose_slots(rekey);
    if (code == EX_OK && rekey->more_slots == 0) {
        (void)printf("%s: it has this size already\n", rekey->folder);
        return EX_OK;
    }
    code = code == EX_OK ? open_old(rekey) : code;
    code = code == EX_OK ? replace(rekey) : code;
    if (code == EX_OK) {
        tell_end(rekey);
    }
    spool_close(rekey->old);
    return code;
}

static int run_locked(struct rekey *rekey)
{
    if (is_done(rekey)) {
        (void)printf("%s: it is %s already\n", rekey->folder,
                     rekey->key != NULL ? "sealed under this key" : "in clear");
        return EX_OK;
    }
    int code = open_old(rekey);
    code = code == EX_OK ? replace(rekey) : code;
    if (code == EX_OK) {
        tell_end(rekey);
    }
    spool_close(rekey->old);
    return code;
}

int spool_rekey(const struct spool_request *request, const struct spool_folders *folders)
{
    if (folders->count != 1) {
        (void)fprintf(stderr, "weir spool %s: %u spools lie there; name one\n", request->verb,
                      folders->count);
        return EX_USAGE;
    }
    struct rekey rekey = {.request = request,
                          .folder = folders->list[0],
                          .resizes = request->size_bytes != 0,
                          .key = request->size_bytes != 0 ? request->key : request->new_key,
                          .shows_progress = isatty(STDERR_FILENO)};
    int code = name_beside(&rekey);
    code = code == EX_OK ? lock_old(&rekey) : code;
    if (code != EX_OK) {
        return code;
    }
    code = rekey.resizes ? resize_locked(&rekey) : run_locked(&rekey);
    if (!rekey.in_doubt && !remove_beside(&rekey)) {
        (void)complain(&rekey, EX_OK, "what lies beside it (.rekey) cannot be removed", errno);
    }
    disk_posix_close(rekey.new_files); // and the locks
    disk_posix_close(rekey.old_files);
    return code;
}
