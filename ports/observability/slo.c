// The service "slo": looks at each product every few seconds, and tells its measured service levels
// at the heartbeat's cadence, and at once (at most each ten seconds) where a product's status
// changes. One record a product and gateway; the newest says it all.
#include "ports/observability/heartbeat_sender.h"
#include "ports/observability/machine.h"
#include "ports/observability/slo_json.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/service.h"

#include <stdlib.h>
#include <sys/epoll.h>

enum { LOOK_EVERY_MS = 5000, CHANGE_EVERY_MS = 10000 };

struct levels_product {
    struct slo slo;
    enum slo_status status; // as last told
    bool told;
    int64_t due_ms; // boot time
    int64_t change_allowed_ms;
    uint64_t seq;
    struct slo_result results[SLO_RESULTS_MAX]; // as of the last look
    uint32_t count;
};

struct levels {
    struct heartbeat_sender *sender;
    int wake_fd;
    struct machine machine;
    struct report report;
    struct levels_product products[SETTINGS_PRODUCTS_MAX];
};

static void judge(struct service_port *port, uint32_t index)
{
    struct levels *levels = port->state;
    struct levels_product *product = &levels->products[index];
    product->count = slo_judge(&product->slo, &levels->report.products[index],
                               levels->machine.clock_synced, clock_wall_ms(), product->results);
    service_levels(port, index, product->results, product->count);
}

static void tell(struct service_port *port, uint32_t index)
{
    struct levels *levels = port->state;
    struct levels_product *product = &levels->products[index];
    const struct report_product *report = &levels->report.products[index];
    const struct slo_document document = {
        .report = &levels->report,
        .product = report,
        .results = product->results,
        .count = product->count,
        .window_ms = product->slo.window_ms,
        .boot_id = levels->machine.boot_id,
        .seq = product->seq,
        .now_wall_ms = clock_wall_ms(),
        .clock_is_synced = levels->machine.clock_synced,
    };
    char key[SLO_KEY_SIZE];
    slo_key(&levels->report, report, key);
    char *text = slo_json(&document);
    if (text != NULL) {
        const struct heartbeat_told told = {.seq = product->seq++};
        sender_send(levels->sender, bytes_text(key), bytes_text(text), &told);
        slo_told(&product->slo, report);
        product->status = slo_status_of(product->results, product->count);
        product->told = true;
    }
    free(text);
}

static void tell_if_due(struct service_port *port, uint32_t index, int64_t now_ms)
{
    struct levels *levels = port->state;
    struct levels_product *product = &levels->products[index];
    bool due = now_ms >= product->due_ms;
    bool changed = product->told && now_ms >= product->change_allowed_ms &&
                   slo_status_of(product->results, product->count) != product->status;
    if (!due && !changed) {
        return;
    }
    if (due) {
        product->due_ms = now_ms + port->settings->heartbeat_ms;
    } else {
        product->change_allowed_ms = now_ms + CHANGE_EVERY_MS;
    }
    tell(port, index);
}

static void look(struct service_port *port)
{
    struct levels *levels = port->state;
    int64_t now_ms = clock_boot_ms();
    machine_read(&levels->machine, "", port->settings->state_dir);
    service_report(port, &levels->report);
    for (uint32_t i = 0; i < levels->report.product_count; i++) {
        slo_look(&levels->products[i].slo, &levels->report, i, now_ms);
        judge(port, i);
    }
}

static void slo_due(struct service_port *port)
{
    struct levels *levels = port->state;
    look(port);
    for (uint32_t i = 0; i < levels->report.product_count; i++) {
        tell_if_due(port, i, clock_boot_ms());
    }
    int64_t every_ms = port->settings->heartbeat_ms;
    service_due_in(port, every_ms < LOOK_EVERY_MS ? every_ms : LOOK_EVERY_MS);
}

static void slo_ready(struct service_port *port, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct levels *levels = port->state;
    sender_serve(levels->sender);
}

static enum err slo_open(struct service_port *port)
{
    struct levels *levels = calloc(1, sizeof *levels);
    if (levels == NULL) {
        log_error("slo.memory", "bytes=%zu there is no memory for the service levels",
                  sizeof *levels);
        return ERR_FAILED;
    }
    enum err err = sender_open(&levels->sender, port->settings, port->settings->levels_topic, "slo",
                               &levels->wake_fd);
    if (err == OK) {
        err = service_watch(port, levels->wake_fd, EPOLLIN);
        if (err != OK) {
            sender_close(levels->sender);
        }
    }
    if (err != OK) {
        free(levels);
        return err;
    }
    port->state = levels;
    for (uint32_t i = 0; i < SETTINGS_PRODUCTS_MAX; i++) {
        slo_init(&levels->products[i].slo);
        levels->products[i].due_ms = clock_boot_ms() + port->settings->heartbeat_ms;
    }
    service_due_in(port, 0); // the window begins
    return OK;
}

// The last word of this run: what was delivered up to the end.
static void slo_close(struct service_port *port, int wait_ms)
{
    struct levels *levels = port->state;
    look(port);
    for (uint32_t i = 0; i < levels->report.product_count; i++) {
        tell(port, i);
        service_levels(port, i, NULL, 0);
    }
    sender_drain(levels->sender, wait_ms);
    (void)service_watch(port, levels->wake_fd, 0);
    sender_close(levels->sender);
    free(levels);
    port->state = NULL;
}

const struct service service_slo = {
    .name = "slo",
    .open = slo_open,
    .ready = slo_ready,
    .due = slo_due,
    .close = slo_close,
};
