// Options as rows: a driver lists what can be set, and from the rows come the parser, the defaults,
// the ranges, `weir config --print`, the error sentences and the reference page (`weir config
// --help DRIVER`).
//
// Floor: forms.
#ifndef WEIR_AGENT_OPTION_H
#define WEIR_AGENT_OPTION_H

#include "agent/bytes.h"

enum option_type {
    OPTION_TEXT,
    OPTION_PATH,     // relative to the directory of the file it stands in; kept absolute
    OPTION_BOOLEAN,  // true | false
    OPTION_INTEGER,  // a bare number
    OPTION_NUMBER,   // a bare number, fractions allowed
    OPTION_DURATION, // with a unit: ms s min h d; kept in milliseconds
    OPTION_SIZE,     // with a unit: B KiB MiB GiB (and kB MB GB); kept in bytes
    OPTION_CHOICE,   // one of `choices`; kept as its index
    OPTION_LIST,     // texts
    OPTION_MAP,      // text: text
};

// One row. Rows end with {.key = NULL}.
struct option {
    const char *key; // as it stands in the file, e.g. "when full"
    enum option_type type;
    const char *initial; // the default as it would stand in the file; NULL: unset unless given
    bool required;
    int64_t low, high;   // for integers, durations (ms), sizes (bytes); both 0: any
    const char *choices; // "udp|tcp|unix"
    const char *help;    // one line
};

struct option_pair {
    char *name;
    char *value;
};

struct option_value {
    bool set; // given, or by default
    bool by_default;
    int line;        // where it was given; 0 by default
    int64_t integer; // INTEGER, DURATION, SIZE, CHOICE, BOOLEAN
    double number;
    char *text;                // TEXT, PATH, CHOICE (the word); owned
    struct option_pair *pairs; // LIST (value only) and MAP; owned
    uint32_t pair_count;
};

struct option_set {
    const struct option *rows;
    struct option_value *values; // one a row; owned
    const char *file;            // where they were given
    int line;                    // of the mapping that held them
};

// The values by key. Asking for a key that the rows do not have, or with the wrong type, is a bug.
bool option_is_set(const struct option_set *set, const char *key);
const char *option_text(const struct option_set *set, const char *key); // NULL where unset
int64_t option_integer(const struct option_set *set, const char *key);  // 0 where unset
double option_number(const struct option_set *set, const char *key);
bool option_boolean(const struct option_set *set, const char *key);
int64_t option_duration_ms(const struct option_set *set, const char *key);
int64_t option_size_bytes(const struct option_set *set, const char *key);
int option_choice(const struct option_set *set, const char *key); // index among the choices
// LIST and MAP: `*count` pairs; NULL where unset.
const struct option_pair *option_pairs(const struct option_set *set, const char *key,
                                       uint32_t *count);
int option_line(const struct option_set *set, const char *key);

void option_set_free(struct option_set *set);

#endif
