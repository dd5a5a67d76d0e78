// What has been handed to librdkafka and not come back: a bounded table whose tickets travel as the
// opaque of a message (a pointer of 32 bits cannot carry a seq), and which remembers the order of
// sending, so that all of it can be given back in order when a client dies.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_WINDOW_H
#define WEIR_PORTS_OUTPUT_KAFKA_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct kafka_window; // opaque

struct kafka_sent {
    uint64_t id; // a seq or a token
    int64_t time_ms;
    uint32_t topic;
    uint32_t size; // bytes of key and value
    bool reported; // its report is here, and its transaction has not ended
    bool refused;  // and says that the broker will never take it
};

struct kafka_window *kafka_window_open(uint32_t limit); // NULL: no memory; memory is taken here
void kafka_window_close(struct kafka_window *window);

// A ticket (> 0) for `sent`; 0: the window is full.
uint32_t kafka_window_put(struct kafka_window *window, struct kafka_sent sent);

// Take back what `ticket` stands for. A ticket that is not out is a bug.
struct kafka_sent kafka_window_take(struct kafka_window *window, uint32_t ticket);

// What `ticket` stands for, to be looked at and marked.
struct kafka_sent *kafka_window_at(struct kafka_window *window, uint32_t ticket);

// The ticket that has been out longest; 0: none is out.
uint32_t kafka_window_first(const struct kafka_window *window);

uint32_t kafka_window_count(const struct kafka_window *window);

#endif
