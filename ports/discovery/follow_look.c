#include "ports/discovery/follow.h"

#include "agent/contract_document.h"
#include "agent/dsse.h"
#include "agent/file.h"
#include "agent/log.h"
#include "agent/product_document.h"

#include <assert.h>
#include <stdlib.h>

enum { PLACES_MAX = 64 * 1024, CLUSTER_SIZE = 64 };

struct candidate {
    char version[FOLLOWED_VERSION_SIZE];
    struct bytes document; // owned
    char domain[FOLLOWED_DOMAIN_SIZE];
    unsigned share; // of the gateways
};

// What was seen of one contract.
struct seen {
    const struct follow_settings *follow;
    struct followed *kept;
    uint32_t count;
    struct candidate candidates[FOLLOW_CANDIDATES_MAX]; // the highest version first
    struct bytes refreshed;            // what is run, with other marks; owned; empty: as it is
    char newer[FOLLOWED_VERSION_SIZE]; // the highest that cannot be taken
    char why[FOLLOWED_WHY_SIZE];
    bool gone; // what was noted as newer is
};

struct looking {
    const struct follow_look *look;
    struct dsse_trust *trust;
    uint32_t count;
    struct seen seen[SETTINGS_FOLLOWS_MAX];
    char cluster[CLUSTER_SIZE];
    int64_t next[KAFKA_READER_PARTITIONS_MAX];
};

// ---- where the last look ended ----

static bool places_path(const struct settings *settings, char path[FOLLOWED_PATH_SIZE])
{
    int size = snprintf(path, FOLLOWED_PATH_SIZE, "%s/contracts/places.json", settings->state_dir);
    return size > 0 && size < FOLLOWED_PATH_SIZE;
}

static void read_places(struct looking *looking)
{
    char path[FOLLOWED_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    if (looking->look->anew || !places_path(looking->look->settings, path) ||
        file_read(path, PLACES_MAX, &text, &size) != OK) {
        return;
    }
    cJSON *root = cJSON_ParseWithLength(text, size);
    free(text);
    const char *cluster = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "cluster"));
    const cJSON *place;
    uint32_t count = 0;
    if (cluster != NULL && strcmp(cluster, looking->cluster) == 0) {
        cJSON_ArrayForEach(place, cJSON_GetObjectItemCaseSensitive(root, "next"))
        {
            bool fits = count < KAFKA_READER_PARTITIONS_MAX && cJSON_IsNumber(place) &&
                        place->valuedouble >= 0 && place->valuedouble < 9e15;
            if (fits) {
                looking->next[count++] = (int64_t)place->valuedouble;
            }
        }
    }
    cJSON_Delete(root);
}

static enum err write_places(const struct looking *looking, uint32_t partitions)
{
    char path[FOLLOWED_PATH_SIZE];
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "cluster", looking->cluster);
    cJSON *next = cJSON_AddArrayToObject(root, "next");
    for (uint32_t i = 0; i < partitions; i++) {
        (void)cJSON_AddItemToArray(next, cJSON_CreateNumber((double)looking->next[i]));
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    enum err err = text != NULL && places_path(looking->look->settings, path)
                       ? followed_write(path, bytes_text(text))
                       : ERR_FAILED;
    cJSON_free(text);
    return err;
}

// ---- one record ----

#define note(seen, version, ...) note(seen, version, __VA_ARGS__)

static void note(struct seen *seen, const char *version, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void note(struct seen *seen, const char *version, const char *format, ...)
{
    if (seen->newer[0] != '\0' && version_compare(version, seen->newer) < 0) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(seen->newer, sizeof seen->newer, "%s", version);
    (void)vsnprintf(seen->why, sizeof seen->why, format, arguments);
    va_end(arguments);
}

static const char *text_of(const cJSON *root, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));
    return text != NULL ? text : "";
}

static struct bytes copy_bytes(struct bytes from)
{
    uint8_t *at = malloc(from.size + 1);
    if (at == NULL) {
        return bytes_from(NULL, 0);
    }
    memcpy(at, from.at, from.size);
    at[from.size] = 0;
    return bytes_from(at, from.size);
}

static void drop_bytes(struct bytes *bytes)
{
    free((void *)(uintptr_t)bytes->at);
    *bytes = bytes_from(NULL, 0);
}

static void drop_version(struct seen *seen, const char *version)
{
    for (uint32_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->candidates[i].version, version) == 0) {
            drop_bytes(&seen->candidates[i].document);
            memmove(&seen->candidates[i], &seen->candidates[i + 1],
                    (seen->count - i - 1) * sizeof seen->candidates[0]);
            seen->count--;
            return;
        }
    }
}

// Keep it in its place; the lowest goes where there are too many.
static void keep_candidate(struct seen *seen, const struct candidate *candidate)
{
    uint32_t at = 0;
    drop_version(seen, candidate->version);
    while (at < seen->count &&
           version_compare(seen->candidates[at].version, candidate->version) > 0) {
        at++;
    }
    if (at == FOLLOW_CANDIDATES_MAX) {
        return;
    }
    if (seen->count == FOLLOW_CANDIDATES_MAX) {
        drop_bytes(&seen->candidates[--seen->count].document);
    }
    memmove(&seen->candidates[at + 1], &seen->candidates[at],
            (seen->count - at) * sizeof seen->candidates[0]);
    seen->candidates[at] = *candidate;
    seen->candidates[at].document = copy_bytes(candidate->document);
    seen->count++;
    if (seen->candidates[at].document.at == NULL) {
        drop_version(seen, candidate->version);
    }
}

static bool is_sum_of(const uint8_t sum[DIGEST_SIZE], struct bytes bytes)
{
    uint8_t other[DIGEST_SIZE];
    digest_sha256(bytes, other);
    return memcmp(sum, other, DIGEST_SIZE) == 0;
}

// A good record of the version that is run: the same content, perhaps under other marks.
static void take_same(struct seen *seen, const struct candidate *candidate)
{
    uint8_t ours[DIGEST_SIZE], theirs[DIGEST_SIZE];
    char *text = NULL;
    size_t size = 0;
    bool is_ours = is_sum_of(seen->kept->sum, candidate->document);
    seen->gone = seen->gone || (is_ours && strcmp(seen->kept->newer, candidate->version) == 0);
    if (is_ours || file_read(seen->kept->path, FOLLOWED_DOCUMENT_MAX, &text, &size) != OK) {
        return;
    }
    bool is_same = contract_content_digest(bytes_from(text, size), ours) == OK &&
                   contract_content_digest(candidate->document, theirs) == OK &&
                   memcmp(ours, theirs, DIGEST_SIZE) == 0;
    free(text);
    if (is_same) {
        seen->gone = seen->gone || strcmp(seen->kept->newer, candidate->version) == 0;
        drop_bytes(&seen->refreshed);
        seen->refreshed = copy_bytes(candidate->document);
    } else {
        note(seen, candidate->version,
             "is published with other content than the version %s that is run; the owner gives a "
             "changed contract a new version",
             candidate->version);
    }
}

// Is the document what its key says, and its domain's? Else it is noted.
static bool check_document(const struct looking *looking, struct seen *seen,
                           struct candidate *candidate, const cJSON *root, struct bytes signature)
{
    const char *version = candidate->version;
    const char *domain = seen->follow->domain != NULL ? seen->follow->domain : seen->kept->domain;
    struct dsse_verdict verdict;
    if (strcmp(text_of(root, "id"), seen->follow->id) != 0 ||
        strcmp(text_of(root, "version"), version) != 0) {
        note(seen, version, "the record of this key is no contract of that id and version");
        return false;
    }
    (void)snprintf(candidate->domain, sizeof candidate->domain, "%s", text_of(root, "domain"));
    if (domain[0] != '\0' && strcmp(domain, candidate->domain) != 0) {
        note(seen, version, "it is of the domain %.60s, not of %.60s", candidate->domain, domain);
        return false;
    }
    dsse_check(looking->trust, signature, CONTRACT_TYPE, candidate->document, candidate->domain,
               &verdict);
    if (verdict.state != DSSE_TRUSTED) {
        note(seen, version, "%s", verdict.sentence);
        return false;
    }
    static const char *const held_back[] = {"draft", "proposed", "retired"};
    for (size_t i = 0; i < sizeof held_back / sizeof *held_back; i++) {
        if (strcmp(text_of(root, "status"), held_back[i]) == 0) {
            note(seen, version, "its status is %s", held_back[i]);
            return false;
        }
    }
    candidate->share = contract_document_share(root);
    return true;
}

static void take_document(const struct looking *looking, struct seen *seen, const char *version,
                          struct bytes document, struct bytes signature)
{
    const struct followed *kept = seen->kept;
    int order = kept->version[0] != '\0' ? version_compare(version, kept->version) : 1;
    struct candidate candidate = {.document = document};
    (void)snprintf(candidate.version, sizeof candidate.version, "%s", version);
    if (order < 0 || document.size > FOLLOWED_DOCUMENT_MAX || is_sum_of(kept->refused, document)) {
        return;
    }
    cJSON *root = cJSON_ParseWithLength((const char *)document.at, document.size);
    bool good = check_document(looking, seen, &candidate, root, signature);
    cJSON_Delete(root);
    if (good && order > 0) {
        keep_candidate(seen, &candidate);
    } else if (good) {
        take_same(seen, &candidate);
    }
}

// The version in the key "ID/VERSION"; false: the record is of another contract.
static bool version_of(const struct seen *seen, const rd_kafka_message_t *message,
                       char version[FOLLOWED_VERSION_SIZE])
{
    size_t id = strlen(seen->follow->id);
    const char *key = message->key;
    if (message->key_len <= id + 1 || message->key_len - id - 1 >= FOLLOWED_VERSION_SIZE ||
        memcmp(key, seen->follow->id, id) != 0 || key[id] != '/') {
        return false;
    }
    (void)snprintf(version, FOLLOWED_VERSION_SIZE, "%.*s", (int)(message->key_len - id - 1),
                   key + id + 1);
    return track_has(&seen->follow->track, version);
}

static enum err take_record(void *taker, const rd_kafka_message_t *message)
{
    struct looking *looking = taker;
    char version[FOLLOWED_VERSION_SIZE];
    for (uint32_t i = 0; i < looking->count; i++) {
        struct seen *seen = &looking->seen[i];
        if (!version_of(seen, message, version)) {
            continue;
        }
        if (message->payload != NULL) {
            take_document(looking, seen, version, bytes_from(message->payload, message->len),
                          kafka_reader_header(message, DSSE_HEADER));
            continue;
        }
        drop_version(seen, version);
        if (strcmp(seen->newer, version) == 0) {
            seen->newer[0] = '\0';
        }
        seen->gone = seen->gone || strcmp(seen->kept->newer, version) == 0;
    }
    return OK;
}

// ---- what becomes of it ----

// The first error, without the name of our own file.
static void tell_problem(const struct problems *problems, const char *path, char *out, size_t size)
{
    unsigned i = 0;
    while (i + 1 < problems->count && problems->warnings[i]) {
        i++;
    }
    const char *line = problems->count > 0 ? problems->lines[i] : "it cannot be read";
    size_t front = strlen(path);
    if (strncmp(line, path, front) == 0) { // PATH:1: a document stands on one line
        line = strncmp(line + front, ":1: ", 4) == 0 ? line + front + 4 : line + front + 2;
    }
    (void)snprintf(out, size, "%.250s", line);
}

static bool moves_topic(const struct settings *ours, const struct settings *tried, int product,
                        char why[FOLLOWED_WHY_SIZE])
{
    if (product < 0 || ours->product_count <= (uint32_t)product) {
        return false;
    }
    const char *before = ours->products[product].port->topic;
    const char *after = tried->products[product].port->topic;
    if (strcmp(before, after) == 0) {
        return false;
    }
    (void)snprintf(why, FOLLOWED_WHY_SIZE,
                   "it moves the port from %.80s to %.80s; a new topic is a new track", before,
                   after);
    return true;
}

// The settings with what is proposed, as weir check would judge them.
static bool fits_settings(const struct looking *looking, const struct seen *seen,
                          char why[FOLLOWED_WHY_SIZE])
{
    const struct settings *settings = looking->look->settings;
    struct problems problems = {.count = 0};
    struct settings *tried = settings_read(settings->file, &problems);
    bool fits = tried != NULL && !moves_topic(settings, tried, seen->follow->product, why);
    if (tried == NULL) {
        tell_problem(&problems, seen->kept->next_path, why, FOLLOWED_WHY_SIZE);
    }
    settings_free(tried);
    problems_free(&problems);
    return fits;
}

// The contract by itself, and whether this gateway is among those that take it.
static bool is_for_us(const struct looking *looking, const struct seen *seen,
                      const struct candidate *candidate, char why[FOLLOWED_WHY_SIZE])
{
    const struct settings *settings = looking->look->settings;
    const char *path = seen->kept->next_path;
    struct problems problems = {.count = 0};
    char node[UUID_TEXT_SIZE + 66];
    struct contract *contract = contract_parse(path, candidate->document, &problems);
    bool good = contract != NULL;
    if (!good) {
        tell_problem(&problems, path, why, FOLLOWED_WHY_SIZE);
    } else if (strcmp(contract->product, contract->stem) == 0) {
        good = false;
        (void)snprintf(why, FOLLOWED_WHY_SIZE, "it names no dataProduct");
    } else if (contract_identify(contract, option_text(&settings->general, "tenant")) != OK) {
        good = false;
        (void)snprintf(why, FOLLOWED_WHY_SIZE, "it is of the tenant %.80s, not of this gateway's",
                       contract->tenant);
    } else {
        (void)snprintf(node, sizeof node, "%s/%s", contract->product_id, settings->gateway);
        good = canary_has(candidate->share, node);
        (void)snprintf(why, FOLLOWED_WHY_SIZE,
                       "it is tried by %g %% of the gateways, and this one is not among them",
                       candidate->share / 100.0);
    }
    contract_free(contract);
    problems_free(&problems);
    return good;
}

// Try the candidates, the highest first. OK where the disk takes it.
static enum err choose(const struct looking *looking, struct seen *seen)
{
    char why[FOLLOWED_WHY_SIZE];
    bool is_first = seen->kept->version[0] == '\0';
    for (uint32_t i = 0; i < seen->count; i++) {
        const struct candidate *candidate = &seen->candidates[i];
        if (!is_for_us(looking, seen, candidate, why)) {
            note(seen, candidate->version, "%s", why);
            continue;
        }
        enum err err = followed_propose(seen->kept, candidate->document);
        if (err == OK && is_first) {
            return followed_promote(seen->kept);
        }
        if (err != OK || fits_settings(looking, seen, why)) {
            return err;
        }
        note(seen, candidate->version, "%s", why);
        err = followed_refuse(seen->kept, seen->newer, seen->why, FOLLOWED_UNTIL_SEEN);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

// Whose is a contract that was never taken, where nobody says it?
static void check_one_domain(struct seen *seen)
{
    if (seen->follow->domain != NULL || seen->kept->domain[0] != '\0') {
        return;
    }
    for (uint32_t i = 1; i < seen->count; i++) {
        const struct candidate *first = &seen->candidates[0], *other = &seen->candidates[i];
        if (strcmp(first->domain, other->domain) != 0) {
            note(seen, first->version,
                 "the domains %.60s and %.60s both claim it; say whose it is: contract: {domain: "
                 "..}",
                 first->domain, other->domain);
            while (seen->count > 0) {
                drop_bytes(&seen->candidates[--seen->count].document);
            }
        }
    }
}

static enum err settle(const struct looking *looking, struct seen *seen)
{
    struct followed *kept = seen->kept;
    const struct followed before = *kept;
    enum err err = seen->refreshed.at != NULL ? followed_refresh(kept, seen->refreshed) : OK;
    check_one_domain(seen);
    if (err == OK && seen->count > 0) {
        err = choose(looking, seen);
    }
    bool is_newer = seen->newer[0] != '\0' && kept->tries == 0 &&
                    (kept->version[0] == '\0' || version_compare(seen->newer, kept->version) >= 0);
    bool is_told = strcmp(seen->newer, before.newer) == 0 && strcmp(seen->why, before.why) == 0;
    if (err == OK && is_newer && !is_told) {
        log_warn("contract.refused", "id=%s version=%s running=%s: %s", seen->follow->id,
                 seen->newer, kept->version[0] != '\0' ? kept->version : "none", seen->why);
        err = followed_refuse(kept, seen->newer, seen->why, FOLLOWED_UNTIL_SEEN);
    } else if (err == OK && !is_newer && seen->gone && kept->tries == 0) {
        err = followed_refuse(kept, "", "", FOLLOWED_UNTIL_SEEN);
    }
    return err;
}

// ---- the whole ----

static enum err read_topic(struct looking *looking, char why[KAFKA_SENTENCE_SIZE])
{
    const struct settings *settings = looking->look->settings;
    struct kafka_client client = kafka_client_of(&settings->kafka, settings->gateway);
    struct kafka_reader *reader;
    struct kafka_reader_told told;
    const struct kafka_reader_range range = {
        .from_ms = INT64_MIN, .to_ms = INT64_MAX, .next = looking->next};
    enum err err = kafka_reader_open(&client, &reader, why);
    if (err != OK) {
        return err;
    }
    kafka_reader_cluster(reader, looking->cluster, sizeof looking->cluster);
    read_places(looking);
    int64_t before = 0, after = 0;
    for (uint32_t i = 0; i < KAFKA_READER_PARTITIONS_MAX; i++) {
        before += looking->next[i];
    }
    err = kafka_reader_read(reader, CONTRACTS_TOPIC, &range, looking->look->wait_ms, take_record,
                            looking, &told, why);
    kafka_reader_close(reader);
    for (uint32_t i = 0; err == OK && i < looking->count; i++) {
        err = settle(looking, &looking->seen[i]);
        if (err != OK) {
            (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%.200s cannot be written: %s",
                           looking->seen[i].kept->note_path, err_name(err));
        }
    }
    for (uint32_t i = 0; i < KAFKA_READER_PARTITIONS_MAX; i++) {
        after += looking->next[i];
    }
    if (err == OK && before != after) {
        err = write_places(looking, told.partitions);
    }
    return err;
}

enum err follow_look(const struct follow_look *look, char why[KAFKA_SENTENCE_SIZE])
{
    const char *trust = option_text(&look->settings->general, "trust");
    struct looking *looking = calloc(1, sizeof *looking);
    enum err err = looking != NULL && trust != NULL ? OK : ERR_FAILED;
    (void)snprintf(why, KAFKA_SENTENCE_SIZE, "no memory");
    if (err == OK) {
        looking->look = look;
        looking->count = look->settings->follow_count;
        for (uint32_t i = 0; i < looking->count; i++) {
            looking->seen[i].follow = &look->settings->follows[i];
            looking->seen[i].kept = &look->kept[i];
        }
        err = dsse_trust_open(trust, &looking->trust, why);
    }
    if (err == OK) {
        err = read_topic(looking, why);
        dsse_trust_close(looking->trust);
    }
    for (uint32_t i = 0; looking != NULL && i < looking->count; i++) {
        struct seen *seen = &looking->seen[i];
        drop_bytes(&seen->refreshed);
        while (seen->count > 0) {
            drop_bytes(&seen->candidates[--seen->count].document);
        }
    }
    free(looking);
    return err;
}
