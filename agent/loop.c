#include "agent/loop.h"

#include "agent/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 64 };

struct watch {
    int fd; // -1: free
    void (*ready)(void *context, int fd, uint32_t events);
    void *context;
};

struct loop {
    int epoll_fd;
    int timer_fd; // CLOCK_BOOTTIME: time goes on while the machine sleeps, unlike epoll's own
    int64_t timer_armed_ms;
    bool stop;
    uint32_t timer_count;
    struct loop_timer *timers[LOOP_TIMERS_MAX];
    struct watch watches[LOOP_WATCHES_MAX];
};

enum err loop_open(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return ERR_FAILED;
    }
    for (int i = 0; i < LOOP_WATCHES_MAX; i++) {
        loop->watches[i].fd = -1;
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (loop->epoll_fd < 0 || loop->timer_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) != 0) {
        enum err err = err_from_errno(errno);
        loop_close(loop);
        return err;
    }
    *out = loop;
    return OK;
}

void loop_close(struct loop *loop)
{
    (void)close(loop->epoll_fd);
    (void)close(loop->timer_fd);
    free(loop);
}

static struct watch *find(struct loop *loop, int fd)
{
    for (int i = 0; i < LOOP_WATCHES_MAX; i++) {
        if (loop->watches[i].fd == fd) {
            return &loop->watches[i];
        }
    }
    return NULL;
}

enum err loop_watch(struct loop *loop, int fd, uint32_t events,
                    void (*ready)(void *context, int fd, uint32_t events), void *context)
{
    struct watch *watch = find(loop, fd);
    int operation = EPOLL_CTL_MOD;
    if (watch == NULL) {
        watch = find(loop, -1);
        operation = EPOLL_CTL_ADD;
    }
    if (watch == NULL) {
        return ERR_LIMIT;
    }
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, operation, fd, &event) != 0) {
        return err_from_errno(errno);
    }
    *watch = (struct watch){.fd = fd, .ready = ready, .context = context};
    return OK;
}

void loop_unwatch(struct loop *loop, int fd)
{
    struct watch *watch = fd < 0 ? NULL : find(loop, fd);
    if (watch == NULL) {
        return;
    }
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    watch->fd = -1;
}

void loop_timer_add(struct loop *loop, struct loop_timer *timer)
{
    assert(loop->timer_count < LOOP_TIMERS_MAX);
    timer->armed = false;
    loop->timers[loop->timer_count++] = timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    timer->armed = delay_ms >= 0;
    timer->due_ms = clock_boot_ms() + delay_ms;
}

// Set the timerfd to the earliest timer. Returns the time to wait: 0 where one is due, else -1.
static int arm(struct loop *loop)
{
    int64_t earliest = INT64_MAX;
    for (uint32_t i = 0; i < loop->timer_count; i++) {
        const struct loop_timer *timer = loop->timers[i];
        if (timer->armed && timer->due_ms < earliest) {
            earliest = timer->due_ms;
        }
    }
    if (earliest != INT64_MAX && earliest <= clock_boot_ms()) {
        return 0;
    }
    if (earliest != loop->timer_armed_ms) {
        loop->timer_armed_ms = earliest;
        struct itimerspec at = {0};
        if (earliest != INT64_MAX) {
            at.it_value.tv_sec = earliest / 1000;
            at.it_value.tv_nsec = earliest % 1000 * 1000000;
        }
        (void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    }
    return -1;
}

static void serve_timers(struct loop *loop)
{
    int64_t now = clock_boot_ms();
    for (uint32_t i = 0; i < loop->timer_count; i++) {
        struct loop_timer *timer = loop->timers[i];
        if (timer->armed && timer->due_ms <= now) {
            timer->armed = false;
            timer->due(timer->context);
        }
    }
}

void loop_turn(struct loop *loop, int wait_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    int wait = arm(loop) == 0 ? 0 : wait_ms;
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, wait);
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        if (watch == NULL) {
            uint64_t ticks;
            ssize_t got = read(loop->timer_fd, &ticks, sizeof ticks);
            (void)got;
            loop->timer_armed_ms = 0;
        } else if (watch->fd >= 0) { // an earlier one of this turn may have forgotten it
            watch->ready(watch->context, watch->fd, events[i].events);
        }
    }
    serve_timers(loop);
}

void loop_run(struct loop *loop, void (*turn)(void *context), void *context)
{
    while (!loop->stop) {
        loop_turn(loop, -1);
        turn(context);
    }
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}
