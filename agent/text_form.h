// The `format` that a contract may ask of a text: what the text is.
//
// Floor: forms.
#ifndef WEIR_AGENT_TEXT_FORM_H
#define WEIR_AGENT_TEXT_FORM_H

#include "agent/bytes.h"

enum text_form {
    FORM_EMAIL,    // one @ with something on both sides, no white space
    FORM_UUID,     // 8-4-4-4-12 hexadecimal digits
    FORM_URI,      // RFC 3986: a scheme and what may follow it
    FORM_HOSTNAME, // RFC 1123: labels of 1 to 63, 253 in all
    FORM_IPV4,     // four decimal numbers without leading zeros
    FORM_IPV6,     // RFC 4291, without a zone
    FORM_COUNT,
};

// The form called `name`; FORM_COUNT where weir judges none of that name.
enum text_form text_form_find(const char *name);
const char *text_form_name(enum text_form form);

bool text_has_form(enum text_form form, struct bytes text);

#endif
