// An input at work: what stands behind the input_* calls of agent/port.h.
//
// Floor: wiring.
#ifndef WEIR_AGENT_INPUT_H
#define WEIR_AGENT_INPUT_H

#include "agent/loop.h"
#include "agent/product.h"
#include "agent/series.h"

struct input_core {
    // Set by the caller; borrowed.
    const struct input_settings *settings;
    struct product *product;
    struct loop *loop;
    const char *gateway;
    const struct option_set *output_options;

    struct input input; // what the driver sees
    struct loop_timer timer;
    char position_name[SPOOL_STATE_NAME_MAX];
    struct join *join; // that this input fills; the product's
    bool starved;      // was told that there is no room, and waits for `resume`
    bool closed;

    enum port_state state;
    uint64_t ok_records, refused_records, missed_records, troubles;
    bool fresh;         // records came since the last turn
    int64_t last_ok_ms; // boot time; -1: never
    char last_error[256];
    int64_t refusal_told_ms; // boot time of the last line about a refused record
    uint64_t refusals_untold;
};

enum err input_core_open(struct input_core *core);
void input_core_close(struct input_core *core);

// Let a starved input go on where there is room.
void input_core_turn(struct input_core *core);

void input_core_report(const struct input_core *core, struct report_input *report);

#endif
