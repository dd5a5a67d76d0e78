// One question by HTTP and its answer, by libcurl; a part of registry.c, and a build without it
// (-DREGISTRY=OFF) has registry_none.c in its place.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_REGISTRY_HTTP_H
#define WEIR_PORTS_DISCOVERY_REGISTRY_HTTP_H

#include "ports/discovery/registry.h"

struct http;

// `user` is "NAME:PASSWORD" or NULL; copied. Texts of `place` are borrowed. NULL: no memory.
struct http *http_open(const struct registry_place *place, const char *user);
void http_close(struct http *http);

// What a subject's name becomes in a path; owned (http_free). NULL: no memory.
char *http_escape(struct http *http, const char *text);
void http_free(char *text);

// Ask `method` of `path` (begins with '/', behind the place's URL), `body` as JSON where it is not
// empty. OK: an answer came, whatever it says: `*status` and `*answer`, which is valid until the
// next. ERR_AGAIN: none came, and `why` tells. ERR_LIMIT: it is over REGISTRY_ANSWER_MAX.
enum err http_ask(struct http *http, const char *method, const char *path, struct bytes body,
                  long *status, struct bytes *answer, char why[REGISTRY_SENTENCE_SIZE]);

#endif
