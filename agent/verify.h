// The judge of a delivered stream. It is fed what a consumer reads, records of a data topic and of
// its `.late` topic and declarations of its `.losses` topic, in the order of each partition, and
// then says for each
// (gateway, epoch) what arrived, what is accounted for and what is not. It knows nothing of the
// agent but the two forms on the wire:
//
//     header `weir` of a data record   GATEWAY/EPOCH/SEQ          gw-0042/9f3c00ab12de4577/1041
//     of one of layout `blocks`        GATEWAY/EPOCH/FIRST-LAST gw-0042/9f3c00ab12de4577/1042-2047
//     value of a losses record         {"gateway":"gw-0042","product":"thermal",
//                                       "epoch":"9f3c00ab12de4577","from_seq":1042,
//                                       "to_seq":1050,"cause":"full", ...}
//
// The rule it holds a stream to: 1..last, each seq once, is delivered or declared; and the records
// of one key arrive in the order of their seq, in each of the two topics. The cause "late" is a
// promise: those seqs come on the `.late` topic, and are late until they are there. A second copy
// of a seq is a duplicate and not also out of order. A declaration may be told again (it is a
// union); a seq both delivered and declared counts as delivered, and is told as contradicted.
//
// Floor: flow.
#ifndef WEIR_AGENT_VERIFY_H
#define WEIR_AGENT_VERIFY_H

#include "agent/bytes.h"
#include "agent/err.h"

enum {
    VERIFY_NAME_MAX = 64,         // bytes of a gateway's or product's name
    VERIFY_STREAMS_MAX = 1 << 14, // (gateway, epoch) pairs
    VERIFY_KEYS_MAX = 1 << 20,    // (gateway, epoch, key): beyond, order is not watched (counted)
    VERIFY_LOSSES_MAX = 1 << 20,  // declarations
    VERIFY_BLOCK_MAX = 1 << 16,   // seqs of one record
    VERIFY_HOLES_MAX = 16,        // missing ranges that are told
};

// Who a record is. `gateway` is borrowed.
struct verify_identity {
    struct bytes gateway;
    uint64_t epoch;
    uint64_t seq;      // the first
    uint64_t last_seq; // the same, but for a block
};

// Read the header `weir`. ERR_INVALID: it is not GATEWAY/EPOCH/SEQ with a gateway of 1 to 64
// characters [A-Za-z0-9._-], 16 lower-case hexadecimal digits and a decimal number from 1; or two
// of them, FIRST-LAST.
enum err verify_identity_read(struct bytes header, struct verify_identity *identity);

enum verify_cause {
    CAUSE_FULL,
    CAUSE_EXPIRED,
    CAUSE_CORRUPT,
    CAUSE_REFUSED,
    CAUSE_QUARANTINED,
    CAUSE_DROPPED,
    CAUSE_THINNED, // ends no seq: `count` records that got none, beside those of from..to
    CAUSE_OTHER,   // a word that this version does not know
    CAUSE_COUNT,
    CAUSE_LATE = CAUSE_COUNT, // no loss
};

const char *verify_cause_name(enum verify_cause cause); // of a loss

struct verify_loss {
    char gateway[VERIFY_NAME_MAX + 1];
    char product[VERIFY_NAME_MAX + 1];
    uint64_t epoch;
    uint64_t from, to; // inclusive
    uint64_t count;    // of records; to - from + 1 where it was not told
    enum verify_cause cause;
};

// Read the value of a losses record. ERR_INVALID: not JSON, a member missing or of a wrong kind, or
// from_seq > to_seq. Members that it does not know are passed over.
enum err verify_loss_read(struct bytes value, struct verify_loss *loss);

struct verify; // opaque

struct verify *verify_open(void); // NULL: no memory
void verify_close(struct verify *verify);

// Feed a record (of a block, with its key: order is judged between blocks; in a block it is
// implied), of the data topic or of the late one, or a declaration. ERR_FULL: a bound above was
// reached, no verdict is possible.
enum err verify_record(struct verify *verify, const struct verify_identity *identity,
                       struct bytes key, bool late);
enum err verify_declare(struct verify *verify, const struct verify_loss *loss);

// Where the front of the stream cannot be seen (retention removed it, or a later start was asked
// for), a stream is judged from the first seq that arrived instead of 1.
void verify_front_is_open(struct verify *verify);

struct verify_verdict {
    char gateway[VERIFY_NAME_MAX + 1];
    uint64_t epoch;
    uint64_t first, last;           // seqs judged
    uint64_t delivered;             // distinct seqs
    uint64_t declared[CAUSE_COUNT]; // not delivered, by the cause that was told; CAUSE_THINNED:
                                    // beside the seqs
    uint64_t contradicted;          // declared, and yet delivered
    uint64_t duplicated;            // copies beyond the first
    uint64_t late;                  // promised, and not here yet
    uint64_t missing;
    uint64_t out_of_order;
    uint32_t hole_count; // of the missing ranges, the first few
    struct {
        uint64_t first, last;
    } holes[VERIFY_HOLES_MAX];
};

// Feeding is over: how many streams there are, and the verdict on each, in the order in which they
// were first seen.
size_t verify_stream_count(const struct verify *verify);
void verify_judge(struct verify *verify, size_t stream, struct verify_verdict *verdict);

// All but what was quarantined, dropped by the contract, or thinned.
uint64_t verify_verdict_lost(const struct verify_verdict *verdict);
bool verify_verdict_is_well(const struct verify_verdict *verdict); // none of the faults

uint64_t verify_keys_unwatched(const struct verify *verify); // records whose order was not judged

#endif
