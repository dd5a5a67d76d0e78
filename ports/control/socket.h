// The local control socket: a Unix stream socket on which the agent answers one request line with
// one JSON document and closes. Both ends.
//
//     status\n                            -> the document of status_json.h
//     anything else                       -> {"error": "..."}
//
// Floor: edges.
#ifndef WEIR_PORTS_CONTROL_SOCKET_H
#define WEIR_PORTS_CONTROL_SOCKET_H

#include "agent/bytes.h"
#include "agent/err.h"

enum { CONTROL_REQUEST_MAX = 64 }; // bytes of a request line

// Listen at `path`, readable and writable by owner and group only; what a dead agent left there is
// replaced. ERR_LIMIT: the path is longer than a socket's may be. ERR_BUSY: another agent answers
// there. ERR_INVALID: something that is no socket lies there; it is not touched. Else the err of
// the system. `*fd` is non-blocking.
enum err control_listen(const char *path, int *fd);

// Ask the agent at `path`; wait at most `wait_ms` for its whole answer, which the caller frees.
// ERR_NOT_FOUND: no agent answers there. ERR_DENIED: no right to ask. ERR_AGAIN: not in time.
// ERR_CORRUPT: it broke off, or answered beyond 1 MiB.
enum err control_ask(const char *path, const char *request, int wait_ms, char **answer);

#endif
