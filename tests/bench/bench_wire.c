// weir-bench wire: what readings take in Kafka record batches, in both layouts, at given latencies.
// Every record of layout `blocks` is decoded and compared.
//
// Each reading is a row of one field, whose key is its series. Where all series of a file are
// called DEVICE/FIELD, it is told too what they take as polls: the readings of a device that come
// together, of one time and quality, are one row, as a gateway sends them. --single and --polled
// tell one of the two. `blocks` is under a contract that lists its keys, `unlisted` under one that
// does not, so that each record names them. Counted is a RecordBatch v2: 61 bytes of its own, and
// the records, gzip'd at level 6 as librdkafka does it. Values of `blocks` count 5 bytes more, for
// a schema registry's id. Requests, TLS and TCP are not counted.
#include "agent/block.h"
#include "agent/wire_blocks.h"
#include "agent/wire_blocks_read.h"
#include "agent/wire_json.h"
#include "tests/bench/bench.h"
#include "tests/bench/dataset.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LATENCIES_MAX = 8,
    FIELDS_MAX = 240,
    BATCH_SIZE = 64 * 1024 * 1024,
    BATCH_FRONT = 61,
    REGISTRY_FRONT = 5,
    FILES_MAX = 64,
};

// What a row is.
enum way {
    WAY_SINGLE, // a reading
    WAY_POLLED, // what a device says at one time
    WAY_COUNT,
};

struct wire_options {
    int64_t latency_ms[LATENCIES_MAX];
    uint32_t latency_count;
    bool ways[WAY_COUNT];
    bool json;
    const char *write; // a folder for records, schema and rows, or NULL
};

struct wire_rows {
    struct schema schema;
    uint32_t count;
    struct wire_line {
        uint32_t key;
        int64_t time_ms;
        uint8_t quality;
        uint32_t first_value; // FIELDS of them in `values`
    } * lines;
    struct value *values;
    uint32_t key_count;
    char **keys;
    struct key_list *listed; // in order of first appearance, as a contract would list them
};

// ---- readings into rows ----

static void avro_name(char *to, size_t size, const char *name)
{
    size_t at = 0;
    if (!isalpha((unsigned char)name[0])) {
        to[at++] = '_';
    }
    for (; *name != '\0' && at + 1 < size; name++) {
        to[at++] = isalnum((unsigned char)*name) ? *name : '_';
    }
    to[at] = '\0';
}

// The field called `name` of `type`, made where it is not there; UINT16_MAX: too many.
static uint16_t field_of(struct schema *schema, const char *name, enum column_type type)
{
    char wanted[SCHEMA_NAME_SIZE];
    static const char *const suffixes[] = {"_flag", "_count", "", "_text", "_time"};
    char both[512];
    (void)snprintf(both, sizeof both, "%s%s", name, suffixes[type]);
    avro_name(wanted, sizeof wanted, both);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].role == ROLE_FIELD && strcmp(schema->columns[i].name, wanted) == 0) {
            return schema->columns[i].field;
        }
    }
    if (schema->field_count == FIELDS_MAX) {
        return UINT16_MAX;
    }
    struct column *column = &schema->columns[schema->column_count++];
    (void)snprintf(column->name, sizeof column->name, "%s", wanted);
    column->type = type;
    column->role = ROLE_FIELD;
    column->field = schema->field_count++;
    return column->field;
}

static void add_role(struct schema *schema, const char *name, enum column_type type,
                     enum column_role role)
{
    struct column *column = &schema->columns[schema->column_count++];
    (void)snprintf(column->name, sizeof column->name, "%s", name);
    column->type = type;
    column->role = role;
}

static uint32_t key_of(struct wire_rows *rows, const char *name, size_t size)
{
    for (uint32_t key = rows->key_count; key-- > 0;) {
        if (strlen(rows->keys[key]) == size && memcmp(rows->keys[key], name, size) == 0) {
            return key;
        }
    }
    (void)key_list_add(rows->listed, bytes_from(name, size)); // the others go by name
    rows->keys[rows->key_count] = strndup(name, size);
    return rows->key_count++;
}

static bool all_have_devices(const struct dataset *dataset)
{
    for (uint32_t key = 0; key < dataset->key_count; key++) {
        if (strchr(dataset->keys[key], '/') == NULL) {
            return false;
        }
    }
    return true;
}

// Which key and field each series is.
struct series_map {
    uint32_t key[DATASET_SERIES_MAX];
    uint16_t field[DATASET_SERIES_MAX];
    bool known[DATASET_SERIES_MAX];
};

static bool map_series(struct wire_rows *rows, const struct dataset *dataset, bool grouped,
                       struct series_map *map)
{
    for (uint32_t i = 0; i < dataset->row_count; i++) {
        const struct dataset_row *row = &dataset->rows[i];
        if (map->known[row->key_id]) {
            continue;
        }
        const char *series = dataset->keys[row->key_id];
        const char *slash = grouped ? strrchr(series, '/') : NULL;
        size_t size = slash == NULL ? strlen(series) : (size_t)(slash - series);
        map->known[row->key_id] = true;
        map->key[row->key_id] = key_of(rows, series, size);
        map->field[row->key_id] = field_of(&rows->schema, slash == NULL ? "value" : slash + 1,
                                           dataset->schema.columns[row->field].type);
        if (map->field[row->key_id] == UINT16_MAX) {
            (void)fprintf(stderr, "%s: more than %d fields; try --single\n", dataset->name,
                          FIELDS_MAX);
            return false;
        }
    }
    return true;
}

// The row of a reading among the last few: readings of a device's poll may differ in quality, and
// are then two rows.
static struct wire_line *line_for(const struct wire_rows *rows, const struct dataset_row *row,
                                  uint32_t key, uint16_t field)
{
    for (uint32_t i = 0; i < 4 && i < rows->count; i++) {
        struct wire_line *line = &rows->lines[rows->count - 1 - i];
        if (line->key != key || line->time_ms != row->time_ms) {
            return NULL;
        }
        if (line->quality == row->quality &&
            rows->values[line->first_value + field].kind == VALUE_NULL) {
            return line;
        }
    }
    return NULL;
}

static void make_lines(struct wire_rows *rows, const struct dataset *dataset,
                       const struct series_map *map)
{
    uint32_t value_count = 0;
    for (uint32_t i = 0; i < dataset->row_count; i++) {
        const struct dataset_row *row = &dataset->rows[i];
        uint32_t key = map->key[row->key_id];
        uint16_t field = map->field[row->key_id];
        struct wire_line *line = line_for(rows, row, key, field);
        if (line == NULL) {
            line = &rows->lines[rows->count++];
            *line = (struct wire_line){key, row->time_ms, row->quality, value_count};
            value_count += rows->schema.field_count;
        }
        rows->values[line->first_value + field] = row->value;
    }
}

static bool rows_open(struct wire_rows *rows, const struct dataset *dataset, enum way way)
{
    *rows = (struct wire_rows){.count = 0};
    struct series_map *map = calloc(1, sizeof *map);
    rows->keys = calloc(DATASET_SERIES_MAX, sizeof rows->keys[0]);
    rows->listed = key_list_open();
    if (map == NULL || rows->keys == NULL || rows->listed == NULL) {
        exit(EX_OSERR);
    }
    add_role(&rows->schema, "sensor", COLUMN_STRING, ROLE_KEY);
    add_role(&rows->schema, "observed_at", COLUMN_TIMESTAMP, ROLE_TIME);
    bool ok = map_series(rows, dataset, way == WAY_POLLED, map);
    add_role(&rows->schema, "quality", COLUMN_STRING, ROLE_QUALITY);
    rows->schema.id = 1;
    rows->lines = calloc(dataset->row_count, sizeof rows->lines[0]);
    rows->values =
        calloc((size_t)dataset->row_count * rows->schema.field_count, sizeof rows->values[0]);
    if (rows->lines == NULL || rows->values == NULL) {
        exit(EX_OSERR);
    }
    if (ok) {
        make_lines(rows, dataset, map);
    }
    free(map);
    return ok;
}

static void rows_close(struct wire_rows *rows)
{
    for (uint32_t key = 0; key < rows->key_count; key++) {
        free(rows->keys[key]);
    }
    free(rows->keys);
    key_list_close(rows->listed);
    free(rows->lines);
    free(rows->values);
}

// ---- batches ----

static void put_kafka_varint(struct buffer *out, int64_t value)
{
    uint64_t bits = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; bits >= 0x80; bits >>= 7) {
        buffer_put_byte(out, (uint8_t)(bits | 0x80));
    }
    buffer_put_byte(out, (uint8_t)bits);
}

// A record of a RecordBatch v2; its front depends on its length, so it is made in `scratch`.
static void put_kafka_record(struct buffer *batch, struct buffer *scratch, int64_t time_delta,
                             int64_t offset_delta, struct bytes key, struct bytes value,
                             const char *identity)
{
    scratch->size = 0;
    buffer_put_byte(scratch, 0);
    put_kafka_varint(scratch, time_delta);
    put_kafka_varint(scratch, offset_delta);
    put_kafka_varint(scratch, (int64_t)key.size);
    buffer_put(scratch, key.at, key.size);
    put_kafka_varint(scratch, (int64_t)value.size);
    buffer_put(scratch, value.at, value.size);
    put_kafka_varint(scratch, identity == NULL ? 0 : 1);
    if (identity != NULL) {
        put_kafka_varint(scratch, 4);
        buffer_put_text(scratch, "weir");
        put_kafka_varint(scratch, (int64_t)strlen(identity));
        buffer_put_text(scratch, identity);
    }
    put_kafka_varint(batch, (int64_t)scratch->size);
    buffer_put(batch, scratch->at, scratch->size);
}

static size_t gzip_size(const struct buffer *batch, uint8_t *room, size_t limit)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        exit(EX_OSERR);
    }
    stream.next_in = batch->at;
    stream.avail_in = (uInt)batch->size;
    stream.next_out = room;
    stream.avail_out = (uInt)limit;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        abort();
    }
    size_t size = limit - stream.avail_out;
    (void)deflateEnd(&stream);
    return size;
}

struct wire_tools {
    struct block_builder *builder;
    struct wire_blocks *wire;
    struct wire_reader *reader;
    struct wire_json plan;
    struct buffer batch;
    struct buffer scratch;
    struct buffer value;
    uint8_t *packed;
    uint32_t written; // records, with --write
};

static struct bytes key_name(const void *context, uint32_t key_id)
{
    const struct wire_rows *rows = context;
    return bytes_text(rows->keys[key_id]);
}

static bool comes_back(const struct wire_tools *tools, const struct wire_rows *rows, uint32_t from,
                       uint32_t to)
{
    if (wire_read(tools->reader, buffer_bytes(&tools->value), &rows->schema, rows->listed) != OK ||
        wire_reader_info(tools->reader)->row_count != to - from) {
        return false;
    }
    for (uint32_t i = from; i < to; i++) {
        const struct wire_line *line = &rows->lines[i];
        struct record record;
        wire_row(tools->reader, i - from, &record);
        if (record.seq != i + 1 || record.time_ms != line->time_ms ||
            record.quality != line->quality ||
            !bytes_equal(record.key, bytes_text(rows->keys[line->key]))) {
            return false;
        }
        for (uint32_t field = 0; field < rows->schema.field_count; field++) {
            if (!dataset_same(&record.values[field], &rows->values[line->first_value + field])) {
                return false;
            }
        }
    }
    return true;
}

static void write_file(const char *folder, const char *name, const struct buffer *bytes)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes->at, 1, bytes->size, file) != bytes->size ||
        fclose(file) != 0) {
        (void)fprintf(stderr, "%s: cannot be written: %s\n", path, strerror(errno));
        exit(EX_CANTCREAT);
    }
}

// The rows of a written record, as every reader of tests/vectors prints them: doubles by their
// bits.
static void write_rows(const char *folder, const struct wire_rows *rows, uint32_t from, uint32_t to)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/rows.txt", folder);
    FILE *file = fopen(path, "a");
    if (file == NULL) {
        exit(EX_CANTCREAT);
    }
    for (uint32_t i = from; i < to; i++) {
        const struct wire_line *line = &rows->lines[i];
        (void)fprintf(file, "%u %s %lld %u", i + 1, rows->keys[line->key], (long long)line->time_ms,
                      line->quality);
        for (uint16_t c = 0; c < rows->schema.column_count; c++) {
            const struct column *column = &rows->schema.columns[c];
            const struct value *value = &rows->values[line->first_value + column->field];
            uint64_t bits = 0;
            if (column->role != ROLE_FIELD || value->kind == VALUE_NULL) {
                continue;
            }
            memcpy(&bits, &value->number, sizeof bits);
            if (value->kind == VALUE_NUMBER) {
                (void)fprintf(file, " %s=%016llx", column->name, (unsigned long long)bits);
            } else if (value->kind == VALUE_BOOLEAN) {
                (void)fprintf(file, " %s=%s", column->name, value->boolean ? "true" : "false");
            } else if (value->kind == VALUE_INTEGER) {
                (void)fprintf(file, " %s=%lld", column->name, (long long)value->integer);
            } else {
                (void)fprintf(file, " %s=%.*s", column->name, (int)value->text.size,
                              (const char *)value->text.at);
            }
        }
        (void)fputc('\n', file);
    }
    (void)fclose(file);
}

// Rows from .. to - 1 as records of layout `blocks`; false: one did not come back.
static bool put_blocks(struct wire_tools *tools, const struct wire_rows *rows,
                       const struct wire_options *options, bool listed, uint32_t from, uint32_t to)
{
    const struct wire_source source = {.gateway = "gw-0001",
                                       .epoch = "4f2a9c1b77e03d58",
                                       .key = key_name,
                                       .context = rows,
                                       .listed = listed ? rows->listed : NULL};
    for (uint32_t at = from, offset = 0; at < to; offset++) {
        uint32_t start = at;
        block_reset(tools->builder, &rows->schema, at + 1, RECORD_CLOCK_DEVICE, NULL);
        for (; at < to; at++) {
            const struct wire_line *line = &rows->lines[at];
            if (block_add(tools->builder, line->key, line->time_ms, line->quality,
                          rows->values + line->first_value) != OK) {
                break;
            }
        }
        tools->value.size = 0;
        wire_blocks_put(tools->wire, tools->builder, &source, &tools->value);
        if (at == start || tools->value.overflow || !comes_back(tools, rows, start, at)) {
            return false;
        }
        if (options->write != NULL && tools->written < 20) {
            char name[32];
            (void)snprintf(name, sizeof name, "%04u.avro", tools->written++);
            write_file(options->write, name, &tools->value);
            write_rows(options->write, rows, start, at);
        }
        static uint8_t framed[(1 << 20) + REGISTRY_FRONT] = {0, 0, 0, 0, 7}; // an id
        memcpy(framed + REGISTRY_FRONT, tools->value.at, tools->value.size);
        char identity[64];
        (void)snprintf(identity, sizeof identity, "gw-0001/4f2a9c1b77e03d58/%u-%u", start + 1, at);
        put_kafka_record(&tools->batch, &tools->scratch,
                         rows->lines[start].time_ms - rows->lines[from].time_ms, offset,
                         bytes_text("gw-0001"),
                         bytes_from(framed, tools->value.size + REGISTRY_FRONT), identity);
    }
    return true;
}

static void put_records(struct wire_tools *tools, const struct wire_rows *rows, uint32_t from,
                        uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const struct wire_line *line = &rows->lines[i];
        struct record record = {.key = bytes_text(rows->keys[line->key]),
                                .time_ms = line->time_ms,
                                .quality = line->quality,
                                .seq = i + 1,
                                .values = rows->values + line->first_value};
        char identity[64];
        (void)snprintf(identity, sizeof identity, "gw-0001/4f2a9c1b77e03d58/%u", i + 1);
        tools->value.size = 0;
        wire_json_put(&tools->plan, &record, "gw-0001", "4f2a9c1b77e03d58", &tools->value);
        put_kafka_record(&tools->batch, &tools->scratch, line->time_ms - rows->lines[from].time_ms,
                         i - from, record.key, buffer_bytes(&tools->value), identity);
    }
}

struct wire_result { // bytes a reading
    double blocks;   // of a contract that lists its keys
    double unlisted; // of one that does not
    double records;
};

static bool measure(struct wire_tools *tools, const struct wire_rows *rows,
                    const struct wire_options *options, int64_t latency_ms, uint32_t reading_count,
                    struct wire_result *result)
{
    uint64_t block_bytes[2] = {0}; // keys told by name, by place
    uint64_t record_bytes = 0;
    for (uint32_t from = 0, to; from < rows->count; from = to) {
        int64_t end = rows->lines[from].time_ms + latency_ms;
        for (to = from + 1; to < rows->count && rows->lines[to].time_ms < end; to++) {
        }
        for (int listed = 0; listed < 2; listed++) {
            tools->batch.size = 0;
            if (!put_blocks(tools, rows, options, listed, from, to)) {
                return false;
            }
            block_bytes[listed] +=
                BATCH_FRONT + gzip_size(&tools->batch, tools->packed, BATCH_SIZE);
        }
        tools->batch.size = 0;
        put_records(tools, rows, from, to);
        if (tools->batch.overflow || tools->value.overflow || tools->scratch.overflow) {
            return false;
        }
        record_bytes += BATCH_FRONT + gzip_size(&tools->batch, tools->packed, BATCH_SIZE);
    }
    result->blocks = (double)block_bytes[1] / reading_count;
    result->unlisted = (double)block_bytes[0] / reading_count;
    result->records = (double)record_bytes / reading_count;
    return true;
}

// ---- the command ----

static struct buffer room_of(size_t size)
{
    void *at = malloc(size);
    if (at == NULL) {
        exit(EX_OSERR);
    }
    return buffer_over(at, size);
}

static bool read_latencies(const char *text, struct wire_options *options)
{
    while (text != NULL && *text != '\0') {
        char *end;
        long seconds = strtol(text, &end, 10);
        if (end == text || *end != 's' || seconds < 1 || seconds > 86400 ||
            options->latency_count == LATENCIES_MAX || (end[1] != ',' && end[1] != '\0')) {
            return false;
        }
        options->latency_ms[options->latency_count++] = 1000 * (int64_t)seconds;
        text = end[1] == ',' ? end + 2 : NULL;
    }
    return options->latency_count > 0;
}

static int read_options(int argc, char **argv, struct wire_options *options)
{
    *options = (struct wire_options){.ways = {true, true}};
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        bool more = at + 1 < argc;
        if (strcmp(argv[at], "--json") == 0) {
            options->json = true;
        } else if (strcmp(argv[at], "--single") == 0) {
            options->ways[WAY_POLLED] = false;
        } else if (strcmp(argv[at], "--polled") == 0) {
            options->ways[WAY_SINGLE] = false;
        } else if (strcmp(argv[at], "--write") == 0 && more) {
            options->write = argv[++at];
        } else if (strcmp(argv[at], "--latency") != 0 || !more ||
                   !read_latencies(argv[++at], options)) {
            (void)fprintf(stderr,
                          "%s: there are --latency 1s,10s,60s, --single, --polled, --json, "
                          "--write FOLDER\n",
                          argv[at]);
            return 0;
        }
    }
    if (options->latency_count == 0) {
        (void)read_latencies("1s,10s,60s", options);
    }
    if (at == argc || argc - at > FILES_MAX) {
        (void)fprintf(stderr, "name 1 to %d FILE.csv[.gz]\n", FILES_MAX);
        return 0;
    }
    if (options->write != NULL) {
        options->ways[WAY_POLLED] = !options->ways[WAY_SINGLE]; // one of them
    }
    return at;
}

// The schema of what is written there.
static bool write_schema(struct wire_tools *tools, const struct wire_rows *rows, const char *folder)
{
    tools->value.size = 0;
    bool ok = wire_blocks_schema(&rows->schema, rows->listed, &tools->value) == OK;
    write_file(folder, "schema.json", &tools->value);
    return ok;
}

static bool measure_way(struct wire_tools *tools, const struct wire_options *options,
                        const struct dataset *dataset, enum way way, struct wire_result *results)
{
    struct wire_rows rows;
    bool ok = rows_open(&rows, dataset, way);
    if (ok) {
        wire_json_plan(&tools->plan, &rows.schema);
        ok = options->write == NULL || write_schema(tools, &rows, options->write);
    }
    for (uint32_t i = 0; i < options->latency_count && ok; i++) {
        ok =
            measure(tools, &rows, options, options->latency_ms[i], dataset->row_count, &results[i]);
        if (!ok) {
            (void)fprintf(stderr, "%s: a record differs after decoding\n", dataset->name);
        } else {
            printf("%-16s %6lld s %-8s %9u %9u %10.3f %10.3f %10.3f\n", dataset->name,
                   (long long)options->latency_ms[i] / 1000, way == WAY_SINGLE ? "reading" : "poll",
                   dataset->row_count, rows.count, results[i].blocks, results[i].unlisted,
                   results[i].records);
        }
    }
    rows_close(&rows);
    return ok;
}

// What was found of a file.
struct file_result {
    char name[64];
    uint32_t readings;
    bool ways[WAY_COUNT];
    struct wire_result results[WAY_COUNT][LATENCIES_MAX];
};

static bool measure_file(struct wire_tools *tools, const struct wire_options *options,
                         const struct dataset *dataset, struct file_result *result)
{
    bool ok = true;
    (void)snprintf(result->name, sizeof result->name, "%s", dataset->name);
    result->readings = dataset->row_count;
    if (!options->ways[WAY_SINGLE] && !all_have_devices(dataset)) {
        (void)fprintf(stderr, "%s: --polled needs series that are called DEVICE/FIELD\n",
                      dataset->name);
        return false;
    }
    for (enum way way = WAY_SINGLE; way < WAY_COUNT && ok; way++) {
        result->ways[way] = options->ways[way] && (way == WAY_SINGLE || all_have_devices(dataset));
        ok = !result->ways[way] || measure_way(tools, options, dataset, way, result->results[way]);
    }
    return ok;
}

static void print_json(const struct wire_options *options, const struct file_result *result,
                       bool is_first)
{
    static const char *const names[WAY_COUNT] = {"", "polled_"};
    printf("%s{\"name\":\"%s\",\"readings\":%u,\"latencies\":[", is_first ? "" : ",", result->name,
           result->readings);
    for (uint32_t i = 0; i < options->latency_count; i++) {
        printf("%s{\"latency_s\":%lld", i == 0 ? "" : ",",
               (long long)options->latency_ms[i] / 1000);
        for (enum way way = WAY_SINGLE; way < WAY_COUNT; way++) {
            if (result->ways[way]) {
                printf(",\"%sblocks_bytes_per_reading\":%.4f,"
                       "\"%sunlisted_blocks_bytes_per_reading\":%.4f,"
                       "\"%srecords_bytes_per_reading\":%.4f",
                       names[way], result->results[way][i].blocks, names[way],
                       result->results[way][i].unlisted, names[way],
                       result->results[way][i].records);
            }
        }
        printf("}");
    }
    printf("]}");
}

static int measure_files(struct wire_tools *tools, const struct wire_options *options, char **files,
                         uint32_t count)
{
    static struct file_result results[FILES_MAX];
    printf("%-16s %8s %-8s %9s %9s %10s %10s %10s   bytes a reading\n", "", "latency", "a row is",
           "readings", "rows", "blocks", "unlisted", "records");
    for (uint32_t i = 0; i < count; i++) {
        struct dataset dataset;
        if (!dataset_open(&dataset, files[i])) {
            return EX_NOINPUT;
        }
        bool same = measure_file(tools, options, &dataset, &results[i]);
        dataset_close(&dataset);
        if (!same) {
            return 1;
        }
    }
    if (options->json) {
        printf("{\"files\":[");
        for (uint32_t i = 0; i < count; i++) {
            print_json(options, &results[i], i == 0);
        }
        printf("]}\n");
    }
    return EX_OK;
}

int bench_wire(int argc, char **argv)
{
    struct wire_options options;
    int first = read_options(argc, argv, &options);
    if (first == 0) {
        return EX_USAGE;
    }
    static struct wire_tools tools;
    tools.builder = block_builder_open_wide();
    tools.wire = wire_blocks_open();
    tools.reader = wire_reader_open();
    if (tools.builder == NULL || tools.wire == NULL || tools.reader == NULL) {
        return EX_OSERR;
    }
    tools.batch = room_of(BATCH_SIZE);
    tools.scratch = room_of(2 << 20);
    tools.value = room_of(1 << 20);
    tools.packed = room_of(BATCH_SIZE).at;
    int code = measure_files(&tools, &options, argv + first, (uint32_t)(argc - first));
    block_builder_close(tools.builder);
    wire_blocks_close(tools.wire);
    wire_reader_close(tools.reader);
    free(tools.batch.at);
    free(tools.scratch.at);
    free(tools.value.at);
    free(tools.packed);
    return code;
}
