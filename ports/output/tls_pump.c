#include "ports/output/tls_pump.h"

#include "agent/log.h"
#include "ports/output/tls_hold.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 32 };

struct tls_pump {
    int epoll;
    int mailbox[2]; // a pipe of struct tls_request: [0] the pump's, [1] everybody's
    pthread_t thread;
    struct tls_board board;
    struct tls_account accounts[TLS_ACCOUNTS_MAX];
    uint32_t account_count;
    struct tls_connection *connections;
    uint32_t connection_count;
    bool ending;
    uint8_t scratch[TLS_RECORD_SIZE]; // between two sockets within one step
};

// A write of this much into a pipe is whole or not at all (pipe(7)).
_Static_assert(sizeof(struct tls_request) <= PIPE_BUF, "P1: a request is one write");

// ---- the thread ----

static void accept_request(struct tls_pump *pump, const struct tls_request *request)
{
    if (request->account == NULL) {
        pump->ending = true;
        return;
    }
    if (pump->connection_count == TLS_CONNECTIONS_MAX) {
        log_warn("tls.full", "host=%s connections=%d", request->name, TLS_CONNECTIONS_MAX);
        (void)close(request->inner);
        return;
    }
    struct tls_connection *connection = tls_connection_open(request, &pump->board, pump->epoll);
    if (connection != NULL) {
        connection->next = pump->connections;
        pump->connections = connection;
        pump->connection_count++;
    }
}

static void mailbox_empty(struct tls_pump *pump)
{
    struct tls_request request;
    while (!pump->ending &&
           read(pump->mailbox[0], &request, sizeof request) == (ssize_t)sizeof request) {
        accept_request(pump, &request);
    }
}

// Close the dead, feed the hungry. True: some are hungry still.
static bool sweep(struct tls_pump *pump)
{
    bool hungry = false;
    struct tls_connection **at = &pump->connections;
    while (*at != NULL) { // at most TLS_CONNECTIONS_MAX
        struct tls_connection *connection = *at;
        if (connection->hungry && !connection->dead) {
            tls_connection_step(connection, pump->scratch);
        }
        if (connection->dead || pump->ending) {
            *at = connection->next;
            tls_connection_close(connection);
            pump->connection_count--;
        } else {
            hungry |= connection->hungry;
            at = &connection->next;
        }
    }
    return hungry;
}

static void *pump_run(void *context)
{
    struct tls_pump *pump = context;
    struct epoll_event events[EVENTS_MAX];
    bool hungry = false;
    while (!pump->ending) {
        int count = epoll_wait(pump->epoll, events, EVENTS_MAX, hungry ? 0 : -1);
        assert(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++) {
            struct tls_end *end = events[i].data.ptr;
            if (end == NULL) {
                mailbox_empty(pump);
            } else if (!end->owner->dead) { // it may have died by its other end's event
                end->events = events[i].events;
                tls_connection_step(end->owner, pump->scratch);
            }
        }
        hungry = sweep(pump);
    }
    return NULL;
}

// ---- what others call ----

// The thread takes no signals: they are the loop's.
static bool thread_start(struct tls_pump *pump)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&pump->thread, NULL, pump_run, pump);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return failed == 0;
}

static void descriptors_close(struct tls_pump *pump)
{
    const int descriptors[] = {pump->epoll, pump->mailbox[0], pump->mailbox[1]};
    for (size_t i = 0; i < 3; i++) {
        if (descriptors[i] >= 0) {
            (void)close(descriptors[i]);
        }
    }
}

enum err tls_pump_open(struct tls_pump **out)
{
    struct tls_pump *pump = calloc(1, sizeof *pump);
    if (pump == NULL) {
        return ERR_FAILED;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    pump->mailbox[0] = -1;
    pump->mailbox[1] = -1;
    pump->epoll = epoll_create1(EPOLL_CLOEXEC);
    tls_board_init(&pump->board);
    if (pump->epoll < 0 || pipe2(pump->mailbox, O_NONBLOCK | O_CLOEXEC) != 0 ||
        epoll_ctl(pump->epoll, EPOLL_CTL_ADD, pump->mailbox[0], &event) != 0 ||
        !thread_start(pump)) {
        int number = errno;
        descriptors_close(pump);
        tls_board_destroy(&pump->board);
        free(pump);
        errno = number;
        return ERR_FAILED;
    }
    *out = pump;
    return OK;
}

// Requests that nobody will see to.
static void mailbox_drain(struct tls_pump *pump)
{
    struct tls_request request;
    while (read(pump->mailbox[0], &request, sizeof request) == (ssize_t)sizeof request) {
        if (request.account != NULL) {
            (void)close(request.inner);
        }
    }
}

void tls_pump_close(struct tls_pump *pump)
{
    const struct tls_request stop = {.account = NULL};
    int flags = fcntl(pump->mailbox[1], F_GETFL);
    (void)fcntl(pump->mailbox[1], F_SETFL, flags & ~O_NONBLOCK); // a full mailbox: wait for room
    ssize_t put = write(pump->mailbox[1], &stop, sizeof stop);
    assert(put == (ssize_t)sizeof stop);
    (void)pthread_join(pump->thread, NULL);
    mailbox_drain(pump);
    descriptors_close(pump);
    for (uint32_t i = 0; i < pump->account_count; i++) {
        tls_account_free(&pump->accounts[i]);
    }
    tls_board_destroy(&pump->board);
    free(pump);
}

struct tls_account *tls_pump_account(struct tls_pump *pump, const struct tls_settings *settings)
{
    for (uint32_t i = 0; i < pump->account_count; i++) {
        if (tls_account_is_for(&pump->accounts[i], settings)) {
            return &pump->accounts[i];
        }
    }
    if (pump->account_count == TLS_ACCOUNTS_MAX ||
        tls_account_init(&pump->accounts[pump->account_count], settings) != OK) {
        return NULL;
    }
    return &pump->accounts[pump->account_count++];
}

int tls_pump_connect(struct tls_pump *pump, struct tls_account *account, int socket,
                     const struct sockaddr *address, socklen_t address_size, const char *name)
{
    struct tls_request request = {.account = account, .address_size = address_size};
    assert(address_size <= sizeof request.address);
    memcpy(&request.address, address, address_size);
    (void)snprintf(request.name, sizeof request.name, "%s", name);
    if (tls_hold_begin(socket, &request.inner, &request.held) != OK) {
        return errno;
    }
    if (write(pump->mailbox[1], &request, sizeof request) != (ssize_t)sizeof request) {
        int number = errno;
        (void)close(request.inner);
        return number;
    }
    return 0;
}

bool tls_pump_fault(struct tls_pump *pump, const char *name, bool timed_out,
                    struct tls_fault *fault)
{
    return tls_board_look(&pump->board, name, timed_out, fault);
}
