// weir-bench blocks: what readings take on flash as independent blocks, and what that costs. Every
// block is decoded and compared.
//
// The bytes are those of the blocks as the spool is given them; its frames and padding are the
// spool's to count. Times are of the processor, the least of five passes; `encode` is block_add of
// every row and block_encode, `decode` is block_read. For instructions see
// tests/bench/instructions.sh.
#include "agent/block.h"
#include "tests/bench/bench.h"
#include "tests/bench/dataset.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES = 5, FILES_MAX = 64 };

struct options {
    uint32_t block;
    uint32_t passes;
    bool small;
    bool json;
};

struct tools {
    struct block_codec *codec;
    struct block_builder *builder;
    struct block_reader *reader;
};

// The blocks of a data set, one after the other.
struct blocks {
    uint8_t *at;
    size_t size;
    uint32_t count;
    size_t *ends;
};

struct result {
    char name[64];
    uint32_t readings;
    double bytes; // a reading
    double encode_ns;
    double decode_ns;
};

// Pack all rows. Not inlined: callgrind counts it by its name.
__attribute__((noinline)) static void pack_all(const struct tools *tools,
                                               const struct dataset *dataset, uint32_t block,
                                               struct blocks *blocks)
{
    blocks->size = 0;
    blocks->count = 0;
    uint32_t at = 0;
    while (at < dataset->row_count) {
        block_reset(tools->builder, &dataset->schema, at + 1, RECORD_CLOCK_DEVICE, NULL);
        uint32_t from = at;
        for (; at < dataset->row_count && at - from < block; at++) {
            const struct dataset_row *row = &dataset->rows[at];
            struct value values[DATASET_FIELDS_MAX];
            dataset_values(dataset, row, values);
            if (block_add(tools->builder, row->key_id, row->time_ms, row->quality, values) != OK) {
                break;
            }
        }
        if (at == from) {
            abort(); // one value larger than a block: no data set has it
        }
        struct buffer out = buffer_over(blocks->at + blocks->size, BLOCK_BYTES_MAX);
        block_encode(tools->codec, tools->builder, 0, at - from, &out);
        blocks->size += out.size;
        blocks->ends[blocks->count++] = blocks->size;
    }
}

// Unpack all blocks; the count of rows that then lie in the reader, to be looked at.
__attribute__((noinline)) static uint64_t
unpack_all(const struct tools *tools, const struct dataset *dataset, const struct blocks *blocks)
{
    uint64_t sum = 0;
    size_t start = 0;
    for (uint32_t i = 0; i < blocks->count; i++) {
        struct bytes block = bytes_from(blocks->at + start, blocks->ends[i] - start);
        start = blocks->ends[i];
        if (block_read(tools->reader, block, &dataset->schema) != OK) {
            return 0;
        }
        sum += block_reader_info(tools->reader)->row_count;
    }
    return sum;
}

// Decode each block once more and compare it with its source.
static bool compare_all(const struct tools *tools, const struct dataset *dataset,
                        const struct blocks *blocks)
{
    uint32_t at = 0;
    size_t start = 0;
    for (uint32_t i = 0; i < blocks->count; i++) {
        struct bytes block = bytes_from(blocks->at + start, blocks->ends[i] - start);
        start = blocks->ends[i];
        if (block_read(tools->reader, block, &dataset->schema) != OK) {
            (void)fprintf(stderr, "%s: block %u does not decode\n", dataset->name, i);
            return false;
        }
        uint32_t count = block_reader_info(tools->reader)->row_count;
        for (uint32_t index = 0; index < count; index++, at++) {
            const struct dataset_row *was = &dataset->rows[at];
            struct block_row row;
            block_row(tools->reader, index, &row);
            if (row.seq != at + 1 || row.key_id != was->key_id || row.time_ms != was->time_ms ||
                row.quality != was->quality ||
                !dataset_same(&row.values[was->field], &was->value)) {
                (void)fprintf(stderr, "%s: row %u differs after decoding\n", dataset->name, at);
                return false;
            }
        }
    }
    return at == dataset->row_count;
}

static bool measure(const struct tools *tools, const struct dataset *dataset,
                    const struct options *options, struct result *result)
{
    uint32_t most = dataset->row_count / (options->block < 64 ? options->block : 64) + 2;
    struct blocks blocks = {.at = malloc((size_t)dataset->row_count * 64 + 2 * BLOCK_BYTES_MAX),
                            .ends = malloc(((size_t)most + dataset->row_count) * sizeof(size_t))};
    if (blocks.at == NULL || blocks.ends == NULL) {
        (void)fprintf(stderr, "%s: no memory\n", dataset->name);
        exit(EX_OSERR);
    }
    int64_t encode_ns = INT64_MAX;
    int64_t decode_ns = INT64_MAX;
    for (uint32_t pass = 0; pass < options->passes; pass++) {
        int64_t start = bench_cpu_ns();
        pack_all(tools, dataset, options->block, &blocks);
        int64_t middle = bench_cpu_ns();
        (void)unpack_all(tools, dataset, &blocks);
        int64_t end = bench_cpu_ns();
        encode_ns = middle - start < encode_ns ? middle - start : encode_ns;
        decode_ns = end - middle < decode_ns ? end - middle : decode_ns;
    }
    bool same = compare_all(tools, dataset, &blocks);
    (void)snprintf(result->name, sizeof result->name, "%s", dataset->name);
    result->readings = dataset->row_count;
    result->bytes = (double)blocks.size / dataset->row_count;
    result->encode_ns = (double)encode_ns / dataset->row_count;
    result->decode_ns = (double)decode_ns / dataset->row_count;
    free(blocks.at);
    free(blocks.ends);
    return same;
}

static void print_json(const struct result *results, uint32_t count, double geomean)
{
    printf("{\"files\":[");
    for (uint32_t i = 0; i < count; i++) {
        const struct result *result = &results[i];
        printf("%s{\"name\":\"%s\",\"readings\":%u,\"flash_bytes_per_reading\":%.4f,"
               "\"encode_ns\":%.1f,\"decode_ns\":%.1f}",
               i == 0 ? "" : ",", result->name, result->readings, result->bytes, result->encode_ns,
               result->decode_ns);
    }
    printf("],\"geomean_flash_bytes_per_reading\":%.4f}\n", geomean);
}

static bool to_count(const char *text, uint32_t most, uint32_t *count)
{
    char *end;
    errno = 0;
    unsigned long value = text == NULL ? 0 : strtoul(text, &end, 10);
    if (text == NULL || errno != 0 || *end != '\0' || value < 1 || value > most) {
        return false;
    }
    *count = (uint32_t)value;
    return true;
}

// The index of the first file, or 0 where the options are wrong.
static int read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.block = BLOCK_READINGS_MAX, .passes = PASSES};
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--json") == 0) {
            options->json = true;
        } else if (strcmp(argv[at], "--small") == 0) {
            options->small = true;
        } else if (strcmp(argv[at], "--block") == 0) {
            if (!to_count(argv[++at], BLOCK_READINGS_MAX, &options->block)) {
                (void)fprintf(stderr, "--block: give a number from 1 to %d\n", BLOCK_READINGS_MAX);
                return 0;
            }
        } else if (strcmp(argv[at], "--passes") == 0) {
            if (!to_count(argv[++at], 1000, &options->passes)) {
                (void)fprintf(stderr, "--passes: give a number from 1 to 1000\n");
                return 0;
            }
        } else {
            (void)fprintf(stderr, "%s: there are --block N, --passes N, --small, --json\n",
                          argv[at]);
            return 0;
        }
    }
    if (at == argc) {
        (void)fprintf(stderr, "name at least one FILE.csv[.gz]\n");
        return 0;
    }
    return at;
}

static int measure_files(const struct tools *tools, const struct options *options, char **files,
                         uint32_t count)
{
    struct result results[FILES_MAX];
    double bytes[FILES_MAX];
    bool same = true;
    printf("%-16s %9s %10s %10s %10s\n", "", "readings", "B/reading", "encode ns", "decode ns");
    for (uint32_t i = 0; i < count; i++) {
        struct dataset dataset;
        if (!dataset_open(&dataset, files[i])) {
            return EX_NOINPUT;
        }
        same = measure(tools, &dataset, options, &results[i]) && same;
        dataset_close(&dataset);
        bytes[i] = results[i].bytes;
        printf("%-16s %9u %10.4f %10.1f %10.1f\n", results[i].name, results[i].readings,
               results[i].bytes, results[i].encode_ns, results[i].decode_ns);
    }
    double geomean = bench_geomean(bytes, count);
    printf("%-16s %9s %10.4f\n", "geometric mean", "", geomean);
    printf("codec %zu bytes of memory, reader %zu, builder %zu\n", block_codec_size(tools->codec),
           block_reader_size(tools->reader), block_builder_size(tools->builder));
    if (options->json) {
        print_json(results, count, geomean);
    }
    return same ? EX_OK : 1;
}

int bench_blocks(int argc, char **argv)
{
    struct options options;
    int first = read_options(argc, argv, &options);
    if (first == 0 || argc - first > FILES_MAX) {
        return EX_USAGE;
    }
    struct tools tools = {block_codec_open(options.small), block_builder_open(),
                          block_reader_open()};
    if (tools.codec == NULL || tools.builder == NULL || tools.reader == NULL) {
        (void)fprintf(stderr, "no memory for the codec\n");
        return EX_OSERR;
    }
    int code = measure_files(&tools, &options, argv + first, (uint32_t)(argc - first));
    block_codec_close(tools.codec);
    block_builder_close(tools.builder);
    block_reader_close(tools.reader);
    return code;
}
