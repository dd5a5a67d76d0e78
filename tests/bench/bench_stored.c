// weir-bench stored: what a real spool stores of readings that come in at their own pace, all
// counted.
//
// The readings go into a spool in a folder of its own as a product gives them: every commit makes
// what is new durable as a young block in the nursery, a full block becomes a dense one, and dense
// ones reach the main ring in packs. The file is taken --rounds times, one after the other. Counted
// is every byte that was written to the main ring (frames, sums, headers, state, padding), over the
// readings that lie there. Beside it: what the nursery was written for them.
#include "agent/block.h"
#include "agent/disk_posix.h"
#include "agent/spool.h"
#include "tests/bench/bench.h"
#include "tests/bench/dataset.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RING_BYTES = 64 << 20, BLOCKS_MAX = 3 };

struct store_bench {
    const struct dataset *dataset;
    uint32_t commit_ms;
    uint32_t rounds;
    char folder[64];
    struct disk_posix *files;
    struct disk disk;  // of the files
    struct disk meter; // counts what goes to each ring
    uint64_t ring_bytes[2];
    struct spool *spool;
    struct block_codec *codec;
    struct block_builder *builder;
    uint32_t durable; // rows of the builder that are
    uint32_t keys;    // named so far
    struct spool_block blocks[BLOCKS_MAX];
    size_t block_count;
    uint8_t room[BLOCKS_MAX][BLOCK_BYTES_MAX];
};

static enum err meter_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                            const void *at, uint32_t size)
{
    struct store_bench *bench = context;
    bench->ring_bytes[ring] += size;
    return bench->disk.write(bench->disk.context, ring, slot, offset, at, size);
}

static enum err meter_create(void *context, enum disk_ring ring, uint32_t count, uint32_t size)
{
    struct store_bench *bench = context;
    return bench->disk.create(bench->disk.context, ring, count, size);
}

static enum err meter_look(void *context, enum disk_ring ring, uint32_t *count, uint32_t *size)
{
    struct store_bench *bench = context;
    return bench->disk.look(bench->disk.context, ring, count, size);
}

static enum err meter_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                           void *at, uint32_t size)
{
    struct store_bench *bench = context;
    return bench->disk.read(bench->disk.context, ring, slot, offset, at, size);
}

static enum err meter_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    struct store_bench *bench = context;
    return bench->disk.sync(bench->disk.context, ring, slot);
}

static void meter_random(void *context, void *at, size_t size)
{
    struct store_bench *bench = context;
    bench->disk.random(bench->disk.context, at, size);
}

static bool store_bench_open(struct store_bench *bench)
{
    (void)snprintf(bench->folder, sizeof bench->folder, "/tmp/weir-bench-XXXXXX");
    bench->codec = block_codec_open(false);
    bench->builder = block_builder_open();
    if (bench->codec == NULL || bench->builder == NULL || mkdtemp(bench->folder) == NULL ||
        disk_posix_open(&bench->files, bench->folder, false) != OK) {
        return false;
    }
    bench->disk = *disk_posix_disk(bench->files);
    bench->meter = (struct disk){bench,       meter_create, meter_look,  meter_read,
                                 meter_write, meter_sync,   meter_random};
    const struct spool_options options = {.size_bytes = RING_BYTES};
    bool ok = spool_open(&bench->spool, &bench->meter, &options) == OK;
    bench->ring_bytes[DISK_MAIN] = 0; // its first headers are not of the readings
    bench->ring_bytes[DISK_NURSERY] = 0;
    return ok;
}

static void store_bench_close(struct store_bench *bench)
{
    char command[128];
    if (bench->spool != NULL) {
        spool_close(bench->spool);
    }
    if (bench->files != NULL) {
        disk_posix_close(bench->files);
        (void)snprintf(command, sizeof command, "rm -r %s", bench->folder);
        (void)!system(command);
    }
    block_codec_close(bench->codec);
    block_builder_close(bench->builder);
}

// Rows from .. to the end of the builder as one block of the next commit.
static void add_block(struct store_bench *bench, uint32_t from, bool dense)
{
    uint32_t to = block_row_count(bench->builder);
    struct buffer out = buffer_over(bench->room[bench->block_count], BLOCK_BYTES_MAX);
    struct block_info info;
    block_encode(bench->codec, bench->builder, from, to, &out);
    if (block_look(buffer_bytes(&out), &info) != OK) {
        abort();
    }
    bench->blocks[bench->block_count++] = (struct spool_block){.first_seq = info.first_seq,
                                                               .count = info.row_count,
                                                               .dense = dense,
                                                               .time_first_ms = info.time_first_ms,
                                                               .time_last_ms = info.time_last_ms,
                                                               .payload = buffer_bytes(&out)};
}

// Add what is not durable yet as a young block; all of the open block where the spool wants it.
static void add_young(struct store_bench *bench)
{
    struct spool_stat stat;
    spool_stat(bench->spool, &stat);
    if (block_row_count(bench->builder) > bench->durable) {
        add_block(bench, stat.wants_whole ? 0 : bench->durable, false);
        bench->durable = block_row_count(bench->builder);
    }
}

static enum err commit(struct store_bench *bench, uint32_t key_count)
{
    static struct bytes names[DATASET_SERIES_MAX];
    for (uint32_t key = bench->keys; key < key_count; key++) {
        names[key] = bytes_text(bench->dataset->keys[key]);
    }
    const struct spool_commit change = {.blocks = bench->blocks,
                                        .block_count = bench->block_count,
                                        .keys = names + bench->keys,
                                        .key_count = key_count - bench->keys};
    bench->keys = key_count;
    bench->block_count = 0;
    return spool_commit(bench->spool, &change);
}

// All readings, in their own time; false: the spool refused.
static enum err store_all(struct store_bench *bench)
{
    const struct dataset *dataset = bench->dataset;
    const int64_t span =
        dataset->rows[dataset->row_count - 1].time_ms - dataset->rows[0].time_ms + 1000;
    int64_t due = dataset->rows[0].time_ms + bench->commit_ms;
    uint64_t seq = 1;
    uint32_t key_count = 0;
    block_reset(bench->builder, &dataset->schema, seq, RECORD_CLOCK_DEVICE, NULL);
    for (uint32_t round = 0; round < bench->rounds; round++) {
        for (uint32_t i = 0; i < dataset->row_count; i++, seq++) {
            const struct dataset_row *row = &dataset->rows[i];
            struct value values[DATASET_FIELDS_MAX];
            int64_t time_ms = row->time_ms + (int64_t)round * span;
            enum err err = OK;
            if (time_ms >= due) {
                add_young(bench);
                err = commit(bench, key_count);
                due = time_ms + bench->commit_ms;
            }
            dataset_values(dataset, row, values);
            if (err == OK &&
                block_add(bench->builder, row->key_id, time_ms, row->quality, values) != OK) {
                add_young(bench);
                add_block(bench, 0, true);
                err = commit(bench, key_count);
                block_reset(bench->builder, &dataset->schema, seq, RECORD_CLOCK_DEVICE, NULL);
                bench->durable = 0;
                err = err == OK
                          ? block_add(bench->builder, row->key_id, time_ms, row->quality, values)
                          : err;
            }
            if (err != OK) {
                return err;
            }
            key_count = row->key_id >= key_count ? row->key_id + 1 : key_count;
        }
    }
    return OK;
}

// Read every dense block back: as many rows as were given?
static uint64_t rows_read(struct spool *spool, uint64_t to)
{
    uint64_t seq = 1;
    struct spool_block block;
    while (seq <= to && spool_read(spool, seq, &block) == OK && block.first_seq == seq) {
        seq = block.first_seq + block.count;
    }
    return seq - 1;
}

static int measure(struct store_bench *bench, bool json)
{
    enum err err = store_bench_open(bench) ? store_all(bench) : ERR_IO;
    if (err != OK) {
        (void)fprintf(stderr, "%s: the spool in %s failed: %s\n", bench->dataset->name,
                      bench->folder, err_name(err));
        return EX_IOERR;
    }
    struct spool_stat stat;
    spool_stat(bench->spool, &stat);
    uint64_t main_bytes = bench->ring_bytes[DISK_MAIN];
    if (stat.dense_end == 0 || rows_read(bench->spool, stat.dense_end) < stat.dense_end) {
        (void)fprintf(stderr, "%s: too few readings for the main ring; take more --rounds\n",
                      bench->dataset->name);
        return EX_DATAERR;
    }
    double flash = (double)main_bytes / (double)stat.dense_end;
    double nursery = (double)bench->ring_bytes[DISK_NURSERY] /
                     ((double)bench->dataset->row_count * bench->rounds);
    printf(
        "%-16s %llu readings in the main ring: %.3f bytes a reading, all counted; commits of %u s "
        "wrote %.2f to the nursery\n",
        bench->dataset->name, (unsigned long long)stat.dense_end, flash, bench->commit_ms / 1000,
        nursery);
    if (json) {
        printf("{\"name\":\"%s\",\"readings\":%llu,\"stored_bytes_per_reading\":%.4f,"
               "\"nursery_bytes_per_reading\":%.4f}\n",
               bench->dataset->name, (unsigned long long)stat.dense_end, flash, nursery);
    }
    return EX_OK;
}

static uint32_t number_of(const char *text, uint32_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    return *end != '\0' || value < 1 || value > most ? 0 : (uint32_t)value;
}

int bench_stored(int argc, char **argv)
{
    static struct store_bench bench = {.commit_ms = 10000, .rounds = 5};
    bool json = false;
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[at], "--rounds") == 0 && at + 1 < argc) {
            bench.rounds = number_of(argv[++at], 100);
        } else if (strcmp(argv[at], "--commit") == 0 && at + 1 < argc) {
            bench.commit_ms = 1000 * number_of(argv[++at], 3600);
        } else {
            bench.rounds = 0;
        }
    }
    if (at + 1 != argc || bench.rounds == 0 || bench.commit_ms == 0) {
        (void)fprintf(stderr,
                      "weir-bench stored [--commit SECONDS] [--rounds 1..100] [--json] FILE\n");
        return EX_USAGE;
    }
    static struct dataset dataset;
    if (!dataset_open(&dataset, argv[at])) {
        return EX_NOINPUT;
    }
    bench.dataset = &dataset;
    int code = measure(&bench, json);
    store_bench_close(&bench);
    dataset_close(&dataset);
    return code;
}
