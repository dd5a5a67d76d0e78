// Sealing of stored bytes: AEAD under a key that is derived for each salt, so that no counter has
// to survive a power cut (agent/SPOOL.md, "Sealed").
//
// Floor: forms.
#ifndef WEIR_AGENT_SEAL_H
#define WEIR_AGENT_SEAL_H

#include "agent/bytes.h"
#include "agent/err.h"
#include "agent/frame.h"

enum { SEAL_KEY_SIZE = 32 };

struct seal; // opaque

// NULL: no memory. `key` (SEAL_KEY_SIZE bytes) is copied, and wiped by seal_free.
struct seal *seal_new(const uint8_t *key);
void seal_free(struct seal *seal);
size_t seal_memory(void);

// A number that tells this key from others, for spools of `epoch`; never 0.
uint64_t seal_key_check(const struct seal *seal, uint64_t epoch);

// FRAME_SEALED_CHACHA or FRAME_SEALED_GCM: whichever is faster on this machine.
uint8_t seal_cipher(void);

// Encrypt `size` bytes at `at` in place and write the tag behind them. `frame` holds the fields of
// the header `covered` (FRAME_SEALED_SIZE bytes, authenticated too).
void seal_close(struct seal *seal, const struct frame *frame, const uint8_t *covered, uint8_t *at,
                uint32_t size);

// Undo it: frame->size bytes at `at`, tag included. ERR_CORRUPT: altered, or another key.
enum err seal_open(struct seal *seal, const struct frame *frame, const uint8_t *covered,
                   uint8_t *at);

#endif
