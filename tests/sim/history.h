// One history: a spool on a simulated disk, led by one seed through commits, settling, faults,
// crashes and restarts as the flow would lead it, and looked at by the oracle after each.
#ifndef WEIR_TESTS_SIM_HISTORY_H
#define WEIR_TESTS_SIM_HISTORY_H

#include "tests/sim/oracle.h"
#include "tests/sim/simdisk.h"

enum { HISTORY_COMMIT_BLOCKS = 4, HISTORY_COMMIT_KEYS = 3, HISTORY_ROOM = 512 * 1024 };

// One commit as it is handed over, kept so that it can be tried again.
struct history_commit {
    struct oracle_point point;
    struct spool_block blocks[HISTORY_COMMIT_BLOCKS];
    struct bytes keys[HISTORY_COMMIT_KEYS];
    struct spool_state states[ORACLE_NAMES];
    struct spool_commit commit;
    uint64_t dense_from; // first row that has not been packed, after it
    uint8_t key_room[HISTORY_COMMIT_KEYS][ORACLE_KEY_TEXT_MAX];
    uint8_t value_room[ORACLE_NAMES][SPOOL_STATE_VALUE_MAX];
    uint8_t *room; // payloads
    uint32_t room_used;
};

struct history {
    struct sim_random random;
    struct simdisk disk;
    struct oracle oracle;
    struct spool_options options;
    struct spool *spool;
    struct history_commit commit;
    struct history_commit *retry; // the last commit failed: &commit; else NULL
    uint8_t key[32];
    enum oracle_trust trust;
    uint64_t dense_from;
    uint64_t crashes;
    uint32_t outage; // actions left in which nothing is delivered
    bool rate_is_high;
    bool trace;  // tell each step on stdout
    void *seals; // what is known of sealed frames
    jmp_buf out;
};

void history_init(struct history *history);
void history_free(struct history *history);

// Lead history `number` of `seed` through at most `crashes_max` crashes. Returns how many there
// were; `history->oracle.failed` is a sentence where something was wrong.
uint64_t history_run(struct history *history, uint64_t seed, uint64_t number, uint64_t crashes_max);

#endif
