// In the place of registry_http.c in a build without libcurl.
#include "ports/discovery/registry_http.h"

#include <stdio.h>
#include <stdlib.h>

struct http {
    char nothing;
};

struct http *http_open(const struct registry_place *place, const char *user)
{
    (void)place;
    (void)user;
    return calloc(1, sizeof(struct http));
}

void http_close(struct http *http)
{
    free(http);
}

char *http_escape(struct http *http, const char *text)
{
    (void)http;
    return strdup(text);
}

void http_free(char *text)
{
    free(text);
}

enum err http_ask(struct http *http, const char *method, const char *path, struct bytes body,
                  long *status, struct bytes *answer, char why[REGISTRY_SENTENCE_SIZE])
{
    (void)http;
    (void)method;
    (void)path;
    (void)body;
    *status = 0;
    *answer = (struct bytes){0};
    (void)snprintf(why, REGISTRY_SENTENCE_SIZE,
                   "this build speaks to no schema registry (REGISTRY=OFF); give the contract's "
                   "entry the property weir.schemaId");
    return ERR_INVALID;
}
