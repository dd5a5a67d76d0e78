// `weir verify` against a cluster of librdkafka's own making, with topics whose faults are planted
// by a plain producer: exit codes, sums, and what it says where it cannot read.
#include "agent/command.h"
#include "ports/output/kafka_client.h"

#include <librdkafka/rdkafka_mock.h>

#include <cjson/cJSON.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static rd_kafka_t *producer;
static rd_kafka_mock_cluster_t *cluster;
static char bootstrap[256];

static int set_up(void **state)
{
    (void)state;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_conf_set_log_cb(conf, NULL);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (producer == NULL) {
        return -1;
    }
    cluster = rd_kafka_handle_mock_cluster(producer);
    (void)snprintf(bootstrap, sizeof bootstrap, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rd_kafka_destroy(producer);
    return 0;
}

static void put(const char *topic, int32_t partition, const char *key, const char *header,
                const char *value)
{
    rd_kafka_resp_err_t err = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_null(header);
    assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void put_seq(const char *topic, int32_t partition, const char *key, uint64_t seq)
{
    char header[64];
    int size =
        snprintf(header, sizeof header, "gw-1/00000000000000ab/%llu", (unsigned long long)seq);
    rd_kafka_resp_err_t err =
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(header, 2),
                          RD_KAFKA_V_HEADER("weir", header, size),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void put_range(const char *topic, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        put_seq(topic, 0, "oven", seq);
    }
}

// Run `weir verify TOPIC --bootstrap ... --json`, and hand back what it printed.
static int run(const char *topic, const char *more, const char *value, cJSON **result)
{
    char *argv[] = {(char[]){"verify"},
                    NULL,
                    (char[]){"--bootstrap"},
                    bootstrap,
                    (char[]){"--json"},
                    NULL,
                    NULL,
                    NULL};
    char words[3][256];
    (void)snprintf(words[0], sizeof words[0], "%s", topic);
    (void)snprintf(words[1], sizeof words[1], "%s", more);
    (void)snprintf(words[2], sizeof words[2], "%s", value);
    argv[1] = words[0];
    argv[5] = words[1];
    argv[6] = words[2];
    assert_int_equal(rd_kafka_flush(producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);

    (void)fflush(stdout);
    FILE *file = tmpfile();
    assert_non_null(file);
    int saved = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    int code = command_verify(7, argv);
    (void)fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    (void)close(saved);

    static char text[65536];
    rewind(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[size] = 0;
    *result = cJSON_Parse(text);
    return code;
}

static double number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void a_complete_topic_of_several_partitions_is_well(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "whole", 4, 1);
    rd_kafka_mock_topic_create(cluster, "whole.losses", 1, 1);
    for (uint64_t seq = 1; seq <= 4000; seq++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", (int)(seq % 8));
        put_seq("whole", (int32_t)(seq % 4), key, seq);
    }

    cJSON *result;
    int code = run("whole", "--wait", "10", &result);

    assert_int_equal(code, 0);
    assert_int_equal(number(result, "delivered"), 4000);
    assert_int_equal(number(result, "records"), 4000);
    assert_int_equal(number(result, "foreign"), 0);
    cJSON_Delete(result);
}

static void every_planted_fault_ends_in_exit_1_and_its_number(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        uint64_t first_from, first_to, then_from, then_to;
        const char *number;
        int expected;
    } faults[] = {
        {"missing", 1, 99, 103, 200, "missing", 3},
        {"missing-front", 3, 99, 100, 200, "missing", 2},
        {"doubled", 1, 100, 91, 200, "duplicated", 10},
        {"disorder", 51, 100, 1, 50, "out_of_order", 50},
    };

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        rd_kafka_mock_topic_create(cluster, faults[i].topic, 1, 1);
        put_range(faults[i].topic, faults[i].first_from, faults[i].first_to);
        put_range(faults[i].topic, faults[i].then_from, faults[i].then_to);

        cJSON *result;
        int code = run(faults[i].topic, "--wait", "10", &result);

        assert_int_equal(code, 1);
        assert_int_equal(number(result, faults[i].number), faults[i].expected);
        cJSON_Delete(result);
    }
}

static void what_is_declared_on_the_losses_topic_is_not_missing(void **state)
{
    (void)state;
    const char *loss = "{\"gateway\":\"gw-1\",\"product\":\"p\",\"epoch\":\"00000000000000ab\","
                       "\"from_seq\":11,\"to_seq\":20,\"count\":10,\"cause\":\"full\"}";
    const char *quarantined =
        "{\"gateway\":\"gw-1\",\"product\":\"p\",\"epoch\":\"00000000000000ab\","
        "\"from_seq\":25,\"to_seq\":25,\"count\":1,\"cause\":\"quarantined\"}";
    rd_kafka_mock_topic_create(cluster, "lossy", 1, 1);
    rd_kafka_mock_topic_create(cluster, "lossy.losses", 1, 1);
    put_range("lossy", 1, 10);
    put_range("lossy", 21, 24);
    put_range("lossy", 26, 30);
    put("lossy.losses", 0, "gw-1", NULL, loss);
    put("lossy.losses", 0, "gw-1", NULL, loss);
    put("lossy.losses", 0, "gw-1", NULL, quarantined);

    cJSON *result;
    int code = run("lossy", "--product", "p", &result);
    assert_int_equal(code, 0);
    assert_int_equal(number(result, "lost"), 10);
    assert_int_equal(number(result, "quarantined"), 1);
    assert_int_equal(number(result, "delivered"), 19);
    cJSON_Delete(result);

    code = run("lossy", "--product", "another", &result); // whose declarations excuse nothing
    assert_int_equal(code, 1);
    assert_int_equal(number(result, "missing"), 11);
    cJSON_Delete(result);
}

static void foreign_records_are_counted_and_broken_ones_are_a_fault(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "mixed", 1, 1);
    put_range("mixed", 1, 5);
    put("mixed", 0, "x", NULL, "somebody else's");

    cJSON *result;
    int code = run("mixed", "--wait", "10", &result);
    assert_int_equal(code, 0);
    assert_int_equal(number(result, "foreign"), 1);
    cJSON_Delete(result);

    rd_kafka_mock_topic_create(cluster, "mixed.losses", 1, 1);
    put("mixed.losses", 0, "x", NULL, "{\"gateway\":");
    code = run("mixed", "--wait", "10", &result);
    assert_int_equal(code, 1);
    assert_int_equal(number(result, "malformed"), 1);
    cJSON_Delete(result);
}

static void a_broker_that_is_not_there_is_exit_69(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"verify"},
                    (char[]){"any"},
                    (char[]){"--bootstrap"},
                    (char[]){"127.0.0.1:1"},
                    (char[]){"--wait"},
                    (char[]){"1"},
                    NULL};

    assert_int_equal(command_verify(6, argv), EX_UNAVAILABLE);
}

static void a_wrong_command_line_is_exit_64(void **state)
{
    (void)state;
    char *lines[][5] = {
        {(char[]){"verify"}, NULL},
        {(char[]){"verify"}, (char[]){"topic"}, NULL},
        {(char[]){"verify"}, (char[]){"topic"}, (char[]){"--bootstrap"}, NULL},
        {(char[]){"verify"}, (char[]){"topic"}, (char[]){"--from"}, (char[]){"yesterday"}, NULL},
        {(char[]){"verify"}, (char[]){"topic"}, (char[]){"-X"}, (char[]){"=x"}, NULL},
        {(char[]){"verify"}, (char[]){"topic"}, (char[]){"--wrong"}, NULL},
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int count = 0;
        while (lines[i][count] != NULL) {
            count++;
        }
        assert_int_equal(command_verify(count, lines[i]), EX_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_topic_of_several_partitions_is_well),
        cmocka_unit_test(every_planted_fault_ends_in_exit_1_and_its_number),
        cmocka_unit_test(what_is_declared_on_the_losses_topic_is_not_missing),
        cmocka_unit_test(foreign_records_are_counted_and_broken_ones_are_a_fault),
        cmocka_unit_test(a_broker_that_is_not_there_is_exit_69),
        cmocka_unit_test(a_wrong_command_line_is_exit_64),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
