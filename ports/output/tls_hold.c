#include "ports/output/tls_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUFFER_BYTES = 32768, // asked for; the kernel doubles it for what it spends beside the bytes
    FILLER_BYTES = 4096,
    FILLERS_MAX = 1024, // far above what such a buffer takes
};

static const char filler[FILLER_BYTES];

static bool fill(int socket, size_t *held)
{
    *held = 0;
    for (int i = 0; i < FILLERS_MAX; i++) {
        ssize_t sent = send(socket, filler, sizeof filler, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN;
        }
        *held += (size_t)sent;
    }
    return false;
}

enum err tls_hold_begin(int socket, int *inner, size_t *held)
{
    int ends[2];
    int size = BUFFER_BYTES;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return ERR_FAILED;
    }
    bool done = setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 &&
                setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 &&
                fill(ends[0], held) && dup3(ends[0], socket, O_CLOEXEC) == socket;
    int number = errno;
    (void)close(ends[0]);
    if (!done) {
        (void)close(ends[1]);
        errno = number;
        return ERR_FAILED;
    }
    *inner = ends[1];
    return OK;
}

bool tls_hold_end(int inner, size_t *held)
{
    char away[FILLER_BYTES];
    while (*held > 0) { // each turn takes some, or ends it
        ssize_t got = recv(inner, away, *held < sizeof away ? *held : sizeof away, MSG_DONTWAIT);
        if (got <= 0) {
            return false;
        }
        *held -= (size_t)got;
    }
    return true;
}
