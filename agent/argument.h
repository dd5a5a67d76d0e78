// The arguments of a command as rows: flags, options with a value ("--for 20s" or "--for=20s"), and
// words without a dash. All commands read theirs with this.
// (getopt_long is not used: its `struct option` would stand beside ours of agent/option.h.)
//
// Floor: ground.
#ifndef WEIR_AGENT_ARGUMENT_H
#define WEIR_AGENT_ARGUMENT_H

#include <stdbool.h>
#include <stdint.h>

enum { ARGUMENT_LIST_MAX = 64 };

struct argument_list {
    const char *at[ARGUMENT_LIST_MAX]; // borrowed from argv
    uint32_t count;
};

// Rows end with {.names = NULL}. One of `flag`, `text` and `list` is set.
struct argument {
    const char *names;          // "--config|-c", or ARGUMENT_WORD
    bool *flag;                 // set to true where it is given
    const char **text;          // set to its value, borrowed from argv; the last one given counts
    struct argument_list *list; // each value is added
};

// The row that takes words without a dash, and "-" alone: one (`text`) or several (`list`). Without
// such a row a word is refused. What follows "--" are words.
#define ARGUMENT_WORD ""

enum { ARGUMENTS_GO_ON = -1 };

// Read argv[1..] into the rows. ARGUMENTS_GO_ON, or the exit code to leave with: 0 after --help or
// -h (`usage` was printed on stdout; a row of that name goes before), 64 after a sentence on stderr
// about what is not understood, which begins with "weir COMMAND: ".
int arguments_read(const char *command, int argc, char **argv, const struct argument *rows,
                   const char *usage);

#endif
