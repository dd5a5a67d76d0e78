#include "ports/input/csv.h"

#include <assert.h>

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t separator;
    struct fields *fields;
};

void csv_init(struct csv *csv, uint8_t separator)
{
    *csv = (struct csv){.separator = separator};
}

// ---- lines ----

// The line end that is outside quotation marks; a mark opens only at the start of a cell.
static size_t size_with_quotes(const struct csv *csv, struct bytes in)
{
    bool quoted = false;
    bool cell_starts = true;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t byte = in.at[i];
        if (quoted) {
            quoted = byte != '"'; // a doubled mark closes here and opens again at once
            cell_starts = !quoted;
            continue;
        }
        if (byte == '\n') {
            return i + 1;
        }
        quoted = byte == '"' && cell_starts;
        cell_starts = byte == csv->separator || (cell_starts && byte == ' ');
    }
    return 0;
}

size_t csv_line_size(const struct csv *csv, struct bytes in)
{
    const uint8_t *end = in.size == 0 ? NULL : memchr(in.at, '\n', in.size);
    if (end == NULL) {
        return 0;
    }
    size_t size = (size_t)(end - in.at) + 1;
    return memchr(in.at, '"', size) == NULL ? size : size_with_quotes(csv, in);
}

static struct bytes without_end(struct bytes line)
{
    while (line.size > 0 && (line.at[line.size - 1] == '\n' || line.at[line.size - 1] == '\r')) {
        line.size--;
    }
    return line;
}

// ---- cells ----

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct bytes trimmed(const uint8_t *start, const uint8_t *end)
{
    while (start < end && is_space(*start)) {
        start++;
    }
    while (start < end && is_space(end[-1])) {
        end--;
    }
    return bytes_from(start, (size_t)(end - start));
}

// A copy of `cell` in which each doubled quotation mark is one.
static bool undouble(struct cursor *cursor, struct bytes *cell)
{
    uint8_t *room = fields_scratch(cursor->fields, cell->size);
    if (room == NULL) {
        fields_blame(cursor->fields, "there is too much text with quotation marks");
        return false;
    }
    struct buffer out = buffer_over(room, cell->size);
    for (size_t i = 0; i < cell->size; i++) {
        buffer_put_byte(&out, cell->at[i]);
        i += cell->at[i] == '"';
    }
    *cell = buffer_bytes(&out);
    return true;
}

// A cell whose quotation mark stands at `cursor->at`.
static bool take_quoted(struct cursor *cursor, struct bytes *cell)
{
    const uint8_t *start = ++cursor->at;
    bool doubled = false;
    for (;;) {
        const uint8_t *mark = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));
        if (mark == NULL) {
            fields_blame(cursor->fields, "a quotation mark is not closed");
            return false;
        }
        cursor->at = mark + 1;
        if (cursor->at == cursor->end || *cursor->at != '"') {
            break;
        }
        doubled = true;
        cursor->at++;
    }
    *cell = bytes_from(start, (size_t)(cursor->at - 1 - start));
    while (cursor->at < cursor->end && *cursor->at == ' ') {
        cursor->at++;
    }
    if (cursor->at < cursor->end && *cursor->at != cursor->separator) {
        char shown[64];
        struct bytes rest = bytes_from(cursor->at, (size_t)(cursor->end - cursor->at));
        fields_blame(cursor->fields,
                     "\"%s\" follows a closing quotation mark, where '%c' is wanted",
                     fields_shown(rest, shown), cursor->separator);
        return false;
    }
    return !doubled || undouble(cursor, cell);
}

static bool take_cell(struct cursor *cursor, struct bytes *cell)
{
    const uint8_t *start = cursor->at;
    while (cursor->at < cursor->end && *cursor->at == ' ' && cursor->separator != ' ') {
        cursor->at++;
    }
    if (cursor->at < cursor->end && *cursor->at == '"') {
        return take_quoted(cursor, cell);
    }
    size_t rest = (size_t)(cursor->end - cursor->at);
    const uint8_t *end = rest == 0 ? NULL : memchr(cursor->at, cursor->separator, rest);
    cursor->at = end == NULL ? cursor->end : end;
    *cell = trimmed(start, cursor->at);
    return true;
}

// Step over a separator; false at the end of the line.
static bool take_separator(struct cursor *cursor)
{
    if (cursor->at == cursor->end) {
        return false;
    }
    cursor->at++;
    return true;
}

// ---- columns and rows ----

void csv_set_columns(struct csv *csv, struct fields *fields, const struct option_pair *names,
                     uint32_t count)
{
    assert(count <= CSV_COLUMNS_MAX);
    fields_begin(fields);
    for (uint32_t i = 0; i < count; i++) {
        csv->slots[i] = (int16_t)fields_slot(fields, bytes_text(names[i].value));
    }
    csv->column_count = (uint16_t)count;
}

bool csv_read_header(struct csv *csv, struct fields *fields, struct bytes line)
{
    static const char mark[] = "\xEF\xBB\xBF"; // of byte order, which spreadsheets write
    line = without_end(line);
    if (line.size >= 3 && memcmp(line.at, mark, 3) == 0) {
        line = bytes_from(line.at + 3, line.size - 3);
    }
    struct cursor cursor = {line.at, line.at + line.size, csv->separator, fields};
    struct bytes name;
    csv->column_count = 0;
    fields_begin(fields);
    do {
        if (csv->column_count == CSV_COLUMNS_MAX) {
            fields_blame(fields, "the header has more than %d columns", CSV_COLUMNS_MAX);
            return false;
        }
        if (!take_cell(&cursor, &name)) {
            return false;
        }
        csv->slots[csv->column_count++] = (int16_t)fields_slot(fields, name);
    } while (take_separator(&cursor));
    return true;
}

const struct record *csv_line_read(const struct csv *csv, struct fields *fields, struct bytes line)
{
    line = without_end(line);
    struct cursor cursor = {line.at, line.at + line.size, csv->separator, fields};
    struct bytes cell;
    uint32_t count = 0;
    fields_begin(fields);
    do {
        if (!take_cell(&cursor, &cell)) {
            return fields_end(fields);
        }
        if (count < csv->column_count && csv->slots[count] != FIELDS_NOTHING) {
            fields_put_cell(fields, csv->slots[count], cell);
        }
        count++;
    } while (take_separator(&cursor));
    if (count != csv->column_count) {
        fields_blame(fields, "the line has %u cells, where %u columns are wanted", count,
                     csv->column_count);
    }
    return fields_end(fields);
}
