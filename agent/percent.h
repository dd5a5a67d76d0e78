// Percent-encoding (RFC 3986, section 2.1), for texts that become part of a URI.
//
// Floor: ground.
#ifndef WEIR_AGENT_PERCENT_H
#define WEIR_AGENT_PERCENT_H

#include "agent/bytes.h"

// Append `text`; all but letters, digits and -._~ is encoded.
void percent_put(struct buffer *out, const char *text);

#endif
