// A contract as an AsyncAPI 3.0.0 document: its ports as channels, what is in them as a JSON
// Schema.
//
// Floor: forms.
#ifndef WEIR_AGENT_ASYNCAPI_H
#define WEIR_AGENT_ASYNCAPI_H

#include "agent/contract.h"

// The document as JSON, to be freed by cJSON_free; NULL: no memory. `bootstrap` is HOST:PORT[,...];
// `tls`: its listener speaks TLS.
char *asyncapi_document(const struct contract *contract, const char *bootstrap, bool tls);

#endif
