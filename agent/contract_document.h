// A contract as the document that is published: ODCS as JSON on one line, every key of the file
// kept. The same file makes the same bytes on every machine.
//
// A version of a contract never changes, but for marks about it: `status`, among slaProperties
// `endOfSupport` and `endOfLife`, and among customProperties `weir.canary` (the share of gateways
// that take the version: agent/track.h). What is left without them is its *content*, and the
// content's digest says which contract a gateway runs.
//
// Floor: forms.
#ifndef WEIR_AGENT_CONTRACT_DOCUMENT_H
#define WEIR_AGENT_CONTRACT_DOCUMENT_H

#include "agent/digest.h"
#include "agent/err.h"

#include <cjson/cJSON.h>

// SHA-256 of the content of a document. ERR_INVALID: it is no JSON object, or a
// key of it stands twice.
enum err contract_content_digest(struct bytes document, uint8_t out[DIGEST_SIZE]);

// The document with another status, and with `endOfSupport` (RFC 3339 or a date; NULL: as it is)
// among its slaProperties; freed by cJSON_free. NULL: it is none, as above.
char *contract_document_ended(struct bytes document, const char *status,
                              const char *end_of_support);

// The document with the mark `weir.canary: SHARE` ("5%"), or without one (NULL); freed by
// cJSON_free. NULL: it is none, as above.
char *contract_document_canary(struct bytes document, const char *share);

// When support ends, as the document says it; "": it does not.
void contract_document_end(struct bytes document, char out[64]);
// A date, or a moment of RFC 3339. False: it is neither.
bool contract_end_ms(const char *text, int64_t *time_ms);

// The share of gateways that take the version, in hundredths of a percent; CANARY_ALL where the
// document has no mark, 0 where the mark cannot be read.
unsigned contract_document_share(const cJSON *document);

#endif
