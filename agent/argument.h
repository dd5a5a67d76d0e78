// The arguments of a command as rows: flags and options with a value, "--for 20s" or "--for=20s".
// (getopt_long is not used: its `struct option` would stand beside ours of agent/option.h.)
//
// Floor: ground.
#ifndef WEIR_AGENT_ARGUMENT_H
#define WEIR_AGENT_ARGUMENT_H

#include <stdbool.h>

// Rows end with {.name = NULL}. One of `flag` and `text` is set.
struct argument {
    const char *name;  // "--json"
    bool *flag;        // set to true where it is given
    const char **text; // set to its value, borrowed from argv
};

enum { ARGUMENTS_GO_ON = -1 };

// Read argv[1..] into the rows. ARGUMENTS_GO_ON, or the exit code to leave with: 0 after --help
// (`usage` was printed on stdout), 64 after a sentence on stderr about what is not understood.
int arguments_read(int argc, char **argv, const struct argument *rows, const char *usage);

#endif
