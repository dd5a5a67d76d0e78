// A contract as the document that is published: ODCS as JSON on one line, every key of the file
// kept. The same file makes the same bytes on every machine.
//
// A version of a contract never changes, but for the marks of its end: `status`, and among
// slaProperties `endOfSupport` and `endOfLife`. What is left without them is its *content*, and the
// content's digest says which contract a gateway runs.
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_DOCUMENT_H
#define WEIR_AGENT_CONTRACT_DOCUMENT_H

#include "agent/digest.h"
#include "agent/err.h"

// SHA-256 of the content of a document. ERR_INVALID: it is no JSON object, or a
// key of it stands twice.
enum err contract_content_digest(struct bytes document, uint8_t out[DIGEST_SIZE]);

// The document with another status, and with `endOfSupport` (RFC 3339 or a date; NULL: as it is)
// among its slaProperties; freed by cJSON_free. NULL: it is none, as above.
char *contract_document_ended(struct bytes document, const char *status,
                              const char *end_of_support);

#endif
