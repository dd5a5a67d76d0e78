// The word that a person most likely meant: "did you mean ...".
//
// Floor: ground.
#ifndef WEIR_AGENT_NEAREST_H
#define WEIR_AGENT_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

enum { NEAREST_WORD_MAX = 48 }; // longer words are near to nothing

// Letters to insert, delete, change or swap with their neighbour (optimal string alignment; letter
// case, '-', '_' and ' ' count as equal) to make `b` of `a`; NEAREST_WORD_MAX where a word is too
// long.
unsigned nearest_distance(const char *a, const char *b);

// Collects the best of the words offered.
struct nearest {
    const char *word; // sought
    const char *best; // borrowed; NULL: none is near
    unsigned distance;
};

struct nearest nearest_begin(const char *word);
void nearest_offer(struct nearest *nearest, const char *word);

#endif
