// UUIDs made from names: the same name, the same UUID, on every machine (RFC 9562, version 5).
//
// Floor: ground.
#ifndef WEIR_AGENT_UUID_H
#define WEIR_AGENT_UUID_H

#include "agent/bytes.h"

enum { UUID_TEXT_SIZE = 37 }; // NUL included

// The UUID of `name`, a URL or URN, in the name space of URLs (RFC 9562, 6.6), as text. Python:
// uuid.uuid5(uuid.NAMESPACE_URL, name).
void uuid_of_url(struct bytes name, char out[UUID_TEXT_SIZE]);

#endif
