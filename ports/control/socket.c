#include "ports/control/socket.h"

#include "agent/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 8, ANSWER_MAX = 1024 * 1024, ANSWER_STEP = 16384 };

static enum err name_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path) {
        return ERR_LIMIT;
    }
    memcpy(address->sun_path, path, length + 1);
    return OK;
}

static enum err dial(const struct sockaddr_un *address, int *fd)
{
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) {
        return err_from_errno(errno);
    }
    if (connect(*fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        return OK;
    }
    // EAGAIN: its queue of callers is full, so somebody lives there.
    enum err err = errno == ECONNREFUSED || errno == ENOENT ? ERR_NOT_FOUND
                   : errno == EAGAIN                        ? ERR_AGAIN
                                                            : err_from_errno(errno);
    (void)close(*fd);
    *fd = -1;
    return err;
}

// Make room at the address: only a socket that nobody answers is removed.
static enum err clear_stale(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? OK : err_from_errno(errno);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return ERR_INVALID;
    }
    int fd;
    enum err err = dial(address, &fd);
    if (err == OK) {
        (void)close(fd);
    }
    if (err == OK || err == ERR_AGAIN) {
        return ERR_BUSY;
    }
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    return unlink(address->sun_path) == 0 ? OK : err_from_errno(errno);
}

enum err control_listen(const char *path, int *fd)
{
    struct sockaddr_un address;
    *fd = -1;
    enum err err = name_address(path, &address);
    if (err == OK) {
        err = clear_stale(&address);
    }
    if (err != OK) {
        return err;
    }
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        return err_from_errno(errno);
    }
    mode_t before = umask(0117); // born as 0660: there is no moment in which others may ask
    bool bound = bind(listener, (const struct sockaddr *)&address, sizeof address) == 0;
    int reason = errno;
    (void)umask(before);
    if (!bound || listen(listener, BACKLOG) != 0) {
        reason = bound ? errno : reason;
        (void)close(listener);
        return err_from_errno(reason);
    }
    *fd = listener;
    return OK;
}

// Wait for `events` until `end_ms`.
static bool wait_for(int fd, short events, int64_t end_ms)
{
    struct pollfd watched = {.fd = fd, .events = events};
    for (;;) {
        int64_t left_ms = end_ms - clock_boot_ms();
        int count = poll(&watched, 1, left_ms < 0 ? 0 : (int)left_ms);
        if (count > 0) {
            return true;
        }
        if (count == 0 || errno != EINTR) {
            return false;
        }
    }
}

static enum err send_line(int fd, const char *request, int64_t end_ms)
{
    char line[CONTROL_REQUEST_MAX + 2];
    int length = snprintf(line, sizeof line, "%s\n", request);
    if (length < 0 || (size_t)length >= sizeof line) {
        return ERR_LIMIT;
    }
    if (!wait_for(fd, POLLOUT, end_ms)) {
        return ERR_AGAIN;
    }
    // A line this short goes whole or not at all into a fresh socket.
    return send(fd, line, (size_t)length, MSG_NOSIGNAL) == length ? OK : ERR_CORRUPT;
}

// Read to the end of the stream into memory that grows by steps up to ANSWER_MAX.
static enum err read_answer(int fd, int64_t end_ms, char **answer)
{
    char *text = NULL;
    size_t size = 0;
    for (size_t limit = ANSWER_STEP; limit <= ANSWER_MAX; limit += ANSWER_STEP) {
        char *larger = realloc(text, limit + 1);
        if (larger == NULL) {
            break;
        }
        text = larger;
        while (size < limit) {
            if (!wait_for(fd, POLLIN, end_ms)) {
                free(text);
                return ERR_AGAIN;
            }
            ssize_t got = read(fd, text + size, limit - size);
            if (got == 0 && size > 0) {
                text[size] = 0;
                *answer = text;
                return OK;
            }
            if (got <= 0) {
                free(text);
                return ERR_CORRUPT;
            }
            size += (size_t)got;
        }
    }
    free(text);
    return ERR_CORRUPT;
}

enum err control_ask(const char *path, const char *request, int wait_ms, char **answer)
{
    *answer = NULL;
    struct sockaddr_un address;
    enum err err = name_address(path, &address);
    if (err != OK) {
        return err;
    }
    int fd;
    int64_t end_ms = clock_boot_ms() + wait_ms;
    err = dial(&address, &fd);
    if (err != OK) {
        return err;
    }
    err = send_line(fd, request, end_ms);
    if (err == OK) {
        err = read_answer(fd, end_ms, answer);
    }
    (void)close(fd);
    return err;
}
