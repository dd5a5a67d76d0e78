// What a schema registry answers, read from bytes that anyone may have sent.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_REGISTRY_ANSWER_H
#define WEIR_PORTS_DISCOVERY_REGISTRY_ANSWER_H

#include "agent/bytes.h"
#include "agent/err.h"
#include "agent/schema_ids.h"

enum { REGISTRY_RULE_SIZE = 32, REGISTRY_WORDS_SIZE = 200 };

struct registry_schema {
    struct schema_ids ids;
    uint32_t version; // in its subject; 0: not told
};

// {"id": 7, "version": 1, "guid": ".."}. ERR_CORRUPT: it is none, or has no id from 0 to 2^31 - 1.
// A guid that is none is left out.
enum err registry_answer_schema(struct bytes answer, struct registry_schema *schema);

// {"is_compatible": true, "messages": [..]}: `words` are the messages (Apicurio's
// `reason`), "" where there are none.
enum err registry_answer_verdict(struct bytes answer, bool *fits, char words[REGISTRY_WORDS_SIZE]);

// {"compatibilityLevel": ".."}
enum err registry_answer_rule(struct bytes answer, char rule[REGISTRY_RULE_SIZE]);

// {"error_code": 40403, "message": ".."}. `code` is 0 and `words` are "" where it is none: a proxy
// may have answered.
void registry_answer_error(struct bytes answer, int *code, char words[REGISTRY_WORDS_SIZE]);

#endif
