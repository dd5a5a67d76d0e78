#include "ports/discovery/registry.h"

#include "agent/file.h"
#include "agent/json_text.h"
#include "ports/discovery/registry_http.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_MAX = 2 * 256 * 1024 + 1024, // a schema as a JSON string; they have few marks to escape
    PATH_SIZE = 1100,                 // a subject, each byte escaped
    USER_SIZE = 512,
    PASSWORD_MAX = 256,
    REGISTRY_CODES = 10000, // its own codes are above, 40401 and so on; those below are a server's
    HTTP_OK_END = 300,
};

struct registry {
    struct http *http;
    char *body; // BODY_MAX
};

bool registry_place_of(const struct option_set *options, struct registry_place *place)
{
    *place = (struct registry_place){
        .url = option_text(options, "url"),
        .ca = option_text(options, "tls.ca"),
        .certificate = option_text(options, "tls.cert"),
        .key = option_text(options, "tls.key"),
        .username = option_text(options, "username"),
        .password_file = option_text(options, "password file"),
    };
    return place->url != NULL;
}

// "NAME:PASSWORD", the first line of the file.
static enum err read_user(const struct registry_place *place, char out[USER_SIZE],
                          char why[REGISTRY_SENTENCE_SIZE])
{
    char *text = NULL;
    size_t size = 0;
    enum err err = file_read(place->password_file, PASSWORD_MAX, &text, &size);
    if (err != OK) {
        char reason[128];
        file_explain(err, PASSWORD_MAX, reason, sizeof reason);
        (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "registry.password file: %.100s %s",
                       place->password_file, reason);
        return ERR_INVALID;
    }
    int used =
        snprintf(out, USER_SIZE, "%s:%.*s", place->username, (int)strcspn(text, "\r\n"), text);
    explicit_bzero(text, size);
    free(text);
    if (used >= USER_SIZE) {
        (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "registry.username is too long");
        return ERR_INVALID;
    }
    return OK;
}

enum err registry_open(const struct registry_place *place, struct registry **registry,
                       char why[REGISTRY_SENTENCE_SIZE])
{
    char user[USER_SIZE];
    bool has_user = place->username != NULL && place->password_file != NULL;
    *registry = NULL;
    enum err err = has_user ? read_user(place, user, why) : OK;
    if (err != OK) {
        return err;
    }
    struct registry *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->body = malloc(BODY_MAX);
        made->http = http_open(place, has_user ? user : NULL);
    }
    explicit_bzero(user, sizeof user);
    if (made == NULL || made->body == NULL || made->http == NULL) {
        registry_close(made);
        (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "there is no memory for the registry's client");
        return ERR_FAILED;
    }
    *registry = made;
    return OK;
}

void registry_close(struct registry *registry)
{
    if (registry == NULL) {
        return;
    }
    http_close(registry->http);
    free(registry->body);
    free(registry);
}

// ---- a question ----

// `before`, the subject, `after`.
static enum err make_path(struct registry *registry, const char *before, const char *subject,
                          const char *after, char out[PATH_SIZE])
{
    char *escaped = http_escape(registry->http, subject);
    int used = escaped != NULL ? snprintf(out, PATH_SIZE, "%s%s%s", before, escaped, after) : -1;
    http_free(escaped);
    return used > 0 && used < PATH_SIZE ? OK : ERR_INVALID;
}

// {"schemaType":"AVRO","schema":"..."}. AVRO is what every registry takes where nothing is said;
// older ones know no other member.
static struct bytes schema_body(struct registry *registry, struct bytes schema)
{
    struct buffer body = buffer_over(registry->body, BODY_MAX);
    buffer_put_text(&body, "{\"schema\":");
    json_put_string(&body, schema);
    buffer_put_text(&body, "}");
    return body.overflow ? bytes_from(NULL, 0) : buffer_bytes(&body);
}

// What a status that is none of the good ones means; `why` tells.
static enum err judge_status(long status, struct bytes answer, char why[REGISTRY_SENTENCE_SIZE])
{
    int code;
    char words[REGISTRY_WORDS_SIZE];
    registry_answer_error(answer, &code, words);
    (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "the registry answers %ld%s%.180s", status,
                   words[0] != '\0' ? ": " : "", words);
    if (status == 401 || status == 403 || status == 407) {
        return ERR_DENIED;
    }
    if (status == 404) {
        return code >= REGISTRY_CODES ? ERR_NOT_FOUND : ERR_CORRUPT;
    }
    if (status == 409 || status == 422) {
        return ERR_INVALID;
    }
    return status == 429 || status >= 500 ? ERR_AGAIN : ERR_CORRUPT;
}

static enum err ask(struct registry *registry, const char *method, const char *path,
                    struct bytes body, struct bytes *answer, char why[REGISTRY_SENTENCE_SIZE])
{
    long status;
    enum err err = http_ask(registry->http, method, path, body, &status, answer, why);
    if (err == OK && (status < 200 || status >= HTTP_OK_END)) {
        err = judge_status(status, *answer, why);
    }
    return err == ERR_LIMIT ? ERR_CORRUPT : err;
}

static enum err not_understood(char why[REGISTRY_SENTENCE_SIZE])
{
    (void)snprintf(
        why, REGISTRY_SENTENCE_SIZE,
        "what answers there is no schema registry; is registry.url right, its path too?");
    return ERR_CORRUPT;
}

static enum err ask_schema(struct registry *registry, const char *after, const char *subject,
                           struct bytes schema, struct registry_schema *out,
                           char why[REGISTRY_SENTENCE_SIZE])
{
    char path[PATH_SIZE];
    struct bytes answer;
    struct bytes body = schema_body(registry, schema);
    if (body.size == 0 || make_path(registry, "/subjects/", subject, after, path) != OK) {
        (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "the schema of %.120s is too large", subject);
        return ERR_INVALID;
    }
    enum err err = ask(registry, "POST", path, body, &answer, why);
    if (err == OK && registry_answer_schema(answer, out) != OK) {
        err = not_understood(why);
    }
    return err;
}

enum err registry_find(struct registry *registry, const char *subject, struct bytes schema,
                       struct registry_schema *found, char why[REGISTRY_SENTENCE_SIZE])
{
    return ask_schema(registry, "", subject, schema, found, why);
}

enum err registry_register(struct registry *registry, const char *subject, struct bytes schema,
                           struct registry_schema *given, char why[REGISTRY_SENTENCE_SIZE])
{
    return ask_schema(registry, "/versions", subject, schema, given, why);
}

enum err registry_judge(struct registry *registry, const char *subject, struct bytes schema,
                        bool *fits, char why[REGISTRY_SENTENCE_SIZE])
{
    char path[PATH_SIZE], words[REGISTRY_WORDS_SIZE];
    struct bytes answer;
    struct bytes body = schema_body(registry, schema);
    *fits = false;
    if (body.size == 0 || make_path(registry, "/compatibility/subjects/", subject,
                                    "/versions?verbose=true", path) != OK) {
        return ERR_INVALID;
    }
    enum err err = ask(registry, "POST", path, body, &answer, why);
    if (err != OK) {
        return err;
    }
    if (registry_answer_verdict(answer, fits, words) != OK) {
        return not_understood(why);
    }
    (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "%.200s", words);
    return OK;
}

enum err registry_rule(struct registry *registry, const char *subject,
                       char rule[REGISTRY_RULE_SIZE], char why[REGISTRY_SENTENCE_SIZE])
{
    char path[PATH_SIZE];
    struct bytes answer;
    enum err err = make_path(registry, "/config/", subject, "", path);
    if (err == OK) {
        err = ask(registry, "GET", path, (struct bytes){0}, &answer, why);
    }
    if (err == OK && registry_answer_rule(answer, rule) != OK) {
        err = not_understood(why);
    }
    return err;
}

enum err registry_set_rule(struct registry *registry, const char *subject, const char *rule,
                           char why[REGISTRY_SENTENCE_SIZE])
{
    char path[PATH_SIZE], body[64];
    struct bytes answer;
    enum err err = make_path(registry, "/config/", subject, "", path);
    int size =
        snprintf(body, sizeof body, "{\"compatibility\":\"%.*s\"}", REGISTRY_RULE_SIZE, rule);
    return err == OK ? ask(registry, "PUT", path, bytes_from(body, (size_t)size), &answer, why)
                     : err;
}
