// The disk of an agent: files under one folder.
//
//     FOLDER/lock             held while it is open for writing
//     FOLDER/ring/0000.seg    .. as many as the main ring has slots, all of one size
//     FOLDER/nursery/0000.seg  0001.seg
//
// The files are written with zeros once and then overwritten in place: after `create` nothing is
// made, renamed, removed or resized, so a full file system stops nothing (ext4, xfs, f2fs). On
// btrfs every write is a new place all the same; that is logged.
//
// Writes go past the page cache (O_DIRECT and O_DSYNC) where the file system lets them, so an error
// comes back from the write it belongs to; elsewhere pwrite and fdatasync.
//
// Floor: keeping (it is the one file of the floor that knows POSIX files).
#ifndef WEIR_AGENT_DISK_POSIX_H
#define WEIR_AGENT_DISK_POSIX_H

#include "agent/disk.h"

#include <stdbool.h>

struct disk_posix; // opaque

// Open `folder`, making it where it is missing (not its parents). `readonly` takes no lock and
// makes nothing, and takes a copy that lacks files or their ends (reading those is an error).
// ERR_BUSY: another agent holds it. ERR_NOT_FOUND: no such folder (its parent, for writing).
// ERR_DENIED: no right to it. ERR_READONLY, ERR_NO_SPACE, ERR_IO: the file system.
enum err disk_posix_open(struct disk_posix **posix, const char *folder, bool readonly);
void disk_posix_close(struct disk_posix *posix);
const struct disk *disk_posix_disk(struct disk_posix *posix);

// "direct" or "buffered": how it writes, for status.
const char *disk_posix_mode(const struct disk_posix *posix);

#endif
