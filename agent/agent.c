#include "agent/agent.h"

#include "agent/agent_core.h"
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/notify.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    BUDGET_A_TURN = 2000,     // records sent per product and turn, so that nobody waits long
    STOP_STORE_MS = 10000,    // a stop waits so long for the disk
    STOP_SEND_MS = 5000,      // and so long for the broker, while it answers,
    STOP_CONNECT_MS = 2000,   // and so long while it does not
    STOP_BYE_MS = 3000,       // and so long for the bye
    STORE_STALLED_MS = 10000, // a job of the store that takes longer is stalled
};

// ---- the turn ----

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static void watch_store(struct agent *agent)
{
    bool stalled = worker_busy_ms(agent->store) > STORE_STALLED_MS;
    if (stalled && !agent->store_stalled) {
        log_warn("store.stalled", "the disk has not answered for %lld ms; records wait in memory",
                 (long long)worker_busy_ms(agent->store));
    } else if (!stalled && agent->store_stalled) {
        log_info("store.well", "the disk answers again");
    }
    agent->store_stalled = stalled;
}

static void turn(void *context)
{
    struct agent *agent = context;
    int64_t due_ms = -1;
    for (uint32_t i = 0; i < agent->product_count; i++) {
        bool more = product_turn(&agent->products[i], BUDGET_A_TURN);
        due_ms = sooner(due_ms, more ? 0 : product_due_in_ms(&agent->products[i]));
    }
    for (uint32_t i = 0; i < agent->input_count; i++) {
        input_core_turn(&agent->inputs[i]);
    }
    loop_timer_set(&agent->turn_timer, due_ms);
}

static void turn_due(void *context)
{
    (void)context; // `turn` follows every turn of the loop
}

static void second_due(void *context)
{
    struct agent *agent = context;
    loop_timer_set(&agent->second_timer, 1000);
    watch_store(agent);
    agent_watch_status(agent);
    agent_budget_second(agent);
    agent_watch_schemas(agent);
}

static void watchdog_due(void *context)
{
    struct agent *agent = context;
    notify("WATCHDOG=1");
    loop_timer_set(&agent->watchdog_timer, notify_watchdog_ms());
}

static void store_ready(void *context, int fd, uint32_t events)
{
    struct agent *agent = context;
    (void)fd;
    (void)events;
    worker_serve(agent->store);
}

static void output_ready(void *context, int fd, uint32_t events)
{
    struct agent *agent = context;
    (void)fd;
    (void)events;
    agent->driver->serve(&agent->output);
}

static void signal_ready(void *context, int fd, uint32_t events)
{
    struct agent *agent = context;
    (void)events;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    log_info("agent.stopping", "signal=%u", info.ssi_signo);
    loop_stop(agent->loop);
}

// ---- called by the output driver ----

void output_delivered(struct output *output, uint32_t product, uint64_t seq, enum delivered how)
{
    struct agent *agent = output->core;
    assert(product < agent->product_count);
    product_delivered(&agent->products[product], seq, how);
}

void output_told(struct output *output, uint64_t token, enum delivered how)
{
    struct agent *agent = output->core;
    uint64_t product = token >> 48;
    assert(product < agent->product_count);
    product_told(&agent->products[product], token & 0xffffffffffff, how);
}

void output_partitions(struct output *output, uint32_t product, bool late, int32_t count)
{
    struct agent *agent = output->core;
    assert(product < agent->product_count);
    uint8_t bytes[4];
    put_u32(bytes, (uint32_t)count);
    enum err err = product_keep(&agent->products[product], late ? "partitions.late" : "partitions",
                                bytes_from(bytes, 4));
    assert(err == OK); // one name, four bytes
}

void output_cursor(struct output *output, uint32_t product, bool late, uint64_t next_seq)
{
    struct agent *agent = output->core;
    assert(product < agent->product_count);
    product_known_delivered(&agent->products[product], late, next_seq);
}

// ---- start ----

static void give_to_worker(void *context, struct job *job)
{
    worker_give(context, job);
}

static int watch_signals(struct agent *agent)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); // before any thread is started
    (void)signal(SIGPIPE, SIG_IGN);
    agent->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (agent->signal_fd < 0 || loop_open(&agent->loop) != OK ||
        loop_watch(agent->loop, agent->signal_fd, EPOLLIN, signal_ready, agent) != OK) {
        log_error("agent.start", "no descriptors: %s", strerror(errno));
        return EX_OSERR;
    }
    return EX_OK;
}

// Half of what the promises leave beside the commit; the way to the broker has the other half.
static int64_t linger_ms(const struct settings *settings)
{
    int64_t least = -1;
    for (uint32_t i = 0; i < settings->product_count; i++) {
        const struct product_settings *product = &settings->products[i];
        int64_t promised_ms = product->contract->latency_ms;
        int64_t half_ms = (promised_ms - product->commit_ms) / 2;
        half_ms = half_ms < LINGER_LEAST_MS ? LINGER_LEAST_MS : half_ms;
        if (promised_ms >= 0 && (least < 0 || half_ms < least)) {
            least = half_ms;
        }
    }
    return least;
}

static int open_output(struct agent *agent)
{
    const struct settings *settings = agent->settings;
    bool exactly_once = false;
    for (uint32_t i = 0; i < settings->product_count; i++) {
        const struct contract_port *port = settings->products[i].port;
        agent->topics[i] = (struct output_topic){
            .topic = port->topic,
            .rule = port->partition_by == PARTITION_BY_KEY ? RULE_KEY : RULE_GATEWAY};
        if (port->late == LATE_TOPIC) {
            (void)snprintf(agent->late_topics[i], sizeof agent->late_topics[i], "%s.late",
                           port->topic);
            agent->topics[i].late_topic = agent->late_topics[i];
        }
        exactly_once |= settings->products[i].delivery == DELIVERY_EXACTLY_ONCE;
    }
    agent->driver = output_drivers[0];
    agent->output = (struct output){.options = &settings->kafka,
                                    .gateway = settings->gateway,
                                    .exactly_once = exactly_once,
                                    .linger_ms = linger_ms(settings),
                                    .domain = settings->products[0].contract->domain,
                                    .topic_count = settings->product_count,
                                    .topics = agent->topics,
                                    .core = agent};
    int fd = -1;
    if (agent->driver->open(&agent->output, &fd) != OK) {
        return EX_CONFIG; // the sentence was logged
    }
    agent->output_is_open = true;
    if (loop_watch(agent->loop, fd, EPOLLIN, output_ready, agent) != OK) {
        return EX_OSERR;
    }
    return EX_OK;
}

static int open_inputs(struct agent *agent)
{
    for (uint32_t i = 0; i < agent->settings->input_count; i++) {
        const struct input_settings *settings = &agent->settings->inputs[i];
        struct input_core *core = &agent->inputs[i];
        core->settings = settings;
        core->product = &agent->products[settings->product];
        core->loop = agent->loop;
        core->gateway = agent->settings->gateway;
        core->output_options = &agent->settings->kafka;
        if (input_core_open(core) != OK) {
            core->closed = true;
            return EX_UNAVAILABLE; // the sentence was logged
        }
        agent->input_count++;
    }
    return EX_OK;
}

static int start(struct agent *agent)
{
    int code = watch_signals(agent);
    if (code == EX_OK && worker_open(&agent->store, "store") != OK) {
        log_error("agent.start", "no thread for the store: %s", strerror(errno));
        code = EX_OSERR;
    }
    if (code == EX_OK &&
        loop_watch(agent->loop, worker_fd(agent->store), EPOLLIN, store_ready, agent) != OK) {
        code = EX_OSERR;
    }
    if (code == EX_OK) {
        code = open_output(agent);
    }
    if (code == EX_OK) {
        code = agent_open_products(agent);
    }
    if (code == EX_OK) {
        agent_budget_open(agent);
        code = open_inputs(agent);
    }
    if (code == EX_OK) {
        code = agent_open_services(agent);
    }
    struct job_giver giver = {.give = give_to_worker, .context = agent->store};
    for (uint32_t i = 0; i < agent->product_count; i++) {
        product_start(&agent->products[i], giver);
    }
    if (code == EX_OK) {
        agent_report(agent, &agent->last); // as it is born; what differs from it is told at once
    }
    return code;
}

static void add_timers(struct agent *agent)
{
    agent->turn_timer = (struct loop_timer){.due = turn_due, .context = agent};
    agent->second_timer = (struct loop_timer){.due = second_due, .context = agent};
    agent->watchdog_timer = (struct loop_timer){.due = watchdog_due, .context = agent};
    loop_timer_add(agent->loop, &agent->turn_timer);
    loop_timer_add(agent->loop, &agent->second_timer);
    loop_timer_add(agent->loop, &agent->watchdog_timer);
    loop_timer_set(&agent->turn_timer, 0);
    loop_timer_set(&agent->second_timer, 1000);
    loop_timer_set(&agent->watchdog_timer, notify_watchdog_ms());
}

// ---- stop ----

static bool all_stored(const struct agent *agent)
{
    for (uint32_t i = 0; i < agent->product_count; i++) {
        if (!product_is_stored(&agent->products[i])) {
            return false;
        }
    }
    return true;
}

static bool all_drained(const struct agent *agent)
{
    for (uint32_t i = 0; i < agent->product_count; i++) {
        if (!product_is_drained(&agent->products[i])) {
            return false;
        }
    }
    return true;
}

static void commit_all(struct agent *agent)
{
    for (uint32_t i = 0; i < agent->product_count; i++) {
        product_hurry(&agent->products[i]);
    }
    int64_t until = clock_boot_ms() + STOP_STORE_MS;
    turn(agent);
    while (!all_stored(agent) && clock_boot_ms() < until) {
        loop_turn(agent->loop, 100);
        turn(agent);
    }
}

// Send what is stored. A broker that does not answer (or not yet) is waited for less long.
static void drain(struct agent *agent)
{
    int64_t began = clock_boot_ms();
    struct output_stat stat;
    agent->driver->stat(&agent->output, &stat);
    while (!all_drained(agent) &&
           clock_boot_ms() - began < (stat.link == LINK_UP ? STOP_SEND_MS : STOP_CONNECT_MS)) {
        loop_turn(agent->loop, 50);
        turn(agent);
        agent->driver->stat(&agent->output, &stat);
    }
}

static void stop(struct agent *agent)
{
    if (!agent->starts_anew) {
        notify("STOPPING=1");
    }
    for (uint32_t i = 0; i < agent->input_count; i++) {
        input_core_close(&agent->inputs[i]);
    }
    commit_all(agent);
    drain(agent);
    agent_close_services(agent, STOP_BYE_MS);
    agent_budget_keep(agent);
    commit_all(agent); // the cursor, and what the services keep
    log_info("agent.stopped", "stored=%s drained=%s", all_stored(agent) ? "yes" : "no",
             all_drained(agent) ? "yes" : "no");
}

static void release(struct agent *agent)
{
    if (agent->output_is_open) {
        agent->driver->close(&agent->output);
    }
    if (agent->store != NULL) {
        worker_close(agent->store);
    }
    agent_close_products(agent);
    if (agent->loop != NULL) {
        loop_close(agent->loop);
    }
    if (agent->signal_fd >= 0) {
        (void)close(agent->signal_fd);
    }
    free(agent);
}

int agent_run(const struct settings *settings)
{
    struct agent *agent = calloc(1, sizeof *agent);
    if (agent == NULL) {
        log_error("agent.start", "there is not enough memory");
        return EX_OSERR;
    }
    agent->settings = settings;
    agent->signal_fd = -1;
    agent->started_boot_ms = clock_boot_ms();
    int code = start(agent);
    if (code == EX_OK) {
        log_info("agent.started", "version=%s gateway=%s products=%u inputs=%u", WEIR_VERSION,
                 settings->gateway, settings->product_count, settings->input_count);
        notify("READY=1");
        add_timers(agent);
        loop_run(agent->loop, turn, agent);
        stop(agent);
        code = agent->starts_anew ? AGENT_ANEW : EX_OK;
    }
    release(agent);
    return code;
}
