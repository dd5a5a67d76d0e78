// One connection of the pump: plaintext on the inner socket, where librdkafka is, TLS on the outer
// one, where the broker is.
//
//     CONNECTING ──TCP stands──▶ HANDSHAKING ──certificate checked──▶ OPEN
//         └───────────────────────────┴───── fault on the board ──────┴──▶ dead
//
// C1  What was read from one side and not yet taken by the other is bounded: one TLS record
//     outward (mbedTLS holds it, encrypted), `inbound` inward.
// C2  Before OPEN the inner socket holds filler (tls_hold.h) and nothing else is read from it.
// C3  A fault is on the board before the inner socket is closed, so that whoever sees the one
//     finds the other.
//
// The pump's thread only.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_CONNECTION_H
#define WEIR_PORTS_OUTPUT_TLS_CONNECTION_H

#include "ports/output/tls_account.h"

#include <sys/socket.h>

enum {
    TLS_RECORD_SIZE = 16384, // plaintext of one record (RFC 8446, 5.1)
    TLS_INBOUND_SIZE = 4096,
};

// What the mailbox carries, by one write.
struct tls_request {
    struct tls_account *account; // NULL: the pump is to end
    int inner;                   // owned by whoever holds the request
    size_t held;                 // filler bytes in it
    socklen_t address_size;
    struct sockaddr_storage address;
    char name[TLS_NAME_SIZE]; // "host:port"
};

// One of a connection's two sockets, as epoll knows it.
struct tls_end {
    struct tls_connection *owner;
    int socket;       // -1: none
    uint32_t watched; // what epoll was asked for; UINT32_MAX: not watched
    uint32_t events;  // what it said last
};

struct tls_connection {
    struct tls_connection *next; // the pump's list
    struct tls_board *board;
    int epoll;
    struct tls_account *account;
    struct tls_credentials *credentials;
    struct tls_end inner, outer;
    size_t held;
    enum tls_stage stage;
    bool dead;
    bool hungry;        // there is more to do without any event
    bool wants_write;   // where the handshake stands still: for room, else for bytes
    bool send_broken;   // the broker takes nothing more; it may still have said why
    size_t record_size; // the largest record
    size_t writing;     // plaintext bytes of the record that mbedTLS could not send whole
    size_t inbound_at, inbound_end;
    struct tls_peer peer;
    struct tls_verdict verdict;
    mbedtls_ssl_context ssl;
    char name[TLS_NAME_SIZE];
    uint8_t inbound[TLS_INBOUND_SIZE];
};

// Begin to connect. NULL: it failed at once; the fault is on the board and `inner` closed.
struct tls_connection *tls_connection_open(const struct tls_request *request,
                                           struct tls_board *board, int epoll);

// Do all that can be done now. `scratch` has TLS_RECORD_SIZE bytes. Afterwards it may be dead:
// then it is to be closed.
void tls_connection_step(struct tls_connection *connection, uint8_t *scratch);
void tls_connection_close(struct tls_connection *connection);

#endif
