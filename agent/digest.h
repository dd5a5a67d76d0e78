// Digests that name a content.
//
// Floor: ground.
#ifndef WEIR_AGENT_DIGEST_H
#define WEIR_AGENT_DIGEST_H

#include "agent/bytes.h"

enum { DIGEST_SIZE = 32 };

// SHA-256 (FIPS 180-4).
void digest_sha256(struct bytes bytes, uint8_t out[DIGEST_SIZE]);

#endif
