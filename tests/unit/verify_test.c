// The judge is judged here: every kind of fault is planted, one at a time, and must be found; and a
// stream without fault, in every order that is allowed, must be well.
#include "agent/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH UINT64_C(0x9f3c00ab12de4577)

static void feed_key(struct verify *verify, const char *key, uint64_t seq)
{
    struct verify_identity identity = {
        .gateway = bytes_text("gw-1"), .epoch = EPOCH, .seq = seq, .last_seq = seq};
    assert_int_equal(verify_record(verify, &identity, bytes_text(key), false), OK);
}

static void feed(struct verify *verify, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        feed_key(verify, "oven-3", seq);
    }
}

static void declare(struct verify *verify, uint64_t from, uint64_t to, enum verify_cause cause)
{
    struct verify_loss loss = {
        .gateway = "gw-1", .product = "thermal", .epoch = EPOCH, .from = from, .to = to};
    loss.cause = cause;
    assert_int_equal(verify_declare(verify, &loss), OK);
}

static struct verify_verdict judge(struct verify *verify)
{
    struct verify_verdict verdict;
    assert_int_equal(verify_stream_count(verify), 1);
    verify_judge(verify, 0, &verdict);
    return verdict;
}

static int set_up(void **state)
{
    *state = verify_open();
    return *state == NULL;
}

static int tear_down(void **state)
{
    verify_close(*state);
    return 0;
}

static void a_complete_stream_is_well(void **state)
{
    feed(*state, 1, 1000);

    struct verify_verdict verdict = judge(*state);

    assert_true(verify_verdict_is_well(&verdict));
    assert_string_equal(verdict.gateway, "gw-1");
    assert_true(verdict.epoch == EPOCH);
    assert_int_equal(verdict.first, 1);
    assert_int_equal(verdict.last, 1000);
    assert_int_equal(verdict.delivered, 1000);
}

static void a_seq_that_never_came_is_missing_wherever_it_stood(void **state)
{
    (void)state;
    for (uint64_t hole = 1; hole <= 49; hole++) {
        struct verify *verify = verify_open();
        feed(verify, 1, hole - 1);
        feed(verify, hole + 1, 50);

        struct verify_verdict verdict = judge(verify);

        assert_false(verify_verdict_is_well(&verdict));
        assert_int_equal(verdict.missing, 1);
        assert_int_equal(verdict.hole_count, 1);
        assert_int_equal(verdict.holes[0].first, hole);
        assert_int_equal(verdict.holes[0].last, hole);
        verify_close(verify);
    }
}

static void a_second_copy_is_doubled_and_not_out_of_order(void **state)
{
    feed(*state, 1, 100);
    feed(*state, 51, 150); // as after a kill: the unacknowledged window again, then on

    struct verify_verdict verdict = judge(*state);

    assert_false(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.duplicated, 50);
    assert_int_equal(verdict.delivered, 150);
    assert_int_equal(verdict.out_of_order, 0);
    assert_int_equal(verdict.missing, 0);
}

static void two_records_of_one_key_swapped_are_out_of_order(void **state)
{
    feed(*state, 1, 10);
    feed(*state, 12, 12);
    feed(*state, 11, 11);
    feed(*state, 13, 20);

    struct verify_verdict verdict = judge(*state);

    assert_false(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.out_of_order, 1);
    assert_int_equal(verdict.missing, 0);
    assert_int_equal(verdict.duplicated, 0);
}

static void records_of_two_keys_may_pass_each_other(void **state)
{
    feed_key(*state, "oven-3", 2);
    feed_key(*state, "oven-4", 1);
    feed_key(*state, "oven-4", 4);
    feed_key(*state, "oven-3", 3);

    struct verify_verdict verdict = judge(*state);

    assert_true(verify_verdict_is_well(&verdict));
}

static void a_declared_range_is_not_missing_and_is_told_by_its_cause(void **state)
{
    declare(*state, 3, 9, CAUSE_FULL);
    declare(*state, 15, 15, CAUSE_QUARANTINED);
    feed(*state, 1, 2);
    feed(*state, 10, 14);
    feed(*state, 16, 20);

    struct verify_verdict verdict = judge(*state);

    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.declared[CAUSE_FULL], 7);
    assert_int_equal(verdict.declared[CAUSE_QUARANTINED], 1);
    assert_int_equal(verify_verdict_lost(&verdict), 7);
    assert_int_equal(verdict.delivered + 8, 20);
}

static void a_declaration_told_again_counts_once(void **state)
{
    feed(*state, 1, 2);
    declare(*state, 3, 9, CAUSE_EXPIRED);
    declare(*state, 3, 9, CAUSE_EXPIRED);
    declare(*state, 5, 12, CAUSE_EXPIRED);

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.declared[CAUSE_EXPIRED], 10);
    assert_int_equal(verdict.missing, 0);
    assert_int_equal(verdict.last, 12);
}

static void feed_late(struct verify *verify, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        struct verify_identity identity = {
            .gateway = bytes_text("gw-1"), .epoch = EPOCH, .seq = seq, .last_seq = seq};
        assert_int_equal(verify_record(verify, &identity, bytes_text("oven-3"), true), OK);
    }
}

static void what_is_promised_is_late_until_it_comes_and_in_order_in_its_own_lane(void **state)
{
    feed(*state, 1, 10);
    feed(*state, 41, 50);
    declare(*state, 11, 40, CAUSE_LATE);
    declare(*state, 21, 25, CAUSE_FULL); // of the late ones, lost after all
    feed_late(*state, 11, 15);

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.late, 20);
    assert_int_equal(verdict.declared[CAUSE_FULL], 5);
    assert_int_equal(verdict.delivered, 25);
    assert_int_equal(verdict.contradicted, 0);
    assert_true(verify_verdict_is_well(&verdict));

    feed_late(*state, 16, 20);
    feed_late(*state, 26, 40);
    verdict = judge(*state);
    assert_int_equal(verdict.late, 0);
    assert_true(verify_verdict_is_well(&verdict));
}

static void a_hole_beyond_a_promise_is_missing_and_disorder_in_the_late_lane_is_found(void **state)
{
    feed(*state, 1, 10);
    feed(*state, 41, 50);
    declare(*state, 11, 20, CAUSE_LATE);
    declare(*state, 11, 20, CAUSE_LATE); // told again
    declare(*state, 31, 35, CAUSE_LATE);
    feed_late(*state, 18, 20);
    feed_late(*state, 11, 11);

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.late, 6 + 5);
    assert_int_equal(verdict.missing, 10 + 5);
    assert_int_equal(verdict.holes[0].first, 21);
    assert_int_equal(verdict.holes[1].last, 40);
    assert_int_equal(verdict.out_of_order, 1);
    assert_false(verify_verdict_is_well(&verdict));
}

static void a_hole_beside_a_declaration_is_still_missing(void **state)
{
    feed(*state, 1, 2);
    declare(*state, 4, 9, CAUSE_FULL);
    feed(*state, 11, 20);

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.missing, 2);
    assert_int_equal(verdict.holes[0].first, 3);
    assert_int_equal(verdict.holes[1].first, 10);
    assert_int_equal(verdict.declared[CAUSE_FULL], 6);
}

static void a_record_that_was_declared_lost_and_came_is_contradicted(void **state)
{
    feed(*state, 1, 10);
    declare(*state, 9, 12, CAUSE_EXPIRED);

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.contradicted, 2);
    assert_int_equal(verdict.declared[CAUSE_EXPIRED], 2);
    assert_int_equal(verdict.delivered, 10);
    assert_int_equal(verdict.missing, 0);
}

static void thinned_records_end_no_seq_and_count_once_however_often_they_are_told(void **state)
{
    static const struct {
        uint64_t from, to, count;
    } told[] = {{1, 3, 97}, {7, 9, 5}, {1, 3, 97}, {7, 12, 8}, {20, 30, 40}};
    feed(*state, 1, 12);
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct verify_loss loss = {.gateway = "gw-1",
                                   .product = "thermal",
                                   .epoch = EPOCH,
                                   .from = told[i].from,
                                   .to = told[i].to,
                                   .count = told[i].count,
                                   .cause = CAUSE_THINNED};
        assert_int_equal(verify_declare(*state, &loss), OK);
    }

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.last, 12);
    assert_int_equal(verdict.declared[CAUSE_THINNED], 97 + 8 + 40);
    assert_int_equal(verdict.contradicted, 0);
    assert_int_equal(verify_verdict_lost(&verdict), 0);
    assert_true(verify_verdict_is_well(&verdict));
}

static void a_stream_of_nothing_but_losses_is_judged_too(void **state)
{
    declare(*state, 4, 9, CAUSE_CORRUPT);

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.missing, 3);
    assert_int_equal(verdict.last, 9);
    assert_int_equal(verdict.delivered, 0);
}

static void two_epochs_and_two_gateways_are_judged_apart(void **state)
{
    struct verify *verify = *state;
    const char *gateways[] = {"gw-1", "gw-2", "gw-1"};
    const uint64_t epochs[] = {1, 1, 2};
    for (uint64_t seq = 1; seq <= 5; seq++) {
        for (size_t i = 0; i < 3; i++) {
            struct verify_identity identity = {bytes_text(gateways[i]), epochs[i], seq, seq};
            assert_int_equal(verify_record(verify, &identity, bytes_text("k"), false), OK);
        }
    }

    assert_int_equal(verify_stream_count(verify), 3);
    for (size_t i = 0; i < 3; i++) {
        struct verify_verdict verdict;
        verify_judge(verify, i, &verdict);
        assert_true(verify_verdict_is_well(&verdict));
        assert_string_equal(verdict.gateway, gateways[i]);
        assert_int_equal(verdict.epoch, epochs[i]);
        assert_int_equal(verdict.delivered, 5);
    }
}

static void with_an_open_front_the_stream_begins_with_its_first_seq(void **state)
{
    verify_front_is_open(*state);
    declare(*state, 1, 450, CAUSE_FULL);
    feed(*state, 501, 600);
    feed(*state, 602, 610);

    struct verify_verdict verdict = judge(*state);

    assert_int_equal(verdict.first, 501);
    assert_int_equal(verdict.missing, 1);
    assert_int_equal(verify_verdict_lost(&verdict), 0);
}

static void ten_million_records_of_a_thousand_keys_are_judged_in_bounded_memory(void **state)
{
    enum { COUNT = 10000000 };
    struct verify *verify = *state;
    struct verify_identity identity = {.gateway = bytes_text("gw-1"), .epoch = EPOCH};
    char key[16];
    for (uint64_t seq = 1; seq <= COUNT; seq++) {
        int size = snprintf(key, sizeof key, "sensor-%d", (int)(seq % 1000));
        identity.seq = seq;
        identity.last_seq = seq;
        assert_int_equal(verify_record(verify, &identity, bytes_from(key, (size_t)size), false),
                         OK);
    }

    struct verify_verdict verdict = judge(verify);

    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.delivered, COUNT);
    assert_int_equal(verify_keys_unwatched(verify), 0);
}

static void the_identity_header_is_read(void **state)
{
    (void)state;
    struct verify_identity identity;

    assert_int_equal(verify_identity_read(bytes_text("gw-0042/9f3c00ab12de4577/1041"), &identity),
                     OK);

    assert_true(bytes_equal(identity.gateway, bytes_text("gw-0042")));
    assert_true(identity.epoch == EPOCH);
    assert_int_equal(identity.seq, 1041);
    assert_int_equal(identity.last_seq, 1041);

    assert_int_equal(verify_identity_read(bytes_text("gw-0042/9f3c00ab12de4577/7-4102"), &identity),
                     OK);
    assert_int_equal(identity.seq, 7);
    assert_int_equal(identity.last_seq, 4102);
}

static void each_seq_of_a_block_counts(void **state)
{
    (void)state;
    // given blocks 1..100, 51..150 (a part of it again) and 161..200
    struct verify *verify = verify_open();
    static const uint64_t spans[][2] = {{1, 100}, {51, 150}, {161, 200}};
    for (int i = 0; i < 3; i++) {
        struct verify_identity identity = {bytes_text("gw-1"), EPOCH, spans[i][0], spans[i][1]};
        assert_int_equal(verify_record(verify, &identity, bytes_text("gw-1"), false), OK);
    }

    struct verify_verdict verdict;
    verify_judge(verify, 0, &verdict);

    assert_int_equal(verdict.delivered, 190);
    assert_int_equal(verdict.duplicated, 50);
    assert_int_equal(verdict.missing, 10);
    assert_int_equal(verdict.out_of_order, 0);
    assert_int_equal(verdict.holes[0].first, 151);
    assert_int_equal(verdict.holes[0].last, 160);
    verify_close(verify);
}

static void a_broken_identity_header_is_refused(void **state)
{
    (void)state;
    const char *broken[] = {
        "",
        "gw",
        "/9f3c00ab12de4577/1",
        "gw/9f3c00ab12de4577",
        "gw/9f3c00ab12de4577/",
        "gw/9f3c00ab12de4577/0",
        "gw/9f3c00ab12de4577/01",
        "gw/9f3c00ab12de4577/-1",
        "gw/9f3c00ab12de4577/1 ",
        "gw/9f3c00ab12de4577/99999999999999999999",
        "gw/9F3C00AB12DE4577/1",
        "gw/9f3c00ab12de457/1",
        "gw/9f3c00ab12de45777/1",
        "g w/9f3c00ab12de4577/1",
        "gw/x/9f3c00ab12de4577/1",
        "12345678901234567890123456789012345678901234567890123456789012345/9f3c00ab12de4577/1",
    };

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct verify_identity identity;
        assert_int_equal(verify_identity_read(bytes_text(broken[i]), &identity), ERR_INVALID);
    }
}

static void a_losses_record_is_read(void **state)
{
    (void)state;
    struct verify_loss loss;

    assert_int_equal(
        verify_loss_read(
            bytes_text("{\"gateway\":\"gw-0042\",\"product\":\"thermal\","
                       "\"epoch\":\"9f3c00ab12de4577\",\"from_seq\":1042,\"to_seq\":1050,"
                       "\"count\":9,\"cause\":\"expired\","
                       "\"from_time\":\"2026-11-24T18:54:14.000Z\","
                       "\"to_time\":\"2026-11-24T18:54:15.000Z\",\"later\":{\"a\":[1]}}"),
            &loss),
        OK);

    assert_string_equal(loss.gateway, "gw-0042");
    assert_string_equal(loss.product, "thermal");
    assert_true(loss.epoch == EPOCH);
    assert_int_equal(loss.from, 1042);
    assert_int_equal(loss.to, 1050);
    assert_int_equal(loss.cause, CAUSE_EXPIRED);
}

enum { LOSSES_TEXT_SIZE = 512 };

static void losses_text(char text[LOSSES_TEXT_SIZE], const char *members[6])
{
    (void)snprintf(text, LOSSES_TEXT_SIZE,
                   "{\"gateway\":%s,\"product\":%s,\"epoch\":%s,\"from_seq\":%s,"
                   "\"to_seq\":%s,\"cause\":%s}",
                   members[0], members[1], members[2], members[3], members[4], members[5]);
}

static void a_broken_losses_record_is_refused(void **state)
{
    (void)state;
    const char *good[] = {"\"gw\"", "\"p\"", "\"9f3c00ab12de4577\"", "3", "9", "\"full\""};
    const char *bad[][6] = {
        {"1", "\"\"", "\"g/w\"", "null", NULL},          {"1", "\"\"", "null", NULL},
        {"1", "\"9f3c\"", "\"9F3C00AB12DE4577\"", NULL}, {"0", "-3", "3.5", "\"3\"", "1e30", NULL},
        {"2", "0", "9007199254740994", "true", NULL},    {"1", "null", NULL},
    };
    struct verify_loss loss;
    char text[LOSSES_TEXT_SIZE];
    losses_text(text, good);
    assert_int_equal(verify_loss_read(bytes_text(text), &loss), OK);

    for (size_t member = 0; member < 6; member++) {
        for (size_t i = 0; i < 6 && bad[member][i] != NULL; i++) {
            const char *use[6];
            memcpy(use, good, sizeof use);
            use[member] = bad[member][i];
            losses_text(text, use);
            assert_int_equal(verify_loss_read(bytes_text(text), &loss), ERR_INVALID);
        }
    }
    assert_int_equal(verify_loss_read(bytes_text("[]"), &loss), ERR_INVALID);
    assert_int_equal(verify_loss_read(bytes_text(""), &loss), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_complete_stream_is_well, set_up, tear_down),
        cmocka_unit_test(a_seq_that_never_came_is_missing_wherever_it_stood),
        cmocka_unit_test_setup_teardown(a_second_copy_is_doubled_and_not_out_of_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_records_of_one_key_swapped_are_out_of_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(records_of_two_keys_may_pass_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_declared_range_is_not_missing_and_is_told_by_its_cause,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_declaration_told_again_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            thinned_records_end_no_seq_and_count_once_however_often_they_are_told, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            what_is_promised_is_late_until_it_comes_and_in_order_in_its_own_lane, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            a_hole_beyond_a_promise_is_missing_and_disorder_in_the_late_lane_is_found, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_hole_beside_a_declaration_is_still_missing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_was_declared_lost_and_came_is_contradicted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_of_nothing_but_losses_is_judged_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_epochs_and_two_gateways_are_judged_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(with_an_open_front_the_stream_begins_with_its_first_seq,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            ten_million_records_of_a_thousand_keys_are_judged_in_bounded_memory, set_up, tear_down),
        cmocka_unit_test(the_identity_header_is_read),
        cmocka_unit_test(each_seq_of_a_block_counts),
        cmocka_unit_test(a_broken_identity_header_is_refused),
        cmocka_unit_test(a_losses_record_is_read),
        cmocka_unit_test(a_broken_losses_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
