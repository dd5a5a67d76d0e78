// What the files of the product share: product.c (records, commits, the turn) and product_open.c
// (the start, the report). Nobody else includes it.
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
void product_refused(void *owner, uint64_t seq, struct bytes key, struct bytes value);
void product_commit_done(struct job *job);
void product_quarantine_done(struct job *job);

// Count `from`..`to` as ended by `how`, and see that it is told on the losses topic. Settling is
// the caller's. Times: INT64_MIN where they are not known.
void product_declare(struct product *product, uint64_t from, uint64_t to, enum settled_how how,
                     int64_t time_first_ms, int64_t time_last_ms);

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

#endif
