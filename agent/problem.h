// What is wrong with a person's files, all of it at once. A problem is one line:
//
//     weir.yaml:12: inputs[0].every: "500" has no unit; write e.g. 500 ms or 2 s
//
// A warning has "warning: " after the key. `struct problems` begins as {0} and never fails: beyond
// its room problems are counted.
//
// Floor: ground.
#ifndef WEIR_AGENT_PROBLEM_H
#define WEIR_AGENT_PROBLEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum { PROBLEMS_MAX = 100 };

struct problems {
    char *lines[PROBLEMS_MAX]; // owned
    bool warnings[PROBLEMS_MAX];
    unsigned count;
    unsigned error_count;
    unsigned left_out; // beyond PROBLEMS_MAX
    bool unreadable;   // the file that was asked for could not be read at all
};

// `file` and `key` may be NULL or "", `line` 0, where there is none.
void problem_add(struct problems *problems, const char *file, int line, const char *key,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
void problem_warn(struct problems *problems, const char *file, int line, const char *key,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
void problem_add_list(struct problems *problems, bool warning, const char *file, int line,
                      const char *key, const char *format, va_list arguments)
    __attribute__((format(printf, 6, 0)));
void problems_print(const struct problems *problems, FILE *out);

// EX_OK where there is no error, EX_NOINPUT where the file could not be read, else EX_CONFIG.
int problems_exit_code(const struct problems *problems);
void problems_free(struct problems *problems);

#endif
