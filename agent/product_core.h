// What the files of the product share: product.c (records, commits, the turn), product_lanes.c
// (its way to the output) and product_open.c (the start, the report). Nobody else includes it.
//
// Floor: flow.
#ifndef WEIR_AGENT_PRODUCT_CORE_H
#define WEIR_AGENT_PRODUCT_CORE_H

#include "agent/aside.h"
#include "agent/product.h"
#include "agent/series.h"

// Put the open block into the stage as a dense one, with what of it is young.
void product_seal(struct product *product);

// Seal, and go on with an empty block.
void product_begin_block(struct product *product, const struct schema *schema, uint64_t first_seq,
                         enum record_clock clock, const uint8_t *boot_id);

// Callbacks of the outlet and of jobs.
void product_settle(void *owner, uint64_t from, uint64_t to, enum settled_how how);
void product_corrupt(void *owner, uint64_t from, uint64_t to);
enum err product_aside(void *owner, const struct record *record, struct bytes rejected,
                       enum settled_how *how);
void product_aside_ended(void *owner, uint64_t quarantined, uint64_t dropped);
void product_refused(void *owner, uint64_t seq, struct bytes key, struct bytes json,
                     const char *why);
void product_commit_done(struct job *job);
void product_quarantine_done(struct job *job);

// Count `from`..`to` as ended by `how`, and see that it is told on the losses topic. Settling is
// the caller's. Times: INT64_MIN where they are not known.
void product_declare(struct product *product, uint64_t from, uint64_t to, enum settled_how how,
                     int64_t time_first_ms, int64_t time_last_ms);

// `count` more rows than became `from`..`to` were thinned away: as above, and it settles nothing.
void product_declare_thinned(struct product *product, uint64_t from, uint64_t to, uint64_t count,
                             int64_t time_first_ms, int64_t time_last_ms);

// Callbacks of an outlet of layout `blocks`: what the block that ends with `to` tells of losses,
// and what became of that block.
uint32_t product_losses_go(void *owner, uint64_t to, struct wire_loss losses[LOSSES_MAX]);
void product_losses_went(void *owner, uint64_t to, bool arrived);

// Give the record the next seq and put it into the open block. There must be room.
enum err product_add(struct product *product, const struct record *record, uint32_t key_id);

void product_keep_totals(struct product *product); // the counters that outlive a restart
void product_changed(struct product *product);     // a commit is due, by age

// product_thin.c: records wait in a bucket before they get a seq.
enum err product_thin_take(struct product *product, const struct record *record, uint32_t key_id);
// Emit the bucket where it is over or `thin_now` asks for it; follow the spool's fill.
void product_thin_turn(struct product *product, int64_t now_ms);
int64_t product_thin_due_ms(const struct product *product); // boot time; INT64_MAX: nothing waits
bool product_thin_waits(const struct product *product);

// product_expire.c: end what is older than `keep` and waits.
void product_expire(struct product *product);
struct expiry_now product_now(void);

// Judge a record. `values` (room for the stored schema's) becomes what is stored, and `quality` may
// become bad.
void product_judge(struct product *product, struct record *record, struct value *values,
                   struct aside *aside);

// A loss that the spool itself found: it is settled there already.
void product_lost_on_disk(struct product *product, const struct spool_loss *loss);

// Something changed that the next commit must hold.
void product_changed(struct product *product);

// ---- product_lanes.c ----

// Restore the lanes and take the memory of the late one, where there is one.
enum err product_lanes_open(struct product *product);
void product_lanes_close(struct product *product);
// Once all is restored: see how old the first row of the live lane is; from now on lanes open.
void product_lanes_look(struct product *product);
// Set an outlet up, but for its lane.
enum err product_outlet_open(struct product *product, struct outlet *outlet, uint64_t cursor);
// The outlet whose lane `seq` lies in.
struct outlet *product_lane_of(struct product *product, uint64_t seq);
// Something else settled records.
void product_lanes_skip(struct product *product);
// Try again what the device refused to read.
void product_lanes_retry(struct product *product);
// A commit takes what was settled; it came back well.
void product_lanes_given(struct product *product);
void product_lanes_stored(struct product *product);
// Records that are settled and not durable, in the lane that has more of them; counted against the
// whole window.
uint64_t product_lanes_lag(const struct product *product);
// Is something to be done by time alone?
bool product_lanes_tick(const struct product *product);
bool product_lanes_send(struct product *product, uint32_t budget, int64_t now_ms);

#endif
