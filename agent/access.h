// The rights that a contract's topics need in Kafka, and their texts for the tools that grant them.
//
// Names begin with the domain, so few grants cover all: what a gateway writes begins with the
// port's topic (its companions too); its transactional id and its cursors' group begin with
// DOMAIN.weir.; the topic DOMAIN.weir-cursors is the only one it reads for its output.
//
// Floor: forms.
#ifndef WEIR_AGENT_ACCESS_H
#define WEIR_AGENT_ACCESS_H

#include "agent/contract.h"

#include <stdio.h>

enum { ACCESS_ROWS_MAX = 64, ACCESS_NAME_SIZE = 256 };

enum access_who { ACCESS_GATEWAY, ACCESS_OWNER, ACCESS_READER };
enum access_resource { ACCESS_TOPIC, ACCESS_GROUP, ACCESS_TRANSACTION };

struct access_row {
    enum access_who who;
    enum access_resource resource;
    char name[ACCESS_NAME_SIZE];
    bool prefixed;         // all names that begin so
    const char *operation; // "Write", "Read", "Describe", "Create"
};

struct access {
    uint32_t count;
    struct access_row rows[ACCESS_ROWS_MAX];
};

// Whom the rows are for, as Kafka names them: "User:gw-1", "User:CN=gw-1"; several by ';'.
struct access_principals {
    const char *gateway, *owner, *reader;
};

// Add the rows of a contract's ports; a row that is there already is not added again. ERR_LIMIT:
// too many.
enum err access_add(struct access *access, const struct contract *contract);

// A table for people.
void access_print(const struct access *access, const struct access_principals *principals,
                  FILE *out);
// Lines for a shell: Apache Kafka's kafka-acls.sh.
void access_print_kafka_acls(const struct access *access,
                             const struct access_principals *principals, const char *bootstrap,
                             FILE *out);
// Resources kafka_acl of the Terraform provider Mongey/kafka.
void access_print_terraform(const struct access *access, const struct access_principals *principals,
                            FILE *out);
// Strimzi's KafkaUser (v1beta2), with simple authorization.
void access_print_strimzi(const struct access *access, const struct access_principals *principals,
                          FILE *out);

#endif
