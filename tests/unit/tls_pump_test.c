// The pump against a real TLS server: every fault ends in its sentence.
#include "tests/unit/support/tls_bench.h"

#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

struct bench {
    char folder[64];
    char ca_path[96], certificate_path[96], key_path[96];
    struct party ca, other_ca, broker, client;
    struct tls_pump *pump;
};

static struct wish wish(const char *subject, bool is_ca)
{
    return (struct wish){.subject = subject, .from_day = -10, .to_day = 1000, .is_ca = is_ca};
}

static int bench_open(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    must(bench != NULL);
    struct wish ca = wish("CN=Test CA", true);
    struct wish other_ca = wish("CN=Other CA", true);
    struct wish broker = wish("CN=broker", false);
    struct wish client = wish("CN=gw-1", false);
    broker.dns = "kafka.test";
    broker.address = "127.0.0.1";
    party_make(&bench->ca, &ca, NULL);
    party_make(&bench->other_ca, &other_ca, NULL);
    party_make(&bench->broker, &broker, &bench->ca);
    party_make(&bench->client, &client, &bench->ca);
    (void)snprintf(bench->folder, sizeof bench->folder, "%s", "/tmp/weir-tls-XXXXXX");
    must(mkdtemp(bench->folder) != NULL);
    (void)snprintf(bench->ca_path, 96, "%s/ca.pem", bench->folder);
    (void)snprintf(bench->certificate_path, 96, "%s/gw.pem", bench->folder);
    (void)snprintf(bench->key_path, 96, "%s/gw.key", bench->folder);
    file_put(bench->ca_path, bench->ca.certificate_pem);
    file_put(bench->certificate_path, bench->client.certificate_pem);
    file_put(bench->key_path, bench->client.key_pem);
    must(tls_pump_open(&bench->pump) == OK);
    *state = bench;
    return 0;
}

static int bench_close(void **state)
{
    struct bench *bench = *state;
    if (bench->pump != NULL) {
        tls_pump_close(bench->pump);
    }
    party_free(&bench->ca);
    party_free(&bench->other_ca);
    party_free(&bench->broker);
    party_free(&bench->client);
    (void)unlink(bench->ca_path);
    (void)unlink(bench->certificate_path);
    (void)unlink(bench->key_path);
    (void)rmdir(bench->folder);
    free(bench);
    return 0;
}

static struct tls_settings without_certificate(const struct bench *bench)
{
    return (struct tls_settings){.files = {.ca = bench->ca_path}};
}

static struct tls_settings with_certificate(const struct bench *bench)
{
    return (struct tls_settings){
        .files = {bench->ca_path, bench->certificate_path, bench->key_path}};
}

// A host and what follows its name and colon in the sentence; "HOST" stands for host:port.
static void is_told(const struct bench *bench, const char *name, bool timed_out, bool is_tls,
                    const char *expected)
{
    struct tls_fault fault;
    assert_true(tls_pump_fault(bench->pump, name, timed_out, &fault));
    assert_int_equal(fault.is_tls, is_tls);
    size_t size = strlen(name);
    assert_memory_equal(fault.sentence, name, size);
    assert_memory_equal(fault.sentence + size, ": ", 2);
    if (strstr(fault.sentence + size, expected) == NULL) {
        assert_string_equal(fault.sentence + size + 2, expected);
    }
}

// Connect to `server` as `host` by `settings`: it fails, and `expected` says why.
static void fails(struct bench *bench, struct server *server, const char *host,
                  const struct tls_settings *settings, const char *expected)
{
    char name[TLS_NAME_SIZE];
    struct tls_account *account = tls_pump_account(bench->pump, settings);
    struct tls_count before = tls_account_count(account);
    server_start(server);

    int end = dial_begin(bench->pump, account, host, server->port, name);
    int number = dial_wait(end, PATIENCE_MS);

    assert_int_equal(number, ECONNRESET);
    is_told(bench, name, false, true, expected);
    assert_int_equal(tls_account_count(account).connections, before.connections);
    assert_int_equal(tls_account_count(account).failures, before.failures + 1);
    (void)close(end);
    server_stop(server);
}

// The same of a client's certificate: TLS 1.3 refuses it when the client's handshake is over.
static void refuses_client(struct bench *bench, struct server *server,
                           const struct tls_settings *settings, const char *expected)
{
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    char name[TLS_NAME_SIZE];
    char got[8];
    expected = settings->files.certificate == NULL ? expected : "right after the TLS handshake";
    server_start(server);
    int end = dial_begin(bench->pump, tls_pump_account(bench->pump, settings), "kafka.test",
                         server->port, name);
    assert_int_equal(dial_wait(end, PATIENCE_MS), 0);
    struct pollfd at = {.fd = end, .events = POLLIN};
    assert_int_equal(poll(&at, 1, PATIENCE_MS), 1);
    assert_int_equal(read(end, got, sizeof got), 0);
    is_told(bench, name, false, true, expected);
    (void)close(end);
    server_stop(server);
#else
    fails(bench, server, "kafka.test", settings, expected);
#endif
}

static void exchange(int end, const char *text)
{
    char got[64];
    size_t size = strlen(text);
    struct pollfd at = {.fd = end, .events = POLLIN};
    assert_int_equal(write(end, text, size), size);
    assert_int_equal(poll(&at, 1, PATIENCE_MS), 1);
    assert_int_equal(read(end, got, sizeof got), size);
    assert_memory_equal(got, text, size);
}

static void works(struct bench *bench, struct server *server, const char *host,
                  const struct tls_settings *settings)
{
    char name[TLS_NAME_SIZE];
    struct tls_fault fault;
    struct tls_account *account = tls_pump_account(bench->pump, settings);
    assert_non_null(account);

    int end = dial_begin(bench->pump, account, host, server->port, name);
    int number = dial_wait(end, PATIENCE_MS);
    if (tls_pump_fault(bench->pump, name, true, &fault)) {
        assert_string_equal(fault.sentence, ""); // tells
    }
    assert_int_equal(number, 0);
    exchange(end, "there and back");
    (void)close(end);
}

// ---- what works ----

static void a_broker_with_the_right_certificate_is_reached(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.own = &bench->broker};
    server_start(&server);

    works(bench, &server, "kafka.test", &settings);
    works(bench, &server, "KAFKA.test", &settings);

    struct tls_count count = tls_account_count(tls_pump_account(bench->pump, &settings));
    assert_int_equal(count.connections, 2);
    assert_int_equal(count.failures, 0);
    assert_in_range(count.sent_bytes, 2 * 200, 2 * 2000);
    assert_in_range(count.received_bytes, 2 * 400, 2 * 3000);
    server_stop(&server);
}

static void an_address_is_checked_against_the_addresses_of_the_certificate(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.own = &bench->broker};
    server_start(&server);
    works(bench, &server, "127.0.0.1", &settings);
    server_stop(&server);

    struct server again = {.own = &bench->broker};
    fails(bench, &again, "127.0.0.2", &settings,
          "its certificate is for kafka.test, 127.0.0.1, not for 127.0.0.2");
}

static void both_sides_show_certificates(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = with_certificate(bench);
    struct server server = {.own = &bench->broker, .client_ca = &bench->ca};
    server_start(&server);

    works(bench, &server, "kafka.test", &settings);

    server_stop(&server);
}

static void a_pinned_key_is_reached_and_another_is_refused(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    settings.pins.count = 2;
    party_pin(&bench->broker, settings.pins.sums[1]);
    struct server server = {.own = &bench->broker};
    server_start(&server);
    works(bench, &server, "kafka.test", &settings);
    server_stop(&server);

    struct server again = {.own = &bench->broker};
    settings.pins.count = 1;
    fails(bench, &again, "kafka.test", &settings, "its key is none of tls.pin");
}

static void a_certificate_is_renewed_without_a_restart(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = with_certificate(bench);
    struct party strange;
    struct wish client = wish("CN=gw-1", false);
    party_make(&strange, &client, &bench->other_ca);
    file_put(bench->certificate_path, strange.certificate_pem);
    file_put(bench->key_path, strange.key_pem);
    struct server server = {.own = &bench->broker, .client_ca = &bench->ca};
    refuses_client(bench, &server, &settings, "the broker refuses this gateway's certificate");

    struct server again = {.own = &bench->broker, .client_ca = &bench->ca};
    server_start(&again);
    file_put(bench->certificate_path, bench->client.certificate_pem);
    file_put(bench->key_path, bench->client.key_pem);
    works(bench, &again, "kafka.test", &settings);

    // A renewal in its middle: the new certificate is there, its key is not. The old pair serves.
    file_put(bench->certificate_path, strange.certificate_pem);
    works(bench, &again, "kafka.test", &settings);
    server_stop(&again);
    party_free(&strange);
}

static void a_fault_is_forgotten_when_the_broker_answers_again(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.behaviour = SERVE_PLAINTEXT};
    char name[TLS_NAME_SIZE];
    struct tls_fault fault;
    fails(bench, &server, "kafka.test", &settings, "likely a plaintext port");
    (void)snprintf(name, sizeof name, "kafka.test:%u", server.port);
    assert_true(tls_pump_fault(bench->pump, name, false, &fault));
    struct server again = {.own = &bench->broker};
    server_start(&again);

    // The same broker comes back, for the test at another port: the note is by name.
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(again.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(tls_pump_connect(bench->pump, tls_pump_account(bench->pump, &settings), end,
                                      (struct sockaddr *)&at, sizeof at, name),
                     0);
    assert_int_equal(dial_wait(end, PATIENCE_MS), 0);
    exchange(end, "well again");

    assert_false(tls_pump_fault(bench->pump, name, true, &fault));
    (void)close(end);
    server_stop(&again);
}

// ---- the table of faults ----

static void a_wrong_name_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.own = &bench->broker};

    fails(bench, &server, "other.test", &settings,
          "its certificate is for kafka.test, 127.0.0.1, not for other.test");
}

static void an_expired_certificate_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct party late;
    struct wish broker = {.subject = "CN=b", .dns = "kafka.test", .from_day = -30, .to_day = -3};
    party_make(&late, &broker, &bench->ca);
    char day[16];
    char expected[64];
    stamp_day(-3, day);
    (void)snprintf(expected, sizeof expected, "its certificate expired on %.4s-%.2s-%.2s", day,
                   day + 4, day + 6);
    struct server server = {.own = &late};

    fails(bench, &server, "kafka.test", &settings, expected);

    party_free(&late);
}

static void a_certificate_that_is_not_yet_valid_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct party early;
    struct wish broker = {.subject = "CN=b", .dns = "kafka.test", .from_day = 5, .to_day = 50};
    party_make(&early, &broker, &bench->ca);
    struct server server = {.own = &early};

    fails(bench, &server, "kafka.test", &settings, "its certificate is not valid before ");

    party_free(&early);
}

static void an_unknown_ca_is_told_by_its_name(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct party foreign;
    struct wish broker = wish("CN=b", false);
    broker.dns = "kafka.test";
    party_make(&foreign, &broker, &bench->other_ca);
    struct server server = {.own = &foreign};

    fails(bench, &server, "kafka.test", &settings,
          "its certificate was issued by CN=Other CA, which tls.ca does not hold");

    party_free(&foreign);
}

static void all_that_is_wrong_with_a_certificate_is_told_at_once(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct party bad;
    struct wish broker = {.subject = "CN=b", .dns = "a.test", .from_day = -30, .to_day = -3};
    party_make(&bad, &broker, &bench->ca);
    struct server server = {.own = &bad};
    struct server again = {.own = &bad};

    fails(bench, &server, "kafka.test", &settings, "its certificate is for a.test, not for kafka");
    fails(bench, &again, "kafka.test", &settings, "its certificate expired on ");

    party_free(&bad);
}

static void a_missing_client_certificate_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.own = &bench->broker, .client_ca = &bench->ca};

    refuses_client(bench, &server, &settings, "give tls.cert and tls.key");
}

static void a_refused_client_certificate_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = with_certificate(bench);
    struct server server = {.own = &bench->broker, .client_ca = &bench->other_ca};

    refuses_client(bench, &server, &settings, "the broker refuses this gateway's certificate");
}

static void a_refused_connection_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    char name[TLS_NAME_SIZE];
    uint16_t port;
    (void)close(listener_open(&port)); // nobody listens there now

    int end =
        dial_begin(bench->pump, tls_pump_account(bench->pump, &settings), "kafka.test", port, name);

    assert_int_equal(dial_wait(end, PATIENCE_MS), ECONNRESET);
    is_told(bench, name, false, false,
            "connection refused; is a broker listening there, and is the port right?");
    (void)close(end);
}

// A listener whose queue is full drops what comes, as a black hole does.
static void a_black_hole_is_told_when_patience_ends(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    char name[TLS_NAME_SIZE];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    int filling[4];
    for (int i = 0; i < 4; i++) {
        filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(filling[i], (struct sockaddr *)&at, size);
    }

    int end = dial_begin(bench->pump, tls_pump_account(bench->pump, &settings), "kafka.test",
                         ntohs(at.sin_port), name);
    assert_int_equal(dial_wait(end, 300), -1); // held

    const char *expected = "no answer from the host; is it on, and does a firewall let the port "
                           "through?";
    struct tls_fault fault;
    assert_false(tls_pump_fault(bench->pump, name, false, &fault));
    is_told(bench, name, true, false, expected); // patience is over, the socket is still there
    (void)close(end);
    for (int i = 0; i < 100 && !tls_pump_fault(bench->pump, name, false, &fault); i++) {
        (void)usleep(20000);
    }
    is_told(bench, name, false, false, expected);
    for (int i = 0; i < 4; i++) {
        (void)close(filling[i]);
    }
    (void)close(listener);
}

static void a_server_that_says_nothing_is_told_when_patience_ends(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    char name[TLS_NAME_SIZE];
    struct server server = {.behaviour = SERVE_SILENCE};
    server_start(&server);

    int end = dial_begin(bench->pump, tls_pump_account(bench->pump, &settings), "kafka.test",
                         server.port, name);

    assert_int_equal(dial_wait(end, 300), -1);
    is_told(bench, name, true, true, "it takes the connection but does not answer TLS");
    (void)close(end);
    server_stop(&server);
}

static void a_plaintext_port_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.behaviour = SERVE_PLAINTEXT};

    fails(bench, &server, "kafka.test", &settings,
          "it closes the connection when TLS begins: likely a plaintext port");
}

static void a_port_that_speaks_something_else_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.behaviour = SERVE_HTTP};

    fails(bench, &server, "kafka.test", &settings, "it does not speak TLS; check the port");
}

static void a_handshake_cut_in_its_middle_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct server server = {.own = &bench->broker, .behaviour = SERVE_CUT_HELLO};

    fails(bench, &server, "kafka.test", &settings,
          "the connection was closed in the middle of the TLS handshake");
}

static void a_connection_cut_right_after_the_handshake_is_told(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    char name[TLS_NAME_SIZE];
    char got[8];
    struct pollfd at = {.events = POLLIN};
    struct server server = {.own = &bench->broker, .behaviour = SERVE_CUT_OPEN};
    server_start(&server);

    int end = dial_begin(bench->pump, tls_pump_account(bench->pump, &settings), "kafka.test",
                         server.port, name);

    assert_int_equal(dial_wait(end, PATIENCE_MS), 0);
    at.fd = end;
    assert_int_equal(poll(&at, 1, PATIENCE_MS), 1);
    assert_int_equal(read(end, got, sizeof got), 0);
    is_told(bench, name, false, true, "closed the connection right after the TLS handshake");
    (void)close(end);
    server_stop(&server);
}

static void files_that_cannot_be_used_are_told_by_name(void **state)
{
    struct bench *bench = *state;
    struct tls_credentials *credentials;
    struct tls_files files = {bench->ca_path, bench->certificate_path, bench->key_path};
    char why[TLS_SENTENCE_SIZE];

    files.ca = "/nowhere/ca.pem";
    assert_int_equal(tls_credentials_read(&files, &credentials, why), ERR_INVALID);
    assert_string_equal(why, "tls.ca: /nowhere/ca.pem: No such file or directory");

    files.ca = bench->key_path;
    assert_int_equal(tls_credentials_read(&files, &credentials, why), ERR_INVALID);
    assert_non_null(strstr(why, "holds no certificate in PEM that mbedTLS can read"));

    files.ca = bench->ca_path;
    file_put(bench->key_path, bench->broker.key_pem);
    assert_int_equal(tls_credentials_read(&files, &credentials, why), ERR_INVALID);
    assert_non_null(strstr(why, "is not the key of tls.cert"));

    files.key = bench->ca_path;
    assert_int_equal(tls_credentials_read(&files, &credentials, why), ERR_INVALID);
    assert_non_null(strstr(why, "holds no private key in PEM that mbedTLS can read"));
}

static void a_pump_ends_with_connections_of_every_stage(void **state)
{
    struct bench *bench = *state;
    struct tls_settings settings = without_certificate(bench);
    struct tls_account *account = tls_pump_account(bench->pump, &settings);
    char name[TLS_NAME_SIZE];
    struct server silence = {.behaviour = SERVE_SILENCE};
    struct server good = {.own = &bench->broker};
    server_start(&silence);
    server_start(&good);
    int open = dial_begin(bench->pump, account, "kafka.test", good.port, name);
    assert_int_equal(dial_wait(open, PATIENCE_MS), 0);
    int stuck[3];
    for (int i = 0; i < 3; i++) {
        stuck[i] = dial_begin(bench->pump, account, "kafka.test", silence.port, name);
    }

    tls_pump_close(bench->pump);

    bench->pump = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dial_wait(stuck[i], PATIENCE_MS), ECONNRESET);
        (void)close(stuck[i]);
    }
    (void)close(open);
    server_stop(&silence);
    server_stop(&good);
}

static void the_memory_of_an_idle_connection_is_printed(void **state)
{
    enum { COUNT = 8 };
    struct bench *bench = *state;
    struct tls_settings settings = with_certificate(bench);
    struct tls_account *account = tls_pump_account(bench->pump, &settings);
    char name[TLS_NAME_SIZE];
    int ends[COUNT];
    struct server servers[COUNT];
    size_t before = 0;

    for (int i = 0; i < COUNT; i++) {
        servers[i] = (struct server){.behaviour = SERVE_ECHO, .own = &bench->broker};
        server_start(&servers[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        if (i == 1) {
            before = mallinfo2().uordblks; // one is up: what all share is there
        }
        ends[i] = dial_begin(bench->pump, account, "kafka.test", servers[i].port, name);
        assert_int_equal(dial_wait(ends[i], PATIENCE_MS), 0);
        exchange(ends[i], "idle from now on");
    }
    size_t each = (mallinfo2().uordblks - before) / (COUNT - 1);

    // The server's side, in the same heap, is as large in mbedTLS and has nothing of the pump's.
    (void)printf("an idle connection and its server: %zu bytes of heap, the pump's own part %zu\n",
                 each, sizeof(struct tls_connection));
    assert_true(sizeof(struct tls_connection) < 8192);
    for (int i = 0; i < COUNT; i++) {
        (void)close(ends[i]);
        server_stop(&servers[i]);
    }
}

#define bench_test(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); // the servers write to clients that have gone
    const struct CMUnitTest tests[] = {
        bench_test(a_broker_with_the_right_certificate_is_reached),
        bench_test(an_address_is_checked_against_the_addresses_of_the_certificate),
        bench_test(both_sides_show_certificates),
        bench_test(a_pinned_key_is_reached_and_another_is_refused),
        bench_test(a_certificate_is_renewed_without_a_restart),
        bench_test(a_fault_is_forgotten_when_the_broker_answers_again),
        bench_test(a_wrong_name_is_told),
        bench_test(an_expired_certificate_is_told),
        bench_test(a_certificate_that_is_not_yet_valid_is_told),
        bench_test(an_unknown_ca_is_told_by_its_name),
        bench_test(all_that_is_wrong_with_a_certificate_is_told_at_once),
        bench_test(a_missing_client_certificate_is_told),
        bench_test(a_refused_client_certificate_is_told),
        bench_test(a_refused_connection_is_told),
        bench_test(a_black_hole_is_told_when_patience_ends),
        bench_test(a_server_that_says_nothing_is_told_when_patience_ends),
        bench_test(a_plaintext_port_is_told),
        bench_test(a_port_that_speaks_something_else_is_told),
        bench_test(a_handshake_cut_in_its_middle_is_told),
        bench_test(a_connection_cut_right_after_the_handshake_is_told),
        bench_test(files_that_cannot_be_used_are_told_by_name),
        bench_test(a_pump_ends_with_connections_of_every_stage),
        bench_test(the_memory_of_an_idle_connection_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
