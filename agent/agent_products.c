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

enum {
    MIN_RING_BYTES = 1 << 20, // a ring can be made of it
    // Of memory, where the disk cannot be used; taken as records come.
    IN_MEMORY_GATEWAY_BYTES = 32 << 20, // shared by the products
    IN_MEMORY_PRODUCT_BYTES = 16 << 20,
    IN_MEMORY_NURSERY_BYTES = 1 << 20, // on top
};

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
    if (err == ERR_DENIED) {
        log_error("spool.unwritable", "product=%s: %s cannot be written; check its owner", name,
                  directory);
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
    if (err == ERR_KEY) {
        log_error("spool.key",
                  "product=%s: %s is sealed under a key, and %s; it is left untouched: set the "
                  "key it was sealed with, or move it away for a new one",
                  name, directory,
                  settings->key_source == KEY_NONE ? "none is set"
                                                   : "it is not the one that is set");
        return EX_CONFIG;
    }
    if ((err == ERR_INVALID && settings->spool_size_bytes >= MIN_RING_BYTES) ||
        err == ERR_CORRUPT) {
        log_error("spool.shape",
                  "product=%s: the files in %s/ring or %s/nursery have sizes or a number that no "
                  "spool has; were some removed or cut short? Restore them from a copy, or move "
                  "the folder away for a new spool",
                  name, directory, directory);
        return EX_DATAERR;
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

// The disk itself failed. What a person can put right at once (rights, a path in the way, room) is
// none of it: that stops the start.
static bool is_disk_fault(enum err err)
{
    return err == ERR_IO || err == ERR_READONLY;
}

static uint64_t bytes_in_memory(const struct settings *settings, uint32_t index)
{
    uint64_t size = settings->products[index].spool_size_bytes;
    uint64_t share = IN_MEMORY_GATEWAY_BYTES / settings->product_count;
    size = size < share ? size : share;
    return size < IN_MEMORY_PRODUCT_BYTES ? size : IN_MEMORY_PRODUCT_BYTES;
}

// Better a buffer that a power cut empties than none: the records still reach Kafka. What the disk
// may hold of earlier runs is not touched, and is sent once the agent starts on it again.
static int open_in_memory(struct agent *agent, uint32_t index, const char *directory, enum err why)
{
    const struct product_settings *settings = &agent->settings->products[index];
    struct spool_options options = {.size_bytes = bytes_in_memory(agent->settings, index),
                                    .when_full = settings->when_full};
    struct disk_memory *memory = disk_memory_open(options.size_bytes + IN_MEMORY_NURSERY_BYTES);
    agent->memories[index] = memory;
    if (memory == NULL ||
        spool_open(&agent->spools[index], disk_memory_disk(memory), &options) != OK) {
        log_error("memory", "product=%s: there is not enough", settings->name);
        return EX_OSERR;
    }
    log_error("store.memory",
              "product=%s: the disk of %s does not work (%s); records lie in memory only, up to "
              "%llu MiB, and a power cut or a restart loses those that are not delivered; repair "
              "or replace the disk, then restart",
              settings->name, directory, err_name(why),
              (unsigned long long)(options.size_bytes >> 20));
    return EX_OK;
}

// A ring keeps the size it was made with.
static void compare_size(const struct agent *agent, uint32_t index, const char *directory)
{
    const struct product_settings *settings = &agent->settings->products[index];
    const struct disk *disk = disk_posix_disk(agent->files[index]);
    uint32_t slots, slot_size;
    if (disk->look(disk->context, DISK_MAIN, &slots, &slot_size) != OK) {
        return;
    }
    uint64_t size = (uint64_t)slots * slot_size;
    uint64_t wanted = settings->spool_size_bytes;
    if (size > wanted || wanted - size >= slot_size) {
        log_warn("spool.size",
                 "product=%s: the ring in %s was made with %llu KiB and keeps them, not the "
                 "%llu KiB that are set; stop the agent and run weir spool resize %s --size "
                 "\"%llu KiB\"",
                 settings->name, directory, (unsigned long long)(size >> 10),
                 (unsigned long long)(wanted >> 10), settings->name,
                 (unsigned long long)(wanted >> 10));
    }
}

static enum err open_on_disk(struct agent *agent, uint32_t index, const char *directory,
                             const uint8_t *key)
{
    const struct product_settings *settings = &agent->settings->products[index];
    struct spool_options options = {
        .size_bytes = settings->spool_size_bytes, .when_full = settings->when_full, .key = key};
    enum err err = disk_posix_open(&agent->files[index], directory, false);
    if (err != OK) {
        return err;
    }
    err = spool_open(&agent->spools[index], disk_posix_disk(agent->files[index]), &options);
    if (err != OK) {
        disk_posix_close(agent->files[index]);
        agent->files[index] = NULL;
        return err;
    }
    compare_size(agent, index, directory);
    return OK;
}

// Without the key that was asked for nothing is stored: in clear would be worse than not at all.
static int open_spool(struct agent *agent, uint32_t index, const char *directory)
{
    const struct product_settings *settings = &agent->settings->products[index];
    uint8_t key[SEAL_KEY_SIZE];
    char sentence[KEY_SENTENCE_SIZE];
    bool sealed = settings->key_source != KEY_NONE;
    if (sealed && key_read(settings->key_source, settings->key_name, key, sentence) != OK) {
        log_error("spool.key", "product=%s: %s", settings->name, sentence);
        return EX_CONFIG;
    }
    enum err err = OK;
    if (make_directory(directory) != 0) {
        err = err_from_errno(errno);
        if (!is_disk_fault(err)) {
            log_error("spool.directory", "product=%s: %s cannot be made: %s", settings->name,
                      directory, strerror(errno));
            return EX_CANTCREAT;
        }
    }
    if (err == OK) {
        err = open_on_disk(agent, index, directory, sealed ? key : NULL);
    }
    explicit_bzero(key, sizeof key);
    if (is_disk_fault(err)) {
        return open_in_memory(agent, index, directory, err);
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
    product->share = &agent->share;
    product->budget = &agent->budget;
    product->schema_source = agent_schema_source(agent);
    agent->product_count = index + 1;
    enum err err = product_open(product, agent->memories[index] == NULL ? directory : NULL);
    struct bytes partitions = err == OK ? product_recall(product, "partitions") : (struct bytes){0};
    if (partitions.size == 4) {
        agent->topics[index].partition_count = (int32_t)get_u32(partitions.at);
    }
    partitions = err == OK ? product_recall(product, "partitions.late") : (struct bytes){0};
    if (partitions.size == 4) {
        agent->topics[index].late_partition_count = (int32_t)get_u32(partitions.at);
    }
    agent->topics[index].epoch = product->stat.epoch;
    return err == OK ? EX_OK : err == ERR_FULL || err == ERR_LIMIT ? EX_CONFIG : EX_OSERR;
}

int agent_open_products(struct agent *agent)
{
    read_boot_id(agent->boot_id);
    agent->codec = block_codec_open(WEIR_SMALL);
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
        disk_memory_close(agent->memories[i]);
    }
    if (agent->codec != NULL) {
        block_codec_close(agent->codec);
    }
}
