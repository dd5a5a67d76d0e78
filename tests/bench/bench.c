// weir-bench NAME ...: runs one benchmark.
#include "tests/bench/bench.h"
#include <math.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} benches[] = {
    {"blocks", bench_blocks,
     "[--block N] [--small] [--json] FILE.csv[.gz]...   bytes on flash, time to encode and decode"},
    {"wire", bench_wire,
     "[--latency 1s,10s,60s] [--single | --polled] [--json] FILE.csv[.gz]...   bytes in Kafka "
     "batches"},
    {"stored", bench_stored,
     "[--commit SECONDS] [--rounds N] [--json] FILE.csv[.gz]   what a real spool stores"},
    {"spool", bench_spool,
     "[--size MIB] FOLDER | --records N   opening a full spool; commit and read back"},
};

enum { BENCH_COUNT = sizeof benches / sizeof benches[0] };

int64_t bench_cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double bench_geomean(const double *numbers, uint32_t count)
{
    double logs = 0;
    for (uint32_t i = 0; i < count; i++) {
        logs += log(numbers[i]);
    }
    return count == 0 ? 0 : exp(logs / count);
}

int main(int argc, char **argv)
{
    for (int i = 0; argc > 1 && i < BENCH_COUNT; i++) {
        if (strcmp(argv[1], benches[i].name) == 0) {
            return benches[i].run(argc - 1, argv + 1);
        }
    }
    for (int i = 0; i < BENCH_COUNT; i++) {
        (void)fprintf(stderr, "weir-bench %s %s\n", benches[i].name, benches[i].help);
    }
    return EX_USAGE;
}
