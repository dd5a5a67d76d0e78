#include "agent/err.h"

#include <errno.h>

const char *err_name(enum err err)
{
    switch (err) {
    case OK:
        return "ok";
    case ERR_AGAIN:
        return "again";
    case ERR_FULL:
        return "full";
    case ERR_LIMIT:
        return "limit";
    case ERR_INVALID:
        return "invalid";
    case ERR_CORRUPT:
        return "corrupt";
    case ERR_NOT_FOUND:
        return "not-found";
    case ERR_IO:
        return "io";
    case ERR_READONLY:
        return "read-only";
    case ERR_DENIED:
        return "denied";
    case ERR_NO_SPACE:
        return "no-space";
    case ERR_BUSY:
        return "busy";
    case ERR_VERSION:
        return "version";
    case ERR_KEY:
        return "key";
    case ERR_FAILED:
        return "failed";
    }
    return "unknown";
}

enum err err_from_errno(int number)
{
    switch (number) {
    case 0:
        return OK;
    case EAGAIN:
    case EINTR:
        return ERR_AGAIN;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EROFS:
        return ERR_READONLY;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EBUSY:
    case EADDRINUSE:
        return ERR_BUSY;
    case EIO:
    case ENXIO:
    case ENODEV:
        return ERR_IO;
    case EINVAL:
        return ERR_INVALID;
    default:
        return ERR_FAILED;
    }
}
