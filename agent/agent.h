// The agent: all of `weir run` put together.
//
//     loop thread:   inputs -> intake -> products (block, stage, outlet) -> output; services
//     store worker:  the spools
//
// Floor: wiring.
#ifndef WEIR_AGENT_AGENT_H
#define WEIR_AGENT_AGENT_H

#include "agent/settings.h"

// Run until SIGTERM or SIGINT. Returns the exit code of the program; sentences were logged.
int agent_run(const struct settings *settings);

#endif
