// `weir verify`: the consumer's proof. Reads a data topic and its losses and hands what it reads to
// the judge (agent/verify.h); knows nothing else of the agent.
#include "agent/clock.h"
#include "agent/command.h"
#include "agent/log.h"
#include "agent/verify.h"
#include "ports/output/kafka_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_FAULT = 1, PASS_MAX = 32, WAIT_MS = 30000, TOPIC_MAX = 240 };

static const char usage[] =
    "usage: weir verify TOPIC --bootstrap HOST:PORT[,HOST:PORT] [options]\n"
    "Reads TOPIC and TOPIC.losses to their ends and says, for each gateway and epoch, what was\n"
    "delivered, declared lost, doubled, missing or out of order.\n"
    "  --json                  one JSON object\n"
    "  --from T, --to T        only records whose Kafka time stamp lies between (RFC 3339, UTC)\n"
    "  --isolation LEVEL       read_committed (default) or read_uncommitted\n"
    "  --product NAME          take only this product's declarations from TOPIC.losses\n"
    "  --wait SECONDS          give up when no broker answers for so long (default 30)\n"
    "  -X KEY=VALUE            a librdkafka setting, e.g. security.protocol=ssl\n"
    "exit: 0 each seq once, in order or declared; 1 missing, doubled, out of order or malformed;\n"
    "      64 usage; 65 more than can be judged; 66 no such topic; 69 no broker; 77 no right\n";

struct arguments {
    const char *topic;
    const char *bootstrap;
    char *isolation;
    const char *product;
    struct kafka_reader_range range;
    int wait_ms;
    bool json;
    struct option_pair pass[PASS_MAX + 1];
    uint32_t pass_count;
};

// What one run counts beside the judge.
struct proof {
    const struct arguments *arguments;
    struct verify *verify;
    uint64_t records;
    uint64_t foreign;   // no `weir` header
    uint64_t malformed; // a `weir` header or losses record that is none
    uint64_t declarations;
    bool losses_topic;
    bool front_is_open;
    int64_t told_ms;
};

static char isolation_key[] = "isolation.level";
static char isolation_default[] = "read_committed";

static bool time_read(const char *text, int64_t *time_ms)
{
    if (clock_parse(text, strlen(text), time_ms) == 0) {
        return true;
    }
    (void)fprintf(stderr, "weir verify: \"%s\" is not a time; write e.g. 2026-11-24T18:54:14Z\n",
                  text);
    return false;
}

static bool pass_read(struct arguments *arguments, char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || arguments->pass_count == PASS_MAX) {
        (void)fprintf(stderr, "weir verify: -X %s: write KEY=VALUE, at most %d of them\n", text,
                      PASS_MAX);
        return false;
    }
    *equals = 0;
    arguments->pass[arguments->pass_count++] = (struct option_pair){text, equals + 1};
    return true;
}

static bool from_read(struct arguments *arguments, char *text)
{
    return time_read(text, &arguments->range.from_ms);
}

static bool to_read(struct arguments *arguments, char *text)
{
    return time_read(text, &arguments->range.to_ms);
}

static bool wait_read(struct arguments *arguments, char *text)
{
    char *end;
    long seconds = strtol(text, &end, 10);
    if (*end != 0 || seconds < 1 || seconds > 3600) {
        (void)fprintf(stderr, "weir verify: --wait %s: a number of seconds, 1 to 3600\n", text);
        return false;
    }
    arguments->wait_ms = (int)seconds * 1000;
    return true;
}

static bool isolation_read(struct arguments *arguments, char *text)
{
    arguments->isolation = text;
    if (strcmp(text, "read_committed") == 0 || strcmp(text, "read_uncommitted") == 0) {
        return true;
    }
    (void)fprintf(stderr, "weir verify: --isolation %s: read_committed or read_uncommitted\n",
                  text);
    return false;
}

static bool bootstrap_read(struct arguments *arguments, char *value)
{
    arguments->bootstrap = value;
    return true;
}

static bool product_read(struct arguments *arguments, char *value)
{
    arguments->product = value;
    return true;
}

static bool json_read(struct arguments *arguments, char *value)
{
    (void)value;
    arguments->json = true;
    return true;
}

// getopt's `struct option` would clash with ours, and there are but eight.
static const struct flag {
    const char *name;
    bool has_value;
    bool (*read)(struct arguments *arguments, char *value);
} flags[] = {
    {"--bootstrap", true, bootstrap_read}, {"--json", false, json_read},
    {"--from", true, from_read},           {"--to", true, to_read},
    {"--isolation", true, isolation_read}, {"--product", true, product_read},
    {"--wait", true, wait_read},           {"-X", true, pass_read},
};

static const struct flag *flag_find(const char *name)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

static bool topic_read(struct arguments *arguments, const char *text)
{
    if (arguments->topic != NULL || text[0] == '-' || text[0] == 0 || strlen(text) > TOPIC_MAX) {
        (void)fprintf(stderr, "weir verify: %s: not an option, and not the one topic\n", text);
        return false;
    }
    arguments->topic = text;
    return true;
}

static bool arguments_read(int argc, char **argv, struct arguments *arguments)
{
    *arguments = (struct arguments){
        .isolation = isolation_default, .range = {INT64_MIN, INT64_MAX}, .wait_ms = WAIT_MS};
    for (int i = 1; i < argc; i++) {
        const struct flag *flag = flag_find(argv[i]);
        if (flag == NULL) {
            if (!topic_read(arguments, argv[i])) {
                return false;
            }
            continue;
        }
        char *value = flag->has_value && i + 1 < argc ? argv[++i] : NULL;
        if (flag->has_value && value == NULL) {
            (void)fprintf(stderr, "weir verify: %s needs a value\n", flag->name);
            return false;
        }
        if (!flag->read(arguments, value)) {
            return false;
        }
    }
    if (arguments->topic == NULL || arguments->bootstrap == NULL) {
        (void)fputs(usage, stderr);
        return false;
    }
    // Last, so that -X cannot overrule what was asked for by name.
    arguments->pass[arguments->pass_count++] =
        (struct option_pair){isolation_key, arguments->isolation};
    return true;
}

// ---- reading ----

static void progress(struct proof *proof)
{
    int64_t now_ms = clock_boot_ms();
    if (now_ms - proof->told_ms > 200 && isatty(STDERR_FILENO)) {
        proof->told_ms = now_ms;
        (void)fprintf(stderr, "\r%" PRIu64 " records", proof->records);
    }
}

static void progress_end(const struct proof *proof)
{
    if (proof->told_ms != 0) {
        (void)fputs("\r                              \r", stderr);
    }
}

static enum err take_record(void *taker, const rd_kafka_message_t *message)
{
    struct proof *proof = taker;
    struct verify_identity identity;
    struct bytes header = kafka_reader_header(message, "weir");
    proof->records++;
    if (proof->records % 4096 == 0) {
        progress(proof);
    }
    if (header.size == 0) {
        proof->foreign++;
        return OK;
    }
    if (verify_identity_read(header, &identity) != OK) {
        proof->malformed++;
        return OK;
    }
    return verify_record(proof->verify, &identity, bytes_from(message->key, message->key_len));
}

static enum err take_loss(void *taker, const rd_kafka_message_t *message)
{
    struct proof *proof = taker;
    struct verify_loss loss;
    if (verify_loss_read(bytes_from(message->payload, message->len), &loss) != OK) {
        proof->malformed++;
        return OK;
    }
    const char *product = proof->arguments->product;
    if (product != NULL && strcmp(product, loss.product) != 0) {
        return OK;
    }
    proof->declarations++;
    return verify_declare(proof->verify, &loss);
}

static int exit_of(enum err err, const char *why)
{
    if (err == ERR_FULL) {
        (void)fputs("weir verify: the topic holds more gateways, gaps or declarations than can be "
                    "judged; narrow it by --from and --to\n",
                    stderr);
        return EX_DATAERR;
    }
    (void)fprintf(stderr, "weir verify: %s\n", why);
    static const struct {
        enum err err;
        int code;
    } codes[] = {{ERR_NOT_FOUND, EX_NOINPUT},
                 {ERR_DENIED, EX_NOPERM},
                 {ERR_INVALID, EX_USAGE},
                 {ERR_AGAIN, EX_UNAVAILABLE}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].err == err) {
            return codes[i].code;
        }
    }
    return EX_SOFTWARE;
}

// The data first: what is declared while it is read belongs to records that came before.
static int proof_read(struct proof *proof, struct kafka_reader *reader)
{
    const struct arguments *arguments = proof->arguments;
    const struct kafka_reader_range whole = {INT64_MIN, INT64_MAX};
    struct kafka_reader_told told;
    char why[KAFKA_SENTENCE_SIZE];
    char losses[TOPIC_MAX + 8];
    (void)snprintf(losses, sizeof losses, "%s.losses", arguments->topic);
    enum err err = kafka_reader_read(reader, arguments->topic, &arguments->range,
                                     arguments->wait_ms, take_record, proof, &told, why);
    progress_end(proof);
    if (err != OK) {
        return exit_of(err, why);
    }
    proof->front_is_open = told.front_is_open;
    if (told.front_is_open) {
        verify_front_is_open(proof->verify);
    }
    err =
        kafka_reader_read(reader, losses, &whole, arguments->wait_ms, take_loss, proof, &told, why);
    proof->losses_topic = err == OK;
    return err == OK || err == ERR_NOT_FOUND ? EX_OK : exit_of(err, why);
}

// ---- telling ----

static void tell_stream(const struct verify_verdict *verdict)
{
    printf("%s/%016" PRIx64 ": %" PRIu64 "..%" PRIu64 " delivered=%" PRIu64 " quarantined=%" PRIu64
           " lost=%" PRIu64 " duplicated=%" PRIu64 " missing=%" PRIu64 " out_of_order=%" PRIu64
           " %s\n",
           verdict->gateway, verdict->epoch, verdict->first, verdict->last, verdict->delivered,
           verdict->declared[CAUSE_QUARANTINED], verify_verdict_lost(verdict), verdict->duplicated,
           verdict->missing, verdict->out_of_order,
           verify_verdict_is_well(verdict) ? "ok" : "FAULT");
    for (uint32_t i = 0; i < verdict->hole_count; i++) {
        printf("    missing %" PRIu64 "..%" PRIu64 "\n", verdict->holes[i].first,
               verdict->holes[i].last);
    }
    if (verdict->contradicted > 0) {
        printf("    declared lost, and yet delivered: %" PRIu64 "\n", verdict->contradicted);
    }
}

static void tell_stream_json(const struct verify_verdict *verdict)
{
    printf("{\"gateway\":\"%s\",\"epoch\":\"%016" PRIx64 "\",\"first\":%" PRIu64
           ",\"last\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"quarantined\":%" PRIu64
           ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"missing\":%" PRIu64
           ",\"out_of_order\":%" PRIu64 ",\"contradicted\":%" PRIu64 ",\"ok\":%s,\"declared\":{",
           verdict->gateway, verdict->epoch, verdict->first, verdict->last, verdict->delivered,
           verdict->declared[CAUSE_QUARANTINED], verify_verdict_lost(verdict), verdict->duplicated,
           verdict->missing, verdict->out_of_order, verdict->contradicted,
           verify_verdict_is_well(verdict) ? "true" : "false");
    for (enum verify_cause cause = 0; cause < CAUSE_COUNT; cause++) {
        printf("%s\"%s\":%" PRIu64, cause == 0 ? "" : ",", verify_cause_name(cause),
               verdict->declared[cause]);
    }
    printf("},\"holes\":[");
    for (uint32_t i = 0; i < verdict->hole_count; i++) {
        printf("%s[%" PRIu64 ",%" PRIu64 "]", i == 0 ? "" : ",", verdict->holes[i].first,
               verdict->holes[i].last);
    }
    printf("]}");
}

static void verdict_sum(struct verify_verdict *sum, const struct verify_verdict *verdict)
{
    sum->delivered += verdict->delivered;
    sum->duplicated += verdict->duplicated;
    sum->missing += verdict->missing;
    sum->out_of_order += verdict->out_of_order;
    sum->contradicted += verdict->contradicted;
    for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
        sum->declared[cause] += verdict->declared[cause];
    }
}

static void tell_sum(const struct proof *proof, const struct verify_verdict *sum, bool well)
{
    printf("%s: records=%" PRIu64 " delivered=%" PRIu64 " quarantined=%" PRIu64 " lost=%" PRIu64
           " duplicated=%" PRIu64 " missing=%" PRIu64 " out_of_order=%" PRIu64 " foreign=%" PRIu64
           " malformed=%" PRIu64 " %s\n",
           proof->arguments->topic, proof->records, sum->delivered,
           sum->declared[CAUSE_QUARANTINED], verify_verdict_lost(sum), sum->duplicated,
           sum->missing, sum->out_of_order, proof->foreign, proof->malformed,
           well ? "ok" : "FAULT");
    if (!proof->losses_topic) {
        printf("    there is no topic %s.losses\n", proof->arguments->topic);
    }
    if (proof->front_is_open) {
        printf("    the topic's first records are not there or not asked for: each stream is "
               "judged from the first seq seen\n");
    }
    if (verify_keys_unwatched(proof->verify) > 0) {
        printf("    order not judged for %" PRIu64 " records: too many keys\n",
               verify_keys_unwatched(proof->verify));
    }
}

static void tell_sum_json(const struct proof *proof, const struct verify_verdict *sum, bool well)
{
    printf("],\"records\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"quarantined\":%" PRIu64
           ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"missing\":%" PRIu64
           ",\"out_of_order\":%" PRIu64 ",\"contradicted\":%" PRIu64 ",\"foreign\":%" PRIu64
           ",\"malformed\":%" PRIu64 ",\"declarations\":%" PRIu64
           ",\"losses_topic\":%s,\"front_is_open\":%s,\"order_unwatched\":%" PRIu64 ",\"ok\":%s}\n",
           proof->records, sum->delivered, sum->declared[CAUSE_QUARANTINED],
           verify_verdict_lost(sum), sum->duplicated, sum->missing, sum->out_of_order,
           sum->contradicted, proof->foreign, proof->malformed, proof->declarations,
           proof->losses_topic ? "true" : "false", proof->front_is_open ? "true" : "false",
           verify_keys_unwatched(proof->verify), well ? "true" : "false");
}

static int proof_tell(const struct proof *proof)
{
    struct verify_verdict sum = {0};
    struct verify_verdict verdict;
    bool json = proof->arguments->json;
    if (json) {
        printf("{\"topic\":\"%s\",\"streams\":[", proof->arguments->topic);
    }
    for (size_t i = 0; i < verify_stream_count(proof->verify); i++) {
        verify_judge(proof->verify, i, &verdict);
        verdict_sum(&sum, &verdict);
        if (json) {
            (void)fputs(i == 0 ? "" : ",", stdout);
            tell_stream_json(&verdict);
        } else {
            tell_stream(&verdict);
        }
    }
    bool well = verify_verdict_is_well(&sum) && proof->malformed == 0;
    if (json) {
        tell_sum_json(proof, &sum, well);
    } else {
        tell_sum(proof, &sum, well);
    }
    return well ? EX_OK : EXIT_FAULT;
}

static int proof_run(struct proof *proof)
{
    const struct arguments *arguments = proof->arguments;
    const struct kafka_client client = {.bootstrap = arguments->bootstrap,
                                        .client_id = "weir-verify",
                                        .pass = arguments->pass,
                                        .pass_count = arguments->pass_count};
    struct kafka_reader *reader;
    char why[KAFKA_SENTENCE_SIZE];
    enum err err = kafka_reader_open(&client, &reader, why);
    if (err != OK) {
        return exit_of(err, why);
    }
    int code = proof_read(proof, reader);
    kafka_reader_close(reader);
    return code == EX_OK ? proof_tell(proof) : code;
}

int command_verify(int argc, char **argv)
{
    struct arguments arguments;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(usage, stdout);
        return EX_OK;
    }
    if (!arguments_read(argc, argv, &arguments)) {
        return EX_USAGE;
    }
    log_start(LOG_LEVEL_ERROR); // what went wrong is told once, in our own words
    struct proof proof = {.arguments = &arguments, .verify = verify_open()};
    if (proof.verify == NULL) {
        return EX_OSERR;
    }
    int code = proof_run(&proof);
    verify_close(proof.verify);
    return fflush(stdout) == 0 ? code : EX_IOERR;
}
