#include "agent/log.h"

#include "agent/clock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 1024, TELL_COUNT_AFTER_MS = 60000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // the one lock: lines come from any thread
static enum log_level lowest_level = LOG_LEVEL_INFO;
static bool to_journal;
static uint64_t counts[4];
static char last[LINE_SIZE];
static enum log_level last_level;
static uint64_t repeated;
static int64_t last_told_ms;

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const int level_priorities[] = {3, 4, 6, 7}; // sd-daemon(3)

void log_start(enum log_level lowest)
{
    lowest_level = lowest;
    to_journal = getenv("JOURNAL_STREAM") != NULL;
}

static void write_line(enum log_level level, const char *line)
{
    if (to_journal) {
        (void)fprintf(stderr, "<%d>%s %s\n", level_priorities[level], level_names[level], line);
        return;
    }
    char now[25];
    (void)clock_format(clock_wall_ms(), now);
    (void)fprintf(stderr, "%s %s %s\n", now, level_names[level], line);
}

static void tell_repeated(void)
{
    if (repeated == 0) {
        return;
    }
    char line[LINE_SIZE + 40];
    (void)snprintf(line, sizeof line, "%s repeated=%llu", last, (unsigned long long)repeated);
    write_line(last_level, line);
    repeated = 0;
}

void log_event(enum log_level level, const char *id, const char *format, ...)
{
    char line[LINE_SIZE];
    int used = snprintf(line, sizeof line, "%s ", id);
    va_list list;
    va_start(list, format);
    (void)vsnprintf(line + used, sizeof line - (size_t)used, format, list);
    va_end(list);
    for (char *at = line; *at != 0; at++) {
        if ((unsigned char)*at < ' ') {
            *at = ' '; // one event, one line, whatever came from outside
        }
    }
    (void)pthread_mutex_lock(&lock);
    counts[level]++;
    int64_t now = clock_boot_ms();
    bool same = level == last_level && strcmp(line, last) == 0;
    if (level > lowest_level) {
        // counted, not shown
    } else if (same && now - last_told_ms < TELL_COUNT_AFTER_MS) {
        repeated++;
    } else {
        tell_repeated();
        write_line(level, line);
        (void)snprintf(last, sizeof last, "%s", line);
        last_level = level;
        last_told_ms = now;
    }
    (void)pthread_mutex_unlock(&lock);
}

uint64_t log_count(enum log_level level)
{
    (void)pthread_mutex_lock(&lock);
    uint64_t count = counts[level];
    (void)pthread_mutex_unlock(&lock);
    return count;
}
