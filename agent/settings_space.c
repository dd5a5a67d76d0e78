// What weir check asks of the machine: do the spools fit on their disk, and are they sealed?
#include "agent/settings.h"

#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { FILES_MAX = 4096, OPEN_MAX = 8 };

// nftw has no context to hand through.
static uint64_t used_bytes;
static unsigned file_count;

static int add_file(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)path;
    (void)kind;
    (void)place;
    used_bytes += (uint64_t)status->st_blocks * 512;
    return ++file_count >= FILES_MAX;
}

// What already lies in the directory counts as room: spools are written in place.
static uint64_t room_of(const char *directory)
{
    used_bytes = 0;
    file_count = 0;
    (void)nftw(directory, add_file, OPEN_MAX, FTW_PHYS | FTW_MOUNT);
    return used_bytes;
}

// The file system that `directory` is on, or will be on once it is made.
static bool stat_above(const char *directory, struct statvfs *status)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s", directory) >= (int)sizeof path) {
        return false;
    }
    char *at = path;
    while (statvfs(at, status) != 0) {
        if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0) {
            return false;
        }
        at = dirname(at);
    }
    return true;
}

void settings_check_space(const struct settings *settings, struct problems *problems)
{
    struct statvfs status;
    if (!stat_above(settings->state_dir, &status)) {
        return; // told at start, when the directory is made
    }
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < settings->product_count; i++) {
        wanted += settings->products[i].spool_size_bytes;
    }
    uint64_t free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    uint64_t room = free_bytes + room_of(settings->state_dir);
    if (wanted > room) {
        problem_warn(problems, settings->file, 0, "products[].spool.size",
                     "the spools may take %" PRIu64 " MiB, and %s has room for %" PRIu64
                     " MiB; make them smaller or the disk larger",
                     wanted >> 20, settings->state_dir, room >> 20);
    }
}

void settings_check_keys(const struct settings *settings, struct problems *problems)
{
    for (uint32_t i = 0; i < settings->product_count; i++) {
        const struct product_settings *product = &settings->products[i];
        if (product->key_source == KEY_NONE) {
            problem_warn(problems, settings->file, product->line, "spool",
                         "records lie on the disk in clear, for whoever takes the card; write "
                         "key file: PATH to seal them");
            continue;
        }
        uint8_t key[SEAL_KEY_SIZE];
        char sentence[KEY_SENTENCE_SIZE];
        if (key_read(product->key_source, product->key_name, key, sentence) != OK) {
            problem_warn(problems, settings->file, product->line, "spool", "%s", sentence);
        }
        explicit_bzero(key, sizeof key);
    }
}
