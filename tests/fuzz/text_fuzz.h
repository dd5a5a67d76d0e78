// What the fuzzers of text formats share: any bytes, cut into lines as the drivers cut them; each
// line is a record or a sentence, and nothing is read outside it.
#ifndef WEIR_TESTS_FUZZ_TEXT_FUZZ_H
#define WEIR_TESTS_FUZZ_TEXT_FUZZ_H

#include "ports/input/text_format.h"
#include "tests/unit/support/columns.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fields *text_fuzz_fields(void)
{
    static struct schema schema = {.id = 1};
    struct fields_names names = {.unit = UNIT_NS, .key = "key"};
    columns_add(&schema, "number", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&schema, "integer", COLUMN_INTEGER, ROLE_FIELD);
    columns_add(&schema, "boolean", COLUMN_BOOLEAN, ROLE_FIELD);
    columns_add(&schema, "text", COLUMN_STRING, ROLE_FIELD);
    columns_add(&schema, "since", COLUMN_TIMESTAMP, ROLE_FIELD);
    columns_add(&schema, "quality", COLUMN_STRING, ROLE_QUALITY);
    return fields_open("fuzz", &schema, &names);
}

static void text_fuzz_line(struct text_format *format, struct bytes line)
{
    if (format->kind == TEXT_CSV && format->csv.column_count == 0) {
        (void)csv_read_header(&format->csv, format->fields, line);
    }
    const struct record *record = text_line_read(format, line);
    if (record == NULL && fields_sentence(format->fields)[0] == 0) {
        abort();
    }
}

static int text_fuzz(int kind, struct bytes rest)
{
    static struct fields *fields;
    fields = fields == NULL ? text_fuzz_fields() : fields;
    struct text_format format = {.kind = kind, .fields = fields};
    csv_init(&format.csv, ',');
    while (rest.size > 0) {
        size_t line = text_line_size(&format, rest);
        line = line == 0 ? rest.size : line;
        line = line < FIELDS_LINE_MAX ? line : FIELDS_LINE_MAX; // as the drivers do
        text_fuzz_line(&format, bytes_from(rest.at, line));
        rest = bytes_from(rest.at + line, rest.size - line);
    }
    return 0;
}

#endif
