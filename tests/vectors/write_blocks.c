// write_blocks CONTRACT FOLDER: records of layout `blocks` as weir writes them, and what they must
// be read as. FOLDER/schema.json; FOLDER/NNNN.avro, a value each; FOLDER/rows.txt, as the readers
// beside this file print it. Values are drawn from what is awkward; keys are listed and not, times
// go backwards, losses are told.
#include "agent/avro_schema.h"
#include "agent/wire_blocks.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORDS = 30, ROWS_MAX = 300, VALUE_MAX = 1 << 20 };

static uint64_t seed = 1;
static uint8_t room[VALUE_MAX];

static uint64_t draw(void) // splitmix64
{
    seed += 0x9e3779b97f4a7c15ULL;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static struct bytes key_name(const void *context, uint32_t key_id)
{
    (void)context;
    static const char *const names[] = {"oven-1",        "oven-2",     "oven-3",
                                        "k\xC3\xA4se",   "hall \"A\"", "hall \"B\"",
                                        "k\xC3\xA4se-2", "oven-4",     "kess\xE2\x82\xAC"};
    return bytes_text(names[key_id]);
}

// Of one style in a record: decimals, floats, what is neither.
static double draw_number(uint64_t style)
{
    static const double odd[] = {0.0, -0.0, 5e-324, 1.7976931348623157e308, -1.0 / 0.0, 0.1 + 0.2};
    uint64_t bits = draw() & 0xbfffffffffffffff; // no NaN: JavaScript has one only
    double number;
    memcpy(&number, &bits, sizeof number);
    switch (style % 4) {
    case 0:
        return (double)(int64_t)(draw() % 100000) / 100;
    case 1:
        return (double)((float)(draw() % 1000) / 10.0F);
    case 2:
        return number;
    default:
        return odd[draw() % 6];
    }
}

static struct value draw_value(enum column_type type, uint64_t style)
{
    static const char *const texts[] = {"", "idle", "a\"b\\c", "\xF0\x9F\x94\xA5"};
    static const int64_t integers[] = {0, -1, INT64_MAX, INT64_MIN, 9007199254740993};
    if (draw() % 5 == 0) {
        return (struct value){.kind = VALUE_NULL};
    }
    switch (type) {
    case COLUMN_BOOLEAN:
        return (struct value){.kind = VALUE_BOOLEAN, .boolean = draw() % 2 == 0};
    case COLUMN_TIMESTAMP:
    case COLUMN_INTEGER:
        return (struct value){.kind = VALUE_INTEGER, .integer = integers[draw() % 5]};
    case COLUMN_NUMBER:
        return (struct value){.kind = VALUE_NUMBER, .number = draw_number(style)};
    case COLUMN_STRING:
        return (struct value){.kind = VALUE_TEXT, .text = bytes_text(texts[draw() % 4])};
    }
    abort();
}

static void print_value(FILE *rows, const char *name, const struct value *value)
{
    uint64_t bits;
    memcpy(&bits, &value->number, sizeof bits);
    (void)fprintf(rows, " %s=", name);
    if (value->kind == VALUE_BOOLEAN) {
        (void)fputs(value->boolean ? "true" : "false", rows);
    } else if (value->kind == VALUE_INTEGER) {
        (void)fprintf(rows, "%lld", (long long)value->integer);
    } else if (value->kind == VALUE_NUMBER) {
        (void)fprintf(rows, "%016llx", (unsigned long long)bits);
    } else {
        (void)fprintf(rows, "%.*s", (int)value->text.size, (const char *)value->text.at);
    }
}

// Rows from `seq` on; how many.
static uint32_t add_rows(struct block_builder *builder, const struct schema *schema, uint64_t seq,
                         FILE *rows)
{
    uint32_t count = 1 + (uint32_t)(draw() % ROWS_MAX);
    uint32_t key_count = 1 + (uint32_t)(draw() % 9);
    uint64_t style = draw();
    int64_t time_ms = 1700000000000;
    for (uint32_t i = 0; i < count; i++) {
        struct value values[SCHEMA_COLUMNS_MAX];
        uint32_t key = (uint32_t)(style % 3 == 0 ? draw() % key_count : i % key_count);
        uint8_t quality = (uint8_t)(draw() % 20 == 0 ? draw() % 3 : 0);
        time_ms += (int64_t)(draw() % 5) - 1;
        (void)fprintf(rows, "%llu %.*s %lld %u", (unsigned long long)seq + i,
                      (int)key_name(NULL, key).size, (const char *)key_name(NULL, key).at,
                      (long long)time_ms, quality);
        for (uint16_t field = 0; field < schema->field_count; field++) {
            const struct column *column = schema_field(schema, field);
            values[field] = draw_value(column->type, style >> (2 * field));
            if (values[field].kind != VALUE_NULL) {
                print_value(rows, column->name, &values[field]);
            }
        }
        (void)fputc('\n', rows);
        if (block_add(builder, key, time_ms, quality, values) != OK) {
            abort();
        }
    }
    return count;
}

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void write_all(const char *folder, const char *name, const struct buffer *bytes)
{
    FILE *file = create(folder, name);
    if (bytes->overflow || fwrite(bytes->at, 1, bytes->size, file) != bytes->size ||
        fclose(file) != 0) {
        abort();
    }
}

static void write_records(const struct contract_port *port, const char *folder, FILE *rows)
{
    struct block_builder *builder = block_builder_open();
    struct wire_blocks *wire = wire_blocks_open();
    const struct wire_loss losses[] = {{7, 9, 3, bytes_text("full")},
                                       {11, 11, 400, bytes_text("thinned")}};
    uint64_t seq = 20;
    if (builder == NULL || wire == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct wire_source source = {.gateway = "gw-0042",
                                           .epoch = "9f3c00ab12de4577",
                                           .key = key_name,
                                           .listed = port->listed,
                                           .losses = losses,
                                           .loss_count = i % 3};
        for (uint32_t loss = 0; loss < source.loss_count; loss++) {
            (void)fprintf(rows, "lost %llu %llu %llu %s\n", (unsigned long long)losses[loss].from,
                          (unsigned long long)losses[loss].to,
                          (unsigned long long)losses[loss].count,
                          (const char *)losses[loss].cause.at);
        }
        block_reset(builder, &port->schema, seq, RECORD_CLOCK_DEVICE, NULL);
        seq += add_rows(builder, &port->schema, seq, rows);
        struct buffer out = buffer_over(room, sizeof room);
        wire_blocks_put(wire, builder, &source, &out);
        char name[32];
        (void)snprintf(name, sizeof name, "%04u.avro", i);
        write_all(folder, name, &out);
    }
    wire_blocks_close(wire);
    block_builder_close(builder);
}

int main(int argc, char **argv)
{
    struct problems problems = {.count = 0};
    struct contract *contract = argc == 3 ? contract_read(argv[1], &problems) : NULL;
    problems_print(&problems, stderr);
    if (contract == NULL || contract->ports[0].layout != LAYOUT_BLOCKS) {
        (void)fputs("usage: write_blocks CONTRACT FOLDER\n", stderr);
        return 64;
    }
    const struct contract_port *port = &contract->ports[0];
    struct buffer text = buffer_over(room, sizeof room);
    if (avro_schema_put(contract, port, &port->schema, &text) != OK) {
        return 1;
    }
    write_all(argv[2], "schema.json", &text);
    FILE *rows = create(argv[2], "rows.txt");
    write_records(port, argv[2], rows);
    contract_free(contract);
    return fclose(rows) == 0 ? 0 : 1;
}
