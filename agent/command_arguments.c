#include "agent/command_arguments.h"

#include <stdio.h>
#include <string.h>

static bool is(const char *word, const char *name, const char *short_name)
{
    return strcmp(word, name) == 0 || strcmp(word, short_name) == 0;
}

static bool take_operand(const char *command, const char *word, struct command_arguments *arguments)
{
    if (*word == '-' && word[1] != '\0') {
        (void)fprintf(stderr, "weir %s: \"%s\" is not understood; see weir %s --help\n", command,
                      word, command);
        return false;
    }
    if (arguments->operand != NULL) {
        (void)fprintf(stderr, "weir %s: \"%s\" is one word too many, after \"%s\"\n", command, word,
                      arguments->operand);
        return false;
    }
    arguments->operand = word;
    return true;
}

bool command_arguments_read(int argc, char **argv, struct command_arguments *arguments)
{
    *arguments = (struct command_arguments){.config = NULL};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strncmp(word, "--config=", 9) == 0) {
            arguments->config = word + 9;
        } else if (is(word, "--config", "-c")) {
            if (++i == argc) {
                (void)fprintf(stderr, "weir %s: %s wants a file after it\n", argv[0], word);
                return false;
            }
            arguments->config = argv[i];
        } else if (is(word, "--json", "-j")) {
            arguments->json = true;
        } else if (is(word, "--print", "-p")) {
            arguments->print = true;
        } else if (is(word, "--help", "-h")) {
            arguments->help = true;
        } else if (!take_operand(argv[0], word, arguments)) {
            return false;
        }
    }
    return true;
}
