// A set of sequence numbers, for who must judge a whole stream: adding and asking are cheap in any
// order, and a dense stream of 10 million numbers takes some kilobytes.
//
// Floor: forms.
#ifndef WEIR_AGENT_SEQUENCE_SET_H
#define WEIR_AGENT_SEQUENCE_SET_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEQUENCE_PAGE_BITS = 65536,     // numbers of one page
    SEQUENCE_PAGES_MAX = 1 << 20,   // pages of a set: 68 billion numbers in a row
    SEQUENCE_PARTIAL_MAX = 1 << 13, // pages with holes: 64 MiB
};

// All zero is the empty set.
struct sequence_set {
    struct sequence_page *pages; // by number, ascending; owned
    size_t page_count;
    size_t page_room;
    size_t partial_count;
    size_t recent; // the page that was used last
    uint64_t count;
    uint64_t first, last; // of the numbers in it; 0 where it is empty
};

// Add `number` (> 0); `*was_in` says that it had been there. ERR_FULL: the set would grow over its
// bounds, or there is no memory; it is unchanged.
enum err sequence_set_add(struct sequence_set *set, uint64_t number, bool *was_in);

bool sequence_set_has(const struct sequence_set *set, uint64_t number);

// How many of first..last (inclusive) are in the set.
uint64_t sequence_set_count_between(const struct sequence_set *set, uint64_t first, uint64_t last);

// The first number from `number` on that is in the set, or is not. UINT64_MAX: none.
uint64_t sequence_set_next_in(const struct sequence_set *set, uint64_t number);
uint64_t sequence_set_next_out(const struct sequence_set *set, uint64_t number);

void sequence_set_free(struct sequence_set *set); // empty again

#endif
