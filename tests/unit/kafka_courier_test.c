// The courier against librdkafka's own mock cluster, which answers with the errors that it is told
// to. What a real Kafka does is tests/kafka/exactly_once_test's to show.
#include "agent/clock.h"
#include "ports/output/kafka_courier.h"
#include "ports/output/kafka_transaction.h"

#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum {
    OFFSET_FETCH = 9,
    FIND_COORDINATOR = 10,
    INIT_PRODUCER_ID = 22,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END_TRANSACTION = 26,
    OFFSET_COMMIT = 28,
    TURNS_MAX = 12000, // of 5 ms
};

static rd_kafka_t *owner;
static rd_kafka_mock_cluster_t *cluster;

// A courier and the producer that it works for.
struct rig {
    struct kafka_courier courier;
    struct kafka_client settings;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    char bootstrap[256];
};

static void rig_open(struct rig *rig, int timeout_ms)
{
    char why[KAFKA_SENTENCE_SIZE] = "";
    *rig = (struct rig){.courier = {.timeout_ms = timeout_ms, .lane_count = 1, .marks_ms = 100}};
    (void)snprintf(rig->bootstrap, sizeof rig->bootstrap, "%s",
                   rd_kafka_mock_cluster_bootstraps(cluster));
    assert_true(kafka_cursor_names("plant7", "gw-1", rig->courier.group, rig->courier.topic));
    rig->settings = (struct kafka_client){.bootstrap = rig->bootstrap,
                                          .client_id = "test",
                                          .transactional_id = rig->courier.group,
                                          .transaction_timeout_ms = timeout_ms};
    rig->courier.settings = &rig->settings;
    assert_int_equal(kafka_courier_open(&rig->courier), OK);
    rd_kafka_conf_t *conf = kafka_client_configure(&rig->settings, KAFKA_DATA, why);
    assert_non_null(conf);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rig->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(rig->client);
    rig->queue = rd_kafka_queue_get_main(rig->client);
}

// What the loop does meanwhile: it takes the delivery reports that a commit waits for.
static enum courier_result run(struct rig *rig, enum courier_work work)
{
    kafka_courier_give(&rig->courier, work, rig->client);
    for (int i = 0; i < TURNS_MAX && rig->courier.busy; i++) {
        rd_kafka_event_t *event = rig->queue == NULL ? NULL : rd_kafka_queue_poll(rig->queue, 0);
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
        (void)kafka_courier_wait(&rig->courier, event == NULL ? 5 : 0);
    }
    assert_false(rig->courier.busy);
    return rig->courier.result;
}

static void rig_close(struct rig *rig)
{
    rd_kafka_queue_destroy(rig->queue);
    rig->queue = NULL;
    assert_int_equal(run(rig, COURIER_END), COURIER_DONE);
    kafka_courier_close(&rig->courier);
}

// Three records and their cursor.
static void fill(struct rig *rig)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(rig->client);
    assert_null(error);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            rd_kafka_producev(rig->client, RD_KAFKA_V_TOPIC("readings"), RD_KAFKA_V_VALUE("x", 1),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    memset(rig->courier.cursors, 0, sizeof rig->courier.cursors);
    rig->courier.cursors[0] = (struct kafka_cursor){.epoch = 7, .next_seq = 4};
}

static void answer(int16_t api, rd_kafka_resp_err_t err, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        rd_kafka_mock_push_request_errors(cluster, api, 1, err);
    }
}

static int set_up(void **state)
{
    (void)state;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_conf_set_log_cb(conf, NULL);
    owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (owner == NULL) {
        return -1;
    }
    cluster = rd_kafka_handle_mock_cluster(owner);
    rd_kafka_mock_topic_create(cluster, "plant7.weir-cursors", 16, 1);
    rd_kafka_mock_topic_create(cluster, "readings", 1, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rd_kafka_destroy(owner);
    return 0;
}

// ---- starts ----

static void a_start_goes_on_over_what_passes(void **state)
{
    (void)state;
    static const struct {
        int16_t api;
        rd_kafka_resp_err_t err;
    } passing[] = {
        {FIND_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
        {INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
        {INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
        {INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
        // Asked by the producer's handle, these bring the program down (librdkafka issue 5040).
        {OFFSET_FETCH, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
        {OFFSET_FETCH, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
    };
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        struct rig rig;
        rig_open(&rig, 15000);
        answer(passing[i].api, passing[i].err, 1);

        enum courier_result result = run(&rig, COURIER_START);
        for (int again = 0; again < 3 && result == COURIER_AGAIN; again++) {
            result = run(&rig, COURIER_START); // as the loop does after a second
        }

        assert_int_equal(result, COURIER_DONE);
        rd_kafka_mock_clear_request_errors(cluster, passing[i].api);
        rig_close(&rig);
    }
}

static void a_start_without_the_right_is_told_by_its_step(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 15000);
    answer(INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 1);

    enum courier_result result = run(&rig, COURIER_START);

    assert_int_equal(result, COURIER_BROKEN);
    assert_int_equal(rig.courier.step, STEP_INIT);
    assert_int_equal(rig.courier.err, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    rig_close(&rig);
}

static void too_few_lanes_are_found_before_anything_is_sent(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 15000);
    rig.courier.lane_count = 17;

    assert_int_equal(run(&rig, COURIER_START), COURIER_AGAIN);

    assert_int_equal(rig.courier.step, STEP_TOPIC);
    assert_int_equal(rig.courier.err, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    rig_close(&rig);
}

// ---- ends ----

static void each_failure_of_an_end_has_its_outcome(void **state)
{
    (void)state;
    static const struct {
        int16_t api;
        rd_kafka_resp_err_t err;
        size_t times;
        enum courier_result result;
        bool fenced;
    } rows[] = {
        {END_TRANSACTION, RD_KAFKA_RESP_ERR_NO_ERROR, 0, COURIER_DONE, false},
        // What passes by itself.
        {END_TRANSACTION, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 2, COURIER_DONE, false},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 2, COURIER_DONE, false},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2, COURIER_DONE, false},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, COURIER_DONE, false},
        // What ends this transaction only.
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, COURIER_ABORTED, false},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, COURIER_ABORTED, false},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, COURIER_ABORTED, false},
        // What ends the producer.
        {END_TRANSACTION, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, COURIER_BROKEN, true},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, COURIER_BROKEN, true},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 1, COURIER_BROKEN,
         false},
        {END_TRANSACTION, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, 1, COURIER_BROKEN, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig rig;
        struct transaction_fault fault;
        rig_open(&rig, 15000);
        assert_int_equal(run(&rig, COURIER_START), COURIER_DONE);
        answer(rows[i].api, rows[i].err, rows[i].times);
        fill(&rig);

        enum courier_result result = run(&rig, COURIER_COMMIT);
        kafka_transaction_fault_of(&rig.courier, 0, &fault);
        if (result != rows[i].result) {
            print_error("row %zu: result %d, step %d, %s: %s\n", i, (int)result,
                        (int)rig.courier.step, rd_kafka_err2name(rig.courier.err),
                        rig.courier.text);
        }

        assert_int_equal(result, rows[i].result);
        assert_int_equal(fault.fenced, rows[i].fenced);
        rd_kafka_mock_clear_request_errors(cluster, rows[i].api);
        rig_close(&rig);
    }
}

static void after_an_abort_the_next_transaction_commits(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 15000);
    assert_int_equal(run(&rig, COURIER_START), COURIER_DONE);
    answer(OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1);
    fill(&rig);
    assert_int_equal(run(&rig, COURIER_COMMIT), COURIER_ABORTED);

    fill(&rig);

    assert_int_equal(run(&rig, COURIER_COMMIT), COURIER_DONE);
    rig_close(&rig);
}

static void an_end_gives_up_when_the_broker_has_stopped_waiting(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 3000);
    assert_int_equal(run(&rig, COURIER_START), COURIER_DONE);
    fill(&rig);
    rd_kafka_mock_broker_set_down(cluster, 1);

    enum courier_result result = run(&rig, COURIER_COMMIT);

    assert_int_not_equal(result, COURIER_DONE);
    assert_int_not_equal(rig.courier.err, RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_mock_broker_set_up(cluster, 1);
    rig_close(&rig);
}

// ---- aborts in a row ----

// What the loop does for a transaction, until something has happened to it.
static enum transaction_event step(struct rig *rig, struct kafka_transaction *transaction)
{
    enum transaction_event happened = TRANSACTION_NOTHING;
    for (int i = 0; i < TURNS_MAX && happened == TRANSACTION_NOTHING; i++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(rig->queue, 0);
        const rd_kafka_message_t *message;
        while (event != NULL && (message = rd_kafka_event_message_next(event)) != NULL) {
            kafka_transaction_reported(transaction, message->err == RD_KAFKA_RESP_ERR_NO_ERROR,
                                       false);
        }
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
        happened = kafka_transaction_step(transaction, rig->client, clock_boot_ms());
        (void)kafka_courier_wait(&rig->courier, 5);
    }
    return happened;
}

// One record and its cursor, sent as soon as a transaction takes it.
static enum transaction_event send_one(struct rig *rig, struct kafka_transaction *transaction,
                                       uint64_t seq)
{
    for (int i = 0; i < TURNS_MAX && !kafka_transaction_takes(transaction, rig->client, 1); i++) {
        (void)poll(NULL, 0, 5);
    }
    assert_int_equal(transaction->state, TRANSACTION_OPEN);
    assert_int_equal(rd_kafka_producev(rig->client, RD_KAFKA_V_TOPIC("readings"),
                                       RD_KAFKA_V_VALUE("x", 1),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    kafka_transaction_sent(transaction, 0, (struct kafka_cursor){.epoch = 7, .next_seq = seq + 1},
                           1);
    kafka_transaction_hurry(transaction);
    return step(rig, transaction);
}

static enum transaction_event send_refused(struct rig *rig, struct kafka_transaction *transaction,
                                           uint64_t seq)
{
    answer(OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1);
    return send_one(rig, transaction, seq);
}

static void the_third_abort_in_a_row_ends_the_client_and_the_next_one_commits(void **state)
{
    (void)state;
    struct rig rig;
    struct kafka_transaction transaction;
    rig_open(&rig, 15000);
    kafka_transaction_init(&transaction, &rig.courier, "gw-1", LINK_ETHERNET);
    kafka_transaction_new_client(&transaction);
    assert_int_equal(step(&rig, &transaction), TRANSACTION_KNOWN);
    // Two, and a commit between: not in a row.
    assert_int_equal(send_refused(&rig, &transaction, 1), TRANSACTION_ABORTED);
    assert_int_equal(send_refused(&rig, &transaction, 1), TRANSACTION_ABORTED);
    assert_int_equal(send_one(&rig, &transaction, 1), TRANSACTION_COMMITTED);

    assert_int_equal(send_refused(&rig, &transaction, 2), TRANSACTION_ABORTED);
    assert_int_equal(send_refused(&rig, &transaction, 2), TRANSACTION_ABORTED);
    assert_int_equal(send_refused(&rig, &transaction, 2), TRANSACTION_BROKEN);

    assert_string_equal(transaction.code, "transaction.denied"); // and why is told
    rig_close(&rig);
    rig_open(&rig, 15000);
    kafka_transaction_new_client(&transaction);
    assert_int_equal(step(&rig, &transaction), TRANSACTION_KNOWN);
    assert_int_equal(send_one(&rig, &transaction, 2), TRANSACTION_COMMITTED);
    assert_string_equal(transaction.code, "");
    rig_close(&rig);
}

int main(void)
{
#define ON_A_CLUSTER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_A_CLUSTER(a_start_goes_on_over_what_passes),
        ON_A_CLUSTER(a_start_without_the_right_is_told_by_its_step),
        ON_A_CLUSTER(too_few_lanes_are_found_before_anything_is_sent),
        ON_A_CLUSTER(each_failure_of_an_end_has_its_outcome),
        ON_A_CLUSTER(after_an_abort_the_next_transaction_commits),
        ON_A_CLUSTER(an_end_gives_up_when_the_broker_has_stopped_waiting),
        ON_A_CLUSTER(the_third_abort_in_a_row_ends_the_client_and_the_next_one_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
