// librdkafka over the pump: what it says itself about a broker that it cannot reach becomes the
// transport's own sentence.
#include "ports/output/kafka_tls.h"
#include "tests/unit/support/tls_bench.h"

#include "agent/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

struct bench {
    char path[64];
    struct party ca, broker;
};

static int bench_open(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    const struct wish ca = {.subject = "CN=Test CA", .from_day = -1, .to_day = 9, .is_ca = true};
    const struct wish broker = {.subject = "CN=b", .dns = "b.test", .from_day = -1, .to_day = 9};
    must(bench != NULL);
    (void)snprintf(bench->path, sizeof bench->path, "%s", "/tmp/weir-tls-ca-XXXXXX");
    int fd = mkstemp(bench->path);
    must(fd >= 0);
    (void)close(fd);
    party_make(&bench->ca, &ca, NULL);
    party_make(&bench->broker, &broker, &bench->ca);
    file_put(bench->path, bench->ca.certificate_pem);
    *state = bench;
    return 0;
}

static int bench_close(void **state)
{
    struct bench *bench = *state;
    party_free(&bench->broker);
    party_free(&bench->ca);
    (void)unlink(bench->path);
    free(bench);
    return 0;
}

static rd_kafka_t *producer(const struct kafka_client *client)
{
    char why[KAFKA_SENTENCE_SIZE] = "";
    char text[256] = "";
    rd_kafka_conf_t *conf = kafka_client_configure(client, KAFKA_CONTROL, why);
    assert_string_equal(why, "");
    assert_non_null(conf);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_string_equal(handle == NULL ? text : "", "");
    return handle;
}

// The first fault that names a host.
static bool first_fault(rd_kafka_t *handle, struct kafka_fault *fault)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(handle);
    bool is_found = false;
    for (int64_t end_ms = clock_boot_ms() + PATIENCE_MS; !is_found && clock_boot_ms() < end_ms;) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 100);
        if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
            rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
            kafka_fault_of(rd_kafka_event_error(event), rd_kafka_event_error_string(event), fault);
            is_found = true;
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return is_found;
}

static void ends_in(const struct bench *bench, uint16_t port, enum link_state link,
                    const char *code, const char *expected)
{
    char bootstrap[32];
    struct kafka_fault fault;
    struct option_pair pass = {.name = (char[]){"socket.connection.setup.timeout.ms"},
                               .value = (char[]){"1000"}};
    (void)snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u", port);
    const struct kafka_client client = {
        .bootstrap = bootstrap, .ca = bench->path, .pass = &pass, .pass_count = 1};
    rd_kafka_t *handle = producer(&client);

    assert_true(first_fault(handle, &fault));

    if (strstr(fault.sentence, expected) == NULL) {
        assert_string_equal(fault.sentence, expected);
    }
    assert_string_equal(fault.code, code);
    assert_int_equal(fault.link, link);
    assert_false(fault.ordinary);
    rd_kafka_destroy(handle);
}

static void a_certificate_for_another_host_is_told(void **state)
{
    struct bench *bench = *state;
    struct server server = {.own = &bench->broker};
    server_start(&server);

    ends_in(bench, server.port, LINK_TLS_FAIL, "kafka.tls",
            ": its certificate is for b.test, not for 127.0.0.1");

    server_stop(&server);
}

static void a_plaintext_port_is_told(void **state)
{
    struct bench *bench = *state;
    struct server server = {.behaviour = SERVE_PLAINTEXT};
    server_start(&server);

    ends_in(bench, server.port, LINK_TLS_FAIL, "kafka.tls", "likely a plaintext port");

    server_stop(&server);
}

static void a_port_that_says_nothing_is_told_after_the_set_up_time_out(void **state)
{
    struct bench *bench = *state;
    struct server server = {.behaviour = SERVE_SILENCE};
    server_start(&server);

    ends_in(bench, server.port, LINK_TLS_FAIL, "kafka.tls",
            "it takes the connection but does not answer TLS");

    server_stop(&server);
}

static void a_refused_connection_is_a_link_that_is_down(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    (void)close(listener_open(&port));

    ends_in(bench, port, LINK_DOWN, "kafka.down", "connection refused; is a broker listening");
}

static void files_that_have_gone_are_told_for_each_broker_until_they_are_back(void **state)
{
    struct bench *bench = *state;
    struct server server = {.own = &bench->broker};
    server_start(&server);
    (void)unlink(bench->path);

    ends_in(bench, server.port, LINK_TLS_FAIL, "kafka.tls", "No such file or directory");

    server_stop(&server);
}

static void scram_without_openssl_is_refused_with_a_way_out(void **state)
{
    (void)state;
    char features[512];
    size_t size = sizeof features;
    char why[KAFKA_SENTENCE_SIZE] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_get(conf, "builtin.features", features, &size),
                     RD_KAFKA_CONF_OK);
    rd_kafka_conf_destroy(conf);

    assert_true(kafka_mechanism_fits("PLAIN", "gzip,snappy,sasl_plain", why));
    assert_false(kafka_mechanism_fits("SCRAM-SHA-256", "gzip,snappy,sasl_plain", why));
    assert_non_null(strstr(why, "PLAIN over tls"));
    assert_int_equal(kafka_mechanism_fits("SCRAM-SHA-256", features, why),
                     strstr(features, "sasl_scram") != NULL);
}

#define bench_test(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_certificate_for_another_host_is_told),
        bench_test(a_plaintext_port_is_told),
        bench_test(a_port_that_says_nothing_is_told_after_the_set_up_time_out),
        bench_test(a_refused_connection_is_a_link_that_is_down),
        bench_test(files_that_have_gone_are_told_for_each_broker_until_they_are_back),
        cmocka_unit_test(scram_without_openssl_is_refused_with_a_way_out),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
