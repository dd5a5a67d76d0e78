// The cluster that a command speaks to, the same words for every command: `--kafka HOST:PORT`, or
// the section `kafka` of a weir.yaml (`--config`), with its TLS by our transport, its SASL and what
// it passes through. The file need hold nothing else; where neither is given it is the one of
// settings_default_path.
//
//     struct command_kafka kafka = {.command = "verify"};
//     const struct argument rows[] = {COMMAND_KAFKA_ROWS(kafka), ...};
//     int code = arguments_read(...);
//     code = command_kafka_open(&kafka);       // kafka.client makes readers, producers, admins
//     command_kafka_close(&kafka);
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_KAFKA_H
#define WEIR_AGENT_COMMAND_KAFKA_H

#include "agent/argument.h"
#include "ports/output/kafka_client.h"

enum { COMMAND_KAFKA_MORE_MAX = 8 }; // settings that a command adds

struct command_kafka {
    const char *command; // for sentences and the client's id
    // Arguments.
    const char *bootstrap;
    const char *config;
    const char *wait;
    struct argument_list pass_given;
    // What command_kafka_open makes of them.
    struct kafka_client client;
    int wait_ms;
    // Its own.
    char client_id[32];
    struct yaml *yaml;
    struct option_set options;
    struct option_pair *pass;
    uint32_t more_count;
};

#define COMMAND_KAFKA_ROWS(kafka)                                                                  \
    {.names = "--kafka|--bootstrap|-b", .text = &(kafka).bootstrap},                               \
        {.names = "--config", .text = &(kafka).config},                                            \
        {.names = "--wait", .text = &(kafka).wait},                                                \
    {                                                                                              \
        .names = "-X", .list = &(kafka).pass_given                                                 \
    }

#define COMMAND_KAFKA_USAGE                                                                        \
    "  --kafka HOST:PORT,...   the cluster to ask\n"                                               \
    "  --config FILE           the cluster of its section `kafka`, tls and login too (default:\n"  \
    "                          $WEIR_CONFIG, else /etc/weir/weir.yaml)\n"                          \
    "  --wait SECONDS          give up when no broker answers for so long (default 30)\n"          \
    "  -X KEY=VALUE            a librdkafka setting\n"

// Fill `client` and `wait_ms` from the arguments; both borrow from `kafka`. ARGUMENTS_GO_ON, or the
// exit code after a sentence on stderr; then nothing is owed.
int command_kafka_open(struct command_kafka *kafka);
void command_kafka_close(struct command_kafka *kafka);

// Add a librdkafka setting (texts are borrowed) that -X does not overrule.
void command_kafka_set(struct command_kafka *kafka, const char *key, const char *value);

// Tell `why` on stderr after the command's name; the exit code that `err` means.
int command_kafka_failed(const struct command_kafka *kafka, enum err err, const char *why);

#endif
