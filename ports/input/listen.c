#include "ports/input/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 16,
    DATAGRAM_ROOM = 1 << 20, // asked of the kernel: what comes while records have no room
};

// ---- addresses ----

static bool take_prefix(const char **text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (strncmp(*text, prefix, size) != 0) {
        return false;
    }
    *text += size;
    return true;
}

static bool parse_local(struct listen_address *address, const char *path)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&address->address;
    if (path[0] != '/' || strlen(path) >= sizeof local->sun_path) {
        return false;
    }
    address->local = true;
    address->path = path;
    address->size = sizeof *local;
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, strlen(path) + 1);
    return true;
}

// "HOST:PORT" or "[HOST]:PORT", cut in two.
static bool split(const char *text, char *host, size_t host_size, const char **port)
{
    bool bracket = *text == '[';
    const char *start = text + bracket;
    const char *end = bracket ? strchr(start, ']') : strrchr(start, ':');
    if (end == NULL || (bracket && end[1] != ':') || (size_t)(end - start) >= host_size) {
        return false;
    }
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = 0;
    *port = end + 1 + bracket;
    return bracket || strchr(host, ':') == NULL;
}

static bool parse_net(struct listen_address *address, const char *text)
{
    char host[64];
    const char *port;
    char *end;
    if (!split(text, host, sizeof host, &port)) {
        return false;
    }
    unsigned long number = strtoul(port, &end, 10);
    if (end == port || *end != 0 || number == 0 || number > 65535 || *port == '-') {
        return false;
    }
    const char *numeric = strcmp(host, "localhost") == 0         ? "127.0.0.1"
                          : strcmp(host, "*") == 0 || *host == 0 ? "0.0.0.0"
                                                                 : host;
    struct sockaddr_in *net4 = (struct sockaddr_in *)&address->address;
    struct sockaddr_in6 *net6 = (struct sockaddr_in6 *)&address->address;
    if (inet_pton(AF_INET, numeric, &net4->sin_addr) == 1) {
        net4->sin_family = AF_INET;
        net4->sin_port = htons((uint16_t)number);
        address->size = sizeof *net4;
        return true;
    }
    if (inet_pton(AF_INET6, numeric, &net6->sin6_addr) == 1) {
        net6->sin6_family = AF_INET6;
        net6->sin6_port = htons((uint16_t)number);
        address->size = sizeof *net6;
        return true;
    }
    return false;
}

bool listen_parse(struct listen_address *address, const char *text, const char **wanted)
{
    *address = (struct listen_address){.text = text};
    *wanted = "an address with a numeric host, e.g. udp://127.0.0.1:8094, tcp://*:8094, "
              "tcp://[::1]:8094, unix:///run/weir/line.sock or unixgram:///run/weir/line.sock";
    if (take_prefix(&text, "unixgram://")) {
        return parse_local(address, text);
    }
    if (take_prefix(&text, "udp://")) {
        return parse_net(address, text);
    }
    address->stream = true;
    if (take_prefix(&text, "unix://")) {
        return parse_local(address, text);
    }
    return take_prefix(&text, "tcp://") && parse_net(address, text);
}

// ---- sockets ----

// A socket's file stays behind where its program died: it is in the way and nobody listens on it.
static void remove_stale(const struct listen_address *address)
{
    struct stat status;
    if (lstat(address->path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return;
    }
    int type = address->stream ? SOCK_STREAM : SOCK_DGRAM;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    int result = connect(fd, (const struct sockaddr *)&address->address, address->size);
    if (result != 0 && errno == ECONNREFUSED) {
        (void)unlink(address->path);
    }
    (void)close(fd);
}

static void set_up(const struct listen_address *address, int fd)
{
    const int on = 1;
    const int room = DATAGRAM_ROOM;
    if (address->stream && !address->local) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    if (!address->stream) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room); // as much as is allowed
    }
}

int listen_open(const struct listen_address *address)
{
    int type = address->stream ? SOCK_STREAM : SOCK_DGRAM;
    if (address->local) {
        remove_stale(address);
    }
    int fd = socket(address->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    set_up(address, fd);
    int result = bind(fd, (const struct sockaddr *)&address->address, address->size);
    if (result == 0 && address->local) {
        (void)chmod(address->path, 0660);
    }
    if (result == 0 && address->stream) {
        result = listen(fd, BACKLOG);
    }
    if (result != 0) {
        int number = errno;
        (void)close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

void listen_close(const struct listen_address *address, int fd)
{
    (void)close(fd);
    if (address->local) {
        (void)unlink(address->path);
    }
}

const char *listen_sentence(const struct listen_address *address, int number)
{
    switch (number) {
    case EADDRINUSE:
        return address->local ? "another program listens there, or a file that is no socket is in "
                                "the way; choose another path"
                              : "the address is in use by another program (ss -lnptu shows which); "
                                "choose another port";
    case EADDRNOTAVAIL:
        return "this machine has no such address (ip addr shows which); write * for all";
    case EACCES:
    case EPERM:
        return address->local ? "no right to make a file there"
                              : "no right to use this port; "
                                "choose one from 1024 on";
    case ENOENT:
        return "there is no such folder";
    default:
        return strerror(number);
    }
}

void listen_peer(int fd, const struct sockaddr_storage *from, char out[LISTEN_PEER_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *net4 = (const struct sockaddr_in *)from;
        (void)inet_ntop(AF_INET, &net4->sin_addr, host, sizeof host);
        (void)snprintf(out, LISTEN_PEER_SIZE, "%s:%u", host, ntohs(net4->sin_port));
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *net6 = (const struct sockaddr_in6 *)from;
        (void)inet_ntop(AF_INET6, &net6->sin6_addr, host, sizeof host);
        (void)snprintf(out, LISTEN_PEER_SIZE, "[%s]:%u", host, ntohs(net6->sin6_port));
    } else {
        struct ucred peer = {0};
        socklen_t size = sizeof peer;
        bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;
        (void)snprintf(out, LISTEN_PEER_SIZE, known ? "pid %d" : "a local program", (int)peer.pid);
    }
}
