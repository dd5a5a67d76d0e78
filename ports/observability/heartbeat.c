// The service "heartbeat": a birth when the loop begins to turn, a beat each interval, an event at
// once when status or reasons change (at most one in ten seconds; what changes in between is told
// together), a bye at a clean stop.
//
// Counters are told since the last heartbeat that the broker took, so a lost one loses nothing.
// Until the broker has taken one of this run, each is a birth: the first that arrives is one.
#include "ports/observability/heartbeat_json.h"
#include "ports/observability/heartbeat_sender.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/service.h"

#include <stdlib.h>
#include <sys/epoll.h>

enum { EVENT_EVERY_MS = 10000, CLOCK_STEP_MS = 1000 };

static const char memory_name[] = "heartbeat";

// No gateway of ours ran before this: 2026-01-01.
static const int64_t earliest_wall_ms = 1767225600000;

struct heart {
    struct heartbeat_sender *sender;
    int wake_fd; // the sender's
    struct heartbeat_memory memory;
    struct machine machine;
    struct machine_ticks last_ticks;
    struct report report;
    bool begun;
    uint64_t seq; // of the next
    int64_t beat_due_ms;
    int64_t event_allowed_ms;
    bool event_waits;
    bool was_synced;
    int64_t wall_ahead_ms; // of boot time; moves only when the wall clock is set or slewed
    uint64_t clock_steps;
};

static int64_t floor_of(const struct heart *heart)
{
    return heart->memory.wall_ms > earliest_wall_ms ? heart->memory.wall_ms : earliest_wall_ms;
}

static void look_at_clock(struct heart *heart, int64_t wall_ms, int64_t boot_ms)
{
    int64_t moved_ms = wall_ms - boot_ms - heart->wall_ahead_ms;
    if (heart->seq > 0 && (moved_ms > CLOCK_STEP_MS || moved_ms < -CLOCK_STEP_MS)) {
        heart->clock_steps++;
    }
    heart->wall_ahead_ms = wall_ms - boot_ms;
    heart->was_synced = heart->was_synced || heart->machine.clock_synced;
}

static void keep_memory(struct service_port *port)
{
    const struct heart *heart = port->state;
    uint8_t bytes[HEARTBEAT_MEMORY_SIZE];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    memory_put(&heart->memory, &out);
    service_keep(port, memory_name, buffer_bytes(&out));
}

static void begin(struct service_port *port)
{
    struct heart *heart = port->state;
    int64_t wall_ms = clock_wall_ms();
    bool known = wall_ms >= floor_of(heart);
    memory_begin(&heart->memory, heart->machine.boot_id, port->settings->digest,
                 known ? wall_ms : -1);
    keep_memory(port);
}

static void send_heartbeat(struct service_port *port, enum heartbeat_kind kind, const char *why)
{
    static const struct report_counters zeros = {0};
    struct heart *heart = port->state;
    machine_read(&heart->machine, "", port->settings->state_dir);
    if (!heart->begun) {
        heart->begun = true;
        begin(port);
    }
    service_report(port, &heart->report);
    int64_t wall_ms = clock_wall_ms();
    struct heartbeat_told told = {.seq = heart->seq, .boot_ms = clock_boot_ms()};
    look_at_clock(heart, wall_ms, told.boot_ms);
    report_count(&heart->report, &told.counters);
    const struct heartbeat_told *acked = sender_acked(heart->sender);
    const struct heartbeat beat = {
        .kind = kind,
        .report = &heart->report,
        .machine = &heart->machine,
        .memory = &heart->memory,
        .cpu_pct = machine_load_pct(&heart->last_ticks, &heart->machine.ticks),
        .clock =
            heartbeat_clock_state(&heart->machine, heart->was_synced, wall_ms, floor_of(heart)),
        .clock_steps = heart->clock_steps,
        .seq = heart->seq,
        .now_boot_ms = told.boot_ms,
        .now_wall_ms = wall_ms,
        .counters = &told.counters,
        .acked = acked == NULL ? &zeros : &acked->counters,
        .acked_seq = acked == NULL ? -1 : (int64_t)acked->seq,
        .acked_boot_ms = acked == NULL ? heart->report.started_boot_ms : acked->boot_ms,
        .bye_why = why,
    };
    heart->last_ticks = heart->machine.ticks;
    char *document = heartbeat_json(&beat);
    if (document != NULL) {
        sender_send(heart->sender, bytes_text(port->settings->gateway), bytes_text(document),
                    &told);
        heart->seq++;
    }
    free(document);
}

static void set_due(struct service_port *port)
{
    const struct heart *heart = port->state;
    int64_t due_ms = heart->beat_due_ms;
    if (heart->event_waits && heart->event_allowed_ms < due_ms) {
        due_ms = heart->event_allowed_ms;
    }
    int64_t delay_ms = due_ms - clock_boot_ms();
    service_due_in(port, delay_ms < 0 ? 0 : delay_ms);
}

static void heartbeat_due(struct service_port *port)
{
    struct heart *heart = port->state;
    int64_t now_ms = clock_boot_ms();
    if (now_ms >= heart->beat_due_ms) {
        bool born = sender_acked(heart->sender) != NULL;
        heart->event_waits = false; // a beat tells all that an event would
        heart->beat_due_ms += port->settings->heartbeat_ms;
        if (heart->beat_due_ms <= now_ms) { // the machine slept: no beats are made up for
            heart->beat_due_ms = now_ms + port->settings->heartbeat_ms;
        }
        send_heartbeat(port, born ? HEARTBEAT_BEAT : HEARTBEAT_BIRTH, NULL);
    } else if (heart->event_waits && now_ms >= heart->event_allowed_ms) {
        heart->event_waits = false;
        heart->event_allowed_ms = now_ms + EVENT_EVERY_MS;
        send_heartbeat(port, HEARTBEAT_EVENT, NULL);
    }
    set_due(port);
}

static void heartbeat_changed(struct service_port *port)
{
    struct heart *heart = port->state;
    heart->event_waits = heart->begun; // the birth tells how it began
    set_due(port);
}

static void heartbeat_ready(struct service_port *port, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct heart *heart = port->state;
    sender_serve(heart->sender);
}

static enum err heartbeat_open(struct service_port *port)
{
    struct heart *heart = calloc(1, sizeof *heart);
    if (heart == NULL) {
        log_error("heartbeat.memory", "bytes=%zu there is no memory for the heartbeat",
                  sizeof *heart);
        return ERR_FAILED;
    }
    enum err err = sender_open(&heart->sender, port->settings, port->settings->heartbeat_topic,
                               "heartbeat", &heart->wake_fd);
    if (err == OK) {
        err = service_watch(port, heart->wake_fd, EPOLLIN);
        if (err != OK) {
            sender_close(heart->sender);
        }
    }
    if (err != OK) {
        free(heart);
        return err;
    }
    port->state = heart;
    (void)memory_get(&heart->memory, service_recall(port, memory_name)); // none, or foreign: new
    heart->beat_due_ms = clock_boot_ms();
    set_due(port); // the birth: once the loop turns, and all that a report tells is there
    return OK;
}

static void heartbeat_close(struct service_port *port, int wait_ms)
{
    struct heart *heart = port->state;
    send_heartbeat(port, HEARTBEAT_BYE, "stop");
    heart->memory.clean = true;
    int64_t wall_ms = clock_wall_ms();
    if (wall_ms > floor_of(heart)) {
        heart->memory.wall_ms = wall_ms;
    }
    keep_memory(port);
    sender_drain(heart->sender, wait_ms);
    (void)service_watch(port, heart->wake_fd, 0);
    sender_close(heart->sender);
    free(heart);
    port->state = NULL;
}

const struct service service_heartbeat = {
    .name = "heartbeat",
    .open = heartbeat_open,
    .ready = heartbeat_ready,
    .due = heartbeat_due,
    .changed = heartbeat_changed,
    .close = heartbeat_close,
};
