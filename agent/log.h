// One event, one line on stderr: level, stable id, key=value facts.
//
//     warn kafka.down broker=kafka-1.example:9093 reason="Connection refused"
//
// Where stderr is the journal ($JOURNAL_STREAM is set) lines start with the sd-daemon(3) prefix <N>
// and no time; elsewhere with an RFC 3339 time. A line equal to the previous one is counted, and
// the count is told with the next different line or after 60 s. Safe from any thread.
//
// Floor: ground.
#ifndef WEIR_AGENT_LOG_H
#define WEIR_AGENT_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_start(enum log_level lowest);

// `id` is stable for ever ("spool.opened"); `format` makes the key=value facts.
void log_event(enum log_level level, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

// Warnings and errors since the start, for the heartbeat.
uint64_t log_count(enum log_level level);

#endif
