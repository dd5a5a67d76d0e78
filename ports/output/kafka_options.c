// The rows of `kafka:` in weir.yaml, and what of them a person can get wrong.
#include "ports/output/kafka_client.h"

#include "ports/output/kafka_tls.h"
#include "ports/output/tls_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct option kafka_client_options[] = {
    {.key = "bootstrap",
     .type = OPTION_TEXT,
     .required = true,
     .help = "brokers to begin with, HOST:PORT[,HOST:PORT...]"},
    {.key = "link",
     .type = OPTION_CHOICE,
     .initial = "ethernet",
     .choices = "ethernet|cellular|satellite",
     .help = "what the bytes travel on: decides batches, time-outs and compression"},
    {.key = "budget.day",
     .type = OPTION_SIZE,
     .low = 1 << 10,
     .help = "bytes that may go over the link a day (UTC), both ways; as they run out the backlog "
             "waits, then `priority: low`, then `normal`; default: no limit"},
    {.key = "budget.month",
     .type = OPTION_SIZE,
     .low = 1 << 10,
     .help = "the same a calendar month"},
    {.key = "tls.ca", .type = OPTION_PATH, .help = "certificates that may sign the broker's (PEM)"},
    {.key = "tls.cert", .type = OPTION_PATH, .help = "this gateway's certificate (PEM)"},
    {.key = "tls.key",
     .type = OPTION_PATH,
     .help = "the key of tls.cert (PEM), or pkcs11:token=NAME;object=NAME?pin-source=FILE where it "
             "stays in a TPM or another token (builds with PKCS11)"},
    {.key = "tls.pin",
     .type = OPTION_LIST,
     .help = "SHA-256 of public keys (64 hex digits); the broker's must be one of them, besides"},
    {.key = "tls.library",
     .type = OPTION_CHOICE,
     .initial = WEIR_TLS_LIBRARY, // of the build
     .choices = "mbedtls|librdkafka",
     .help = "who does TLS; librdkafka: its OpenSSL, where it was built with it"},
    {.key = "username", .type = OPTION_TEXT, .help = "SASL user"},
    {.key = "password file",
     .type = OPTION_PATH,
     .help = "a file whose first line is the password of username"},
    {.key = "mechanism",
     .type = OPTION_CHOICE,
     .initial = "PLAIN",
     .choices = "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512",
     .help = "how username is proved"},
    {.key = "client",
     .type = OPTION_MAP,
     .help = "librdkafka settings passed through, KEY: VALUE; those the agent owns are refused"},
    {.key = NULL},
};

struct kafka_client kafka_client_of(const struct option_set *options, const char *client_id)
{
    struct kafka_client client = {
        .bootstrap = option_text(options, "bootstrap"),
        .link = (enum link_profile)option_choice(options, "link"),
        .client_id = client_id,
        .ca = option_text(options, "tls.ca"),
        .certificate = option_text(options, "tls.cert"),
        .key = option_text(options, "tls.key"),
        .library = (enum kafka_tls_library)option_choice(options, "tls.library"),
        .username = option_text(options, "username"),
        .password_file = option_text(options, "password file"),
        .mechanism = option_text(options, "mechanism"),
    };
    client.counts = option_is_set(options, "budget.day") || option_is_set(options, "budget.month");
    client.pins = option_pairs(options, "tls.pin", &client.pin_count);
    client.pass = option_pairs(options, "client", &client.pass_count);
    return client;
}

// HOST:PORT, where HOST may be [an IPv6 address].
static bool host_is_good(const char *host, size_t size)
{
    size_t colon = size;
    while (colon > 0 && host[colon - 1] != ':') {
        colon--;
    }
    if (colon < 2 || colon == size || size - colon > 5) {
        return false;
    }
    long port = 0;
    for (size_t i = colon; i < size; i++) {
        if (host[i] < '0' || host[i] > '9') {
            return false;
        }
        port = port * 10 + (host[i] - '0');
    }
    return port >= 1 && port <= 65535 && memchr(host, '/', size) == NULL &&
           memchr(host, ' ', size) == NULL;
}

static void check_bootstrap(const struct option_set *options, const char *file,
                            struct problems *problems)
{
    const char *at = option_text(options, "bootstrap");
    while (at != NULL) {
        at += strspn(at, " ");
        size_t size = strcspn(at, ",");
        if (!host_is_good(at, size)) {
            problem_add(problems, file, option_line(options, "bootstrap"), "kafka.bootstrap",
                        "\"%.*s\" is not HOST:PORT; write e.g. kafka-1.example:9092", (int)size,
                        at);
        }
        at = at[size] == ',' ? at + size + 1 : NULL;
    }
}

static void check_file(const struct option_set *options, const char *row, const char *file,
                       struct problems *problems)
{
    const char *path = option_text(options, row);
    char key[64];
    (void)snprintf(key, sizeof key, "kafka.%s", row);
    if (path != NULL && !tls_token_is_named(path) && access(path, R_OK) != 0) {
        problem_add(problems, file, option_line(options, row), key, "%s cannot be read", path);
    }
}

// Keys whose value librdkafka judges only when the client is made, or not at all. `only_once`: the
// bound holds with exactly-once alone, of which this section knows nothing.
static const struct {
    const char *key;
    bool only_once;
    long low, high[3]; // by link
    const char *reason;
} bounds[] = {
    {"statistics.interval.ms",
     false,
     100,
     {60000, 60000, 60000},
     "by it the state, the round trips and the bytes of the link are known"},
    {"max.in.flight.requests.per.connection",
     false,
     1,
     {5, 5, 5},
     "more would let a retry reorder records"},
    {"max.in.flight", false, 1, {5, 5, 5}, "more would let a retry reorder records"},
    {"linger.ms", true, 0, {14999, 29999, 59999}, "a transaction ends sooner"},
    {"queue.buffering.max.ms", true, 0, {14999, 29999, 59999}, "a transaction ends sooner"},
    {"socket.timeout.ms", true, 10, {15000, 30000, 60000}, "a transaction ends sooner"},
};

static void check_bounds(const struct option_set *options, const struct option_pair *pair,
                         const char *file, struct problems *problems)
{
    const int link = option_choice(options, "link");
    const int line = option_line(options, "client");
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        double value = strtod(pair->value, NULL);
        char key[128];
        if (strcmp(bounds[i].key, pair->name) != 0 ||
            (value >= (double)bounds[i].low && value <= (double)bounds[i].high[link])) {
            continue;
        }
        (void)snprintf(key, sizeof key, "kafka.client.%s", pair->name);
        if (bounds[i].only_once) {
            problem_warn(problems, file, line, key,
                         "%s is not within %ld to %ld: with delivery: exactly-once the agent will "
                         "not start, as %s",
                         pair->value, bounds[i].low, bounds[i].high[link], bounds[i].reason);
        } else {
            problem_add(problems, file, line, key, "%s is not within %ld to %ld: %s", pair->value,
                        bounds[i].low, bounds[i].high[link], bounds[i].reason);
        }
    }
}

static void check_passed(const struct option_set *options, const char *file,
                         struct problems *problems)
{
    uint32_t count = 0;
    const struct option_pair *pairs = option_pairs(options, "client", &count);
    int line = option_line(options, "client");
    rd_kafka_conf_t *scratch = rd_kafka_conf_new();
    for (uint32_t i = 0; i < count; i++) {
        char text[256] = "";
        char key[128];
        (void)snprintf(key, sizeof key, "kafka.client.%s", pairs[i].name);
        const char *reason = kafka_client_owns(pairs[i].name);
        if (reason != NULL) {
            problem_add(problems, file, line, key, "the agent sets this itself: %s", reason);
        } else if (rd_kafka_conf_set(scratch, pairs[i].name, pairs[i].value, text, sizeof text) !=
                   RD_KAFKA_CONF_OK) {
            problem_add(problems, file, line, key, "librdkafka %s refuses it: %s",
                        rd_kafka_version_str(), text);
        } else {
            check_bounds(options, &pairs[i], file, problems);
        }
    }
    rd_kafka_conf_destroy(scratch);
}

void kafka_client_check(const struct option_set *options, const char *file,
                        struct problems *problems)
{
    check_bootstrap(options, file, problems);
    check_file(options, "tls.ca", file, problems);
    check_file(options, "tls.cert", file, problems);
    check_file(options, "tls.key", file, problems);
    check_file(options, "password file", file, problems);
    if (option_is_set(options, "tls.cert") != option_is_set(options, "tls.key")) {
        problem_add(problems, file, options->line, "kafka.tls",
                    "cert and key go together; give both or neither");
    }
    if (option_is_set(options, "username") != option_is_set(options, "password file")) {
        problem_add(problems, file, options->line, "kafka.username",
                    "username and `password file` go together; give both or neither");
    }
    kafka_tls_check(options, file, problems);
    check_passed(options, file, problems);
}
