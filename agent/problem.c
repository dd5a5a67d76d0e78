#include "agent/problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { LINE_SIZE = 1024 };

// A problem is one line, whatever stood in the file that it quotes.
static void make_one_line(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

static void keep(struct problems *problems, bool warning, const char *line)
{
    char *copy = problems->count < PROBLEMS_MAX ? strdup(line) : NULL;
    if (copy == NULL) {
        problems->left_out++;
        return;
    }
    problems->lines[problems->count] = copy;
    problems->warnings[problems->count] = warning;
    problems->count++;
}

// "FILE:LINE: KEY: " with what is known of it. Returns the bytes written.
static size_t write_place(char out[LINE_SIZE], const char *file, int line, const char *key)
{
    int size = 0;
    if (file != NULL && *file != '\0' && line > 0) {
        size = snprintf(out, LINE_SIZE / 2, "%.300s:%d: ", file, line);
    } else if (file != NULL && *file != '\0') {
        size = snprintf(out, LINE_SIZE / 2, "%.300s: ", file);
    }
    size_t used = size > 0 ? (size_t)size : 0;
    if (key != NULL && *key != '\0') {
        size = snprintf(out + used, LINE_SIZE / 2, "%.300s: ", key);
        used += size > 0 ? (size_t)size : 0;
    }
    return used;
}

void problem_add_list(struct problems *problems, bool warning, const char *file, int line,
                      const char *key, const char *format, va_list arguments)
{
    // Counted even where the line is left out: the verdict must not depend on the room here.
    problems->error_count += warning ? 0 : 1;
    char text[LINE_SIZE] = "";
    size_t used = write_place(text, file, line, key);
    if (warning) {
        memcpy(text + used, "warning: ", sizeof "warning: ");
        used += sizeof "warning: " - 1;
    }
    // The caller began the list: NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized)
    (void)vsnprintf(text + used, sizeof text - used, format, arguments);
    make_one_line(text);
    keep(problems, warning, text);
}

void problem_add(struct problems *problems, const char *file, int line, const char *key,
                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem_add_list(problems, false, file, line, key, format, arguments);
    va_end(arguments);
}

void problem_warn(struct problems *problems, const char *file, int line, const char *key,
                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem_add_list(problems, true, file, line, key, format, arguments);
    va_end(arguments);
}

void problems_print(const struct problems *problems, FILE *out)
{
    for (unsigned i = 0; i < problems->count; i++) {
        (void)fprintf(out, "%s\n", problems->lines[i]);
    }
    if (problems->left_out > 0) {
        (void)fprintf(out, "and %u more\n", problems->left_out);
    }
}

int problems_exit_code(const struct problems *problems)
{
    if (problems->error_count == 0) {
        return EX_OK;
    }
    return problems->unreadable ? EX_NOINPUT : EX_CONFIG;
}

void problems_free(struct problems *problems)
{
    for (unsigned i = 0; i < problems->count; i++) {
        free(problems->lines[i]);
    }
    *problems = (struct problems){.count = 0};
}
