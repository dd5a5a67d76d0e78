// May one version of a contract's port follow another on the same topic, so that nobody who reads
// it breaks? By the rules of Avro (agent/avro_compat.h) on the schemas that the two make, whatever
// format and layout are (blocks are read as rows); and beyond them, what Avro does not see: another
// layout or format, and in JSON a value that is written otherwise (an integer as text, a time as a
// number).
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_CHANGE_H
#define WEIR_AGENT_CONTRACT_CHANGE_H

#include "agent/contract.h"

struct contract_face {
    const struct contract *contract;
    const struct contract_port *port;
};

// `*follows`; where not, `why` tells the first thing that breaks. The rule is that of `after`.
// ERR_LIMIT: a schema is too large; ERR_FAILED: no memory.
enum err contract_change_judge(struct contract_face before, struct contract_face after,
                               bool *follows, char why[AVRO_COMPAT_WHY_SIZE]);

#endif
