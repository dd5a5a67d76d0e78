// `delivery: exactly-once`: the transactions of the gateway's one producer. Each holds a run of
// records of all products and, for each product in it, the cursor behind them; so a consumer that
// reads committed records sees each once, whatever dies when.
//
//     WAITING ─start─▶ STARTING ─cursors─▶ READY ─first record─▶ OPEN ─full, idle, old─▶ ENDING ─┐
//        ▲  again          │                 ▲                                                 │
//        └─────────────────┘                 └──────────── committed or aborted ───────────────┘
//
// T1  One transaction at a time; nothing is produced outside of one.
// T2  What it holds is settled when it has ended and all its delivery reports are in, not before.
// T3  Nothing is sent before the cursors that Kafka keeps are known, with each new client anew: a
//     commit whose answer was lost may have been done.
// T4  An open transaction holds back all who read committed records of its partitions, so it ends
//     soon: when it is full, when nothing came for a moment, when it is old.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_TRANSACTION_H
#define WEIR_PORTS_OUTPUT_KAFKA_TRANSACTION_H

#include "ports/output/kafka_courier.h"

enum {
    TRANSACTION_ABORTS_MAX = 3, // in a row: then with a new client
    TRANSACTION_FENCED_MS = 600000,
};

enum transaction_state {
    TRANSACTION_NONE, // no client
    TRANSACTION_WAITING,
    TRANSACTION_STARTING,
    TRANSACTION_READY,
    TRANSACTION_OPEN,
    TRANSACTION_ENDING,
    TRANSACTION_FAILED, // the client must be replaced
};

enum transaction_event {
    TRANSACTION_NOTHING,
    TRANSACTION_KNOWN,     // the courier's cursors are those that Kafka keeps
    TRANSACTION_COMMITTED, // all that it held was delivered
    TRANSACTION_ABORTED,   // none of it was
    TRANSACTION_BROKEN,    // replace the client; what it held may have been delivered
};

// What went wrong, for a person.
struct transaction_fault {
    bool fenced;   // another producer of the same name took over
    char code[32]; // for reasons[]
    char sentence[KAFKA_SENTENCE_SIZE];
};

struct kafka_transaction {
    bool on; // false: at-least-once, and nothing else here is used
    const char *gateway;
    enum link_profile link;
    struct kafka_courier *courier;
    enum transaction_state state;
    int64_t due_ms; // WAITING, READY: not before; boot time
    uint32_t record_count;
    uint32_t unreported_count;
    size_t byte_count;
    int64_t opened_ms, last_ms; // the begin, the last record
    bool spoilt;                // it cannot be committed
    bool told;                  // why: by the topic that it failed for
    uint32_t aborts_in_row;
    bool broken_told;  // of this client
    int64_t fenced_ms; // the last time; 0: never
    int64_t hold_ms;   // before the next client
    char code[32];     // "" where all is well
    char reason[KAFKA_SENTENCE_SIZE];
};

// The transaction's time-out at the broker, by link.
int kafka_transaction_timeout_ms(enum link_profile link);

void kafka_transaction_init(struct kafka_transaction *transaction, struct kafka_courier *courier,
                            const char *gateway, enum link_profile link);
void kafka_transaction_new_client(struct kafka_transaction *transaction);

// Its client works and the cursors are known: T3.
bool kafka_transaction_is_ready(const struct kafka_transaction *transaction);

// May one more record of `size` bytes be produced? Begins a transaction where none is open.
bool kafka_transaction_takes(struct kafka_transaction *transaction, rd_kafka_t *client,
                             size_t size);
// It was produced: then the cursor of this lane is `cursor`; or (next_seq 0) it was one of a
// companion topic.
void kafka_transaction_sent(struct kafka_transaction *transaction, uint32_t lane,
                            struct kafka_cursor cursor, size_t size);
// Its delivery report is here; `told`: where it is not well, its topic says why.
void kafka_transaction_reported(struct kafka_transaction *transaction, bool well, bool told);
void kafka_transaction_spoil(struct kafka_transaction *transaction); // it must be aborted
void kafka_transaction_hurry(struct kafka_transaction *transaction); // end it now

// Do what is due, and tell what has happened. Call again for as long as it is not NOTHING.
enum transaction_event kafka_transaction_step(struct kafka_transaction *transaction,
                                              rd_kafka_t *client, int64_t now_ms);
int64_t kafka_transaction_due_ms(const struct kafka_transaction *transaction);

// The client failed for good, as an event of librdkafka tells. Told once a client.
void kafka_transaction_broken(struct kafka_transaction *transaction, rd_kafka_resp_err_t err,
                              const char *text, int64_t now_ms);

// What the courier's failure means; `age_ms` is how long the transaction had been open.
void kafka_transaction_fault_of(const struct kafka_courier *courier, int64_t age_ms,
                                struct transaction_fault *fault);

#endif
