// The agent: all of `weir run` put together.
//
//     loop thread:   inputs -> intake -> products (block, stage, outlet) -> output; services
//     store worker:  the spools
//
// Floor: wiring.
#ifndef WEIR_AGENT_AGENT_H
#define WEIR_AGENT_AGENT_H

#include "agent/settings.h"

enum { AGENT_ANEW = -1 };

// Run until SIGTERM or SIGINT. Returns the exit code of the program; sentences were logged.
// AGENT_ANEW: a newer contract was taken; read the settings again and run with them.
int agent_run(const struct settings *settings);

#endif
