// weir-images: the spool on a real ext4 whose device loses its power.
//
//   weir-images [--images N] [--seed N] [--without-sync]
//
// The device is a file that remembers every write and flush (writelog.h). A spool writes to an ext4
// on it, beside a file that is written and synced as well. Then, for places of the log drawn by
// chance, the device is built as a cut there would have left it: all that was flushed, and of the
// rest any sectors. The kernel mounts that and plays its journal back, the spool opens, and the
// oracle looks.
//
// With --without-sync the spool's syncs are left out: then nearly all images must fail, or this
// program proves nothing. Needs root.
#include "agent/disk_posix.h"
#include "tests/sim/loop.h"
#include "tests/sim/oracle.h"
#include "tests/sim/writelog.h"

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
    DEVICE_SIZE = 32 * 1024 * 1024,
    SEGMENT_SIZE = 256 * 1024,
    RING_SIZE = 10 * SEGMENT_SIZE,
    COMMITS = 3000,
    PATH_SIZE = 160,
    BLOCK_ROOM = 64 * 1024,
};

struct images {
    char folder[64];
    char served[PATH_SIZE];  // where the remembered device is
    char mounted[PATH_SIZE]; // where an ext4 is
    char spool_folder[PATH_SIZE];
    char image_file[PATH_SIZE];
    struct oracle oracle;
    struct sim_random random;
    struct writelog *log;
    struct oracle_point points[COMMITS + 1]; // after each answer ...
    uint64_t places[COMMITS + 1];            // ... and the log's place by then
    uint32_t point_count;
    struct disk_posix *files;
    struct disk disk;
    bool without_sync;
};

static const struct spool_options options = {.size_bytes = RING_SIZE,
                                             .segment_bytes = SEGMENT_SIZE,
                                             .nursery_bytes = 64 * 1024,
                                             .pack_bytes = 16 * 1024,
                                             .when_full = SPOOL_REFUSE};

static struct images images;

static void die(const char *what)
{
    (void)fprintf(stderr, "weir-images: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void run(const char *command)
{
    if (system(command) != 0) {
        (void)fprintf(stderr, "weir-images: failed: %s\n", command);
        exit(1);
    }
}

static enum err no_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    (void)context;
    (void)ring;
    (void)slot;
    return OK;
}

// The files themselves, through the page cache.
static enum err no_sync_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                              const void *at, uint32_t size)
{
    char path[PATH_SIZE + 32];
    (void)context;
    (void)snprintf(path, sizeof path, "%s/%s/%04u.seg", images.spool_folder,
                   ring == DISK_MAIN ? "ring" : "nursery", slot);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool done = file >= 0 && pwrite(file, at, size, offset) == (ssize_t)size;
    if (!done) {
        die(path);
    }
    (void)close(file);
    return OK;
}

static enum err open_spool(struct spool **spool)
{
    enum err err = disk_posix_open(&images.files, images.spool_folder, false);
    if (err != OK) {
        return err;
    }
    images.disk = *disk_posix_disk(images.files);
    if (images.without_sync) {
        images.disk.write = no_sync_write;
        images.disk.sync = no_sync;
    }
    err = spool_open(spool, &images.disk, &options);
    if (err != OK) {
        disk_posix_close(images.files);
    }
    return err;
}

static void close_spool(struct spool *spool)
{
    spool_close(spool);
    disk_posix_close(images.files);
}

// The writer.

struct room {
    uint8_t payloads[2][BLOCK_ROOM];
    uint8_t value[SPOOL_STATE_VALUE_MAX];
    uint8_t key[ORACLE_KEY_TEXT_MAX];
};

static struct spool_block make_block(struct oracle_point *point, uint64_t first, uint64_t end,
                                     bool dense, uint8_t *room)
{
    uint32_t size = sim_between(&images.random, 24, dense ? 9000 : 600);
    uint32_t number = oracle_new_block(&images.oracle, first, (uint32_t)(end - first), size, dense);
    oracle_payload(&images.oracle, number, room);
    point->next_seq = end > point->next_seq ? end : point->next_seq;
    return (struct spool_block){first,
                                (uint32_t)(end - first),
                                dense,
                                oracle_time_ms(first),
                                oracle_time_ms(end - 1),
                                bytes_from(room, size)};
}

static void commit_once(struct spool *spool, uint64_t *dense_from)
{
    static struct room room;
    struct oracle_point point = images.oracle.base;
    point.attempt = oracle_new_attempt(&images.oracle);
    struct spool_block blocks[2];
    struct spool_commit commit = {.blocks = blocks};
    if (sim_once_in(&images.random, 8) && point.next_seq > *dense_from) {
        blocks[commit.block_count++] =
            make_block(&point, *dense_from, point.next_seq, true, room.payloads[0]);
    }
    uint64_t end = point.next_seq + sim_between(&images.random, 1, 20);
    blocks[commit.block_count++] = make_block(&point, point.next_seq, end, false, room.payloads[1]);
    point.states[0] = oracle_new_value(&images.oracle);
    struct spool_state state = {oracle_state_name(0),
                                oracle_value(&images.oracle, point.states[0], room.value)};
    commit.states = &state;
    commit.state_count = 1;
    struct bytes key;
    if (sim_once_in(&images.random, 20)) {
        key = oracle_key_text(&images.oracle, point.key_count++, point.attempt, room.key);
        commit.keys = &key;
        commit.key_count = 1;
    }
    point.settled = *spool_settled(spool);
    oracle_try(&images.oracle, &point);
    enum err err = spool_commit(spool, &commit);
    if (err != OK) {
        (void)fprintf(stderr, "weir-images: a commit failed (%s)\n", err_name(err));
        exit(1);
    }
    oracle_answered(&images.oracle, &point, spool);
    *dense_from = blocks[0].dense ? blocks[0].first_seq + blocks[0].count : *dense_from;
}

static void settle_some(struct spool *spool)
{
    uint64_t cursor = settled_cursor(spool_settled(spool));
    uint64_t last = images.oracle.base.next_seq - 1;
    if (last > cursor + 400) { // a backlog stays
        if (spool_settle(spool, cursor + 1, last - 300, SETTLED_DELIVERED) == OK) {
            oracle_settled(&images.oracle, cursor + 1, last - 300);
        }
    }
}

// Another program on the same file system, so that its journal is busy.
static void write_beside(uint32_t turn)
{
    char path[PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/log.%u", images.mounted, turn % 7);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || write(file, images.points, 5000) != 5000 || fsync(file) != 0) {
        die(path);
    }
    (void)close(file);
    if (turn % 50 == 0) {
        (void)unlink(path);
    }
}

static void note_point(void)
{
    images.points[images.point_count] = images.oracle.base;
    images.places[images.point_count++] = writelog_now(images.log);
}

static void write_history(void)
{
    char device[32];
    char command[256];
    char path[PATH_SIZE + 8];
    (void)snprintf(path, sizeof path, "%s/disk", images.served);
    if (loop_attach(path, device) != 0) {
        exit(1);
    }
    (void)snprintf(command, sizeof command, "mkfs.ext4 -q -E nodiscard,lazy_itable_init=0 %s",
                   device);
    run(command);
    if (mount(device, images.mounted, "ext4", MS_NOATIME, "") != 0 ||
        mkdir(images.spool_folder, 0700) != 0) {
        die(device);
    }
    struct spool *spool;
    enum err err = open_spool(&spool);
    if (err != OK) {
        (void)fprintf(stderr, "weir-images: the spool does not open (%s)\n", err_name(err));
        exit(1);
    }
    sync();
    note_point();
    uint64_t dense_from = 1;
    for (uint32_t i = 0; i < COMMITS; i++) {
        commit_once(spool, &dense_from);
        note_point();
        settle_some(spool);
        if (sim_once_in(&images.random, 20)) {
            write_beside(i);
        }
    }
    close_spool(spool);
    if (umount(images.mounted) != 0) {
        die("umount");
    }
    loop_detach(device);
}

// The images.

// What was answered by `place`, and the one commit that may have been under way.
static void set_oracle_to(uint64_t place)
{
    struct oracle *oracle = &images.oracle;
    uint32_t last = 0;
    while (last + 1 < images.point_count && images.places[last + 1] <= place) {
        last++;
    }
    oracle->base = images.points[last];
    oracle->try_count = 0;
    oracle->dense_end = 0;
    oracle->taken_count = 0;
    oracle->failed[0] = '\0';
    if (last + 1 < images.point_count) {
        oracle->tries[oracle->try_count++] = images.points[last + 1];
    }
    for (uint32_t attempt = 0; attempt < oracle->attempt_count; attempt++) {
        oracle->answered[attempt] = attempt <= oracle->base.attempt;
    }
}

static void store_image(const uint8_t *image)
{
    int file = open(images.image_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || pwrite(file, image, DEVICE_SIZE, 0) != DEVICE_SIZE) {
        die(images.image_file);
    }
    (void)close(file);
}

static void look_at_spool(void)
{
    struct spool *spool;
    enum err err = open_spool(&spool);
    if (err != OK) {
        (void)snprintf(images.oracle.failed, sizeof images.oracle.failed,
                       "the spool does not open (%s)", err_name(err));
        return;
    }
    oracle_recovered(&images.oracle, spool, true);
    close_spool(spool);
}

static bool image_is_good(const uint8_t *image, uint64_t place)
{
    char device[32];
    store_image(image);
    if (loop_attach(images.image_file, device) != 0) {
        exit(1);
    }
    set_oracle_to(place);
    if (mount(device, images.mounted, "ext4", MS_NOATIME, "") != 0) {
        die("mount of a crash image");
    }
    look_at_spool();
    if (umount(images.mounted) != 0) {
        die("umount");
    }
    loop_detach(device);
    return images.oracle.failed[0] == '\0';
}

static int by_place(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

// Ends of log entries would do; a place inside one is the same as the end before it.
static uint64_t *draw_places(uint32_t count)
{
    uint64_t *places = calloc(count, sizeof *places);
    if (places == NULL) {
        die("memory");
    }
    uint64_t first = images.places[0];
    uint64_t span = images.places[images.point_count - 1] - first;
    for (uint32_t i = 0; i < count; i++) {
        places[i] = first + sim_next(&images.random) % span;
    }
    qsort(places, count, sizeof *places, by_place);
    return places;
}

static uint32_t check_images(uint32_t count)
{
    uint64_t *places = draw_places(count);
    uint8_t *base = calloc(1, DEVICE_SIZE);
    uint8_t *image = calloc(1, DEVICE_SIZE);
    if (base == NULL || image == NULL) {
        die("memory");
    }
    uint32_t failures = 0;
    uint64_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t until = writelog_entry_end(images.log, places[i]);
        uint64_t flushed = writelog_replay(images.log, base, &at, until);
        memcpy(image, base, DEVICE_SIZE);
        (void)writelog_replay_some(images.log, image, flushed, until, &images.random);
        if (!image_is_good(image, until)) {
            failures++;
            if (!images.without_sync) {
                printf("FAILURE image %u, log %" PRIu64 ": %s\n", i, until, images.oracle.failed);
            }
        }
    }
    free(places);
    free(base);
    free(image);
    return failures;
}

static void make_folders(void)
{
    (void)snprintf(images.folder, sizeof images.folder, "/tmp/weir-images.XXXXXX");
    if (mkdtemp(images.folder) == NULL) {
        die(images.folder);
    }
    (void)snprintf(images.served, PATH_SIZE, "%s/device", images.folder);
    (void)snprintf(images.mounted, PATH_SIZE, "%s/mounted", images.folder);
    (void)snprintf(images.spool_folder, PATH_SIZE, "%s/mounted/spool", images.folder);
    (void)snprintf(images.image_file, PATH_SIZE, "%s/image", images.folder);
    if (mkdir(images.served, 0700) != 0 || mkdir(images.mounted, 0700) != 0) {
        die(images.folder);
    }
}

static void remove_folders(void)
{
    (void)unlink(images.image_file);
    (void)rmdir(images.served);
    (void)rmdir(images.mounted);
    (void)rmdir(images.folder);
}

int main(int argc, char **argv)
{
    uint32_t count = 200;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--without-sync") == 0) {
            images.without_sync = true;
        } else if (strcmp(argv[i], "--images") == 0 && i + 1 < argc) {
            count = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else {
            (void)fputs("usage: weir-images [--images N] [--seed N] [--without-sync]\n", stderr);
            return 64;
        }
    }
    images.random.state = seed;
    oracle_init(&images.oracle);
    oracle_reset(&images.oracle, seed, ORACLE_STRICT, SPOOL_REFUSE);
    make_folders();
    images.log = writelog_start(images.served, DEVICE_SIZE);
    if (images.log == NULL) {
        return 1;
    }
    write_history();
    uint32_t failures = check_images(count);
    writelog_stop(images.log);
    remove_folders();
    oracle_free(&images.oracle);
    printf("images %u failures %u seed %" PRIu64 "\n", count, failures, seed);
    return failures == 0 ? 0 : 1;
}
