// What the files of the product share: product.c (records, commits, the turn) and product_open.c
// (the start, the report). Nobody else includes it.
//
// Floor: flow.
#ifndef WEIR_AGENT_PRODUCT_CORE_H
#define WEIR_AGENT_PRODUCT_CORE_H

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
void product_refused(void *owner, uint64_t seq, struct bytes key, struct bytes value);
void product_commit_done(struct job *job);
void product_quarantine_done(struct job *job);

// A loss that the spool itself found: it is settled there already.
void product_lost_on_disk(struct product *product, const struct spool_loss *loss);

#endif
