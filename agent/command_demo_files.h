// The files of the demo: the settings and the contract that its agent runs on.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_DEMO_FILES_H
#define WEIR_AGENT_COMMAND_DEMO_FILES_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>

#define DEMO_TOPIC            "demo.host.readings.v1"
#define DEMO_LOSSES_TOPIC     "demo.host.readings.v1.losses"
#define DEMO_QUARANTINE_TOPIC "demo.host.readings.v1.quarantine"
#define DEMO_HEARTBEATS_TOPIC "demo.heartbeats" // not among those of a fleet that is watched

// The shipped contract of a host's sensors, in the domain `demo`; made by CMakeLists.txt.
extern const char demo_contract[];

// Make the directory: a new one under $TMPDIR, or `keep`, which must be empty or not be there yet
// (ERR_BUSY: it holds something). `out` gets its absolute path. Else the err of the system;
// ERR_LIMIT: its path is too long for the socket in it.
enum err demo_files_make_dir(const char *keep, char *out, size_t out_size);

// Write weir.yaml and host.odcs.yaml into `dir`. The sensors are read each `every_ms`.
enum err demo_files_write(const char *dir, const char *gateway, const char *bootstrap,
                          int every_ms);

// Remove `dir` and all in it.
void demo_files_remove(const char *dir);

#endif
