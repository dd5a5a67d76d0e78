// Pages of 65,536 bits, sorted by their number. A page without holes gives its bits back, so a
// complete stream costs 24 bytes for each 65,536 numbers, in whatever order they came.
//
// S1  pages are strictly ascending by number, none is empty.
// S2  bits is NULL exactly where count is SEQUENCE_PAGE_BITS.
#include "agent/sequence_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct sequence_page {
    uint64_t number;
    uint64_t *bits; // NULL: all are in
    uint32_t count;
};

enum { PAGE_WORDS = SEQUENCE_PAGE_BITS / 64 };

// The index of the first page with at least this number; page_count where there is none.
static size_t page_at_least(const struct sequence_set *set, uint64_t number)
{
    size_t low = 0;
    size_t high = set->page_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->pages[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct sequence_page *page_find(const struct sequence_set *set, uint64_t number)
{
    if (set->recent < set->page_count && set->pages[set->recent].number == number) {
        return &set->pages[set->recent];
    }
    size_t index = page_at_least(set, number);
    bool found = index < set->page_count && set->pages[index].number == number;
    return found ? &set->pages[index] : NULL;
}

static enum err pages_grow(struct sequence_set *set)
{
    if (set->page_count < set->page_room) {
        return OK;
    }
    size_t room = set->page_room == 0 ? 16 : set->page_room * 2;
    if (room > SEQUENCE_PAGES_MAX) {
        return ERR_FULL;
    }
    struct sequence_page *pages = realloc(set->pages, room * sizeof *pages);
    if (pages == NULL) {
        return ERR_FULL;
    }
    set->pages = pages;
    set->page_room = room;
    return OK;
}

static enum err page_insert(struct sequence_set *set, uint64_t number)
{
    if (set->partial_count >= SEQUENCE_PARTIAL_MAX || pages_grow(set) != OK) {
        return ERR_FULL;
    }
    uint64_t *bits = calloc(PAGE_WORDS, sizeof *bits);
    if (bits == NULL) {
        return ERR_FULL;
    }
    size_t index = page_at_least(set, number); // S1
    memmove(&set->pages[index + 1], &set->pages[index],
            (set->page_count - index) * sizeof *set->pages);
    set->pages[index] = (struct sequence_page){.number = number, .bits = bits};
    set->page_count++;
    set->partial_count++;
    set->recent = index;
    return OK;
}

static bool page_has(const struct sequence_page *page, uint32_t bit)
{
    return page->bits == NULL || (page->bits[bit / 64] >> (bit % 64) & 1) != 0;
}

enum err sequence_set_add(struct sequence_set *set, uint64_t number, bool *was_in)
{
    assert(number > 0);
    uint64_t page_number = number / SEQUENCE_PAGE_BITS;
    uint32_t bit = (uint32_t)(number % SEQUENCE_PAGE_BITS);
    struct sequence_page *page = page_find(set, page_number);
    if (page == NULL) {
        if (page_insert(set, page_number) != OK) {
            return ERR_FULL;
        }
        page = &set->pages[set->recent];
    }
    set->recent = (size_t)(page - set->pages);
    *was_in = page_has(page, bit);
    if (*was_in) {
        return OK;
    }
    page->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
    page->count++;
    if (page->count == SEQUENCE_PAGE_BITS) { // S2
        free(page->bits);
        page->bits = NULL;
        set->partial_count--;
    }
    set->first = set->count == 0 || number < set->first ? number : set->first;
    set->last = number > set->last ? number : set->last;
    set->count++;
    return OK;
}

bool sequence_set_has(const struct sequence_set *set, uint64_t number)
{
    const struct sequence_page *page = page_find(set, number / SEQUENCE_PAGE_BITS);
    return page != NULL && page_has(page, (uint32_t)(number % SEQUENCE_PAGE_BITS));
}

static uint64_t page_count_between(const struct sequence_page *page, uint32_t first, uint32_t last)
{
    if (page->bits == NULL) {
        return last - first + 1;
    }
    if (first == 0 && last == SEQUENCE_PAGE_BITS - 1) {
        return page->count;
    }
    uint64_t count = 0;
    for (uint32_t word = first / 64; word <= last / 64; word++) {
        uint64_t bits = page->bits[word];
        if (word == first / 64) {
            bits &= ~UINT64_C(0) << (first % 64);
        }
        if (word == last / 64) {
            bits &= ~UINT64_C(0) >> (63 - last % 64);
        }
        count += (uint64_t)__builtin_popcountll(bits);
    }
    return count;
}

uint64_t sequence_set_count_between(const struct sequence_set *set, uint64_t first, uint64_t last)
{
    uint64_t count = 0;
    if (first > last) {
        return 0;
    }
    uint64_t last_page = last / SEQUENCE_PAGE_BITS;
    for (size_t i = page_at_least(set, first / SEQUENCE_PAGE_BITS);
         i < set->page_count && set->pages[i].number <= last_page; i++) {
        const struct sequence_page *page = &set->pages[i];
        bool begins = page->number == first / SEQUENCE_PAGE_BITS;
        bool ends = page->number == last_page;
        count += page_count_between(page, begins ? (uint32_t)(first % SEQUENCE_PAGE_BITS) : 0,
                                    ends ? (uint32_t)(last % SEQUENCE_PAGE_BITS)
                                         : SEQUENCE_PAGE_BITS - 1);
    }
    return count;
}

// The first bit from `bit` on with the wanted value; SEQUENCE_PAGE_BITS where there is none.
static uint32_t page_next(const struct sequence_page *page, uint32_t bit, bool wanted)
{
    if (page->bits == NULL) {
        return wanted ? bit : SEQUENCE_PAGE_BITS;
    }
    for (uint32_t word = bit / 64; word < PAGE_WORDS; word++) {
        uint64_t bits = wanted ? page->bits[word] : ~page->bits[word];
        if (word == bit / 64) {
            bits &= ~UINT64_C(0) << (bit % 64);
        }
        if (bits != 0) {
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
        }
    }
    return SEQUENCE_PAGE_BITS;
}

uint64_t sequence_set_next_in(const struct sequence_set *set, uint64_t number)
{
    uint64_t page_number = number / SEQUENCE_PAGE_BITS;
    for (size_t i = page_at_least(set, page_number); i < set->page_count; i++) {
        const struct sequence_page *page = &set->pages[i];
        uint32_t from = page->number == page_number ? (uint32_t)(number % SEQUENCE_PAGE_BITS) : 0;
        uint32_t bit = page_next(page, from, true);
        if (bit < SEQUENCE_PAGE_BITS) {
            return page->number * SEQUENCE_PAGE_BITS + bit;
        }
    }
    return UINT64_MAX;
}

uint64_t sequence_set_next_out(const struct sequence_set *set, uint64_t number)
{
    for (size_t i = page_at_least(set, number / SEQUENCE_PAGE_BITS); i < set->page_count; i++) {
        const struct sequence_page *page = &set->pages[i];
        if (page->number != number / SEQUENCE_PAGE_BITS) {
            return number; // no page here: no number either
        }
        uint32_t bit = page_next(page, (uint32_t)(number % SEQUENCE_PAGE_BITS), false);
        if (bit < SEQUENCE_PAGE_BITS) {
            return page->number * SEQUENCE_PAGE_BITS + bit;
        }
        if (page->number == UINT64_MAX / SEQUENCE_PAGE_BITS) {
            return UINT64_MAX;
        }
        number = (page->number + 1) * SEQUENCE_PAGE_BITS;
    }
    return number;
}

void sequence_set_free(struct sequence_set *set)
{
    for (size_t i = 0; i < set->page_count; i++) {
        free(set->pages[i].bits);
    }
    free(set->pages);
    *set = (struct sequence_set){0};
}
