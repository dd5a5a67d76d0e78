#include "tests/bench/dataset.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

// ---- the file into memory ----

static char *read_all(const char *path, size_t *size)
{
    gzFile file = gzopen(path, "rb"); // reads plain files as they are
    size_t room = 1 << 20;
    char *text = malloc(room);
    *size = 0;
    int got = file == NULL || text == NULL ? -1 : 1;
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
        got = gzread(file, text + *size, (unsigned)(room - *size - 1));
        *size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        (void)fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[*size] = '\0';
    }
    if (file != NULL) {
        (void)gzclose(file);
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

static bool read_line(struct dataset *dataset, struct key_table *table, char *line,
                      struct dataset_row *row)
{
    char *time = cut_field(&line);
    char *key = cut_field(&line);
    char *value = cut_field(&line);
    char *quality = cut_field(&line);
    int64_t quality_number = 0;
    if (key == NULL || !to_integer(time, &row->time_ms) ||
        (quality != NULL && !to_integer(quality, &quality_number))) {
        return false;
    }
    uint32_t *slot = key_slot(table, dataset, key);
    if (*slot == 0) {
        if (dataset->key_count == DATASET_SERIES_MAX) {
            return false;
        }
        dataset->keys[dataset->key_count++] = key;
        *slot = dataset->key_count;
    }
    row->key_id = *slot - 1;
    row->quality = (uint8_t)quality_number;
    row->value = raw_value(value);
    return true;
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
            if (!read_line(dataset, table, line, &dataset->rows[dataset->row_count])) {
                (void)fprintf(stderr, "%s:%zu: no ts_ms,series,value,quality\n", path, line_number);
                return false;
            }
            dataset->row_count++;
        }
        line = next;
    }
    return true;
}

// ---- the type of the values ----

static bool to_boolean(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0;
}

static bool could_be(enum column_type type, const char *text)
{
    double number;
    bool boolean;
    return type == COLUMN_NUMBER    ? to_number(text, &number)
           : type == COLUMN_BOOLEAN ? to_boolean(text, &boolean)
                                    : true;
}

// The first of number, boolean, string that all values of a series are.
static void find_types(const struct dataset *dataset, enum column_type *types)
{
    for (uint32_t key = 0; key < dataset->key_count; key++) {
        types[key] = COLUMN_NUMBER;
    }
    for (uint32_t i = 0; i < dataset->row_count; i++) {
        const struct dataset_row *row = &dataset->rows[i];
        const char *text = (const char *)row->value.text.at;
        if (row->value.kind == VALUE_NULL || could_be(types[row->key_id], text)) {
            continue;
        }
        // (A series of true, false and numbers is told as text by a second misfit.)
        bool boolean = types[row->key_id] == COLUMN_NUMBER && could_be(COLUMN_BOOLEAN, text);
        types[row->key_id] = boolean ? COLUMN_BOOLEAN : COLUMN_STRING;
    }
    for (uint32_t i = 0; i < dataset->row_count; i++) {
        const struct dataset_row *row = &dataset->rows[i];
        if (row->value.kind != VALUE_NULL &&
            !could_be(types[row->key_id], (const char *)row->value.text.at)) {
            types[row->key_id] = COLUMN_STRING;
        }
    }
}

static void convert_value(struct value *value, enum column_type type)
{
    const char *text = (const char *)value->text.at;
    if (value->kind == VALUE_TEXT && type == COLUMN_NUMBER) {
        value->kind = VALUE_NUMBER;
        (void)to_number(text, &value->number);
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
    const char *name = type == COLUMN_NUMBER ? "value" : type == COLUMN_BOOLEAN ? "flag" : "text";
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
