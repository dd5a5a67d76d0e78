// The products of the agent: a folder, a disk, a spool and a struct product each.
#include "agent/agent_core.h"

#include "agent/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

// mkdir -p
static int make_directory(const char *path)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != 0) {
            continue;
        }
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0750) != 0 && errno != EEXIST) {
            return -1;
        }
    }
    return 0;
}

static void run_in_place(void *context, struct job *job)
{
    (void)context;
    job->work(job);
    job->done(job);
}

static void read_boot_id(uint8_t boot_id[16])
{
    char text[64] = {0};
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, text, sizeof text - 1);
        (void)got; // without it the id is zero
        (void)close(fd);
    }
    unsigned digits = 0;
    for (const char *at = text; *at != 0 && digits < 32; at++) {
        int value = *at >= '0' && *at <= '9'   ? *at - '0'
                    : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10
                                               : -1;
        if (value >= 0) {
            boot_id[digits / 2] = (uint8_t)(boot_id[digits / 2] << 4 | value);
            digits++;
        }
    }
}

// The exit code and the sentence for a spool that cannot be opened.
static int explain(const struct product_settings *settings, const char *directory, enum err err)
{
    const char *name = settings->name;
    if (err == ERR_BUSY) {
        log_error("spool.busy", "product=%s: another weir uses %s; stop it first", name, directory);
        return EX_UNAVAILABLE;
    }
    if (err == ERR_READONLY) {
        log_error("spool.unwritable",
                  "product=%s: %s cannot be written; check its owner and that the disk is not "
                  "mounted read-only",
                  name, directory);
        return EX_CANTCREAT;
    }
    if (err == ERR_NO_SPACE) {
        log_error("spool.no_space",
                  "product=%s: %s has no room for a spool of %llu MiB; make room there or set a "
                  "smaller 'spool: {size: ..}'",
                  name, directory, (unsigned long long)(settings->spool_size_bytes >> 20));
        return EX_CANTCREAT;
    }
    if (err == ERR_VERSION) {
        log_error("spool.version",
                  "product=%s: %s was written by a newer weir and is left untouched; start that "
                  "version",
                  name, directory);
        return EX_SOFTWARE;
    }
    if (err == ERR_INVALID) {
        log_error("spool.options",
                  "product=%s: a spool of %llu bytes cannot be made; 'spool: {size: ..}' must be "
                  "larger",
                  name, (unsigned long long)settings->spool_size_bytes);
        return EX_CONFIG;
    }
    log_error("spool.open", "product=%s: %s cannot be opened: %s", name, directory, err_name(err));
    return EX_IOERR;
}

static int open_spool(struct agent *agent, uint32_t index, const char *directory)
{
    const struct product_settings *settings = &agent->settings->products[index];
    if (make_directory(directory) != 0) {
        log_error("spool.directory", "product=%s: %s cannot be made: %s", settings->name, directory,
                  strerror(errno));
        return EX_CANTCREAT;
    }
    enum err err = disk_posix_open(&agent->files[index], directory, false);
    struct spool_options options = {.size_bytes = settings->spool_size_bytes,
                                    .when_full = settings->when_full};
    if (err == OK) {
        err = spool_open(&agent->spools[index], disk_posix_disk(agent->files[index]), &options);
    }
    return err == OK ? EX_OK : explain(settings, directory, err);
}

static int open_product(struct agent *agent, uint32_t index)
{
    const struct product_settings *settings = &agent->settings->products[index];
    char directory[PATH_MAX];
    int size =
        snprintf(directory, sizeof directory, "%s/%s", agent->settings->state_dir, settings->name);
    if (size < 0 || (size_t)size >= sizeof directory) {
        log_error("spool.directory", "product=%s: the path is too long", settings->name);
        return EX_CANTCREAT;
    }
    agent->spool_count = index + 1;
    int code = open_spool(agent, index, directory);
    if (code != EX_OK) {
        return code;
    }
    struct product *product = &agent->products[index];
    product->settings = settings;
    product->gateway = agent->settings->gateway;
    product->index = index;
    product->spool = agent->spools[index];
    product->codec = agent->codec;
    product->store = (struct job_giver){.give = run_in_place};
    product->driver = agent->driver;
    product->output = &agent->output;
    product->boot_id = agent->boot_id;
    agent->product_count = index + 1;
    enum err err = product_open(product, directory);
    return err == OK ? EX_OK : err == ERR_FULL || err == ERR_LIMIT ? EX_CONFIG : EX_OSERR;
}

int agent_open_products(struct agent *agent)
{
    read_boot_id(agent->boot_id);
    agent->codec = block_codec_open(false);
    if (agent->codec == NULL) {
        log_error("agent.start", "there is not enough memory for the codec");
        return EX_OSERR;
    }
    for (uint32_t i = 0; i < agent->settings->product_count; i++) {
        int code = open_product(agent, i);
        if (code != EX_OK) {
            return code;
        }
    }
    return EX_OK;
}

void agent_close_products(struct agent *agent)
{
    for (uint32_t i = 0; i < agent->product_count; i++) {
        product_close(&agent->products[i]);
    }
    for (uint32_t i = 0; i < agent->spool_count; i++) {
        if (agent->spools[i] != NULL) {
            spool_close(agent->spools[i]);
        }
        if (agent->files[i] != NULL) {
            disk_posix_close(agent->files[i]);
        }
    }
    if (agent->codec != NULL) {
        block_codec_close(agent->codec);
    }
}
