// What the failures of a transactional producer mean, in plain words.
#include "ports/output/kafka_transaction.h"

#include <stdio.h>

enum { ANY_STEP = -1 };

// %G the group and transactional id, %C the topic of cursors, %N its partitions, %T the time-out.
static const struct row {
    rd_kafka_resp_err_t err;
    int step; // or ANY_STEP
    const char *code;
    const char *sentence;
} rows[] = {
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ANY_STEP, "transaction.denied",
     "no right on the transactional id %G: grant Write and Describe on it, or write `delivery: "
     "at-least-once`; records wait"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ANY_STEP, "transaction.denied",
     "no right on the group %G: grant Read on it; records wait"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, STEP_TOPIC, "transaction.denied",
     "no right on the topic %C: grant Read on it; records wait"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, STEP_READ, "transaction.denied",
     "no right on the topic %C: grant Read on it; records wait"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, STEP_OFFSETS, "transaction.denied",
     "no right on a topic: grant Read on %C, and Write and Describe on the topics of the products; "
     "records wait"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ANY_STEP, "transaction.denied",
     "no right on a topic: grant Write and Describe on the topics of the products; records wait"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ANY_STEP, "transaction.denied",
     "no right on the cluster (before Kafka 2.8: grant IdempotentWrite on it); records wait"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ANY_STEP, "topic.unknown",
     "topic %C: the cluster has no such topic; create it with %N or more partitions (exactly-once "
     "keeps its cursors there), or write `delivery: at-least-once`; records wait"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ANY_STEP, "topic.unknown",
     "topic %C: the cluster has no such topic; create it with %N or more partitions (exactly-once "
     "keeps its cursors there), or write `delivery: at-least-once`; records wait"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, STEP_TOPIC, "topic.unknown",
     "topic %C: the cluster refuses this name; exactly-once needs it, records wait"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, STEP_TOPIC, "topic.partitions",
     "topic %C: exactly-once needs %N partitions, one a lane; add some, records wait"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ANY_STEP, "transaction.unsupported",
     "this Kafka has no transactions; write `delivery: at-least-once`, records wait"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ANY_STEP, "transaction.unsupported",
     "this Kafka has no transactions; write `delivery: at-least-once`, records wait"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, ANY_STEP, "transaction.unsupported",
     "the broker refuses transactions of %T ms: raise its transaction.max.timeout.ms; records "
     "wait"},
    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, ANY_STEP, "transaction.no_coordinator",
     "no broker coordinates transactions: are there transaction.state.log.replication.factor "
     "brokers (3 by default), and in sync? Or write `delivery: at-least-once`; records wait"},
    {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ANY_STEP, "transaction.no_coordinator",
     "the coordinator of transactions is still loading; records wait"},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, STEP_INIT, "transaction.no_coordinator",
     "no broker coordinates transactions: are there transaction.state.log.replication.factor "
     "brokers (3 by default), and in sync? Or write `delivery: at-least-once`; records wait"},
    {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, ANY_STEP, "transaction.unfinished",
     "the last transaction of %G is not ended yet; records wait"},
    {RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, ANY_STEP, "transaction.unfinished",
     "the last transaction of %G is not ended yet; records wait"},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, ANY_STEP, "transaction.expired",
     "the brokers have forgotten %G after a long silence; begun again"},
};

static bool is_fencing(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__FENCED || err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static void put_sentence(const char *sentence, const struct kafka_courier *courier,
                         char out[KAFKA_SENTENCE_SIZE])
{
    size_t size = 0;
    out[0] = 0;
    for (const char *at = sentence; *at != 0 && size + 1 < KAFKA_SENTENCE_SIZE; at++) {
        int added = 1;
        size_t room = KAFKA_SENTENCE_SIZE - size;
        if (at[0] == '%' && at[1] == 'G') {
            added = snprintf(out + size, room, "%.60s", courier->group);
        } else if (at[0] == '%' && at[1] == 'C') {
            added = snprintf(out + size, room, "%.60s", courier->topic);
        } else if (at[0] == '%' && at[1] == 'N') {
            added = snprintf(out + size, room, "%u", courier->lane_count);
        } else if (at[0] == '%' && at[1] == 'T') {
            added = snprintf(out + size, room, "%d", courier->timeout_ms);
        } else {
            out[size] = *at;
            out[size + 1] = 0;
        }
        at += at[0] == '%' ? 1 : 0;
        size += (size_t)added;
    }
}

void kafka_transaction_fault_of(const struct kafka_courier *courier, int64_t age_ms,
                                struct transaction_fault *fault)
{
    rd_kafka_resp_err_t err = courier->err;
    // What failed before is told where the transaction would go on.
    bool late = strstr(courier->text, "add partition") != NULL;
    int step = late ? STEP_COMMIT : (int)courier->step;
    const char *code = "transaction.failed";
    const char *sentence = NULL;
    *fault = (struct transaction_fault){0};
    if (is_fencing(err) && age_ms < courier->timeout_ms) {
        fault->fenced = true;
        code = "transaction.fenced";
        sentence = "another producer has begun as %G: are two gateways called the same?";
    } else if (is_fencing(err)) { // the broker ends an old transaction by fencing its producer
        code = "transaction.timeout";
        sentence = "a transaction was open for longer than %T ms and was ended; begun again";
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows && sentence == NULL; i++) {
        if (rows[i].err == err && (rows[i].step == ANY_STEP || rows[i].step == step)) {
            code = rows[i].code;
            sentence = rows[i].sentence;
        }
    }
    (void)snprintf(fault->code, sizeof fault->code, "%s", code);
    if (sentence != NULL) {
        put_sentence(sentence, courier, fault->sentence);
    } else {
        (void)snprintf(fault->sentence, sizeof fault->sentence, "%s: %.180s; records wait",
                       rd_kafka_err2name(err), courier->text);
    }
}
