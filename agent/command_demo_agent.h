// The real agent as a child of the demo: `weir run` on settings that the demo writes, asked by its
// control socket. It never outlives the demo.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_DEMO_AGENT_H
#define WEIR_AGENT_COMMAND_DEMO_AGENT_H

#include "agent/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { DEMO_PATH_SIZE = 256 };

// What the agent said of itself when it was last asked.
struct demo_state {
    bool known;
    bool kafka_up;
    char kafka[16];
    uint64_t read;       // records taken in: the last seq
    uint64_t settled;    // everything up to it is
    uint64_t waiting;    // records
    int64_t spool_bytes; // payload that waits there (the ring itself is taken in whole segments)
    int64_t spool_peak_bytes; // the most it ever said
    int64_t oldest_age_s;     // -1: none waits
    int64_t wire_bytes;
    char trouble[160]; // why the link is not up; ""
};

struct demo_agent {
    char dir[DEMO_PATH_SIZE];
    pid_t pid;     // 0: not started, or ended
    int exit_code; // valid once it has ended; -1: a signal ended it
    struct demo_state state;
};

// Start it in `dir` (which holds weir.yaml). What it says goes to DIR/agent.log.
enum err demo_agent_start(struct demo_agent *agent, const char *dir);

// Ask it; where it does not answer, the state stays as it was.
void demo_agent_look(struct demo_agent *agent);

void demo_agent_ask_to_stop(struct demo_agent *agent); // SIGTERM
void demo_agent_kill(struct demo_agent *agent);        // SIGKILL, and gone
bool demo_agent_has_ended(struct demo_agent *agent);   // never waits

// The last lines of its log, on stderr.
void demo_agent_print_log(const struct demo_agent *agent);

#endif
