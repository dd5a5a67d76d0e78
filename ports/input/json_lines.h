// One JSON object a line (RFC 8259), read in one pass without memory of its own. Members of objects
// inside it have names with points: {"a": {"b": 1}} has the member "a.b". Arrays are skipped.
#ifndef WEIR_PORTS_INPUT_JSON_LINES_H
#define WEIR_PORTS_INPUT_JSON_LINES_H

#include "ports/input/fields.h"

enum { JSON_DEPTH_MAX = 16 }; // objects and arrays inside each other that are looked into

// Read one line (with or without its end). The record is borrowed until the next line; NULL: none,
// see fields_sentence.
const struct record *json_line_read(struct fields *fields, struct bytes line);

#endif
