// What the simulator has tried, counted: a kind of fault or a path of the spool whose counter stays
// 0 was not tested.
#ifndef WEIR_TESTS_SIM_COUNT_H
#define WEIR_TESTS_SIM_COUNT_H

#include <stdint.h>
#include <stdio.h>

enum sim_count {
    // Where the power went.
    CUT_IN_WRITE,
    CUT_IN_SYNC,
    CUT_IN_READ,
    CUT_IN_CREATE,
    CUT_BETWEEN_CALLS,
    CUT_IN_OPEN,
    CUT_BY_JUMP,
    CUT_BY_ERRORS,
    KILL_CACHE_LIVES,
    CLOSE_AND_OPEN,
    // What it left of what was not synced.
    LEFT_NOTHING,
    LEFT_EVERYTHING,
    LEFT_A_PREFIX,
    LEFT_A_SUFFIX,
    LEFT_A_SUBSET,
    LEFT_ALL_BUT_A_ZERO,
    LEFT_ONLY_ZEROS,
    LEFT_GARBAGE,
    LEFT_ZEROS,
    LEFT_HALF_A_SECTOR,
    LEFT_UNREADABLE,
    LEFT_OLDER_WRITE,
    // What the device answered.
    WRITE_FAILED,
    WRITE_SHORT,
    WRITE_NO_SPACE,
    WRITE_READONLY,
    WRITE_REORDERED,
    SYNC_FAILED,
    SYNC_FAILED_CACHE_LIES,
    SYNC_LIED,
    READ_UNREADABLE,
    CREATE_FAILED,
    DIRECT_WRITE,
    ROT_BIT,
    ROT_SECTOR,
    ROT_UNREADABLE,
    // What the spool was led through.
    DID_COMMIT,
    DID_COMMIT_FAIL,
    DID_EMPTY_COMMIT,
    DID_RETRY_SAME,
    DID_MAIN_WRITE,
    DID_NURSERY_WRITE,
    DID_MAIN_TURNOVER,
    DID_NURSERY_TURNOVER,
    DID_MAIN_WRAP,
    DID_YOUNG_BLOCK,
    DID_WHOLE_YOUNG,
    DID_DENSE_BLOCK,
    DID_DENSE_OF_NEW_ROWS,
    DID_YOUNG_UNDER_DENSE,
    DID_BYPASS,
    DID_RECOVER_DENSE,
    DID_LIMIT,
    DID_STATE_SET,
    DID_STATE_REMOVE,
    DID_KEY,
    DID_SETTLE,
    DID_SETTLE_HOLE,
    DID_SETTLE_FULL,
    DID_DROP_OLDEST,
    DID_REFUSE,
    DID_ABANDON,
    DID_BROKEN,
    DID_SEALED,
    DID_CLEAR,
    FOUND_BASE,
    FOUND_UNANSWERED_COMMIT,
    FOUND_EARLIER_ATTEMPT,
    FOUND_TORN_COMMIT,
    FOUND_DAMAGE,
    FOUND_REPAIRED,
    FOUND_LOSS_AGAIN,
    LOST_BY_ROT,
    LOST_SILENT_TAIL,
    LOST_KEYS_BY_ROT,
    CHECKED_BLOCK,
    CHECKED_SEAL,
    SIM_COUNTS
};

extern uint64_t sim_counts[SIM_COUNTS];

const char *sim_count_name(enum sim_count count);
void sim_counts_print(FILE *out);

#endif
