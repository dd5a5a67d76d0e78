// The arguments that the commands about settings share: [-c FILE | --config FILE | FILE] [--json]
// [--print] [--help]. (getopt's `struct option` is not ours, so it is not used beside settings.)
//
// Floor: wiring.
#ifndef WEIR_AGENT_COMMAND_ARGUMENTS_H
#define WEIR_AGENT_COMMAND_ARGUMENTS_H

#include <stdbool.h>

struct command_arguments {
    const char *config;  // -c FILE; NULL: not given
    const char *operand; // the one word without a dash; NULL: none
    bool json, print, help;
};

// False where something is not understood; the sentence was printed.
bool command_arguments_read(int argc, char **argv, struct command_arguments *arguments);

#endif
