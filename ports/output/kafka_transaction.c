#include "ports/output/kafka_transaction.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <assert.h>
#include <stdio.h>

enum {
    AGAIN_MIN_MS = 1000, // between two starts, and after an abort
    BYTES_MAX = 1 << 20,
    BATCH_BYTES = 1 << 16, // the profiles' smallest batch.size
};

// By link. A commit takes about three round trips, so slow links get longer ones.
static const struct {
    int timeout_ms;
    uint32_t records_max;
    int64_t open_ms; // at most
    int64_t idle_ms; // nothing came for so long: all that was at hand is in it
    int marks_ms;    // longer round trips than this outlast the marks anyhow
} limits[] = {
    {15000, 10000, 1000, 20, 100},
    {30000, 5000, 5000, 200, 0},
    {60000, 5000, 5000, 500, 0},
};

int kafka_transaction_timeout_ms(enum link_profile link)
{
    return limits[link].timeout_ms;
}

void kafka_transaction_init(struct kafka_transaction *transaction, struct kafka_courier *courier,
                            const char *gateway, enum link_profile link)
{
    *transaction = (struct kafka_transaction){
        .on = true, .gateway = gateway, .link = link, .courier = courier};
    courier->marks_ms = limits[link].marks_ms;
}

void kafka_transaction_new_client(struct kafka_transaction *transaction)
{
    transaction->state = transaction->on ? TRANSACTION_WAITING : TRANSACTION_NONE;
    transaction->due_ms = 0;
    transaction->broken_told = false;
    transaction->told = false;
    transaction->hold_ms = 0;
    transaction->aborts_in_row = 0;
    transaction->unreported_count = 0;
}

// ---- what is told ----

static void tell(struct kafka_transaction *transaction, const struct transaction_fault *fault)
{
    bool same = strcmp(transaction->reason, fault->sentence) == 0;
    memcpy(transaction->code, fault->code, sizeof transaction->code);
    memcpy(transaction->reason, fault->sentence, sizeof transaction->reason);
    if (!same) {
        log_warn(fault->code, "reason=\"%s\"", fault->sentence);
    }
}

static void well(struct kafka_transaction *transaction)
{
    if (transaction->code[0] != 0) {
        log_info("transaction.well", "was=%s", transaction->code);
        transaction->code[0] = 0;
        transaction->reason[0] = 0;
    }
}

static int64_t age_ms(const struct kafka_transaction *transaction, int64_t now_ms)
{
    bool open = transaction->state == TRANSACTION_OPEN || transaction->state == TRANSACTION_ENDING;
    return open ? now_ms - transaction->opened_ms : 0;
}

// Two fencings in ten minutes are no leftover of a crash: somebody else has our name. Both going on
// would only take the producer from each other, so this one waits.
static void fenced(struct kafka_transaction *transaction, struct transaction_fault *fault,
                   int64_t now_ms)
{
    bool second =
        transaction->fenced_ms != 0 && now_ms - transaction->fenced_ms < TRANSACTION_FENCED_MS;
    transaction->fenced_ms = now_ms;
    if (!second) {
        return;
    }
    transaction->hold_ms = TRANSACTION_FENCED_MS;
    transaction->fenced_ms = now_ms + TRANSACTION_FENCED_MS; // the first after it counts as second
    (void)snprintf(fault->code, sizeof fault->code, "gateway.id_in_use");
    (void)snprintf(
        fault->sentence, sizeof fault->sentence,
        "another gateway sends as %.64s; give each its own `gateway`. This one keeps its "
        "records and tries again in 10 minutes",
        transaction->gateway);
}

static void broken(struct kafka_transaction *transaction, const struct kafka_courier *why,
                   int64_t now_ms)
{
    struct transaction_fault fault;
    if (!transaction->broken_told) {
        kafka_transaction_fault_of(why, age_ms(transaction, now_ms), &fault);
        if (fault.fenced) {
            fenced(transaction, &fault, now_ms);
        }
        if (!transaction->told || fault.fenced) { // a topic cannot tell of a fencing
            tell(transaction, &fault);
        }
    }
    transaction->broken_told = true;
    transaction->state = TRANSACTION_FAILED;
}

void kafka_transaction_broken(struct kafka_transaction *transaction, rd_kafka_resp_err_t err,
                              const char *text, int64_t now_ms)
{
    if (transaction->courier->busy) {
        return; // its job ends with the same, and knows more
    }
    struct kafka_courier why = {.step = STEP_COMMIT,
                                .err = err,
                                .timeout_ms = transaction->courier->timeout_ms,
                                .lane_count = transaction->courier->lane_count};
    memcpy(why.group, transaction->courier->group, sizeof why.group);
    memcpy(why.topic, transaction->courier->topic, sizeof why.topic);
    (void)snprintf(why.text, sizeof why.text, "%s", text);
    broken(transaction, &why, now_ms);
}

// ---- a transaction's life ----

static bool begin(struct kafka_transaction *transaction, rd_kafka_t *client)
{
    int64_t now_ms = clock_boot_ms();
    if (now_ms < transaction->due_ms) {
        return false;
    }
    rd_kafka_error_t *error = rd_kafka_begin_transaction(client);
    if (error != NULL) {
        kafka_transaction_broken(transaction, rd_kafka_error_code(error),
                                 rd_kafka_error_string(error), now_ms);
        rd_kafka_error_destroy(error);
        return false;
    }
    memset(transaction->courier->cursors, 0, sizeof transaction->courier->cursors);
    transaction->state = TRANSACTION_OPEN;
    transaction->record_count = 0;
    transaction->byte_count = 0;
    transaction->spoilt = false;
    transaction->told = false;
    transaction->opened_ms = now_ms;
    transaction->last_ms = now_ms;
    return true;
}

static void end(struct kafka_transaction *transaction, rd_kafka_t *client)
{
    size_t records_in_batch =
        (size_t)transaction->record_count * BATCH_BYTES / (transaction->byte_count + 1);
    transaction->courier->tail_count = (uint32_t)records_in_batch;
    kafka_courier_give(transaction->courier, transaction->spoilt ? COURIER_ABORT : COURIER_COMMIT,
                       client);
    transaction->state = TRANSACTION_ENDING;
}

bool kafka_transaction_takes(struct kafka_transaction *transaction, rd_kafka_t *client, size_t size)
{
    if (transaction->state == TRANSACTION_READY && !begin(transaction, client)) {
        return false;
    }
    if (transaction->state != TRANSACTION_OPEN || transaction->spoilt) {
        return false;
    }
    bool fits = transaction->record_count < limits[transaction->link].records_max &&
                (transaction->byte_count + size <= BYTES_MAX || transaction->record_count == 0);
    if (!fits) {
        end(transaction, client);
    }
    return fits;
}

bool kafka_transaction_is_ready(const struct kafka_transaction *transaction)
{
    return transaction->state == TRANSACTION_READY || transaction->state == TRANSACTION_OPEN ||
           transaction->state == TRANSACTION_ENDING;
}

void kafka_transaction_sent(struct kafka_transaction *transaction, uint32_t lane,
                            struct kafka_cursor cursor, size_t size)
{
    assert(transaction->state == TRANSACTION_OPEN); // T1
    transaction->record_count++;
    transaction->unreported_count++;
    transaction->byte_count += size;
    // Of many at once a few are enough to see that it is not quiet.
    if (transaction->record_count <= 64 || transaction->record_count % 16 == 0) {
        transaction->last_ms = clock_boot_ms();
    }
    if (cursor.next_seq > 0) {
        transaction->courier->cursors[lane] = cursor;
    }
}

void kafka_transaction_reported(struct kafka_transaction *transaction, bool well_delivered,
                                bool told)
{
    assert(transaction->unreported_count > 0);
    transaction->unreported_count--;
    transaction->spoilt |= !well_delivered;
    transaction->told |= !well_delivered && told;
}

void kafka_transaction_spoil(struct kafka_transaction *transaction)
{
    transaction->spoilt = true;
}

void kafka_transaction_hurry(struct kafka_transaction *transaction)
{
    if (transaction->state == TRANSACTION_OPEN) {
        transaction->opened_ms -= limits[transaction->link].open_ms;
    }
}

static int64_t open_due_ms(const struct kafka_transaction *transaction)
{
    int64_t idle_ms = transaction->last_ms + limits[transaction->link].idle_ms;
    int64_t old_ms = transaction->opened_ms + limits[transaction->link].open_ms;
    bool full =
        transaction->spoilt || transaction->record_count >= limits[transaction->link].records_max;
    return full ? 0 : idle_ms < old_ms ? idle_ms : old_ms;
}

// ---- steps ----

static enum transaction_event started(struct kafka_transaction *transaction, int64_t now_ms)
{
    const struct kafka_courier *courier = transaction->courier;
    if (courier->result == COURIER_DONE) {
        transaction->state = TRANSACTION_READY;
        transaction->due_ms = 0;
        return TRANSACTION_KNOWN; // T3
    }
    if (courier->result != COURIER_AGAIN) {
        broken(transaction, courier, now_ms);
        return TRANSACTION_BROKEN;
    }
    struct transaction_fault fault;
    kafka_transaction_fault_of(courier, 0, &fault);
    tell(transaction, &fault);
    transaction->state = TRANSACTION_WAITING;
    transaction->due_ms = now_ms + AGAIN_MIN_MS;
    return TRANSACTION_NOTHING;
}

static enum transaction_event aborted(struct kafka_transaction *transaction, int64_t now_ms)
{
    const struct kafka_courier *courier = transaction->courier;
    transaction->aborts_in_row++;
    if (!transaction->told) { // else the topic holds what belongs to it
        struct transaction_fault fault;
        kafka_transaction_fault_of(courier, age_ms(transaction, now_ms), &fault);
        tell(transaction, &fault);
        transaction->due_ms = now_ms + AGAIN_MIN_MS;
    }
    if (transaction->aborts_in_row >= TRANSACTION_ABORTS_MAX) {
        transaction->state = TRANSACTION_FAILED;
        return TRANSACTION_BROKEN;
    }
    transaction->state = TRANSACTION_READY;
    return TRANSACTION_ABORTED;
}

static enum transaction_event ended(struct kafka_transaction *transaction, int64_t now_ms)
{
    if (transaction->courier->result == COURIER_BROKEN) {
        broken(transaction, transaction->courier, now_ms);
        return TRANSACTION_BROKEN;
    }
    if (transaction->unreported_count > 0) {
        return TRANSACTION_NOTHING; // T2: the rest is in the queue
    }
    if (transaction->courier->result == COURIER_ABORTED) {
        return aborted(transaction, now_ms);
    }
    transaction->state = TRANSACTION_READY;
    transaction->due_ms = 0;
    transaction->aborts_in_row = 0;
    well(transaction);
    return TRANSACTION_COMMITTED;
}

enum transaction_event kafka_transaction_step(struct kafka_transaction *transaction,
                                              rd_kafka_t *client, int64_t now_ms)
{
    if (transaction->courier->busy) {
        return TRANSACTION_NOTHING;
    }
    switch (transaction->state) {
    case TRANSACTION_WAITING:
        if (now_ms >= transaction->due_ms) {
            kafka_courier_give(transaction->courier, COURIER_START, client);
            transaction->state = TRANSACTION_STARTING;
        }
        return TRANSACTION_NOTHING;
    case TRANSACTION_STARTING:
        return started(transaction, now_ms);
    case TRANSACTION_OPEN:
        if (now_ms >= open_due_ms(transaction)) {
            end(transaction, client); // T4
        }
        return TRANSACTION_NOTHING;
    case TRANSACTION_ENDING:
        return ended(transaction, now_ms);
    case TRANSACTION_FAILED:
        return TRANSACTION_BROKEN;
    case TRANSACTION_READY:
        transaction->due_ms = now_ms >= transaction->due_ms ? 0 : transaction->due_ms;
        return TRANSACTION_NOTHING;
    case TRANSACTION_NONE:
        return TRANSACTION_NOTHING;
    }
    return TRANSACTION_NOTHING;
}

int64_t kafka_transaction_due_ms(const struct kafka_transaction *transaction)
{
    switch (transaction->state) {
    case TRANSACTION_WAITING:
        return transaction->due_ms;
    case TRANSACTION_READY: // who waits with a record must be asked again
        return transaction->due_ms > 0 ? transaction->due_ms : INT64_MAX;
    case TRANSACTION_OPEN:
        return open_due_ms(transaction);
    case TRANSACTION_NONE:
    case TRANSACTION_STARTING:
    case TRANSACTION_ENDING:
    case TRANSACTION_FAILED:
        return INT64_MAX;
    }
    return INT64_MAX;
}
