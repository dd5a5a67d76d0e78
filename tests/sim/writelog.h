// A block device whose every write and flush is remembered in order: a file served by FUSE, with a
// loop device on it. What any power cut would have left of a real file system on it can be built
// afterwards, as often as one likes (the idea of Linux's dm-log-writes, without device-mapper).
//
// Needs root, /dev/fuse and loop devices.
#ifndef WEIR_TESTS_SIM_WRITELOG_H
#define WEIR_TESTS_SIM_WRITELOG_H

#include "tests/sim/random.h"

#include <stddef.h>
#include <stdint.h>

struct writelog; // opaque

// Serve `folder`/disk, `size` bytes of zeros. NULL: said why on stderr.
struct writelog *writelog_start(const char *folder, size_t size);
void writelog_stop(struct writelog *log);

// Bytes of log so far: what was durable before this call lies before this place.
uint64_t writelog_now(const struct writelog *log);
uint64_t writelog_flushes(const struct writelog *log);

// The end of the write or flush that lies across `place`.
uint64_t writelog_entry_end(const struct writelog *log, uint64_t place);

// Move `image` (`size` bytes, zeros at first; `*place` 0 at first) forward to what is surely
// durable at `until`: all writes before the last flush that ended there. Returns that flush's
// place.
uint64_t writelog_replay(const struct writelog *log, uint8_t *image, uint64_t *place,
                         uint64_t until);

// Add what chance lets through of the writes from `from` to `until`, in sectors of 512 bytes.
// Returns how many writes there were.
uint32_t writelog_replay_some(const struct writelog *log, uint8_t *image, uint64_t from,
                              uint64_t until, struct sim_random *random);

#endif
