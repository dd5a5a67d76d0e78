// Numbers as people read them: three figures and a unit.
//
// Floor: ground.
#ifndef WEIR_AGENT_HUMAN_H
#define WEIR_AGENT_HUMAN_H

#include <stdint.h>

enum { HUMAN_SIZE = 32 }; // room for any of them

// Each writes into `out` and returns it. Negative values, which stand for "not known", become "-".
const char *human_bytes(int64_t bytes, char out[HUMAN_SIZE]);     // "512 B", "40.0 MiB"
const char *human_count(int64_t count, char out[HUMAN_SIZE]);     // "480,122"
const char *human_seconds(int64_t seconds, char out[HUMAN_SIZE]); // "45 s", "1 h 28 min", "3 d 4 h"

// Read a duration with its unit, "20s", "2 min", "1h", "500ms", in milliseconds. -1: it is none, or
// is longer than a year.
int64_t human_duration_ms(const char *text);

#endif
