// Where the key that seals a spool comes from: a file, a credential of systemd, or the kernel's
// keyring. It is 32 bytes: as they are, as 64 hex digits, or in base64.
//
// Floor: keeping.
#ifndef WEIR_AGENT_KEY_H
#define WEIR_AGENT_KEY_H

#include "agent/bytes.h"
#include "agent/err.h"
#include "agent/seal.h"

enum { KEY_SENTENCE_SIZE = 320 };

enum key_source {
    KEY_NONE,       // records are stored in clear
    KEY_FILE,       // `name` is its path
    KEY_CREDENTIAL, // `name` is a file in $CREDENTIALS_DIRECTORY (systemd: LoadCredential=)
    KEY_KEYRING,    // `name` describes a key of type "user" that this process can find
};

#define KEY_CREDENTIAL_DEFAULT "weir.key"

// Read it. On an error `sentence` says where, what was seen and what would do. The caller wipes
// `key`.
enum err key_read(enum key_source source, const char *name, uint8_t key[SEAL_KEY_SIZE],
                  char sentence[KEY_SENTENCE_SIZE]);

// Does systemd give the credential KEY_CREDENTIAL_DEFAULT?
bool key_is_given(void);

// ERR_INVALID: `text` is no key in any of the three forms.
enum err key_parse(struct bytes text, uint8_t key[SEAL_KEY_SIZE]);

#endif
