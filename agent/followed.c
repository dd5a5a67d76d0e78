#include "agent/followed.h"

#include "agent/file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTE_MAX = 16 * 1024, HEX_SIZE = 2 * DIGEST_SIZE + 1 };

// ---- files ----

static enum err write_all(int fd, struct bytes content)
{
    size_t done = 0;
    while (done < content.size) {
        ssize_t count = write(fd, content.at + done, content.size - done);
        if (count < 0 && errno != EINTR) {
            return err_from_errno(errno);
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return fsync(fd) == 0 ? OK : err_from_errno(errno);
}

// A rename is durable once its folder is.
static enum err sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = fsync(fd) == 0 ? OK : err_from_errno(errno);
    (void)close(fd);
    return err;
}

// mkdir -p of STATE and STATE/contracts: no more than these two may be missing.
static void folder_of(const char *path, char folder[FOLLOWED_PATH_SIZE])
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, FOLLOWED_PATH_SIZE, "%.*s", slash != NULL ? (int)(slash - path) : 1,
                   slash != NULL ? path : ".");
}

static void make_folder(const char *folder)
{
    char above[FOLLOWED_PATH_SIZE];
    folder_of(folder, above);
    (void)mkdir(above, 0750); // what is wrong shows when the file is made
    (void)mkdir(folder, 0750);
}

enum err followed_write(const char *path, struct bytes content)
{
    char folder[FOLLOWED_PATH_SIZE];
    char made[FOLLOWED_PATH_SIZE + 8];
    folder_of(path, folder);
    make_folder(folder);
    (void)snprintf(made, sizeof made, "%s.new", path);
    int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = write_all(fd, content);
    (void)close(fd);
    if (err == OK && rename(made, path) != 0) {
        err = err_from_errno(errno);
    }
    if (err != OK) {
        (void)unlink(made);
        return err;
    }
    return sync_folder(folder);
}

// ---- the note ----

static void put_hex(cJSON *root, const char *name, const uint8_t sum[DIGEST_SIZE])
{
    char text[HEX_SIZE];
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", sum[i]);
    }
    (void)cJSON_AddStringToObject(root, name, text);
}

static int digit(char letter)
{
    const char *digits = "0123456789abcdef";
    const char *at = letter != '\0' ? strchr(digits, letter) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static void get_hex(const cJSON *root, const char *name, uint8_t sum[DIGEST_SIZE])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));
    memset(sum, 0, DIGEST_SIZE);
    for (size_t i = 0; text != NULL && strlen(text) == 2 * DIGEST_SIZE && i < DIGEST_SIZE; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);
        sum[i] = (uint8_t)(high < 0 || low < 0 ? 0 : high << 4 | low);
    }
}

static void get_text(const cJSON *root, const char *name, char *out, size_t size)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static enum err keep(const struct followed *followed)
{
    cJSON *root = cJSON_CreateObject();
    put_hex(root, "sum", followed->sum);
    put_hex(root, "next_sum", followed->next_sum);
    put_hex(root, "refused", followed->refused);
    (void)cJSON_AddBoolToObject(root, "for_good", followed->for_good);
    (void)cJSON_AddNumberToObject(root, "tries", followed->tries);
    (void)cJSON_AddStringToObject(root, "newer", followed->newer);
    (void)cJSON_AddStringToObject(root, "why", followed->why);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    enum err err =
        text != NULL ? followed_write(followed->note_path, bytes_text(text)) : ERR_FAILED;
    cJSON_free(text);
    return err;
}

static void read_note(struct followed *followed)
{
    char *text = NULL;
    size_t size = 0;
    if (file_read(followed->note_path, NOTE_MAX, &text, &size) != OK) {
        return;
    }
    cJSON *root = cJSON_ParseWithLength(text, size);
    const cJSON *tries = cJSON_GetObjectItemCaseSensitive(root, "tries");
    free(text);
    get_hex(root, "sum", followed->sum);
    get_hex(root, "next_sum", followed->next_sum);
    get_hex(root, "refused", followed->refused);
    followed->for_good = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "for_good"));
    get_text(root, "newer", followed->newer, sizeof followed->newer);
    get_text(root, "why", followed->why, sizeof followed->why);
    bool counts = cJSON_IsNumber(tries) && tries->valuedouble >= 0 && tries->valuedouble <= 1000;
    followed->tries = counts ? (unsigned)tries->valuedouble : 0;
    cJSON_Delete(root);
}

// The file's sum, version and domain. False: it is not there, or is no contract.
static bool look(const char *path, uint8_t sum[DIGEST_SIZE], char version[FOLLOWED_VERSION_SIZE],
                 char domain[FOLLOWED_DOMAIN_SIZE])
{
    char *text = NULL;
    size_t size = 0;
    if (file_read(path, FOLLOWED_DOCUMENT_MAX, &text, &size) != OK) {
        return false;
    }
    digest_sha256(bytes_from(text, size), sum);
    cJSON *root = cJSON_ParseWithLength(text, size);
    free(text);
    get_text(root, "version", version, FOLLOWED_VERSION_SIZE);
    get_text(root, "domain", domain, FOLLOWED_DOMAIN_SIZE);
    cJSON_Delete(root);
    return version[0] != '\0';
}

static bool are_same(const uint8_t a[DIGEST_SIZE], const uint8_t b[DIGEST_SIZE])
{
    return memcmp(a, b, DIGEST_SIZE) == 0;
}

enum err followed_open(struct followed *followed, const char *state_dir, const char *id)
{
    uint8_t sum[DIGEST_SIZE];
    char hex[17];
    *followed = (struct followed){.tries = 0};
    digest_sha256(bytes_text(id), sum);
    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    }
    int size = snprintf(followed->next_path, sizeof followed->next_path,
                        "%s/contracts/%s.next.odcs.json", state_dir, hex);
    if (size < 0 || (size_t)size >= sizeof followed->next_path) {
        return ERR_LIMIT;
    }
    (void)snprintf(followed->path, sizeof followed->path, "%s/contracts/%s.odcs.json", state_dir,
                   hex);
    (void)snprintf(followed->note_path, sizeof followed->note_path, "%s/contracts/%s.json",
                   state_dir, hex);
    read_note(followed);
    bool is_there = look(followed->path, sum, followed->version, followed->domain);
    if (is_there && are_same(sum, followed->next_sum)) { // promoted, and cut before it was noted
        memcpy(followed->sum, sum, DIGEST_SIZE);
        memset(followed->next_sum, 0, DIGEST_SIZE);
        followed->tries = 0;
    }
    if (!is_there || !are_same(sum, followed->sum)) {
        followed->version[0] = '\0';
        followed->domain[0] = '\0';
    }
    char version[FOLLOWED_VERSION_SIZE], domain[FOLLOWED_DOMAIN_SIZE];
    if (followed->tries > 0 &&
        !(look(followed->next_path, sum, version, domain) && are_same(sum, followed->next_sum))) {
        followed->tries = 0; // it is not there whole: it is taken again
    }
    return OK;
}

// ---- steps ----

enum err followed_propose(struct followed *followed, struct bytes document)
{
    enum err err = followed_write(followed->next_path, document);
    if (err == OK) {
        digest_sha256(document, followed->next_sum);
        followed->tries = 1;
        err = keep(followed);
    }
    return err;
}

enum err followed_try(struct followed *followed)
{
    followed->tries++;
    return keep(followed);
}

enum err followed_promote(struct followed *followed)
{
    uint8_t sum[DIGEST_SIZE];
    if (rename(followed->next_path, followed->path) != 0) {
        return err_from_errno(errno);
    }
    (void)look(followed->path, sum, followed->version, followed->domain);
    memcpy(followed->sum, followed->next_sum, DIGEST_SIZE);
    memset(followed->next_sum, 0, DIGEST_SIZE);
    followed->tries = 0;
    followed->newer[0] = '\0';
    followed->why[0] = '\0';
    return keep(followed);
}

enum err followed_refuse(struct followed *followed, const char *version, const char *why,
                         enum followed_until until)
{
    if (until != FOLLOWED_UNTIL_SEEN) {
        memcpy(followed->refused, followed->next_sum, DIGEST_SIZE);
        followed->for_good = until == FOLLOWED_FOR_GOOD;
    }
    (void)unlink(followed->next_path);
    memset(followed->next_sum, 0, DIGEST_SIZE);
    followed->tries = 0;
    (void)snprintf(followed->newer, sizeof followed->newer, "%s", version);
    (void)snprintf(followed->why, sizeof followed->why, "%s", why);
    return keep(followed);
}

enum err followed_forgive(struct followed *followed)
{
    static const uint8_t none[DIGEST_SIZE];
    if (followed->for_good || are_same(followed->refused, none)) {
        return OK;
    }
    memset(followed->refused, 0, DIGEST_SIZE);
    return keep(followed);
}

enum err followed_refresh(struct followed *followed, struct bytes document)
{
    // The note first names both: a cut between the two leaves one that it knows.
    digest_sha256(document, followed->next_sum);
    enum err err = keep(followed);
    if (err == OK) {
        err = followed_write(followed->path, document);
    }
    if (err == OK) {
        memcpy(followed->sum, followed->next_sum, DIGEST_SIZE);
        memset(followed->next_sum, 0, DIGEST_SIZE);
        err = keep(followed);
    }
    return err;
}
