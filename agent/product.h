// A product at work: its intake (records become rows of the open block), its commits, its settled
// set, its losses, its outlet. Everything here runs on the loop's thread; the spool itself is
// touched by jobs only (agent/store.h), except by product_open before the first job.
//
// Floor: flow.
#ifndef WEIR_AGENT_PRODUCT_H
#define WEIR_AGENT_PRODUCT_H

#include "agent/budget.h"
#include "agent/expiry.h"
#include "agent/join.h"
#include "agent/lanes.h"
#include "agent/losses.h"
#include "agent/outlet.h"
#include "agent/rates.h"
#include "agent/report.h"
#include "agent/share.h"
#include "agent/thin.h"

struct product {
    // Set by the caller before product_open; all borrowed.
    const struct product_settings *settings;
    const char *gateway;
    uint32_t index;
    struct spool *spool;
    struct block_codec *codec;
    struct job_giver store;
    const struct output_driver *driver;
    struct output *output;
    const uint8_t *boot_id;      // 16 bytes
    struct share *share;         // of the link, with the other products; NULL: alone
    const struct budget *budget; // of the link; NULL: none
    uint64_t schema_source;      // at the start: SCHEMA_SOURCE_CONTRACT or _UNKNOWN

    // intake
    struct series *series;
    struct schema *stored; // what its rows are stored under; owned
    struct schemas schemas;
    struct schema_marks marks;
    struct block_builder *builder;
    uint64_t next_seq;
    uint32_t rows_given; // rows of the builder that a commit has, or had
    uint32_t keys_given; // names of series that a commit has, or had
    struct stage *filling;
    struct stage stages[2];
    struct states states;
    struct boots boots;
    uint32_t restored_schema; // of the block that product_open fills
    uint8_t restored_boot[16];
    const struct spool *spool_at_start; // for product_recall; NULL once jobs run in the worker

    struct join *joins; // that complete records; set by inputs, closed with the product

    // when full: thin (product_thin.c); all of it NULL and 0 otherwise
    struct thin *thin; // the open bucket
    unsigned thin_level;
    int64_t thin_opened_ms;     // boot time of the first record that waits in it
    bool thin_now;              // emit it with the next turn
    struct states *thin_states; // positions of inputs that belong to records that wait

    // commits
    struct store_commit *commit;
    bool commit_busy;    // the worker has it
    bool commit_failed;  // it came back with an error and goes again as it is
    bool commit_now;     // asked for
    int64_t retry_at_ms; // boot time
    int64_t retry_wait_ms;
    int64_t changed_at_ms; // boot time of the oldest change that no commit has; -1: none
    uint64_t given_end;    // last seq in a commit that is on its way
    uint64_t durable_seq;
    uint64_t durable_cursor;
    uint64_t staged_bytes; // payload bytes of all commits

    // settled
    struct settled settled;
    uint64_t opened_next_seq; // what the spool held when it was opened ends before it
    bool restored;            // Kafka knows more of this epoch than the spool: nothing is sent
    uint32_t settle_count;    // for the next job
    struct store_settle settles[STORE_SETTLES_MAX];
    int64_t settled_at_ms; // boot time of the oldest settle that no commit has; -1: none
    struct losses losses;
    struct losses block_losses; // of layout blocks: not told by a block yet
    char *losses_topic;
    char *quarantine_topic;
    int64_t aside_waits_ms; // boot time since when a rejected record cannot be told; 0: none
    int64_t tick_at_ms;
    struct expiry expiry;
    uint64_t doubt_end; // exactly-once, until Kafka's cursor is known: it may have these

    struct outlet outlet; // of the live lane
    struct outlet late;   // of the late one, where lanes.ready
    struct lanes lanes;
    struct store_quarantine quarantine;
    bool quarantine_busy;
    int64_t quarantine_retry_ms;
    char quarantine_reason[256];
    bool reason_is_set;        // by the contract, not the broker
    struct buffer aside_value; // room for what is told of a rejected record
    char *quarantine_path;

    // what it tells
    uint64_t in_records, out_records, refused_records, lost_records, quarantined_records;
    uint64_t expired_records, thinned_records;
    // By the contract: told on the quarantine topic; on the losses topic. Of those taken, how many
    // broke it, whatever was done then.
    uint64_t aside_records, dropped_records, breaking_records;
    uint64_t missed_records; // due at a poll, and not read
    struct spool_stat stat;
    struct rates rates;
    struct ages ages;
};

// Restore what the spool holds and take all memory. The caller runs jobs in place meanwhile
// (`store.give` calls work and done before it returns). A sentence was logged where it fails.
// `directory` takes what the broker refuses (quarantine.jsonl); NULL: there is no disk, and such a
// record is lost, declared.
enum err product_open(struct product *product, const char *directory);
// From here on jobs run in the worker.
void product_start(struct product *product, struct job_giver store);
void product_close(struct product *product);

// ---- intake ----

// Is there room for one more record of any size?
bool product_has_room(const struct product *product);

// Take a record, and do with it what the contract says: one that breaks it gets a seq all the same,
// and the outlet tells it where it belongs. ERR_AGAIN: no room. ERR_LIMIT: it is too large for a
// block, or the table of keys is full (ERR_FULL).
enum err product_take(struct product *product, const struct record *record);

// Small durable state, to go with the records taken so far.
enum err product_keep(struct product *product, const char *name, struct bytes value);
// The same of an input: where records wait to be thinned, it waits with them.
enum err product_position(struct product *product, const char *name, struct bytes value);
struct bytes product_recall(const struct product *product, const char *name);

// ---- the turn ----

// Do what is due: commit, send, tell. `budget` records at most. True: there is more to do at once.
bool product_turn(struct product *product, uint32_t budget);

// Milliseconds until product_turn has something to do by time alone; -1: nothing.
int64_t product_due_in_ms(const struct product *product);

// Make all that was taken, and the cursor, durable with the next turn.
void product_commit_now(struct product *product);
// That, and send what waits for company (layout `blocks`): the agent stops.
void product_hurry(struct product *product);

// Nothing on its way to the disk, nothing to be committed.
bool product_is_stored(const struct product *product);
// Everything taken is settled.
bool product_is_drained(const struct product *product);

void product_delivered(struct product *product, uint64_t seq, enum delivered how);
// Kafka itself knows everything of that lane below `next_seq` of this epoch as delivered
// (output_cursor).
void product_known_delivered(struct product *product, bool late, uint64_t next_seq);
void product_told(struct product *product, uint64_t id, enum delivered how);

// ---- the schema registry, of a product written in Avro ----

// Ids of schemas are from `source` from now on (agent/schema_marks.h).
void product_schema_source(struct product *product, uint64_t source);
// The text of a schema whose id is not known, and its fingerprint; `skip` of them are passed over.
// ERR_NOT_FOUND: there are no more. ERR_LIMIT: no room in `text`.
enum err product_schema_wanted(const struct product *product, uint32_t skip, struct buffer *text,
                               uint64_t *fingerprint);
void product_schema_known(struct product *product, uint64_t fingerprint,
                          const struct schema_ids *ids);

void product_report(struct product *product, struct report_product *report);

#endif
