// A report as an agent with two products and two inputs would give it, for the tests of what tells
// reports. Floor: tests.
#ifndef WEIR_TESTS_REPORT_EXAMPLE_H
#define WEIR_TESTS_REPORT_EXAMPLE_H

#include "agent/report.h"

static char example_domain[] = "plant7";
static struct contract example_contract = {.domain = example_domain};

static struct settings example_settings = {
    .gateway = (char[]){"gw-0042"},
    .state_dir = (char[]){"/tmp"},
    .heartbeat_ms = 60000,
    .link = LINK_CELLULAR,
    .product_count = 2,
    .products = {{.contract = &example_contract}, {.contract = &example_contract}},
    .input_count = 2,
    .digest = {0x9f, 0x2c, 0x51},
};

static inline struct report example_report(void)
{
    return (struct report){
        .settings = &example_settings,
        .version = "1.4.2",
        .started_boot_ms = 41000,
        .status = REPORT_STATUS_WARN,
        .reason_count = 1,
        .reasons = {"port.down:oven"},
        .link = {.link = LINK_UP,
                 .wire_bytes = 9000,
                 .received_bytes = 700,
                 .reconnects = 2,
                 .rtt_ms = 182.5,
                 .up_s = 55},
        .product_count = 2,
        .products = {{.name = "thermal",
                      .topic = "plant7.thermal.readings.v1",
                      .epoch = 0xabc,
                      .seq = 1200,
                      .durable = 1190,
                      .cursor = 1000,
                      .in_records = 300,
                      .out_records = 250,
                      .waiting_records = 200,
                      .lost_records = 7,
                      .gaps = 1,
                      .oldest_age_s = 90,
                      .in_bps = 40,
                      .out_bps = 30,
                      .full_in_s = 7200,
                      .drain_in_s = -1,
                      .policy = "drop oldest",
                      .spool = {.size_bytes = 1000000, .used_bytes = 150000}},
                     {.name = "flow",
                      .topic = "plant7.flow.readings.v1",
                      .epoch = 0xdef,
                      .oldest_age_s = -1,
                      .in_bps = -1,
                      .out_bps = -1,
                      .full_in_s = -1,
                      .drain_in_s = -1,
                      .policy = "refuse",
                      .spool = {.size_bytes = 1000000}}},
        .input_count = 2,
        .inputs = {{.name = "oven",
                    .driver = "modbus",
                    .product = "thermal",
                    .state = PORT_DOWN,
                    .ok_records = 290,
                    .refused_records = 3,
                    .troubles = 2,
                    .last_ok_age_s = 12,
                    .last_error = "slave 4: timeout"},
                   {.name = "pump",
                    .driver = "line",
                    .product = "flow",
                    .state = PORT_OK,
                    .last_ok_age_s = -1}},
        .state_free_bytes = UINT64_MAX,
    };
}

#endif
