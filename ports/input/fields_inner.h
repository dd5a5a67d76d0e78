// What fields.c (values) and fields_names.c (names) share.
#ifndef WEIR_PORTS_INPUT_FIELDS_INNER_H
#define WEIR_PORTS_INPUT_FIELDS_INNER_H

#include "ports/input/fields.h"

enum {
    FIELDS_SLOTS_MAX =
        SCHEMA_COLUMNS_MAX + 4 + FIELDS_UNKNOWN_MAX, // with three roles, one expected
    FIELDS_TABLE_SIZE = 1024, // open addressing; a power of two, more than twice FIELDS_SLOTS_MAX
    FIELDS_PLACES_MAX = 512,  // members of a line that are looked up by place
};

enum fields_role {
    STANDS_FOR_NOTHING,
    STANDS_FOR_FIELD,
    STANDS_FOR_KEY,
    STANDS_FOR_TIME,
    STANDS_FOR_QUALITY
};

// A name of the input. The key, the time and the quality may be a field of the contract besides.
struct fields_slot {
    struct bytes name;
    enum fields_role role;
    bool is_field;
    bool is_plain; // stands in JSON as it is, without escapes
    bool as_text;  // an integer that may stand in quotation marks (physicalType: string)
    uint16_t field;
    enum column_type type;
};

struct fields {
    const char *input;
    const struct schema *schema;
    enum fields_unit unit;
    bool strict;
    bool key_wanted;  // a line without it makes no record
    bool time_wanted; // the same
    struct bytes key_name;
    struct bytes time_name;

    uint32_t slot_count;
    uint32_t unknown_count;
    struct fields_slot slots[FIELDS_SLOTS_MAX];
    int16_t table[FIELDS_TABLE_SIZE]; // index of a slot, -1: free
    char unknown_names[FIELDS_UNKNOWN_MAX][FIELDS_NAME_MAX];

    uint32_t place;                   // of the next member of this line
    int16_t order[FIELDS_PLACES_MAX]; // the slots of the line before

    bool has_key;
    bool has_time;
    bool blamed;
    char sentence[FIELDS_SENTENCE_SIZE];
    struct record record;
    struct value values[SCHEMA_COLUMNS_MAX];
    struct buffer scratch;
    uint8_t scratch_bytes[FIELDS_LINE_MAX];
};

#endif
