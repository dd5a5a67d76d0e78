// What a record says under a column of its contract, whatever the format it is then written in:
// what the agent fills itself (key, time, gateway, epoch, seq, quality) beside what the input
// filled, and no number that is none.
//
// Floor: forms.
#ifndef WEIR_AGENT_WIRE_VALUE_H
#define WEIR_AGENT_WIRE_VALUE_H

#include "agent/record.h"

enum { WIRE_TEXT_SIZE = 32 }; // of what is no text: a number, a time, true, false

// A record and who tells it. All borrowed.
struct wire_row {
    const struct schema *schema;
    const struct record *record;
    const char *gateway;
    const char *epoch;
};

// The value of `column`: null or of its type's kind; texts are borrowed. NaN and infinities are
// null, and make the record's quality bad.
void wire_value(const struct wire_row *row, const struct column *column, struct value *value);

// What is written for it where values are texts (JSON, CSV), without quotation marks or escapes: of
// a text itself, else in `room`; empty for null.
struct bytes wire_value_text(const struct column *column, const struct value *value,
                             char room[WIRE_TEXT_SIZE]);

// The record's quality as told: a number that is none makes it bad.
uint8_t wire_quality(const struct schema *schema, const struct record *record);

const char *quality_name(uint8_t quality); // "good", "uncertain", "bad"

#endif
