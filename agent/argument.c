#include "agent/argument.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

// Is `word`, up to an equals sign, one of `names`?
static bool is_named(const char *names, const char *word)
{
    size_t length = strcspn(word, "=");
    while (*names != '\0') {
        size_t size = strcspn(names, "|");
        if (size == length && strncmp(names, word, size) == 0) {
            return true;
        }
        names += size + (names[size] == '|');
    }
    return false;
}

static const struct argument *find_row(const struct argument *rows, const char *word)
{
    for (; rows->names != NULL; rows++) {
        if (is_named(rows->names, word)) {
            return rows;
        }
    }
    return NULL;
}

static const struct argument *find_word_row(const struct argument *rows)
{
    while (rows->names != NULL && *rows->names != '\0') {
        rows++;
    }
    return rows->names != NULL ? rows : NULL;
}

static int refuse(const char *command, const char *word, const char *what)
{
    (void)fprintf(stderr, "weir %s: %s %s; see weir %s --help\n", command, word, what, command);
    return EX_USAGE;
}

static int take_value(const char *command, const struct argument *row, const char *name,
                      const char *value)
{
    if (row->text != NULL) {
        *row->text = value;
    } else if (row->list->count == ARGUMENT_LIST_MAX) {
        return refuse(command, name, "is one too many: there can be 64");
    } else {
        row->list->at[row->list->count++] = value;
    }
    return ARGUMENTS_GO_ON;
}

static int take_word(const char *command, const struct argument *row, const char *word)
{
    if (row == NULL) {
        return refuse(command, word, "is not an argument of this command");
    }
    if (row->text != NULL && *row->text != NULL) {
        return refuse(command, word, "is one word too many");
    }
    return take_value(command, row, word, word);
}

// `*at` is passed over a value that stands by itself.
static int take_option(const char *command, const struct argument *row, int argc, char **argv,
                       int *at)
{
    const char *word = argv[*at];
    const char *value = strchr(word, '=');
    if (row->flag != NULL) {
        *row->flag = true;
        return value == NULL ? ARGUMENTS_GO_ON : refuse(command, word, "takes no value");
    }
    if (value == NULL && *at + 1 == argc) {
        return refuse(command, word, "needs a value");
    }
    return take_value(command, row, word, value != NULL ? value + 1 : argv[++*at]);
}

int arguments_read(const char *command, int argc, char **argv, const struct argument *rows,
                   const char *usage)
{
    const struct argument *word_row = find_word_row(rows);
    bool words_only = false;
    int code = ARGUMENTS_GO_ON;
    for (int i = 1; i < argc && code == ARGUMENTS_GO_ON; i++) {
        const char *word = argv[i];
        bool is_word = words_only || word[0] != '-' || word[1] == '\0';
        const struct argument *row = is_word ? NULL : find_row(rows, word);
        if (is_word) {
            code = take_word(command, word_row, word);
        } else if (row != NULL) {
            code = take_option(command, row, argc, argv, &i);
        } else if (strcmp(word, "--") == 0) {
            words_only = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            (void)fputs(usage, stdout);
            code = EX_OK;
        } else {
            code = refuse(command, word, "is not an argument of this command");
        }
    }
    return code;
}
