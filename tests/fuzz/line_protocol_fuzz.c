// Any bytes as line protocol: a record, a sentence, and nothing read outside them.
#include "ports/input/text_format.h"
#include "tests/unit/support/columns.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fields *open_fields(void)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fields *fields;
    fields = fields == NULL ? open_fields() : fields;
    struct text_format format = {.kind = TEXT_LINE_PROTOCOL, .fields = fields};
    csv_init(&format.csv, ',');
    struct bytes rest = bytes_from(data, size);
    while (rest.size > 0) {
        size_t line = text_line_size(&format, rest);
        line = line == 0 ? rest.size : line;
        line = line < FIELDS_LINE_MAX ? line : FIELDS_LINE_MAX; // as the drivers do
        const struct record *record = text_line_read(&format, bytes_from(rest.at, line));
        if (record == NULL && fields_sentence(fields)[0] == 0) {
            abort();
        }
        rest = bytes_from(rest.at + line, rest.size - line);
    }
    return 0;
}
