// The rows of weir.yaml that are no driver's. A part of settings_read.
//
// Floor: flow.
#ifndef WEIR_AGENT_SETTINGS_ROWS_H
#define WEIR_AGENT_SETTINGS_ROWS_H

#include "agent/option.h"

extern const struct option settings_general_rows[];
extern const struct option settings_part_rows[]; // the names of the other sections
extern const struct option settings_heartbeat_rows[];
extern const struct option settings_registry_rows[];
extern const struct option settings_product_rows[];
extern const struct option settings_input_rows[]; // of every input, whatever its driver

#endif
