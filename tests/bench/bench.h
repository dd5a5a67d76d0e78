// The benchmarks of weir: one file a subcommand, listed in bench.c. Each prints a table for people
// and, with --json, one JSON object on the last line. Exit codes: 0, or 1 where something that was
// decoded differs from its source, 64 for a wrong command line, 66 for a file that cannot be read.
//
// Floor: edges.
#ifndef WEIR_TESTS_BENCH_BENCH_H
#define WEIR_TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

int bench_blocks(int argc, char **argv);
int bench_stored(int argc, char **argv);
int bench_wire(int argc, char **argv);
int bench_spool(int argc, char **argv);

// ---- what they share ----

// Monotonic nanoseconds of processor time of this thread.
int64_t bench_cpu_ns(void);

// The geometric mean of `count` positive numbers.
double bench_geomean(const double *numbers, uint32_t count);

#endif
