// The jobs of the store worker: everything that touches a spool after the start. Plain blocking
// code; each job carries what it needs and brings back what it found, so that the loop and the
// worker share nothing.
//
// Floor: flow.
#ifndef WEIR_AGENT_STORE_H
#define WEIR_AGENT_STORE_H

#include "agent/job.h"
#include "agent/stage.h"
#include "agent/states.h"

enum {
    STORE_SETTLES_MAX = 64,
    STORE_LOSSES_MAX = 16,
    STORE_KEYS_MAX = 256, // new names of series in one commit
};

struct store_settle {
    uint64_t from;
    uint64_t to;
    enum settled_how how;
};

// Settle, then commit.
struct store_commit {
    struct job job;
    void *owner;
    struct spool *spool;
    // in
    struct stage *stage; // belongs to the worker meanwhile
    uint32_t settle_count;
    struct store_settle settles[STORE_SETTLES_MAX];
    struct spool_commit commit;        // over the four below
    struct bytes keys[STORE_KEYS_MAX]; // of the series table, whose names never move
    struct states states;
    struct spool_state state_list[SPOOL_STATES_MAX];
    // out
    enum err result;
    struct spool_stat stat;
    uint32_t loss_count;
    struct spool_loss losses[STORE_LOSSES_MAX];
};
void store_commit_work(struct job *job);

// Read the block that holds `seq`, or the next one after it.
struct store_read {
    struct job job;
    void *owner;
    struct spool *spool;
    uint64_t seq;
    enum err result;
    struct spool_block block; // its payload lies in `bytes`
    uint8_t bytes[SPOOL_BLOCK_MAX];
};
void store_read_work(struct job *job);

// Append a line to the product's quarantine file, durably. ERR_FULL: it has `limit_bytes`.
struct store_quarantine {
    struct job job;
    void *owner;
    const char *path;
    uint64_t limit_bytes;
    uint64_t seq;
    struct buffer line;
    enum err result;
};
void store_quarantine_work(struct job *job);

#endif
