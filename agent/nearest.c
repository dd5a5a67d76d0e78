#include "agent/nearest.h"

#include <ctype.h>
#include <string.h>

static char plain(char letter)
{
    if (letter == '-' || letter == '_') {
        return ' ';
    }
    return (char)tolower((unsigned char)letter);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b)
{
    size_t rows = strlen(a);
    size_t columns = strlen(b);
    if (rows >= NEAREST_WORD_MAX || columns >= NEAREST_WORD_MAX) {
        return NEAREST_WORD_MAX;
    }
    // table[i][j]: from the first i letters of `a` to the first j of `b`.
    unsigned table[NEAREST_WORD_MAX][NEAREST_WORD_MAX] = {{0}};
    for (size_t i = 0; i <= rows; i++) {
        for (size_t j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = (unsigned)(i + j);
                continue;
            }
            bool equal = plain(a[i - 1]) == plain(b[j - 1]);
            unsigned best = table[i - 1][j - 1] + (equal ? 0 : 1);
            best = least(best, least(table[i - 1][j], table[i][j - 1]) + 1);
            if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) &&
                plain(a[i - 2]) == plain(b[j - 1])) {
                best = least(best, table[i - 2][j - 2] + 1);
            }
            table[i][j] = best;
        }
    }
    return table[rows][columns];
}

struct nearest nearest_begin(const char *word)
{
    // A third of the letters may be wrong; of two-letter words none.
    unsigned allowed = (unsigned)(strlen(word) / 3);
    return (struct nearest){.word = word, .best = NULL, .distance = allowed + 1};
}

void nearest_offer(struct nearest *nearest, const char *word)
{
    unsigned distance = nearest_distance(nearest->word, word);
    if (distance < NEAREST_WORD_MAX && distance < nearest->distance) {
        nearest->best = word;
        nearest->distance = distance;
    }
}
