#include "ports/output/kafka_client.h"

#include "agent/log.h"
#include "ports/output/kafka_tls.h"
#include "ports/output/tls_token.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// ---- configuration ----

struct setting {
    const char *key;
    const char *values[3]; // ethernet, cellular, satellite
};

#define SAME(value)                                                                                \
    {                                                                                              \
        value, value, value                                                                        \
    }

// Where a number is not obvious: `max.idle` 0 keeps a connection for as long as the broker does;
// the sizes bound the memory of a client; Nagle is off because librdkafka gathers by itself.
static const struct setting common_settings[] = {
    {"allow.auto.create.topics", SAME("false")},
    {"enable.sparse.connections", SAME("true")},
    {"socket.keepalive.enable", {"true", "false", "false"}},
    {"socket.nagle.disable", SAME("true")},
    {"receive.message.max.bytes", SAME("1048576")},
    {"statistics.interval.ms", {"5000", "30000", "60000"}},
    {"log.connection.close", SAME("true")}, // we tell an ordinary close from a fault ourselves
    {"socket.connection.setup.timeout.ms", SAME("30000")},
    {"socket.timeout.ms", {"20000", "90000", "180000"}}, // until a frozen broker is given up
    {"reconnect.backoff.ms", {"250", "2000", "10000"}},
    {"reconnect.backoff.max.ms", {"10000", "120000", "600000"}},
    {"topic.metadata.refresh.interval.ms", {"300000", "1800000", "-1"}},
    {"connections.max.idle.ms", SAME("0")},
    {NULL, {NULL}},
};

static const struct setting producer_settings[] = {
    {"acks", SAME("all")},
    {"compression.codec", SAME("gzip")},
    {"compression.level", {"1", "9", "9"}},
    {"message.max.bytes", SAME("262144")},
    {"request.timeout.ms", {"15000", "60000", "120000"}},
    {"retry.backoff.ms", {"200", "1000", "5000"}},
    // A topic that the cluster does not have is told at once; the driver asks again by itself.
    {"topic.metadata.propagation.max.ms", SAME("0")},
    {"sticky.partitioning.linger.ms", SAME("0")}, // or it overrules our partitioner
    {NULL, {NULL}},
};

static const struct setting data_settings[] = {
    {"enable.idempotence", SAME("true")},
    {"linger.ms", {"100", "5000", "60000"}},
    {"batch.size", {"65536", "131072", "262144"}},
    {"batch.num.messages", SAME("10000")},
    {"queue.buffering.max.messages", SAME("10000")},
    {"queue.buffering.max.kbytes", SAME("1024")},
    {"max.in.flight.requests.per.connection", {"5", "2", "1"}},
    {NULL, {NULL}},
};

static const struct setting control_settings[] = {
    {"message.timeout.ms", SAME("300000")},
    {"linger.ms", SAME("5")},
    {"queue.buffering.max.messages", SAME("1000")},
    {"queue.buffering.max.kbytes", SAME("1024")},
    {"max.in.flight.requests.per.connection", SAME("1")},
    {NULL, {NULL}},
};

static const struct setting reader_settings[] = {
    {"enable.partition.eof", SAME("true")},
    {"enable.auto.commit", SAME("false")},
    {"isolation.level", SAME("read_committed")},
    {"auto.offset.reset", SAME("error")}, // a reader of whole topics must not skip
    {"check.crcs", SAME("true")},
    {"receive.message.max.bytes", SAME("100000000")},
    {"fetch.max.bytes", SAME("4194304")},
    {"queued.max.messages.kbytes", SAME("16384")},
    {"statistics.interval.ms", SAME("0")},
    {"reconnect.backoff.ms", SAME("100")},
    {"reconnect.backoff.max.ms", SAME("1000")},
    {"fetch.wait.max.ms", SAME("100")},
    {"fetch.error.backoff.ms", SAME("100")},
    {NULL, {NULL}},
};

// As a reader, but for the memory and by the link: a record above 1 MiB is not read.
static const struct setting input_settings[] = {
    {"enable.partition.eof", SAME("false")},
    {"enable.auto.commit", SAME("false")},
    {"isolation.level", SAME("read_committed")},
    {"auto.offset.reset", SAME("error")}, // what was deleted unread is told
    {"check.crcs", SAME("true")},
    {"receive.message.max.bytes", SAME("2097152")},
    {"fetch.max.bytes", SAME("1048576")},
    {"fetch.message.max.bytes", SAME("262144")},
    {"queued.max.messages.kbytes", SAME("1024")},
    {"fetch.wait.max.ms", {"500", "5000", "10000"}},
    {NULL, {NULL}},
};

// Newer versions only; an older one does not know them and needs none.
static const struct setting optional_settings[] = {
    {"enable.metrics.push", SAME("false")},
    {"retry.backoff.max.ms", {"1000", "10000", "60000"}},
    {NULL, {NULL}},
};

static bool set(rd_kafka_conf_t *conf, const char *key, const char *value,
                char why[KAFKA_SENTENCE_SIZE])
{
    char text[512] = "";
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) == RD_KAFKA_CONF_OK) {
        return true;
    }
    (void)snprintf(why, KAFKA_SENTENCE_SIZE, "kafka client: %.200s", text);
    return false;
}

static bool set_all(rd_kafka_conf_t *conf, const struct setting *settings, enum link_profile link,
                    char why[KAFKA_SENTENCE_SIZE])
{
    for (; settings->key != NULL; settings++) {
        if (!set(conf, settings->key, settings->values[link], why)) {
            return false;
        }
    }
    return true;
}

bool kafka_client_has_tls(const struct kafka_client *client)
{
    return client->ca != NULL || client->certificate != NULL || client->key != NULL;
}

static bool set_openssl(rd_kafka_conf_t *conf, const struct kafka_client *client,
                        char why[KAFKA_SENTENCE_SIZE])
{
    if (!set(conf, "security.protocol", client->username != NULL ? "sasl_ssl" : "ssl", why)) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE,
                       "tls.library: this librdkafka was built without OpenSSL; use mbedtls");
        return false;
    }
    if (client->pin_count > 0) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "tls.pin: needs library: mbedtls");
        return false;
    }
    if (client->key != NULL && tls_token_is_named(client->key)) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE,
                       "tls.key: the key of a token needs library: mbedtls");
        return false;
    }
    return (client->ca == NULL || set(conf, "ssl.ca.location", client->ca, why)) &&
           (client->certificate == NULL ||
            set(conf, "ssl.certificate.location", client->certificate, why)) &&
           (client->key == NULL || set(conf, "ssl.key.location", client->key, why));
}

static bool set_tls(rd_kafka_conf_t *conf, const struct kafka_client *client,
                    char why[KAFKA_SENTENCE_SIZE])
{
    if (kafka_client_has_tls(client) && client->library == KAFKA_TLS_LIBRDKAFKA) {
        return set_openssl(conf, client, why);
    }
    // To librdkafka it is plaintext, over a socket that has no Nagle's algorithm to be turned off.
    return set(conf, "security.protocol", client->username != NULL ? "sasl_plaintext" : "plaintext",
               why) &&
           (!kafka_client_has_tls(client) || (set(conf, "socket.nagle.disable", "false", why) &&
                                              kafka_tls_attach(conf, client, why)));
}

// The first line of the file, without its end.
static bool password_read(const char *path, char out[256], char why[KAFKA_SENTENCE_SIZE])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "password file %s: %s", path, strerror(errno));
        return false;
    }
    bool read = fgets(out, 256, file) != NULL;
    (void)fclose(file);
    size_t size = read ? strcspn(out, "\r\n") : 0;
    if (size == 0 || size == 255) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE,
                       "password file %s: its first line must be the password, 1 to 254 bytes",
                       path);
        return false;
    }
    out[size] = 0;
    return true;
}

bool kafka_mechanism_fits(const char *mechanism, const char *features,
                          char why[KAFKA_SENTENCE_SIZE])
{
    bool is_scram = strncmp(mechanism, "SCRAM-", 6) == 0;
    if (!is_scram || strstr(features, "sasl_scram") != NULL) {
        return true;
    }
    (void)snprintf(
        why, KAFKA_SENTENCE_SIZE,
        "mechanism: %s needs a librdkafka built with OpenSSL, which this one is not; use "
        "PLAIN over tls, or a client certificate",
        mechanism);
    return false;
}

// Older versions repeat the client's nonce, which Kafka 4 takes for an attack: told beforehand, as
// the refusal speaks only of wrong credentials.
static void mechanism_warn(const char *mechanism)
{
    static atomic_bool told; // once a program
    if (strncmp(mechanism, "SCRAM-", 6) == 0 && rd_kafka_version() >> 8 < 0x020601 &&
        !atomic_exchange(&told, true)) {
        log_warn("kafka.scram",
                 "reason=\"librdkafka %s: Apache Kafka 4 refuses its SCRAM as wrong credentials; "
                 "2.6.1 or newer is right\"",
                 rd_kafka_version_str());
    }
}

static bool mechanism_fits(const rd_kafka_conf_t *conf, const char *mechanism,
                           char why[KAFKA_SENTENCE_SIZE])
{
    char features[512] = "";
    size_t size = sizeof features;
    mechanism_warn(mechanism);
    (void)rd_kafka_conf_get(conf, "builtin.features", features, &size);
    return kafka_mechanism_fits(mechanism, features, why);
}

static bool set_sasl(rd_kafka_conf_t *conf, const struct kafka_client *client,
                     char why[KAFKA_SENTENCE_SIZE])
{
    if (client->username == NULL) {
        return true;
    }
    const char *mechanism = client->mechanism == NULL ? "PLAIN" : client->mechanism;
    char password[256] = "";
    if (client->password_file == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "username: needs `password file` beside it");
        return false;
    }
    bool done = mechanism_fits(conf, mechanism, why) &&
                password_read(client->password_file, password, why) &&
                set(conf, "sasl.mechanism", mechanism, why) &&
                set(conf, "sasl.username", client->username, why) &&
                set(conf, "sasl.password", password, why);
    explicit_bzero(password, sizeof password);
    return done;
}

// message.timeout.ms is then the transaction's, linger must be below it, and librdkafka refuses a
// socket.timeout.ms above it. The end of a transaction sends what lingers. A broker that has frozen
// is given up after a third of the time: so the records go to the next leader in the same
// transaction.
static bool set_transactional(rd_kafka_conf_t *conf, const struct kafka_client *client,
                              char why[KAFKA_SENTENCE_SIZE])
{
    char timeout_ms[16];
    char socket_ms[16];
    (void)snprintf(timeout_ms, sizeof timeout_ms, "%d", client->transaction_timeout_ms);
    (void)snprintf(socket_ms, sizeof socket_ms, "%d", client->transaction_timeout_ms / 3);
    return set(conf, "transactional.id", client->transactional_id, why) &&
           set(conf, "transaction.timeout.ms", timeout_ms, why) &&
           set(conf, "socket.timeout.ms", socket_ms, why) && set(conf, "linger.ms", "1000", why);
}

// A promise of latency shortens what the link's profile would wait for others.
static bool set_linger(rd_kafka_conf_t *conf, const struct kafka_client *client,
                       char why[KAFKA_SENTENCE_SIZE])
{
    char linger_ms[16] = "";
    size_t size = sizeof linger_ms;
    (void)rd_kafka_conf_get(conf, "linger.ms", linger_ms, &size);
    if (client->linger_ms <= 0 || (double)client->linger_ms >= strtod(linger_ms, NULL)) {
        return true;
    }
    (void)snprintf(linger_ms, sizeof linger_ms, "%lld", (long long)client->linger_ms);
    return set(conf, "linger.ms", linger_ms, why);
}

static bool set_data(rd_kafka_conf_t *conf, const struct kafka_client *client,
                     char why[KAFKA_SENTENCE_SIZE])
{
    return set_all(conf, producer_settings, client->link, why) &&
           set_all(conf, data_settings, client->link, why) &&
           (client->transactional_id != NULL ? set_transactional(conf, client, why)
                                             // the spool decides how long a record lives
                                             : set(conf, "message.timeout.ms", "0", why)) &&
           set_linger(conf, client, why);
}

static bool set_use(rd_kafka_conf_t *conf, const struct kafka_client *client, enum kafka_use use,
                    char why[KAFKA_SENTENCE_SIZE])
{
    enum link_profile link = client->link;
    switch (use) {
    case KAFKA_DATA:
        return set_data(conf, client, why);
    case KAFKA_CONTROL:
        return set_all(conf, producer_settings, link, why) &&
               set_all(conf, control_settings, link, why);
    case KAFKA_READER:
        return set_all(conf, reader_settings, link, why);
    case KAFKA_INPUT:
        return set_all(conf, input_settings, link, why);
    }
    return false;
}

// Keys of a producer mean nothing to a reader and only make noise there.
static bool set_passed(rd_kafka_conf_t *conf, const struct kafka_client *client,
                       char why[KAFKA_SENTENCE_SIZE])
{
    for (uint32_t i = 0; i < client->pass_count; i++) {
        if (!set(conf, client->pass[i].name, client->pass[i].value, why)) {
            return false;
        }
    }
    return true;
}

// librdkafka repeats each failed connect at its own pace. Faults are told by their users, once a
// change, from error events; here they are for who debugs.
static const char *const told_by_users[] = {"FAIL",      "ERROR",      "REQTMOUT", "FATAL",
                                            "TERMINATE", "AUTOCREATE", "TXNERR"};

static void client_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    enum log_level to = level > 4 ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN;
    for (size_t i = 0; i < sizeof told_by_users / sizeof *told_by_users; i++) {
        if (strcmp(facility, told_by_users[i]) == 0) {
            to = LOG_LEVEL_DEBUG;
        }
    }
    log_event(to, "kafka.client", "what=%s text=\"%s\"", facility, text);
}

rd_kafka_conf_t *kafka_client_configure(const struct kafka_client *client, enum kafka_use use,
                                        char why[KAFKA_SENTENCE_SIZE])
{
    assert(client->link <= LINK_SATELLITE);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, client_log);
    char ignored[KAFKA_SENTENCE_SIZE];
    for (const struct setting *row = optional_settings; row->key != NULL; row++) {
        (void)set(conf, row->key, row->values[client->link], ignored);
    }
    const char *name = client->client_id == NULL ? "weir" : client->client_id;
    bool often = client->counts && use == KAFKA_DATA;
    if (set_all(conf, common_settings, client->link, why) && set_use(conf, client, use, why) &&
        (!often || set(conf, "statistics.interval.ms", "5000", why)) &&
        set(conf, "client.id", name, why) &&
        set(conf, "bootstrap.servers", client->bootstrap, why) && set_tls(conf, client, why) &&
        set_sasl(conf, client, why) && set_passed(conf, client, why)) {
        return conf;
    }
    rd_kafka_conf_destroy(conf);
    return NULL;
}

// ---- keys that the agent owns ----

// `prefix` ends in '.': all keys that begin so.
static const struct owned {
    const char *key;
    const char *reason;
} owned_keys[] = {
    {"bootstrap.servers", "it is `bootstrap`"},
    {"metadata.broker.list", "it is `bootstrap`"},
    {"security.protocol", "it follows from `tls` and `username`"},
    {"ssl.", "use `tls`"},
    {"sasl.", "use `username` and `password file`"},
    {"enable.idempotence", "without it a retry may double or reorder records"},
    {"enable.gapless.guarantee", "the driver mends a gap by itself"},
    {"transactional.id", "it names this gateway's producer and must not be shared"},
    {"transaction.timeout.ms", "it belongs to the delivery of the product"},
    {"acks", "a record counts as delivered only when all replicas have it"},
    {"request.required.acks", "a record counts as delivered only when all replicas have it"},
    {"message.timeout.ms", "the spool decides how long a record lives"},
    {"delivery.timeout.ms", "the spool decides how long a record lives"},
    {"retries", "the spool decides how long a record lives"},
    {"message.send.max.retries", "the spool decides how long a record lives"},
    {"queue.buffering.max.messages", "it bounds memory and what a crash can double"},
    {"queue.buffering.max.kbytes", "it bounds memory and what a crash can double"},
    {"queuing.strategy", "records leave in the order of their seq"},
    {"partitioner", "the contract decides the partition"},
    {"sticky.partitioning.linger.ms", "the contract decides the partition"},
    {"allow.auto.create.topics", "a gateway does not create topics"},
    {"topic.metadata.propagation.max.ms", "the driver asks again by itself"},
    {"delivery.report.only.error", "only delivery reports settle records"},
    {"dr_cb", "only delivery reports settle records"},
    {"dr_msg_cb", "only delivery reports settle records"},
    {"enabled_events", "the driver needs its events"},
    {"log.queue", "it would hide the log"},
    {"plugin.library.paths", "it would load foreign code"},
    {"group.id", "a gateway's output reads nothing"},
    {"socket.nagle.disable", "librdkafka gathers by itself, and a TLS socket is the agent's"},
    {"socket_cb", "the transport is the agent's"},
    {"connect_cb", "the transport is the agent's"},
};

const char *kafka_client_owns(const char *key)
{
    for (size_t i = 0; i < sizeof owned_keys / sizeof *owned_keys; i++) {
        size_t size = strlen(owned_keys[i].key);
        bool is_prefix = owned_keys[i].key[size - 1] == '.';
        if (is_prefix ? strncmp(key, owned_keys[i].key, size) == 0
                      : strcmp(key, owned_keys[i].key) == 0) {
            return owned_keys[i].reason;
        }
    }
    return NULL;
}

// ---- versions ----

static const struct {
    int from, to; // without the last byte, inclusive
    bool warn;
    const char *reason;
} bad_versions[] = {
    {0, 0x020001, false, "it is older than 2.0.2, the oldest that was tested"},
    {0x020500, 0x020500, false, "it aborts the program by an assert when a broker goes away"},
    {0x020a00, 0x020a00, false, "it loops when all brokers are away"},
    {0x020002, 0x020b00, true,
     "it silently sends everything uncompressed to brokers that do not offer Produce version 0 "
     "(Apache Kafka does, some proxies do not); 2.11.1 or newer is better"},
};

bool kafka_version_fits(int version, bool *warn, char why[KAFKA_SENTENCE_SIZE])
{
    int release = version >> 8;
    *warn = false;
    for (size_t i = 0; i < sizeof bad_versions / sizeof *bad_versions; i++) {
        if (release >= bad_versions[i].from && release <= bad_versions[i].to) {
            (void)snprintf(why, KAFKA_SENTENCE_SIZE, "librdkafka %d.%d.%d: %s", release >> 16,
                           release >> 8 & 0xff, release & 0xff, bad_versions[i].reason);
            *warn = bad_versions[i].warn;
            return bad_versions[i].warn;
        }
    }
    return true;
}

bool kafka_client_version_fits(char why[KAFKA_SENTENCE_SIZE])
{
    static bool told; // once a program
    bool warn;
    bool fits = kafka_version_fits(rd_kafka_version(), &warn, why);
    if (warn && !told) {
        told = true;
        log_warn("kafka.version", "reason=\"%s\"", why);
    }
    return fits;
}

// ---- what errors mean ----

struct meaning {
    const char *part;        // of librdkafka's text; NULL: any
    rd_kafka_resp_err_t err; // NO_ERROR: any
    enum link_state link;
    const char *code;
    const char *advice;
};

// The first row that fits tells. Texts are librdkafka's, of 2.0 to 2.15; where a version words
// them otherwise, the rows by error code and the last row still make a true sentence.
static const struct meaning meanings[] = {
    {"in state UP", RD_KAFKA_RESP_ERR__TRANSPORT, LINK_DOWN, "kafka.down",
     "the connection was closed"},
    {"Connection refused", RD_KAFKA_RESP_ERR__TRANSPORT, LINK_DOWN, "kafka.down",
     "is a broker listening there, and is the port right?"},
    {NULL, RD_KAFKA_RESP_ERR__RESOLVE, LINK_DNS_FAIL, "kafka.dns",
     "check bootstrap and the gateway's name server"},
    // OpenSSL's words; by TLS 1.3 a broker refuses a client only after the handshake.
    {"SSL alert number", RD_KAFKA_RESP_ERR_NO_ERROR, LINK_TLS_FAIL, "kafka.tls",
     "the broker refuses this gateway's certificate, or that it has none: check tls.cert"},
    {"unexpected eof", RD_KAFKA_RESP_ERR_NO_ERROR, LINK_TLS_FAIL, "kafka.tls",
     "likely a plaintext port; check the port, or leave tls out"},
    {"Invalid response size", RD_KAFKA_RESP_ERR_NO_ERROR, LINK_DOWN, "kafka.alien",
     "it does not answer as Kafka: check bootstrap"},
    {"HTTP", RD_KAFKA_RESP_ERR__BAD_MSG, LINK_DOWN, "kafka.alien",
     "it does not answer as Kafka: check bootstrap"},
    {NULL, RD_KAFKA_RESP_ERR__BAD_MSG, LINK_DOWN, "kafka.alien",
     "it does not answer as Kafka: check bootstrap"},
    {"ApiVersionRequest failed", RD_KAFKA_RESP_ERR_NO_ERROR, LINK_DOWN, "kafka.alien",
     "it does not answer as Kafka: check bootstrap"},
    {"ApiVersion", RD_KAFKA_RESP_ERR__TRANSPORT, LINK_DOWN, "kafka.alien",
     "it does not answer as Kafka, or wants TLS: check bootstrap and tls"},
    {"in state APIVERSION_QUERY", RD_KAFKA_RESP_ERR__TRANSPORT, LINK_DOWN, "kafka.alien",
     "it does not answer as Kafka, or wants TLS: check bootstrap and tls"},
    {"wrong version number", RD_KAFKA_RESP_ERR__SSL, LINK_TLS_FAIL, "kafka.tls",
     "it does not speak TLS: check the port, or leave tls out"},
    {NULL, RD_KAFKA_RESP_ERR__SSL, LINK_TLS_FAIL, "kafka.tls",
     "check tls.ca, tls.cert, tls.key and the broker's certificate"},
    {"SSL handshake", RD_KAFKA_RESP_ERR_NO_ERROR, LINK_TLS_FAIL, "kafka.tls",
     "check tls.ca, tls.cert, tls.key and the broker's certificate"},
    {NULL, RD_KAFKA_RESP_ERR__AUTHENTICATION, LINK_AUTH_FAIL, "kafka.auth",
     "check username and password file"},
    {NULL, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, LINK_AUTH_FAIL, "kafka.auth",
     "check username and password file"},
    {NULL, RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, LINK_AUTH_FAIL, "kafka.auth",
     "the broker does not offer this mechanism"},
    {NULL, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, LINK_AUTH_FAIL, "kafka.auth",
     "grant Write on the topics (before Kafka 2.8: IdempotentWrite on the cluster)"},
    {NULL, RD_KAFKA_RESP_ERR_NO_ERROR, LINK_DOWN, "kafka.down", "records wait in the spool"},
};

static const struct meaning *meaning_of(rd_kafka_resp_err_t err, const char *text)
{
    const struct meaning *row = meanings;
    while ((row->part != NULL && strstr(text, row->part) == NULL) ||
           (row->err != RD_KAFKA_RESP_ERR_NO_ERROR && row->err != err)) {
        row++; // ends: the last row fits all
    }
    return row;
}

// Cut `text` at the first `mark`.
static void cut(char *text, const char *mark)
{
    char *at = strstr(text, mark);
    if (at != NULL) {
        *at = 0;
    }
}

// "sasl_ssl://host:9093/3: Connect to ipv4#10.0.0.1:9093 failed: Connection refused (after 3ms in
// state CONNECT)" tells the host as "host:9093" and the cause as "Connection refused": no part that
// changes from one attempt to the next, so that a repeated fault is the same sentence.
static void fault_parts(const char *text, char host[96], char cause[160])
{
    const char *at = strstr(text, "://");
    at = at == NULL ? text : at + 3;
    const char *colon = strstr(at, ": ");
    if (colon == NULL) {
        (void)snprintf(host, 96, "Kafka");
        (void)snprintf(cause, 160, "%s", text);
    } else {
        (void)snprintf(host, 96, "%.*s", (int)(colon - at), at);
        (void)snprintf(cause, 160, "%s", colon + 2);
    }
    cut(host, "/");
    cut(cause, " (after ");
    cut(cause, " (average rtt");
    cut(cause, ": increase receive.message.max"); // advice that would be wrong here
    cut(cause, ": probably due to broker version");
    cut(cause, ": might be caused by");
    char *failed = strncmp(cause, "Connect to ", 11) == 0 ? strstr(cause, " failed: ") : NULL;
    if (failed != NULL) {
        memmove(cause, failed + 9, strlen(failed + 9) + 1);
    }
}

void kafka_fault_of(rd_kafka_resp_err_t err, const char *text, struct kafka_fault *fault)
{
    char host[96];
    char cause[160];
    text = text == NULL ? rd_kafka_err2str(err) : text;
    const struct meaning *meaning = meaning_of(err, text);
    fault_parts(text, host, cause);
    if (meaning != &meanings[0] && kafka_tls_fault(host, text, fault)) {
        return;
    }
    *fault = (struct kafka_fault){.link = meaning->link, .ordinary = meaning == &meanings[0]};
    (void)snprintf(fault->code, sizeof fault->code, "%s", meaning->code);
    (void)snprintf(fault->sentence, sizeof fault->sentence, "%.64s: %.96s; %s", host, cause,
                   meaning->advice);
}
