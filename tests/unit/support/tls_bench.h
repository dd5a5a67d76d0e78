// Certificates made on the spot, and a TLS server in a thread that behaves as well or as badly as
// a test wants. For tests only.
#ifndef WEIR_TESTS_UNIT_TLS_BENCH_H
#define WEIR_TESTS_UNIT_TLS_BENCH_H

#include "agent/bytes.h"
#include "agent/digest.h"
#include "ports/output/tls_credentials.h"
#include "ports/output/tls_pump.h"

#include <mbedtls/ecp.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PEM_SIZE = 4096 };

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

// ---- certificates ----

struct party {
    char name[64]; // "CN=..."
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate;
    char certificate_pem[PEM_SIZE];
    char key_pem[PEM_SIZE];
};

struct wish {
    const char *subject;  // "CN=kafka.test"
    const char *dns;      // NULL: no such name
    const char *address;  // likewise, an IPv4 address
    int from_day, to_day; // from today
    bool is_ca;
};

static inline void stamp_day(int day, char out[16])
{
    struct tm parts;
    time_t at = time(NULL) + (time_t)day * 86400;
    (void)strftime(out, 16, "%Y%m%d%H%M%S", gmtime_r(&at, &parts));
}

static inline void put_general_name(struct buffer *out, uint8_t tag, const void *at, size_t size)
{
    buffer_put_byte(out, tag);
    buffer_put_byte(out, (uint8_t)size);
    buffer_put(out, at, size);
}

static inline void set_names(mbedtls_x509write_cert *writer, const struct wish *wish)
{
    uint8_t names[128];
    uint8_t text[130] = {0x30};
    uint8_t address[4];
    struct buffer out = buffer_over(names, sizeof names - 1);
    if (wish->dns != NULL) {
        put_general_name(&out, 0x82, wish->dns, strlen(wish->dns));
    }
    if (wish->address != NULL) {
        must(inet_pton(AF_INET, wish->address, address) == 1);
        put_general_name(&out, 0x87, address, sizeof address);
    }
    if (out.size > 0) {
        text[1] = (uint8_t)out.size;
        memcpy(text + 2, names, out.size);
        must(mbedtls_x509write_crt_set_extension(writer, MBEDTLS_OID_SUBJECT_ALT_NAME,
                                                 MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0,
                                                 text, out.size + 2) == 0);
    }
}

static inline void set_serial(mbedtls_x509write_cert *writer, uint8_t serial)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
    must(mbedtls_x509write_crt_set_serial_raw(writer, &serial, 1) == 0);
#else
    mbedtls_mpi number;
    mbedtls_mpi_init(&number);
    must(mbedtls_mpi_lset(&number, serial) == 0);
    must(mbedtls_x509write_crt_set_serial(writer, &number) == 0);
    mbedtls_mpi_free(&number);
#endif
}

static inline void party_key(struct party *party)
{
    mbedtls_pk_init(&party->key);
    must(mbedtls_pk_setup(&party->key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0);
    must(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(party->key), tls_random,
                             NULL) == 0);
    must(mbedtls_pk_write_key_pem(&party->key, (uint8_t *)party->key_pem, PEM_SIZE) == 0);
}

// `issuer` NULL: signed by itself.
static inline void party_make(struct party *party, const struct wish *wish, struct party *issuer)
{
    static uint8_t serial;
    char from[16];
    char to[16];
    mbedtls_x509write_cert writer;
    memset(party, 0, sizeof *party);
    (void)snprintf(party->name, sizeof party->name, "%s", wish->subject);
    issuer = issuer == NULL ? party : issuer;
    party_key(party);
    stamp_day(wish->from_day, from);
    stamp_day(wish->to_day, to);
    mbedtls_x509write_crt_init(&writer);
    mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&writer, MBEDTLS_MD_SHA256);
    set_serial(&writer, ++serial);
    must(mbedtls_x509write_crt_set_validity(&writer, from, to) == 0);
    must(mbedtls_x509write_crt_set_subject_name(&writer, party->name) == 0);
    must(mbedtls_x509write_crt_set_issuer_name(&writer, issuer->name) == 0);
    mbedtls_x509write_crt_set_subject_key(&writer, &party->key);
    mbedtls_x509write_crt_set_issuer_key(&writer, &issuer->key);
    must(mbedtls_x509write_crt_set_basic_constraints(&writer, wish->is_ca, -1) == 0);
    set_names(&writer, wish);
    must(mbedtls_x509write_crt_pem(&writer, (uint8_t *)party->certificate_pem, PEM_SIZE, tls_random,
                                   NULL) == 0);
    mbedtls_x509write_crt_free(&writer);
    mbedtls_x509_crt_init(&party->certificate);
    must(mbedtls_x509_crt_parse(&party->certificate, (const uint8_t *)party->certificate_pem,
                                strlen(party->certificate_pem) + 1) == 0);
}

static inline void party_free(struct party *party)
{
    mbedtls_x509_crt_free(&party->certificate);
    mbedtls_pk_free(&party->key);
}

static inline void party_pin(const struct party *party, uint8_t pin[TLS_PIN_SIZE])
{
    digest_sha256(bytes_from(party->certificate.pk_raw.p, party->certificate.pk_raw.len), pin);
}

// Written beside and renamed over it, as a renewal is.
static inline void file_put(const char *path, const char *text)
{
    char beside[256];
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    FILE *file = fopen(beside, "we");
    must(file != NULL && fputs(text, file) >= 0);
    must(fclose(file) == 0 && rename(beside, path) == 0);
}

// ---- a server ----

enum behaviour {
    SERVE_ECHO,
    SERVE_COUNT,     // take everything, check that it is one sequence, tell where it stands
    SERVE_PLAINTEXT, // read, and close: a plaintext broker, to which a hello is nonsense
    SERVE_HTTP,      // answer in words
    SERVE_SILENCE,   // take the connection and say nothing
    SERVE_CUT_HELLO, // close after the server's first messages
    SERVE_CUT_OPEN,  // close after the handshake
};

struct server {
    struct party *own;
    struct party *client_ca; // not NULL: wants a client certificate from it
    enum behaviour behaviour;
    uint16_t port;
    int listener;
    pthread_t thread;
    atomic_bool ending;
    mbedtls_ssl_config config;
    mbedtls_x509_crt client_chain;
    atomic_int accepted;
    atomic_uint_fast64_t taken; // SERVE_COUNT: bytes in sequence so far
    atomic_bool broken;         // a byte was not the one that had to come
    uint64_t cut_after;         // SERVE_COUNT: end a connection after this many bytes; 0: never
    atomic_int cuts;
};

// Byte `at` of the sequence: no two neighbouring blocks of any size are alike.
static inline uint8_t sequence_byte(uint64_t at)
{
    return (uint8_t)((at * 0x9e3779b97f4a7c15U) >> 56);
}

static inline bool echo(mbedtls_ssl_context *ssl)
{
    uint8_t buffer[8192];
    int got = mbedtls_ssl_read(ssl, buffer, sizeof buffer);
    for (int sent = 0; sent < got;) {
        int done = mbedtls_ssl_write(ssl, buffer + sent, (size_t)(got - sent));
        if (done <= 0) {
            return false;
        }
        sent += done;
    }
    return got > 0;
}

static inline bool tell_taken(mbedtls_ssl_context *ssl, uint64_t taken)
{
    uint8_t text[8];
    put_u64(text, taken);
    return mbedtls_ssl_write(ssl, text, sizeof text) == (int)sizeof text;
}

// The client begins where it was told that the sequence stands.
static inline void count(struct server *server, mbedtls_ssl_context *ssl)
{
    static uint8_t buffer[16384];
    uint64_t taken = atomic_load(&server->taken);
    uint64_t until = taken + server->cut_after;
    int got = 1;
    bool going = tell_taken(ssl, taken);
    while (going && (got = mbedtls_ssl_read(ssl, buffer, sizeof buffer)) > 0) {
        for (int i = 0; i < got; i++) {
            if (buffer[i] != sequence_byte(taken + (uint64_t)i)) {
                atomic_store(&server->broken, true);
            }
        }
        taken += (uint64_t)got;
        atomic_store(&server->taken, taken);
        going = tell_taken(ssl, taken);
        if (server->cut_after > 0 && taken >= until) {
            atomic_fetch_add(&server->cuts, 1);
            return; // what is still on the way is lost, as when a broker is killed
        }
    }
}

static inline void serve_tls(struct server *server, int socket)
{
    mbedtls_ssl_context ssl;
    mbedtls_net_context net;
    mbedtls_net_init(&net);
    net.fd = socket;
    mbedtls_ssl_init(&ssl);
    must(mbedtls_ssl_setup(&ssl, &server->config) == 0);
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    if (server->behaviour == SERVE_CUT_HELLO) {
        for (int i = 0; i < 5; i++) {
            (void)mbedtls_ssl_handshake_step(&ssl);
        }
    } else if (mbedtls_ssl_handshake(&ssl) == 0) {
        if (server->behaviour == SERVE_COUNT) {
            count(server, &ssl);
        }
        while (server->behaviour == SERVE_ECHO && echo(&ssl)) {
            // until the client goes
        }
    }
    mbedtls_ssl_free(&ssl);
}

static inline void serve(struct server *server, int socket)
{
    char text[512];
    static const char words[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    switch (server->behaviour) {
    case SERVE_PLAINTEXT:
        (void)!read(socket, text, sizeof text);
        break;
    case SERVE_HTTP:
        (void)!read(socket, text, sizeof text);
        (void)!write(socket, words, sizeof words - 1);
        break;
    case SERVE_SILENCE:
        while (read(socket, text, sizeof text) > 0) {
            // until the client goes
        }
        break;
    case SERVE_ECHO:
    case SERVE_COUNT:
    case SERVE_CUT_HELLO:
    case SERVE_CUT_OPEN:
        serve_tls(server, socket);
        break;
    }
}

static inline void *server_run(void *context)
{
    struct server *server = context;
    while (!atomic_load(&server->ending)) {
        int socket = accept(server->listener, NULL, NULL);
        if (socket >= 0) {
            atomic_fetch_add(&server->accepted, 1);
            serve(server, socket);
            (void)close(socket);
        }
    }
    return NULL;
}

// A loopback listener on a free port.
static inline int listener_open(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 8) == 0);
    must(getsockname(listener, (struct sockaddr *)&at, &size) == 0);
    *port = ntohs(at.sin_port);
    return listener;
}

static inline void server_configure(struct server *server)
{
    mbedtls_ssl_config *config = &server->config;
    must(mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT) == 0);
    mbedtls_ssl_conf_rng(config, tls_random, NULL);
    must(mbedtls_ssl_conf_own_cert(config, &server->own->certificate, &server->own->key) == 0);
    if (server->client_ca != NULL) {
        must(mbedtls_x509_crt_parse(&server->client_chain,
                                    (const uint8_t *)server->client_ca->certificate_pem,
                                    strlen(server->client_ca->certificate_pem) + 1) == 0);
        mbedtls_ssl_conf_ca_chain(config, &server->client_chain, NULL);
        mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    }
}

// `server` begins as {0} but for what it is to be.
static inline void server_start(struct server *server)
{
    mbedtls_ssl_config_init(&server->config);
    mbedtls_x509_crt_init(&server->client_chain);
    if (server->own != NULL) {
        server_configure(server);
    }
    server->listener = listener_open(&server->port);
    must(pthread_create(&server->thread, NULL, server_run, server) == 0);
}

// The clients are gone, or it waits for them.
static inline void server_stop(struct server *server)
{
    atomic_store(&server->ending, true);
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->listener);
    mbedtls_ssl_config_free(&server->config);
    mbedtls_x509_crt_free(&server->client_chain);
}

// ---- a client of the pump, doing what librdkafka does ----

// A socket on its way to 127.0.0.1:`port`, there called `host`. `name` becomes "host:port".
static inline int dial_begin(struct tls_pump *pump, struct tls_account *account, const char *host,
                             uint16_t port, char name[TLS_NAME_SIZE])
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(name, TLS_NAME_SIZE, "%s:%u", host, port);
    must(end >= 0);
    must(tls_pump_connect(pump, account, end, (struct sockaddr *)&at, sizeof at, name) == 0);
    return end;
}

// 0: connected; else the errno of a failed connect; -1: it still waits after `wait_ms`.
static inline int dial_wait(int end, int wait_ms)
{
    struct pollfd poll_end = {.fd = end, .events = POLLOUT};
    int number = 0;
    socklen_t size = sizeof number;
    if (poll(&poll_end, 1, wait_ms) == 0) {
        return -1;
    }
    must(getsockopt(end, SOL_SOCKET, SO_ERROR, &number, &size) == 0);
    return number;
}

#endif
