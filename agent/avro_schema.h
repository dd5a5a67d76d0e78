// Avro schemas (Apache Avro 1.11 specification) made from contracts, as JSON. The same contract
// gives the same bytes, so that their digest can stand for them.
//
//     records   namespace DOMAIN.PRODUCT, name PORT, a field for each column, in contract order
//     blocks    weir.Block, see agent/BLOCKS-WIRE.md
//
// Characters that Avro does not allow in a name become '_'.
//
// Floor: forms.
#ifndef WEIR_AGENT_AVRO_SCHEMA_H
#define WEIR_AGENT_AVRO_SCHEMA_H

#include "agent/contract.h"

enum { AVRO_SCHEMA_BYTES_MAX = 256 * 1024 }; // of any contract's

// Append the schema of what `port` of `contract` writes. `schema` is the port's own columns, or
// others that records of its backlog were taken under. ERR_LIMIT: no room in `out`. ERR_INVALID: a
// column's name is none that Avro allows (a contract that was read has none).
enum err avro_schema_put(const struct contract *contract, const struct contract_port *port,
                         const struct schema *schema, struct buffer *out);

#endif
