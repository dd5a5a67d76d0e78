#include "agent/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Up to `limit` + 1 bytes: one more tells that there is more.
static enum err read_all(int fd, size_t limit, char *text, size_t *size)
{
    size_t used = 0;
    while (used <= limit) {
        ssize_t count = read(fd, text + used, limit + 1 - used);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return err_from_errno(errno);
        }
        if (count == 0) {
            text[used] = '\0';
            *size = used;
            return OK;
        }
        used += (size_t)count;
    }
    return ERR_LIMIT;
}

static enum err read_open(int fd, size_t limit, char **text, size_t *size)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return err_from_errno(errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return ERR_INVALID;
    }
    // The size may change while we read (or be 0, in /proc), so the bound is the limit's.
    char *room = malloc(limit + 2);
    if (room == NULL) {
        return ERR_FAILED;
    }
    enum err err = read_all(fd, limit, room, size);
    if (err != OK) {
        int kept = errno;
        free(room);
        errno = kept;
        return err;
    }
    *text = room;
    char *fitted = realloc(room, *size + 1);
    if (fitted != NULL) {
        *text = fitted;
    }
    return OK;
}

enum err file_read(const char *path, size_t limit, char **text, size_t *size)
{
    // O_NONBLOCK: opening a named pipe must not wait for its writer.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = read_open(fd, limit, text, size);
    int kept = errno;
    (void)close(fd);
    errno = kept;
    return err;
}

void file_explain(enum err err, size_t limit, char *out, size_t out_size)
{
    if (err == ERR_LIMIT) {
        (void)snprintf(out, out_size, "is larger than %zu KiB, too large for its kind; split it",
                       limit / 1024);
    } else if (err == ERR_INVALID) {
        (void)snprintf(out, out_size, "is not a file; name one");
    } else {
        (void)snprintf(out, out_size, "cannot be read: %s", strerror(errno));
    }
}
