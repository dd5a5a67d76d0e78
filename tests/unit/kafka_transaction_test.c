// What of exactly-once needs no broker: names, cursors and their uniting, what failures mean, and
// when two gateways of one name stop.
#include "agent/clock.h"
#include "ports/output/kafka_transaction.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct kafka_courier a_courier(enum courier_step step, rd_kafka_resp_err_t err)
{
    struct kafka_courier courier = {
        .step = step, .err = err, .timeout_ms = 15000, .lane_count = 3, .text = "what it said"};
    assert_true(kafka_cursor_names("plant7", "gw-1", courier.group, courier.topic));
    return courier;
}

static void names_begin_with_the_domain_and_are_never_cut(void **state)
{
    (void)state;
    char group[KAFKA_CURSOR_NAME_SIZE];
    char topic[KAFKA_CURSOR_NAME_SIZE];
    char domain[300];
    memset(domain, 'd', sizeof domain);
    domain[sizeof domain - 1] = 0;

    assert_true(kafka_cursor_names("plant7", "gw-1", group, topic));
    assert_string_equal(group, "plant7.weir.gw-1");
    assert_string_equal(topic, "plant7.weir-cursors");

    assert_false(kafka_cursor_names(domain, "gw-1", group, topic));
}

static void an_epoch_goes_into_metadata_and_comes_back(void **state)
{
    (void)state;
    const uint64_t epochs[] = {0, 1, 0x0123456789abcdef, UINT64_MAX};
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        char text[KAFKA_CURSOR_TEXT_SIZE];
        const struct kafka_cursor put = {.epoch = epochs[i], .late = i % 2 == 1};
        kafka_cursor_put(&put, text);

        struct kafka_cursor cursor = kafka_cursor_of(42, bytes_text(text));

        assert_true(cursor.epoch == epochs[i]);
        assert_int_equal(cursor.late, i % 2 == 1);
        assert_int_equal(cursor.next_seq, 42);
    }
}

static void what_is_no_cursor_of_ours_is_none(void **state)
{
    (void)state;
    const char *good = "0123456789abcdef";

    assert_int_equal(kafka_cursor_of(-1, bytes_text(good)).next_seq, 0);    // never committed
    assert_int_equal(kafka_cursor_of(-1001, bytes_text(good)).next_seq, 0); // librdkafka's invalid
    assert_int_equal(kafka_cursor_of(0, bytes_text(good)).next_seq, 0);
    assert_int_equal(kafka_cursor_of(7, (struct bytes){0}).next_seq, 0);
    assert_int_equal(kafka_cursor_of(7, bytes_text("0123456789ABCDEF")).next_seq, 0);
    assert_int_equal(kafka_cursor_of(7, bytes_text("0123456789abcdef0")).next_seq, 0);
    assert_int_equal(kafka_cursor_of(7, bytes_text("0123456789abcdef.lat")).next_seq, 0);
    assert_int_equal(kafka_cursor_of(7, bytes_text("0123456789abcdef.later")).next_seq, 0);
}

static void of_an_epoch_the_newest_cursor_counts_wherever_it_lies(void **state)
{
    (void)state;
    struct kafka_cursor lanes[KAFKA_CURSOR_LANES] = {{.epoch = 7, .next_seq = 10},
                                                     {.epoch = 8, .next_seq = 99},
                                                     {.epoch = 7, .next_seq = 30},
                                                     {.epoch = 7, .late = true, .next_seq = 20}};

    assert_int_equal(kafka_cursor_unite(lanes, 7, false), 30);
    assert_int_equal(kafka_cursor_unite(lanes, 8, false), 99);
    assert_int_equal(kafka_cursor_unite(lanes, 9, false), 0);
    assert_int_equal(kafka_cursor_unite(lanes, 7, true), 20);
    assert_int_equal(kafka_cursor_unite(lanes, 8, true), 0);
}

static void each_missing_right_is_named(void **state)
{
    (void)state;
    static const struct {
        enum courier_step step;
        rd_kafka_resp_err_t err;
        const char *sentence;
    } rows[] = {
        {STEP_INIT, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
         "no right on the transactional id plant7.weir.gw-1: grant Write and Describe on it, "
         "or write `delivery: at-least-once`; records wait"},
        {STEP_READ, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
         "no right on the group plant7.weir.gw-1: grant Read on it; records wait"},
        {STEP_TOPIC, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
         "no right on the topic plant7.weir-cursors: grant Read on it; records wait"},
        {STEP_COMMIT, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
         "no right on a topic: grant Write and Describe on the topics of the products; records "
         "wait"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kafka_courier courier = a_courier(rows[i].step, rows[i].err);
        struct transaction_fault fault;

        kafka_transaction_fault_of(&courier, 0, &fault);

        assert_string_equal(fault.code, "transaction.denied");
        assert_string_equal(fault.sentence, rows[i].sentence);
        assert_false(fault.fenced);
    }
}

static void a_topic_of_cursors_that_lacks_or_is_small_is_named_with_its_partitions(void **state)
{
    (void)state;
    struct transaction_fault fault;

    struct kafka_courier courier = a_courier(STEP_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    kafka_transaction_fault_of(&courier, 0, &fault);
    assert_string_equal(fault.code, "topic.unknown");
    assert_non_null(strstr(fault.sentence, "plant7.weir-cursors"));
    assert_non_null(strstr(fault.sentence, "create it with 3 or more partitions"));

    courier = a_courier(STEP_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
    kafka_transaction_fault_of(&courier, 0, &fault);
    assert_string_equal(fault.code, "topic.partitions");
}

static void a_transaction_that_was_open_too_long_is_no_fencing(void **state)
{
    (void)state;
    struct transaction_fault fault;
    struct kafka_courier courier = a_courier(STEP_COMMIT, RD_KAFKA_RESP_ERR__FENCED);

    kafka_transaction_fault_of(&courier, 14999, &fault);
    assert_true(fault.fenced);
    assert_string_equal(fault.code, "transaction.fenced");

    kafka_transaction_fault_of(&courier, 15000, &fault);
    assert_false(fault.fenced);
    assert_string_equal(fault.code, "transaction.timeout");
}

static void what_nobody_foresaw_is_told_in_librdkafkas_words(void **state)
{
    (void)state;
    struct transaction_fault fault;
    struct kafka_courier courier = a_courier(STEP_COMMIT, RD_KAFKA_RESP_ERR_INVALID_CONFIG);

    kafka_transaction_fault_of(&courier, 0, &fault);

    assert_string_equal(fault.code, "transaction.failed");
    assert_string_equal(fault.sentence, "INVALID_CONFIG: what it said; records wait");
}

static void fence(struct kafka_transaction *transaction, int64_t now_ms)
{
    kafka_transaction_new_client(transaction);
    kafka_transaction_broken(transaction, RD_KAFKA_RESP_ERR__FENCED, "fenced", now_ms);
    // The same client tells it twice, as event and as the end of a job: it counts once.
    kafka_transaction_broken(transaction, RD_KAFKA_RESP_ERR__FENCED, "fenced", now_ms);
}

static void the_second_fencing_in_ten_minutes_stops_the_sending(void **state)
{
    (void)state;
    struct kafka_courier courier = a_courier(STEP_COMMIT, RD_KAFKA_RESP_ERR_NO_ERROR);
    struct kafka_transaction transaction;
    kafka_transaction_init(&transaction, &courier, "gw-1", LINK_ETHERNET);
    int64_t now_ms = 1000000;

    fence(&transaction, now_ms);
    assert_string_equal(transaction.code, "transaction.fenced");
    assert_int_equal(transaction.hold_ms, 0);

    now_ms += TRANSACTION_FENCED_MS; // too long ago to count
    fence(&transaction, now_ms);
    assert_int_equal(transaction.hold_ms, 0);

    now_ms += TRANSACTION_FENCED_MS - 1;
    fence(&transaction, now_ms);
    assert_string_equal(transaction.code, "gateway.id_in_use");
    assert_int_equal(transaction.hold_ms, TRANSACTION_FENCED_MS);

    now_ms += TRANSACTION_FENCED_MS + 1000; // after the wait: the other is still there
    fence(&transaction, now_ms);
    assert_string_equal(transaction.code, "gateway.id_in_use");
    assert_int_equal(transaction.hold_ms, TRANSACTION_FENCED_MS);
    assert_int_equal(transaction.state, TRANSACTION_FAILED);
}

static void a_fencing_is_told_even_where_a_topic_has_told_why_its_records_came_back(void **state)
{
    (void)state;
    struct kafka_courier courier = a_courier(STEP_COMMIT, RD_KAFKA_RESP_ERR_NO_ERROR);
    struct kafka_transaction transaction;
    kafka_transaction_init(&transaction, &courier, "gw-1", LINK_ETHERNET);
    fence(&transaction, 1000000);
    kafka_transaction_new_client(&transaction);
    transaction.unreported_count = 1;
    kafka_transaction_reported(&transaction, false, true);

    kafka_transaction_broken(&transaction, RD_KAFKA_RESP_ERR__FENCED, "fenced", 1001000);

    assert_string_equal(transaction.code, "gateway.id_in_use");
    assert_int_equal(transaction.hold_ms, TRANSACTION_FENCED_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_begin_with_the_domain_and_are_never_cut),
        cmocka_unit_test(an_epoch_goes_into_metadata_and_comes_back),
        cmocka_unit_test(what_is_no_cursor_of_ours_is_none),
        cmocka_unit_test(of_an_epoch_the_newest_cursor_counts_wherever_it_lies),
        cmocka_unit_test(each_missing_right_is_named),
        cmocka_unit_test(a_topic_of_cursors_that_lacks_or_is_small_is_named_with_its_partitions),
        cmocka_unit_test(a_transaction_that_was_open_too_long_is_no_fencing),
        cmocka_unit_test(what_nobody_foresaw_is_told_in_librdkafkas_words),
        cmocka_unit_test(the_second_fencing_in_ten_minutes_stops_the_sending),
        cmocka_unit_test(a_fencing_is_told_even_where_a_topic_has_told_why_its_records_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
