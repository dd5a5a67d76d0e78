// Addresses that an input listens on, and their sockets: udp://HOST:PORT, tcp://HOST:PORT,
// unix:///PATH (a stream) and unixgram:///PATH. HOST is a numeric address, "localhost" or "*";
// IPv6 stands in brackets. No name is looked up, so nothing here waits.
#ifndef WEIR_PORTS_INPUT_LISTEN_H
#define WEIR_PORTS_INPUT_LISTEN_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { LISTEN_PEER_SIZE = 64 };

struct listen_address {
    const char *text; // as given; borrowed
    bool stream;
    bool local;       // a Unix socket: `path` is its file
    const char *path; // borrowed from text
    struct sockaddr_storage address;
    socklen_t size;
};

// Read an address. False: it is none; `*wanted` says what would do.
bool listen_parse(struct listen_address *address, const char *text, const char **wanted);

// A bound socket (listening, for a stream) that does not block; -1 and errno. A Unix socket that
// nobody listens on any more is replaced; its file gets the mode 0660.
int listen_open(const struct listen_address *address);
void listen_close(const struct listen_address *address, int fd);

// Why listen_open did not work, and what would do.
const char *listen_sentence(const struct listen_address *address, int number);

// The name of who sits at the other end, "10.0.0.7:50123", "pid 812", into `out`.
void listen_peer(int fd, const struct sockaddr_storage *from, char out[LISTEN_PEER_SIZE]);

#endif
