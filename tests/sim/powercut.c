// weir-powercut: pull the plug on the spool, some millions of times.
//
//   weir-powercut [--seconds S | --crashes N] [--seed N] [--history H] [--mutant M] [--quiet]
//   [--trace]
//
// One seed is one row of histories; each history is a spool's life of up to 200 crashes. A failure
// names its history, and `--seed N --history H` leads that one alone through the same again.
#include "agent/mutant.h"
#include "tests/sim/count.h"
#include "tests/sim/history.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HISTORY_CRASHES = 200, HANG_SECONDS = 60 };

struct arguments {
    uint64_t seconds; // 0: no bound
    uint64_t crashes; // 0: no bound
    uint64_t seed;
    uint64_t history;
    bool one_history;
    bool quiet;
    bool trace;
};

#ifdef WEIR_MUTANTS
int weir_mutant;
#endif

static struct arguments arguments = {.seed = 1};
static volatile uint64_t history_now;

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// An assert of the spool, a bad pointer, or a call that does not come back: say where, and die.
static void on_signal(int number)
{
    char text[200];
    int size =
        snprintf(text, sizeof text, "\nthe spool %s: --seed %" PRIu64 " --history %" PRIu64 "\n",
                 number == SIGALRM ? "hangs" : "died of a signal", arguments.seed, history_now);
    if (size > 0) {
        (void)!write(STDOUT_FILENO, text, (size_t)size);
    }
    _exit(2);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)signal(numbers[i], on_signal);
    }
}

static int usage(void)
{
    (void)fputs("usage: weir-powercut [--seconds S | --crashes N] [--seed N] [--history H] "
                "[--mutant M] [--quiet] [--trace]\n",
                stderr);
    return 64;
}

static bool number_of(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && end != text && *text != '-';
}

static bool set_mutant(uint64_t number)
{
#ifdef WEIR_MUTANTS
    weir_mutant = (int)number;
    return true;
#else
    (void)fprintf(
        stderr, "--mutant %" PRIu64 ": this program has none; use weir-powercut-mutants\n", number);
    return false;
#endif
}

static bool parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        uint64_t value = 0;
        if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "--trace") == 0) {
            arguments.quiet = true;
            arguments.trace = arguments.trace || strcmp(argv[i], "--trace") == 0;
            continue;
        }
        if (i + 1 == argc || !number_of(argv[i + 1], &value)) {
            return false;
        }
        const char *name = argv[i++];
        if (strcmp(name, "--seconds") == 0) {
            arguments.seconds = value;
        } else if (strcmp(name, "--crashes") == 0) {
            arguments.crashes = value;
        } else if (strcmp(name, "--seed") == 0) {
            arguments.seed = value;
        } else if (strcmp(name, "--history") == 0) {
            arguments.history = value;
            arguments.one_history = true;
        } else if (strcmp(name, "--mutant") != 0 || !set_mutant(value)) {
            return false;
        }
    }
    if (arguments.seconds == 0 && arguments.crashes == 0) {
        arguments.seconds = 10;
    }
    return true;
}

static bool is_enough(uint64_t crashes, double since)
{
    return (arguments.crashes > 0 && crashes >= arguments.crashes) ||
           (arguments.seconds > 0 && now_s() - since >= (double)arguments.seconds);
}

static void tell_failure(const struct history *history)
{
    printf("FAILURE --seed %" PRIu64 " --history %" PRIu64 ", after its crash %" PRIu64 ": %s\n",
           arguments.seed, history_now, history->crashes, history->oracle.failed);
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        return usage();
    }
    // The spool takes and gives its memory at each restart: keep it in the heap.
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    catch_signals();
    static struct history history;
    history_init(&history);
    history.trace = arguments.trace;
    uint64_t crashes = 0;
    uint64_t failures = 0;
    double start = now_s();
    double start_cpu = cpu_s();
    for (history_now = arguments.history; !is_enough(crashes, start); history_now++) {
        (void)alarm(HANG_SECONDS);
        crashes += history_run(&history, arguments.seed, history_now, HISTORY_CRASHES);
        if (history.oracle.failed[0] != '\0') {
            tell_failure(&history);
            failures++;
            break;
        }
        if (arguments.one_history) {
            break;
        }
    }
    double cpu = cpu_s() - start_cpu;
    history_free(&history);
    if (!arguments.quiet) {
        sim_counts_print(stdout);
        printf("%.0f crashes/s of one core\n", (double)crashes / (cpu > 0 ? cpu : 1));
    }
    printf("crashes %" PRIu64 " failures %" PRIu64 " seed %" PRIu64 "\n", crashes, failures,
           arguments.seed);
    return failures == 0 ? 0 : 1;
}
