// What the world can answer. A call returns one of these and nothing else; text for people is made
// where the place is known (a file and line, a device, a topic).
//
// Floor: ground.
#ifndef WEIR_AGENT_ERR_H
#define WEIR_AGENT_ERR_H

enum err {
    OK = 0,
    ERR_AGAIN,     // not now: no room, nothing to read, more bytes needed; try later
    ERR_FULL,      // a bound was reached and its policy says no
    ERR_LIMIT,     // this item alone is over a documented limit; it will never fit
    ERR_INVALID,   // the input breaks its format or contract
    ERR_CORRUPT,   // stored bytes fail their sums or make no sense
    ERR_NOT_FOUND, // no such thing
    ERR_IO,        // the device failed (EIO and its like)
    ERR_READONLY,  // the file system takes no writes (EROFS)
    ERR_DENIED,    // no right to (EACCES, EPERM)
    ERR_NO_SPACE,  // ENOSPC, EDQUOT
    ERR_BUSY,      // somebody else holds it (a lock, an address)
    ERR_VERSION,   // written by a newer version; not touched
    ERR_KEY,       // sealed under another key, or sealed and none was given
    ERR_FAILED,    // broken, and none of the above
};

// The name of `err` as it stands in logs, e.g. "no-space". Never NULL.
const char *err_name(enum err err);

// The err for an errno value; ERR_FAILED where none fits.
enum err err_from_errno(int number);

#endif
