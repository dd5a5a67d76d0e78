// What comes with an Avro value so that a reader finds its schema: the schema registry's id of it,
// as Confluent's clients write it (00, then the id in 4 bytes, big-endian), before the value; or
// where the contract says so, the same in a header, or there 01 and the 16 bytes of its GUID where
// the registry has one. One mark for each schema that records of the spool were taken under; kept
// in the product's state, so that a gateway that starts while its registry is down goes on.
//
// A value without its mark would be misread for ever, so it waits until the mark is known.
//
// Floor: flow.
#ifndef WEIR_AGENT_SCHEMA_MARKS_H
#define WEIR_AGENT_SCHEMA_MARKS_H

#include "agent/contract.h"
#include "agent/schema_ids.h"
#include "agent/schemas.h"

enum { SCHEMA_MARK_MAX = 1 + SCHEMA_GUID_SIZE };

// Where ids are from: the contract, which is right everywhere; or a digest over a registry and a
// cluster; which is not known before a broker was reached, and then no id is.
#define SCHEMA_SOURCE_CONTRACT UINT64_C(0)
#define SCHEMA_SOURCE_UNKNOWN  UINT64_MAX

struct schema_mark {
    const struct schema *schema; // borrowed from the schemas
    uint64_t fingerprint;        // the front of the SHA-256 of its text
    bool known;
    uint8_t size;
    uint8_t bytes[SCHEMA_MARK_MAX];
};

struct schema_marks {
    const struct contract *contract; // borrowed
    const struct contract_port *port;
    uint64_t source; // where the ids are from
    uint32_t count;  // 0: this port writes values without marks
    struct schema_mark list[SCHEMAS_MAX];
    // What the state keeps, the newest first; of present and past schemas.
    uint32_t kept_count;
    struct kept_mark {
        uint64_t source;
        uint64_t fingerprint;
        struct schema_ids ids;
    } kept[2 * SCHEMAS_MAX];
};

// ERR_LIMIT: a schema is too large to be written; ERR_FAILED: no memory.
enum err schema_marks_open(struct schema_marks *marks, const struct contract *contract,
                           const struct contract_port *port, uint64_t source,
                           const struct schemas *schemas, struct states *states,
                           const struct spool *spool);

// Are values of `schema` written with a mark, and which? ERR_AGAIN: it is not known yet. OK: it is
// in `*mark`, which is empty where none is written.
enum err schema_marks_find(const struct schema_marks *marks, const struct schema *schema,
                           struct bytes *mark);

// Those whose marks are not known and could be, because the source is: the first behind `skip` of
// them; NULL: none.
const struct schema_mark *schema_marks_unknown(const struct schema_marks *marks, uint32_t skip);

// The registry has told the ids of `fingerprint`: they are known, and in `states`.
void schema_marks_learn(struct schema_marks *marks, uint64_t fingerprint,
                        const struct schema_ids *ids, struct states *states);

// The ids come from another place from now on: only those kept of it are known, and the one that
// the contract says.
void schema_marks_move(struct schema_marks *marks, uint64_t source);

#endif
