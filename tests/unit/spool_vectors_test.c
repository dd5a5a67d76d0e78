// The golden vectors of format version 1 (agent/SPOOL.md): the bytes that a fixed history leaves,
// one file a slot without its zeros at the end. They must be read for ever, and written just so as
// long as the version is 1. `spool_vectors_test write` makes them anew.
#include "agent/disk_memory.h"
#include "agent/seal.h"
#include "agent/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SLOT_SIZE = 16 * 1024, SLOTS = 5, YOUNG_SLOTS = 2 };

static const uint8_t key[SEAL_KEY_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};

struct vector {
    const char *name;
    bool sealed;
};
static const struct vector vectors[] = {{"clear", false}, {"sealed", true}};

static uint8_t random_byte; // 1, 2, 3 ..: salts and epochs that anybody can write down

static void count_up(void *context, void *at, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)at)[i] = ++random_byte;
    }
}

static struct disk counting_disk(struct disk_memory *memory)
{
    struct disk disk = *disk_memory_disk(memory);
    disk.random = count_up;
    random_byte = 0;
    return disk;
}

static struct spool_options options_of(const struct vector *vector)
{
    return (struct spool_options){.size_bytes = SLOTS * SLOT_SIZE,
                                  .segment_bytes = SLOT_SIZE,
                                  .nursery_bytes = SLOT_SIZE,
                                  .pack_bytes = 4096,
                                  .key = vector->sealed ? key : NULL};
}

// 1..2 young, 3 young, 1..3 dense (packed), 4..6 dense and large (so the main ring is written), 7
// young; 1..2 settled; two names, a state, another state set and removed.
static void lead(struct spool *spool)
{
    static const uint8_t large[6000] = {0xbb};
    struct spool_block young12 = {1, 2, false, 1000, 2000, bytes_text("young 1-2")};
    struct spool_block young3[2] = {{3, 1, false, 3000, 3000, bytes_text("young 3")},
                                    {1, 3, true, 1000, 3000, bytes_text("dense 1-3")}};
    struct spool_block rest[2] = {{4, 3, true, 4000, 6000, bytes_from(large, sizeof large)},
                                  {7, 1, false, 7000, 7000, bytes_text("young 7")}};
    struct bytes names[2] = {bytes_text("oven-1"), bytes_text("oven-2")};
    struct spool_state set[2] = {{"file", bytes_text("line 3")}, {"gone", bytes_text("x")}};
    struct spool_state removed[1] = {{"gone", bytes_text("")}};
    struct spool_commit first = {&young12, 1, names, 2, set, 2};
    struct spool_commit second = {.blocks = young3, .block_count = 2};
    struct spool_commit third = {
        .blocks = rest, .block_count = 2, .states = removed, .state_count = 1};
    struct spool_block young8 = {8, 1, false, 8000, 8000, bytes_text("young 8")};
    struct spool_commit fourth = {.blocks = &young8, .block_count = 1};
    assert_int_equal(spool_commit(spool, &first), OK);
    assert_int_equal(spool_commit(spool, &second), OK);
    assert_int_equal(spool_settle(spool, 1, 2, SETTLED_DELIVERED), OK);
    assert_int_equal(spool_commit(spool, &third), OK);
    assert_int_equal(spool_commit(spool, &fourth), OK);
}

static void check_block(struct spool *spool, uint64_t seq, uint64_t first, uint32_t count,
                        bool dense, struct bytes front)
{
    struct spool_block block;
    assert_int_equal(spool_read(spool, seq, &block), OK);
    assert_true(block.first_seq == first && block.count == count && block.dense == dense);
    assert_true(block.payload.size >= front.size);
    assert_memory_equal(block.payload.at, front.at, front.size);
    assert_true(block.time_first_ms == (int64_t)first * 1000);
    assert_true(block.time_last_ms == (int64_t)(first + count - 1) * 1000);
}

static void check_history(struct spool *spool)
{
    struct spool_stat stat;
    struct bytes bytes;
    spool_stat(spool, &stat);
    assert_true(stat.next_seq == 9 && stat.cursor == 2 && stat.dense_end == 6);
    assert_true(stat.epoch == UINT64_C(0x0807060504030201));
    check_block(spool, 2, 1, 3, true, bytes_text("dense 1-3"));
    check_block(spool, 5, 4, 3, true, bytes_text("\xbb"));
    check_block(spool, 7, 7, 1, false, bytes_text("young 7"));
    check_block(spool, 8, 8, 1, false, bytes_text("young 8"));
    assert_int_equal(spool_state(spool, "file", &bytes), OK);
    assert_true(bytes_equal(bytes, bytes_text("line 3")));
    assert_int_equal(spool_state(spool, "gone", &bytes), ERR_NOT_FOUND);
    assert_int_equal(spool_key_count(spool), 2);
    assert_int_equal(spool_key(spool, 1, &bytes), OK);
    assert_true(bytes_equal(bytes, bytes_text("oven-2")));
}

// --- files

static uint32_t slots_of(enum disk_ring ring)
{
    return ring == DISK_MAIN ? SLOTS : YOUNG_SLOTS;
}

static FILE *slot_file(const struct vector *vector, enum disk_ring ring, uint32_t slot,
                       const char *how)
{
    char path[512];
    int size = snprintf(path, sizeof path, "%s/vectors/spool-1/%s/%s-%u.bin", TEST_DIR,
                        vector->name, ring == DISK_MAIN ? "ring" : "nursery", slot);
    assert_in_range(size, 1, sizeof path - 1);
    return fopen(path, how);
}

// The bytes of a slot file in `at`, zeros behind; its size.
static uint32_t load_slot(const struct vector *vector, enum disk_ring ring, uint32_t slot,
                          uint8_t at[SLOT_SIZE])
{
    memset(at, 0, SLOT_SIZE);
    FILE *in = slot_file(vector, ring, slot, "rb");
    if (in == NULL) {
        return 0; // nothing was ever written there
    }
    uint32_t size = (uint32_t)fread(at, 1, SLOT_SIZE, in);
    (void)fclose(in);
    return size;
}

static struct disk_memory *run_history(const struct vector *vector)
{
    struct disk_memory *memory = disk_memory_open(1024 * 1024);
    struct disk disk = counting_disk(memory);
    struct spool_options options = options_of(vector);
    struct spool *spool;
    assert_int_equal(spool_open(&spool, &disk, &options), OK);
    lead(spool);
    check_history(spool);
    spool_close(spool);
    return memory;
}

static void version_1_is_read(void **state)
{
    (void)state;
    static uint8_t bytes[SLOT_SIZE];
    for (size_t v = 0; v < sizeof vectors / sizeof vectors[0]; v++) {
        struct disk_memory *memory = disk_memory_open(1024 * 1024);
        const struct disk *disk = disk_memory_disk(memory);
        uint32_t stored = 0;
        for (int ring = 0; ring < 2; ring++) {
            uint32_t slots = slots_of((enum disk_ring)ring);
            assert_int_equal(disk->create(disk->context, (enum disk_ring)ring, slots, SLOT_SIZE),
                             OK);
            for (uint32_t slot = 0; slot < slots; slot++) {
                stored += load_slot(&vectors[v], (enum disk_ring)ring, slot, bytes);
                assert_int_equal(
                    disk->write(disk->context, (enum disk_ring)ring, slot, 0, bytes, SLOT_SIZE),
                    OK);
            }
        }
        assert_true(stored > 0);
        struct spool *spool;

        assert_int_equal(spool_open_readonly(&spool, disk, options_of(&vectors[v]).key), OK);

        check_history(spool);
        spool_close(spool);
        disk_memory_close(memory);
    }
}

static void version_1_is_written_just_so(void **state)
{
    (void)state;
    static uint8_t golden[SLOT_SIZE], now[SLOT_SIZE];
    for (size_t v = 0; v < sizeof vectors / sizeof vectors[0]; v++) {
        if (vectors[v].sealed && seal_cipher() != FRAME_SEALED_GCM) {
            continue; // the sealed one was written on a machine with AES instructions
        }
        struct disk_memory *memory = run_history(&vectors[v]);
        const struct disk *disk = disk_memory_disk(memory);
        for (int ring = 0; ring < 2; ring++) {
            for (uint32_t slot = 0; slot < slots_of((enum disk_ring)ring); slot++) {
                (void)load_slot(&vectors[v], (enum disk_ring)ring, slot, golden);
                assert_int_equal(
                    disk->read(disk->context, (enum disk_ring)ring, slot, 0, now, SLOT_SIZE), OK);
                assert_memory_equal(now, golden, SLOT_SIZE);
            }
        }
        disk_memory_close(memory);
    }
}

static void write_vectors(void)
{
    static uint8_t now[SLOT_SIZE];
    for (size_t v = 0; v < sizeof vectors / sizeof vectors[0]; v++) {
        struct disk_memory *memory = run_history(&vectors[v]);
        const struct disk *disk = disk_memory_disk(memory);
        for (int ring = 0; ring < 2; ring++) {
            for (uint32_t slot = 0; slot < slots_of((enum disk_ring)ring); slot++) {
                (void)disk->read(disk->context, (enum disk_ring)ring, slot, 0, now, SLOT_SIZE);
                size_t size = SLOT_SIZE;
                while (size > 0 && now[size - 1] == 0) {
                    size--;
                }
                FILE *out =
                    size > 0 ? slot_file(&vectors[v], (enum disk_ring)ring, slot, "wb") : NULL;
                if (out != NULL) {
                    (void)fwrite(now, 1, size, out);
                    (void)fclose(out);
                }
            }
        }
        disk_memory_close(memory);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "write") == 0) {
        write_vectors();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(version_1_is_written_just_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
