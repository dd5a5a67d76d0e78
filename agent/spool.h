// The spool: the bounded, durable, ordered store of one product. Plain blocking code for the store
// worker, one caller at a time; the crash simulator runs the same. agent/SPOOL.md is the law of its
// bytes.
//
// It stores blocks (opaque payloads that cover a run of seqs), the names of series, and small
// state, and gives them back whole or says what it lost.
//
//   young block   rows since the last commit; goes to the nursery
//   dense block   a full block; waits in the pack until the pack is worth a commit of the main ring
//                 (pack_bytes). Its rows are durable before: in young blocks, or with it.
//
// What a caller may rely on (I1, I2, I3, I4, I6, I7 of agent/README.md): after spool_commit returns
// OK, every row it covered is read back until it is settled, after any cut.
//
// Floor: keeping.
#ifndef WEIR_AGENT_SPOOL_H
#define WEIR_AGENT_SPOOL_H

#include "agent/disk.h"
#include "agent/settled.h"

enum {
    SPOOL_STATE_NAME_MAX = 64,    // bytes of a state's name, NUL included
    SPOOL_STATE_VALUE_MAX = 1024, // bytes of its value
    SPOOL_STATES_MAX = 64,        // names
    SPOOL_BLOCK_MAX = 131072,     // bytes of a block
};

enum spool_when_full { SPOOL_DROP_OLDEST, SPOOL_REFUSE };

struct spool_options {
    uint64_t size_bytes;    // of the main ring
    uint32_t segment_bytes; // 0: chosen by size (4 MiB where the ring has at least 8 of them)
    uint32_t nursery_bytes; // one of its two segments; 0: 256 KiB
    uint32_t pack_bytes;    // 0: 60 KiB
    enum spool_when_full when_full;
    const uint8_t *key; // 32 bytes: blocks are sealed by AEAD under it; NULL: in clear
};

struct spool_block {
    uint64_t first_seq;
    uint32_t count; // rows; their seqs are first_seq .. first_seq + count - 1
    bool dense;
    int64_t time_first_ms;
    int64_t time_last_ms;
    struct bytes payload;
};

struct spool_state {
    const char *name;
    struct bytes value; // empty removes it
};

// One commit: all of it is durable after OK, none of it has happened for a reader after an error
// (the caller then still has it and may try again).
//
// Blocks come by ascending last seq and leave no gap after stat.next_seq. A young one normally
// continues there; it may begin earlier (a whole open block, see stat.wants_whole) and then stands
// for the young ones it covers. A dense one follows the dense one before it (rows between them must
// have ended). Best for the flash: the young block of the rows that are not durable yet, then the
// dense block that ends with them, then the young block of what follows; a dense block with rows
// that no young block made durable is written to the nursery itself.
struct spool_commit {
    const struct spool_block *blocks;
    size_t block_count;
    const struct bytes *keys; // new names of series, in id order from spool_key_count on
    size_t key_count;
    const struct spool_state *states; // changed ones, each name once
    size_t state_count;
};

// What the spool did on its own account and the flow must tell: a run of seqs that ended.
struct spool_loss {
    uint64_t from;
    uint64_t to;
    enum settled_how how;
    int64_t time_first_ms;
    int64_t time_last_ms;
};

enum spool_health { SPOOL_OK, SPOOL_DEGRADED /* segments abandoned, goes on */, SPOOL_BROKEN };

struct spool_stat {
    uint64_t epoch;
    uint64_t next_seq;       // of the next row committed
    uint64_t cursor;         // everything up to it is settled
    uint64_t dense_end;      // last seq that lies in the main ring (0: none)
    uint64_t size_bytes;     // both rings
    uint64_t used_bytes;     // held by rows that are not settled
    uint32_t fill_percent;   // of what can be filled; from 100 on a new segment needs `when_full`
    uint64_t stored_bytes;   // payload bytes of rows that are not settled
    int64_t oldest_ms;       // time_first_ms of the oldest block not settled; INT64_MIN: none
    uint64_t written_bytes;  // passed to write since open
    uint64_t commits, syncs; // since open
    uint64_t corrupt_bytes, torn_commits, repaired_segments, abandoned_segments; // since open
    uint64_t opened_read_bytes; // read by spool_open
    bool wants_whole; // the next commit should bring all rows after the last dense block as one
                      // young block (not only the new rows): the nursery is about to turn over
    enum spool_health health;
    enum err last_error;
};

struct spool; // opaque

// Open or make the spool on `disk` (borrowed). Memory is taken here, once, <= 512 KiB and the
// series. ERR_NO_SPACE, ERR_READONLY, ERR_DENIED, ERR_IO: from the disk. ERR_VERSION: newer format.
// ERR_INVALID: options that make no ring, or files of sizes that no ring has. ERR_KEY: the key is
// not the spool's. A ring that is there
// keeps its size. Damage is no error (I7): it is repaired and counted, and what it cost is declared
// when a reader comes to it.
enum err spool_open(struct spool **spool, const struct disk *disk,
                    const struct spool_options *options);
void spool_close(struct spool *spool); // writes nothing: commit state first
size_t spool_memory(const struct spool *spool);

void spool_stat(const struct spool *spool, struct spool_stat *stat);

// ERR_FULL: `refuse` and no room. ERR_IO, ERR_READONLY, ERR_NO_SPACE: the device (I6: written again
// elsewhere before this is said). ERR_LIMIT: a block, name or value is over its bound, the commit
// is larger than a segment, or too many young blocks wait (bring the whole open block).
// ERR_INVALID: blocks that leave a gap.
enum err spool_commit(struct spool *spool, const struct spool_commit *commit);

// The block that holds `seq`, or, where that is gone or not there yet, the next one after it. Young
// blocks are returned only where no dense block covers the same rows. The payload borrows from the
// spool until the next call. ERR_AGAIN: nothing at or after `seq` is durable. Where rows between
// `seq` and the block returned had not ended, they are gone: they are declared lost before the call
// returns. ERR_FULL: there is no room to declare them until older records end. ERR_IO: the device
// does not answer at all.
enum err spool_read(struct spool *spool, uint64_t seq, struct spool_block *block);

// The one way a record's life ends (I3, I4). Takes effect in memory at once and becomes durable
// with the next commit. ERR_FULL: a 33rd range; nothing changed.
enum err spool_settle(struct spool *spool, uint64_t from, uint64_t to, enum settled_how how);
const struct settled *spool_settled(const struct spool *spool);

// Losses the spool itself caused (drop oldest, rot), oldest first, each already settled. OK: one
// was taken. ERR_AGAIN: none waits. They are durable until told: `spool_open` returns them again
// until a commit was made after they were taken.
enum err spool_loss_next(struct spool *spool, struct spool_loss *loss);

// Durable names and state, as of the last commit.
uint32_t spool_key_count(const struct spool *spool);
enum err spool_key(const struct spool *spool, uint32_t id, struct bytes *key);
enum err spool_state(const struct spool *spool, const char *name, struct bytes *value);

// Read-only use by the commands (a live or copied spool): never writes to the disk, declares
// nothing, and reads what has ended too, as long as it lies there. `key` NULL for a sealed spool:
// blocks, names, state and what is settled stay unknown. A live one may change meanwhile: what it
// then fails to find is found by opening it anew.
enum err spool_open_readonly(struct spool **spool, const struct disk *disk, const uint8_t *key);

#endif
