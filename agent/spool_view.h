// The records of a spool as a reader beside the agent sees them: of a live spool, or of a card from
// a gateway that is no more. Needs neither settings nor contract: schemas, keys of series, boots
// and the gateway's name are in the spool. Writes nothing, takes no lock.
//
// A live spool changes meanwhile: a segment is settled and used again, young blocks become dense.
// Where rows are not where they were, the spool is opened anew, and they are called missing only if
// they are not found then either.
//
// Floor: flow.
#ifndef WEIR_AGENT_SPOOL_VIEW_H
#define WEIR_AGENT_SPOOL_VIEW_H

#include "agent/block.h"
#include "agent/schemas.h"
#include "agent/spool_look.h"

struct spool_view; // opaque

// `key` NULL: none. Errors are those of disk_posix_open and spool_open_readonly; ERR_CORRUPT: the
// folder holds files of other sizes. ERR_NOT_FOUND: no such folder, or no spool in it.
enum err spool_view_open(struct spool_view **view, const char *folder, const uint8_t *key);
void spool_view_close(struct spool_view *view);

// Valid until the view is opened anew, by spool_view_next or spool_view_again.
struct spool *spool_view_spool(struct spool_view *view);
const struct schemas *spool_view_schemas(const struct spool_view *view);

// Open the spool anew. True: somebody has written to it since. ERR_* in `*err`: it is as it was, or
// cannot be opened any more.
bool spool_view_again(struct spool_view *view, enum err *err);

// What is read: rows of from_seq .. to_seq (inclusive) whose time is from_ms <= time < to_ms.
struct spool_view_range {
    uint64_t from_seq;
    uint64_t to_seq;
    int64_t from_ms;
    int64_t to_ms;
    struct bytes key; // at == NULL: of any key
    bool settled_too;
};
#define SPOOL_VIEW_ALL                                                                             \
    {                                                                                              \
        .from_seq = 1, .to_seq = UINT64_MAX, .from_ms = INT64_MIN, .to_ms = INT64_MAX              \
    }

// Begin to read what is durable now; what comes later is not read.
void spool_view_start(struct spool_view *view, const struct spool_view_range *range);

struct spool_view_row {
    struct record record; // its time is wall time ...
    bool time_is_known;   // ... or, where this is false, counted from its boot as if in 1970
    const struct wire_json *plan; // plan->schema is the schema
};
// The next row in seq order, borrowed until the next call. ERR_AGAIN: there is no more. Else the
// spool cannot be opened any more (ERR_VERSION: another life of it lies there now).
enum err spool_view_next(struct spool_view *view, struct spool_view_row *row);

// Rows of the range that had not ended and are nowhere, or in a block that does not decode.
enum { SPOOL_VIEW_GAPS_MAX = 64 };
struct spool_view_gaps {
    uint64_t rows;
    uint32_t count;
    uint32_t left_out; // beyond the list
    struct seq_range list[SPOOL_VIEW_GAPS_MAX];
};
const struct spool_view_gaps *spool_view_gaps(const struct spool_view *view);

// How far it is: the next seq to be read, and the last.
void spool_view_progress(const struct spool_view *view, uint64_t *next_seq, uint64_t *last_seq);

// Does the block decode, and is it what its frame says?
bool spool_view_decodes(struct spool_view *view, const struct spool_found *found);

#endif
