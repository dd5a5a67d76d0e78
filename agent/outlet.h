// The outlet of a product: reads durable blocks in seq order, hands their records to the output,
// and settles what the broker acknowledged. A product has one, its live lane; and a second one, the
// late lane, where its contract asks for it (agent/lanes.h).
//
//     settled       sent, some acknowledged        durable, to be sent      not durable
//     1 ........ first-1 | first ........ next-1 | next ........ durable | ........
//                        |<-- at most OUTLET_WINDOW from the durable cursor -->|
//
// 1. Only durable records are sent.
// 2. At most OUTLET_WINDOW records lie between the durable cursor and the last one sent: so many
//    may repeat after a kill, and no more.
// 3. A record that came back is sent again from there, in order, once nothing is on its way.
// 4. A record that the broker refused is sent again alone before that is believed: a refused batch
//    takes its innocent neighbours with it.
// 5. Layout `blocks` sends runs of records as one (agent/outlet_blocks.h); all else is the same.
//
// Floor: flow.
#ifndef WEIR_AGENT_OUTLET_H
#define WEIR_AGENT_OUTLET_H

#include "agent/arrivals.h"
#include "agent/boots.h"
#include "agent/losses.h"
#include "agent/outlet_blocks.h"
#include "agent/port.h"
#include "agent/schema_marks.h"
#include "agent/store.h"

enum {
    OUTLET_WINDOW = 10000,
    OUTLET_BITS = 16384,           // of the window, a power of two above OUTLET_WINDOW
    OUTLET_VALUE_MAX = 512 * 1024, // bytes of an encoded record
};

// What the outlet asks of its product.
struct outlet_owner {
    void (*settle)(void *owner, uint64_t from, uint64_t to, enum settled_how how);
    // The record will never be taken, because of `why` (NULL: the broker, and its reason is in the
    // output's stat); `json` is the record. Outlet waits until outlet_set_aside.
    void (*refused)(void *owner, uint64_t seq, struct bytes key, struct bytes json,
                    const char *why);
    // The contract rejected the record when it was taken: tell it elsewhere. ERR_AGAIN: not now.
    // ERR_LIMIT: it cannot be told there. The outlet's `value` is it as JSON.
    enum err (*aside)(void *owner, const struct record *record, struct bytes rejected,
                      enum settled_how *how);
    // So many of the records that were settled as delivered were told elsewhere.
    void (*aside_ended)(void *owner, uint64_t quarantined, uint64_t dropped);
    // `from`..`to` cannot be read or decoded: what of it is not settled is lost.
    void (*corrupt)(void *owner, uint64_t from, uint64_t to);
    // Of layout `blocks`: the losses that the block which ends with `to` is to tell, and how many;
    // and that this block arrived, or that another must tell them.
    uint32_t (*losses_go)(void *owner, uint64_t to, struct wire_loss losses[LOSSES_MAX]);
    void (*losses_went)(void *owner, uint64_t to, bool arrived);
    void *owner;
};

struct outlet {
    struct outlet_owner owner;
    const struct output_driver *driver;
    struct output *output;
    uint32_t product;
    bool late;       // it is the late lane
    uint32_t window; // at most OUTLET_WINDOW; may change at any time
    const char *gateway;
    char epoch[17];
    struct outlet_blocks *blocks; // NULL: layout `records`
    size_t identity_prefix;       // bytes of "GATEWAY/EPOCH/" in `identity`
    char identity[128];
    struct cloud_event *event; // NULL: headers `min`; owned
    struct spool *spool;
    struct job_giver store;
    enum wire_format format;
    const struct schemas *schemas;
    const struct schema_marks *marks;
    struct bytes schema_id; // the header of the value last encoded; empty: none
    const struct series *series;
    const struct boots *boots;

    uint64_t next_seq;   // to be sent
    uint64_t first_seq;  // the first not settled
    uint64_t sent_end;   // last seq ever sent
    uint64_t sent_bytes; // of keys and values, since the start
    uint32_t in_flight;
    uint64_t rewind_seq;  // 0: none
    uint64_t alone_until; // up to here records go one by one
    uint64_t alone_seq;   // the one that went alone and is out; 0: none
    bool setting_aside;
    uint64_t acked[OUTLET_BITS / 64];
    uint64_t quarantined[OUTLET_BITS / 64], dropped[OUTLET_BITS / 64]; // of those sent
    int64_t times_ms[OUTLET_BITS];                                     // their times
    struct arrivals arrivals;

    bool read_busy;
    bool read_failed;
    bool have_block;
    const struct schema *schema;
    const struct wire_json *plan;
    struct block_reader *reader;
    struct store_read *read;
    uint8_t *value_bytes; // OUTLET_VALUE_MAX
    struct buffer value;
};

// Memory is taken here. `cursor`: what is settled when the agent starts. `hold_ms`: of layout
// `blocks`, how long a row may wait for company; < 0: layout `records`.
enum err outlet_open(struct outlet *outlet, uint64_t epoch, uint64_t cursor, int64_t hold_ms);
void outlet_close(struct outlet *outlet);

// Send what may be sent, at most `budget` records. `durable_seq`: invariant 1; `durable_cursor`:
// invariant 2. True: the budget ended it and there is more.
bool outlet_pump(struct outlet *outlet, const struct settled *settled, uint64_t durable_seq,
                 uint64_t durable_cursor, uint32_t budget);

// What of layout `records` is the record `seq`, and of `blocks` the block that ends with it.
void outlet_delivered(struct outlet *outlet, uint64_t seq, enum delivered how);

// Send what waits for company (agent/outlet_blocks.h) at once, from now on.
void outlet_hurry(struct outlet *outlet);

// When something is due by time alone, in boot time; INT64_MAX: nothing.
int64_t outlet_due_ms(const struct outlet *outlet);

// The refused record is settled (or could not be, and is tried again: `done` false).
void outlet_set_aside(struct outlet *outlet, bool done);

// Try again what the device refused to read.
void outlet_retry(struct outlet *outlet);

// The first seq at or after the first not settled that is not in the output's hands: what lies
// before it may have been delivered.
uint64_t outlet_waiting_from(const struct outlet *outlet);

// The last seq up to `to` of which is true what is true of `seq`: it was acknowledged, before one
// in front of it and so not settled yet, or not.
uint64_t outlet_acked_run(const struct outlet *outlet, uint64_t seq, uint64_t to, bool *acked);

// Something else settled records: skip them.
void outlet_skip(struct outlet *outlet, const struct settled *settled);

// Nothing is on its way or being set aside.
bool outlet_is_quiet(const struct outlet *outlet);

// Go on at `seq`, whatever lies before it. Only where it is quiet.
void outlet_jump(struct outlet *outlet, uint64_t seq);

#endif
