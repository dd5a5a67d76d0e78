// The input kafka on librdkafka's own cluster: what is read, what it becomes, where it goes on.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "ports/input/kafka_position.h"
#include "ports/output/kafka_client.h"
#include "tests/unit/support/columns.h"
#include "tests/unit/support/fake_core.h"

#include <librdkafka/rdkafka_mock.h>

extern const struct input_driver kafka_driver;

enum { QUIET_MS = 300 };

static rd_kafka_t *owner, *writer;
static rd_kafka_mock_cluster_t *cluster;
static struct option_set cluster_options;
static struct problems cluster_problems;
static char contract[64];

static const char contract_text[] =
    "apiVersion: v3.1.0\nkind: DataContract\nid: weather\nversion: 1.0.0\nstatus: active\n"
    "domain: site\ndataProduct: weather\nteam: {name: site}\n"
    "support: [{channel: help}]\n"
    "schema:\n"
    "  - name: reading\n"
    "    physicalName: site.weather.readings.v1\n"
    "    logicalType: object\n"
    "    properties:\n"
    "      - {name: station, logicalType: string, primaryKey: true, primaryKeyPosition: 1, "
    "required: true}\n"
    "      - {name: at, logicalType: timestamp}\n"
    "      - {name: temperature, logicalType: number, required: true}\n"
    "      - {name: gusts, logicalType: integer, physicalType: string}\n"
    "      - {name: sky, logicalType: string}\n";

static rd_kafka_t *client_make(const char *key, const char *value)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, key, value, why, sizeof why);
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(client);
    return client;
}

static int set_up(void **state)
{
    (void)state;
    char kafka[300];
    memset(&fake, 0, sizeof fake);
    columns_add(&fake.schema, "outside", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&fake.schema, "temperature", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&fake.schema, "sky", COLUMN_STRING, ROLE_FIELD);
    columns_add(&fake.schema, "gusts", COLUMN_NUMBER, ROLE_FIELD);
    fake.room = UINT32_MAX;
    owner = client_make("test.mock.num.brokers", "1");
    cluster = rd_kafka_handle_mock_cluster(owner);
    const char *bootstrap = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_mock_topic_create(cluster, "site.weather.readings.v1", 3, 1);
    writer = client_make("bootstrap.servers", bootstrap);
    (void)snprintf(kafka, sizeof kafka, "bootstrap: \"%s\"\n", bootstrap);
    memset(&cluster_problems, 0, sizeof cluster_problems);
    assert_true(option_read_text(&cluster_options, kafka_client_options, "weir.yaml", kafka,
                                 &cluster_problems));
    fake.output_options = &cluster_options;
    (void)snprintf(contract, sizeof contract, "/tmp/weir-kafka-in-%d.odcs.yaml", (int)getpid());
    FILE *file = fopen(contract, "we");
    assert_non_null(file);
    (void)fputs(contract_text, file);
    return fclose(file);
}

static int tear_down(void **state)
{
    (void)state;
    option_set_free(&cluster_options);
    problems_free(&cluster_problems);
    rd_kafka_destroy(writer);
    rd_kafka_destroy(owner);
    return unlink(contract);
}

static void produce(int32_t partition, const char *key, const char *value)
{
    size_t size = value == NULL ? 0 : strlen(value);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        writer, RD_KAFKA_V_TOPIC("site.weather.readings.v1"), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_TIMESTAMP(1700000000000),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_END);
    assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void produce_bytes(const char *identity, const void *value, size_t size)
{
    rd_kafka_resp_err_t err = rd_kafka_producev(
        writer, RD_KAFKA_V_TOPIC("site.weather.readings.v1"), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADER("weir", identity, (ssize_t)strlen(identity)), RD_KAFKA_V_END);
    assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void produce_identified(int from, int to)
{
    for (int i = from; i < to; i++) {
        char identity[64], value[100];
        (void)snprintf(identity, sizeof identity, "gw/00112233445566aa/%d", i);
        (void)snprintf(value, sizeof value, "{\"station\":\"roof\",\"temperature\":%d}", i);
        produce_bytes(identity, value, strlen(value));
    }
    assert_int_equal(rd_kafka_flush(writer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void produce_readings(int from, int to)
{
    for (int i = from; i < to; i++) {
        char value[200];
        (void)snprintf(value, sizeof value,
                       "{\"station\":\"roof\",\"at\":\"2026-11-24T10:00:%02d.000Z\","
                       "\"temperature\":%d.5,\"gusts\":\"%d\",\"sky\":\"clear\"}",
                       i % 60, i, 3 * i);
        produce(i % 3, "roof", value);
    }
    assert_int_equal(rd_kafka_flush(writer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void open_and_run(const char *more)
{
    char settings[400];
    (void)snprintf(settings, sizeof settings, "contract: %s\n%s", contract, more);
    assert_int_equal(fake_open(&kafka_driver, settings), OK);
    fake_run(QUIET_MS);
}

static void run_until(uint32_t records)
{
    for (int i = 0; i < 30 && fake.record_count < records; i++) {
        fake_run(QUIET_MS);
    }
    assert_int_equal(fake.record_count, records);
}

static double sum_of(int field)
{
    double sum = 0;
    for (uint32_t i = 0; i < fake.record_count; i++) {
        sum += fake.records[i].numbers[field];
    }
    return sum;
}

static void each_record_becomes_one_with_its_key_time_and_like_named_fields(void **state)
{
    (void)state;
    produce_readings(0, 60);

    open_and_run("");
    run_until(60);

    assert_string_equal(fake.records[0].key, "roof");
    assert_int_equal(fake.records[0].clock, RECORD_CLOCK_DEVICE);
    assert_string_equal(fake.records[0].text, "clear");
    assert_true(isnan(fake.records[0].numbers[0]));
    assert_true(sum_of(1) == 60 * 59 / 2 + 30);
    assert_true(sum_of(3) == 3 * 60 * 59 / 2); // integers in quotation marks
    assert_int_equal(fake.refuse_count, 0);
    fake_close();
}

static void a_restart_repeats_nothing_and_misses_nothing(void **state)
{
    (void)state;
    produce_readings(0, 1000);
    open_and_run("");
    run_until(1000);
    fake_close();

    produce_readings(1000, 1500);
    open_and_run("");
    run_until(1500);

    assert_true(sum_of(1) == 1500.0 * 1499 / 2 + 750);
    fake_close();
}

static void fields_are_renamed_and_computed(void **state)
{
    (void)state;
    produce_readings(10, 11);

    open_and_run("fields: {gusts: gusts}\nderive: {outside: temperature * 1.8 + 32}\n");
    run_until(1);

    assert_true(fabs(fake.records[0].numbers[0] - (10.5 * 1.8 + 32)) < 1e-12);
    assert_true(isnan(fake.records[0].numbers[1]));
    assert_true(fake.records[0].numbers[3] == 30);
    fake_close();
}

static void the_time_that_a_value_does_not_say_is_kafkas(void **state)
{
    (void)state;
    produce(0, "roof", "{\"station\":\"roof\",\"temperature\":1}");
    assert_int_equal(rd_kafka_flush(writer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);

    open_and_run("");
    run_until(1);

    assert_true(fake.records[0].time_ms == 1700000000000);
    fake_close();
}

static void what_breaks_its_contract_is_refused_and_the_rest_goes_on(void **state)
{
    (void)state;
    produce(0, "roof", "{\"station\":\"roof\"}");
    produce(0, "roof", "no json");
    produce(0, "roof", NULL);
    produce(0, "roof", "{\"station\":\"roof\",\"temperature\":\"warm\"}");
    produce(0, "roof", "{\"station\":\"roof\",\"temperature\":4}");
    assert_int_equal(rd_kafka_flush(writer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);

    open_and_run("");
    run_until(1);

    assert_int_equal(fake.refuse_count, 3);
    assert_non_null(strstr(fake.sentence, "topic=site.weather.readings.v1 partition=0 offset=3"));
    fake_close();
}

static void what_an_at_least_once_product_repeats_is_dropped(void **state)
{
    (void)state;
    produce_identified(1, 201);
    produce_identified(101, 301); // as after a kill of its gateway

    open_and_run("");
    run_until(300);

    assert_true(sum_of(1) == 300.0 * 301 / 2);
    assert_int_equal(fake.refuse_count, 0);
    fake_close();
}

static void a_restart_still_knows_what_would_be_repeated(void **state)
{
    (void)state;
    produce_identified(1, 201);
    open_and_run("");
    run_until(200);
    fake_close();

    produce_identified(101, 301);
    open_and_run("");
    run_until(300);

    assert_true(sum_of(1) == 300.0 * 301 / 2);
    fake_close();
}

// The contract says avro, in the registry's frame.
static void say_avro(const char *more)
{
    char text[2048];
    const char *at = strstr(contract_text, "    properties:\n");
    FILE *file = fopen(contract, "we");
    assert_non_null(file);
    (void)snprintf(text, sizeof text,
                   "%.*s    customProperties: [{property: weir.format, value: avro}%s]\n%s",
                   (int)(at - contract_text), contract_text, more, at);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

// 00, id; "roof"; null; 1.5; -3; null
#define AVRO_READING(id)                                                                           \
    "\0\0\0\0" id "\x08roof"                                                                       \
    "\0"                                                                                           \
    "\0\0\0\0\0\0\xf8\x3f"                                                                         \
    "\x02\x05\0"

static void produce_avro(const char *bytes, size_t size)
{
    produce_bytes("gw/00112233445566aa/0", bytes, size - 1);
    assert_int_equal(rd_kafka_flush(writer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void avro_in_the_registrys_frame_is_read(void **state)
{
    (void)state;
    say_avro("");
    produce_avro(AVRO_READING("\x07"), sizeof AVRO_READING("\x07"));

    open_and_run("");
    run_until(1);

    assert_string_equal(fake.records[0].key, "roof");
    assert_true(fake.records[0].numbers[1] == 1.5);
    assert_true(fake.records[0].numbers[3] == -3);
    assert_int_equal(fake.refuse_count, 0);
    fake_close();
}

static void avro_that_is_not_of_the_contract_is_refused(void **state)
{
    (void)state;
    say_avro(", {property: weir.schemaId, value: 7}");
    produce_avro(AVRO_READING("\x08"), sizeof AVRO_READING("\x08"));
    produce_avro("{\"station\":1}", sizeof "{\"station\":1}");
    produce_avro("\0\0\0\0\x07\x08roo", sizeof "\0\0\0\0\x07\x08roo");
    produce_avro(AVRO_READING("\x07"), sizeof AVRO_READING("\x07"));

    open_and_run("");
    run_until(1);

    assert_int_equal(fake.refuse_count, 3);
    assert_non_null(strstr(fake.sentence, "partition=0 offset=2: it is no Avro of its contract: "
                                          "byte 1 is no value of column 'station'"));
    fake_close();
}

static void without_room_nothing_is_lost(void **state)
{
    (void)state;
    produce_readings(0, 300);
    fake.room = 100;

    open_and_run("");
    assert_int_equal(fake.record_count, 100);
    fake.room = UINT32_MAX;
    fake.driver->resume(&fake.input);
    run_until(300);

    assert_true(sum_of(1) == 300.0 * 299 / 2 + 150);
    fake_close();
}

static void a_position_of_another_cluster_is_not_used(void **state)
{
    (void)state;
    struct kafka_position position = {.cluster = 1, .topic = 2, .count = 3, .next = {9, 9, 9}};
    fake.position_size = kafka_position_put(&position, fake.position);
    produce_readings(0, 12);

    open_and_run("");
    run_until(12);
    fake_close();
}

static void a_topic_that_was_made_anew_is_read_from_its_beginning(void **state)
{
    (void)state;
    produce_readings(0, 12);
    open_and_run("");
    run_until(12);
    fake_close();
    struct kafka_position position;
    assert_int_equal(kafka_position_get(&position, bytes_from(fake.position, fake.position_size)),
                     OK);
    position.next[1] = 5000;
    fake.position_size = kafka_position_put(&position, fake.position);

    open_and_run("");
    run_until(12 + 4);
    fake_close();
}

static void latest_values_are_given_to_the_join(void **state)
{
    (void)state;
    produce_readings(0, 7);

    open_and_run("use: join\nfields: {temperature: outside}\n");
    for (int i = 0; i < 30 && fake.latest_count < 7; i++) {
        fake_run(QUIET_MS);
    }

    assert_int_equal(fake.joined_fields, 1);
    assert_int_equal(fake.latest_count, 7);
    assert_string_equal(fake.latest_key, "roof");
    assert_int_equal(fake.record_count, 0);
    assert_int_equal(fake.position_size, 0); // each start reads it anew
    fake_close();
}

static void a_topic_that_is_not_there_is_told_and_comes_well(void **state)
{
    (void)state;
    const char *topic = "site.weather.readings.v1";
    rd_kafka_mock_topic_set_error(cluster, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);

    open_and_run("");
    assert_true(fake.in_trouble);
    assert_string_equal(fake.sentence,
                        "topic site.weather.readings.v1: the cluster has no such topic");
    rd_kafka_mock_topic_set_error(cluster, topic, RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < 30 && fake.in_trouble; i++) {
        fake_run(1000);
    }

    assert_false(fake.in_trouble);
    fake_close();
}

// The problems of weir check for `more`.
static void wrong(const char *more, const char *sentence)
{
    char settings[400];
    struct problems problems = {0};
    struct option_set options;
    (void)snprintf(settings, sizeof settings, "contract: %s\n%s", contract, more);
    assert_true(option_read_text(&options, kafka_driver.options, "w.yaml", settings, &problems));
    kafka_driver.check(&options, &fake.schema, "w.yaml", &problems);
    bool told = false;
    for (uint32_t i = 0; i < problems.count; i++) {
        told |= strstr(problems.lines[i], sentence) != NULL;
    }
    if (!told) {
        fail_msg("not told: %s, but: %s", sentence, problems.count > 0 ? problems.lines[0] : "");
    }
    option_set_free(&options);
    problems_free(&problems);
}

static void wrong_settings_get_their_sentences(void **state)
{
    (void)state;
    wrong("port: nope\n", "the contract declares no port \"nope\"");
    wrong("fields: {temprature: outside}\n",
          "w.yaml:2: fields: \"temprature\": the contract that is read has no field temprature");
    wrong("fields: {temperature: outsid}\n",
          "\"temperature\": this product's contract has no field outsid");
    wrong("fields: {sky: outside}\n", "\"sky\": is a text there and a number here");
    wrong("fields: {temperature: outside, gusts: outside}\n", "another one fills outside");
    wrong("derive: {outside: temperature * warm}\n",
          "w.yaml:2: derive: \"outside\": is no expression of the form FIELD * 1.8 + 32: "
          "temperature * warm");
    wrong("derive: {outside: temperature / 0}\n", "is no expression");
    wrong("derive: {sky: temperature + 1}\n", "only numbers can be computed");
    wrong("key: roof\n", "w.yaml:2: key: belongs to use: join");
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        A_TEST(each_record_becomes_one_with_its_key_time_and_like_named_fields),
        A_TEST(a_restart_repeats_nothing_and_misses_nothing),
        A_TEST(fields_are_renamed_and_computed),
        A_TEST(the_time_that_a_value_does_not_say_is_kafkas),
        A_TEST(what_breaks_its_contract_is_refused_and_the_rest_goes_on),
        A_TEST(what_an_at_least_once_product_repeats_is_dropped),
        A_TEST(a_restart_still_knows_what_would_be_repeated),
        A_TEST(avro_in_the_registrys_frame_is_read),
        A_TEST(avro_that_is_not_of_the_contract_is_refused),
        A_TEST(without_room_nothing_is_lost),
        A_TEST(a_position_of_another_cluster_is_not_used),
        A_TEST(a_topic_that_was_made_anew_is_read_from_its_beginning),
        A_TEST(latest_values_are_given_to_the_join),
        A_TEST(a_topic_that_is_not_there_is_told_and_comes_well),
        A_TEST(wrong_settings_get_their_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
