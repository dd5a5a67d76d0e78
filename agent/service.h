// What stands beside the flow and watches it: heartbeat, control socket, later the metrics endpoint
// and the mesh's policies. Constants like the drivers, listed in ports/ports.c, on the loop's
// thread, never blocking.
//
// Floor: flow.
#ifndef WEIR_AGENT_SERVICE_H
#define WEIR_AGENT_SERVICE_H

#include "agent/report.h"
#include "agent/schema_ids.h"

struct service_port {
    const struct settings *settings;
    void *state; // the service's own
    void *core;
};

struct service {
    const char *name;
    // An error stops the start; the sentence was logged.
    enum err (*open)(struct service_port *port);
    void (*ready)(struct service_port *port, int fd, uint32_t events);
    void (*due)(struct service_port *port);
    // Status or reasons changed. May be NULL.
    void (*changed)(struct service_port *port);
    // A clean stop: say what there is to say within `wait_ms`.
    void (*close)(struct service_port *port, int wait_ms);
};

enum err service_watch(struct service_port *port, int fd, uint32_t events); // 0: remove
void service_due_in(struct service_port *port, int64_t delay_ms);           // < 0: none
void service_report(struct service_port *port, struct report *report);

// The service levels of product `index`, for all reports from now on; borrowed until the next call.
// NULL: they are not known any more.
void service_levels(struct service_port *port, uint32_t index, const struct slo_result *levels,
                    uint32_t count);

// How the followed contract of product `index` stands, for all reports from now on; borrowed.
void service_contract(struct service_port *port, uint32_t index, const struct followed *followed);

// Stop as on SIGTERM, and start anew in this process with the settings as they are then.
void service_start_anew(struct service_port *port);

// A schema whose id the registry is to be asked for.
struct schema_wanted {
    uint32_t product;
    uint64_t source; // as agent/schema_marks.h
    uint64_t fingerprint;
    const char *topic; // borrowed from the settings
};

// Product `product`'s wanted schema behind `skip` others: its text is appended. ERR_NOT_FOUND:
// there is none. ERR_LIMIT: no room in `text`.
enum err service_schema_wanted(struct service_port *port, uint32_t product, uint32_t skip,
                               struct schema_wanted *wanted, struct buffer *text);
// Its ids were told. Where the source is another one meanwhile, nothing happens.
void service_schema_known(struct service_port *port, const struct schema_wanted *wanted,
                          const struct schema_ids *ids);

// Small durable state of the gateway (not of a product): boot count, run id, digests. Read in
// `open` only; written with the next commit, and before a clean stop ends.
struct bytes service_recall(struct service_port *port, const char *name); // empty: none
void service_keep(struct service_port *port, const char *name, struct bytes value);

extern const struct service *const services[]; // in ports/ports.c; NULL ends it

#endif
