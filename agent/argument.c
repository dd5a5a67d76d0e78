#include "agent/argument.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

// The row that `word` names, up to an equals sign.
static const struct argument *find_row(const struct argument *rows, const char *word)
{
    size_t length = strcspn(word, "=");
    for (; rows->name != NULL; rows++) {
        if (strlen(rows->name) == length && strncmp(rows->name, word, length) == 0) {
            return rows;
        }
    }
    return NULL;
}

static int refuse(const char *command, const char *word, const char *what)
{
    (void)fprintf(stderr, "weir %s: %s %s; see weir %s --help\n", command, word, what, command);
    return EX_USAGE;
}

int arguments_read(int argc, char **argv, const struct argument *rows, const char *usage)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(usage, stdout);
            return EX_OK;
        }
        const struct argument *row = find_row(rows, argv[i]);
        const char *value = strchr(argv[i], '=');
        if (row == NULL) {
            return refuse(argv[0], argv[i], "is not an argument of this command");
        }
        if (row->flag != NULL) {
            if (value != NULL) {
                return refuse(argv[0], argv[i], "takes no value");
            }
            *row->flag = true;
            continue;
        }
        if (value == NULL && i + 1 == argc) {
            return refuse(argv[0], argv[i], "needs a value");
        }
        *row->text = value != NULL ? value + 1 : argv[++i];
    }
    return ARGUMENTS_GO_ON;
}
