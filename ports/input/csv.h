// Tables as text: RFC 4180 with any one-byte separator. Cells in quotation marks are taken as they
// stand; spaces around others are not part of them. An empty cell is null.
#ifndef WEIR_PORTS_INPUT_CSV_H
#define WEIR_PORTS_INPUT_CSV_H

#include "ports/input/fields.h"

enum { CSV_COLUMNS_MAX = 512 };

struct csv {
    uint8_t separator;
    uint16_t column_count; // 0: not known yet
    int16_t slots[CSV_COLUMNS_MAX];
};

void csv_init(struct csv *csv, uint8_t separator);

// Bytes of the first line of `in`, its end and the ends of lines inside quotation marks included;
// 0 where it does not end in `in`.
size_t csv_line_size(const struct csv *csv, struct bytes in);

// The columns' names, from the settings or from a header line. False: the header is not one, see
// fields_sentence.
void csv_set_columns(struct csv *csv, struct fields *fields, const struct option_pair *names,
                     uint32_t count);
bool csv_read_header(struct csv *csv, struct fields *fields, struct bytes line);

// Read one line (with or without its end); the columns are known. NULL: none, see fields_sentence.
const struct record *csv_line_read(const struct csv *csv, struct fields *fields, struct bytes line);

#endif
