// Texts as JSON strings (RFC 8259, section 7).
//
// Floor: forms.
#ifndef WEIR_AGENT_JSON_TEXT_H
#define WEIR_AGENT_JSON_TEXT_H

#include "agent/bytes.h"

// Append `text` with its quotation marks. Quotation mark, reverse solidus and control characters
// are escaped; what is not UTF-8 (overlong forms and surrogates too) becomes U+FFFD, one for each
// byte that cannot go on. Where `out` has no room its `overflow` is set and a part may be written.
void json_put_string(struct buffer *out, struct bytes text);

// Bytes of the UTF-8 sequence that `in` starts with: 1 to 4; 0 where it is none (RFC 3629).
size_t json_utf8_size(struct bytes in);
bool json_is_utf8(struct bytes text);

#endif
