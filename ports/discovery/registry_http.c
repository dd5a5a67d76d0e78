#include "ports/discovery/registry_http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONNECT_MS = 10000, ANSWER_MS = 30000, URL_SIZE = 2048 };

struct http {
    CURL *curl;
    struct curl_slist *headers;
    struct registry_place place;
    char said[CURL_ERROR_SIZE];
    struct buffer answer;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take(char *at, size_t one, size_t count, void *context)
{
    struct http *http = context;
    buffer_put(&http->answer, at, one * count);
    return http->answer.overflow ? 0 : one * count; // 0 ends it
}

static int is_cancelled(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct http *http = context;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return http->place.cancel != NULL && atomic_load(http->place.cancel);
}

static void set_place(struct http *http, const char *user)
{
    const struct registry_place *place = &http->place;
    CURL *curl = http->curl;
    if (place->ca != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, place->ca);
    }
    if (place->certificate != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_SSLCERT, place->certificate);
        (void)curl_easy_setopt(curl, CURLOPT_SSLKEY, place->key);
    }
    if (user != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(curl, CURLOPT_USERPWD, user);
    }
}

// No signals (we are a thread), no redirects (they could lead a password elsewhere), HTTP only.
static void set_manners(struct http *http)
{
    CURL *curl = http->curl;
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->said);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_cancelled);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
}

static bool add_header(struct http *http, const char *line)
{
    struct curl_slist *longer = curl_slist_append(http->headers, line);
    http->headers = longer != NULL ? longer : http->headers;
    return longer != NULL;
}

struct http *http_open(const struct registry_place *place, const char *user)
{
    (void)pthread_once(&once, begin);
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return NULL;
    }
    http->place = *place;
    http->curl = curl_easy_init();
    http->answer = buffer_over(malloc(REGISTRY_ANSWER_MAX), REGISTRY_ANSWER_MAX);
    bool good = http->curl != NULL && http->answer.at != NULL &&
                add_header(http, "Accept: application/vnd.schemaregistry.v1+json, "
                                 "application/json") &&
                add_header(http, "Content-Type: application/vnd.schemaregistry.v1+json") &&
                add_header(http, "Expect:");
    if (!good) {
        http_close(http);
        return NULL;
    }
    set_place(http, user);
    set_manners(http);
    return http;
}

void http_close(struct http *http)
{
    if (http == NULL) {
        return;
    }
    curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->headers);
    free(http->answer.at);
    free(http);
}

char *http_escape(struct http *http, const char *text)
{
    return curl_easy_escape(http->curl, text, 0);
}

void http_free(char *text)
{
    curl_free(text);
}

// The place's URL with `path` behind it; a slash at its end is one too many.
static bool join_url(const struct http *http, const char *path, char out[URL_SIZE])
{
    size_t size = strlen(http->place.url);
    while (size > 0 && http->place.url[size - 1] == '/') {
        size--;
    }
    int used = snprintf(out, URL_SIZE, "%.*s%s", (int)size, http->place.url, path);
    return used > 0 && used < URL_SIZE;
}

enum err http_ask(struct http *http, const char *method, const char *path, struct bytes body,
                  long *status, struct bytes *answer, char why[REGISTRY_SENTENCE_SIZE])
{
    char url[URL_SIZE];
    if (!join_url(http, path, url)) {
        (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "the address %.100s... is too long", url);
        return ERR_INVALID;
    }
    CURL *curl = http->curl;
    http->answer.size = 0;
    http->answer.overflow = false;
    http->said[0] = '\0';
    *status = 0;
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (body.size > 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    CURLcode code = curl_easy_perform(curl);
    *answer = buffer_bytes(&http->answer);
    if (http->answer.overflow) {
        (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "%.120s answers with more than %d bytes", url,
                       REGISTRY_ANSWER_MAX);
        return ERR_LIMIT;
    }
    if (code != CURLE_OK) {
        (void)snprintf(why, REGISTRY_SENTENCE_SIZE, "%.120s: %.120s", http->place.url,
                       http->said[0] != '\0' ? http->said : curl_easy_strerror(code));
        return ERR_AGAIN;
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return OK;
}
