// A doubly linked list through a table. Place 0 is the head of the list of what is out, in order of
// sending; free places are linked by `next` alone.
#include "ports/output/kafka_window.h"

#include <assert.h>
#include <stdlib.h>

struct place {
    struct kafka_sent sent;
    uint32_t next, last;
    bool out;
};

struct kafka_window {
    struct place *places; // limit + 1 of them; owned
    uint32_t limit;
    uint32_t count;
    uint32_t unused; // the first free place; 0: none
};

struct kafka_window *kafka_window_open(uint32_t limit)
{
    struct kafka_window *window = calloc(1, sizeof *window);
    if (window == NULL) {
        return NULL;
    }
    window->places = calloc((size_t)limit + 1, sizeof *window->places);
    if (window->places == NULL) {
        free(window);
        return NULL;
    }
    window->limit = limit;
    for (uint32_t i = limit; i >= 1; i--) {
        window->places[i].next = window->unused;
        window->unused = i;
    }
    return window;
}

void kafka_window_close(struct kafka_window *window)
{
    free(window->places);
    free(window);
}

uint32_t kafka_window_put(struct kafka_window *window, struct kafka_sent sent)
{
    uint32_t ticket = window->unused;
    if (ticket == 0) {
        return 0;
    }
    struct place *place = &window->places[ticket];
    struct place *head = &window->places[0];
    window->unused = place->next;
    *place = (struct place){.sent = sent, .next = 0, .last = head->last, .out = true};
    window->places[head->last].next = ticket;
    head->last = ticket;
    window->count++;
    return ticket;
}

struct kafka_sent kafka_window_take(struct kafka_window *window, uint32_t ticket)
{
    assert(ticket > 0 && ticket <= window->limit && window->places[ticket].out);
    struct place *place = &window->places[ticket];
    window->places[place->last].next = place->next;
    window->places[place->next].last = place->last;
    place->out = false;
    place->next = window->unused;
    window->unused = ticket;
    window->count--;
    return place->sent;
}

struct kafka_sent *kafka_window_at(struct kafka_window *window, uint32_t ticket)
{
    assert(ticket > 0 && ticket <= window->limit && window->places[ticket].out);
    return &window->places[ticket].sent;
}

uint32_t kafka_window_first(const struct kafka_window *window)
{
    return window->places[0].next;
}

uint32_t kafka_window_count(const struct kafka_window *window)
{
    return window->count;
}
