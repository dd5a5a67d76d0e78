#include "ports/output/kafka_tls.h"

#include "ports/output/tls_pump.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// The program's pump. Accounts are added under the lock and never change after; the callbacks know
// theirs by their number, because a client's one `opaque` belongs to whoever made the client.
static struct {
    pthread_mutex_t lock;
    struct tls_pump *pump; // NULL until the first client
    struct tls_account *accounts[TLS_ACCOUNTS_MAX];
} transport = {.lock = PTHREAD_MUTEX_INITIALIZER};

// ---- librdkafka's callbacks, on its broker threads, with a lock of the broker's held ----

static int socket_make(int domain, int type, int protocol, void *opaque)
{
    (void)domain;
    (void)type;
    (void)protocol;
    (void)opaque;
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); // becomes an end of a pair in connect
}

// `name` is the broker's host:port, as it stands in bootstrap or in the broker's own metadata.
#define CONNECT(number)                                                                            \
    static int connect_##number(int end, const struct sockaddr *address, int size,                 \
                                const char *name, void *opaque)                                    \
    {                                                                                              \
        (void)opaque;                                                                              \
        return tls_pump_connect(transport.pump, transport.accounts[number], end, address,          \
                                (socklen_t)size, name);                                            \
    }

CONNECT(0)
CONNECT(1)
CONNECT(2)
CONNECT(3)
CONNECT(4)
CONNECT(5)
CONNECT(6)
CONNECT(7)

typedef int connect_function(int, const struct sockaddr *, int, const char *, void *);

static connect_function *const connects[TLS_ACCOUNTS_MAX] = {
    connect_0, connect_1, connect_2, connect_3, connect_4, connect_5, connect_6, connect_7};

// ---- settings ----

// The rows of `kafka:` as settings of the pump. What is quiet for long is probed only where bytes
// are free; the user time-out is the socket.timeout.ms of the link's profile.
static bool settings_of(const struct kafka_client *client, struct tls_settings *settings,
                        char why[KAFKA_SENTENCE_SIZE])
{
    static const int keepalive_s[] = {60, 0, 0}; // by link
    static const int user_timeout_ms[] = {60000, 90000, 180000};
    *settings = (struct tls_settings){
        .files = {client->ca, client->certificate, client->key},
        .keepalive_s = keepalive_s[client->link],
        .user_timeout_ms = user_timeout_ms[client->link],
    };
    if (client->ca == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE,
                       "tls: needs `ca`: the certificates that may sign the broker's");
        return false;
    }
    for (uint32_t i = 0; i < client->pin_count && i < TLS_PINS_MAX; i++) {
        if (!tls_pin_parse(client->pins[i].value, settings->pins.sums[i])) {
            (void)snprintf(why, KAFKA_SENTENCE_SIZE,
                           "tls.pin: \"%.80s\" is not a SHA-256 in 64 hexadecimal digits",
                           client->pins[i].value);
            return false;
        }
        settings->pins.count++;
    }
    return true;
}

// The account's number, made where it is new; TLS_ACCOUNTS_MAX: there is none to be had.
static uint32_t account_number(const struct tls_settings *settings)
{
    if (transport.pump == NULL && tls_pump_open(&transport.pump) != OK) {
        return TLS_ACCOUNTS_MAX;
    }
    struct tls_account *account = tls_pump_account(transport.pump, settings);
    if (account == NULL) {
        errno = ENOBUFS;
        return TLS_ACCOUNTS_MAX;
    }
    uint32_t number = 0;
    while (transport.accounts[number] != NULL && transport.accounts[number] != account) {
        number++; // ends: the pump gives no more accounts than there are places
    }
    if (transport.accounts[number] == NULL) { // those in use are read without the lock
        transport.accounts[number] = account;
    }
    return number;
}

bool kafka_tls_attach(rd_kafka_conf_t *conf, const struct kafka_client *client,
                      char why[KAFKA_SENTENCE_SIZE])
{
    struct tls_settings settings;
    if (!settings_of(client, &settings, why)) {
        return false;
    }
    (void)pthread_mutex_lock(&transport.lock);
    uint32_t number = account_number(&settings);
    (void)pthread_mutex_unlock(&transport.lock);
    if (number == TLS_ACCOUNTS_MAX) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "tls: the transport cannot start: %s",
                       strerror(errno));
        return false;
    }
    rd_kafka_conf_set_socket_cb(conf, socket_make);
    rd_kafka_conf_set_connect_cb(conf, connects[number]);
    return true;
}

static void check_files(const struct kafka_client *client, const char *file, int line,
                        struct problems *problems)
{
    const struct tls_files files = {client->ca, client->certificate, client->key};
    struct tls_credentials *credentials;
    char why[TLS_SENTENCE_SIZE];
    if ((files.certificate == NULL) != (files.key == NULL)) {
        return; // told by another check
    }
    if (tls_credentials_read(&files, &credentials, why) == OK) {
        tls_credentials_give(credentials);
    } else {
        problem_add(problems, file, line, "kafka", "%s", why);
    }
}

void kafka_tls_check(const struct option_set *options, const char *file, struct problems *problems)
{
    const struct kafka_client client = kafka_client_of(options, NULL);
    struct tls_settings settings;
    char why[KAFKA_SENTENCE_SIZE];
    if (!kafka_client_has_tls(&client) || client.library != KAFKA_TLS_MBEDTLS) {
        return;
    }
    if (client.pin_count > TLS_PINS_MAX) {
        problem_add(problems, file, option_line(options, "tls.pin"), "kafka.tls.pin",
                    "has %u keys; %d is the most", client.pin_count, TLS_PINS_MAX);
    } else if (!settings_of(&client, &settings, why)) {
        problem_add(problems, file, options->line, "kafka", "%s", why);
    } else {
        check_files(&client, file, option_line(options, "tls.ca"), problems);
    }
}

// ---- what others ask ----

bool kafka_tls_fault(const char *host, const char *text, struct kafka_fault *fault)
{
    struct tls_fault known;
    bool timed_out = strstr(text, "timed out") != NULL;
    (void)pthread_mutex_lock(&transport.lock);
    struct tls_pump *pump = transport.pump;
    (void)pthread_mutex_unlock(&transport.lock);
    if (pump == NULL || !tls_pump_fault(pump, host, timed_out, &known)) {
        return false;
    }
    *fault = (struct kafka_fault){.link = known.is_tls ? LINK_TLS_FAIL : LINK_DOWN};
    (void)snprintf(fault->code, sizeof fault->code, "%s",
                   known.is_tls ? "kafka.tls" : "kafka.down");
    (void)snprintf(fault->sentence, sizeof fault->sentence, "%s", known.sentence);
    return true;
}

bool kafka_tls_count(const struct kafka_client *client, struct tls_count *count)
{
    struct tls_settings settings;
    char why[KAFKA_SENTENCE_SIZE];
    bool is_found = false;
    if (!kafka_client_has_tls(client) || client->library != KAFKA_TLS_MBEDTLS ||
        !settings_of(client, &settings, why)) {
        return false;
    }
    (void)pthread_mutex_lock(&transport.lock);
    for (uint32_t i = 0; i < TLS_ACCOUNTS_MAX && transport.accounts[i] != NULL; i++) {
        if (tls_account_is_for(transport.accounts[i], &settings)) {
            *count = tls_account_count(transport.accounts[i]);
            is_found = true;
        }
    }
    (void)pthread_mutex_unlock(&transport.lock);
    return is_found;
}
