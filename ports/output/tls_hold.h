// Hold a connect: how librdkafka, which believes to connect a TCP socket, is made to wait until TLS
// stands.
//
//     librdkafka ── its socket ═══ inner ── pump ── broker
//
// A socketpair is connected from the first moment, and librdkafka takes a socket that can be
// written for one that is connected. So its send buffer is filled to the brim before it sees it,
// and emptied when TLS is up. Until then librdkafka stays in CONNECT and ends the attempt by
// itself after socket.connection.setup.timeout.ms. Closing `inner` with the filler unread makes
// the attempt a failed connect (ECONNRESET). Both rest on Linux: a stream socket of AF_UNIX is
// writable while at most a quarter of its send buffer is used (unix_writable), and closing an end
// with bytes unread resets the other (unix_release_sock). tls_hold_test watches them.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_HOLD_H
#define WEIR_PORTS_OUTPUT_TLS_HOLD_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>

// Make `socket` (any socket, connected to nothing) one end of a pair, held, and give the other as
// `*inner`, with the count of filler bytes. Both ends do not block. ERR_FAILED: errno says why,
// and `socket` is as it was.
enum err tls_hold_begin(int socket, int *inner, size_t *held);

// Throw filler away until `*held` is 0. False: the other end is gone.
bool tls_hold_end(int inner, size_t *held);

#endif
