#include "tests/bench/dataset.h"
#include "agent/block.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

// ---- the file into memory ----

// All that is left of `file`, a NUL after it; NULL: it cannot be read.
static char *read_rest(gzFile file, size_t *size)
{
    size_t room = 1 << 20;
    char *text = malloc(room);
    int got = text == NULL ? -1 : 1;
    *size = 0;
    while (got > 0) {
        if (room - *size < 2) {
            room *= 2;
            char *more = realloc(text, room);
            if (more == NULL) {
                got = -1;
                break;
            }
            text = more;
        }
        size_t left = room - *size - 1;
        got = gzread(file, text + *size, left < 1 << 30 ? (unsigned)left : 1U << 30);
        *size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        free(text);
        return NULL;
    }
    text[*size] = '\0';
    return text;
}

static char *read_all(const char *path, size_t *size)
{
    errno = 0;
    gzFile file = gzopen(path, "rb"); // reads plain files as they are
    if (file == NULL) {
        (void)fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
        return NULL;
    }
    char *text = read_rest(file, size);
    int code;
    (void)gzerror(file, &code);
    if (text == NULL || code == Z_BUF_ERROR) {
        (void)fprintf(stderr, "%s: cannot be read to its end: %s\n", path,
                      code == Z_ERRNO && errno != 0 ? strerror(errno)
                      : code == Z_BUF_ERROR         ? "it is cut off"
                      : code != Z_OK                ? "it is damaged"
                                                    : "no memory");
        free(text);
        text = NULL;
    }
    (void)gzclose(file);
    if (text != NULL && strlen(text) != *size) {
        (void)fprintf(stderr, "%s: is not text: there is a zero byte in it\n", path);
        free(text);
        text = NULL;
    }
    return text;
}

// ---- series ----

struct key_table {
    uint32_t slots[2 * DATASET_SERIES_MAX]; // id plus one
};

static uint32_t *key_slot(struct key_table *table, const struct dataset *dataset, const char *key)
{
    uint32_t hash = 2166136261U;
    for (const char *at = key; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * 16777619U;
    }
    uint32_t slot = hash % (2 * DATASET_SERIES_MAX);
    while (table->slots[slot] != 0 && strcmp(dataset->keys[table->slots[slot] - 1], key) != 0) {
        slot = (slot + 1) % (2 * DATASET_SERIES_MAX);
    }
    return &table->slots[slot];
}

// ---- lines ----

// Cut the field that starts at `*at` off at its comma or line end; NULL at the end of the line.
static char *cut_field(char **at)
{
    char *field = *at;
    if (field == NULL) {
        return NULL;
    }
    char *end = field + strcspn(field, ",\r\n");
    *at = *end == ',' ? end + 1 : NULL;
    *end = '\0';
    return field;
}

static bool to_integer(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static bool to_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && !isspace((unsigned char)*text);
}

// A value as text for now; empty is null.
static struct value raw_value(const char *text)
{
    if (text == NULL || *text == '\0') {
        return (struct value){.kind = VALUE_NULL};
    }
    return (struct value){.kind = VALUE_TEXT, .text = bytes_text(text)};
}

// What is wrong with a line; NULL: nothing.
static const char *read_line(struct dataset *dataset, struct key_table *table, char *line,
                             struct dataset_row *row)
{
    char *time = cut_field(&line);
    char *key = cut_field(&line);
    char *value = cut_field(&line);
    char *quality = cut_field(&line);
    int64_t quality_number = 0;
    if (value == NULL || line != NULL) {
        return "expected ts_ms,series,value[,quality]";
    }
    if (!to_integer(time, &row->time_ms)) {
        return "the first column is not a time in whole ms";
    }
    if (*key == '\0' || strlen(key) > RECORD_KEY_MAX) {
        return "the series has no name, or one of more than 255 bytes";
    }
    if (quality != NULL && (!to_integer(quality, &quality_number) || quality_number < 0 ||
                            quality_number > UINT8_MAX)) {
        return "the quality is not a number from 0 to 255";
    }
    if (strlen(value) > BLOCK_TEXT_MAX) {
        return "the value is longer than a block can hold (64 KiB)";
    }
    uint32_t *slot = key_slot(table, dataset, key);
    if (*slot == 0) {
        if (dataset->key_count == DATASET_SERIES_MAX) {
            return "more than 65536 series";
        }
        dataset->keys[dataset->key_count++] = key;
        *slot = dataset->key_count;
    }
    row->key_id = *slot - 1;
    row->quality = (uint8_t)quality_number;
    row->value = raw_value(value);
    return NULL;
}

static bool read_lines(struct dataset *dataset, struct key_table *table, size_t size,
                       const char *path)
{
    size_t line_count = 1;
    for (size_t i = 0; i < size; i++) {
        line_count += dataset->text[i] == '\n';
    }
    dataset->rows = calloc(line_count, sizeof dataset->rows[0]);
    dataset->keys = calloc(DATASET_SERIES_MAX, sizeof dataset->keys[0]);
    if (dataset->rows == NULL || dataset->keys == NULL) {
        (void)fprintf(stderr, "%s: no memory for %zu lines\n", path, line_count);
        return false;
    }
    size_t line_number = 0;
    for (char *line = dataset->text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        char *next = end == NULL ? NULL : end + 1;
        line_number++;
        bool is_header = line_number == 1 && !isdigit((unsigned char)*line) && *line != '-';
        if (!is_header && *line != '\n' && *line != '\r') {
            const char *wrong = read_line(dataset, table, line, &dataset->rows[dataset->row_count]);
            if (wrong != NULL) {
                (void)fprintf(stderr, "%s:%zu: %s\n", path, line_number, wrong);
                return false;
            }
            dataset->row_count++;
        }
        line = next;
    }
    if (dataset->row_count == 0) {
        (void)fprintf(stderr, "%s: there is no reading in it\n", path);
        return false;
    }
    return true;
}

// ---- the type of the values ----

static bool to_boolean(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0;
}

// Is it a number that a double says, all digits of a whole one included?
static bool is_double(const char *text)
{
    double number;
    int64_t integer;
    return to_number(text, &number) &&
           (!to_integer(text, &integer) ||
            (number >= -9007199254740992.0 && number <= 9007199254740992.0));
}

static bool could_be(enum column_type type, const char *text)
{
    int64_t integer;
    bool boolean;
    return type == COLUMN_NUMBER    ? is_double(text)
           : type == COLUMN_INTEGER ? to_integer(text, &integer)
           : type == COLUMN_BOOLEAN ? to_boolean(text, &boolean)
                                    : true;
}

// The first of number, integer, boolean, string that all values of a series are.
static void find_types(const struct dataset *dataset, enum column_type *types)
{
    static const enum column_type order[] = {COLUMN_NUMBER, COLUMN_INTEGER, COLUMN_BOOLEAN,
                                             COLUMN_STRING};
    uint8_t *places = calloc(dataset->key_count + 1, 1);
    bool again = places != NULL;
    while (again) { // at most three times: a type that is left is not tried again
        again = false;
        for (uint32_t i = 0; i < dataset->row_count; i++) {
            const struct dataset_row *row = &dataset->rows[i];
            while (row->value.kind != VALUE_NULL &&
                   !could_be(order[places[row->key_id]], (const char *)row->value.text.at)) {
                places[row->key_id]++;
                again = true;
            }
        }
    }
    for (uint32_t key = 0; key < dataset->key_count; key++) {
        types[key] = places == NULL ? COLUMN_STRING : order[places[key]];
    }
    free(places);
}

static void convert_value(struct value *value, enum column_type type)
{
    const char *text = (const char *)value->text.at;
    if (value->kind == VALUE_TEXT && type == COLUMN_NUMBER) {
        value->kind = VALUE_NUMBER;
        (void)to_number(text, &value->number);
    } else if (value->kind == VALUE_TEXT && type == COLUMN_INTEGER) {
        value->kind = VALUE_INTEGER;
        (void)to_integer(text, &value->integer);
    } else if (value->kind == VALUE_TEXT && type == COLUMN_BOOLEAN) {
        value->kind = VALUE_BOOLEAN;
        (void)to_boolean(text, &value->boolean);
    }
}

// The field of `type`, added to the schema where it is not there yet.
static uint16_t field_of(struct schema *schema, enum column_type type)
{
    for (uint16_t field = 0; field < schema->field_count; field++) {
        if (schema->columns[field].type == type) {
            return field;
        }
    }
    struct column *column = &schema->columns[schema->column_count++];
    const char *name = type == COLUMN_NUMBER    ? "value"
                       : type == COLUMN_INTEGER ? "count"
                       : type == COLUMN_BOOLEAN ? "flag"
                                                : "text";
    (void)snprintf(column->name, sizeof column->name, "%s", name);
    column->type = type;
    column->role = ROLE_FIELD;
    column->field = schema->field_count++;
    schema->id++;
    return column->field;
}

static bool convert_values(struct dataset *dataset)
{
    enum column_type *types = calloc(DATASET_SERIES_MAX, sizeof types[0]);
    if (types == NULL) {
        return false;
    }
    find_types(dataset, types);
    for (uint32_t i = 0; i < dataset->row_count; i++) {
        struct dataset_row *row = &dataset->rows[i];
        row->field = field_of(&dataset->schema, types[row->key_id]);
        convert_value(&row->value, types[row->key_id]);
    }
    free(types);
    return true;
}

void dataset_values(const struct dataset *dataset, const struct dataset_row *row,
                    struct value values[DATASET_FIELDS_MAX])
{
    for (uint16_t field = 0; field < dataset->schema.field_count; field++) {
        values[field].kind = VALUE_NULL;
    }
    values[row->field] = row->value;
}

static void name_from(struct dataset *dataset, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    (void)snprintf(dataset->name, sizeof dataset->name, "%.*s", (int)strcspn(base, "."), base);
}

bool dataset_open(struct dataset *dataset, const char *path)
{
    *dataset = (struct dataset){.row_count = 0};
    name_from(dataset, path);
    size_t size;
    struct key_table *table = calloc(1, sizeof *table);
    dataset->text = read_all(path, &size);
    bool ok = table != NULL && dataset->text != NULL && read_lines(dataset, table, size, path) &&
              convert_values(dataset);
    free(table);
    if (!ok) {
        dataset_close(dataset);
        return false;
    }
    return true;
}

void dataset_close(struct dataset *dataset)
{
    free(dataset->rows);
    free(dataset->keys);
    free(dataset->text);
}

bool dataset_same(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOLEAN:
        return a->boolean == b->boolean;
    case VALUE_INTEGER:
        return a->integer == b->integer;
    case VALUE_NUMBER:
        return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    case VALUE_TEXT:
        return bytes_equal(a->text, b->text);
    }
    return false;
}
