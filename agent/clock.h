// The two clocks. Wall time is for people and records; boot time (CLOCK_BOOTTIME) is for every age,
// deadline and schedule, because a step of the wall clock must not move them.
//
// Floor: ground.
#ifndef WEIR_AGENT_CLOCK_H
#define WEIR_AGENT_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void); // Unix milliseconds
int64_t clock_boot_ms(void); // milliseconds since boot, sleep included
int64_t clock_boot_ns(void);

// Write `wall_ms` as RFC 3339 in UTC with milliseconds, "2026-11-24T18:54:14.000Z" (24 characters
// and a NUL; years 0000 to 9999, others are clamped), into `out[25]`. Returns 24.
size_t clock_format(int64_t wall_ms, char out[25]);

// Read an RFC 3339 time stamp (any offset, any number of fraction digits, cut to ms).
// Returns 0 and sets `*wall_ms`, or -1 where `text` is not one.
int clock_parse(const char *text, size_t size, int64_t *wall_ms);

#endif
