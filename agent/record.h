// A record: one row of a contract. A driver fills it, intake checks it, a block keeps it, an output
// encodes it.
//
// Floor: forms.
#ifndef WEIR_AGENT_RECORD_H
#define WEIR_AGENT_RECORD_H

#include "agent/schema.h"

enum {
    RECORD_KEY_MAX = 255,   // bytes
    RECORD_TEXT_MAX = 4096, // bytes of one string value
};

enum value_kind {
    VALUE_NULL,
    VALUE_BOOLEAN,
    VALUE_INTEGER, // for COLUMN_INTEGER and COLUMN_TIMESTAMP (Unix ms)
    VALUE_NUMBER,
    VALUE_TEXT, // UTF-8, borrowed
};

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct bytes text;
    };
};

// 0 is good; on the wire the words below. Other values are carried as they are and told as "bad".
enum quality { QUALITY_GOOD = 0, QUALITY_UNCERTAIN = 1, QUALITY_BAD = 2 };

// Which clock gave `time_ms`: the device's own stamp, our wall clock, or milliseconds since boot
// where the wall clock was not yet set (becomes wall time when sent).
enum record_clock { RECORD_CLOCK_DEVICE, RECORD_CLOCK_WALL, RECORD_CLOCK_BOOT };

struct record {
    struct bytes key; // borrowed; empty where the product has no key
    int64_t time_ms;
    enum record_clock clock;
    uint8_t quality;
    uint64_t seq;               // 0 until the spool's sequence is given to it
    const struct value *values; // schema.field_count of them, in field order; borrowed
};

#endif
