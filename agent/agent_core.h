// What the files of the agent share. Nobody else includes it.
//
// Floor: wiring.
#ifndef WEIR_AGENT_AGENT_CORE_H
#define WEIR_AGENT_AGENT_CORE_H

#include "agent/disk_memory.h"
#include "agent/disk_posix.h"
#include "agent/input.h"
#include "agent/service.h"
#include "agent/worker.h"

enum { SERVICES_MAX = 8 };

struct service_core {
    struct agent *agent;
    const struct service *service;
    struct service_port port;
    struct loop_timer timer;
};

struct agent {
    const struct settings *settings;
    int64_t started_boot_ms;
    int signal_fd;
    struct loop *loop;
    struct worker *store;
    bool store_stalled;
    struct loop_timer turn_timer, second_timer, watchdog_timer;

    const struct output_driver *driver;
    struct output output;
    bool output_is_open;
    struct output_topic topics[SETTINGS_PRODUCTS_MAX];
    char late_topics[SETTINGS_PRODUCTS_MAX][256];
    struct share share; // of the link
    struct budget budget;
    uint64_t budget_kept_bytes; // of the month, when it was last kept
    int64_t budget_kept_ms;
    enum budget_stage budget_told;

    struct block_codec *codec;
    uint8_t boot_id[16];
    uint32_t product_count;
    struct product products[SETTINGS_PRODUCTS_MAX];
    uint32_t spool_count; // opened; one more than products where one failed half-way
    struct disk_posix *files[SETTINGS_PRODUCTS_MAX];     // NULL: its disk cannot be used,
    struct disk_memory *memories[SETTINGS_PRODUCTS_MAX]; // and this stands for it
    struct spool *spools[SETTINGS_PRODUCTS_MAX];

    uint32_t input_count;
    struct input_core inputs[SETTINGS_INPUTS_MAX];

    uint32_t service_count;
    struct service_core services[SERVICES_MAX];

    struct agent_levels {
        const struct slo_result *list; // borrowed from the service that measures
        uint32_t count;
    } levels[SETTINGS_PRODUCTS_MAX];

    const struct followed *followed[SETTINGS_PRODUCTS_MAX]; // borrowed from who follows
    bool starts_anew;                                       // once it has stopped

    struct report last; // as the services were last told
};

int agent_open_products(struct agent *agent); // an exit code; EX_OK: all are open
void agent_close_products(struct agent *agent);

int agent_open_services(struct agent *agent);
void agent_close_services(struct agent *agent, int wait_ms);

// The byte budget of the link, once the products are open.
void agent_budget_open(struct agent *agent);
void agent_budget_second(struct agent *agent);
void agent_budget_keep(struct agent *agent);

// Where ids of schemas are from now (agent/schema_marks.h), and the products are told.
uint64_t agent_schema_source(struct agent *agent);
void agent_watch_schemas(struct agent *agent);

void agent_report(struct agent *agent, struct report *report);

// Tell the services where status or reasons have changed.
void agent_watch_status(struct agent *agent);

#endif
