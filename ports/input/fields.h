// From names in an input to columns of a contract: the part that all text formats share. A parser
// says "here begins a line; member `temp` is the number 21.5; here it ends", and gets a record, or
// the sentence that says why this line makes none.
//
// A name stands for the key, the time, the quality, or the property of the same name; `fields:`
// renames. Names that stand for nothing are ignored, and told once each. A name is looked up by its
// place in the line: as long as lines look like the one before, a look-up is one comparison.
#ifndef WEIR_PORTS_INPUT_FIELDS_H
#define WEIR_PORTS_INPUT_FIELDS_H

#include "agent/number.h"
#include "agent/option.h"
#include "agent/problem.h"
#include "agent/record.h"

enum {
    FIELDS_NAME_MAX = 127,      // bytes of a name in an input; longer ones stand for nothing
    FIELDS_UNKNOWN_MAX = 64,    // names that stand for nothing and are remembered
    FIELDS_LINE_MAX = 65536,    // bytes of a line
    FIELDS_SENTENCE_SIZE = 256, // of what is wrong with a line
};

enum fields_unit { UNIT_S, UNIT_MS, UNIT_US, UNIT_NS };
#define FIELDS_UNITS "s|ms|us|ns" // the choices of an option that is one

struct fields_names {
    const char *key;     // NULL: the contract's key column, by its name
    const char *time;    // NULL: its time column; where a line has none, the time it was read
    const char *quality; // NULL: its quality column; where a line has none, good
    enum fields_unit unit;
    bool strict; // a value has the JSON type of its column: no 5 for a text, no 1 for true
    const struct option_pair *renames; // name in the input: property
    uint32_t rename_count;
};

struct fields; // opaque

// Are the names all properties of `schema`? `key` is where the renames stand ("fields").
void fields_check(const struct fields_names *names, const struct schema *schema, const char *file,
                  int line, const char *key, struct problems *problems);

// Memory is taken here, once; NULL where there is none. `input` is for the log; all is borrowed.
struct fields *fields_open(const char *input, const struct schema *schema,
                           const struct fields_names *names);
void fields_close(struct fields *fields);

// The format itself gives `name` (borrowed): where it stands for nothing, that is not told.
void fields_expect(struct fields *fields, const char *name);

// A new line begins: nothing is known of it.
void fields_begin(struct fields *fields);

// What the next name of the line stands for: a slot for the calls below, or FIELDS_NOTHING.
enum { FIELDS_NOTHING = -1 };
int fields_slot(struct fields *fields, struct bytes name);

// The same of a name that is no value's and so is not the next: of an inner object.
int fields_known_slot(const struct fields *fields, struct bytes name);

// The same for a member of JSON at the front of `in`, where it has the name that stood in this
// place in the line before and is written plainly: `"NAME":` and not an object after it. Returns
// the bytes that takes; 0: it is something else, and was not counted.
size_t fields_take_expected(struct fields *fields, struct bytes in, int *slot);

// Say what stands in the slot. Texts are borrowed until fields_begin. What its column does not take
// stands in the record as a value of another kind, a text where there is none better: what is to be
// done with such a record, the contract says. The line makes no record where that cannot be (a text
// that is no UTF-8, an array for a column of texts).
void fields_put_text(struct fields *fields, int slot, struct bytes text);
void fields_put_number(struct fields *fields, int slot, const struct number *number,
                       struct bytes text);
void fields_put_boolean(struct fields *fields, int slot, bool boolean);
void fields_put_null(struct fields *fields, int slot);
// A cell of a table, where only the column says what the text is. Empty: null.
void fields_put_cell(struct fields *fields, int slot, struct bytes text);
// Something that no column takes; `what` for the sentence: "an array".
void fields_put_other(struct fields *fields, int slot, const char *what);

// The time stamp of a format that has a place for it; a time that a name stands for goes before it.
void fields_put_stamp(struct fields *fields, const struct number *number, struct bytes text);

// Room for `size` bytes that live until fields_begin (texts without their escapes); NULL: full.
uint8_t *fields_scratch(struct fields *fields, size_t size);

// The line is not what its format wants. The first sentence of a line stands.
void fields_blame(struct fields *fields, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The record of the line, borrowed until fields_begin; NULL where it makes none, and then
// fields_sentence says why.
const struct record *fields_end(struct fields *fields);
const char *fields_sentence(const struct fields *fields);

// A text shortened and made printable for a sentence; `out` is returned.
const char *fields_shown(struct bytes text, char out[64]);

#endif
