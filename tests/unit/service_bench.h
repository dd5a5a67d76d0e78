// The core's side of agent/service.h for one service: descriptors by poll(2), one timer, a report
// of the test's, and small state in memory. Include it in one file of a test program.
#ifndef WEIR_TESTS_SERVICE_BENCH_H
#define WEIR_TESTS_SERVICE_BENCH_H

#include "agent/clock.h"
#include "agent/service.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>

enum { BENCH_WATCHES_MAX = 32, BENCH_STATE_SIZE = 1024 };

static struct {
    const struct service *service;
    struct service_port port;
    struct pollfd watches[BENCH_WATCHES_MAX];
    nfds_t watch_count;
    int64_t due_ms; // INT64_MAX: none
    struct report report;
    char state_name[64];
    uint8_t state[BENCH_STATE_SIZE];
    size_t state_size;
} bench = {.due_ms = INT64_MAX};

enum err service_watch(struct service_port *port, int fd, uint32_t events)
{
    (void)port;
    nfds_t i = 0;
    while (i < bench.watch_count && bench.watches[i].fd != fd) {
        i++;
    }
    if (events == 0) {
        if (i < bench.watch_count) {
            bench.watches[i] = bench.watches[--bench.watch_count];
        }
        return OK;
    }
    assert(i < BENCH_WATCHES_MAX);
    bench.watches[i] = (struct pollfd){.fd = fd, .events = (short)events};
    bench.watch_count += i == bench.watch_count ? 1 : 0;
    return OK;
}

void service_due_in(struct service_port *port, int64_t delay_ms)
{
    (void)port;
    bench.due_ms = delay_ms < 0 ? INT64_MAX : clock_boot_ms() + delay_ms;
}

void service_report(struct service_port *port, struct report *report)
{
    (void)port;
    *report = bench.report;
}

void service_levels(struct service_port *port, uint32_t index, const struct slo_result *levels,
                    uint32_t count)
{
    (void)port;
    bench.report.products[index].levels = levels;
    bench.report.products[index].level_count = count;
}

struct bytes service_recall(struct service_port *port, const char *name)
{
    (void)port;
    return strcmp(name, bench.state_name) == 0 ? bytes_from(bench.state, bench.state_size)
                                               : bytes_from(NULL, 0);
}

void service_keep(struct service_port *port, const char *name, struct bytes value)
{
    (void)port;
    assert(value.size <= sizeof bench.state);
    (void)snprintf(bench.state_name, sizeof bench.state_name, "%s", name);
    memcpy(bench.state, value.at, value.size);
    bench.state_size = value.size;
}

static inline enum err bench_open(const struct service *service, const struct settings *settings)
{
    bench.service = service;
    bench.port = (struct service_port){.settings = settings};
    bench.watch_count = 0;
    bench.due_ms = INT64_MAX;
    return service->open(&bench.port);
}

// One turn of the loop, waiting at most `wait_ms`.
static inline void bench_turn(int wait_ms)
{
    int64_t left_ms = bench.due_ms == INT64_MAX ? wait_ms : bench.due_ms - clock_boot_ms();
    left_ms = left_ms < 0 ? 0 : left_ms > wait_ms ? wait_ms : left_ms;
    int count = poll(bench.watches, bench.watch_count, (int)left_ms);
    struct pollfd ready[BENCH_WATCHES_MAX];
    nfds_t ready_count = 0;
    for (nfds_t i = 0; count > 0 && i < bench.watch_count; i++) {
        if (bench.watches[i].revents != 0) {
            ready[ready_count++] = bench.watches[i];
        }
    }
    for (nfds_t i = 0; i < ready_count; i++) {
        bench.service->ready(&bench.port, ready[i].fd, (uint32_t)ready[i].revents);
    }
    if (bench.due_ms <= clock_boot_ms()) {
        bench.due_ms = INT64_MAX;
        bench.service->due(&bench.port);
    }
}

#endif
