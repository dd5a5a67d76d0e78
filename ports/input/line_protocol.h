// InfluxDB line protocol (v1 and v2):
//
//     measurement,tag=value,tag=value field=21.5,other=7i,on=t,text="a \"b\"" 1465839830100400200
//
// The measurement is a text called "measurement"; tags are texts; fields are numbers, integers (7i,
// 7u), booleans and texts. A line protocol that breaks a text over lines is not understood.
#ifndef WEIR_PORTS_INPUT_LINE_PROTOCOL_H
#define WEIR_PORTS_INPUT_LINE_PROTOCOL_H

#include "ports/input/fields.h"

// Read one line (with or without its end). NULL: none, see fields_sentence.
const struct record *line_protocol_read(struct fields *fields, struct bytes line);

#endif
