// Was a nonce used twice? All blocks of the oracle begin with the same 16 bytes, so under one key
// two sealed blocks that begin alike were sealed with the same key stream (RFC 8439, section 4:
// what that costs). No key is needed to see it. And no two sealed frames of any kind have the same
// salt, segment and number.
#ifndef WEIR_TESTS_SIM_SEALS_H
#define WEIR_TESTS_SIM_SEALS_H

#include "agent/bytes.h"

struct seals; // opaque

struct seals *seals_open(void); // NULL: no memory
void seals_close(struct seals *seals);
void seals_reset(struct seals *seals);

// False where a sealed frame in these bytes, just written, begins as another one did.
bool seals_are_fresh(struct seals *seals, struct bytes written);

#endif
