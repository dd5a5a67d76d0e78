#include "ports/output/kafka_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void conf_is(rd_kafka_conf_t *conf, const char *key, const char *expected)
{
    char value[256];
    size_t size = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf, key, value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, expected);
}

static void each_link_has_its_profile_and_all_keep_records_until_they_are_acknowledged(void **state)
{
    (void)state;
    static const struct {
        enum link_profile link;
        const char *linger, *batch, *level, *in_flight;
    } profiles[] = {
        {LINK_ETHERNET, "100", "65536", "1", "5"},
        {LINK_CELLULAR, "5000", "131072", "9", "2"},
        {LINK_SATELLITE, "60000", "262144", "9", "1"},
    };
    char why[KAFKA_SENTENCE_SIZE];

    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        const struct kafka_client client = {.bootstrap = "b:9092", .link = profiles[i].link};
        rd_kafka_conf_t *conf = kafka_client_configure(&client, KAFKA_DATA, why);
        assert_non_null(conf);

        conf_is(conf, "linger.ms", profiles[i].linger);
        conf_is(conf, "batch.size", profiles[i].batch);
        conf_is(conf, "compression.level", profiles[i].level);
        conf_is(conf, "max.in.flight.requests.per.connection", profiles[i].in_flight);
        conf_is(conf, "enable.idempotence", "true");
        conf_is(conf, "message.timeout.ms", "0");
        conf_is(conf, "acks", "-1");
        conf_is(conf, "allow.auto.create.topics", "false");
        rd_kafka_conf_destroy(conf);
    }
}

static void a_promise_of_latency_shortens_the_linger_and_never_lengthens_it(void **state)
{
    (void)state;
    static const struct {
        enum link_profile link;
        int64_t linger_ms;
        const char *expected;
    } cases[] = {
        {LINK_SATELLITE, 15000, "15000"}, {LINK_SATELLITE, 90000, "60000"},
        {LINK_CELLULAR, -1, "5000"},      {LINK_CELLULAR, 0, "5000"},
        {LINK_ETHERNET, 5, "5"},
    };
    char why[KAFKA_SENTENCE_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct kafka_client client = {
            .bootstrap = "b:9092", .link = cases[i].link, .linger_ms = cases[i].linger_ms};
        rd_kafka_conf_t *conf = kafka_client_configure(&client, KAFKA_DATA, why);
        assert_non_null(conf);
        conf_is(conf, "linger.ms", cases[i].expected);
        rd_kafka_conf_destroy(conf);
    }
}

static void every_use_on_every_link_makes_a_client(void **state)
{
    (void)state;
    char why[KAFKA_SENTENCE_SIZE];
    char text[256];
    for (enum link_profile link = LINK_ETHERNET; link <= LINK_SATELLITE; link++) {
        for (enum kafka_use use = KAFKA_DATA; use <= KAFKA_READER; use++) {
            const struct kafka_client client = {.bootstrap = "127.0.0.1:1", .link = link};
            rd_kafka_conf_t *conf = kafka_client_configure(&client, use, why);
            assert_non_null(conf);
            rd_kafka_t *handle =
                rd_kafka_new(use == KAFKA_READER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
                             text, sizeof text);
            assert_string_equal(handle == NULL ? text : "", ""); // tells why
            rd_kafka_destroy(handle);
        }
    }
}

static void a_password_is_read_from_its_file_and_a_missing_one_is_told(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-password-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "s3cret\nrest\n", 12) == 12);
    (void)close(fd);
    struct kafka_client client = {
        .bootstrap = "b:9092", .username = "gw", .password_file = path, .mechanism = "PLAIN"};
    char why[KAFKA_SENTENCE_SIZE] = "";

    rd_kafka_conf_t *conf = kafka_client_configure(&client, KAFKA_DATA, why);
    assert_non_null(conf);
    conf_is(conf, "sasl.password", "s3cret");
    conf_is(conf, "security.protocol", "sasl_plaintext");
    rd_kafka_conf_destroy(conf);

    (void)unlink(path);
    assert_null(kafka_client_configure(&client, KAFKA_DATA, why));
    assert_non_null(strstr(why, path));
    assert_null(strstr(why, "s3cret"));
}

static void the_keys_that_the_agent_owns_are_refused_with_a_reason(void **state)
{
    (void)state;
    const char *owned[] = {"acks",          "enable.idempotence", "ssl.ca.location",
                           "sasl.password", "message.timeout.ms", "transactional.id"};
    const char *free_keys[] = {"linger.ms", "batch.size",        "client.id",
                               "debug",     "compression.level", "statistics.interval.ms"};

    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        assert_non_null(kafka_client_owns(owned[i]));
        assert_null(kafka_client_owns(free_keys[i]));
    }
}

static void versions_that_harm_are_refused_and_old_ones_are_warned_of(void **state)
{
    (void)state;
    static const struct {
        int version;
        bool fits, warn;
    } versions[] = {
        {0x010900ff, false, false}, {0x020001ff, false, false}, {0x020002ff, true, true},
        {0x020403ff, true, true},   {0x020500ff, false, false}, {0x020503ff, true, true},
        {0x020a00ff, false, false}, {0x020a01ff, true, true},   {0x020b00ff, true, true},
        {0x020b01ff, true, false},  {0x020f00ff, true, false},
    };

    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char why[KAFKA_SENTENCE_SIZE] = "";
        bool warn;
        assert_int_equal(kafka_version_fits(versions[i].version, &warn, why), versions[i].fits);
        assert_int_equal(warn, versions[i].warn);
        assert_int_equal(why[0] == 0, versions[i].fits && !versions[i].warn);
    }
}

static void each_fault_has_its_plain_sentence(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t err;
        const char *text;
        enum link_state link;
        const char *code;
        const char *sentence;
    } faults[] = {
        {RD_KAFKA_RESP_ERR__TRANSPORT,
         "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms "
         "in state CONNECT, 1 identical error(s) suppressed)",
         LINK_DOWN, "kafka.down",
         "127.0.0.1:1: Connection refused; is a broker listening there, and is the port right?"},
        {RD_KAFKA_RESP_ERR__RESOLVE,
         "nowhere.example:9092/bootstrap: Failed to resolve 'nowhere.example:9092': Name or "
         "service "
         "not known (after 1ms in state CONNECT)",
         LINK_DNS_FAIL, "kafka.dns",
         "nowhere.example:9092: Failed to resolve 'nowhere.example:9092': Name or service not "
         "known; check bootstrap and the gateway's name server"},
        {RD_KAFKA_RESP_ERR__BAD_MSG,
         "127.0.0.1:80/bootstrap: Receive failed: Invalid response size 1213486160 (0..1048576): "
         "increase receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
         LINK_DOWN, "kafka.alien", NULL},
        {RD_KAFKA_RESP_ERR__TRANSPORT,
         "127.0.0.1:22/bootstrap: ApiVersionRequest failed: Local: Timed out: probably due to "
         "broker version < 0.10 (see api.version.request configuration) (after 10006ms in state "
         "APIVERSION_QUERY)",
         LINK_DOWN, "kafka.alien", NULL},
        {RD_KAFKA_RESP_ERR__SSL,
         "ssl://b:9093/bootstrap: SSL handshake failed: certificate verify failed (after 2ms in "
         "state SSL_HANDSHAKE)",
         LINK_TLS_FAIL, "kafka.tls", NULL},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION,
         "sasl_plaintext://b:9092/bootstrap: SASL authentication error: Authentication failed: "
         "Invalid username or password (after 3ms in state AUTH_REQ)",
         LINK_AUTH_FAIL, "kafka.auth",
         "b:9092: SASL authentication error: Authentication failed: Invalid username or password; "
         "check username and password file"},
        {RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, LINK_DOWN, "kafka.down", NULL},
    };

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct kafka_fault fault;
        kafka_fault_of(faults[i].err, faults[i].text, &fault);

        assert_int_equal(fault.link, faults[i].link);
        assert_string_equal(fault.code, faults[i].code);
        assert_false(fault.ordinary);
        if (faults[i].sentence != NULL) {
            assert_string_equal(fault.sentence, faults[i].sentence);
        }
    }
}

static void a_connection_closed_after_it_was_up_is_ordinary(void **state)
{
    (void)state;
    struct kafka_fault fault;

    kafka_fault_of(RD_KAFKA_RESP_ERR__TRANSPORT, "b:9092/1: Disconnected (after 9ms in state UP)",
                   &fault);

    assert_true(fault.ordinary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            each_link_has_its_profile_and_all_keep_records_until_they_are_acknowledged),
        cmocka_unit_test(a_promise_of_latency_shortens_the_linger_and_never_lengthens_it),
        cmocka_unit_test(every_use_on_every_link_makes_a_client),
        cmocka_unit_test(a_password_is_read_from_its_file_and_a_missing_one_is_told),
        cmocka_unit_test(the_keys_that_the_agent_owns_are_refused_with_a_reason),
        cmocka_unit_test(versions_that_harm_are_refused_and_old_ones_are_warned_of),
        cmocka_unit_test(each_fault_has_its_plain_sentence),
        cmocka_unit_test(a_connection_closed_after_it_was_up_is_ordinary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
