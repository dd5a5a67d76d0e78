// What is wrong with a person's files, all of it at once. A problem is one line:
//
//     weir.yaml:12: inputs[0].every: "500" has no unit; write e.g. 500 ms or 2 s
//
// Floor: ground.
#ifndef WEIR_AGENT_PROBLEM_H
#define WEIR_AGENT_PROBLEM_H

#include <stdbool.h>
#include <stdio.h>

enum { PROBLEMS_MAX = 100 };

struct problems {
    char *lines[PROBLEMS_MAX]; // owned
    bool warnings[PROBLEMS_MAX];
    unsigned count;
    unsigned error_count;
    unsigned left_out; // beyond PROBLEMS_MAX
};

void problem_add(struct problems *problems, const char *file, int line, const char *key,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
void problem_warn(struct problems *problems, const char *file, int line, const char *key,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
void problems_print(const struct problems *problems, FILE *out);
void problems_free(struct problems *problems);

#endif
