// The service "control": answers on the local control socket. A client has one line and ten
// seconds; there are at most eight at a time, and a ninth waits in the socket's queue. The answer
// is made when the line is complete and sent as the client takes it.
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/service.h"
#include "ports/control/socket.h"
#include "ports/control/status_json.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 8, CLIENT_MS = 10000 };

struct client {
    int fd; // -1: free
    int64_t end_ms;
    size_t line_size;
    char line[CONTROL_REQUEST_MAX + 1];
    char *answer; // NULL until the line is complete; owned
    size_t answer_size;
    size_t sent;
};

struct control {
    int listener;
    struct client clients[CLIENTS_MAX];
    struct report report;
};

static void hang_up(struct service_port *port, struct client *client)
{
    struct control *control = port->state;
    (void)service_watch(port, client->fd, 0);
    (void)close(client->fd);
    free(client->answer);
    *client = (struct client){.fd = -1};
    (void)service_watch(port, control->listener, EPOLLIN); // there is a place again
}

// The time at which the slowest client has used up its time.
static void set_due(struct service_port *port)
{
    struct control *control = port->state;
    int64_t first_ms = INT64_MAX;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (control->clients[i].fd >= 0 && control->clients[i].end_ms < first_ms) {
            first_ms = control->clients[i].end_ms;
        }
    }
    int64_t delay_ms = first_ms == INT64_MAX ? -1 : first_ms - clock_boot_ms();
    service_due_in(port, first_ms != INT64_MAX && delay_ms < 0 ? 0 : delay_ms);
}

static struct client *free_place(struct control *control)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (control->clients[i].fd < 0) {
            return &control->clients[i];
        }
    }
    return NULL;
}

static void accept_client(struct service_port *port)
{
    struct control *control = port->state;
    struct client *client = free_place(control);
    if (client == NULL) {
        (void)service_watch(port, control->listener, 0); // until one hangs up
        return;
    }
    int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return; // it went away again
    }
    *client = (struct client){.fd = fd, .end_ms = clock_boot_ms() + CLIENT_MS};
    if (service_watch(port, fd, EPOLLIN) != OK) {
        hang_up(port, client);
    }
    set_due(port);
}

static char *answer_for(struct service_port *port, const char *line)
{
    struct control *control = port->state;
    if (strcmp(line, "status") == 0) {
        service_report(port, &control->report);
        return status_json(&control->report, clock_boot_ms());
    }
    return strdup("{\"error\":\"not a request of this agent; it knows: status\"}");
}

static void send_answer(struct service_port *port, struct client *client)
{
    ssize_t went = send(client->fd, client->answer + client->sent,
                        client->answer_size - client->sent, MSG_NOSIGNAL);
    if (went < 0 && errno == EAGAIN) {
        return;
    }
    if (went > 0) {
        client->sent += (size_t)went;
    }
    if (went < 0 || client->sent == client->answer_size) {
        hang_up(port, client);
    }
}

// Take what there is of the line; true where it is complete.
static bool read_line(struct service_port *port, struct client *client)
{
    ssize_t got = read(client->fd, client->line + client->line_size,
                       CONTROL_REQUEST_MAX + 1 - client->line_size);
    if (got < 0 && errno == EAGAIN) {
        return false;
    }
    if (got <= 0) {
        hang_up(port, client);
        return false;
    }
    client->line_size += (size_t)got;
    char *end = memchr(client->line, '\n', client->line_size);
    if (end == NULL && client->line_size <= CONTROL_REQUEST_MAX) {
        return false;
    }
    if (end == NULL) {
        end = client->line; // longer than any request: it gets the sentence for unknown ones
    }
    *end = 0;
    return true;
}

static void serve_client(struct service_port *port, struct client *client)
{
    if (client->answer == NULL) {
        if (!read_line(port, client)) {
            return;
        }
        client->answer = answer_for(port, client->line);
        if (client->answer == NULL) {
            hang_up(port, client);
            return;
        }
        client->answer_size = strlen(client->answer);
        (void)service_watch(port, client->fd, EPOLLOUT);
    }
    send_answer(port, client);
}

static void control_ready(struct service_port *port, int fd, uint32_t events)
{
    (void)events; // read and send say what became of the client
    struct control *control = port->state;
    if (fd == control->listener) {
        accept_client(port);
        return;
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (control->clients[i].fd == fd) {
            serve_client(port, &control->clients[i]);
            set_due(port);
            return;
        }
    }
}

static void control_due(struct service_port *port)
{
    struct control *control = port->state;
    int64_t now_ms = clock_boot_ms();
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (control->clients[i].fd >= 0 && control->clients[i].end_ms <= now_ms) {
            hang_up(port, &control->clients[i]);
        }
    }
    set_due(port);
}

static void tell_no_listener(const char *path, enum err err)
{
    if (err == ERR_BUSY) {
        log_error("control.busy",
                  "socket=%s another agent answers there; stop it, or set another state directory",
                  path);
    } else if (err == ERR_LIMIT) {
        log_error("control.path",
                  "socket=%s is longer than the 107 bytes a socket's path may have; set a shorter "
                  "control socket",
                  path);
    } else if (err == ERR_INVALID) {
        log_error("control.path",
                  "socket=%s exists and is no socket; move it away, or set another control socket",
                  path);
    } else {
        log_error("control.path",
                  "socket=%s cannot be made: %s; see that its directory exists and "
                  "belongs to the agent's user",
                  path, err_name(err));
    }
}

// A dead disk takes the socket with it, and must not take the agent: the heartbeat still tells.
static bool disk_is_dead(struct service_port *port, struct report *report)
{
    bool dead = false;
    service_report(port, report);
    for (uint32_t i = 0; i < report->product_count; i++) {
        dead = dead || report->products[i].in_memory;
    }
    return dead;
}

static enum err control_open(struct service_port *port)
{
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        log_error("control.memory", "bytes=%zu there is no memory for the control socket",
                  sizeof *control);
        return ERR_FAILED;
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        control->clients[i].fd = -1;
    }
    const char *path = port->settings->control_socket;
    enum err err = control_listen(path, &control->listener);
    if (err == OK) {
        err = service_watch(port, control->listener, EPOLLIN);
    } else if (disk_is_dead(port, &control->report)) {
        log_warn("control.none",
                 "socket=%s cannot be made on a disk that does not work: weir status gets no "
                 "answer; a control socket elsewhere would have one",
                 path);
        port->state = control;
        return OK;
    } else {
        tell_no_listener(path, err);
    }
    if (err != OK) {
        if (control->listener >= 0) {
            (void)close(control->listener);
        }
        free(control);
        return err;
    }
    port->state = control;
    return OK;
}

static void control_close(struct service_port *port, int wait_ms)
{
    (void)wait_ms;
    struct control *control = port->state;
    if (control->listener < 0) {
        free(control);
        port->state = NULL;
        return;
    }
    (void)unlink(port->settings->control_socket); // first: who comes now is told that none is here
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (control->clients[i].fd >= 0) {
            hang_up(port, &control->clients[i]);
        }
    }
    (void)service_watch(port, control->listener, 0);
    (void)close(control->listener);
    free(control);
    port->state = NULL;
}

const struct service service_control = {
    .name = "control",
    .open = control_open,
    .ready = control_ready,
    .due = control_due,
    .close = control_close,
};
