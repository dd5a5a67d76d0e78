// The loop: one thread, one epoll, timers in boot time. It owns all state but the store's.
//
// Floor: wiring.
#ifndef WEIR_AGENT_LOOP_H
#define WEIR_AGENT_LOOP_H

#include "agent/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOOP_WATCHES_MAX = 512, LOOP_TIMERS_MAX = 192 };

struct loop; // opaque

struct loop_timer {
    void (*due)(void *context);
    void *context;
    int64_t due_ms; // boot time; the loop's own
    bool armed;     // the loop's own
};

enum err loop_open(struct loop **loop);
void loop_close(struct loop *loop);

// Watch `fd` for `events` (EPOLLIN, ...), or change what was watched. ERR_LIMIT: too many.
enum err loop_watch(struct loop *loop, int fd, uint32_t events,
                    void (*ready)(void *context, int fd, uint32_t events), void *context);
// Forget `fd`; call before closing it. A fd that is not watched is fine.
void loop_unwatch(struct loop *loop, int fd);

// A timer lives in its owner's memory and is added once.
void loop_timer_add(struct loop *loop, struct loop_timer *timer);
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms); // from now; < 0: none

// Run until loop_stop. Each turn: descriptors that are ready, timers that are due, then `turn`.
void loop_run(struct loop *loop, void (*turn)(void *context), void *context);

// One turn, waiting at most `wait_ms`.
void loop_turn(struct loop *loop, int wait_ms);

void loop_stop(struct loop *loop);

#endif
