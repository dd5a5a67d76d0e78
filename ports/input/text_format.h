// The text formats that inputs can have, behind one face: where a line ends, and what it says.
#ifndef WEIR_PORTS_INPUT_TEXT_FORMAT_H
#define WEIR_PORTS_INPUT_TEXT_FORMAT_H

#include "ports/input/csv.h"

enum text_kind { TEXT_JSON, TEXT_CSV, TEXT_LINE_PROTOCOL };
#define TEXT_KINDS "json|csv|line" // the choices of an option that is one

struct text_format {
    enum text_kind kind;
    bool header_wanted; // CSV whose columns are named by the first line of each file
    struct fields *fields;
    struct csv csv;
};

// Bytes of the first line of `in` with its end; 0 where it does not end in `in`.
size_t text_line_size(const struct text_format *format, struct bytes in);

// A line that says nothing and is no mistake: white space, a comment of line protocol.
bool text_line_is_empty(const struct text_format *format, struct bytes line);

// The record of a line, borrowed until the next call; NULL: none, see fields_sentence.
const struct record *text_line_read(struct text_format *format, struct bytes line);

#endif
