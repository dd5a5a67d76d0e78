// The hashes of the last N things, to find out whether one comes again. Memory is taken at the
// start; a look-up is a probe of a table.
//
// Floor: forms.
#ifndef WEIR_AGENT_QUALITY_WINDOW_H
#define WEIR_AGENT_QUALITY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct quality_window; // opaque

struct quality_window *quality_window_open(uint32_t size); // a power of two; NULL: no memory
void quality_window_close(struct quality_window *window);  // NULL is nothing

// Was `hash` among the last `size` given? It is now the newest, and the oldest goes where they were
// full.
bool quality_window_seen(struct quality_window *window, uint64_t hash);

#endif
