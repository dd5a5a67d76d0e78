// `weir verify`: the consumer's proof. Reads a data topic, its late one and its losses and hands
// what it reads to the judge (agent/verify.h); knows nothing else of the agent.
#include "agent/argument.h"
#include "agent/clock.h"
#include "agent/command.h"
#include "agent/command_kafka.h"
#include "agent/log.h"
#include "agent/verify.h"
#include "ports/output/kafka_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_FAULT = 1, TOPIC_MAX = 240 };

static const char usage[] =
    "usage: weir verify TOPIC [--kafka HOST:PORT | --config FILE] [options]\n"
    "Reads TOPIC, TOPIC.late and TOPIC.losses to their ends and says, for each gateway and epoch,\n"
    "what was delivered, declared lost, promised late, doubled, missing or out of order.\n"
    "  --json                  one JSON object\n"
    "  --from T, --to T        only records whose Kafka time stamp lies between (RFC 3339, UTC)\n"
    "  --isolation LEVEL       read_committed (default) or read_uncommitted\n"
    "  --product NAME          take only this product's declarations from "
    "TOPIC.losses\n" COMMAND_KAFKA_USAGE "exit: 0 each seq once, in order, or declared lost or "
    "late; 1 missing, doubled, out of order or malformed;\n"
    "      64 usage; 65 more than can be judged; 66 no such topic; 69 no broker; 77 no right\n";

struct arguments {
    struct command_kafka kafka;
    const char *topic;
    const char *isolation;
    const char *product;
    struct kafka_reader_range range;
    bool json;
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
    bool late; // the late topic is being read
    bool front_is_open;
    int64_t told_ms;
};

static bool time_read(const char *text, int64_t *time_ms)
{
    if (clock_parse(text, strlen(text), time_ms) == 0) {
        return true;
    }
    (void)fprintf(stderr, "weir verify: \"%s\" is not a time; write e.g. 2026-11-24T18:54:14Z\n",
                  text);
    return false;
}

static bool read_isolation(struct arguments *arguments, const char *text)
{
    arguments->isolation = text;
    if (strcmp(text, "read_committed") == 0 || strcmp(text, "read_uncommitted") == 0) {
        return true;
    }
    (void)fprintf(stderr, "weir verify: --isolation %s: read_committed or read_uncommitted\n",
                  text);
    return false;
}

// `from` and others are NULL where they were not given. False after a sentence.
static bool read_values(struct arguments *arguments, const char *from, const char *to,
                        const char *isolation)
{
    if (arguments->topic == NULL) {
        (void)fputs(usage, stderr);
        return false;
    }
    if (strlen(arguments->topic) > TOPIC_MAX) {
        (void)fprintf(stderr, "weir verify: %s: too long for a topic\n", arguments->topic);
        return false;
    }
    return (from == NULL || time_read(from, &arguments->range.from_ms)) &&
           (to == NULL || time_read(to, &arguments->range.to_ms)) &&
           (isolation == NULL || read_isolation(arguments, isolation));
}

// ARGUMENTS_GO_ON, or the exit code.
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    *arguments = (struct arguments){.kafka = {.command = "verify"},
                                    .isolation = "read_committed",
                                    .range = {.from_ms = INT64_MIN, .to_ms = INT64_MAX}};
    const char *from = NULL;
    const char *to = NULL;
    const char *isolation = NULL;
    const struct argument rows[] = {{.names = ARGUMENT_WORD, .text = &arguments->topic},
                                    COMMAND_KAFKA_ROWS(arguments->kafka),
                                    {.names = "--json|-j", .flag = &arguments->json},
                                    {.names = "--from", .text = &from},
                                    {.names = "--to", .text = &to},
                                    {.names = "--isolation", .text = &isolation},
                                    {.names = "--product", .text = &arguments->product},
                                    {.names = NULL}};
    int code = arguments_read("verify", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    return read_values(arguments, from, to, isolation) ? ARGUMENTS_GO_ON : EX_USAGE;
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
    return verify_record(proof->verify, &identity, bytes_from(message->key, message->key_len),
                         proof->late);
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

static int exit_of(const struct proof *proof, enum err err, const char *why)
{
    if (err == ERR_FULL) {
        (void)fputs("weir verify: the topic holds more gateways, gaps or declarations than can be "
                    "judged; narrow it by --from and --to\n",
                    stderr);
        return EX_DATAERR;
    }
    return command_kafka_failed(&proof->arguments->kafka, err, why);
}

// A topic beside the data topic, which need not be there. `*is_there` (may be NULL): it is. Where
// rights are checked, one that is not there answers as one that may not be read: only of the losses
// that ends the proof; what may lie in the others is then missing.
static int read_companion(struct proof *proof, struct kafka_reader *reader, const char *suffix,
                          const struct kafka_reader_range *range, kafka_reader_take *take,
                          bool *is_there)
{
    char topic[TOPIC_MAX + 12];
    char why[KAFKA_SENTENCE_SIZE];
    struct kafka_reader_told told;
    (void)snprintf(topic, sizeof topic, "%s%s", proof->arguments->topic, suffix);
    enum err err = kafka_reader_read(reader, topic, range, proof->arguments->kafka.wait_ms, take,
                                     proof, &told, why);
    if (is_there != NULL) {
        *is_there = err == OK;
    } else if (err == ERR_DENIED) {
        (void)fprintf(stderr, "weir verify: %s; it is judged as if it were not there\n", why);
        return EX_OK;
    }
    return err == OK || err == ERR_NOT_FOUND ? EX_OK : exit_of(proof, err, why);
}

// The data first: what is declared while it is read belongs to records that came before. A late
// topic is there only where a contract asks for it.
static int proof_read(struct proof *proof, struct kafka_reader *reader)
{
    const struct arguments *arguments = proof->arguments;
    const struct kafka_reader_range whole = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct kafka_reader_told told;
    char why[KAFKA_SENTENCE_SIZE];
    int code;
    enum err err = kafka_reader_read(reader, arguments->topic, &arguments->range,
                                     arguments->kafka.wait_ms, take_record, proof, &told, why);
    progress_end(proof);
    if (err != OK) {
        return exit_of(proof, err, why);
    }
    proof->front_is_open = told.front_is_open;
    if (told.front_is_open) {
        verify_front_is_open(proof->verify);
    }
    proof->late = true;
    code = read_companion(proof, reader, ".late", &arguments->range, take_record, NULL);
    progress_end(proof);
    if (code == EX_OK) {
        code = read_companion(proof, reader, ".losses", &whole, take_loss, &proof->losses_topic);
    }
    if (code == EX_OK) { // what was quarantined begins as a declaration does
        code = read_companion(proof, reader, ".quarantine", &whole, take_loss, NULL);
    }
    return code;
}

// ---- telling ----

static void tell_stream(const struct verify_verdict *verdict)
{
    printf("%s/%016" PRIx64 ": %" PRIu64 "..%" PRIu64 " delivered=%" PRIu64 " quarantined=%" PRIu64
           " dropped=%" PRIu64 " lost=%" PRIu64 " late=%" PRIu64 " duplicated=%" PRIu64
           " missing=%" PRIu64 " out_of_order=%" PRIu64 " %s\n",
           verdict->gateway, verdict->epoch, verdict->first, verdict->last, verdict->delivered,
           verdict->declared[CAUSE_QUARANTINED], verdict->declared[CAUSE_DROPPED],
           verify_verdict_lost(verdict), verdict->late, verdict->duplicated, verdict->missing,
           verdict->out_of_order, verify_verdict_is_well(verdict) ? "ok" : "FAULT");
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
           ",\"dropped\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"late\":%" PRIu64
           ",\"duplicated\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"out_of_order\":%" PRIu64
           ",\"contradicted\":%" PRIu64 ",\"ok\":%s,\"declared\":{",
           verdict->gateway, verdict->epoch, verdict->first, verdict->last, verdict->delivered,
           verdict->declared[CAUSE_QUARANTINED], verdict->declared[CAUSE_DROPPED],
           verify_verdict_lost(verdict), verdict->late, verdict->duplicated, verdict->missing,
           verdict->out_of_order, verdict->contradicted,
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
    sum->late += verdict->late;
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
    printf("%s: records=%" PRIu64 " delivered=%" PRIu64 " quarantined=%" PRIu64 " dropped=%" PRIu64
           " lost=%" PRIu64 " late=%" PRIu64 " duplicated=%" PRIu64 " missing=%" PRIu64
           " out_of_order=%" PRIu64 " foreign=%" PRIu64 " malformed=%" PRIu64 " %s\n",
           proof->arguments->topic, proof->records, sum->delivered,
           sum->declared[CAUSE_QUARANTINED], sum->declared[CAUSE_DROPPED], verify_verdict_lost(sum),
           sum->late, sum->duplicated, sum->missing, sum->out_of_order, proof->foreign,
           proof->malformed, well ? "ok" : "FAULT");
    if (sum->declared[CAUSE_THINNED] > 0) {
        printf("    thinned on the gateway, beside the seqs: %" PRIu64 "\n",
               sum->declared[CAUSE_THINNED]);
    }
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
           ",\"dropped\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"late\":%" PRIu64
           ",\"duplicated\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"out_of_order\":%" PRIu64
           ",\"contradicted\":%" PRIu64 ",\"foreign\":%" PRIu64 ",\"malformed\":%" PRIu64
           ",\"declarations\":%" PRIu64
           ",\"losses_topic\":%s,\"front_is_open\":%s,\"order_unwatched\":%" PRIu64 ",\"ok\":%s}\n",
           proof->records, sum->delivered, sum->declared[CAUSE_QUARANTINED],
           sum->declared[CAUSE_DROPPED], verify_verdict_lost(sum), sum->late, sum->duplicated,
           sum->missing, sum->out_of_order, sum->contradicted, proof->foreign, proof->malformed,
           proof->declarations, proof->losses_topic ? "true" : "false",
           proof->front_is_open ? "true" : "false", verify_keys_unwatched(proof->verify),
           well ? "true" : "false");
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
    struct kafka_reader *reader;
    char why[KAFKA_SENTENCE_SIZE];
    enum err err = kafka_reader_open(&proof->arguments->kafka.client, &reader, why);
    if (err != OK) {
        return exit_of(proof, err, why);
    }
    int code = proof_read(proof, reader);
    kafka_reader_close(reader);
    return code == EX_OK ? proof_tell(proof) : code;
}

int command_verify(int argc, char **argv)
{
    struct arguments arguments;
    int code = read_arguments(argc, argv, &arguments);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    log_start(LOG_LEVEL_ERROR); // what went wrong is told once, in our own words
    code = command_kafka_open(&arguments.kafka);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    command_kafka_set(&arguments.kafka, "isolation.level", arguments.isolation);
    struct proof proof = {.arguments = &arguments, .verify = verify_open()};
    code = proof.verify != NULL ? proof_run(&proof) : EX_OSERR;
    if (proof.verify != NULL) {
        verify_close(proof.verify);
    }
    command_kafka_close(&arguments.kafka);
    return fflush(stdout) == 0 ? code : EX_IOERR;
}
