// The heartbeat against a broker: librdkafka's mock cluster, which speaks the protocol over
// loopback.
#include "tests/unit/report_example.h"
#include "tests/unit/service_bench.h"

#include "agent/log.h"
#include "ports/output/kafka_client.h"

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct service service_heartbeat;

enum { ROWS_MAX = 32, HEARD_MAX = 64, PATIENCE_MS = 20000 };

static rd_kafka_t *host; // the client that the mock cluster lives in
static rd_kafka_mock_cluster_t *cluster;
static rd_kafka_t *reader;
static struct option_value values[ROWS_MAX];

// What a consumer has read so far, oldest first.
static cJSON *heard[HEARD_MAX];
static size_t heard_count;

static rd_kafka_t *client_new(rd_kafka_type_t type, const char *bootstrap)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why), 0);
    if (bootstrap != NULL) {
        assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof why),
                         0);
    }
    if (type == RD_KAFKA_CONSUMER) {
        assert_int_equal(rd_kafka_conf_set(conf, "group.id", "test", why, sizeof why), 0);
        assert_int_equal(
            rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", why, sizeof why), 0);
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    assert_non_null(client);
    return client;
}

static int start(void **state)
{
    (void)state;
    log_start(LOG_LEVEL_ERROR);
    host = client_new(RD_KAFKA_PRODUCER, NULL);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, "mesh.heartbeats", 1, 1), 0);
    const char *bootstrap = rd_kafka_mock_cluster_bootstraps(cluster);

    memset(values, 0, sizeof values);
    for (size_t i = 0; kafka_client_options[i].key != NULL; i++) {
        if (strcmp(kafka_client_options[i].key, "bootstrap") == 0) {
            values[i] = (struct option_value){.set = true, .text = strdup(bootstrap)};
        }
    }
    example_settings.kafka = (struct option_set){.rows = kafka_client_options, .values = values};
    static char topic[] = "mesh.heartbeats";
    example_settings.heartbeat_topic = topic;
    example_settings.heartbeat_ms = 1000;
    example_settings.link = LINK_ETHERNET;
    bench.report = example_report();
    bench.report.started_boot_ms = clock_boot_ms();
    bench.state_name[0] = 0;

    reader = client_new(RD_KAFKA_CONSUMER, bootstrap);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(all, "mesh.heartbeats", 0)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(reader, all), 0);
    rd_kafka_topic_partition_list_destroy(all);
    heard_count = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < heard_count; i++) {
        cJSON_Delete(heard[i]);
    }
    rd_kafka_destroy(reader);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        free(values[i].text);
    }
    return 0;
}

static void listen_once(void)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 10);
    if (message != NULL && message->err == 0) {
        assert_true(heard_count < HEARD_MAX);
        assert_int_equal(message->key_len, 7);
        assert_memory_equal(message->key, "gw-0042", 7);
        heard[heard_count] = cJSON_ParseWithLength(message->payload, message->len);
        assert_non_null(heard[heard_count]);
        heard_count++;
    }
    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
}

static const char *kind_of(size_t index)
{
    return cJSON_GetObjectItem(heard[index], "kind")->valuestring;
}

static int number_of(const cJSON *root, const char *name)
{
    return cJSON_GetObjectItem(root, name)->valueint;
}

static bool heard_kind(const char *kind)
{
    return heard_count > 0 && strcmp(kind_of(heard_count - 1), kind) == 0;
}

// Turn the loop and listen until the last one heard is of `kind`.
static void until_heard(const char *kind)
{
    int64_t end_ms = clock_boot_ms() + PATIENCE_MS;
    while (!heard_kind(kind)) {
        assert_true(clock_boot_ms() < end_ms);
        if (bench.port.state != NULL) {
            bench_turn(10);
        }
        listen_once();
    }
}

static void a_run_is_told_from_birth_to_bye(void **state)
{
    (void)state;
    // Given an agent that starts, beats, changes and stops,
    example_settings.heartbeat_ms = 2000;
    assert_int_equal(bench_open(&service_heartbeat, &example_settings), OK);
    until_heard("birth");
    until_heard("beat");
    bench.report.status = REPORT_STATUS_FAIL;
    service_heartbeat.changed(&bench.port);
    int64_t changed_ms = clock_boot_ms();
    until_heard("event");
    int64_t told_ms = clock_boot_ms() - changed_ms;
    service_heartbeat.close(&bench.port, 5000);

    // when a consumer reads on,
    until_heard("bye");

    // then all came in order and without a gap, the event at once,
    assert_true(told_ms < 1500);
    for (size_t i = 0; i < heard_count; i++) {
        assert_int_equal(number_of(heard[i], "seq"), i);
        assert_int_equal(number_of(heard[i], "run_id"), 0);
        assert_int_equal(number_of(heard[i], "boot_count"), 1);
    }
    // and each is counted from one that the broker took before.
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(heard[0], "since"), "seq")));
    const cJSON *since = cJSON_GetObjectItem(heard[heard_count - 1], "since");
    assert_true(number_of(since, "seq") >= 0);
    assert_true(number_of(since, "seq") < (int)heard_count - 1);
    assert_int_equal(number_of(since, "in_records"), 0);
}

static void a_second_run_in_the_same_boot_is_known_as_such(void **state)
{
    (void)state;
    assert_int_equal(bench_open(&service_heartbeat, &example_settings), OK);
    until_heard("birth");
    service_heartbeat.close(&bench.port, 5000);
    until_heard("bye");
    assert_int_equal(bench_open(&service_heartbeat, &example_settings), OK);
    until_heard("birth");
    assert_int_equal(number_of(heard[heard_count - 1], "run_id"), 1);
    assert_int_equal(number_of(heard[heard_count - 1], "boot_count"), 1);
    assert_int_equal(number_of(heard[heard_count - 1], "seq"), 0);
    service_heartbeat.close(&bench.port, 5000);
}

static void many_changes_are_one_event_and_then_ten_seconds_of_silence(void **state)
{
    (void)state;
    // Given an interval so long that no beat comes between,
    example_settings.heartbeat_ms = 60000;
    assert_int_equal(bench_open(&service_heartbeat, &example_settings), OK);
    until_heard("birth");

    // when the state flutters, and goes on to do so once the event has arrived,
    service_heartbeat.changed(&bench.port);
    until_heard("event");
    int64_t end_ms = clock_boot_ms() + 1000;
    while (clock_boot_ms() < end_ms) {
        service_heartbeat.changed(&bench.port);
        bench_turn(10);
        listen_once();
    }

    // then no more was sent, and the next waits for its time.
    assert_int_equal(heard_count, 2);
    assert_true(bench.due_ms < clock_boot_ms() + 10000);
    service_heartbeat.close(&bench.port, 5000);
}

static void what_a_lost_beat_told_is_told_again(void **state)
{
    (void)state;
    // Given a run whose birth arrived, and then a broker that is away while 500 records come in,
    assert_int_equal(bench_open(&service_heartbeat, &example_settings), OK);
    until_heard("birth");
    until_heard("beat");
    size_t before = heard_count;
    assert_int_equal(rd_kafka_mock_broker_set_down(cluster, 1), 0);
    bench.report.products[0].in_records += 500;
    int64_t end_ms = clock_boot_ms() + 2500;
    while (clock_boot_ms() < end_ms) {
        bench_turn(10);
    }

    // when it comes back,
    assert_int_equal(rd_kafka_mock_broker_set_up(cluster, 1), 0);
    int64_t patience_ms = clock_boot_ms() + PATIENCE_MS;
    while (heard_count == before && clock_boot_ms() < patience_ms) {
        bench_turn(10);
        listen_once();
    }

    // then the next beat that arrives tells of them, and the gap in seq tells of the lost beats.
    assert_true(heard_count > before);
    const cJSON *next = heard[before];
    assert_true(number_of(next, "seq") > number_of(heard[before - 1], "seq") + 1);
    assert_int_equal(number_of(cJSON_GetObjectItem(next, "since"), "in_records"), 500);
    service_heartbeat.close(&bench.port, 5000);
}

static void a_broker_that_is_away_does_not_hold_up_a_stop(void **state)
{
    (void)state;
    assert_int_equal(rd_kafka_mock_broker_set_down(cluster, 1), 0);
    assert_int_equal(bench_open(&service_heartbeat, &example_settings), OK);
    for (int i = 0; i < 20; i++) {
        service_heartbeat.changed(&bench.port);
        bench_turn(10);
    }
    int64_t before_ms = clock_boot_ms();
    service_heartbeat.close(&bench.port, 300);
    assert_in_range(clock_boot_ms() - before_ms, 0, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_is_told_from_birth_to_bye, start, stop),
        cmocka_unit_test_setup_teardown(a_second_run_in_the_same_boot_is_known_as_such, start,
                                        stop),
        cmocka_unit_test_setup_teardown(many_changes_are_one_event_and_then_ten_seconds_of_silence,
                                        start, stop),
        cmocka_unit_test_setup_teardown(what_a_lost_beat_told_is_told_again, start, stop),
        cmocka_unit_test_setup_teardown(a_broker_that_is_away_does_not_hold_up_a_stop, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
