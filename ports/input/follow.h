// A file that is read from its front, grows, and is rotated: found again by what it is, not by what
// it is called.
//
// A file is known by its inode and by the first bytes that it had. A rotation renames it (NAME.1,
// NAME-20260101; the next file gets the name) or copies it and cuts it to nothing (copytruncate).
// In both cases the rest of the old file is read before the new one.
#ifndef WEIR_PORTS_INPUT_FOLLOW_H
#define WEIR_PORTS_INPUT_FOLLOW_H

#include "agent/bytes.h"
#include "agent/err.h"

#include <limits.h>
#include <sys/types.h>

enum {
    FOLLOW_HEAD_MAX = 1024,     // first bytes that tell one file from another
    FOLLOW_PLACE_SIZE = 45,     // bytes of a place as it is stored
    FOLLOW_ENTRIES_MAX = 10000, // of the folder, looked at in one search
};

struct follow {
    const char *path;      // borrowed
    char folder[PATH_MAX]; // of it
    const char *base;      // its last part
    int fd;                // -1: no file is open
    uint64_t device;
    uint64_t inode;
    size_t head_size;
    uint8_t head[FOLLOW_HEAD_MAX]; // of the open file, as far as it was there
};

// A place in a file, as it is kept from run to run.
struct follow_place {
    uint64_t device;
    uint64_t inode;
    uint64_t offset; // of the next line
    uint64_t line;   // its number, from 1; 0: not known
    uint32_t head_size;
    uint32_t head_crc; // over the first `head_size` bytes, which lie before `offset`
};

void follow_init(struct follow *follow, const char *path);
void follow_close(struct follow *follow);

// Open the file that has the name now. ERR_NOT_FOUND, ERR_DENIED (no right), ERR_INVALID (not a
// file): errno says more.
enum err follow_open(struct follow *follow);

// Open the file of a place, wherever it was moved to in its folder. ERR_NOT_FOUND: it is gone, and
// nothing is open.
enum err follow_open_place(struct follow *follow, const struct follow_place *place);

// Read up to `size` bytes at `offset`; 0 at the end, -1 and errno.
ssize_t follow_read(struct follow *follow, uint64_t offset, void *at, size_t size);

// Was the open file cut below `offset`, or does it begin otherwise than it did?
bool follow_is_cut(const struct follow *follow, uint64_t offset);

// After a cut: open the copy that a rotation made of what the file was, to be read on at `offset`.
// False: there is none; the file is open and to be read from its front.
bool follow_open_copy(struct follow *follow, uint64_t offset);

// Has the open file lost its name, and does another one follow it that has something to read?
bool follow_has_next(struct follow *follow);

// Open that one. False: it went away again, and the old one is open.
bool follow_open_next(struct follow *follow);

// The place of the line at `offset` of the open file, and as bytes.
struct follow_place follow_place(const struct follow *follow, uint64_t offset, uint64_t line);
void follow_place_put(const struct follow_place *place, uint8_t out[FOLLOW_PLACE_SIZE]);
enum err follow_place_get(struct follow_place *place, struct bytes in); // ERR_CORRUPT

#endif
