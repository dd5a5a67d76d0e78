// Options as rows: a driver lists what can be set, and from the rows come the parser, the defaults,
// the ranges, `weir config --print`, the error sentences and the reference page (`weir config
// --help DRIVER`).
//
// Floor: forms.
#ifndef WEIR_AGENT_OPTION_H
#define WEIR_AGENT_OPTION_H

#include "agent/bytes.h"
#include "agent/yaml.h"

#include <stdio.h>

enum option_type {
    OPTION_TEXT,
    OPTION_PATH,     // relative to the directory of the file it stands in; kept absolute, or a
                     // pkcs11: URI, kept as it is
    OPTION_BOOLEAN,  // true | false
    OPTION_INTEGER,  // a bare number
    OPTION_NUMBER,   // a bare number, fractions allowed
    OPTION_DURATION, // with a unit: ms s min h d; kept in milliseconds
    OPTION_SIZE,     // with a unit: B KiB MiB GiB (and kB MB GB); kept in bytes
    OPTION_CHOICE,   // one of `choices`; kept as its index
    OPTION_LIST,     // texts
    OPTION_MAP,      // text: text
};

// One row. Rows end with {.key = NULL}. A key with a point stands in a mapping: "tls.ca" is read
// from `tls: {ca: ...}`.
struct option {
    const char *key; // as it stands in the file, e.g. "when full"
    enum option_type type;
    const char *initial; // the default as it would stand in the file; NULL: unset unless given
    bool required;
    int64_t low, high;   // for numbers, durations (ms), sizes (bytes); both 0: any; high < low: no
                         // upper end
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
    const char *file;            // where they were given; borrowed
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

// Read the mapping `section` of `parent` (the mapping `parent` itself where `section` is NULL) by
// `rows`, adding all that is wrong to `problems`; defaults stand where nothing is given, also where
// the mapping is missing. Keys of `others` (rows, may be NULL) are known but left alone. `set` can
// be asked and must be freed whatever was wrong; `set->file` borrows the file's name of the tree.
void option_read(struct option_set *set, const struct option *rows, const struct option *others,
                 const struct yaml_node *parent, const char *section, struct problems *problems);

// As `others`: any other key may stand there too.
extern const struct option option_any[];

// The same from a YAML text that is the mapping, e.g. "path: a.csv\nformat: csv\n". `file` must
// live as long as the set. False where a problem was added; `set` must be freed then too.
bool option_read_text(struct option_set *set, const struct option *rows, const char *file,
                      const char *text, struct problems *problems);

// Give a value to what was not given and has no default in its row (because it depends on others).
void option_default_integer(struct option_set *set, const char *key, int64_t value);
void option_default_text(struct option_set *set, const char *key, const char *value);
void option_default_choice(struct option_set *set, const char *key, int index);

void option_set_free(struct option_set *set);

// ---- for people ----

enum { OPTION_TEXT_SIZE = 64 };
// "1500 ms", "10 s", "2 h": the largest unit that says it exactly. Sizes likewise: "64 MiB".
void option_format_duration(int64_t ms, char out[OPTION_TEXT_SIZE]);
void option_format_size(int64_t bytes, char out[OPTION_TEXT_SIZE]);

// Must the value not be shown (a password or the like, by the key's last word)?
bool option_is_secret(const char *key);

// Print the rows for people, one paragraph each: key, type, range, default, help.
void option_print_help(const struct option *rows, FILE *out);
// One row as a line of a Markdown table: | key | value | default | help |
void option_print_table_line(const struct option *row, FILE *out);

#endif
