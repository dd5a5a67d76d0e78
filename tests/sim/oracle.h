// What the simulator knows of a history: every block, state, key and settled range that was ever
// handed to the spool, and what was answered. It looks at an opened spool and says in one sentence
// what is wrong with it, if anything is.
//
//   base    what the last answered commit made true: must be there
//   tries   commits since, whose answer was an error or was cut off: each whole, or not at all
//
// Blocks are opaque to the spool, so the oracle's carry their own number: 16 bytes that are the
// same in all blocks (two sealed frames that begin alike were sealed with one nonce), the number,
// then bytes that follow from it.
#ifndef WEIR_TESTS_SIM_ORACLE_H
#define WEIR_TESTS_SIM_ORACLE_H

#include "agent/spool.h"
#include "tests/sim/random.h"

#include <stdbool.h>

enum {
    ORACLE_NAMES = 6,
    ORACLE_BLOCKS_MAX = 65536,
    ORACLE_ATTEMPTS_MAX = 32768,
    ORACLE_SEQS_MAX = 131072,
    ORACLE_KEYS_MAX = 4096,
    ORACLE_TRIES_MAX = 64,
    ORACLE_TAKEN_MAX = 512,
    ORACLE_PAYLOAD_MIN = 24,
    ORACLE_KEY_TEXT_MAX = 64,
    ORACLE_WRITES_MAX = 256,
};

// How far the device keeps its promise, hence how much may be asked of the spool.
enum oracle_trust {
    ORACLE_STRICT, // flushed data stays
    ORACLE_ROT,    // places of it are damaged
    ORACLE_LIES,   // it may never have been written
};

struct oracle_block {
    uint64_t first_seq;
    uint32_t count;
    uint32_t size;
    uint32_t attempt;
    bool dense;
};

// What a commit makes true.
struct oracle_point {
    uint32_t attempt;
    uint64_t next_seq;
    uint32_t key_count;
    uint32_t states[ORACLE_NAMES]; // number of the value; 0: not there
    struct settled settled;
};

// A run of rows that ended, by the driver or as a loss that was taken, and is not durable yet.
struct oracle_taken {
    uint64_t from;
    uint64_t to;
    uint32_t attempt; // the first one made after that; 0: none yet
    bool lost;
};

struct oracle_write {
    uint32_t attempt;
    uint32_t slot;
    uint32_t offset;
    uint32_t size;
    enum disk_ring ring;
    bool hit;      // by rot, behind the page that heads a segment
    bool hit_head; // in that page
};

struct oracle {
    uint64_t seed;
    enum oracle_trust trust;
    enum spool_when_full when_full;
    bool zeros; // many values of state are runs of zeros
    struct oracle_point base;
    struct oracle_point tries[ORACLE_TRIES_MAX];
    uint32_t try_count;
    struct oracle_block *blocks; // number 0 is none
    uint32_t block_count;
    uint8_t *answered;      // by attempt: it is part of the truth
    uint64_t *attempt_next; // by attempt: next_seq after it; 0: it had no new rows
    uint32_t attempt_count;
    uint32_t *key_attempts; // by id: the attempt that named it
    uint32_t value_count;
    uint8_t *ended;         // by seq: ORACLE_ENDED_*
    uint64_t ended_through; // all seqs up to here ended for a reason the oracle knows
    uint64_t seq_max;       // highest ever handed over
    uint64_t dense_end;     // as last seen after an answered commit
    struct oracle_taken taken[ORACLE_TAKEN_MAX];
    uint32_t taken_count;
    struct oracle_write writes[ORACLE_WRITES_MAX]; // the last ones
    uint64_t write_count;
    struct sim_random random; // which part of a long spool to look at
    char failed[256];         // the sentence; "": nothing is wrong
};

void oracle_init(struct oracle *oracle); // memory is taken here
void oracle_free(struct oracle *oracle);
void oracle_reset(struct oracle *oracle, uint64_t seed, enum oracle_trust trust,
                  enum spool_when_full when_full);
bool oracle_is_full(const struct oracle *oracle); // too little room for another session

// Things to hand to the spool, and what they look like.
uint32_t oracle_new_block(struct oracle *oracle, uint64_t first_seq, uint32_t count, uint32_t size,
                          bool dense);
void oracle_payload(const struct oracle *oracle, uint32_t number, uint8_t *at);
int64_t oracle_time_ms(uint64_t seq);
uint32_t oracle_new_value(struct oracle *oracle);
struct bytes oracle_value(const struct oracle *oracle, uint32_t number,
                          uint8_t room[SPOOL_STATE_VALUE_MAX]);
const char *oracle_state_name(uint32_t index);
struct bytes oracle_key_text(const struct oracle *oracle, uint32_t id, uint32_t attempt,
                             uint8_t room[ORACLE_KEY_TEXT_MAX]);

// A commit is about to be tried; its number was taken with oracle_new_attempt before its things.
uint32_t oracle_new_attempt(struct oracle *oracle);
void oracle_try(struct oracle *oracle, const struct oracle_point *point);
void oracle_answered(struct oracle *oracle, const struct oracle_point *point,
                     const struct spool *spool);
void oracle_refused(struct oracle *oracle, struct spool *spool);

// The driver settled these; it took these losses.
void oracle_settled(struct oracle *oracle, uint64_t from, uint64_t to);
void oracle_take_losses(struct oracle *oracle, struct spool *spool, bool after_open);

// What the disk saw.
void oracle_wrote(struct oracle *oracle, enum disk_ring ring, uint32_t slot, uint32_t offset,
                  uint32_t size);
void oracle_rotted(struct oracle *oracle, enum disk_ring ring, uint32_t slot, uint32_t offset);

// The spool was opened: is everything there, and nothing else? `whole`: read all of it.
void oracle_recovered(struct oracle *oracle, struct spool *spool, bool whole);

// Read one place and check what comes.
void oracle_look(struct oracle *oracle, struct spool *spool, uint64_t seq);

#endif
