#include "agent/key.h"

#include "agent/file.h"

#include <errno.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <mbedtls/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEY_TEXT_MAX = 256 };

static int hex_digit(uint8_t character)
{
    return character >= '0' && character <= '9'   ? character - '0'
           : character >= 'a' && character <= 'f' ? character - 'a' + 10
           : character >= 'A' && character <= 'F' ? character - 'A' + 10
                                                  : -1;
}

static enum err parse_hex(struct bytes text, uint8_t key[SEAL_KEY_SIZE])
{
    for (size_t i = 0; i < SEAL_KEY_SIZE; i++) {
        int high = hex_digit(text.at[2 * i]);
        int low = hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0) {
            return ERR_INVALID;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
    return OK;
}

static bool is_space(uint8_t character)
{
    return character == '\n' || character == '\r' || character == ' ' || character == '\t';
}

enum err key_parse(struct bytes text, uint8_t key[SEAL_KEY_SIZE])
{
    if (text.size == SEAL_KEY_SIZE) {
        memcpy(key, text.at, SEAL_KEY_SIZE);
        return OK;
    }
    while (text.size > 0 && is_space(text.at[text.size - 1])) {
        text.size--;
    }
    if (text.size == 2 * (size_t)SEAL_KEY_SIZE) {
        return parse_hex(text, key);
    }
    uint8_t decoded[SEAL_KEY_SIZE + 1];
    size_t size = 0;
    bool good = text.size == 44 &&
                mbedtls_base64_decode(decoded, sizeof decoded, &size, text.at, text.size) == 0 &&
                size == SEAL_KEY_SIZE;
    if (good) {
        memcpy(key, decoded, SEAL_KEY_SIZE);
    }
    explicit_bzero(decoded, sizeof decoded);
    return good ? OK : ERR_INVALID;
}

static enum err parse(struct bytes text, const char *where, uint8_t key[SEAL_KEY_SIZE],
                      char *sentence)
{
    enum err err = key_parse(text, key);
    if (err != OK) {
        (void)snprintf(sentence, KEY_SENTENCE_SIZE,
                       "%.160s holds %zu bytes that are no key; it must be 32 bytes: raw, as 64 "
                       "hex digits, or in base64 (head -c 32 /dev/urandom | base64)",
                       where, text.size);
    }
    return err;
}

static enum err read_file(const char *path, uint8_t key[SEAL_KEY_SIZE], char *sentence)
{
    char *text;
    size_t size;
    enum err err = file_read(path, KEY_TEXT_MAX, &text, &size);
    if (err != OK) {
        char why[120];
        file_explain(err, KEY_TEXT_MAX, why, sizeof why);
        (void)snprintf(sentence, KEY_SENTENCE_SIZE, "the key %.160s %s", path, why);
        return err;
    }
    err = parse(bytes_from(text, size), path, key, sentence);
    explicit_bzero(text, size);
    free(text);
    return err;
}

static bool credential_path(const char *name, char path[PATH_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    int size = folder == NULL ? -1 : snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return size >= 0 && size < PATH_MAX;
}

static enum err read_credential(const char *name, uint8_t key[SEAL_KEY_SIZE], char *sentence)
{
    char path[PATH_MAX];
    if (!credential_path(name, path)) {
        (void)snprintf(
            sentence, KEY_SENTENCE_SIZE,
            "there is no credential %.80s: $CREDENTIALS_DIRECTORY is not set; start weir "
            "by systemd with LoadCredential=%.80s:FILE",
            name, name);
        return ERR_NOT_FOUND;
    }
    return read_file(path, key, sentence);
}

// By the two calls of the kernel (keyctl(2)): no library for so little.
static enum err read_keyring(const char *name, uint8_t key[SEAL_KEY_SIZE], char *sentence)
{
    uint8_t text[KEY_TEXT_MAX];
    long id = syscall(SYS_request_key, "user", name, NULL, 0);
    long size = id < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_READ, id, text, sizeof text);
    if (size < 0 || size > (long)sizeof text) {
        enum err err = size < 0 ? err_from_errno(errno) : ERR_LIMIT;
        (void)snprintf(sentence, KEY_SENTENCE_SIZE,
                       "the kernel's keyring gives no key \"%.80s\" of type user: %s; add it for "
                       "the agent's user (keyctl padd user %.80s @u)",
                       name, size < 0 ? strerror(errno) : "too long", name);
        return err;
    }
    enum err err = parse(bytes_from(text, (size_t)size), name, key, sentence);
    explicit_bzero(text, sizeof text);
    return err;
}

enum err key_read(enum key_source source, const char *name, uint8_t key[SEAL_KEY_SIZE],
                  char sentence[KEY_SENTENCE_SIZE])
{
    switch (source) {
    case KEY_FILE:
        return read_file(name, key, sentence);
    case KEY_CREDENTIAL:
        return read_credential(name, key, sentence);
    case KEY_KEYRING:
        return read_keyring(name, key, sentence);
    case KEY_NONE:
        break;
    }
    (void)snprintf(sentence, KEY_SENTENCE_SIZE, "no key is set");
    return ERR_NOT_FOUND;
}

bool key_is_given(void)
{
    char path[PATH_MAX];
    return credential_path(KEY_CREDENTIAL_DEFAULT, path) && access(path, F_OK) == 0;
}
