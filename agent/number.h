// Numbers as text and back, exactly: the text of a double reads back as the same bits, and the
// double of a text is the nearest there is. No locale changes either way.
//
// Floor: forms.
#ifndef WEIR_AGENT_NUMBER_H
#define WEIR_AGENT_NUMBER_H

#include "agent/bytes.h"

enum { NUMBER_TEXT_SIZE = 32 }; // room for any number as text, NUL included

enum number_kind {
    NUMBER_NONE,     // not a number, or too large for a double
    NUMBER_INTEGER,  // digits only, and within int64: `integer` is exact
    NUMBER_FRACTION, // a point, an exponent, or an integer beyond int64: `number` is the nearest
};

struct number {
    enum number_kind kind;
    bool json;       // the text is a number of RFC 8259 too (no "+1", "007", ".5", "5.")
    int64_t integer; // NUMBER_INTEGER only
    double number;   // the nearest double, for both kinds; -0.0 for "-0"
};

// Read the number that `in` starts with: an optional sign, decimal digits with an optional point,
// an optional exponent. Returns the bytes it takes; 0 and NUMBER_NONE where there is none. "nan",
// "inf" and hexadecimal are no numbers. NUMBER_NONE with bytes taken: its double would be infinite.
size_t number_take(struct bytes in, struct number *number);

// The same, where the whole of `text` must be the number: else NUMBER_NONE.
enum number_kind number_parse(struct bytes text, struct number *number);

// Write the fewest correctly rounded digits that read back as the same double, in the syntax of
// RFC 8259: "21.5", "-0.0", "5", "1e-9", "1.5e+300"; "null" for NaN and the infinities, which JSON
// cannot say. `out` gets a NUL; returns the length.
size_t number_format(double number, char out[NUMBER_TEXT_SIZE]);
size_t number_format_integer(int64_t number, char out[NUMBER_TEXT_SIZE]);

#endif
