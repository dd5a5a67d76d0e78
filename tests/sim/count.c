#include "tests/sim/count.h"

#include <inttypes.h>

uint64_t sim_counts[SIM_COUNTS];

static const char *const names[SIM_COUNTS] = {
    [CUT_IN_WRITE] = "cut in a write",
    [CUT_IN_SYNC] = "cut in a sync",
    [CUT_IN_READ] = "cut in a read",
    [CUT_IN_CREATE] = "cut while a ring is made",
    [CUT_BETWEEN_CALLS] = "cut between calls",
    [CUT_IN_OPEN] = "cut while opening",
    [CUT_BY_JUMP] = "cut by leaving the call",
    [CUT_BY_ERRORS] = "cut by failing all later calls",
    [KILL_CACHE_LIVES] = "killed, cache lives on",
    [CLOSE_AND_OPEN] = "closed and opened",
    [LEFT_NOTHING] = "left nothing unsynced",
    [LEFT_EVERYTHING] = "left everything unsynced",
    [LEFT_A_PREFIX] = "left a prefix",
    [LEFT_A_SUFFIX] = "left a suffix",
    [LEFT_A_SUBSET] = "left a subset of sectors",
    [LEFT_ALL_BUT_A_ZERO] = "left all but one sector, of zeros if there is one",
    [LEFT_ONLY_ZEROS] = "left only sectors of zeros",
    [LEFT_GARBAGE] = "left a garbage sector",
    [LEFT_ZEROS] = "left a zero sector",
    [LEFT_HALF_A_SECTOR] = "left half a sector",
    [LEFT_UNREADABLE] = "left an unreadable sector",
    [LEFT_OLDER_WRITE] = "kept the older of two writes",
    [WRITE_FAILED] = "write: EIO",
    [WRITE_SHORT] = "write: short",
    [WRITE_NO_SPACE] = "write: ENOSPC",
    [WRITE_READONLY] = "write: EROFS",
    [WRITE_REORDERED] = "later write landed before an earlier one",
    [SYNC_FAILED] = "sync: EIO",
    [SYNC_FAILED_CACHE_LIES] = "sync: EIO, cache shows what is lost",
    [SYNC_LIED] = "sync lied",
    [READ_UNREADABLE] = "read of an unreadable sector",
    [CREATE_FAILED] = "making a ring failed",
    [DIRECT_WRITE] = "direct write",
    [ROT_BIT] = "rot: a bit",
    [ROT_SECTOR] = "rot: a sector",
    [ROT_UNREADABLE] = "rot: unreadable",
    [DID_COMMIT] = "commit",
    [DID_COMMIT_FAIL] = "commit failed",
    [DID_EMPTY_COMMIT] = "commit of nothing but settled rows",
    [DID_RETRY_SAME] = "the same commit again after an error",
    [DID_MAIN_WRITE] = "main ring written",
    [DID_NURSERY_WRITE] = "nursery written",
    [DID_MAIN_TURNOVER] = "main segment opened",
    [DID_NURSERY_TURNOVER] = "nursery segment opened",
    [DID_MAIN_WRAP] = "main ring went round",
    [DID_YOUNG_BLOCK] = "young block",
    [DID_WHOLE_YOUNG] = "young block of all that is not dense",
    [DID_DENSE_BLOCK] = "dense block",
    [DID_DENSE_OF_NEW_ROWS] = "dense block of new rows",
    [DID_YOUNG_UNDER_DENSE] = "young rows and their dense block in one commit",
    [DID_BYPASS] = "commit bypassed the nursery",
    [DID_RECOVER_DENSE] = "young rows packed again after a restart",
    [DID_LIMIT] = "block over the limit refused",
    [DID_STATE_SET] = "state set",
    [DID_STATE_REMOVE] = "state removed",
    [DID_KEY] = "key added",
    [DID_SETTLE] = "settled",
    [DID_SETTLE_HOLE] = "settled with a hole",
    [DID_SETTLE_FULL] = "33rd settled range refused",
    [DID_DROP_OLDEST] = "oldest dropped",
    [DID_REFUSE] = "refused, full",
    [DID_ABANDON] = "segment abandoned",
    [DID_BROKEN] = "spool broken for now",
    [DID_SEALED] = "history under a key",
    [DID_CLEAR] = "history in clear",
    [FOUND_BASE] = "found the last answered commit",
    [FOUND_UNANSWERED_COMMIT] = "found the unanswered commit whole",
    [FOUND_EARLIER_ATTEMPT] = "found an earlier attempt whole",
    [FOUND_TORN_COMMIT] = "torn commit seen by the spool",
    [FOUND_DAMAGE] = "damage seen by the spool",
    [FOUND_REPAIRED] = "segment header repaired",
    [FOUND_LOSS_AGAIN] = "loss told again after a restart",
    [LOST_BY_ROT] = "loss by rot told",
    [LOST_SILENT_TAIL] = "rot of the last commits, silent",
    [LOST_KEYS_BY_ROT] = "keys lost by rot",
    [CHECKED_BLOCK] = "blocks read back and compared",
    [CHECKED_SEAL] = "sealed frames checked for a nonce used twice",
};

const char *sim_count_name(enum sim_count count)
{
    return names[count];
}

void sim_counts_print(FILE *out)
{
    for (int i = 0; i < SIM_COUNTS; i++) {
        (void)fprintf(out, "%12" PRIu64 "  %s\n", sim_counts[i], names[i]);
    }
}
