// Detached signatures of documents: DSSE (Dead Simple Signing Envelope 1.0.2) without its payload,
// so that stock readers see plain JSON. What is signed is
//
//     PAE(type, value) = "DSSEv1" SP len(type) SP type SP len(value) SP value
//
// by ECDSA on P-256 over SHA-256. The signature travels beside the value as one JSON object (the
// Kafka header `weir-dsse`), with the signer's certificates, so that whoever trusts its authority
// needs nothing else:
//
//     {"payloadType": "application/odps+json",
//      "signatures": [{"keyid": HEX, "sig": BASE64, "chain": [BASE64 of DER, ...]}]}
//
// `keyid` is the SHA-256 of the first certificate; `sig` is DER, and r||s is read too. A
// certificate speaks for the domain that its subject's CN or OU names, and for those below it
// (plant7 for plant7.ovens).
//
// Floor: forms.
#ifndef WEIR_AGENT_DSSE_H
#define WEIR_AGENT_DSSE_H

#include "agent/bytes.h"
#include "agent/err.h"

enum {
    DSSE_SENTENCE_SIZE = 256,
    DSSE_SIGNER_SIZE = 128,
    DSSE_HEADER_MAX = 32 * 1024, // a longer one is malformed
    DSSE_CHAIN_MAX = 6,
};

#define DSSE_HEADER "weir-dsse"

// ---- signing ----

struct dsse_signer; // a key and its certificates

// Read PEM files; the first certificate is the key's own. ERR_INVALID: `why` names the file and
// what is wrong with it.
enum err dsse_signer_open(const char *key_file, const char *certificate_file,
                          struct dsse_signer **out, char why[DSSE_SENTENCE_SIZE]);
void dsse_signer_close(struct dsse_signer *signer); // NULL is nothing

// May the signer speak for `domain`?
bool dsse_signer_speaks_for(const struct dsse_signer *signer, const char *domain);
const char *dsse_signer_name(const struct dsse_signer *signer);  // "CN=plant7"
const char *dsse_signer_keyid(const struct dsse_signer *signer); // 64 hex digits

// The header's text, to be freed by cJSON_free; NULL: the library failed.
char *dsse_sign(struct dsse_signer *signer, const char *type, struct bytes value);

// ---- checking ----

// Whom to believe; NULL stands for nobody: then only what holds within a record is judged.
struct dsse_trust;

enum err dsse_trust_open(const char *ca_file, struct dsse_trust **out,
                         char why[DSSE_SENTENCE_SIZE]);
void dsse_trust_close(struct dsse_trust *trust); // NULL is nothing

enum dsse_state {
    DSSE_TRUSTED,   // signed for the domain, by whom we believe
    DSSE_SIGNED,    // signed for the domain; nobody was named to believe
    DSSE_UNSIGNED,  // no signature
    DSSE_WRONG,     // malformed, or not of this value
    DSSE_FOREIGN,   // a good signature of who does not speak for the domain
    DSSE_UNTRUSTED, // a good signature, under an authority that we do not believe, or out of time
};

struct dsse_verdict {
    enum dsse_state state;
    char signer[DSSE_SIGNER_SIZE]; // its certificate's subject; "" where there is none
    char keyid[65];
    char sentence[DSSE_SENTENCE_SIZE]; // "" for TRUSTED; why not, for the rest
};

// Judge the header (empty: there is none) of a value of `type` that `domain` should have signed.
void dsse_check(const struct dsse_trust *trust, struct bytes header, const char *type,
                struct bytes value, const char *domain, struct dsse_verdict *verdict);

const char *dsse_state_name(enum dsse_state state); // "trusted", "unsigned", ...

#endif
