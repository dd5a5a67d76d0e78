// The demo's parts: a broker inside that can go away, and a consumer that counts.
#include "agent/command_demo_cluster.h"
#include "agent/command_demo_files.h"
#include "agent/command_demo_reader.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const topics[] = {DEMO_TOPIC, DEMO_TOPIC ".losses", DEMO_HEARTBEATS_TOPIC, NULL};

enum { PATIENCE_MS = 20000 };

static struct demo_cluster *cluster;
static rd_kafka_t *producer;

static int start(void **state)
{
    (void)state;
    log_start(LOG_LEVEL_ERROR);
    char why[KAFKA_SENTENCE_SIZE];
    cluster = demo_cluster_open(NULL, topics, why);
    if (cluster == NULL) {
        return -1;
    }
    const struct kafka_client client = {.bootstrap = demo_cluster_bootstrap(cluster)};
    rd_kafka_conf_t *conf = kafka_client_configure(&client, KAFKA_CONTROL, why);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    return producer == NULL ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    rd_kafka_destroy(producer);
    demo_cluster_close(cluster);
    return 0;
}

static struct demo_reader *given_reader(void)
{
    char why[KAFKA_SENTENCE_SIZE] = "";
    struct demo_reader *reader =
        demo_reader_open(demo_cluster_bootstrap(cluster), "gw-1", topics, why);
    assert_string_equal(why, "");
    assert_non_null(reader);
    return reader;
}

static void given_record(const char *identity, const char *key)
{
    assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(DEMO_TOPIC),
                                       RD_KAFKA_V_KEY(key, strlen(key)),
                                       RD_KAFKA_V_HEADER("weir", identity, -1), RD_KAFKA_V_END),
                     0);
}

static void given_value(const char *topic, const char *key, const char *text)
{
    char value[256];
    (void)snprintf(value, sizeof value, "%s", text);
    assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic),
                                       RD_KAFKA_V_KEY(key, strlen(key)),
                                       RD_KAFKA_V_VALUE(value, strlen(value)),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
}

static void until_seen(struct demo_reader *reader, uint64_t records, uint64_t heartbeats)
{
    int64_t end_ms = clock_boot_ms() + PATIENCE_MS;
    const struct demo_seen *seen = demo_reader_seen(reader);
    while (seen->records < records || seen->heartbeats < heartbeats) {
        assert_true(clock_boot_ms() < end_ms);
        demo_reader_poll(reader, 50);
    }
}

static void the_consumer_counts_what_is_ours_and_sees_planted_faults(void **state)
{
    (void)state;
    // Given a topic that held records before, and then ours: one doubled, one missing, and one of
    // somebody else.
    given_record("gw-1/00000000000000aa/1", "old");
    assert_int_equal(rd_kafka_flush(producer, PATIENCE_MS), 0);
    struct demo_reader *reader = given_reader();
    given_record("gw-1/00000000000000ab/1", "a");
    given_record("gw-1/00000000000000ab/2", "a");
    given_record("gw-1/00000000000000ab/2", "a");
    given_record("gw-2/00000000000000ab/3", "a");
    given_record("gw-1/00000000000000ab/4", "a");

    // When they are read,
    until_seen(reader, 4, 0);

    // then the verdict tells each.
    struct verify_verdict verdict;
    demo_reader_judge(reader, &verdict);
    assert_int_equal(demo_reader_seen(reader)->records, 4);
    assert_int_equal(verdict.last, 4);
    assert_int_equal(verdict.delivered, 3);
    assert_int_equal(verdict.duplicated, 1);
    assert_int_equal(verdict.missing, 1);
    demo_reader_close(reader);
}

static void the_consumer_hears_our_heartbeats_only(void **state)
{
    (void)state;
    // Given heartbeats of two gateways, and one that is no JSON,
    struct demo_reader *reader = given_reader();
    given_value(DEMO_HEARTBEATS_TOPIC, "gw-2", "{\"kind\":\"bye\"}");
    given_value(DEMO_HEARTBEATS_TOPIC, "gw-1", "not json");
    given_value(
        DEMO_HEARTBEATS_TOPIC, "gw-1",
        "{\"kind\":\"bye\",\"seq\":7,\"status\":\"warn\",\"reasons\":[\"kafka.down\",\"x\"],"
        "\"streams\":[{\"seq\":1200}]}");

    // when they are read,
    until_seen(reader, 0, 2);

    // then the last of ours stands.
    const struct demo_seen *seen = demo_reader_seen(reader);
    assert_true(seen->bye);
    assert_int_equal(seen->heartbeat_seq, 7);
    assert_string_equal(seen->heartbeat_status, "warn");
    assert_string_equal(seen->heartbeat_reasons, "kafka.down x");
    assert_int_equal(seen->told_seq, 1200);
    demo_reader_close(reader);
}

static void a_broker_that_went_away_takes_nothing_until_it_is_back(void **state)
{
    (void)state;
    // Given a consumer that has seen a record, and a broker that then goes away,
    struct demo_reader *reader = given_reader();
    given_record("gw-1/00000000000000ab/1", "a");
    until_seen(reader, 1, 0);
    demo_cluster_go_away(cluster);

    // when a record is sent, then nobody sees it;
    given_record("gw-1/00000000000000ab/2", "a");
    demo_reader_poll(reader, 1000);
    assert_int_equal(demo_reader_seen(reader)->records, 1);

    // and when the broker is back, it arrives.
    demo_cluster_come_back(cluster);
    until_seen(reader, 2, 0);
    demo_reader_close(reader);
}

static void the_demo_keeps_only_to_an_empty_directory(void **state)
{
    (void)state;
    char parent[] = "/tmp/weir-demo-test-XXXXXX";
    assert_non_null(mkdtemp(parent));
    char keep[128];
    char dir[128];
    (void)snprintf(keep, sizeof keep, "%s/kept", parent);

    // A directory that is not there is made, one that is empty is taken.
    assert_int_equal(demo_files_make_dir(keep, dir, sizeof dir), OK);
    assert_int_equal(demo_files_make_dir(keep, dir, sizeof dir), OK);
    assert_string_equal(dir, keep);

    // One that holds something is left alone.
    assert_int_equal(demo_files_write(dir, "gw-1", "127.0.0.1:9092", 200), OK);
    assert_int_equal(demo_files_make_dir(keep, dir, sizeof dir), ERR_BUSY);

    // One whose path is too long for a socket is refused, and not left behind.
    char deep[200];
    (void)snprintf(deep, sizeof deep, "%s/%0100d", parent, 0);
    assert_int_equal(demo_files_make_dir(deep, dir, sizeof dir), ERR_LIMIT);
    assert_int_not_equal(access(deep, F_OK), 0);

    demo_files_remove(parent);
    assert_int_not_equal(access(parent, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_consumer_counts_what_is_ours_and_sees_planted_faults,
                                        start, stop),
        cmocka_unit_test_setup_teardown(the_consumer_hears_our_heartbeats_only, start, stop),
        cmocka_unit_test_setup_teardown(a_broker_that_went_away_takes_nothing_until_it_is_back,
                                        start, stop),
        cmocka_unit_test(the_demo_keeps_only_to_an_empty_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
