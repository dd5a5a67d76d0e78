// The spool on files: made once, locked, and nothing but overwritten afterwards.
#include "agent/disk_posix.h"
#include "agent/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/weir-disk-XXXXXX", sizeof "/tmp/weir-disk-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static void remove_ring(const char *ring)
{
    char path[256];
    for (int slot = 0; slot < 64; slot++) {
        (void)snprintf(path, sizeof path, "%s/%s/%04d.seg", folder, ring, slot);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, ring);
    (void)rmdir(path);
}

static int remove_folder(void **state)
{
    (void)state;
    char path[256];
    remove_ring("ring");
    remove_ring("ring.new");
    remove_ring("nursery");
    (void)snprintf(path, sizeof path, "%s/lock", folder);
    (void)unlink(path);
    return rmdir(folder);
}

static const struct spool_options options = {
    .size_bytes = 8 * 64 * 1024, .segment_bytes = 64 * 1024, .nursery_bytes = 32 * 1024};

static struct spool *open_spool(struct disk_posix **posix)
{
    struct spool *spool;
    assert_int_equal(disk_posix_open(posix, folder, false), OK);
    assert_int_equal(spool_open(&spool, disk_posix_disk(*posix), &options), OK);
    return spool;
}

static enum err commit_row(struct spool *spool, uint64_t seq)
{
    uint8_t payload[8];
    put_u64(payload, seq);
    struct spool_block block = {
        .first_seq = seq, .count = 1, .payload = bytes_from(payload, sizeof payload)};
    struct spool_commit commit = {.blocks = &block, .block_count = 1};
    return spool_commit(spool, &commit);
}

static void a_second_agent_is_kept_out(void **state)
{
    (void)state;
    struct disk_posix *first, *second;
    struct spool *spool = open_spool(&first);

    assert_int_equal(disk_posix_open(&second, folder, false), ERR_BUSY);

    spool_close(spool);
    disk_posix_close(first);
    assert_int_equal(disk_posix_open(&second, folder, false), OK);
    disk_posix_close(second);
}

// Without its first slots too: a kill while such a half is removed leaves that.
static void a_half_made_ring_counts_as_none(void **state)
{
    (void)state;
    struct disk_posix *posix;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/ring.new", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/ring.new/0007.seg", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && write(fd, "half", 4) == 4);
    close(fd);

    struct spool *spool = open_spool(&posix);

    struct spool_stat stat;
    spool_stat(spool, &stat);
    assert_int_equal(stat.size_bytes, 8 * 64 * 1024 + 2 * 32 * 1024);
    (void)snprintf(path, sizeof path, "%s/ring.new", folder);
    assert_int_equal(access(path, F_OK), -1);
    spool_close(spool);
    disk_posix_close(posix);
}

static void a_ring_larger_than_the_device_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    struct disk_posix *posix;
    struct spool *spool;
    const uint32_t segment = 255 * 1024 * 1024;
    struct spool_options huge = {.size_bytes = UINT64_C(1000) * segment, .segment_bytes = segment};
    struct statvfs vfs;
    assert_int_equal(statvfs(folder, &vfs), 0);
    if ((uint64_t)vfs.f_bavail * vfs.f_frsize > huge.size_bytes) {
        skip(); // it would really be made
    }
    assert_int_equal(disk_posix_open(&posix, folder, false), OK);

    assert_int_equal(spool_open(&spool, disk_posix_disk(posix), &huge), ERR_NO_SPACE);

    char path[256];
    (void)snprintf(path, sizeof path, "%s/ring", folder);
    assert_int_equal(access(path, F_OK), -1);
    disk_posix_close(posix);
    remove_ring("nursery");
}

// The child commits one row after the other and says each to the pipe once it is durable.
static void commit_until_killed(int out)
{
    struct disk_posix *posix;
    struct spool *spool = open_spool(&posix);
    struct spool_stat stat;
    for (;;) {
        spool_stat(spool, &stat);
        if (stat.next_seq > 200) {
            (void)spool_settle(spool, 1, stat.next_seq - 200, SETTLED_DELIVERED);
        }
        if (commit_row(spool, stat.next_seq) != OK ||
            write(out, &stat.next_seq, sizeof stat.next_seq) != sizeof stat.next_seq) {
            _exit(1);
        }
    }
}

static void what_was_said_durable_survives_kill_9(void **state)
{
    (void)state;
    uint64_t durable = 0;
    for (int round = 0; round < 10; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            commit_until_killed(ends[1]);
        }
        close(ends[1]);
        for (int i = 0; i < 20 + 7 * round; i++) {
            assert_int_equal(read(ends[0], &durable, sizeof durable), sizeof durable);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(ends[0], &durable, sizeof durable) == sizeof durable) {
            // what it still had said
        }
        close(ends[0]);

        struct disk_posix *posix;
        struct spool *spool = open_spool(&posix);

        uint64_t first = settled_next(spool_settled(spool), 1);
        assert_true(first <= durable);
        for (uint64_t seq = first; seq <= durable; seq++) {
            struct spool_block block;
            assert_int_equal(spool_read(spool, seq, &block), OK);
            assert_true(block.first_seq == seq && get_u64(block.payload.at) == seq);
        }
        spool_close(spool);
        disk_posix_close(posix);
    }
}

static void a_command_reads_while_the_agent_writes(void **state)
{
    (void)state;
    struct disk_posix *writing, *reading;
    struct spool *writer = open_spool(&writing);
    struct spool *reader;
    assert_int_equal(commit_row(writer, 1), OK);

    assert_int_equal(disk_posix_open(&reading, folder, true), OK);
    assert_int_equal(spool_open_readonly(&reader, disk_posix_disk(reading), NULL), OK);

    struct spool_block block;
    assert_int_equal(spool_read(reader, 1, &block), OK);
    assert_true(get_u64(block.payload.at) == 1);
    spool_close(reader);
    disk_posix_close(reading);
    spool_close(writer);
    disk_posix_close(writing);
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        in_folder(a_second_agent_is_kept_out),
        in_folder(a_half_made_ring_counts_as_none),
        in_folder(a_ring_larger_than_the_device_is_refused_and_leaves_nothing),
        in_folder(what_was_said_durable_survives_kill_9),
        in_folder(a_command_reads_while_the_agent_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
