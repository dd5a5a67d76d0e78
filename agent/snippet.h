// How a consumer reads a port, as text that runs as it is printed: kcat, Python, Java, SQL.
//
// Floor: forms.
#ifndef WEIR_AGENT_SNIPPET_H
#define WEIR_AGENT_SNIPPET_H

#include "agent/contract.h"

#include <stdio.h>

// How the reader's clients reach the cluster. NULL: not wanted.
struct snippet_cluster {
    const char *bootstrap;
    const char *ca, *certificate, *key; // PEM files; `ca` given: TLS
    const char *username;               // given: SASL; the password is $KAFKA_PASSWORD
    const char *mechanism;
};

struct snippet {
    const char *name; // "kcat", "python", "java", "sql", "flink"
    const char *what; // what is needed to run it
    void (*print)(const struct snippet_cluster *cluster, const struct contract *contract,
                  const struct contract_port *port, FILE *out);
};

extern const struct snippet snippets[]; // a NULL name ends them

#endif
