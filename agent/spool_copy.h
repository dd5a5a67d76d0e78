// A spool once more, in another place and under another key: what `weir spool rekey` and
// `resize` are made of.
//
// Floor: keeping.
#ifndef WEIR_AGENT_SPOOL_COPY_H
#define WEIR_AGENT_SPOOL_COPY_H

#include "agent/spool.h"

// Told after each commit, if there is one: how far the copy is.
struct spool_copy_progress {
    void (*tell)(void *context, uint64_t seq, uint64_t last_seq);
    void *context;
};

// Make rings on `disk` in the shape of `from` (`more_slots` longer, or shorter) and write into them
// what waits in `from`: same epoch, same seqs, blocks as they are, names, state, settled set and
// losses not yet taken. What has ended is left behind. Sealed under `key`; NULL: in clear. `from`
// is open for writing, and is not written to; rows that are found damaged there are lost in the
// copy. ERR_FULL: it does not fit (sealing takes 16 bytes a frame): try with another slot.
// ERR_INVALID: no ring has so few or so many. Else the errors of spool_open, spool_read and
// spool_commit. The rings are then half made.
enum err spool_copy(struct spool *from, const struct disk *disk, const uint8_t *key,
                    int32_t more_slots, struct spool_copy_progress progress);

// Does `copy` give back all that waits in `from`, byte for byte? ERR_CORRUPT: it does not.
enum err spool_copy_check(struct spool *from, struct spool *copy);

#endif
