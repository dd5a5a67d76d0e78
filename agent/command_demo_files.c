#include "agent/command_demo_files.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOCKET_DIR_MAX = 90, WALK_FILES_MAX = 8 };

// Small intervals, so that there is something to see; on a gateway the defaults are wiser.
static const char settings_text[] =
    "# Written by weir demo.\n"
    "gateway: %s\n"
    "state: state\n"
    "control: control.sock\n"
    "kafka:\n"
    "  bootstrap: %s\n"
    "  client:\n"
    "    statistics.interval.ms: 500       # the picture shows bytes on the wire\n"
    "    reconnect.backoff.max.ms: 1000    # a demo does not wait as long as a gateway\n"
    "heartbeat:\n"
    "  topic: " DEMO_HEARTBEATS_TOPIC "\n"
    "  every: 2 s\n"
    "products:\n"
    "  - contract: host.odcs.yaml\n"
    "    publish: gateway\n"
    "    delivery: at-least-once\n"
    "    spool: {size: 16 MiB, commit: 200 ms, when full: drop oldest}\n"
    "inputs:\n"
    "  - name: this-host\n"
    "    driver: linux\n"
    "    every: %d ms\n";

static bool is_empty_dir(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    const struct dirent *entry;
    bool empty = true;
    while (empty && (entry = readdir(dir)) != NULL) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    (void)closedir(dir);
    return empty;
}

static enum err make_named_dir(const char *path, bool *is_new)
{
    *is_new = mkdir(path, 0700) == 0;
    if (*is_new) {
        return OK;
    }
    if (errno != EEXIST) {
        return err_from_errno(errno);
    }
    return is_empty_dir(path) ? OK : ERR_BUSY;
}

static enum err make_new_dir(char *path, size_t size)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(path, size, "%s/weir-demo-XXXXXX", parent == NULL ? "/tmp" : parent);
    return mkdtemp(path) == NULL ? err_from_errno(errno) : OK;
}

enum err demo_files_make_dir(const char *keep, char *out, size_t out_size)
{
    char made[512];
    bool is_new = true;
    enum err err = keep == NULL ? make_new_dir(made, sizeof made) : make_named_dir(keep, &is_new);
    if (err != OK) {
        return err;
    }
    char *whole = realpath(keep == NULL ? made : keep, NULL);
    if (whole == NULL) {
        return err_from_errno(errno);
    }
    bool fits = strlen(whole) <= SOCKET_DIR_MAX && strlen(whole) < out_size;
    if (fits) {
        memcpy(out, whole, strlen(whole) + 1);
    } else if (is_new) {
        (void)rmdir(whole);
    }
    free(whole);
    return fits ? OK : ERR_LIMIT;
}

static FILE *create(const char *dir, const char *name)
{
    char path[SOCKET_DIR_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return fopen(path, "we");
}

enum err demo_files_write(const char *dir, const char *gateway, const char *bootstrap, int every_ms)
{
    char state[SOCKET_DIR_MAX + 32];
    (void)snprintf(state, sizeof state, "%s/state", dir);
    if (mkdir(state, 0700) != 0) {
        return err_from_errno(errno);
    }
    FILE *settings = create(dir, "weir.yaml");
    FILE *contract = create(dir, "host.odcs.yaml");
    bool written = settings != NULL && contract != NULL &&
                   fprintf(settings, settings_text, gateway, bootstrap, every_ms) > 0 &&
                   fputs(demo_contract, contract) >= 0;
    bool closed = (settings == NULL || fclose(settings) == 0);
    closed = (contract == NULL || fclose(contract) == 0) && closed;
    return written && closed ? OK : err_from_errno(errno);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

void demo_files_remove(const char *dir)
{
    (void)nftw(dir, remove_one, WALK_FILES_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
