// write_records CONTRACT FOLDER: records of layout `records` in Avro as weir writes them, and what
// they must be read as. FOLDER/schema.json; FOLDER/records.avro, a run of u32 length (big-endian)
// and value; FOLDER/rows.txt, a line a record: NAME=VALUE of each column, doubles as their 64 bits
// in hexadecimal. Values are drawn from what is awkward, and from any bit pattern.
#include "agent/avro_schema.h"
#include "agent/wire_avro.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RECORDS = 5000, RECORD_MAX = 65536 };

static uint64_t seed = 1;

static uint64_t draw(void) // splitmix64
{
    seed += 0x9e3779b97f4a7c15ULL;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static void draw_value(const struct column *column, struct value *value)
{
    static const char *const texts[] = {"", "oven-3", "a\"b\\c", "\xC3\xA4\xE2\x82\xAC",
                                        "\xF0\x9F\x94\xA5"};
    static const double numbers[] = {0.0, -0.0,    21.5, 0.1, 5e-324, 1.7976931348623157e308,
                                     NAN, INFINITY};
    static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 9007199254740993};
    uint64_t any = draw();
    *value = (struct value){.kind = VALUE_NULL};
    if (!column->required && draw() % 4 == 0) {
        return;
    }
    switch (column->type) {
    case COLUMN_BOOLEAN:
        *value = (struct value){.kind = VALUE_BOOLEAN, .boolean = any % 2 == 0};
        break;
    case COLUMN_TIMESTAMP: // fastavro makes it a datetime: years 1 to 9999
        *value = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)(any % 4102444800000)};
        break;
    case COLUMN_INTEGER:
        *value = (struct value){.kind = VALUE_INTEGER,
                                .integer = any % 2 == 0 ? (int64_t)draw() : integers[any / 2 % 6]};
        break;
    case COLUMN_NUMBER:
        value->kind = VALUE_NUMBER;
        value->number = numbers[any / 2 % 8];
        if (any % 2 == 0) {
            memcpy(&value->number, &any, sizeof any);
        }
        if (column->required && !isfinite(value->number)) {
            value->number = 1.5;
        }
        break;
    case COLUMN_STRING:
        *value = (struct value){.kind = VALUE_TEXT, .text = bytes_text(texts[any % 5])};
        break;
    }
}

static void print_value(FILE *rows, const struct value *value)
{
    uint64_t bits;
    switch (value->kind) {
    case VALUE_NULL:
        (void)fputs("null", rows);
        break;
    case VALUE_BOOLEAN:
        (void)fputs(value->boolean ? "true" : "false", rows);
        break;
    case VALUE_INTEGER:
        (void)fprintf(rows, "%lld", (long long)value->integer);
        break;
    case VALUE_NUMBER:
        memcpy(&bits, &value->number, sizeof bits);
        (void)fprintf(rows, "%016llx", (unsigned long long)bits);
        break;
    case VALUE_TEXT:
        (void)fprintf(rows, "%.*s", (int)value->text.size, (const char *)value->text.at);
        break;
    }
}

// What a reader must see, said without the code that is tested.
static struct value expected(const struct column *column, const struct record *record, bool sound)
{
    static const char *const qualities[] = {"good", "uncertain", "bad"};
    switch (column->role) {
    case ROLE_FIELD:
        if (record->values[column->field].kind == VALUE_NUMBER &&
            !isfinite(record->values[column->field].number)) {
            return (struct value){.kind = VALUE_NULL};
        }
        return record->values[column->field];
    case ROLE_KEY:
        return (struct value){.kind = VALUE_TEXT, .text = record->key};
    case ROLE_TIME:
        return (struct value){.kind = VALUE_INTEGER, .integer = record->time_ms};
    case ROLE_GATEWAY:
        return (struct value){.kind = VALUE_TEXT, .text = bytes_text("gw-0042")};
    case ROLE_EPOCH:
        return (struct value){.kind = VALUE_TEXT, .text = bytes_text("9f3c00ab12de4577")};
    case ROLE_SEQ:
        return (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)record->seq};
    case ROLE_QUALITY:
        return (struct value){.kind = VALUE_TEXT,
                              .text = bytes_text(qualities[sound ? record->quality : 2])};
    case ROLE_REJECTED:
        break; // never sent
    }
    abort();
}

static void write_record(const struct schema *schema, uint64_t seq, FILE *records, FILE *rows)
{
    static struct value values[SCHEMA_COLUMNS_MAX];
    static uint8_t room[RECORD_MAX];
    bool sound = true;
    for (uint16_t i = 0; i < schema->field_count; i++) {
        draw_value(schema_field(schema, i), &values[i]);
        sound = sound && (values[i].kind != VALUE_NUMBER || isfinite(values[i].number));
    }
    const struct record record = {.key = bytes_text(seq % 2 == 0 ? "oven-3" : "oven-4"),
                                  .time_ms = (int64_t)(1700000000000 + draw() % 100000),
                                  .quality = (uint8_t)(draw() % 3),
                                  .seq = seq,
                                  .values = values};
    struct buffer out = buffer_over(room, sizeof room);
    if (wire_avro_put(schema, &record, "gw-0042", "9f3c00ab12de4577", &out) != OK) {
        abort();
    }
    const uint8_t size[4] = {(uint8_t)(out.size >> 24), (uint8_t)(out.size >> 16),
                             (uint8_t)(out.size >> 8), (uint8_t)out.size};
    (void)fwrite(size, 1, sizeof size, records);
    (void)fwrite(out.at, 1, out.size, records);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        struct value value = expected(&schema->columns[i], &record, sound);
        (void)fprintf(rows, "%s%s=", i > 0 ? " " : "", schema->columns[i].name);
        print_value(rows, &value);
    }
    (void)fputc('\n', rows);
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

int main(int argc, char **argv)
{
    static uint8_t room[AVRO_SCHEMA_BYTES_MAX];
    struct problems problems = {.count = 0};
    struct contract *contract = argc == 3 ? contract_read(argv[1], &problems) : NULL;
    problems_print(&problems, stderr);
    if (contract == NULL) {
        (void)fputs("usage: write_records CONTRACT FOLDER\n", stderr);
        return 64;
    }
    const struct contract_port *port = &contract->ports[0];
    struct buffer text = buffer_over(room, sizeof room);
    if (avro_schema_put(contract, port, &port->schema, &text) != OK) {
        return 1;
    }
    FILE *schema = create(argv[2], "schema.json");
    FILE *records = create(argv[2], "records.avro");
    FILE *rows = create(argv[2], "rows.txt");
    (void)fwrite(text.at, 1, text.size, schema);
    for (uint64_t seq = 1; seq <= RECORDS; seq++) {
        write_record(&port->schema, seq, records, rows);
    }
    bool written = fclose(schema) == 0 && fclose(records) == 0 && fclose(rows) == 0;
    contract_free(contract);
    return written ? 0 : 1;
}
