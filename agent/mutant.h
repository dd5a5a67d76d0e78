// Deliberate bugs, for the tests of the tests: each is a line of the spool left out or turned
// round, and the crash simulator must find every one. An ordinary build has none (MUTANT() is the
// constant 0); `-DWEIR_MUTANTS` builds all of them and `weir_mutant` chooses one.
//
// Floor: ground.
#ifndef WEIR_AGENT_MUTANT_H
#define WEIR_AGENT_MUTANT_H

enum mutant {
    MUTANT_NONE,
    MUTANT_SAY_DURABLE_BEFORE_SYNC, // no sync at the end of a commit
    MUTANT_NO_PAYLOAD_SUM,          // a payload's sum is not looked at
    MUTANT_NO_HEADER_SUM,           // a frame header's sum is not looked at
    MUTANT_REUSE_BEFORE_RELEASE,    // a slot is overwritten before its release is durable
    MUTANT_FIXED_SALT,              // the same salt for every segment, start and retry
    MUTANT_FILL_PARTLY_FILLED,      // the next commit begins in the last commit's page
    MUTANT_SYNC_AGAIN,              // a failed sync is repeated, and its second answer believed
    MUTANT_IGNORE_WRITE_ERROR,      // a failed or short write is taken for a whole one
    MUTANT_NO_IDENTITY,             // frames of an older life of the slot are taken
    MUTANT_STOP_AT_BAD_FRAME,       // rot is taken for the torn end of a segment
    MUTANT_NO_SECOND_HEADER,        // only page 0 names a segment
    MUTANT_FIRST_HEADER_WINS,       // page 0 is believed where page 1 is newer
    MUTANT_TAKE_HALF_COMMIT,        // frames count although their commit has no end
    MUTANT_MIX_COMMITS,             // frames of two attempts make one commit
    MUTANT_STATE_BY_PLACE,          // the state read last wins, not the one with the highest stamp
    MUTANT_FAILED_PLACE_AGAIN,      // after a failed write the same place is written again
    MUTANT_FORGET_LOSSES,           // losses are not part of the state
    MUTANT_NURSERY_UNREAD,          // recovery does not look at the nursery
    MUTANT_YOUNG_LEFT_BEHIND,       // a nursery turnover does not carry young blocks over
    MUTANT_PACK_LEFT_BEHIND,  // a nursery turnover counts the pack as if it were in the main ring
    MUTANT_DENSE_ONLY_IN_RAM, // a dense block goes to the pack although its rows are not durable
    MUTANT_KEYS_LEFT_BEHIND,  // a nursery turnover does not carry names over
    MUTANT_MAIN_LEFT_BEHIND,  // a main turnover does not carry young blocks over
    MUTANT_LEAVE_CLEAR,       // payloads are not whitened
    MUTANT_END,
};

#ifdef WEIR_MUTANTS
extern int weir_mutant;
#define MUTANT(name) (weir_mutant == MUTANT_##name)
#else
#define MUTANT(name) (0)
#endif

#endif
