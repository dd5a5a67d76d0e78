// weir decode: records of layout `blocks` as JSON rows, for people and pipes.
#include "agent/argument.h"
#include "agent/avro_schema.h"
#include "agent/command.h"
#include "agent/command_kafka.h"
#include "agent/contract.h"
#include "agent/log.h"
#include "agent/wire_blocks_read.h"
#include "agent/wire_contract.h"
#include "agent/wire_json.h"
#include "ports/output/kafka_reader.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: weir decode -c CONTRACT [--port NAME] [RECORD...]\n"
    "       weir decode -c CONTRACT [--port NAME] (--kafka HOST:PORT | --config FILE)\n"
    "       weir decode -c CONTRACT [--port NAME] (--schema | --wire-contract)\n"
    "Prints the rows of records of layout `blocks`, a JSON object a line. Each RECORD is a file "
    "with\n"
    "the value of one Kafka record (a schema registry's five bytes before it are passed over);\n"
    "without any, one is read from stdin: kcat -C -t TOPIC -o 42 -c 1 -D '' | weir decode ...\n"
    "With a cluster, the port's topic is read from its beginning to its present end.\n"
    "--schema prints the Avro schema of what the port writes, records or blocks; --wire-contract\n"
    "the contract of its blocks as they lie on the topic, which `weir product apply` "
    "publishes.\n" COMMAND_KAFKA_USAGE
    "exit: 0; 64 not understood; 65 not such a record; 66 not readable, no such topic; 69 no "
    "broker;\n"
    "      77 no right; 78 the contract or the settings are wrong\n";

static const char other_list[] =
    "its keys are told by their place in another list than this contract has; give the version of "
    "the contract that it was written under";

enum { RECORD_MAX = 4 * 1024 * 1024, ROW_MAX = 2 * 1024 * 1024, NAME_SIZE = 256 };

struct decode_options {
    const char *contract;
    const char *port;
    bool schema;
    bool wire_contract;
    struct argument_list records; // files
    struct command_kafka kafka;
};

// Memory of a run.
struct decode {
    const struct schema *schema;
    const struct key_list *listed;
    struct wire_reader *reader;
    struct wire_json plan;
    uint8_t record[RECORD_MAX];
    uint8_t row[ROW_MAX];
};

// ARGUMENTS_GO_ON, or the exit code.
static int read_options(int argc, char **argv, struct decode_options *options)
{
    const struct argument rows[] = {{.names = "--contract|-c", .text = &options->contract},
                                    {.names = "--port", .text = &options->port},
                                    {.names = "--schema", .flag = &options->schema},
                                    {.names = "--wire-contract", .flag = &options->wire_contract},
                                    COMMAND_KAFKA_ROWS(options->kafka),
                                    {.names = ARGUMENT_WORD, .list = &options->records},
                                    {.names = NULL}};
    int code = arguments_read("decode", argc, argv, rows, usage);
    if (code == ARGUMENTS_GO_ON && options->contract == NULL) {
        (void)fprintf(stderr, "weir decode: say the contract: -c FILE\n%s", usage);
        code = EX_USAGE;
    }
    return code;
}

// The port that is named; else the first that is written as blocks, else the first.
static const struct contract_port *choose_port(const struct contract *contract, const char *name)
{
    if (name != NULL) {
        return contract_port(contract, name);
    }
    for (uint32_t i = 0; i < contract->port_count; i++) {
        if (contract->ports[i].layout == LAYOUT_BLOCKS) {
            return &contract->ports[i];
        }
    }
    return contract->port_count == 0 ? NULL : &contract->ports[0];
}

static int print_schema(const struct contract *contract, const struct contract_port *port)
{
    static uint8_t room[AVRO_SCHEMA_BYTES_MAX];
    struct buffer out = buffer_over(room, sizeof room);
    if (avro_schema_put(contract, port, &port->schema, &out) != OK) {
        (void)fprintf(stderr, "weir decode: the Avro schema is over %d bytes\n",
                      AVRO_SCHEMA_BYTES_MAX);
        return EX_CONFIG;
    }
    (void)printf("%.*s\n", (int)out.size, (const char *)out.at);
    return EX_OK;
}

static int print_wire_contract(const struct contract *contract, const struct contract_port *port)
{
    char *text = port->layout == LAYOUT_BLOCKS ? wire_contract_document(contract, port) : NULL;
    if (text == NULL) {
        (void)fprintf(stderr,
                      "weir decode: port %s has no contract of the wire; ports of layout blocks "
                      "whose Avro schema is at most %d bytes have one\n",
                      port->name, AVRO_SCHEMA_BYTES_MAX);
        return EX_CONFIG;
    }
    (void)puts(text);
    cJSON_free(text);
    return EX_OK;
}

static void copy_name(char name[NAME_SIZE], struct bytes from)
{
    size_t size = from.size < NAME_SIZE ? from.size : NAME_SIZE - 1;
    if (size > 0) {
        memcpy(name, from.at, size);
    }
    name[size] = '\0';
    for (size_t i = 0; i < size; i++) { // it may be anybody's, and goes to a terminal
        name[i] = (uint8_t)name[i] < ' ' || name[i] == 127 ? '?' : name[i];
    }
}

// On stderr, beside the rows: what the record says of rows that will not come.
static void tell_losses(const struct wire_reader *reader, const struct wire_info *info,
                        const char *gateway, const char *epoch)
{
    for (uint32_t i = 0; i < info->loss_count; i++) {
        const struct wire_loss loss = wire_loss_at(reader, i);
        char cause[NAME_SIZE];
        copy_name(cause, loss.cause);
        (void)fprintf(stderr, "lost: %llu rows from seq %llu to %llu of %s/%s: %s\n",
                      (unsigned long long)loss.count, (unsigned long long)loss.from,
                      (unsigned long long)loss.to, gateway, epoch, cause);
    }
}

static void print_rows(struct decode *decode)
{
    char gateway[NAME_SIZE];
    char epoch[NAME_SIZE];
    const struct wire_info *info = wire_reader_info(decode->reader);
    copy_name(gateway, info->gateway);
    copy_name(epoch, info->epoch);
    tell_losses(decode->reader, info, gateway, epoch);
    for (uint32_t i = 0; i < info->row_count; i++) {
        struct record record;
        struct buffer out = buffer_over(decode->row, sizeof decode->row);
        wire_row(decode->reader, i, &record);
        wire_json_put(&decode->plan, &record, gateway, epoch, &out);
        (void)fwrite(out.at, 1, out.size, stdout);
        (void)fputc('\n', stdout);
    }
}

// Print the rows of one record's value. Else as wire_read says.
static enum err decode_value(struct decode *decode, struct bytes record)
{
    enum { REGISTRY_FRONT = 5 };
    if (record.size > REGISTRY_FRONT && record.at[0] == 0) { // no gateway's name is empty
        record = bytes_from(record.at + REGISTRY_FRONT, record.size - REGISTRY_FRONT);
    }
    enum err err = wire_read(decode->reader, record, decode->schema, decode->listed);
    if (err == OK) {
        print_rows(decode);
    }
    return err;
}

// Decode what `file` holds; `name` is for sentences.
static int decode_file(struct decode *decode, FILE *file, const char *name)
{
    size_t size = fread(decode->record, 1, sizeof decode->record, file);
    if (ferror(file)) {
        (void)fprintf(stderr, "%s: cannot be read: %s\n", name, strerror(errno));
        return EX_NOINPUT;
    }
    enum err err = decode_value(decode, bytes_from(decode->record, size));
    if (err == ERR_VERSION) {
        (void)fprintf(stderr, "%s: %s\n", name, other_list);
        return EX_DATAERR;
    }
    if (err != OK) {
        (void)fprintf(stderr,
                      "%s: %zu bytes that are no record of layout `blocks` of this contract; is it "
                      "the topic's own contract, and the whole value of one record?\n",
                      name, size);
        return EX_DATAERR;
    }
    return EX_OK;
}

static int decode_all(struct decode *decode, const struct argument_list *names)
{
    if (names->count == 0) {
        return decode_file(decode, stdin, "stdin");
    }
    int code = EX_OK;
    for (uint32_t i = 0; i < names->count && code == EX_OK; i++) {
        FILE *file = fopen(names->at[i], "rb");
        if (file == NULL) {
            (void)fprintf(stderr, "%s: cannot be read: %s\n", names->at[i], strerror(errno));
            return EX_NOINPUT;
        }
        code = decode_file(decode, file, names->at[i]);
        (void)fclose(file);
    }
    return code;
}

// ---- from a cluster ----

static enum err take_message(void *taker, const rd_kafka_message_t *message)
{
    if (message->payload == NULL) {
        return OK; // a tombstone
    }
    enum err err = decode_value(taker, bytes_from(message->payload, message->len));
    return err == OK || err == ERR_VERSION ? err : ERR_CORRUPT;
}

static int read_topic(struct decode *decode, const struct command_kafka *kafka, const char *topic)
{
    const struct kafka_reader_range whole = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct kafka_reader *reader;
    struct kafka_reader_told told;
    char why[KAFKA_SENTENCE_SIZE];
    enum err err = kafka_reader_open(&kafka->client, &reader, why);
    if (err != OK) {
        return command_kafka_failed(kafka, err, why);
    }
    err =
        kafka_reader_read(reader, topic, &whole, kafka->wait_ms, take_message, decode, &told, why);
    kafka_reader_close(reader);
    if (err == ERR_VERSION) {
        (void)fprintf(stderr, "weir decode: topic %s: record %llu: %s\n", topic,
                      (unsigned long long)told.records, other_list);
        return EX_DATAERR;
    }
    if (err == ERR_CORRUPT) {
        (void)fprintf(stderr,
                      "weir decode: topic %s: record %llu is none of layout `blocks` of this "
                      "contract; is it the topic's own contract?\n",
                      topic, (unsigned long long)told.records);
        return EX_DATAERR;
    }
    return err == OK ? EX_OK : command_kafka_failed(kafka, err, why);
}

static int decode_topic(struct decode *decode, struct command_kafka *kafka, const char *topic)
{
    log_start(LOG_LEVEL_ERROR); // what went wrong is told once, in our own words
    int code = command_kafka_open(kafka);
    if (code == ARGUMENTS_GO_ON) {
        code = read_topic(decode, kafka, topic);
        command_kafka_close(kafka);
    }
    return code;
}

static int decode_port(const struct contract *contract, const struct contract_port *port,
                       struct decode_options *options)
{
    if (options->schema) {
        return print_schema(contract, port);
    }
    if (options->wire_contract) {
        return print_wire_contract(contract, port);
    }
    struct decode *decode = calloc(1, sizeof *decode);
    struct wire_reader *reader = wire_reader_open();
    int code = EX_OSERR;
    if (decode != NULL && reader != NULL) {
        decode->schema = &port->schema;
        decode->listed = port->listed;
        decode->reader = reader;
        wire_json_plan(&decode->plan, &port->schema);
        bool has_cluster = options->kafka.bootstrap != NULL || options->kafka.config != NULL;
        code = has_cluster ? decode_topic(decode, &options->kafka, port->topic)
                           : decode_all(decode, &options->records);
    }
    wire_reader_close(reader);
    free(decode);
    return code;
}

int command_decode(int argc, char **argv)
{
    struct decode_options options = {.kafka = {.command = "decode"}};
    int code = read_options(argc, argv, &options);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    struct problems problems = {.count = 0};
    struct contract *contract = contract_read(options.contract, &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    if (contract == NULL) {
        return EX_CONFIG;
    }
    const struct contract_port *port = choose_port(contract, options.port);
    code = EX_CONFIG;
    if (port == NULL) {
        (void)fprintf(stderr, "%s: there is no port %s\n", options.contract,
                      options.port == NULL ? "in it" : options.port);
    } else {
        code = decode_port(contract, port, &options);
    }
    contract_free(contract);
    return code;
}
