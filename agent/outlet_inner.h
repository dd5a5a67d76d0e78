// What the files of the outlet share: outlet.c (the window, layout `records`) and outlet_blocks.c
// (layout `blocks`). Nobody else includes it.
//
// Floor: flow.
#ifndef WEIR_AGENT_OUTLET_INNER_H
#define WEIR_AGENT_OUTLET_INNER_H

#include "agent/outlet.h"

// Does the block at hand hold `seq`?
bool outlet_block_has(const struct outlet *outlet, uint64_t seq);
// Read the block that does; it comes by itself.
void outlet_ask_for(struct outlet *outlet, uint64_t seq);

// Row `seq` of the block at hand, its time made wall time. ERR_CORRUPT: its key is in no table.
// ERR_AGAIN: this boot's clock is not set yet.
enum err outlet_record_at(const struct outlet *outlet, uint64_t seq, struct record *record,
                          uint32_t *key_id);

// The next seq to send, or 0 where none may go now.
uint64_t outlet_next_to_send(struct outlet *outlet, const struct settled *settled,
                             uint64_t durable_seq, uint64_t durable_cursor);
// Tell a record elsewhere that the contract rejected (see outlet_owner.aside): `*how`. Any other is
// to be sent: SETTLED_DELIVERED.
enum err outlet_tell_aside(struct outlet *outlet, const struct record *record,
                           enum settled_how *how);
bool outlet_is_acked(const struct outlet *outlet, uint64_t seq);

// The next value is empty but for the registry's id of `schema`, where the contract puts that
// before it; where it puts it in a header, that is outlet->schema_id. ERR_AGAIN: it is not known
// yet.
enum err outlet_put_mark(struct outlet *outlet, const struct schema *schema);

// The headers of CloudEvents, where the contract wants them; `message` is complete but for them.
void outlet_add_event(const struct outlet *outlet, struct message *message);

// `from`..`to` went out as one message.
void outlet_sent(struct outlet *outlet, uint64_t from, uint64_t to);
void outlet_rewind_to(struct outlet *outlet, uint64_t seq);

// `seq` went alone and was refused: set it aside. `why`: see outlet_owner.
void outlet_give_up(struct outlet *outlet, uint64_t seq, const char *why);

#endif
