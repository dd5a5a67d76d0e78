// Any bytes as a record of layout `blocks`: refused or read, within the reader's memory.
#include "agent/wire_blocks_read.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum column_type types[] = {COLUMN_NUMBER, COLUMN_STRING, COLUMN_BOOLEAN,
                                             COLUMN_INTEGER};
    static struct wire_reader *reader;
    static struct key_list *listed;
    if (reader == NULL) {
        reader = wire_reader_open();
        listed = key_list_open();
        for (uint8_t i = 0; listed != NULL && i < 9; i++) {
            (void)key_list_add(listed, bytes_from("abcdefghi" + i, 1));
        }
    }
    if (reader == NULL || listed == NULL) {
        abort();
    }
    listed->id = 7; // so that a record can say it
    struct schema schema = {.column_count = 4, .field_count = 4};
    for (uint16_t i = 0; i < 4; i++) {
        schema.columns[i].role = ROLE_FIELD;
        schema.columns[i].field = i;
        schema.columns[i].type = types[i];
    }
    if (wire_read(reader, bytes_from(data, size), &schema, listed) == OK) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < wire_reader_info(reader)->row_count; i++) {
            struct record record;
            wire_row(reader, i, &record);
            sum += record.key.size > 0 ? record.key.at[0] : 0;
            sum += record.values[1].kind == VALUE_TEXT ? record.values[1].text.size : 0;
        }
        (void)sum;
    }
    return 0;
}
